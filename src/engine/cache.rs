//! The KV cache: keys and values of all layers, in blocks of tokens, so that it grows as the conversation does and can be cut back.

use crate::error::{Error, Result};
use crate::kernels::attention::{Heads, Layer};
use crate::memory::ledger::Ledger;
use crate::memory::plan::KvDtype;

/// The cache of one sequence.
#[derive(Debug)]
pub struct KvCache {
    layers: Vec<Layer>,
    len: usize,
    context: usize,
    ledger: Ledger,
}

impl KvCache {
    /// An empty cache for at most `context` tokens; nothing is allocated yet.
    #[must_use]
    pub fn new(dtype: KvDtype, n_layers: usize, heads: Heads, context: usize, ledger: &Ledger) -> Self {
        let layer = match dtype {
            KvDtype::Q8_0 => Layer::q8_0,
            KvDtype::F16 => Layer::f16,
            KvDtype::F32 => Layer::f32,
        };
        Self { layers: (0..n_layers).map(|_| layer(heads)).collect(), len: 0, context, ledger: ledger.clone() }
    }

    /// Tokens in the cache.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Tokens it may hold.
    #[must_use]
    pub const fn context(&self) -> usize {
        self.context
    }

    /// Tokens for which memory is allocated.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.layers.first().map_or(0, Layer::capacity)
    }

    /// Makes room for `more` tokens after those that are there.
    ///
    /// # Errors
    /// When they would not fit the context.
    pub fn reserve(&mut self, more: usize) -> Result<()> {
        let needed = self.len + more;
        if needed > self.context {
            return Err(Error::Engine(format!(
                "the context holds {} tokens; {} are in it and {more} more were asked for",
                self.context, self.len
            )));
        }
        for layer in &mut self.layers {
            layer.reserve(needed, &self.ledger);
        }
        Ok(())
    }

    /// Writes rows of keys and values of one layer behind those in the cache. They count from [`KvCache::advance`] on.
    pub fn write(&mut self, layer: usize, keys: &[f32], values: &[f32]) {
        self.layers[layer].write(self.len, keys, values);
    }

    /// One layer, including rows that were written and not yet counted.
    #[must_use]
    pub fn layer(&self, layer: usize) -> &Layer {
        &self.layers[layer]
    }

    /// Counts `tokens` rows that every layer has written.
    pub const fn advance(&mut self, tokens: usize) {
        self.len += tokens;
    }

    /// Forgets everything from position `len` on. Blocks that hold nothing any more are freed.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
        for layer in &mut self.layers {
            layer.truncate(self.len);
        }
    }
}
