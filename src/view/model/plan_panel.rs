//! Will it fit? The plan by part and by context, its verdict, and the way to load it. All figures are the plan's and the receipt's.

use egui::{RichText, Ui};

use super::curve::Curve;
use crate::error::Error;
use crate::file::DType;
use crate::inspect::passport::RunsHere;
use crate::kernels::level::Level;
use crate::memory::Part;
use crate::memory::plan::{Fit, KV_BLOCK_TOKENS, KvDtype, Plan};
use crate::state::{Action, Opened, Slot, State};
use crate::units::{grouped, seconds};
use crate::view::{Actions, fit, icons, speed, theme, widgets};

/// The panel; keeps its curve.
#[derive(Default)]
pub struct PlanPanel {
    curve: Curve,
}

impl PlanPanel {
    /// Draws the panel for the file that is open.
    pub fn ui(&mut self, ui: &mut Ui, state: &State, opened: &Opened, runs_here: &RunsHere, actions: &mut Actions) {
        widgets::section(ui, "Will it fit?");
        let plan = match &opened.plan {
            Ok(plan) if runs_here.ok() => plan,
            Ok(_) => return cannot_run(ui, &runs_here.why),
            Err(error) => return cannot_run(ui, &why(error)),
        };
        needs(ui, plan);
        parts(ui, plan);
        let longest = opened.model.spec.as_ref().map_or(KV_BLOCK_TOKENS, |spec| spec.n_ctx_train);
        self.curve.ui(ui, &opened.model, plan, longest);
        choices(ui, plan, longest, actions);
        weights(ui, opened, plan, actions);
        speed::prediction(ui, state, &opened.model, plan);
        ui.add_space(theme::GRID);
        if state.opened_is_loaded() {
            receipt(ui, state, actions);
        } else {
            load(ui, state, plan, actions);
        }
    }
}

/// Why a file cannot run, without its path: the page has that.
fn why(error: &Error) -> String {
    match error {
        Error::Format { at, expected, found, .. } => format!("{at}: expected {expected}, found {found}"),
        other => other.to_string(),
    }
}

fn cannot_run(ui: &mut Ui, why: &str) {
    ui.horizontal_top(|ui| {
        let color = theme::palette(ui).danger;
        widgets::icon(ui, icons::ERROR, color);
        ui.vertical(|ui| {
            widgets::ink_label(ui, "It can't run here yet");
            widgets::note(ui, why);
            widgets::note(ui, "It is still browsable: this page shows all that the file says of itself.");
        });
    });
}

fn needs(ui: &mut Ui, plan: &Plan) {
    ui.horizontal(|ui| {
        let text = RichText::new(format!("≈ {}", plan.peak)).text_style(theme::figure());
        ui.label(text).on_hover_text(format!("planned peak: {}\nof it once loaded: {}", plan.peak.exact(), plan.total));
    });
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        fit::verdict(ui, plan.fit, &fit::words(plan));
        if !fit::fails(plan.fit) {
            widgets::note(ui, format!("of {} available", plan.available));
        }
    });
}

fn parts(ui: &mut Ui, plan: &Plan) {
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        for part in [Part::Weights, Part::KvCache, Part::Activations, Part::Tokenizer] {
            let bytes = plan.parts.get(part).unwrap_or_default();
            ui.horizontal(|ui| {
                ui.set_min_height(theme::ROW);
                let color = theme::part(ui, part);
                widgets::swatch(ui, color);
                widgets::term(ui, part.word());
                widgets::number(ui, bytes.to_string(), &format!("{} planned", bytes.exact()));
            });
        }
    });
}

fn choices(ui: &mut Ui, plan: &Plan, longest: usize, actions: &mut Actions) {
    if longest > KV_BLOCK_TOKENS {
        #[expect(clippy::cast_precision_loss, reason = "contexts are at most a million")]
        let (mut context, block, longest) = (plan.choice.context as f64, KV_BLOCK_TOKENS as f64, longest as f64);
        let snap = |value| widgets::snap_to_power_of_two(value, block);
        let slider = widgets::slider(ui, "Context", &mut context, block..=longest, widgets::Scale::Logarithmic, 0, snap);
        if slider.changed() {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between one block and a million")]
            actions.push(Action::SetContext(context.round() as usize));
        }
    }
    ui.horizontal(|ui| {
        widgets::term(ui, "KV cache");
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let options: Vec<(KvDtype, &str)> = KvDtype::ALL.iter().rev().map(|&kv| (kv, kv.name())).collect();
            if let Some(kv) = widgets::segmented(ui, "KV cache", plan.choice.kv, &options) {
                actions.push(Action::SetKv(kv));
            }
        });
    });
}

/// What the weights become while they are loaded, of files that have them in full: what is quantized already is only made worse.
fn weights(ui: &mut Ui, opened: &Opened, plan: &Plan, actions: &mut Actions) {
    const LEVELS: [Level; 4] = [Level::Q8_0, Level::Q6K, Level::Q5K, Level::Q4K];
    let Some(stored) = opened.model.mix.first().filter(|share| matches!(share.dtype, DType::F32 | DType::F16 | DType::BF16)) else {
        return;
    };
    let (stored, names) = (stored.dtype.name(), LEVELS.map(|level| (level, level.dtype().name())));
    widgets::term(ui, "Weights");
    ui.horizontal_wrapped(|ui| {
        let mut options: Vec<(Option<Level>, &str)> = vec![(None, &stored)];
        options.extend(names.iter().map(|(level, name)| (Some(*level), &**name)));
        if let Some(level) = widgets::segmented(ui, "Weights", plan.choice.recode, &options) {
            actions.push(Action::SetRecode(level));
        }
    });
    if plan.choice.recode.is_some() {
        widgets::small(ui, "Quantized while they are loaded; the file stays as it is.");
    }
}

fn load(ui: &mut Ui, state: &State, plan: &Plan, actions: &mut Actions) {
    if let Some(loading) = state.loading.progress() {
        #[expect(clippy::cast_possible_truncation, reason = "a share between 0 and 1")]
        let share = (loading.done.as_f64() / loading.total.as_f64().max(1.0)) as f32;
        let words = format!("{} of {}", loading.done, loading.total);
        if widgets::progress(ui, &format!("Loading {}", loading.name), Some(share), &words, "Cancel") {
            actions.push(Action::CancelLoad);
        }
        return;
    }
    if let Slot::Failed(error) = &state.loading {
        widgets::failure(ui, error);
    }
    if fit::fails(plan.fit) {
        blame(ui, plan, actions);
    }
    if state.answering.is_some() {
        ui.add_enabled_ui(false, |ui| widgets::button(ui, Some(icons::START), "Load"));
        widgets::note(ui, "Stop the answer first.");
        return;
    }
    let pressed = match plan.fit {
        Fit::Fits | Fit::Tight => widgets::primary(ui, Some(icons::START), "Load").clicked().then_some(false),
        Fit::Exceeds => {
            let response = widgets::button(ui, Some(icons::WARNING), "Load anyway");
            widgets::small(ui, "The machine has that much, but other programs hold it. It may become slow.");
            response.clicked().then_some(true)
        }
        Fit::Impossible => None,
    };
    if let Some(anyway) = pressed {
        actions.push(Action::Load { anyway });
    }
    if state.loaded.is_some() && !fit::fails(plan.fit) {
        widgets::small(ui, "Replaces the model that is loaded.");
    }
}

/// The part to blame and what would fit.
fn blame(ui: &mut Ui, plan: &Plan, actions: &mut Actions) {
    let bytes = plan.parts.get(plan.blame).unwrap_or_default();
    widgets::ink_label(ui, format!("{} most of it: {bytes}.", takes(plan.blame)));
    if plan.max_context == 0 {
        widgets::note(ui, "Not even the shortest context would fit. A file of the same model with fewer bits per weight may.");
    } else if plan.max_context < plan.choice.context {
        let words = format!("Use a context of {}", grouped(plan.max_context as u64));
        if widgets::button(ui, None, &words).on_hover_text("the longest that fits what is available").clicked() {
            actions.push(Action::SetContext(plan.max_context));
        }
    }
}

const fn takes(part: Part) -> &'static str {
    match part {
        Part::Weights => "The weights take",
        Part::KvCache => "The KV cache takes",
        Part::Activations => "The activations take",
        Part::Staging => "Loading takes",
        Part::Tokenizer => "The tokenizer takes",
    }
}

/// "planned 151 MiB, took 149", per part on hover.
fn receipt(ui: &mut Ui, state: &State, actions: &mut Actions) {
    let Some(loaded) = &state.loaded else { return };
    let receipt = &loaded.receipt;
    ui.horizontal(|ui| {
        let ink = theme::ink(ui);
        widgets::icon(ui, icons::CHECK, ink);
        let words = format!("planned {}, took {}", receipt.promised().sum(), receipt.took().sum());
        ui.label(words).on_hover_ui(|ui| truths(ui, loaded));
    });
    widgets::small(ui, format!("Loaded in {}. The KV cache grows to its plan as the context fills.", seconds(receipt.seconds)));
    ui.horizontal(|ui| {
        if widgets::primary(ui, Some(icons::CHAT), "Chat").clicked() {
            actions.push(Action::Go(crate::state::Page::Chat));
        }
        if state.answering.is_none() && widgets::button(ui, Some(icons::UNLOAD), "Unload").clicked() {
            actions.push(Action::Unload);
        }
    });
}

/// What was planned for the load and what it took, part by part.
fn truths(ui: &mut Ui, loaded: &crate::state::Loaded) {
    let mono = |text: String| RichText::new(text).text_style(theme::small_mono());
    egui::Grid::new("receipt").num_columns(3).spacing([16.0, 4.0]).show(ui, |ui| {
        for head in ["", "planned", "took"] {
            widgets::small(ui, head);
        }
        ui.end_row();
        for part in Part::ALL {
            let (planned, took) = (loaded.receipt.promised().get(part), loaded.receipt.took().get(part));
            if planned.or(took).is_none_or(|bytes| bytes.0 == 0) {
                continue;
            }
            ui.label(part.word());
            for bytes in [planned, took] {
                ui.label(mono(bytes.map_or_else(|| "–".to_owned(), |bytes| bytes.to_string())));
            }
            ui.end_row();
        }
    });
    if let Some(counted) = loaded.receipt.counted {
        widgets::small(ui, format!("weights and cache are booked, the tokenizer is allocated; allocated for weights and cache: {counted}"));
    }
}
