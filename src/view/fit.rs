//! Whether something fits, in a sign and a few words: the same everywhere. The verdict itself is the plan's.

use egui::{Response, RichText, Ui};

use super::theme;
use crate::library::summary::Summary;
use crate::memory::plan::{Fit, Plan, rule_of_thumb};
use crate::memory::probe::Machine;
use crate::units::Bytes;

/// ✓, ! or ✕.
#[must_use]
pub const fn sign(fit: Fit) -> &'static str {
    match fit {
        Fit::Fits => "✓",
        Fit::Tight => "!",
        Fit::Exceeds | Fit::Impossible => "✕",
    }
}

/// Whether loading it is more than the machine can give.
#[must_use]
pub const fn fails(fit: Fit) -> bool {
    matches!(fit, Fit::Exceeds | Fit::Impossible)
}

/// The verdict of a plan in a few words.
#[must_use]
pub fn words(plan: &Plan) -> String {
    match plan.fit {
        Fit::Fits => "fits".to_owned(),
        Fit::Tight => "tight".to_owned(),
        Fit::Exceeds => format!("doesn't fit what is free now: {} of {}", plan.peak, plan.available),
        Fit::Impossible => format!("doesn't fit this machine: needs {}", plan.peak),
    }
}

/// The verdict for a file in a list, by the plan for its header.
#[must_use]
pub fn planned(summary: &Summary, machine: &Machine) -> (Fit, String) {
    let Some(needs) = summary.needs else { return (Fit::Impossible, "can't run here yet".to_owned()) };
    let fit = needs.fit(machine);
    let words = match fit {
        Fit::Fits => "fits".to_owned(),
        Fit::Tight if needs.first > machine.available => "fits with a shorter context".to_owned(),
        Fit::Tight => "tight".to_owned(),
        Fit::Exceeds => format!("needs {}, free {}", needs.least, machine.available),
        Fit::Impossible => format!("needs {}, has {}", needs.least, machine.total),
    };
    (fit, words)
}

/// A guess for a file whose header was not read, by its size alone, and in words with an "≈".
#[must_use]
pub fn guess(file: Bytes, machine: &Machine) -> (Fit, String) {
    let need = rule_of_thumb(file);
    if need > machine.total {
        (Fit::Impossible, format!("needs ≈ {need}, has {}", machine.total))
    } else if need > machine.available {
        (Fit::Exceeds, format!("needs ≈ {need}, free {}", machine.available))
    } else if need.0 > machine.available.0 / 10 * 9 {
        (Fit::Tight, "≈ tight".to_owned())
    } else {
        (Fit::Fits, "≈ fits".to_owned())
    }
}

/// The sign and the words; only what doesn't fit is red.
pub fn verdict(ui: &mut Ui, fit: Fit, words: &str) -> Response {
    let palette = theme::palette(ui);
    let color = if fails(fit) { palette.danger } else { palette.ink };
    ui.label(RichText::new(format!("{} {words}", sign(fit))).color(color))
}
