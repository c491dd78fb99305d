//! A chat without messages: what will be here, and what to do first.

use egui::{RichText, Ui};

use crate::pocket;
use crate::state::{Action, Page, Slot, State};
use crate::store::chat::Mode;
use crate::view::{Actions, icons, theme, widgets};

/// Questions that a small model can do something with.
const QUESTIONS: [&str; 3] = [
    "Explain what a KV cache is, in three sentences.",
    "Write a haiku about rain on a tin roof.",
    "List five things to pack for a week by the sea, as a table.",
];
/// Beginnings that a model can continue.
const BEGINNINGS: [&str; 3] = ["Once upon a time, in a village by the sea,", "The three laws of thermodynamics are", "def fibonacci(n):\n"];

/// Draws it.
pub fn empty(ui: &mut Ui, state: &State, actions: &mut Actions) {
    if let Some(loaded) = &state.loaded {
        let asks = pocket::is(&loaded.model.file.path) && state.chats.current().mode == Mode::Chat;
        return if asks { suggestions(ui, state, actions) } else { examples(ui, state, actions) };
    }
    let words = "Your messages and the model's answers will be here, with what each answer took.";
    if state.loading.job().is_some() {
        widgets::empty(ui, icons::CHAT, "The model is being loaded", "You can write your first message meanwhile.", None);
    } else if let Slot::Ready(opened) = &state.opened
        && opened.plan.is_ok()
    {
        let words = format!("{words} {} is open and not loaded yet.", opened.model.name());
        if widgets::empty(ui, icons::CHAT, "No model is loaded", &words, Some("Load it")) {
            actions.push(Action::Load { anyway: false });
        }
    } else if widgets::empty(ui, icons::CHAT, "No model is loaded", words, Some("Choose a model")) {
        actions.push(Action::Go(Page::Home));
    }
}

fn examples(ui: &mut Ui, state: &State, actions: &mut Actions) {
    let (title, words, examples) = match state.chats.current().mode {
        Mode::Chat => ("Ask something", "Answers appear here, with their speed and what they took. To begin with:", QUESTIONS),
        Mode::Completion => ("Begin a text", "The model continues what you write, as it stands. To begin with:", BEGINNINGS),
    };
    if let Some(example) = offer(ui, title, words, &examples, true) {
        actions.push(Action::Draft(example.to_owned()));
    }
}

/// What the built-in model can be asked; pressing a question sends it.
fn suggestions(ui: &mut Ui, state: &State, actions: &mut Actions) {
    let title = format!("Ask {}", pocket::NAME);
    let words = format!(
        "A model of {}, inside this program. It only knows about weighing. Press a question to send it:",
        pocket::bytes().on_disk()
    );
    if let Some(question) = offer(ui, &title, &words, &pocket::SUGGESTIONS, state.can_answer()) {
        actions.push(Action::Ask(question.to_owned()));
    }
}

/// Draws texts to press and says which was.
fn offer<'t>(ui: &mut Ui, title: &str, words: &str, texts: &[&'t str], enabled: bool) -> Option<&'t str> {
    let mut pressed = None;
    ui.vertical_centered(|ui| {
        ui.add_space((ui.available_height() * 0.24).clamp(theme::GRID, 180.0));
        ui.label(RichText::new(title).text_style(theme::section()));
        widgets::note(ui, words);
        ui.add_space(theme::GRID);
        ui.add_enabled_ui(enabled, |ui| {
            for text in texts {
                if widgets::button(ui, None, text.trim_end()).clicked() {
                    pressed = Some(*text);
                }
            }
        });
    });
    pressed
}
