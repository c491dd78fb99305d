//! The KV cache: keys and values of all layers, in blocks of tokens, so that it grows as the conversation does and can be cut back.

use half::f16;

use crate::error::{Error, Result};
use crate::kernels::attention::{KvValue, KvView};
use crate::memory::Part;
use crate::memory::ledger::{Ledger, Paid};
use crate::memory::plan::{KV_BLOCK_TOKENS, KvDtype};

/// Keys and values of one block of one layer, `[KV_BLOCK_TOKENS, kv_dim]` each.
#[derive(Debug)]
struct Block<T> {
    keys: Paid<Vec<T>>,
    values: Paid<Vec<T>>,
}

type Layer<T> = Vec<Block<T>>;

#[derive(Debug)]
enum Layers {
    F16(Vec<Layer<f16>>),
    F32(Vec<Layer<f32>>),
}

/// One layer's view in whichever type it is stored.
#[derive(Debug)]
pub enum LayerView<'a> {
    /// Half precision.
    F16(KvView<'a, f16>),
    /// Single precision.
    F32(KvView<'a, f32>),
}

/// The cache of one sequence.
#[derive(Debug)]
pub struct KvCache {
    layers: Layers,
    kv_dim: usize,
    len: usize,
    context: usize,
    ledger: Ledger,
}

impl KvCache {
    /// An empty cache for at most `context` tokens; nothing is allocated yet.
    #[must_use]
    pub fn new(dtype: KvDtype, n_layers: usize, kv_dim: usize, context: usize, ledger: &Ledger) -> Self {
        let layers = match dtype {
            KvDtype::F16 => Layers::F16((0..n_layers).map(|_| Vec::new()).collect()),
            KvDtype::F32 => Layers::F32((0..n_layers).map(|_| Vec::new()).collect()),
        };
        Self { layers, kv_dim, len: 0, context, ledger: ledger.clone() }
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
        let blocks = match &self.layers {
            Layers::F16(layers) => layers.first().map_or(0, Vec::len),
            Layers::F32(layers) => layers.first().map_or(0, Vec::len),
        };
        blocks * KV_BLOCK_TOKENS
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
        let blocks = needed.div_ceil(KV_BLOCK_TOKENS);
        let values = KV_BLOCK_TOKENS * self.kv_dim;
        match &mut self.layers {
            Layers::F16(layers) => grow(layers, blocks, values, &self.ledger),
            Layers::F32(layers) => grow(layers, blocks, values, &self.ledger),
        }
        Ok(())
    }

    /// Writes rows of keys and values of one layer behind those in the cache. They count from [`KvCache::advance`] on.
    pub fn write(&mut self, layer: usize, keys: &[f32], values: &[f32]) {
        let (kv_dim, start) = (self.kv_dim, self.len);
        match &mut self.layers {
            Layers::F16(layers) => write(&mut layers[layer], kv_dim, start, keys, values),
            Layers::F32(layers) => write(&mut layers[layer], kv_dim, start, keys, values),
        }
    }

    /// One layer, including rows that were written and not yet counted.
    #[must_use]
    pub fn layer(&self, layer: usize) -> LayerView<'_> {
        match &self.layers {
            Layers::F16(layers) => LayerView::F16(view(&layers[layer])),
            Layers::F32(layers) => LayerView::F32(view(&layers[layer])),
        }
    }

    /// Counts `tokens` rows that every layer has written.
    pub const fn advance(&mut self, tokens: usize) {
        self.len += tokens;
    }

    /// Forgets everything from position `len` on. Blocks that hold nothing any more are freed.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
        let blocks = self.len.div_ceil(KV_BLOCK_TOKENS);
        match &mut self.layers {
            Layers::F16(layers) => layers.iter_mut().for_each(|layer| layer.truncate(blocks)),
            Layers::F32(layers) => layers.iter_mut().for_each(|layer| layer.truncate(blocks)),
        }
    }
}

fn grow<T: KvValue>(layers: &mut [Layer<T>], blocks: usize, values: usize, ledger: &Ledger) {
    let buffer = || ledger.pay(Part::KvCache, vec![T::default(); values]);
    for layer in layers {
        while layer.len() < blocks {
            layer.push(Block { keys: buffer(), values: buffer() });
        }
    }
}

fn write<T: KvValue>(layer: &mut Layer<T>, kv_dim: usize, start: usize, keys: &[f32], values: &[f32]) {
    for (i, (key, value)) in keys.chunks(kv_dim).zip(values.chunks(kv_dim)).enumerate() {
        let (block, row) = ((start + i) / KV_BLOCK_TOKENS, (start + i) % KV_BLOCK_TOKENS);
        let place = row * kv_dim..(row + 1) * kv_dim;
        T::narrow(key, &mut layer[block].keys[place.clone()]);
        T::narrow(value, &mut layer[block].values[place]);
    }
}

fn view<T>(layer: &Layer<T>) -> KvView<'_, T> {
    KvView {
        keys: layer.iter().map(|block| &block.keys[..]).collect(),
        values: layer.iter().map(|block| &block.values[..]).collect(),
        block_tokens: KV_BLOCK_TOKENS,
    }
}
