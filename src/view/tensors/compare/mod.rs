//! Two files beside each other: which tensors are the same, which are not, and by how much.

mod outcome;
mod table;

use std::path::PathBuf;

use egui::{Align, Frame, Layout, Margin, RichText, ScrollArea, Ui};

use crate::file::text;
use crate::pocket;
use crate::state::browse::Wish;
use crate::state::{Action, Slot, State};
use crate::units::percent;
use crate::view::{Actions, icons, picker, rows, theme, widgets};

pub use outcome::{Outcome, csv, summary};
pub use table::Table;

/// The view; keeps what was typed and how the table is sorted.
#[derive(Default)]
pub struct Compare {
    typed: String,
    table: Table,
}

impl Compare {
    /// Draws the choice of the other file, or what was found.
    pub fn ui(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        Frame::new().inner_margin(Margin::symmetric(12, 4)).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 4.0;
            if state.browsing.comparison.is_some() || state.browsing.comparing.job().is_some() {
                self.compared(ui, state, actions);
            } else {
                self.choose(ui, state, actions);
            }
        });
    }

    fn choose(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        if let Slot::Failed(error) = &state.browsing.comparing {
            widgets::failure(ui, error);
        }
        widgets::section(ui, "Compare with another file");
        let words = "A fine-tune with its base, two quantizations, a safetensors file with its GGUF: which tensors are the same, and how far apart are the others?";
        widgets::note(ui, words);
        ui.add_space(theme::GRID);
        ui.horizontal_wrapped(|ui| {
            if widgets::button(ui, Some(icons::OPEN), "Choose a file…").clicked() {
                actions.push(Action::Browse(Wish::PickOther));
            }
            widgets::field(ui, "Filter files", "filter by name", &mut self.typed, (ui.available_width() - 24.0).clamp(80.0, 240.0));
        });
        let others = others(state, &self.typed);
        if others.is_empty() {
            widgets::note(ui, if self.typed.is_empty() { "No other file was found on this disk yet." } else { "No file of that name." });
        }
        ScrollArea::vertical().id_salt("files to compare with").auto_shrink(false).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            for path in others {
                if rows::small(ui, &path, state).clicked() {
                    actions.push(Action::Browse(Wish::Compare(path)));
                }
            }
        });
    }

    fn compared(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        let busy = state.browsing.comparing.progress();
        if let Some(&share) = busy {
            let words = match &state.browsing.comparison {
                None => "Opening the other file".to_owned(),
                Some(_) => format!("Comparing, {} of the bytes", percent(share)),
            };
            #[expect(clippy::cast_possible_truncation, reason = "a share between 0 and 1")]
            if widgets::progress(ui, "Comparing", Some(share as f32), &words, "Stop") {
                actions.push(Action::Browse(Wish::CloseComparison));
            }
        }
        let (Some(comparison), Some(opened)) = (&state.browsing.comparison, state.opened.ready()) else { return };
        ui.horizontal(|ui| {
            ui.set_min_height(theme::CONTROL);
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if busy.is_none() && widgets::icon_button(ui, icons::CLOSE, "Close the comparison").clicked() {
                    actions.push(Action::Browse(Wish::CloseComparison));
                }
                if widgets::icon_button(ui, icons::COPY, "Copy the comparison as CSV").clicked() {
                    ui.ctx().copy_text(csv(&opened.model, comparison));
                }
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    ui.style_mut().wrap_mode = Some(egui::TextWrapMode::Truncate);
                    let name = text::shown(&comparison.other.label(), 80);
                    let path = comparison.other.file.path.display().to_string();
                    ui.label(RichText::new(format!("Compared with {name}")).text_style(theme::strong())).on_hover_text(path);
                });
            });
        });
        if let Slot::Failed(error) = &state.browsing.comparing {
            widgets::failure(ui, error);
        }
        if let Some(wish) = self.table.ui(ui, &opened.model, comparison) {
            actions.push(Action::Browse(wish));
        }
    }
}

/// Files that the open one can be compared with, as far as the filter lets them through.
#[must_use]
pub fn others(state: &State, filter: &str) -> Vec<PathBuf> {
    let open = state.opened.ready().map(|opened| &opened.model.file.path);
    picker::listed(state, filter).into_iter().filter(|path| !pocket::is(path) && Some(path) != open).collect()
}
