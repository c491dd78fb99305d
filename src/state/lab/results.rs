//! What has been measured: figures, every position of the text, and the advice that follows.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::cut::Token;
use crate::lab::advice::{Advice, Outcome, advice};
use crate::lab::budget::Budget;
use crate::lab::candidate::Candidate;
use crate::lab::divergence::Settings;
use crate::lab::row::Difference;
use crate::lab::run::{Kind, Status};
use crate::lab::statistics::{Histogram, Summary};
use crate::message::lab::{Begun, Expected, Exports, Point};
use crate::units::{Bytes, TokensPerSecond};

/// A run of a comparison, as far as it is.
#[derive(Debug, Clone)]
pub struct Measured {
    /// What is measured.
    pub candidate: Arc<Candidate>,
    /// What for.
    pub kind: Kind,
    /// How it stands.
    pub status: Status,
    /// Chunks that it shall read.
    pub goal: usize,
    /// What each chunk gave, position by position.
    pub scores: Vec<Arc<[Difference]>>,
    /// What the first half of the first chunk gave: a first impression.
    pub impression: Option<Arc<[Difference]>>,
    /// Its figures, of the impression as long as there is no whole chunk.
    pub summary: Option<Summary>,
    /// How its KL is spread.
    pub histogram: Option<Histogram>,
    /// Its speed of reading.
    pub prefill: Option<TokensPerSecond>,
    /// Its speed of generating.
    pub decode: Option<TokensPerSecond>,
    /// What its weights have booked in memory.
    pub booked: Option<Bytes>,
}

impl Measured {
    const fn new(candidate: Arc<Candidate>, kind: Kind, goal: usize) -> Self {
        Self {
            candidate,
            kind,
            status: Status::Waiting,
            goal,
            scores: Vec::new(),
            impression: None,
            summary: None,
            histogram: None,
            prefill: None,
            decode: None,
            booked: None,
        }
    }

    /// Whether there is something left to measure.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.status, Status::Waiting | Status::Running)
    }

    /// Whether more of the text is to come: the figures will move.
    #[must_use]
    pub const fn is_preliminary(&self) -> bool {
        !matches!(self.status, Status::Done) || self.scores.is_empty()
    }

    /// What a scored position of a chunk gave; `i` counts from the first scored one.
    #[must_use]
    pub fn at(&self, chunk: usize, i: usize) -> Option<&Difference> {
        self.scores.get(chunk)?.get(i)
    }
}

/// What was measured.
#[derive(Debug, Clone)]
pub struct Results {
    /// The reference.
    pub reference: Arc<Candidate>,
    /// How it was measured.
    pub settings: Settings,
    /// What it takes.
    pub budget: Budget,
    /// The text, chunk by chunk.
    pub chunks: Arc<[Vec<Token>]>,
    /// The first position of a chunk that is scored.
    pub half: usize,
    /// The first position of the first chunk that gives an impression.
    pub preview: usize,
    /// What the reference expects at the scored positions of each chunk.
    pub expected: BTreeMap<usize, Arc<[Expected]>>,
    /// The runs, in the order in which they are measured.
    pub runs: Vec<Measured>,
    /// Tokens as text.
    pub pieces: BTreeMap<u32, String>,
    /// The mean share of the reference's probability that is kept as a sum.
    pub kept_as_sum: f64,
    /// By which share of itself KL is too low because of that.
    pub lost: f64,
    /// What to keep, and why.
    pub advice: Option<Advice>,
    /// All figures for other programs.
    pub exports: Option<Arc<Exports>>,
    /// The run that is looked at.
    pub selected: Option<usize>,
    /// Goes up with each change, so that what was drawn of the figures before is known to be old.
    pub generation: u64,
}

impl Results {
    pub(super) fn new(begun: Begun, generation: u64) -> Self {
        let runs = begun.runs.into_iter().map(|(candidate, kind, goal)| Measured::new(candidate, kind, goal)).collect();
        Self {
            reference: begun.reference,
            settings: begun.settings,
            budget: begun.budget,
            chunks: begun.chunks,
            half: begun.half,
            preview: begun.preview,
            expected: BTreeMap::new(),
            runs,
            pieces: BTreeMap::new(),
            kept_as_sum: 0.0,
            lost: 0.0,
            advice: None,
            exports: None,
            selected: None,
            generation,
        }
    }

    /// Whether something is left to measure.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.runs.iter().any(Measured::is_open)
    }

    /// The candidates with their places among the runs.
    pub fn candidates(&self) -> impl Iterator<Item = (usize, &Measured)> {
        self.runs.iter().enumerate().filter(|(_, run)| run.kind == Kind::Candidate)
    }

    /// The candidates that have figures, the largest first: the order of the quant slider.
    #[must_use]
    pub fn by_size(&self) -> Vec<usize> {
        let mut runs: Vec<usize> = self.candidates().filter(|(_, run)| run.summary.is_some()).map(|(at, _)| at).collect();
        runs.sort_by(|&a, &b| self.runs[b].candidate.mix.bytes.cmp(&self.runs[a].candidate.mix.bytes).then(a.cmp(&b)));
        runs
    }

    /// The noise floor's figures, once there are some.
    #[must_use]
    pub fn noise_floor(&self) -> Option<&Summary> {
        self.runs.iter().find(|run| run.kind == Kind::NoiseFloor)?.summary.as_ref()
    }

    /// Whether a KL is below the noise floor: not to be told from the reference here.
    #[must_use]
    pub fn is_below_floor(&self, kld: f64) -> bool {
        self.noise_floor().is_some_and(|floor| kld <= floor.kld.mean)
    }

    /// The run that is looked at: the one chosen, else the first candidate with figures.
    #[must_use]
    pub fn looked_at(&self) -> Option<usize> {
        let chosen = self.selected.filter(|&run| self.runs.get(run).is_some_and(|run| run.kind == Kind::Candidate));
        chosen.or_else(|| self.by_size().first().copied()).or_else(|| self.candidates().next().map(|(at, _)| at))
    }

    /// Candidates that no other one beats in both bytes and KL, the largest first.
    #[must_use]
    pub fn front(&self, cost: impl Fn(&Measured) -> Option<f64>) -> Vec<usize> {
        let point = |run: &Measured| Some((cost(run)?, run.summary.as_ref()?.kld.mean));
        let all: Vec<(usize, (f64, f64))> = self.candidates().filter_map(|(at, run)| Some((at, point(run)?))).collect();
        let beaten = |a: (f64, f64)| all.iter().any(|&(_, b)| b.0 <= a.0 && b.1 <= a.1 && (b.0 < a.0 || b.1 < a.1));
        let mut front: Vec<(usize, (f64, f64))> = all.iter().copied().filter(|&(_, a)| !beaten(a)).collect();
        front.sort_by(|a, b| b.1.0.total_cmp(&a.1.0));
        front.into_iter().map(|(at, _)| at).collect()
    }

    /// A token as text.
    #[must_use]
    pub fn piece(&self, token: u32) -> &str {
        self.pieces.get(&token).map_or("?", String::as_str)
    }

    pub(super) fn add(&mut self, added: Vec<(Arc<Candidate>, usize)>, budget: Budget) {
        self.runs.extend(added.into_iter().map(|(candidate, goal)| Measured::new(candidate, Kind::Candidate, goal)));
        self.budget = budget;
        self.generation += 1;
    }

    pub(super) fn take(&mut self, point: Point) {
        self.pieces.extend(point.pieces);
        if let (Some(chunk), Some(expected)) = (point.chunk, point.expected) {
            self.expected.insert(chunk, expected);
        }
        (self.kept_as_sum, self.lost) = (point.kept_as_sum, point.lost);
        let Some(run) = self.runs.get_mut(point.run) else { return };
        run.status = Status::Running;
        match point.chunk {
            None => run.impression = Some(point.differences),
            Some(chunk) if chunk == run.scores.len() => run.scores.push(point.differences),
            Some(_) => {}
        }
        run.summary = Some(point.summary);
        run.histogram = Some(point.histogram);
        run.prefill = point.prefill.or(run.prefill);
        self.advise();
    }

    pub(super) fn end(&mut self, run: usize, status: Status, decode: Option<TokensPerSecond>) {
        if let Some(run) = self.runs.get_mut(run) {
            run.status = status;
            run.decode = decode.or(run.decode);
        }
        self.advise();
    }

    fn advise(&mut self) {
        self.generation += 1;
        let outcome = |run: &Measured| {
            Some(Outcome {
                name: run.candidate.name.clone(),
                bytes: run.candidate.mix.bytes,
                summary: run.summary?,
                decode: run.decode,
                measured: run.status == Status::Done && !run.scores.is_empty(),
            })
        };
        let outcomes: Vec<Outcome> = self.candidates().filter_map(|(_, run)| outcome(run)).collect();
        let floor = self.noise_floor().map(|floor| floor.kld.mean);
        self.advice = advice((&self.reference.name, self.reference.mix.bytes), &outcomes, floor);
    }
}
