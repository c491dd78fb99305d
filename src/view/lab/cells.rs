//! What stands in the columns of the ladder.

use crate::file::text;
use crate::lab::advice::nats;
use crate::lab::candidate::{Candidate, Need};
use crate::memory::plan;
use crate::memory::probe::Machine;
use crate::message::lab::Pick;
use crate::state::lab::{Measured, Results};
use crate::units::{TokensPerSecond, digits, significant, with_error};
use crate::view::fit;

/// A column.
pub struct Column {
    /// Its head.
    pub name: &'static str,
    /// The word of the glossary.
    pub term: &'static str,
    /// Its width.
    pub width: f32,
    /// What goes first when it gets narrow has the highest.
    pub rank: u8,
    /// Whether it is shown before anything is measured, and after.
    pub before: bool,
    /// See [`Self::before`].
    pub after: bool,
    of: fn(&Row<'_>) -> Cell,
}

/// A cell.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    /// What is shown.
    pub text: String,
    /// Every digit.
    pub exact: String,
    /// It is planned and not measured.
    pub faint: bool,
}

/// What cells are made of.
pub struct Row<'a> {
    /// The candidate.
    pub candidate: &'a Candidate,
    /// What was measured of it.
    pub measured: Option<&'a Measured>,
    /// What it takes, as it is planned.
    pub need: Option<&'a Need>,
    /// What the machine has.
    pub machine: &'a Machine,
    /// All that was measured.
    pub results: Option<&'a Results>,
}

const fn column(name: &'static str, term: &'static str, width: f32, rank: u8, of: fn(&Row<'_>) -> Cell) -> Column {
    Column { name, term, width, rank, before: false, after: true, of }
}

/// All columns, in the order in which they stand.
pub const COLUMNS: [Column; 14] = [
    Column { before: true, ..column("Size", "", 66.0, 0, size) },
    Column { before: true, ..column("Bits", "bits per weight", 36.0, 4, bits) },
    Column { before: true, after: false, ..column("Needs", "planned", 92.0, 1, needs) },
    column("KL", "kl", 130.0, 1, kl),
    column("Median", "median", 66.0, 8, |row| spread(row, |spread| spread.median)),
    column("99 %", "99 %", 60.0, 7, |row| spread(row, |spread| spread.p99)),
    column("Max", "maximum", 52.0, 9, |row| spread(row, |spread| spread.max)),
    column("Top-1", "top-1", 104.0, 2, top1),
    column("RMS Δp", "rms δp", 92.0, 10, rms),
    column("PPL", "ppl", 96.0, 11, ppl),
    column("PPL ratio", "ppl ratio", 116.0, 5, ratio),
    column("Prefill", "prefill", 56.0, 6, |row| speed(row.measured.and_then(|run| run.prefill))),
    column("Decode", "decode", 56.0, 3, |row| speed(row.measured.and_then(|run| run.decode))),
    column("Booked", "booked weights", 76.0, 12, booked),
];

/// The cells of all columns; `is_reference` leaves out what a reference has none of.
#[must_use]
pub fn all(row: &Row<'_>, is_reference: bool) -> Vec<Cell> {
    let reference_ppl = || {
        let summary = row.results?.runs.iter().find_map(|run| run.summary)?;
        let ppl = summary.reference_ppl;
        Some(Cell { text: with_error(ppl.value, ppl.stderr), exact: digits(ppl.value), faint: false })
    };
    COLUMNS
        .iter()
        .map(|column| if is_reference && column.name == "PPL" { reference_ppl().unwrap_or_default() } else { (column.of)(row) })
        .collect()
}

/// What a pick is called before it is planned.
#[must_use]
pub fn name_of(pick: &Pick) -> String {
    match pick {
        Pick::File(model) => text::shown(&model.label(), 120),
        Pick::Made(recipe) => recipe.name(),
    }
}

fn size(row: &Row<'_>) -> Cell {
    let bytes = row.candidate.mix.bytes;
    Cell { text: bytes.on_disk(), exact: format!("{} of weights", bytes.exact()), faint: false }
}

fn bits(row: &Row<'_>) -> Cell {
    let bits = row.candidate.mix.bits_per_weight();
    Cell { text: significant(bits), exact: digits(bits), faint: false }
}

fn needs(row: &Row<'_>) -> Cell {
    row.need.map_or_else(Cell::default, |need| Cell {
        text: format!("{} {}", fit::sign(plan::fit(need.peak, row.machine)), need.total),
        exact: format!("planned: weights {}, at its highest moment {}", need.weights, need.peak),
        faint: false,
    })
}

fn booked(row: &Row<'_>) -> Cell {
    let bytes = row.measured.and_then(|run| run.booked);
    bytes.map_or_else(Cell::default, |bytes| Cell { text: bytes.in_memory(), exact: format!("booked: {}", bytes.exact()), faint: false })
}

fn figure(row: &Row<'_>, of: impl Fn(&crate::lab::statistics::Summary) -> Cell) -> Cell {
    row.measured.and_then(|run| run.summary.as_ref()).map_or_else(Cell::default, of)
}

fn kl(row: &Row<'_>) -> Cell {
    figure(row, |summary| {
        let kld = summary.kld;
        let exact = format!(
            "{} ± {} nats over {} positions\nmedian {}, 99 % {}, largest {}",
            digits(kld.mean),
            digits(kld.stderr),
            summary.positions,
            nats(kld.median),
            nats(kld.p99),
            nats(kld.max)
        );
        Cell { text: with_error(kld.mean, kld.stderr), exact, faint: false }
    })
}

fn spread(row: &Row<'_>, of: fn(&crate::lab::statistics::Spread) -> f64) -> Cell {
    figure(row, |summary| Cell { text: nats(of(&summary.kld)), exact: format!("{} nats", digits(of(&summary.kld))), faint: false })
}

/// A share with its error, in per cent.
fn percent(estimate: crate::lab::statistics::Estimate) -> Cell {
    let text = format!("{}{}%", with_error(estimate.value * 100.0, estimate.stderr * 100.0), crate::units::THIN_SPACE);
    Cell { text, exact: format!("{} ± {}", digits(estimate.value), digits(estimate.stderr)), faint: false }
}

fn top1(row: &Row<'_>) -> Cell {
    figure(row, |summary| percent(summary.top1))
}

fn rms(row: &Row<'_>) -> Cell {
    figure(row, |summary| percent(summary.rms_dp))
}

fn ppl(row: &Row<'_>) -> Cell {
    figure(row, |summary| Cell {
        text: with_error(summary.ppl.value, summary.ppl.stderr),
        exact: format!("{}; the reference {}", digits(summary.ppl.value), digits(summary.reference_ppl.value)),
        faint: false,
    })
}

fn ratio(row: &Row<'_>) -> Cell {
    figure(row, |summary| Cell {
        text: with_error(summary.ratio.value, summary.ratio.stderr),
        exact: format!("{} ± {}", digits(summary.ratio.value), digits(summary.ratio.stderr)),
        faint: false,
    })
}

fn speed(speed: Option<TokensPerSecond>) -> Cell {
    speed.filter(|speed| speed.0 > 0.0).map_or_else(Cell::default, |speed| Cell {
        text: significant(speed.0),
        exact: format!("{} tokens a second, measured here", digits(speed.0)),
        faint: false,
    })
}
