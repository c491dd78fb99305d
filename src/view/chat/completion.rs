//! Completion: one text that the model continues. What was typed and what was generated can be told apart.

use egui::{Color32, FontId, ScrollArea, Ui};

use super::pieces::{Look, Pieces};
use super::transcript::column;
use super::turn::{self, Place};
use crate::state::State;
use crate::store::chat::{ChatId, Role};
use crate::view::{Actions, theme, widgets};

/// What the screen keeps of the text.
#[derive(Debug, Default)]
pub struct Completion {
    shown: Option<(ChatId, Vec<usize>)>,
    pieces: Pieces,
}

impl Completion {
    /// Draws the text.
    pub fn ui(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        let chat = state.chats.current();
        let shown = (chat.id.clone(), chat.turns.iter().map(|turn| turn.text.len()).collect());
        if self.shown.as_ref() != Some(&shown) {
            let before = std::mem::take(&mut self.pieces);
            self.pieces =
                Pieces::new(chat.turns.iter().map(|turn| (turn.text.as_str(), usize::from(turn.role == Role::Assistant)))).after(before);
            self.shown = Some(shown);
        }
        let palette = theme::palette(ui);
        let generated = theme::mix(palette.surface, palette.ink, 0.10);
        let looks = [Look { color: palette.ink, background: Color32::TRANSPARENT }, Look { color: palette.ink, background: generated }];
        ScrollArea::vertical().id_salt(("completion", &chat.id.0)).auto_shrink(false).stick_to_bottom(true).show(ui, |ui| {
            column(ui, |ui| {
                ui.add_space(theme::GRID);
                ui.horizontal(|ui| {
                    ui.spacing_mut().interact_size.y = 0.0;
                    widgets::small(ui, "typed");
                    egui::Frame::new()
                        .fill(generated)
                        .corner_radius(3)
                        .inner_margin(egui::Margin::symmetric(4, 1))
                        .show(ui, |ui| widgets::small(ui, "generated"));
                });
                self.pieces.ui(ui, &FontId::proportional(14.0), 22.0, &looks);
                ui.add_space(theme::GRID);
                let Some(last) = chat.turns.last() else { return };
                match state.answering_here() {
                    Some(answering) => {
                        widgets::small(ui, turn::progress(answering));
                    }
                    None if last.role == Role::Assistant => {
                        turn::foot(ui, last, Place { last: true, answering: None, can_answer: state.can_answer() }, actions);
                    }
                    None => {}
                }
                ui.add_space(theme::GRID * 2.0);
            });
        });
    }
}
