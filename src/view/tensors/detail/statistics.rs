//! Statistics over all values as facts, each put on the clipboard by a click.
#![expect(clippy::similar_names, reason = "state is what is drawn, stats what was counted")]

use egui::Ui;

use super::{fact, section};
use crate::inspect::stats::Stats;
use crate::message::browse::What;
use crate::state::{Slot, State};
use crate::units::{digits, grouped, percent, real};
use crate::view::{theme, widgets};

/// Shares of the values below which the quantiles lie, and their words.
const QUANTILES: [(f64, &str); 7] =
    [(0.001, "0.1 %"), (0.01, "1 %"), (0.25, "25 %"), (0.5, "Median"), (0.75, "75 %"), (0.99, "99 %"), (0.999, "99.9 %")];

pub(super) fn ui(ui: &mut Ui, state: &State, what: &What) {
    section(
        ui,
        match what {
            What::Values { .. } => "Statistics",
            What::Scales { .. } => "Statistics of the scales",
            What::Difference { .. } => "Statistics of the difference",
        },
    );
    if let Slot::Failed(error) = &state.browsing.look {
        widgets::failure(ui, error);
    }
    let Some((stats, share)) = &state.browsing.stats else {
        if state.browsing.look.job().is_some() {
            widgets::progress(ui, "Counting", Some(0.0), "Counting all values", "");
        } else if !matches!(state.browsing.look, Slot::Failed(_)) {
            widgets::note(ui, "Not counted.");
        }
        return;
    };
    if *share < 1.0 {
        let words = format!("Of {} of the values so far", percent(*share));
        if state.browsing.look.job().is_some() {
            #[expect(clippy::cast_possible_truncation, reason = "a share between 0 and 1")]
            widgets::progress(ui, "Counting", Some(*share as f32), &words, "");
        } else {
            widgets::note(ui, words);
        }
    }
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        facts(ui, stats);
    });
}

fn facts(ui: &mut Ui, stats: &Stats) {
    let number = |ui: &mut Ui, word: &str, value: Option<f64>| {
        if let Some(value) = value {
            fact(ui, word, &real(value), &digits(value));
        }
    };
    let share = |ui: &mut Ui, word: &str, n: u64| {
        #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
        let of = n as f64 / stats.count.max(1) as f64;
        let words = if n == 0 { "0".to_owned() } else { format!("{} ({})", grouped(n), percent(of)) };
        fact(ui, word, &words, &n.to_string());
    };
    fact(ui, "Count", &grouped(stats.count), &stats.count.to_string());
    number(ui, "Minimum", stats.min());
    number(ui, "Maximum", stats.max());
    number(ui, "Mean", stats.mean());
    number(ui, "Standard deviation", stats.std());
    number(ui, "Largest magnitude", stats.abs_max());
    number(ui, "Kurtosis", stats.kurtosis());
    number(ui, "Skewness", stats.skewness());
    if let Some(share) = stats.outlier_share() {
        fact(ui, "Outliers", &percent(share), &digits(share));
    }
    share(ui, "Zeros", stats.moments.zeros);
    if let Some(sparsity) = stats.sparsity() {
        fact(ui, "Sparsity", &percent(sparsity), &digits(sparsity));
    }
    share(ui, "NaN", stats.moments.nan);
    share(ui, "Inf", stats.moments.inf);
    if stats.quantile(0.5).is_none() {
        return;
    }
    ui.add_space(theme::GRID);
    widgets::term(ui, "Quantiles");
    for (share, word) in QUANTILES {
        number(ui, word, stats.quantile(share));
    }
}
