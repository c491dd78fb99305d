//! Memory of a comparison, planned before anything is loaded: the reference, one candidate at a time, and what is kept of the reference.

use super::candidate::{Candidate, Need};
use super::row::Storage;
use crate::error::{Error, Result};
use crate::memory::plan::Choice;
use crate::memory::probe::Machine;
use crate::units::Bytes;

/// The least that is kept of a position where not all of it is.
const LEAST_TOP: usize = 256;

/// What a token and its logit take.
const RANKED_BYTES: u64 = 8;

/// What a position takes beside its logits: the most probable tokens, twice.
const BESIDE_BYTES: u64 = 512;

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

    /// Plans a comparison of `positions` positions over `n_vocab` tokens. `most_cache` bounds what is kept of the reference.
    ///
    /// # Errors
    /// [`Error::OverBudget`] when not even one model at a time fits; the reason why a model cannot run.
    pub fn plan(
        reference: &Candidate,
        candidates: &[Candidate],
        choice: Choice,
        machine: &Machine,
        positions: usize,
        n_vocab: usize,
        most_cache: Bytes,
    ) -> Result<Self> {
        let available = Bytes(machine.available.0 / 10 * 9);
        let mut largest = Need::default();
        for candidate in candidates {
            let need = candidate.need(choice, machine)?;
            largest.weights = largest.weights.max(need.weights);
            largest.total = largest.total.max(need.total);
            largest.peak = largest.peak.max(need.peak);
        }
        let reference = reference.need(choice, machine)?;
        // The later to be loaded finds the other one there.
        let both = (reference.peak + largest.total).max(reference.total + largest.peak);
        let one = reference.peak.max(largest.peak);
        let positions = positions.max(1) as u64;
        let beside = Bytes(positions * BESIDE_BYTES);
        let together = both + beside + Bytes(positions * LEAST_TOP as u64 * RANKED_BYTES) <= available;
        let models = if together { both } else { one };
        let room = Bytes(available.saturating_sub(models + beside).0.min(most_cache.0));
        let full = Bytes(positions * n_vocab as u64 * 4);
        let (storage, logits) = if full <= room {
            (Storage::Full, full)
        } else {
            let k = (room.0 / positions / RANKED_BYTES).clamp(LEAST_TOP as u64, n_vocab as u64);
            (Storage::Top(usize::try_from(k).unwrap_or(LEAST_TOP)), Bytes(positions * k * RANKED_BYTES))
        };
        let (cache, peak) = (logits + beside, models + logits + beside);
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
