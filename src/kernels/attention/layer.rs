//! The cache of one layer, in blocks of positions, so that it grows as the conversation does and can be cut back.

use super::Heads;
use super::q8_0::Q8_0;
use super::unit::{F16, F32, Unit};
use crate::kernels::dot::simd::LANES;
use crate::memory::Part;
use crate::memory::ledger::{Ledger, Paid};

/// Positions of a block.
pub const BLOCK: usize = 256;

/// Keys and values of one block: `[n_kv_heads, BLOCK / LANES, units of a head]` each.
#[derive(Debug)]
struct Block<U> {
    keys: Paid<Vec<U>>,
    values: Paid<Vec<U>>,
}

/// The blocks of a layer that are stored in one type.
#[derive(Debug)]
pub struct Blocks<U> {
    stored: Vec<Block<U>>,
    n_kv_heads: usize,
    head_dim: usize,
}

/// Keys and values of a layer, in whichever type they are stored.
#[derive(Debug)]
pub enum Layer {
    /// Single precision.
    F32(Blocks<F32>),
    /// Half precision.
    F16(Blocks<F16>),
    /// 8 bits.
    Q8_0(Blocks<Q8_0>),
}

macro_rules! each {
    ($layer:expr, $blocks:ident => $result:expr) => {
        match $layer {
            Layer::F32($blocks) => $result,
            Layer::F16($blocks) => $result,
            Layer::Q8_0($blocks) => $result,
        }
    };
}
pub(super) use each;

impl Layer {
    /// An empty layer in single precision.
    #[must_use]
    pub const fn f32(heads: Heads) -> Self {
        Self::F32(Blocks::new(heads))
    }

    /// An empty layer in half precision.
    #[must_use]
    pub const fn f16(heads: Heads) -> Self {
        Self::F16(Blocks::new(heads))
    }

    /// An empty layer in 8 bits.
    #[must_use]
    pub const fn q8_0(heads: Heads) -> Self {
        Self::Q8_0(Blocks::new(heads))
    }

    /// Positions for which there is memory.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        BLOCK * each!(self, blocks => blocks.stored.len())
    }

    /// Makes room for `positions`.
    pub fn reserve(&mut self, positions: usize, ledger: &Ledger) {
        each!(self, blocks => blocks.reserve(positions, ledger));
    }

    /// Frees blocks that hold none of the first `positions`.
    pub fn truncate(&mut self, positions: usize) {
        each!(self, blocks => blocks.stored.truncate(positions.div_ceil(BLOCK)));
    }

    /// Writes rows of `n_kv_heads · head_dim` from position `start` on, for which there must be room.
    pub fn write(&mut self, start: usize, keys: &[f32], values: &[f32]) {
        each!(self, blocks => blocks.write(start, keys, values));
    }

    /// What is stored of the key and the value of one position, `n_kv_heads · head_dim` each.
    pub fn read(&self, position: usize, key: &mut [f32], value: &mut [f32]) {
        each!(self, blocks => blocks.read(position, key, value));
    }
}

/// Bytes that a head's key or value takes in one position, with what is padded.
const fn bytes<U: Unit>(head_dim: usize) -> usize {
    head_dim.div_ceil(U::DIMS) * size_of::<U>() / LANES
}

/// Bytes of a head's key or value of one position in single precision.
#[must_use]
pub const fn f32_bytes(head_dim: usize) -> usize {
    bytes::<F32>(head_dim)
}

/// The same in half precision.
#[must_use]
pub const fn f16_bytes(head_dim: usize) -> usize {
    bytes::<F16>(head_dim)
}

/// The same in 8 bits.
#[must_use]
pub const fn q8_0_bytes(head_dim: usize) -> usize {
    bytes::<Q8_0>(head_dim)
}

impl<U: Unit> Blocks<U> {
    const fn new(heads: Heads) -> Self {
        Self { stored: Vec::new(), n_kv_heads: heads.n_kv_heads, head_dim: heads.head_dim }
    }

    /// Units of a head.
    pub(super) const fn units(&self) -> usize {
        self.head_dim.div_ceil(U::DIMS)
    }

    fn reserve(&mut self, positions: usize, ledger: &Ledger) {
        let units = BLOCK / LANES * self.n_kv_heads * self.units();
        let buffer = || ledger.pay(Part::KvCache, vec![U::default(); units]);
        while self.stored.len() < positions.div_ceil(BLOCK) {
            self.stored.push(Block { keys: buffer(), values: buffer() });
        }
    }

    /// The block of a position, and where in it the head's units of its sixteen positions begin.
    const fn place(&self, kv_head: usize, position: usize) -> (usize, usize) {
        (position / BLOCK, (kv_head * (BLOCK / LANES) + position % BLOCK / LANES) * self.units())
    }

    fn write(&mut self, start: usize, keys: &[f32], values: &[f32]) {
        let kv_dim = self.n_kv_heads * self.head_dim;
        for (i, (keys, values)) in keys.chunks_exact(kv_dim).zip(values.chunks_exact(kv_dim)).enumerate() {
            let heads = keys.chunks_exact(self.head_dim).zip(values.chunks_exact(self.head_dim));
            for (kv_head, (key, value)) in heads.enumerate() {
                let (block, first) = self.place(kv_head, start + i);
                let Block { keys, values } = &mut self.stored[block];
                for (unit, key) in keys[first..].iter_mut().zip(key.chunks(U::DIMS)) {
                    unit.put_key((start + i) % LANES, key);
                }
                for (unit, value) in values[first..].iter_mut().zip(value.chunks(U::DIMS)) {
                    unit.put_value((start + i) % LANES, value);
                }
            }
        }
    }

    fn read(&self, position: usize, key: &mut [f32], value: &mut [f32]) {
        let heads = key.chunks_exact_mut(self.head_dim).zip(value.chunks_exact_mut(self.head_dim));
        for (kv_head, (key, value)) in heads.enumerate() {
            let (block, first) = self.place(kv_head, position);
            let Block { keys, values } = &self.stored[block];
            for (unit, key) in keys[first..].iter().zip(key.chunks_mut(U::DIMS)) {
                unit.key(position % LANES, key);
            }
            for (unit, value) in values[first..].iter().zip(value.chunks_mut(U::DIMS)) {
                unit.value(position % LANES, value);
            }
        }
    }

    /// The units of one head from `position`, a multiple of sixteen, to the end of its block: keys and values.
    pub(super) fn from(&self, kv_head: usize, position: usize) -> (&[U], &[U]) {
        let ((block, first), (_, end)) = (self.place(kv_head, position), self.place(kv_head + 1, 0));
        let Block { keys, values } = &self.stored[block];
        (&keys[first..end], &values[first..end])
    }
}
