//! Everything that was measured of the candidate that is looked at: the histogram of its tokens and every figure.

use egui::{RichText, Ui};

use super::spread;
use crate::lab::advice::nats;
use crate::lab::statistics::Estimate;
use crate::state::lab::Results;
use crate::units::{THIN_SPACE, digits, grouped, significant, with_error};
use crate::view::{theme, widgets};

/// Draws it.
pub fn ui(ui: &mut Ui, results: &Results, run: usize) {
    let run = &results.runs[run];
    widgets::section(ui, &run.candidate.name);
    widgets::small(ui, run.candidate.mix.really());
    spread::histogram(ui, run, results);
    let Some(summary) = &run.summary else { return };
    ui.spacing_mut().item_spacing.y = 0.0;
    let kld = &summary.kld;
    let error = |estimate: Estimate, scale: f64| with_error(estimate.value * scale, estimate.stderr * scale);
    let exact = |estimate: Estimate| format!("{} ± {}", digits(estimate.value), digits(estimate.stderr));
    let per_cent = |estimate: Estimate| format!("{}{THIN_SPACE}%", error(estimate, 100.0));
    widgets::row_fact(
        ui,
        "KL divergence",
        with_error(kld.mean, kld.stderr),
        &format!("{} ± {} nats", digits(kld.mean), digits(kld.stderr)),
    );
    for (word, value) in [("Median", kld.median), ("99 %", kld.p99), ("Maximum", kld.max)] {
        widgets::row_fact(ui, word, nats(value), &format!("{} nats", digits(value)));
    }
    widgets::row_fact(ui, "Top-1 agreement", per_cent(summary.top1), &exact(summary.top1));
    widgets::row_fact(ui, "RMS Δp", per_cent(summary.rms_dp), &exact(summary.rms_dp));
    widgets::row_fact(
        ui,
        "Perplexity",
        error(summary.ppl, 1.0),
        &format!("{}; the reference {}", exact(summary.ppl), exact(summary.reference_ppl)),
    );
    widgets::row_fact(ui, "PPL ratio", error(summary.ratio, 1.0), &exact(summary.ratio));
    for (word, speed) in [("Prefill", run.prefill), ("Decode", run.decode)] {
        if let Some(speed) = speed.filter(|speed| speed.0 > 0.0) {
            widgets::row_fact(ui, word, speed.to_string(), "measured here, in this comparison");
        }
    }
    let bits = run.candidate.mix.bits_per_weight();
    widgets::row_fact(ui, "Bits per weight", significant(bits), &digits(bits));
    if let Some(booked) = run.booked {
        widgets::row_fact(ui, "Booked weights", booked.in_memory(), &booked.exact());
    }
    let of = format!("over {} tokens", grouped(summary.positions as u64));
    let first = if run.is_preliminary() { ": the figures may still move" } else { "" };
    ui.label(RichText::new(format!("{of}{first}")).small().color(theme::secondary(ui)));
}
