//! What became of each pair of two files, in words and signs, in one sentence, and as a table for a spreadsheet.

use std::fmt::Write as _;

use crate::error::Error;
use crate::file::text;
use crate::inspect::Model;
use crate::inspect::diff::{Distance, State};
use crate::state::browse::Comparison;
use crate::units::{digits, grouped, percent};

/// What is known of a pair.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome<'a> {
    /// Every byte is the same.
    Identical,
    /// Every value is the same, though they are stored in other ways.
    Equal,
    /// Some value isn't.
    Changed(&'a Distance),
    /// The open file alone has it.
    MissingThere,
    /// The other file alone has it.
    MissingHere,
    /// Their shapes don't fit onto each other.
    Reshaped,
    /// Its turn has not come.
    Waiting,
    /// It could not be compared.
    Failed(&'a Error),
}

impl<'a> Outcome<'a> {
    /// Of a pair, by its place in the comparison of the open file.
    #[must_use]
    pub fn of(model: &Model, comparison: &'a Comparison, at: usize) -> Self {
        let Some(pair) = comparison.pairs.get(at) else { return Self::Waiting };
        match (pair.state(model, &comparison.other), comparison.distances.get(&at)) {
            (State::OnlyA, _) => Self::MissingThere,
            (State::OnlyB, _) => Self::MissingHere,
            (State::Reshaped, _) => Self::Reshaped,
            (State::Comparable, Some(Ok(distance))) if distance.identical => Self::Identical,
            (State::Comparable, Some(Ok(distance))) if distance.is_equal() => Self::Equal,
            (State::Comparable, Some(Ok(distance))) => Self::Changed(distance),
            (State::Comparable, Some(Err(error))) => Self::Failed(error),
            (State::Comparable, None) => Self::Waiting,
        }
    }

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Identical => "identical",
            Self::Equal => "equal values",
            Self::Changed(_) => "changed",
            Self::MissingThere => "only in this file",
            Self::MissingHere => "only in the other",
            Self::Reshaped => "reshaped",
            Self::Waiting => "not compared yet",
            Self::Failed(_) => "failed",
        }
    }

    /// A sign beside the word.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Identical | Self::Equal => "=",
            Self::Changed(_) => "≠",
            Self::MissingThere => "−",
            Self::MissingHere => "+",
            Self::Reshaped => "↔",
            Self::Waiting => "…",
            Self::Failed(_) => "!",
        }
    }

    /// The order of a table sorted by it: what asks for attention first.
    #[must_use]
    pub const fn rank(self) -> u8 {
        match self {
            Self::Failed(_) => 0,
            Self::MissingThere => 1,
            Self::MissingHere => 2,
            Self::Reshaped => 3,
            Self::Changed(_) => 4,
            Self::Waiting => 5,
            Self::Equal => 6,
            Self::Identical => 7,
        }
    }

    /// How far both are from each other, where they were compared.
    #[must_use]
    pub const fn distance(self) -> Option<&'a Distance> {
        if let Self::Changed(distance) = self { Some(distance) } else { None }
    }
}

/// `270 tensors: 210 identical, 58 changed, 2 missing, 0 reshaped; largest relative difference 3.10 %: blk.3.ffn_down.weight`.
#[must_use]
pub fn summary(model: &Model, comparison: &Comparison) -> String {
    let all = comparison.pairs.len();
    let outcomes = || (0..all).map(|at| (at, Outcome::of(model, comparison, at)));
    let count = |is: fn(Outcome<'_>) -> bool| grouped(outcomes().filter(|(_, outcome)| is(*outcome)).count() as u64);
    let mut words = format!(
        "{} {}: {} identical, {} changed, {} missing, {} reshaped",
        grouped(all as u64),
        if all == 1 { "tensor" } else { "tensors" },
        count(|outcome| outcome == Outcome::Identical),
        count(|outcome| matches!(outcome, Outcome::Changed(_))),
        count(|outcome| matches!(outcome, Outcome::MissingThere | Outcome::MissingHere)),
        count(|outcome| outcome == Outcome::Reshaped),
    );
    for (left, what) in [
        (count(|outcome| outcome == Outcome::Equal), "equal though stored otherwise"),
        (count(|outcome| outcome == Outcome::Waiting), "not compared"),
        (count(|outcome| matches!(outcome, Outcome::Failed(_))), "failed"),
    ] {
        if left != "0" {
            let _ = write!(words, ", {left} {what}");
        }
    }
    let largest = outcomes()
        .filter_map(|(at, outcome)| Some((at, outcome.distance()?.relative_rmse)))
        .filter(|(_, relative)| relative.is_finite())
        .max_by(|a, b| a.1.total_cmp(&b.1));
    if let Some((at, relative)) = largest {
        let _ = write!(words, "; largest relative difference {}: {}", percent(relative), text::shown(&comparison.pairs[at].name, 120));
    }
    words
}

/// The table, one line a pair.
#[must_use]
pub fn csv(model: &Model, comparison: &Comparison) -> String {
    let mut out = String::from("name,name_in_other,status,rmse,relative_rmse,cosine,max\n");
    for (at, pair) in comparison.pairs.iter().enumerate() {
        let outcome = Outcome::of(model, comparison, at);
        let name = |name: &str| text::shown(name, usize::MAX).replace('"', "\"\"");
        let other = pair.b.and_then(|b| comparison.other.file.tensors.get(b)).map_or_else(String::new, |info| name(&info.name));
        let distance = match comparison.distances.get(&at) {
            Some(Ok(distance)) => Some(distance),
            Some(Err(_)) | None => None,
        };
        let cell = |of: fn(&Distance) -> f64| distance.map_or_else(String::new, |distance| digits(of(distance)));
        let figures = [cell(|d| d.rmse), cell(|d| d.relative_rmse), cell(|d| d.cosine), cell(|d| d.max)];
        let _ = writeln!(out, "\"{}\",\"{other}\",{},{}", name(&pair.name), outcome.word(), figures.join(","));
    }
    out
}
