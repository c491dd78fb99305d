//! The side panel of the page of tensors: everything that is known of the one that is looked at.
//!
//! What it keeps is of the screen only: the scale of the histogram, the word that is typed. Where it leads (a row, a column), the page
//! asks for with [`Detail::take_wish`] and shows in its picture.

mod block;
mod facts;
mod formula;
mod histogram;
mod outliers;
mod statistics;
mod turns;
mod vocabulary;

use egui::{Response, Role, ScrollArea, Sense, Ui, WidgetInfo};

use super::super::{Actions, icons, theme, widgets};
use crate::inspect::Model;
use crate::inspect::browse::words;
use crate::message::browse::What;
use crate::state::{Slot, State};

pub use formula::{Line, formula};
pub use histogram::{density, overlay};

/// Where the panel leads, in the matrix's own order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Go {
    /// To a row.
    Row(usize),
    /// To a column.
    Col(usize),
}

/// The panel.
#[derive(Default)]
pub struct Detail {
    histogram: histogram::Options,
    outliers: outliers::Found,
    vocabulary: vocabulary::Words,
    layout: facts::Layout,
    wish: Option<Go>,
}

impl Detail {
    /// Where the person wished to go since this was last asked.
    pub fn take_wish(&mut self) -> Option<Go> {
        self.wish.take()
    }

    /// Draws it.
    pub fn ui(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        let shown = state.browsing.subject.as_ref().and_then(|subject| Some((subject, subject.what.tensor()?)));
        let Some((subject, tensor)) = shown.filter(|(subject, tensor)| *tensor < subject.model.file.tensors.len()) else {
            widgets::empty(
                ui,
                icons::TENSORS,
                "No tensor chosen",
                "Choose one in the list or in the map to see all that is known of it.",
                None,
            );
            return;
        };
        ScrollArea::vertical().id_salt("tensor detail").auto_shrink(false).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 4.0;
            // Room for the scroll bar.
            ui.set_max_width(ui.available_width() - 6.0);
            ui.add_space(theme::GRID);
            let model: &Model = &subject.model;
            facts::ui(ui, &mut self.layout, model, tensor, state, actions);
            turns::ui(ui, state, subject, tensor, actions);
            let is_values = matches!(subject.what, What::Values { .. });
            if is_values && words::rows_are_tokens(model, tensor) {
                self.wish = self.vocabulary.ui(ui, state, tensor, actions).or(self.wish);
            }
            // What was asked for last is not to be looked for below everything else.
            let is_asked = !matches!(state.browsing.block, Slot::Empty);
            if is_values && is_asked {
                block::ui(ui, state, subject);
            }
            self.histogram.ui(ui, state);
            if is_values && !is_asked {
                block::ui(ui, state, subject);
            }
            statistics::ui(ui, state, &subject.what);
            self.wish = self.outliers.ui(ui, state).or(self.wish);
            facts::way(ui, &model.file.tensors[tensor]);
            ui.add_space(theme::GRID * 2.0);
        });
    }
}

/// The head of a section of the panel.
fn section(ui: &mut Ui, title: &str) -> Response {
    ui.add_space(theme::GRID * 1.5);
    widgets::section(ui, title)
}

/// A fact that is put on the clipboard by a click on its value: its word, its value, every digit of it.
fn fact(ui: &mut Ui, word: &str, value: &str, exact: &str) -> Response {
    ui.horizontal(|ui| {
        ui.set_min_height(theme::ROW);
        ui.spacing_mut().item_spacing.x = theme::GRID;
        widgets::term(ui, word);
        let layout = egui::Layout::right_to_left(egui::Align::Center);
        ui.with_layout(layout, |ui| copyable(ui, word, value, exact)).inner
    })
    .inner
}

/// A value that a click puts on the clipboard.
fn copyable(ui: &mut Ui, word: &str, value: &str, exact: &str) -> Response {
    let text = egui::RichText::new(value).monospace();
    let label = egui::Label::new(text).selectable(false).truncate().sense(Sense::click());
    let response = ui.add(label);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("{word}: {value}, copy")));
    if response.clicked() {
        ui.ctx().copy_text(exact.to_owned());
    }
    response.on_hover_cursor(egui::CursorIcon::Copy).on_hover_ui(|ui| {
        ui.label(egui::RichText::new(exact).monospace());
        widgets::small(ui, "Click to copy");
    })
}
