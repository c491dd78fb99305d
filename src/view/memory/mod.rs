//! The memory page: what the model takes over time, the four truths side by side, what the load took, the curve by context,
//! and where the time goes.

mod csv;
mod curve;
mod live;
mod series;
mod truths;

use std::sync::Arc;

use egui::{Layout, Margin, ScrollArea, Ui};

use super::{Actions, View, icons, picture, speed, theme, widgets};
use crate::inspect::Model;
use crate::memory::plan::Plan;
use crate::state::{Action, Page, Slot, State};
use crate::units::{Bytes, grouped, percent, seconds};

pub use csv::csv;
pub use series::decimated;

/// From this width on the lower half has two columns.
const TWO_COLUMNS: f32 = 900.0;

/// The page.
#[derive(Default)]
pub struct MemoryPage {
    curve: curve::Curve,
}

impl View for MemoryPage {
    fn ui(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        if state.memory.latest().is_none() {
            return nothing(ui, state, actions);
        }
        ScrollArea::vertical().id_salt("memory").auto_shrink(false).show(ui, |ui| {
            egui::Frame::new().inner_margin(Margin::symmetric(24, 0)).show(ui, |ui| {
                ui.set_width(ui.available_width());
                head(ui, state);
                let plan = state.loaded.as_ref().map(|loaded| &loaded.plan.parts);
                picture::savable(ui, "memory over time", |ui| live::strips(ui, &state.memory, plan));
                ui.add_space(theme::GRID * 2.0);
                if ui.available_width() >= TWO_COLUMNS {
                    let spacing = ui.spacing().item_spacing;
                    ui.spacing_mut().item_spacing.x = 32.0;
                    ui.columns(2, |columns| {
                        for column in columns.iter_mut() {
                            column.spacing_mut().item_spacing = spacing;
                        }
                        figures(&mut columns[0], state, actions);
                        self.plans(&mut columns[1], state);
                    });
                } else {
                    ui.scope(|ui| figures(ui, state, actions));
                    ui.add_space(theme::GRID * 2.0);
                    self.plans(ui, state);
                }
                ui.add_space(theme::GRID * 3.0);
            });
        });
    }
}

impl MemoryPage {
    fn plans(&mut self, ui: &mut Ui, state: &State) {
        if let Some((model, plan)) = planned(state) {
            widgets::section(ui, "Memory by context");
            widgets::small(ui, format!("{}, planned; the dashed line is the chosen context", model.label()));
            self.curve.ui(ui, model, plan);
            ui.add_space(theme::GRID);
        }
        machine(ui, state);
        ui.add_space(theme::GRID);
        speed::full(ui, state);
    }
}

/// What is loaded, else what is open.
fn planned(state: &State) -> Option<(&Arc<Model>, &Plan)> {
    if let Some(loaded) = &state.loaded {
        return Some((&loaded.model, &loaded.plan));
    }
    let opened = state.opened.ready()?;
    Some((&opened.model, opened.plan.as_ref().ok()?))
}

fn nothing(ui: &mut Ui, state: &State, actions: &mut Actions) {
    let words = "Weights, KV cache and activations will be drawn here over time, each against its plan, as soon as a model runs.";
    let can_load = matches!(&state.opened, Slot::Ready(opened) if opened.plan.is_ok()) && state.loading.job().is_none();
    let action = if can_load { "Load the open model" } else { "Choose a model" };
    if widgets::empty(ui, icons::MEMORY, "Nothing measured yet", words, Some(action)) {
        actions.push(if can_load { Action::Load { anyway: false } } else { Action::Go(Page::Home) });
    }
}

fn head(ui: &mut Ui, state: &State) {
    ui.horizontal(|ui| {
        ui.set_min_height(52.0);
        widgets::heading(ui, "Memory");
        ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
            let copy = widgets::button(ui, Some(icons::COPY), "Copy as CSV");
            let samples = grouped(state.memory.samples().len() as u64);
            if copy.on_hover_text(format!("{samples} samples, with every byte")).clicked() {
                ui.ctx().copy_text(csv(&state.memory));
            }
        });
    });
}

fn figures(ui: &mut Ui, state: &State, actions: &mut Actions) {
    widgets::section(ui, "Four truths");
    let plan = planned(state).map(|(_, plan)| (&plan.parts, plan.total));
    ui.scope(|ui| truths::table(ui, plan, state.memory.latest()));
    ui.add_space(theme::GRID * 2.0);
    widgets::section(ui, "Receipt of the load");
    let Some(loaded) = &state.loaded else {
        widgets::note(ui, "What a load took stands here once a model is loaded.");
        if widgets::button(ui, None, "Choose a model").clicked() {
            actions.push(Action::Go(Page::Home));
        }
        return;
    };
    let receipt = &loaded.receipt;
    ui.spacing_mut().item_spacing.y = 0.0;
    ui.set_max_width(560.0);
    widgets::row_fact(ui, "Time", seconds(receipt.seconds), "");
    widgets::row_fact(ui, "Context", format!("{} tokens", grouped(receipt.context as u64)), "");
    widgets::row_fact(ui, "Threads", receipt.threads.to_string(), "");
    let (promised, took) = (receipt.promised().sum(), receipt.took().sum());
    widgets::row_fact(ui, "Planned", promised.in_memory(), &format!("weights and tokenizer: {}", promised.exact()));
    widgets::row_fact(ui, "Took", took.in_memory(), &format!("weights and cache booked, tokenizer allocated: {}", took.exact()));
    let counted = receipt.counted.map_or_else(|| "–".to_owned(), Bytes::in_memory);
    widgets::row_fact(ui, "Allocated", counted, &receipt.counted.map_or_else(|| "This build cannot count it.".to_owned(), Bytes::exact));
}

/// The whole machine: this process, the rest, and what is available.
fn machine(ui: &mut Ui, state: &State) {
    let Some(sample) = state.memory.latest() else { return };
    let (total, available) = (state.machine.total, state.machine.available);
    widgets::section(ui, "This machine");
    let palette = theme::palette(ui);
    let mine = sample.resident.min(total);
    let segments = [
        widgets::Segment { name: "this app".to_owned(), color: palette.parts[4], bytes: mine, hatched: false },
        widgets::Segment { name: "everything else".to_owned(), color: palette.secondary, bytes: total - available - mine, hatched: true },
    ];
    widgets::stacked_bar(ui, "resident", &segments, total, None, 14.0);
    let share = if total.0 == 0 { 0.0 } else { mine.as_f64() / total.as_f64() };
    let words =
        format!("this app {} ({}) · available {} of {}", mine.in_memory(), percent(share), available.in_memory(), total.in_memory());
    widgets::small(ui, words).on_hover_text(format!("this app {}\navailable {}\nall {}", mine.exact(), available.exact(), total.exact()));
}
