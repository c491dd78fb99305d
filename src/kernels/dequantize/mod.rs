//! From a tensor's bytes to its values, for every type that has values: what the tensor browser and the statistics read.
//!
//! Each quantized type says once, in [`Blocks::unpack`], which scale, which offset and which level every weight of a block has; the
//! loops that make numbers of them are compiled for each processor, and [`anatomy`] shows the same to a person. The operations and their
//! order are those of the Python package `gguf`, so the values are its values to the bit. Nothing here multiplies matrices: that is
//! [`dot`](super::dot)'s work, on packed rows.
#![expect(clippy::inline_always, reason = "bodies are compiled for the instructions of their callers")]
#![expect(unsafe_code, reason = "a function compiled for a processor is called where it was found")]

pub mod anatomy;
mod codebook;
mod fp4;
mod grids;
mod k;
mod nonlinear;
mod plain;
mod simple;
mod ternary;

use super::dot::simd::{Simd, for_each_simd};
use super::processor::Processor;
use crate::file::DType;

/// The longest block.
const LONGEST: usize = 256;
/// The most scales of a block.
const GROUPS: usize = 16;

/// What the weights of a block are made of: `value = scale · level + offset`.
#[derive(Debug, Clone)]
struct Unpacked {
    /// One for each weight.
    levels: [i8; LONGEST],
    /// One for each group of weights.
    scales: [f32; GROUPS],
    /// One for each group; none for types without minima.
    offsets: [f32; GROUPS],
}

impl Unpacked {
    const EMPTY: Self = Self { levels: [0; LONGEST], scales: [0.0; GROUPS], offsets: [0.0; GROUPS] };
}

/// A type whose weights are stored in blocks.
trait Blocks {
    /// Weights of a block.
    const LEN: usize;
    /// Weights that share a scale.
    const GROUP: usize;
    /// Whether groups have offsets.
    const OFFSETS: bool = false;
    /// Bits of a weight's code, without its share of scales.
    const BITS: u8;
    /// What a block is made of, in order: names as ggml has them, and bytes.
    const FIELDS: &'static [(&'static str, usize)];
    /// How codes stand for levels.
    const LEVELS: anatomy::Levels;

    /// Takes a block apart. The block has as many bytes as the fields together.
    fn unpack(block: &[u8], to: &mut Unpacked);

    /// How the scales themselves are stored; nothing where each is a number of its own.
    fn coded(_block: &[u8]) -> anatomy::Coded {
        anatomy::Coded::default()
    }

    /// Entries of the codebook that the weights are, for types that have one.
    fn entries(_block: &[u8]) -> Vec<u32> {
        Vec::new()
    }
}

/// The bytes of a block.
const fn bytes_of<T: Blocks>() -> usize {
    let (mut sum, mut i) = (0, 0);
    while i < T::FIELDS.len() {
        sum += T::FIELDS[i].1;
        i += 1;
    }
    sum
}

/// `$body` with `$T` the [`Blocks`] of a dtype; `$none` where it has none.
macro_rules! with_blocks {
    ($dtype:expr, $T:ident => $body:expr, $none:expr) => {
        with_blocks!(@ $dtype, $T, $body, $none;
            Q4_0 => simple::Q4_0, Q4_1 => simple::Q4_1, Q5_0 => simple::Q5_0, Q5_1 => simple::Q5_1, Q8_0 => simple::Q8_0,
            Q8_1 => simple::Q8_1,
            Q2K => k::Q2K, Q3K => k::Q3K, Q4K => k::Q4K, Q5K => k::Q5K, Q6K => k::Q6K, Q8K => k::Q8K,
            IQ4NL => nonlinear::IQ4NL, IQ4XS => nonlinear::IQ4XS, MXFP4 => fp4::MXFP4, NVFP4 => fp4::NVFP4,
            TQ1_0 => ternary::TQ1_0, TQ2_0 => ternary::TQ2_0,
            IQ1S => codebook::one::IQ1S, IQ1M => codebook::one::IQ1M, IQ2XXS => codebook::two::IQ2XXS, IQ2XS => codebook::two::IQ2XS,
            IQ2S => codebook::two::IQ2S, IQ3XXS => codebook::three::IQ3XXS, IQ3S => codebook::three::IQ3S)
    };
    (@ $dtype:expr, $T:ident, $body:expr, $none:expr; $($name:ident => $($blocks:ident)::+),*) => {
        match $dtype {
            $($crate::file::DType::$name => {
                type $T = $crate::kernels::dequantize::$($blocks)::+;
                $body
            })*
            _ => $none,
        }
    };
}
use with_blocks;

/// Whether there are values for this type.
#[must_use]
pub fn can(dtype: DType) -> bool {
    plain::width(dtype).is_some() || with_blocks!(dtype, _T => true, false)
}

/// The values of whole blocks. The bytes may lie anywhere. Integers beyond 2²⁴ and F64 are rounded to F32.
///
/// # Panics
/// For a type that [`can`] refuses, or where `out` isn't as long as the blocks' weights.
pub fn dequantize(dtype: DType, bytes: &[u8], out: &mut [f32]) {
    dequantize_by(Processor::best(), dtype, bytes, out);
}

/// The same with the instructions of a processor, which must be here.
///
/// # Panics
/// As [`dequantize`].
pub fn dequantize_by(processor: Processor, dtype: DType, bytes: &[u8], out: &mut [f32]) {
    let expected = dtype.byte_len(out.len() as u64, 1);
    assert_eq!(expected, Some(bytes.len() as u64), "{} values of {} have whole blocks", out.len(), dtype.name());
    if plain::width(dtype).is_some() {
        plain::widen(processor, dtype, bytes, out);
    } else {
        with_blocks!(dtype, T => widen::<T>(processor, bytes, out), unreachable!("only known types have a length"));
    }
}

/// Weights that share a scale; 1 for types whose weights stand alone.
#[must_use]
pub fn group_len(dtype: DType) -> usize {
    with_blocks!(dtype, T => T::GROUP, 1)
}

/// The decoded scales of whole blocks, one for each group of [`group_len`] weights: how the weights' sizes vary over a tensor.
///
/// # Panics
/// Where the type has no scales, or `out` isn't as long as the blocks' groups.
pub fn scales(dtype: DType, bytes: &[u8], out: &mut [f32]) {
    fn of<T: Blocks>(bytes: &[u8], out: &mut [f32]) {
        let mut unpacked = Unpacked::EMPTY;
        let groups = T::LEN / T::GROUP;
        assert_eq!(bytes.len() * groups, out.len() * bytes_of::<T>(), "one scale a group");
        for (block, out) in bytes.chunks_exact(bytes_of::<T>()).zip(out.chunks_exact_mut(groups)) {
            T::unpack(block, &mut unpacked);
            out.copy_from_slice(&unpacked.scales[..groups]);
        }
    }
    with_blocks!(dtype, T => of::<T>(bytes, out), panic!("{} has no scales", dtype.name()));
}

for_each_simd! {
    fn widen<T: Blocks>(bytes: &[u8], out: &mut [f32]) by widen_blocks
}

#[inline(always)]
fn widen_blocks<S: Simd, T: Blocks>(_: S, bytes: &[u8], out: &mut [f32]) {
    let mut unpacked = Unpacked::EMPTY;
    for (block, out) in bytes.chunks_exact(bytes_of::<T>()).zip(out.chunks_exact_mut(T::LEN)) {
        T::unpack(block, &mut unpacked);
        for group in 0..T::LEN / T::GROUP {
            let (scale, offset) = (unpacked.scales[group], unpacked.offsets[group]);
            let levels = &unpacked.levels[group * T::GROUP..][..T::GROUP];
            for (out, &level) in out[group * T::GROUP..][..T::GROUP].iter_mut().zip(levels) {
                let scaled = scale * f32::from(level);
                *out = if T::OFFSETS { scaled + offset } else { scaled };
            }
        }
    }
}

/// Half precision, little-endian, at a place.
#[inline(always)]
fn half(bytes: &[u8], at: usize) -> f32 {
    plain::from_half(u16::from_le_bytes([bytes[at], bytes[at + 1]]))
}

/// Two codes of each byte: the low halves to the first `N` levels, the high halves to the next, less `zero`.
#[inline(always)]
fn nibbles<const N: usize>(bytes: &[u8], levels: &mut [i8], zero: i8) {
    let (low, high) = levels[..2 * N].split_at_mut(N);
    for ((&byte, low), high) in bytes[..N].iter().zip(low).zip(high) {
        *low = (byte & 15).cast_signed() - zero;
        *high = (byte >> 4).cast_signed() - zero;
    }
}
