//! Memory of a comparison, planned before anything is loaded: the reference, one candidate at a time, and what is kept of the reference.

use super::candidate::{Candidate, Need};
use super::row::Storage;
use crate::error::{Error, Result};
use crate::memory::plan::{Arithmetic, Choice, PREFILL_CHUNK};
use crate::memory::probe::Machine;
use crate::units::Bytes;

/// The least that is kept of a position where not all of it is.
const LEAST_TOP: usize = 256;

/// What a token and its logit take.
const RANKED_BYTES: u64 = 8;

/// What a position takes beside its logits: the most probable tokens, twice.
const BESIDE_BYTES: u64 = 512;

/// How many positions the reference is kept at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Positions {
    /// All of them.
    pub all: usize,
    /// Those of the first impression, which are kept in full where the others are not.
    pub impression: usize,
}

/// What a comparison takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The reference.
    pub reference: Need,
    /// The largest candidate.
    pub candidate: Need,
    /// What is kept of the reference at all positions.
    pub cache: Bytes,
    /// How much of each position that is.
    pub storage: Storage,
    /// Whether reference and candidate are in memory at the same time; where not, the reference reads the whole text first.
    pub together: bool,
    /// The highest moment.
    pub peak: Bytes,
    /// What the machine could give.
    pub available: Bytes,
}

impl Budget {
    /// Before anything is planned.
    pub(super) const fn nothing(available: Bytes) -> Self {
        let none = Need { weights: Bytes(0), total: Bytes(0), peak: Bytes(0) };
        let storage = Storage::Full;
        Self { reference: none, candidate: none, cache: Bytes(0), storage, together: false, peak: Bytes(0), available }
    }

    /// Plans a comparison at so many positions over `n_vocab` tokens. `most_cache` bounds what is kept of the reference.
    ///
    /// # Errors
    /// [`Error::OverBudget`] when not even one model at a time fits; the reason why a model cannot run.
    pub fn plan(
        reference: &Candidate,
        candidates: &[Candidate],
        choice: Choice,
        machine: &Machine,
        positions: Positions,
        n_vocab: usize,
        most_cache: Bytes,
    ) -> Result<Self> {
        let available = Bytes(machine.available.0 / 10 * 9);
        // All rows of logits of a few tokens, as the arithmetic has them and as they are handed out.
        let copies = if choice.arithmetic == Arithmetic::Exact { 3 } else { 2 };
        let logits = Bytes((copies * PREFILL_CHUNK.min(choice.context) * n_vocab) as u64 * 4);
        let grown = |need: Need| Need { total: need.total + logits, peak: need.peak.max(need.total + logits), ..need };
        let mut largest = Need::default();
        for candidate in candidates {
            let need = grown(candidate.need(choice, machine)?);
            largest.weights = largest.weights.max(need.weights);
            largest.total = largest.total.max(need.total);
            largest.peak = largest.peak.max(need.peak);
        }
        let tokenizer = reference.model.tokenizer_estimate();
        let reference = grown(reference.need(choice, machine)?);
        // The later to be loaded finds the other one there.
        let both = (reference.peak + largest.total).max(reference.total + largest.peak);
        let one = reference.peak.max(largest.peak);
        let all = positions.all.max(1) as u64;
        let beside = Bytes(all * BESIDE_BYTES) + tokenizer;
        let impression = Bytes(positions.impression as u64 * n_vocab as u64 * 4);
        let together = both + beside + impression + Bytes(all * LEAST_TOP as u64 * RANKED_BYTES) <= available;
        let models = if together { both } else { one };
        let room = Bytes(available.saturating_sub(models + beside).0.min(most_cache.0));
        let full = Bytes(all * n_vocab as u64 * 4);
        let (storage, kept) = if full <= room {
            (Storage::Full, full)
        } else {
            let k = (room.saturating_sub(impression).0 / all / RANKED_BYTES).clamp(LEAST_TOP as u64, n_vocab as u64);
            (Storage::Top(usize::try_from(k).unwrap_or(LEAST_TOP)), Bytes(all * k * RANKED_BYTES) + impression)
        };
        let (cache, peak) = (kept + beside, models + kept + beside);
        if peak > available {
            return Err(Error::OverBudget {
                part: "comparing (one model at a time)".into(),
                need: peak,
                have: available,
                advice: "a smaller reference, a shorter text, or closing other programs would help".into(),
            });
        }
        Ok(Self { reference, candidate: largest, cache, storage, together, peak, available: machine.available })
    }
}
