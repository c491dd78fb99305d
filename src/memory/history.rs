//! Samples of the live memory over time, bounded, for the plots.

use std::collections::VecDeque;

use super::Parts;
use crate::units::Bytes;

/// Ten minutes at ten samples a second.
const KEPT: usize = 6_000;

/// One look at every live truth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Seconds since the worker started.
    pub at: f64,
    /// What the ledger holds, by part.
    pub charged: Parts,
    /// Activations measured by the allocator, and nothing else by part.
    pub counted: Parts,
    /// All live bytes the allocator gave out in this process.
    pub counted_total: Bytes,
    /// The process's resident set.
    pub resident: Bytes,
    /// What the machine could still give.
    pub available: Bytes,
}

/// Something that happened, marked on the time axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// Seconds since the worker started.
    pub at: f64,
    /// A word or two: "loaded", "answer", "unloaded".
    pub what: String,
}

/// The last minutes of samples and marks, oldest first.
#[derive(Debug, Clone, Default)]
pub struct History {
    samples: VecDeque<Sample>,
    marks: VecDeque<Mark>,
}

impl History {
    /// Adds a sample; the oldest goes when there are too many.
    pub fn push(&mut self, sample: Sample) {
        if self.samples.len() == KEPT {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    /// Marks the time of the newest sample.
    pub fn mark(&mut self, what: impl Into<String>) {
        let at = self.latest().map_or(0.0, |sample| sample.at);
        if self.marks.len() == KEPT {
            self.marks.pop_front();
        }
        self.marks.push_back(Mark { at, what: what.into() });
    }

    /// The newest sample.
    #[must_use]
    pub fn latest(&self) -> Option<&Sample> {
        self.samples.back()
    }

    /// All samples, oldest first.
    pub fn samples(&self) -> impl ExactSizeIterator<Item = &Sample> {
        self.samples.iter()
    }

    /// All marks, oldest first.
    pub fn marks(&self) -> impl ExactSizeIterator<Item = &Mark> {
        self.marks.iter()
    }
}
