//! The prompt exactly as the model reads it: special tokens marked, everything else as it stands.

use egui::{Color32, ScrollArea, Ui};

use super::markdown::copy;
use super::pieces::{Look, Pieces};
use super::tokens::TokenStrip;
use super::transcript::column;
use crate::engine::prompt::Prompt;
use crate::error::Error;
use crate::state::{Action, Slot, State};
use crate::units::grouped;
use crate::view::{Actions, icons, theme, widgets};

/// What the screen keeps of the view.
#[derive(Debug, Default)]
pub struct PromptView {
    shown: Option<u64>,
    pieces: Pieces,
    /// Tokens one by one in place of the text.
    by_token: bool,
    strip: TokenStrip,
}

impl PromptView {
    /// Draws the prompt in place of the transcript.
    pub fn ui(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        column(ui, |ui| {
            ui.horizontal(|ui| {
                ui.set_min_height(44.0);
                widgets::help(widgets::heading(ui, "Exact prompt"), "prompt");
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    if widgets::icon_button(ui, icons::CLOSE, "Close the prompt").clicked() {
                        actions.push(Action::HidePrompt);
                    }
                    if let Some(prompt) = state.prompt.ready() {
                        let text: String = prompt.pieces.iter().map(|piece| piece.text.as_str()).collect();
                        copy(ui, "Copy prompt", &text);
                        if widgets::icon_toggle(ui, icons::TOKEN, "Tokens", self.by_token).clicked() {
                            self.by_token ^= true;
                        }
                    }
                });
            });
            match &state.prompt {
                Slot::Ready(prompt) => self.prompt(ui, prompt),
                Slot::Failed(error) => failed(ui, error, state, actions),
                Slot::Busy { .. } => {
                    widgets::note(ui, if state.answering.is_some() { "Waits until the answer is complete." } else { "Rendering." });
                }
                Slot::Empty => {}
            }
        });
    }

    fn prompt(&mut self, ui: &mut Ui, prompt: &Prompt) {
        let key = key(prompt);
        if self.shown != Some(key) {
            self.shown = Some(key);
            self.pieces = Pieces::new(prompt.pieces.iter().map(|piece| (piece.text.as_str(), usize::from(piece.special))));
        }
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = theme::GRID;
            let special = prompt.pieces.iter().filter(|piece| piece.special).count();
            widgets::mono(ui, format!("{} tokens", grouped(prompt.tokens.len() as u64)));
            widgets::note(ui, format!("{} special, marked", grouped(special as u64)));
            if !prompt.message_tokens.is_empty() {
                let counts: Vec<String> = prompt.message_tokens.iter().map(|&n| grouped(n as u64)).collect();
                let shown = if counts.len() > 12 { format!("… {}", counts[counts.len() - 12..].join(", ")) } else { counts.join(", ") };
                widgets::note(ui, format!("messages: {shown} tokens")).on_hover_text(
                    "Tokens of each message's own text, in their order, without the tokens that the template puts around it.",
                );
            }
        });
        ui.add_space(4.0);
        let palette = theme::palette(ui);
        let looks = [
            Look { color: palette.ink, background: Color32::TRANSPARENT },
            Look { color: palette.ink, background: palette.control_hovered() },
        ];
        ScrollArea::vertical().id_salt("prompt").auto_shrink(false).show(ui, |ui| {
            if self.by_token {
                self.strip.ui(ui, &prompt.cut);
            } else {
                self.pieces.ui(ui, &egui::FontId::monospace(13.0), 20.0, &looks);
            }
            ui.add_space(theme::GRID * 2.0);
        });
    }
}

fn key(prompt: &Prompt) -> u64 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    prompt.tokens.hash(&mut hasher);
    hasher.finish()
}

fn failed(ui: &mut Ui, error: &Error, state: &State, actions: &mut Actions) {
    widgets::failure(ui, error);
    if !state.fallback_template {
        widgets::note(ui, "The model can still be used: the fallback writes each message in a plain form that most models understand.");
        if widgets::button(ui, None, "Use the fallback template").clicked() {
            actions.push(Action::UseFallbackTemplate(true));
            actions.push(Action::ShowPrompt);
        }
    }
}
