//! The lab: what each level of quantization costs here, measured, drawn, and read in a text.

mod choose;
mod distortion;
mod keep;
mod labels;
mod measure;
mod side;
mod table;

use egui::{Align, CentralPanel, Frame, Layout, Margin, Panel, ScrollArea, Ui};

use super::{Actions, View, frame, icons, theme, widgets};
use crate::state::lab::Wish;
use crate::state::{Action, Slot, State};

use choose::Choose;
use table::Table;

/// The width of the side panel.
const SIDE: f32 = 300.0;

/// What is in the middle of the page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Section {
    /// What is compared with what: in the side panel where there is room for one.
    Choose,
    /// Figures and pictures.
    #[default]
    Results,
    /// The text, coloured by KL.
    Text,
    /// One prompt to several.
    Side,
    /// How far each tensor is moved.
    Distortion,
    /// A mix as a file.
    Keep,
}

/// The page.
#[derive(Default)]
pub struct LabPage {
    section: Section,
    choose: Choose,
    table: Table,
    side: side::Side,
    distortion: distortion::DistortionView,
    keep: keep::Keep,
}

impl View for LabPage {
    fn ui(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        let palette = theme::palette(ui);
        let has_side = frame::shows_side_panel(ui);
        if has_side {
            let side = Frame::new().fill(palette.raised).inner_margin(Margin::symmetric(16, 12));
            Panel::right("lab side").exact_size(SIDE).resizable(false).show_separator_line(false).frame(side).show(ui, |ui| {
                self.choose.ui(ui, state, actions);
            });
        }
        CentralPanel::default().frame(Frame::new().fill(palette.surface)).show(ui, |ui| {
            if state.lab.results.is_none() && matches!(state.lab.reference, Slot::Empty) && has_side {
                return nothing(ui, actions);
            }
            ui.spacing_mut().item_spacing.y = 0.0;
            Frame::new().inner_margin(Margin { left: 16, right: 16, top: 8, bottom: 4 }).show(ui, |ui| self.head(ui, state, has_side));
            ui.spacing_mut().item_spacing.y = theme::GRID;
            match self.shown(has_side) {
                Section::Choose => {
                    Frame::new().inner_margin(Margin::symmetric(16, 4)).show(ui, |ui| self.choose.ui(ui, state, actions));
                }
                Section::Results => self.results(ui, state, actions),
                Section::Text => {}
                Section::Side => self.side.ui(ui, state, actions),
                Section::Distortion => self.distortion.ui(ui, state, actions),
                Section::Keep => self.keep.ui(ui, state, actions),
            }
        });
    }
}

impl LabPage {
    /// The section, as there is room for it.
    const fn shown(&self, has_side: bool) -> Section {
        match self.section {
            Section::Choose if has_side => Section::Results,
            section => section,
        }
    }

    fn head(&mut self, ui: &mut Ui, state: &State, has_side: bool) {
        let mut options = vec![(Section::Results, "Results"), (Section::Text, "Where it differs"), (Section::Side, "Side by side"), (Section::Distortion, "Distortion"), (Section::Keep, "Keep it")];
        if !has_side {
            options.insert(0, (Section::Choose, "Choose"));
        }
        if state.lab.results.is_none() {
            options.retain(|(section, _)| *section != Section::Text);
        }
        ui.horizontal(|ui| {
            if let Some(section) = widgets::segmented(ui, "Show", self.shown(has_side), &options) {
                self.section = section;
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |_ui| {});
        });
    }

    fn results(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        ScrollArea::vertical().id_salt("lab results").auto_shrink(false).show(ui, |ui| {
            Frame::new().inner_margin(Margin::symmetric(16, 4)).show(ui, |ui| {
                ui.set_width(ui.available_width());
                self.table.ui(ui, state, actions);
            });
        });
    }
}

fn nothing(ui: &mut Ui, actions: &mut Actions) {
    let words = "Hold quantizations of a model against the best file you have of it: what each one costs in quality, \
                 what it saves in memory, how fast it is here. Choose the reference to begin.";
    if widgets::empty(ui, icons::LAB, "Which one do I keep?", words, Some("Choose the reference…")) {
        actions.push(Action::Lab(Wish::PickReference));
    }
}
