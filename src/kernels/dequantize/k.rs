//! The K types: 256 weights in groups whose scales, and minima, are codes under a super-scale.
#![expect(clippy::inline_always, reason = "bodies are compiled for the instructions of their callers")]

use super::anatomy::{Coded, Levels};
use super::simple::signed;
use super::{Blocks, Unpacked, half, nibbles};

pub(super) struct Q2K;
pub(super) struct Q3K;
pub(super) struct Q4K;
pub(super) struct Q5K;
pub(super) struct Q6K;
pub(super) struct Q8K;

impl Blocks for Q2K {
    const LEN: usize = 256;
    const GROUP: usize = 16;
    const OFFSETS: bool = true;
    const BITS: u8 = 2;
    const FIELDS: &'static [(&'static str, usize)] = &[("scales", 16), ("qs", 64), ("d", 2), ("dmin", 2)];
    const LEVELS: Levels = Levels::From(0, 3);

    #[inline(always)]
    fn unpack(block: &[u8], to: &mut Unpacked) {
        let (d, min) = (half(block, 80), half(block, 82));
        for (i, &byte) in block[..16].iter().enumerate() {
            to.scales[i] = d * f32::from(byte & 15);
            to.offsets[i] = -(min * f32::from(byte >> 4));
        }
        crumbs(&block[16..80], &mut to.levels);
    }

    fn coded(block: &[u8]) -> Coded {
        let code = |part: fn(u8) -> u8| block[..16].iter().map(|&byte| part(byte).into()).collect();
        Coded { scale: Some(half(block, 80)), min: Some(half(block, 82)), scales: code(|byte| byte & 15), mins: code(|byte| byte >> 4) }
    }
}

/// Four codes of each byte, in two halves of 128 weights: bits `2j` of 32 bytes are the `j`-th 32 weights.
#[inline(always)]
pub(super) fn crumbs(bytes: &[u8], levels: &mut [i8]) {
    for (bytes, levels) in bytes.chunks_exact(32).zip(levels.chunks_exact_mut(128)) {
        for (j, levels) in levels.chunks_exact_mut(32).enumerate() {
            for (&byte, level) in bytes.iter().zip(levels) {
                *level = (byte >> (2 * j) & 3).cast_signed();
            }
        }
    }
}

/// The sixteen 6-bit scales of a `Q3_K` block, less 32: four bits in the halves of the first eight bytes, two in the last four.
#[inline(always)]
fn q3_scales(bytes: &[u8]) -> [i8; 16] {
    std::array::from_fn(|i| {
        let low = bytes[i % 8] >> (4 * (i / 8)) & 15;
        let high = bytes[8 + i % 4] >> (2 * (i / 4)) & 3;
        (low | high << 4).cast_signed() - 32
    })
}

impl Blocks for Q3K {
    const LEN: usize = 256;
    const GROUP: usize = 16;
    const BITS: u8 = 3;
    const FIELDS: &'static [(&'static str, usize)] = &[("hmask", 32), ("qs", 64), ("scales", 12), ("d", 2)];
    const LEVELS: Levels = Levels::From(-4, 3);

    #[inline(always)]
    fn unpack(block: &[u8], to: &mut Unpacked) {
        let d = half(block, 108);
        for (scale, code) in to.scales.iter_mut().zip(q3_scales(&block[96..108])) {
            *scale = d * f32::from(code);
        }
        crumbs(&block[32..96], &mut to.levels);
        // Bit `j` of byte `i`: whether weight `32 j + i` keeps its place; 4 less where it is not set.
        for (j, levels) in to.levels.chunks_exact_mut(32).enumerate() {
            for (&mask, level) in block[..32].iter().zip(levels) {
                *level += (mask >> j & 1).cast_signed() * 4 - 4;
            }
        }
    }

    fn coded(block: &[u8]) -> Coded {
        let scales = q3_scales(&block[96..108]).map(i32::from).to_vec();
        Coded { scale: Some(half(block, 108)), scales, ..Coded::default() }
    }
}

/// The eight 6-bit scales and minima of a `Q4_K` or `Q5_K` block: four of each in the low bits of eight bytes; of the other four the low
/// bits in the last four bytes, the high ones above the first.
#[inline(always)]
fn scales_and_mins(bytes: &[u8]) -> ([u8; 8], [u8; 8]) {
    let scale = |i: usize| if i < 4 { bytes[i] & 63 } else { bytes[i + 4] & 15 | bytes[i - 4] >> 6 << 4 };
    let min = |i: usize| if i < 4 { bytes[i + 4] & 63 } else { bytes[i + 4] >> 4 | bytes[i] >> 6 << 4 };
    (std::array::from_fn(scale), std::array::from_fn(min))
}

/// Scales and offsets of a block that begins as `Q4_K` and `Q5_K` do.
#[inline(always)]
fn scale_eight(block: &[u8], to: &mut Unpacked) {
    let (d, dmin) = (half(block, 0), half(block, 2));
    let (scales, mins) = scales_and_mins(&block[4..16]);
    for i in 0..8 {
        to.scales[i] = d * f32::from(scales[i]);
        to.offsets[i] = -(dmin * f32::from(mins[i]));
    }
}

fn coded_eight(block: &[u8]) -> Coded {
    let (scales, mins) = scales_and_mins(&block[4..16]);
    Coded {
        scale: Some(half(block, 0)),
        min: Some(half(block, 2)),
        scales: scales.map(i32::from).to_vec(),
        mins: mins.map(i32::from).to_vec(),
    }
}

impl Blocks for Q4K {
    const LEN: usize = 256;
    const GROUP: usize = 32;
    const OFFSETS: bool = true;
    const BITS: u8 = 4;
    const FIELDS: &'static [(&'static str, usize)] = &[("d", 2), ("dmin", 2), ("scales", 12), ("qs", 128)];
    const LEVELS: Levels = Levels::From(0, 15);

    #[inline(always)]
    fn unpack(block: &[u8], to: &mut Unpacked) {
        scale_eight(block, to);
        for (bytes, levels) in block[16..144].chunks_exact(32).zip(to.levels.chunks_exact_mut(64)) {
            nibbles::<32>(bytes, levels, 0);
        }
    }

    fn coded(block: &[u8]) -> Coded {
        coded_eight(block)
    }
}

impl Blocks for Q5K {
    const LEN: usize = 256;
    const GROUP: usize = 32;
    const OFFSETS: bool = true;
    const BITS: u8 = 5;
    const FIELDS: &'static [(&'static str, usize)] = &[("d", 2), ("dmin", 2), ("scales", 12), ("qh", 32), ("qs", 128)];
    const LEVELS: Levels = Levels::From(0, 31);

    #[inline(always)]
    fn unpack(block: &[u8], to: &mut Unpacked) {
        scale_eight(block, to);
        for (bytes, levels) in block[48..176].chunks_exact(32).zip(to.levels.chunks_exact_mut(64)) {
            nibbles::<32>(bytes, levels, 0);
        }
        for (j, levels) in to.levels.chunks_exact_mut(32).enumerate() {
            for (&high, level) in block[16..48].iter().zip(levels) {
                *level += (high >> j & 1).cast_signed() * 16;
            }
        }
    }

    fn coded(block: &[u8]) -> Coded {
        coded_eight(block)
    }
}

impl Blocks for Q6K {
    const LEN: usize = 256;
    const GROUP: usize = 16;
    const BITS: u8 = 6;
    const FIELDS: &'static [(&'static str, usize)] = &[("ql", 128), ("qh", 64), ("scales", 16), ("d", 2)];
    const LEVELS: Levels = Levels::From(-32, 31);

    #[inline(always)]
    fn unpack(block: &[u8], to: &mut Unpacked) {
        let d = half(block, 208);
        for (scale, &code) in to.scales.iter_mut().zip(&block[192..208]) {
            *scale = d * f32::from(code.cast_signed());
        }
        // Halves of 128 weights: their low bits as in 64 bytes of nibbles, their high bits as in 32 bytes of crumbs.
        crumbs(&block[128..192], &mut to.levels);
        for (bytes, levels) in block[..128].chunks_exact(64).zip(to.levels.chunks_exact_mut(128)) {
            let (low, high) = levels.split_at_mut(64);
            for ((&byte, low), high) in bytes.iter().zip(low).zip(high) {
                *low = (*low << 4 | (byte & 15).cast_signed()) - 32;
                *high = (*high << 4 | (byte >> 4).cast_signed()) - 32;
            }
        }
    }

    fn coded(block: &[u8]) -> Coded {
        let scales = block[192..208].iter().map(|&code| code.cast_signed().into()).collect();
        Coded { scale: Some(half(block, 208)), scales, ..Coded::default() }
    }
}

/// What activations are rounded to beside the K types: no file should have it, but a file can. `bsums` are sums of 16 codes.
impl Blocks for Q8K {
    const LEN: usize = 256;
    const GROUP: usize = 256;
    const BITS: u8 = 8;
    const FIELDS: &'static [(&'static str, usize)] = &[("d", 4), ("qs", 256), ("bsums", 32)];
    const LEVELS: Levels = Levels::Signed;

    #[inline(always)]
    fn unpack(block: &[u8], to: &mut Unpacked) {
        to.scales[0] = f32::from_le_bytes([block[0], block[1], block[2], block[3]]);
        signed(&block[4..260], &mut to.levels);
    }
}
