//! A model on its way through a chunk: loaded, fed a few tokens at a time, its speed kept.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use super::candidate::Candidate;
use super::text::Chunks;
use crate::engine::decoder::Want;
use crate::engine::runner::Runner;
use crate::error::Result;
use crate::kernels::pool::Pool;
use crate::memory::alloc::EngineOwned;
use crate::memory::ledger::Ledger;
use crate::memory::plan::{Choice, PREFILL_CHUNK};
use crate::units::{Bytes, TokensPerSecond};

/// Tokens that are generated to measure the speed.
const DECODED: usize = 16;

/// A loaded model.
#[derive(Debug)]
pub struct Pass {
    runner: EngineOwned<Runner>,
    /// The chunk that it reads.
    pub chunk: usize,
    /// Tokens read of it.
    pub fed: usize,
    read: (usize, f64),
    decoded: (usize, f64),
}

impl Pass {
    /// Loads a candidate.
    ///
    /// # Errors
    /// As [`Runner::load`].
    pub fn load(
        candidate: &Candidate,
        choice: Choice,
        pool: &Arc<Pool>,
        ledger: &Ledger,
        progress: &mut dyn FnMut(Bytes) -> bool,
    ) -> Result<Self> {
        let types = |tensor: &crate::file::TensorInfo| candidate.dtype_of(tensor);
        let runner = Runner::load_as(&candidate.model, choice, &types, Arc::clone(pool), ledger, progress)?;
        Ok(Self { runner: EngineOwned::new(runner), chunk: 0, fed: 0, read: (0, 0.0), decoded: (0, 0.0) })
    }

    /// Begins a chunk, unless it is on it already.
    pub fn on(&mut self, chunk: usize) {
        if self.chunk != chunk || self.fed == 0 {
            (self.chunk, self.fed) = (chunk, 0);
            self.runner.truncate(0);
        }
    }

    /// Reads some tokens of the chunk, up to `goal` at most, and says which they were, with their logits where they are
    /// scored. After an error it is as before.
    ///
    /// # Errors
    /// As [`Runner::chunk`].
    pub fn feed(&mut self, chunks: &Chunks, goal: usize, go_on: &dyn Fn() -> bool) -> Result<(Range<usize>, Option<&[f32]>)> {
        let started = Instant::now();
        let scored_from = if self.chunk == 0 { chunks.preview() } else { chunks.half() };
        let mark = [scored_from, chunks.half(), goal].into_iter().filter(|&mark| mark > self.fed).min().unwrap_or(goal);
        let first = self.fed;
        let last = mark.min(first + PREFILL_CHUNK).min(goal);
        let want = if first >= scored_from { Want::All } else { Want::Nothing };
        self.runner.chunk(&chunks.tokens[self.chunk][first..last], want, go_on)?;
        self.fed = last;
        self.read.0 += last - first;
        self.read.1 += started.elapsed().as_secs_f64();
        Ok((first..last, (want == Want::All).then(|| self.runner.logits())))
    }

    /// Generates a token behind those that it has read, for the speed alone; `false` when that was done often enough.
    ///
    /// # Errors
    /// As [`Runner::chunk`].
    pub fn decode(&mut self, chunks: &Chunks, go_on: &dyn Fn() -> bool) -> Result<bool> {
        let tokens = &chunks.tokens[self.chunk];
        if self.decoded.0 == 0 {
            self.runner.truncate(chunks.half().min(self.fed));
        }
        if self.decoded.0 > DECODED || self.runner.tokens().len() >= chunks.end() {
            return Ok(false);
        }
        let started = Instant::now();
        let at = self.runner.tokens().len();
        self.runner.chunk(&tokens[at..=at], Want::Last, go_on)?;
        // The first one warms up.
        if self.decoded.0 > 0 {
            self.decoded.1 += started.elapsed().as_secs_f64();
        }
        self.decoded.0 += 1;
        Ok(true)
    }

    /// How fast it read, and how fast it generates, once that was measured.
    #[must_use]
    pub fn speed(&self) -> (TokensPerSecond, Option<TokensPerSecond>) {
        let decode = (self.decoded.0 > 1).then(|| TokensPerSecond::new(self.decoded.0 - 1, self.decoded.1));
        (TokensPerSecond::new(self.read.0, self.read.1), decode)
    }
}
