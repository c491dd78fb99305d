//! What measuring takes, the one action that fits, and how far it is.

use egui::Ui;

use crate::lab::row::Storage;
use crate::memory::plan;
use crate::message::lab::{Doing, Plan, Progress};
use crate::state::lab::{Results, Wish};
use crate::state::{Action, Slot, State};
use crate::units::{percent, seconds};
use crate::view::{Actions, fit, icons, widgets};

/// Draws it.
pub fn ui(ui: &mut Ui, state: &State, actions: &mut Actions) {
    let lab = &state.lab;
    if let Slot::Failed(error) = &lab.measuring {
        widgets::failure(ui, error);
    }
    if let Some(progress) = lab.measuring.progress() {
        running(ui, state, progress, actions);
        return;
    }
    if let Some(plan) = &lab.plan {
        budget(ui, state, plan);
    }
    ui.horizontal_wrapped(|ui| {
        if lab.is_paused() {
            if widgets::primary(ui, Some(icons::START), "Go on").clicked() {
                actions.push(Action::Lab(Wish::GoOn));
            }
            if widgets::button(ui, Some(icons::STOP), "Stop").on_hover_text("Lets go of the memory; the figures stay.").clicked() {
                actions.push(Action::Lab(Wish::Stop));
            }
        }
        let ready = lab.plan.as_ref().is_some_and(|plan| plan.budget.is_ok() && plan.picks.iter().any(|pick| pick.candidate.is_ok()));
        ui.add_enabled_ui(ready, |ui| {
            let words = if lab.results.is_some() { "Compare anew" } else { "Compare" };
            let pressed = if lab.is_paused() { widgets::button(ui, None, words) } else { widgets::primary(ui, Some(icons::LAB), words) };
            if pressed.clicked() {
                actions.push(Action::Lab(Wish::Compare));
            }
        });
    });
    if let Some(results) = lab.results.as_ref().filter(|_| lab.kept && !lab.is_paused()) {
        let words = format!("{} is kept for what-if", results.budget.cache);
        ui.horizontal(|ui| {
            widgets::small(ui, words);
            if widgets::quiet(ui, None, "Let go").clicked() {
                actions.push(Action::Lab(Wish::Stop));
            }
        });
    }
}

fn running(ui: &mut Ui, state: &State, progress: &Progress, actions: &mut Actions) {
    let words = doing(state.lab.results.as_ref(), progress);
    #[expect(clippy::cast_possible_truncation, reason = "a share between 0 and 1")]
    let share = Some(progress.share as f32).filter(|_| progress.doing != Doing::Preparing);
    widgets::progress(ui, "Comparing", share, &words, "");
    let left = progress.left.map_or_else(|| "estimating the time".to_owned(), |left| format!("{} left", seconds(left)));
    widgets::small(ui, format!("{} done, {left}", percent(progress.share)));
    ui.horizontal(|ui| {
        ui.add_enabled_ui(!state.lab.is_stopping(), |ui| {
            if widgets::button(ui, Some(icons::PAUSE), "Pause").clicked() {
                actions.push(Action::Lab(Wish::Pause));
            }
            if widgets::button(ui, Some(icons::STOP), "Stop measuring").clicked() {
                actions.push(Action::Lab(Wish::Stop));
            }
        });
    });
}

/// What is being done, in words.
#[must_use]
pub fn doing(results: Option<&Results>, progress: &Progress) -> String {
    let name = |run: Option<usize>| match (results, run) {
        (Some(results), Some(run)) => results.runs.get(run).map_or_else(String::new, |run| run.candidate.name.clone()),
        _ => "the reference".to_owned(),
    };
    match progress.doing {
        Doing::Preparing => "Cutting the text, planning memory".to_owned(),
        Doing::Loading(run, done) => format!("Loading {}, {done}", name(run)),
        Doing::Reading(run) => format!("Reading with {}", name(run)),
        Doing::Yielding => "Waiting for an answer to end".to_owned(),
    }
}

/// What it takes against what is there.
fn budget(ui: &mut Ui, state: &State, plan: &Plan) {
    match &plan.budget {
        Ok(budget) => {
            let fits = plan::fit(budget.peak, &state.machine);
            let way = if budget.together { "reference and candidate together" } else { "one model at a time" };
            let keeps = match budget.storage {
                Storage::Full => "all of the reference's logits".to_owned(),
                Storage::Top(k) => format!("the reference's {k} highest logits of each token, and the sum of the rest"),
            };
            let response = fit::verdict(ui, fits, &format!("needs {} of {}", budget.peak, budget.available));
            response.on_hover_text(format!(
                "planned: {way}\nreference {}, largest candidate {}\n{} for {keeps}",
                budget.reference.total, budget.candidate.total, budget.cache
            ));
            widgets::small(ui, way);
        }
        Err(error) => widgets::failure(ui, error),
    }
}
