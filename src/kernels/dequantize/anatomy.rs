//! One block taken apart for a person: its fields, scales, minima and codes, and the values that it could have held.
//!
//! It says the same as [`dequantize`](super::dequantize), from the same description of each type, slowly and in full.

use std::ops::Range;

use super::{Blocks, Unpacked, bytes_of, plain, with_blocks};
use crate::file::DType;

/// How the codes of a type stand for levels.
#[derive(Debug, Clone, Copy)]
pub(super) enum Levels {
    /// All integers from the first to the last; code 0 is the first.
    From(i8, i8),
    /// Bytes with a sign.
    Signed,
    /// One for each code.
    Table(&'static [i8; 16]),
    /// Magnitudes (or levels, for `IQ1`) that weights of a codebook's entries can have, and weights of an entry.
    Codebook(&'static [i8], usize),
}

/// How the scales of a block are stored, where they are codes themselves.
#[derive(Debug, Default)]
pub(super) struct Coded {
    pub(super) scale: Option<f32>,
    pub(super) min: Option<f32>,
    pub(super) scales: Vec<i32>,
    pub(super) mins: Vec<i32>,
}

/// A part of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name in ggml's sources: `d`, `scales`, `qs`.
    pub name: &'static str,
    /// Its bytes in the block.
    pub bytes: Range<usize>,
}

/// A block taken apart: `values[i] = scales[g] · level of codes[i] + offsets[g]`, where `g = i / group_len`.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockParts {
    /// Its type.
    pub dtype: DType,
    /// What it is made of, in order.
    pub fields: Vec<Field>,
    /// The scale of the scales, where these are codes.
    pub super_scale: Option<f32>,
    /// The scale of the minima, where there are such.
    pub super_min: Option<f32>,
    /// Weights under one scale.
    pub group_len: usize,
    /// The groups' scales as stored; empty where they are not codes.
    pub scale_codes: Vec<i32>,
    /// The groups' minima as stored.
    pub min_codes: Vec<i32>,
    /// The groups' scales.
    pub scales: Vec<f32>,
    /// What is added to the groups' weights; empty for types without minima.
    pub offsets: Vec<f32>,
    /// Bits of a code, without its share of scales; bits of an element for types without blocks.
    pub bits: u8,
    /// The weights' codes as stored; the levels (with sign) for types with a codebook; empty for types without blocks.
    pub codes: Vec<i32>,
    /// All levels that a weight can have, ascending. `IQ1` counts in eighths.
    pub levels: Vec<f32>,
    /// Entries of the codebook, for types that have one.
    pub entries: Vec<u32>,
    /// Weights of such an entry; 0 without a codebook.
    pub entry_len: usize,
    /// The weights.
    pub values: Vec<f32>,
}

impl BlockParts {
    /// All values that a weight of this group could have, ascending.
    #[must_use]
    pub fn grid(&self, group: usize) -> Vec<f32> {
        let Some(scale) = self.scales.get(group) else { return Vec::new() };
        let value = |level: &f32| self.offsets.get(group).map_or(scale * level, |offset| scale * level + offset);
        let mut grid: Vec<f32> = self.levels.iter().map(value).collect();
        grid.sort_by(f32::total_cmp);
        grid.dedup();
        grid
    }

    /// How many different codes the weights use.
    #[must_use]
    pub fn codes_used(&self) -> usize {
        let mut codes = self.codes.clone();
        codes.sort_unstable();
        codes.dedup();
        codes.len()
    }
}

/// Takes one block apart; `None` for types without values, or where the bytes aren't one block. An element of a type without blocks is
/// a block of one.
#[must_use]
pub fn block(dtype: DType, bytes: &[u8]) -> Option<BlockParts> {
    if dtype.block_bytes() != Some(bytes.len() as u64) {
        return None;
    }
    if plain::width(dtype).is_some() {
        let mut values = vec![0.0];
        super::dequantize(dtype, bytes, &mut values);
        return Some(alone(dtype, bytes.len(), values));
    }
    with_blocks!(dtype, T => Some(apart::<T>(dtype, bytes)), None)
}

fn alone(dtype: DType, bytes: usize, values: Vec<f32>) -> BlockParts {
    BlockParts {
        dtype,
        fields: vec![Field { name: "value", bytes: 0..bytes }],
        super_scale: None,
        super_min: None,
        group_len: 1,
        scale_codes: Vec::new(),
        min_codes: Vec::new(),
        scales: Vec::new(),
        offsets: Vec::new(),
        bits: u8::try_from(8 * bytes).unwrap_or(u8::MAX),
        codes: Vec::new(),
        levels: Vec::new(),
        entries: Vec::new(),
        entry_len: 0,
        values,
    }
}

fn apart<T: Blocks>(dtype: DType, bytes: &[u8]) -> BlockParts {
    let mut unpacked = Unpacked::EMPTY;
    T::unpack(bytes, &mut unpacked);
    let mut values = vec![0.0; T::LEN];
    super::dequantize(dtype, bytes, &mut values);
    let groups = T::LEN / T::GROUP;
    let levels = &unpacked.levels[..T::LEN];
    let scaling = T::coded(bytes);
    let mut fields = Vec::new();
    let mut at = 0;
    for &(name, len) in T::FIELDS {
        fields.push(Field { name, bytes: at..at + len });
        at += len;
    }
    debug_assert_eq!(at, bytes_of::<T>());
    let (codes, mut possible, entry_len): (_, Vec<i8>, _) = match T::LEVELS {
        Levels::From(first, last) => (levels.iter().map(|&l| i32::from(l) - i32::from(first)).collect(), (first..=last).collect(), 0),
        Levels::Signed => (levels.iter().map(|&l| l.into()).collect(), (i8::MIN..=i8::MAX).collect(), 0),
        Levels::Table(table) => (stored_nibbles::<T>(bytes), table.to_vec(), 0),
        Levels::Codebook(magnitudes, entry_len) => {
            let both = magnitudes.iter().flat_map(|&m| [m, -m]);
            (levels.iter().map(|&l| l.into()).collect(), both.collect(), entry_len)
        }
    };
    possible.sort_unstable();
    possible.dedup();
    BlockParts {
        dtype,
        fields,
        super_scale: scaling.scale,
        super_min: scaling.min,
        group_len: T::GROUP,
        scale_codes: scaling.scales,
        min_codes: scaling.mins,
        scales: unpacked.scales[..groups].to_vec(),
        offsets: if T::OFFSETS { unpacked.offsets[..groups].to_vec() } else { Vec::new() },
        bits: T::BITS,
        codes,
        levels: possible.into_iter().map(f32::from).collect(),
        entries: T::entries(bytes),
        entry_len,
        values,
    }
}

/// The codes of types with a table: the last field has two in a byte, low halves first, sixteen or (`NVFP4`) eight bytes at a time.
fn stored_nibbles<T: Blocks>(bytes: &[u8]) -> Vec<i32> {
    let start = bytes_of::<T>() - T::LEN / 2;
    let together = T::GROUP.min(32) / 2;
    let parts = bytes[start..].chunks_exact(together);
    parts.flat_map(|part| part.iter().map(|b| b & 15).chain(part.iter().map(|b| b >> 4))).map(i32::from).collect()
}
