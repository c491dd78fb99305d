//! The lab: what each level of quantization costs here, measured, drawn, and read in a text.

mod cells;
mod choose;
mod distortion;
mod facts;
mod keep;
mod labels;
mod ladder;
mod measure;
mod pareto;
mod scale;
mod side;
mod spread;
mod table;
mod text;
mod what_if;

use std::sync::Arc;

use egui::{Align, CentralPanel, Frame, Layout, Margin, Panel, RichText, ScrollArea, Ui};

use super::{Actions, View, frame, icons, theme, widgets};
use crate::lab::row::Storage;
use crate::state::lab::{Results, Wish};
use crate::state::{Action, Slot, State, export};
use crate::units::{grouped, percent};

use choose::Choose;
use pareto::Pareto;
use table::Table;
use text::TextView;
use what_if::WhatIf;

/// The width of the side panel.
const SIDE: f32 = 300.0;
/// From this width on the picture and the ladder of histograms stand beside each other.
const TWO_COLUMNS: f32 = 860.0;
/// The least height of the picture.
const PICTURE: f32 = 280.0;

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
    pareto: Pareto,
    text: TextView,
    what_if: WhatIf,
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
            let margin = Margin { left: 16, right: 16, top: 8, bottom: 4 };
            Frame::new().inner_margin(margin).show(ui, |ui| self.head(ui, state, has_side, actions));
            ui.spacing_mut().item_spacing.y = theme::GRID;
            match self.shown(state, has_side) {
                Section::Choose => {
                    Frame::new().inner_margin(Margin::symmetric(16, 4)).show(ui, |ui| self.choose.ui(ui, state, actions));
                }
                Section::Results => self.results(ui, state, actions),
                Section::Text => self.text.ui(ui, state, actions),
                Section::Side => self.side.ui(ui, state, actions),
                Section::Distortion => self.distortion.ui(ui, state, actions),
                Section::Keep => self.keep.ui(ui, state, actions),
            }
        });
    }
}

impl LabPage {
    /// The section, as there is room and something for it.
    const fn shown(&self, state: &State, has_side: bool) -> Section {
        match self.section {
            Section::Choose if has_side => Section::Results,
            Section::Text if state.lab.results.is_none() => Section::Results,
            section => section,
        }
    }

    fn head(&mut self, ui: &mut Ui, state: &State, has_side: bool, actions: &mut Actions) {
        let mut options = vec![
            (Section::Results, "Results"),
            (Section::Text, "Where it differs"),
            (Section::Side, "Side by side"),
            (Section::Distortion, "Distortion"),
            (Section::Keep, "Keep it"),
        ];
        if !has_side {
            options.insert(0, (Section::Choose, "Choose"));
        }
        if state.lab.results.is_none() {
            options.retain(|(section, _)| *section != Section::Text);
        }
        ui.horizontal(|ui| {
            if let Some(section) = widgets::segmented(ui, "Show", self.shown(state, has_side), &options) {
                self.section = section;
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let is_of_results = matches!(self.shown(state, has_side), Section::Results | Section::Text);
                if let Some(results) = state.lab.results.as_ref().filter(|_| is_of_results) {
                    exports(ui, results, actions);
                }
                if let Some(progress) = state.lab.measuring.progress().filter(|_| !has_side) {
                    widgets::small(ui, format!("{} measured", percent(progress.share)));
                }
            });
        });
    }

    fn results(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        ScrollArea::vertical().id_salt("lab results").auto_shrink(false).show(ui, |ui| {
            Frame::new().inner_margin(Margin::symmetric(16, 4)).show(ui, |ui| {
                ui.set_width(ui.available_width());
                let Some(results) = &state.lab.results else {
                    self.table.ui(ui, state, actions);
                    return;
                };
                advice(ui, results);
                self.pictures(ui, results, actions);
                ui.add_space(theme::GRID);
                self.table.ui(ui, state, actions);
                how(ui, results);
                ui.add_space(theme::GRID);
                let (left, right) = (results.looked_at(), ui.available_width() >= TWO_COLUMNS);
                if let Some(run) = left.filter(|_| right) {
                    let spacing = ui.spacing().item_spacing;
                    ui.spacing_mut().item_spacing.x = 32.0;
                    ui.columns(2, |columns| {
                        for column in columns.iter_mut() {
                            column.spacing_mut().item_spacing = spacing;
                        }
                        facts::ui(&mut columns[0], results, run);
                        self.what_if.ui(&mut columns[1], state, results, actions);
                    });
                } else if let Some(run) = left {
                    ui.scope(|ui| facts::ui(ui, results, run));
                    ui.add_space(theme::GRID * 2.0);
                    self.what_if.ui(ui, state, results, actions);
                }
                ui.add_space(theme::GRID * 2.0);
            });
        });
    }

    fn pictures(&mut self, ui: &mut Ui, results: &Results, actions: &mut Actions) {
        let mut chosen = None;
        if ui.available_width() >= TWO_COLUMNS {
            let width = ui.available_width();
            let right = (width * 0.36).clamp(322.0, 500.0);
            ui.horizontal_top(|ui| {
                ui.spacing_mut().item_spacing.x = 24.0;
                ui.allocate_ui_with_layout(egui::vec2(width - right - 24.0, 0.0), Layout::top_down(Align::Min), |ui| {
                    chosen = self.pareto.ui(ui, results, PICTURE.max(ui.ctx().content_rect().height() * 0.36));
                });
                ui.allocate_ui_with_layout(egui::vec2(right, 0.0), Layout::top_down(Align::Min), |ui| {
                    chosen = chosen.or(spread::multiples(ui, results));
                });
            });
        } else {
            chosen = self.pareto.ui(ui, results, PICTURE);
            chosen = chosen.or(spread::multiples(ui, results));
        }
        if let Some(run) = chosen {
            actions.push(Action::Lab(Wish::Select(run)));
        }
    }
}

/// What to keep, in one sentence, and why.
fn advice(ui: &mut Ui, results: &Results) {
    let Some(advice) = &results.advice else { return };
    ui.add(egui::Label::new(RichText::new(&advice.sentence).text_style(theme::section())).wrap());
    for reason in &advice.reasons {
        widgets::note(ui, reason);
    }
    ui.add_space(theme::GRID);
}

/// How it was measured: what every figure of the page depends on.
fn how(ui: &mut Ui, results: &Results) {
    let scored = results.chunks.iter().map(|chunk| chunk.len().saturating_sub(results.half + 1)).sum::<usize>();
    let tokens: usize = results.chunks.iter().map(Vec::len).sum();
    let arithmetic = if results.settings.exact { "exact" } else { "fast" };
    let kept = match results.budget.storage {
        Storage::Full => "all of the reference's logits are kept".to_owned(),
        Storage::Top(k) => format!(
            "the reference's {} highest logits of each token are kept and the sum of the rest, {} of the probability: KL is too low by {}",
            grouped(k as u64),
            percent(results.kept_as_sum),
            percent(results.lost)
        ),
    };
    widgets::small(
        ui,
        format!(
            "measured by this app over {} tokens, {} of them scored, in {arithmetic} arithmetic; {kept}",
            grouped(tokens as u64),
            grouped(scored as u64)
        ),
    );
}

fn exports(ui: &mut Ui, results: &Results, actions: &mut Actions) {
    let Some(exports) = &results.exports else { return };
    let name = crate::file::text::shown(&results.reference.name, 60).replace(['/', '\\', ' '], "_");
    for (kind, words, text) in [("json", "JSON", &exports.json), ("csv", "CSV", &exports.csv)] {
        if widgets::button(ui, None, words).on_hover_text(format!("Write all figures as {words}")).clicked() {
            let bytes: Arc<[u8]> = text.as_bytes().into();
            actions.push(Action::Export(export::Wish::Bytes { name: format!("{name}-compared.{kind}"), bytes }));
        }
    }
}

fn nothing(ui: &mut Ui, actions: &mut Actions) {
    let words = "Hold quantizations of a model against the best file you have of it: what each one costs in quality, \
                 what it saves in memory, how fast it is here. Choose the reference to begin.";
    if widgets::empty(ui, icons::LAB, "Which one do I keep?", words, Some("Choose a file…")) {
        actions.push(Action::Lab(Wish::PickReference));
    }
}
