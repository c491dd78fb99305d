//! What answers in step and what one after another, decided by memory before anything is loaded.

use super::{Column, Question};
use crate::error::{Error, Result};
use crate::lab::candidate::Need;
use crate::memory::plan::Choice;
use crate::memory::probe::Machine;
use crate::units::Bytes;

/// Columns that answer in step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// Their places.
    pub columns: Vec<usize>,
    /// What they take at the highest moment.
    pub peak: Bytes,
}

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// What follows one after another.
    pub batches: Vec<Batch>,
    /// Columns that cannot run at all, and why.
    pub refused: Vec<(usize, Error)>,
    /// What the machine could give.
    pub available: Bytes,
}

impl Plan {
    /// Plans for a machine. A column that fits nowhere is refused; the others answer all the same.
    #[must_use]
    pub fn of(columns: &[Column], question: &Question, machine: &Machine) -> Self {
        let room = Bytes(machine.available.0 / 10 * 9);
        let mut plan = Self { available: machine.available, ..Self::default() };
        // Columns of the same weights, with what loading them takes and what each takes beside them.
        let mut models: Vec<(Vec<usize>, Cost)> = Vec::new();
        for (at, column) in columns.iter().enumerate() {
            let cost = match Cost::of(column, question.choice, machine) {
                Ok(cost) => cost,
                Err(error) => {
                    plan.refused.push((at, error));
                    continue;
                }
            };
            match models.iter_mut().find(|(of, _)| columns[of[0]].shares_weights(column)) {
                Some((of, _)) => of.push(at),
                None => models.push((vec![at], cost)),
            }
        }
        let together = peak(&models);
        if together <= room && !models.is_empty() {
            let mut all: Vec<usize> = models.iter().flat_map(|(of, _)| of.iter().copied()).collect();
            all.sort_unstable();
            plan.batches.push(Batch { columns: all, peak: together });
            return plan;
        }
        for (of, cost) in models {
            let alone = peak(&[(vec![of[0]], cost)]);
            if alone > room {
                let error = Error::OverBudget {
                    part: columns[of[0]].candidate.name.clone(),
                    need: alone,
                    have: room,
                    advice: "a smaller quantization would fit, or other programs and the loaded model could be closed".into(),
                };
                plan.refused.extend(of.into_iter().map(|at| (at, error.clone())));
                continue;
            }
            // As many of its columns at a time as there is room for.
            let fits = room.saturating_sub(cost.weights).0 / cost.beside.0.max(1);
            for some in of.chunks(usize::try_from(fits).unwrap_or(usize::MAX).max(1)) {
                plan.batches.push(Batch { columns: some.to_vec(), peak: peak(&[(some.to_vec(), cost)]) });
            }
        }
        plan
    }

    /// Whether all columns that can run do so in step.
    #[must_use]
    pub const fn in_step(&self) -> bool {
        self.batches.len() <= 1
    }

    /// The highest moment.
    #[must_use]
    pub fn peak(&self) -> Bytes {
        self.batches.iter().map(|batch| batch.peak).max().unwrap_or_default()
    }
}

/// What a model takes.
#[derive(Debug, Clone, Copy)]
struct Cost {
    /// Once.
    weights: Bytes,
    /// The most while it is loaded.
    loading: Bytes,
    /// For each column: keys, values, activations.
    beside: Bytes,
}

impl Cost {
    fn of(column: &Column, choice: Choice, machine: &Machine) -> Result<Self> {
        let candidate = &column.candidate;
        let Need { weights, total, peak } = candidate.need(choice_of(column, choice), machine)?;
        let weights_and_words = weights + candidate.model.tokenizer_estimate();
        Ok(Self { weights: weights_and_words, loading: weights_and_words.max(peak), beside: total.saturating_sub(weights) })
    }
}

/// The most that these take: all of them answering, or the last being loaded.
fn peak(models: &[(Vec<usize>, Cost)]) -> Bytes {
    let answering: Bytes = models.iter().map(|(of, cost)| cost.weights + Bytes(cost.beside.0 * of.len() as u64)).sum();
    let all: Bytes = models.iter().map(|(_, cost)| cost.weights).sum();
    let loading = models.iter().map(|(_, cost)| all.saturating_sub(cost.weights) + cost.loading).max().unwrap_or_default();
    answering.max(loading)
}

/// What a column is loaded with.
pub(super) fn choice_of(column: &Column, choice: Choice) -> Choice {
    let trained = column.candidate.model.spec.as_ref().map_or(choice.context, |spec| spec.n_ctx_train);
    Choice { context: choice.context.min(trained), recode: None, ..choice }
}
