//! One model's way through a comparison, and what came of it so far.

use super::candidate::Candidate;
use super::pass::Pass;
use super::row::Difference;
use super::statistics::Summary;
use super::text::Chunks;
use crate::error::Error;
use crate::units::TokensPerSecond;

/// What a run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A candidate against the reference.
    Candidate,
    /// The reference against itself, in the other arithmetic: what rounding of activations alone does.
    NoiseFloor,
}

/// How it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It has not begun.
    Waiting,
    /// It is being measured.
    Running,
    /// All of the text is measured.
    Done,
    /// It failed; what was measured before stays.
    Failed(Error),
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Run {
    /// What is measured.
    pub candidate: Candidate,
    /// What for.
    pub kind: Kind,
    /// How it stands.
    pub status: Status,
    /// Chunks that it shall read.
    pub goal: usize,
    /// What each chunk gave, position by position from [`Chunks::half`] on.
    pub scores: Vec<Vec<Difference>>,
    /// What the first half of the first chunk gave, from [`Chunks::preview`] on: a first impression, which the protocol does not count.
    pub impression: Vec<Difference>,
    /// Speed of reading, once it has read.
    pub prefill: Option<TokensPerSecond>,
    /// Speed of generating, measured at the end.
    pub decode: Option<TokensPerSecond>,
    partial: Vec<Difference>,
}

impl Run {
    pub(super) const fn new(candidate: Candidate, kind: Kind, goal: usize) -> Self {
        Self {
            candidate,
            kind,
            status: Status::Waiting,
            goal,
            scores: Vec::new(),
            impression: Vec::new(),
            prefill: None,
            decode: None,
            partial: Vec::new(),
        }
    }

    /// Whether there is something left to measure.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.status, Status::Waiting | Status::Running)
    }

    /// Whether its figures are a first impression, to be replaced by those of the first chunk.
    #[must_use]
    pub fn is_preliminary(&self) -> bool {
        self.scores.is_empty()
    }

    /// The figures so far; `None` before the first.
    #[must_use]
    pub fn summary(&self) -> Option<Summary> {
        if self.scores.is_empty() {
            return (!self.impression.is_empty()).then(|| Summary::of(self.impression.iter()));
        }
        Some(Summary::of(self.scores.iter().flatten()))
    }

    /// The scored positions where it is farthest from the reference, the worst first: chunk, position in it, and what was there.
    #[must_use]
    pub fn worst(&self, chunks: &Chunks, n: usize) -> Vec<(usize, usize, &Difference)> {
        let mut all: Vec<_> = self
            .scores
            .iter()
            .enumerate()
            .flat_map(|(chunk, scores)| scores.iter().enumerate().map(move |(i, difference)| (chunk, chunks.half() + i, difference)))
            .collect();
        all.sort_by(|a, b| b.2.kld.total_cmp(&a.2.kld));
        all.truncate(n);
        all
    }

    /// Keeps what a position gave, once; whether it was wanted.
    pub(super) fn keep(&mut self, chunks: &Chunks, chunk: usize, position: usize, difference: Difference) {
        let (list, start) = if position < chunks.half() {
            (&mut self.impression, chunks.preview())
        } else if chunk == self.scores.len() {
            (&mut self.partial, chunks.half())
        } else {
            return;
        };
        if list.len() + start == position {
            list.push(difference);
        }
    }

    /// Counts the chunk that has been read, if all of it has.
    pub(super) fn close_chunk(&mut self, chunks: &Chunks) -> bool {
        let whole = self.partial.len() == chunks.scored();
        if whole {
            self.scores.push(std::mem::take(&mut self.partial));
        }
        whole
    }

    pub(super) fn forget_partial(&mut self) {
        self.partial.clear();
    }

    pub(super) fn note_speed(&mut self, pass: &Pass) {
        let (prefill, decode) = pass.speed();
        self.prefill = Some(prefill);
        self.decode = decode.or(self.decode);
    }
}
