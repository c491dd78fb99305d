//! Rows and columns whose norms stand out, and the way to them.
#![expect(clippy::similar_names, reason = "state is what is drawn, stats what was counted")]

use std::sync::Arc;

use egui::Ui;

use super::{Go, section};
use crate::inspect::stats::{Outlier, Stats};
use crate::message::browse::What;
use crate::state::State;
use crate::units::{grouped, real, significant};
use crate::view::widgets;

/// As many are shown before one asks for all.
const FEW: usize = 6;

/// Those of the statistics that were shown last: finding them takes longer than a frame may.
#[derive(Default)]
pub(super) struct Found {
    of: Option<Arc<Stats>>,
    rows: Vec<Outlier>,
    cols: Vec<Outlier>,
    all: bool,
}

impl Found {
    pub(super) fn ui(&mut self, ui: &mut Ui, state: &State) -> Option<Go> {
        let (stats, share) = state.browsing.stats.as_ref()?;
        if *share < 1.0 || stats.row_norms.is_empty() && stats.col_norms.is_empty() {
            return None;
        }
        if !self.of.as_ref().is_some_and(|known| Arc::ptr_eq(known, stats)) {
            *self = Self { of: Some(Arc::clone(stats)), rows: stats.outlier_rows(), cols: stats.outlier_cols(), all: false };
        }
        section(ui, "Outliers").on_hover_text("Rows and columns whose norm is more than six deviations from the median norm.");
        let mut go = None;
        for (name, plural, outliers, norms, to) in [
            ("row", "rows", &self.rows, stats.row_norms.len(), Go::Row as fn(usize) -> Go),
            ("column", "columns", &self.cols, stats.col_norms.len(), Go::Col),
        ] {
            if norms < 2 {
                continue;
            }
            if outliers.is_empty() {
                widgets::small(ui, format!("None of the {} {plural} stands out.", grouped(norms as u64)));
                continue;
            }
            let shown = if self.all { outliers.len() } else { FEW.min(outliers.len()) };
            widgets::small(ui, format!("{} of {} {plural}", grouped(outliers.len() as u64), grouped(norms as u64)));
            for outlier in &outliers[..shown] {
                go = one(ui, state, name, outlier).then(|| to(outlier.index)).or(go);
            }
        }
        if self.rows.len().max(self.cols.len()) > FEW {
            let words = if self.all { "Show fewer" } else { "Show all" };
            if widgets::quiet(ui, None, words).clicked() {
                self.all = !self.all;
            }
        }
        go
    }
}

fn one(ui: &mut Ui, state: &State, name: &str, outlier: &Outlier) -> bool {
    let far = format!("{}{} dev.", if outlier.score < 0.0 { "−" } else { "+" }, significant(outlier.score.abs()));
    let token = if name == "row" { token(state, outlier.index) } else { None };
    let lead = format!("{name} {}", grouped(outlier.index as u64));
    let lead = token.map_or_else(|| lead.clone(), |token| format!("{lead} {token}"));
    let norm = real(outlier.norm.into());
    super::vocabulary::row(ui, &lead, &[(&norm, 76.0), (&far, 84.0)], &format!("Go to {lead}, norm {norm}, {far}")).clicked()
}

/// The token of a row, where it is known already.
fn token(state: &State, row: usize) -> Option<String> {
    let is_values = matches!(state.browsing.subject.as_ref()?.what, What::Values { .. });
    let neighbours = state.browsing.neighbours.ready().filter(|_| is_values)?;
    if neighbours.row == row {
        return neighbours.token.as_deref().map(super::vocabulary::quoted);
    }
    let (_, token) = neighbours.rows.iter().find(|(neighbour, _)| neighbour.row == row)?;
    token.as_deref().map(super::vocabulary::quoted)
}
