//! A decoder with its cache and the arithmetic that was chosen: tokens in, logits out, in chunks.

use std::sync::Arc;

use super::cache::KvCache;
use super::compute::Compute;
use super::decoder::{Decoder, Want};
use super::fast::Fast;
use super::operation::Times;
use super::reference::Reference;
use super::timed::Timed;
use super::weights::{Types, Weights};
use crate::error::Result;
use crate::inspect::Model;
use crate::inspect::spec::ModelSpec;
use crate::kernels::pool::Pool;
use crate::memory::alloc::EngineScope;
use crate::memory::ledger::Ledger;
use crate::memory::plan::{Arithmetic, Choice, PREFILL_CHUNK};
use crate::units::Bytes;

#[derive(Debug)]
enum Engine {
    Fast(Timed<Fast>),
    Exact(Timed<Reference>),
}

/// A model that can be fed.
#[derive(Debug)]
pub struct Runner {
    decoder: Decoder,
    engine: Engine,
    cache: KvCache,
    /// The tokens in the cache.
    tokens: Vec<u32>,
    /// The logits of the last chunk; kept, so that no token allocates them anew.
    logits: Vec<f32>,
    /// Bytes of the matrices that were settled.
    settled: usize,
}

impl Runner {
    /// Loads the weights and prepares an empty cache.
    ///
    /// # Errors
    /// As [`Weights::read`].
    pub fn load(model: &Model, choice: Choice, pool: Arc<Pool>, ledger: &Ledger, progress: &mut dyn FnMut(Bytes) -> bool) -> Result<Self> {
        Self::load_as(model, choice, &|tensor| choice.recode.map_or(tensor.dtype, |level| level.of(tensor)), pool, ledger, progress)
    }

    /// The same with each matrix as the type that `types` says, whatever the choice does.
    ///
    /// # Errors
    /// As [`Weights::read`].
    pub fn load_as(
        model: &Model,
        choice: Choice,
        types: Types<'_>,
        pool: Arc<Pool>,
        ledger: &Ledger,
        progress: &mut dyn FnMut(Bytes) -> bool,
    ) -> Result<Self> {
        let _scope = EngineScope::enter();
        let spec = model.spec.clone()?;
        model.file.check_unchanged()?;
        let weights = Weights::read(model, types, &pool, ledger, progress)?;
        Self::over(Decoder::new(spec, weights, choice.context), choice, pool, ledger)
    }

    /// Another one over the same weights, with an empty cache of its own. `choice` is what this one was loaded with.
    ///
    /// # Errors
    /// Where the arithmetic's device is gone.
    pub fn fork(&self, choice: Choice, pool: Arc<Pool>, ledger: &Ledger) -> Result<Self> {
        let _scope = EngineScope::enter();
        Self::over(self.decoder.fork(), choice, pool, ledger)
    }

    fn over(decoder: Decoder, choice: Choice, pool: Arc<Pool>, ledger: &Ledger) -> Result<Self> {
        let engine = match choice.arithmetic {
            Arithmetic::Fast => Engine::Fast(Timed::new(Fast::new(pool))),
            Arithmetic::Exact => Engine::Exact(Timed::new(Reference::new(pool)?)),
        };
        let cache = KvCache::new(choice.cache_dtype(), decoder.spec().n_layers, decoder.heads(), choice.context, ledger);
        Ok(Self { decoder, engine, cache, tokens: Vec::new(), logits: Vec::new(), settled: 0 })
    }

    /// Moves the next `most` bytes of the weights onto large pages: a few per cent of speed for moments in which nothing else is to be
    /// done.
    pub fn settle(&mut self, most: Bytes) {
        let (mut before, mut left) = (0, usize::try_from(most.0).unwrap_or(usize::MAX));
        for matrix in self.decoder.weights().matrices() {
            let size = usize::try_from(matrix.bytes().0).unwrap_or(usize::MAX);
            let first = self.settled.saturating_sub(before).min(size);
            let n = left.min(size - first);
            if n > 0 {
                matrix.make_pages_large(first..first + n);
            }
            self.settled += n;
            left -= n;
            before += size;
        }
    }

    /// Whether all weights have been settled.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.settled >= self.decoder.weights().matrices().map(|matrix| usize::try_from(matrix.bytes().0).unwrap_or(usize::MAX)).sum()
    }

    /// Tokens that are in the cache.
    #[must_use]
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// The logits of the chunk that was read last, as many as were wanted.
    #[must_use]
    pub fn logits(&self) -> &[f32] {
        &self.logits
    }

    /// Tokens the context can hold.
    #[must_use]
    pub const fn context(&self) -> usize {
        self.cache.context()
    }

    /// Size of the vocabulary: the width of the logits.
    #[must_use]
    #[expect(clippy::misnamed_getters, reason = "the head may be padded, and logits are the head's")]
    pub fn n_vocab(&self) -> usize {
        self.decoder.spec().n_logits
    }

    /// What the file says of the model.
    #[must_use]
    pub fn spec(&self) -> &ModelSpec {
        self.decoder.spec()
    }

    /// The cache, for its sizes.
    #[must_use]
    pub const fn cache(&self) -> &KvCache {
        &self.cache
    }

    /// How long each kind of work took in all chunks so far. The difference of two of these is what lies between them.
    #[must_use]
    pub const fn times(&self) -> Times {
        match &self.engine {
            Engine::Fast(compute) => compute.times(),
            Engine::Exact(compute) => compute.times(),
        }
    }

    /// Keeps the longest beginning that the cache shares with `tokens`, but never all of them (the last one's logits are still wanted),
    /// and returns its length.
    pub fn rewind_to_common(&mut self, tokens: &[u32]) -> usize {
        let common = self.tokens.iter().zip(tokens).take_while(|(a, b)| a == b).count();
        let keep = common.min(tokens.len().saturating_sub(1));
        self.truncate(keep);
        keep
    }

    /// Forgets everything from position `len` on.
    pub fn truncate(&mut self, len: usize) {
        let _scope = EngineScope::enter();
        self.cache.truncate(len);
        self.tokens.truncate(len);
    }

    /// Reads one chunk of at most [`PREFILL_CHUNK`] tokens and returns the logits that are wanted, row-major `[·, n_vocab]`.
    ///
    /// # Errors
    /// As [`Decoder::forward`]; the cache is then as it was.
    pub fn chunk(&mut self, tokens: &[u32], want: Want, go_on: &dyn Fn() -> bool) -> Result<&[f32]> {
        let _scope = EngineScope::enter();
        let Self { decoder, cache, logits, .. } = self;
        logits.clear();
        match &mut self.engine {
            Engine::Fast(compute) => forward(decoder, compute, tokens, cache, want, go_on, logits),
            Engine::Exact(compute) => forward(decoder, compute, tokens, cache, want, go_on, logits),
        }?;
        self.tokens.extend_from_slice(tokens);
        Ok(&self.logits)
    }

    /// Reads all `tokens` in chunks and calls `each(first position, logits)` with those that are wanted; [`Want::Last`] means the last
    /// position of all.
    ///
    /// # Errors
    /// As [`Runner::chunk`].
    pub fn feed(
        &mut self,
        tokens: &[u32],
        want: Want,
        go_on: &dyn Fn() -> bool,
        each: &mut dyn FnMut(usize, &[f32]) -> Result<()>,
    ) -> Result<()> {
        let n_chunks = tokens.len().div_ceil(PREFILL_CHUNK);
        for (i, chunk) in tokens.chunks(PREFILL_CHUNK).enumerate() {
            let wanted = if want == Want::Last && i + 1 < n_chunks { Want::Nothing } else { want };
            let first = self.tokens.len();
            let logits = self.chunk(chunk, wanted, go_on)?;
            if wanted != Want::Nothing {
                each(if wanted == Want::Last { first + chunk.len() - 1 } else { first }, logits)?;
            }
        }
        Ok(())
    }
}

fn forward<C: Compute>(
    decoder: &mut Decoder,
    compute: &mut Timed<C>,
    tokens: &[u32],
    cache: &mut KvCache,
    want: Want,
    go_on: &dyn Fn() -> bool,
    logits: &mut Vec<f32>,
) -> Result<()> {
    compute.start();
    if let Some(tensor) = decoder.forward(compute, tokens, cache, want, go_on)? {
        compute.read(&tensor, logits)?;
    }
    Ok(())
}
