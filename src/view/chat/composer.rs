//! The message box: what is typed, why it cannot be sent, and how full the context is.

use egui::{
    Event, Frame, Id, ImeEvent, Key, Margin, Modifiers, Response, RichText, Role, ScrollArea, Sense, TextEdit, Ui, WidgetInfo, vec2,
};

use super::tokens::TokenStrip;
use crate::state::{Action, Slot, State};
use crate::store::chat::{ChatId, Mode};
use crate::units::{Bytes, grouped, percent};
use crate::view::{Actions, icons, theme, widgets};

/// The box grows to this many lines.
const ROWS: f32 = 8.0;
/// A draft longer than this is shown as a card, because laying it out at each key would be felt.
const LIVE: usize = 20 << 10;
/// Characters of the card.
const PREVIEW: usize = 160;

/// What the screen keeps of the message box.
#[derive(Debug, Default)]
pub struct Composer {
    chat: Option<ChatId>,
    composing: bool,
    editing_long: bool,
    last_pass: Option<u64>,
    tokens: TokenStrip,
}

impl Composer {
    /// Draws the box with its button and the gauge below.
    pub fn ui(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        let chat = state.chats.current();
        let pass = ui.ctx().cumulative_pass_nr();
        let opened = self.last_pass.is_none_or(|last| last + 1 < pass) || self.chat.as_ref() != Some(&chat.id);
        self.last_pass = Some(pass);
        if opened {
            *self = Self { chat: Some(chat.id.clone()), last_pass: Some(pass), ..Self::default() };
        }
        self.editing_long &= chat.draft.len() > LIVE;
        ui.spacing_mut().item_spacing.y = 4.0;
        self.tokens.draft_ui(ui, state, actions);
        let fill = ui.visuals().text_edit_bg_color();
        let palette = theme::palette(ui);
        let frame = Frame::new().fill(fill).corner_radius(theme::CORNER).stroke(egui::Stroke::new(1.0, palette.control_pressed()));
        frame.inner_margin(Margin { left: 10, right: 6, top: 6, bottom: 6 }).show(ui, |ui| {
            let button = if state.answering_here().is_some() { 84.0 } else { 88.0 };
            ui.horizontal(|ui| {
                let width = ui.available_width() - button - theme::GRID;
                ui.allocate_ui_with_layout(vec2(width, theme::CONTROL), egui::Layout::top_down(egui::Align::Min), |ui| {
                    ui.set_width(width);
                    if chat.draft.len() > LIVE && !self.editing_long {
                        self.card(ui, &chat.draft, actions);
                    } else {
                        self.edit(ui, state, opened, actions);
                    }
                });
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Max), |ui| button_at_right(ui, state, opened, actions));
            });
        });
        ui.horizontal(|ui| {
            gauge(ui, state);
            tokens_button(ui, state, actions);
        });
    }

    fn edit(&mut self, ui: &mut Ui, state: &State, opened: bool, actions: &mut Actions) {
        let chat = state.chats.current();
        let mut text = chat.draft.clone();
        let hint = match chat.mode {
            Mode::Chat => "Write a message",
            Mode::Completion => "Write a text for the model to continue",
        };
        let composing = self.follow_input_method(ui);
        let line = ui.text_style_height(&egui::TextStyle::Body);
        let response = ScrollArea::vertical().max_height(line * ROWS + 8.0).min_scrolled_height(line).show(ui, |ui| {
            let edit = TextEdit::multiline(&mut text)
                .id(field_id(&chat.id))
                .hint_text(RichText::new(hint).color(theme::secondary(ui)))
                .desired_rows(1)
                .desired_width(f32::INFINITY)
                .frame(Frame::NONE.inner_margin(Margin::symmetric(0, 5)))
                .return_key(egui::KeyboardShortcut::new(Modifiers::SHIFT, Key::Enter));
            ui.add(edit).accessible_name("Message")
        });
        let response: Response = response.inner;
        if opened {
            response.request_focus();
        }
        if response.changed() {
            actions.push(Action::Draft(text));
        }
        if response.has_focus() && !composing && enter(ui) && refusal(state).is_none() {
            actions.push(Action::Send);
        }
    }

    /// Whether an input method has text that is not final yet, or finished it in this very frame: then Enter belongs to it.
    fn follow_input_method(&mut self, ui: &Ui) -> bool {
        let mut seen = self.composing;
        ui.input(|input| {
            for event in &input.events {
                match event {
                    Event::Ime(ImeEvent::Preedit { text, .. }) => {
                        self.composing = !text.is_empty();
                        seen |= self.composing;
                    }
                    Event::Ime(ImeEvent::Commit(_)) => {
                        self.composing = false;
                        seen = true;
                    }
                    _ => {}
                }
            }
        });
        seen
    }

    fn card(&mut self, ui: &mut Ui, draft: &str, actions: &mut Actions) {
        let start: String = draft.chars().take(PREVIEW).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let lines = match draft.lines().count() {
            1 => "1 line".to_owned(),
            n => format!("{} lines", grouped(n as u64)),
        };
        ui.horizontal_wrapped(|ui| {
            ui.label(RichText::new(format!("Long text, {}, {lines}", Bytes(draft.len() as u64).on_disk())).text_style(theme::strong()));
            if widgets::quiet(ui, Some(icons::EDIT), "Edit").clicked() {
                self.editing_long = true;
            }
            if widgets::quiet(ui, Some(icons::DELETE), "Remove").clicked() {
                actions.push(Action::Draft(String::new()));
            }
        });
        ui.add(egui::Label::new(RichText::new(super::inert::inert(&start)).color(theme::secondary(ui))).truncate());
    }
}

fn field_id(chat: &ChatId) -> Id {
    Id::unique(("message", &chat.0))
}

/// Whether Enter was pressed without Shift.
fn enter(ui: &Ui) -> bool {
    ui.input(|input| {
        let is_enter = |event: &Event| matches!(event, Event::Key { key: Key::Enter, pressed: true, modifiers, .. } if !modifiers.shift && !modifiers.alt);
        input.events.iter().any(is_enter)
    })
}

/// Why nothing can be sent now; `None` if it can.
#[must_use]
pub fn refusal(state: &State) -> Option<&'static str> {
    if state.answering_here().is_some() {
        Some("The model is answering; stop it first.")
    } else if state.answering.is_some() {
        Some("The model is answering in another chat.")
    } else if state.loading.job().is_some() {
        Some("A model is being loaded.")
    } else if state.loaded.is_none() {
        Some("No model is loaded. Open one on the Home page.")
    } else if !state.can_answer() {
        Some("The model is being unloaded.")
    } else if state.chats.current().draft.trim().is_empty() {
        Some("Write something first.")
    } else {
        None
    }
}

fn button_at_right(ui: &mut Ui, state: &State, opened: bool, actions: &mut Actions) {
    if let Some(answering) = state.answering_here() {
        let stop = ui.add_enabled_ui(!answering.stopping, |ui| widgets::button(ui, Some(icons::STOP), "Stop")).inner;
        if stop.on_hover_text("Stop the answer (Esc)").clicked() {
            actions.push(Action::Stop);
        }
        return;
    }
    let refusal = refusal(state);
    let send = ui.add_enabled_ui(refusal.is_none(), |ui| widgets::primary(ui, Some(icons::SEND), "Send")).inner;
    let send = send.on_disabled_hover_text(refusal.unwrap_or_default()).on_hover_text("Enter sends, Shift+Enter makes a new line");
    if opened && state.chats.current().draft.len() > LIVE {
        send.request_focus();
    }
    if send.clicked() {
        actions.push(Action::Send);
    }
}

/// Opens the strip of the draft's tokens; not there while there is none.
fn tokens_button(ui: &mut Ui, state: &State, actions: &mut Actions) {
    let nothing = state.chats.current().draft.is_empty() || state.loaded.is_none();
    if nothing || !matches!(state.tokens.asked, Slot::Empty) {
        return;
    }
    if widgets::icon_button(ui, icons::TOKEN, "Show tokens").on_hover_text("How the model reads what is typed").clicked() {
        actions.push(Action::ShowTokens);
    }
}

/// How much of the context is in use.
fn gauge(ui: &mut Ui, state: &State) {
    let Some(loaded) = &state.loaded else { return };
    let (used, total) = (state.context_used, loaded.receipt.context.max(1));
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = theme::GRID;
        let (rect, bar) = ui.allocate_exact_size(vec2(64.0, 12.0), Sense::hover());
        let rect = rect.shrink2(vec2(0.0, 4.0));
        let palette = theme::palette(ui);
        #[expect(clippy::cast_precision_loss, reason = "a share of a few pixels")]
        let share = (used as f32 / total as f32).clamp(0.0, 1.0);
        ui.painter().rect_filled(rect, 2.0, palette.control_pressed());
        let filled = egui::Rect::from_min_size(rect.min, vec2(rect.width() * share, rect.height()));
        ui.painter().rect_filled(filled, 2.0, palette.secondary);
        let words = format!("{} / {}", grouped(used as u64), grouped(total as u64));
        bar.widget_info(|| WidgetInfo::labeled(Role::Image, true, format!("context {words} tokens")));
        let label = ui.label(RichText::new(words).text_style(theme::small_mono()).color(theme::secondary(ui)));
        (bar | label).on_hover_text(format!(
            "{} of the context's {} tokens are in use ({}). When it is full the answer stops with a message; nothing is dropped.",
            grouped(used as u64),
            grouped(total as u64),
            percent(f64::from(share)),
        ));
    });
}
