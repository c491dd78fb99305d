//! The page of the file that is open: what it is, how it is stored and computed, whether it will fit, and all that it says of itself.

mod curve;
mod facts;
mod metadata;
mod plan_panel;
mod stations;

use std::path::Path;
use std::sync::Arc;

use egui::{Frame, Margin, Panel, RichText, ScrollArea, Ui};

use super::{Actions, View, frame, icons, rows, theme, widgets};
use crate::file::Format;
use crate::inspect::Model;
use crate::inspect::passport::{RunsHere, runs_here};
use crate::kernels::precision;
use crate::state::{Action, Opened, Slot, State};
use crate::units::{count, grouped};

use metadata::MetadataTable;
use plan_panel::PlanPanel;
use stations::Station;

/// Warnings that are shown before they fold.
const WARNINGS_SHOWN: usize = 3;

/// The page; keeps what it has worked out of the file that it showed last.
#[derive(Default)]
pub struct ModelPage {
    known: Option<Known>,
    metadata: MetadataTable,
    plan: PlanPanel,
    all_warnings: bool,
}

/// What is worked out once per file.
struct Known {
    model: Arc<Model>,
    runs_here: RunsHere,
    stations: Vec<Station>,
}

impl View for ModelPage {
    fn ui(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        match &state.opened {
            Slot::Empty => {
                let words = "Open a model file to see what it is, what it costs in memory, and whether it runs here.";
                if widgets::empty(ui, icons::MODEL, "No model is open", words, Some("Open…")) {
                    actions.push(Action::Pick);
                }
            }
            Slot::Busy { progress, .. } => reading(ui, progress),
            Slot::Failed(error) => failed(ui, error, actions),
            Slot::Ready(opened) => self.opened(ui, state, opened, actions),
        }
    }
}

fn reading(ui: &mut Ui, path: &Path) {
    widgets::column(ui, 640.0, |ui| {
        widgets::page_title(ui, "Reading the header");
        widgets::note(ui, rows::place(path));
    });
}

/// The page of a file that could not be opened, and the way to another.
pub fn failed(ui: &mut Ui, error: &crate::error::Error, actions: &mut Actions) {
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        widgets::column(ui, 640.0, |ui| {
            ui.add_space(24.0);
            widgets::page_title(ui, "This file can't be opened");
            widgets::failure(ui, error);
            ui.add_space(theme::GRID);
            if widgets::primary(ui, Some(icons::OPEN), "Open another…").clicked() {
                actions.push(Action::Pick);
            }
        });
    });
}

impl ModelPage {
    fn opened(&mut self, ui: &mut Ui, state: &State, opened: &Opened, actions: &mut Actions) {
        if !self.known.as_ref().is_some_and(|known| Arc::ptr_eq(&known.model, &opened.model)) {
            let runs_here = runs_here(&opened.model, &|tensor| precision::of(tensor).is_some());
            self.known = Some(Known { model: Arc::clone(&opened.model), runs_here, stations: stations::of(&opened.model) });
            self.all_warnings = false;
            self.metadata = MetadataTable::default();
        }
        let beside = frame::shows_side_panel(ui);
        if beside {
            let panel = Frame::new().fill(theme::palette(ui).raised).inner_margin(Margin::symmetric(20, 16));
            Panel::right("plan").exact_size(360.0).resizable(false).show_separator_line(false).frame(panel).show(ui, |ui| {
                ScrollArea::vertical().auto_shrink(false).show(ui, |ui| self.plan(ui, state, opened, actions));
            });
        }
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            widgets::column(ui, 760.0, |ui| {
                ui.add_space(theme::GRID);
                title(ui, &opened.model);
                self.notes(ui, &opened.model);
                if !beside {
                    ui.add_space(16.0);
                    self.plan(ui, state, opened, actions);
                }
                facts::ui(ui, &opened.model);
                if let Some(known) = &self.known {
                    stations::ui(ui, &known.stations);
                }
                self.metadata.ui(ui, &opened.model);
                ui.add_space(24.0);
            });
        });
    }

    fn plan(&mut self, ui: &mut Ui, state: &State, opened: &Opened, actions: &mut Actions) {
        let Some(known) = &self.known else { return };
        self.plan.ui(ui, state, opened, &known.runs_here, actions);
    }

    /// Warnings of the file, folded when there are many.
    fn notes(&mut self, ui: &mut Ui, model: &Model) {
        let shown = if self.all_warnings { model.warnings.len() } else { WARNINGS_SHOWN };
        for warning in model.warnings.iter().take(shown) {
            ui.horizontal_top(|ui| {
                let color = theme::secondary(ui);
                widgets::icon(ui, icons::WARNING, color);
                widgets::note(ui, warning);
            });
        }
        let more = model.warnings.len().saturating_sub(shown);
        if more > 0 && widgets::link(ui, &format!("{} more", grouped(more as u64))).clicked() {
            self.all_warnings = true;
        }
    }
}

fn title(ui: &mut Ui, model: &Model) {
    widgets::page_title(ui, &model.name());
    let version = if let Format::Gguf { version } = model.file.format { format!(" v{version}") } else { String::new() };
    let family = model.family().unwrap_or("unknown architecture");
    let mut words = format!("{}{version} · {family} · {} parameters · ", model.file.format.name(), count(model.parameters));
    words.push_str(&model.file.bytes.on_disk());
    if let Some(quantization) = model.quantization() {
        words = format!("{quantization} · {words}");
    }
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        widgets::note(ui, words);
        let path = rows::place(&model.file.path);
        let text = RichText::new(path.clone()).text_style(egui::TextStyle::Small).color(theme::secondary(ui));
        ui.add(egui::Label::new(text).truncate()).on_hover_text(path);
    });
}
