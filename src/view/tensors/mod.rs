//! The page of all tensors: the list, the picture, and what is known of one.

mod canvas;
mod columns;
pub mod compare;
pub mod detail;
pub mod grid;
mod list;

use std::sync::Arc;

use egui::{Frame, Margin, Panel, Ui};

use super::{Actions, View, frame, icons, model, theme, widgets};
use crate::inspect::Model;
use crate::state::browse::Wish;
use crate::state::{Action, Slot, State};

use canvas::Canvas;
use compare::Compare;
use detail::{Detail, Go};
use grid::Grid;
use list::{Did, TensorList};

/// What is in the middle of the page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Middle {
    #[default]
    Picture,
    Grid,
    Compare,
}

/// The page.
#[derive(Default)]
pub struct TensorsPage {
    list: TensorList,
    canvas: Canvas,
    detail: Detail,
    grid: Grid,
    compare: Compare,
    middle: Middle,
    /// The subject that was shown last: a new one is looked at in the picture.
    generation: u64,
}

impl View for TensorsPage {
    fn ui(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        match &state.opened {
            Slot::Ready(opened) => {
                let model = Arc::clone(&opened.model);
                self.opened(ui, state, &model, actions);
            }
            Slot::Failed(error) => model::failed(ui, error, actions),
            Slot::Empty | Slot::Busy { .. } => {
                let words = "Every tensor of a model file, as a list, as a map of where its bytes are, and each number in it.";
                if widgets::empty(ui, icons::TENSORS, "No file is open", words, Some("Open…")) {
                    actions.push(Action::Pick);
                }
            }
        }
    }
}

impl TensorsPage {
    fn opened(&mut self, ui: &mut Ui, state: &State, model: &Arc<Model>, actions: &mut Actions) {
        let palette = theme::palette(ui);
        let chosen = state.browsing.tensor();
        if std::mem::replace(&mut self.generation, state.browsing.generation) != state.browsing.generation && chosen.is_some() {
            self.middle = Middle::Picture;
        }
        let plain = Frame::new().fill(palette.surface).inner_margin(Margin { left: 12, right: 8, top: 8, bottom: 8 });
        let wide = ui.available_width();
        let list = Panel::left("tensor list").default_size((wide * 0.28).clamp(200.0, 380.0)).size_range(180.0..=(wide * 0.7).max(181.0));
        list.resizable(true).frame(plain).show(ui, |ui| match self.list.ui(ui, model, &state.browsing) {
            Some(Did::Chose(tensor)) => actions.push(Action::Browse(Wish::Tensor(Some(tensor)))),
            Some(Did::ChoseSeveral) | None => {}
        });
        if frame::shows_side_panel(ui) && chosen.is_some() {
            let side = Frame::new().fill(palette.raised).inner_margin(Margin::symmetric(16, 12));
            Panel::right("tensor detail").exact_size(340.0).resizable(false).show_separator_line(false).frame(side).show(ui, |ui| {
                self.detail.ui(ui, state, actions);
            });
            match self.detail.take_wish() {
                Some(Go::Row(row)) => self.canvas.go_to([row, 0]),
                Some(Go::Col(col)) => self.canvas.go_to([0, col]),
                None => {}
            }
        }
        egui::CentralPanel::default().frame(Frame::new().fill(palette.surface)).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            Frame::new().inner_margin(Margin { left: 12, right: 12, top: 8, bottom: 4 }).show(ui, |ui| {
                let options = [(Middle::Picture, "Picture"), (Middle::Grid, "Layers × roles"), (Middle::Compare, "Compare")];
                if let Some(middle) = widgets::segmented(ui, "Show", self.middle, &options) {
                    self.middle = middle;
                }
            });
            match self.middle {
                Middle::Picture => self.canvas.ui(ui, state, model, actions),
                Middle::Grid => self.grid.ui(ui, state, model, actions),
                Middle::Compare => self.compare.ui(ui, state, actions),
            }
        });
    }
}
