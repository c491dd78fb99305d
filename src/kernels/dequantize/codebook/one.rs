//! Between one and two bits a weight: entries of eight times −1, 0 or 1, moved by an eighth up or down.
#![expect(clippy::inline_always, reason = "bodies are compiled for the instructions of their callers")]

use super::short;
use crate::kernels::dequantize::anatomy::{Coded, Levels};
use crate::kernels::dequantize::grids::IQ1;
use crate::kernels::dequantize::{Blocks, Unpacked, half, plain};

pub(crate) struct IQ1S;
pub(crate) struct IQ1M;

/// In eighths.
const LEVELS: Levels = Levels::Codebook(&[-9, -7, -1, 1, 7, 9], 8);

#[inline(always)]
fn moved(entry: usize, down: bool, levels: &mut [i8]) {
    let by = if down { -1 } else { 1 };
    for (&level, out) in IQ1[entry].iter().zip(levels) {
        *out = level + by;
    }
}

/// A scale of three bits for its levels in eighths.
#[inline(always)]
fn scale(d: f32, code: u16) -> f32 {
    d * f32::from(2 * (code & 7) + 1) * 0.125
}

#[inline(always)]
fn s_entry(block: &[u8], i: usize) -> usize {
    let high = usize::from(short(block, 34 + i / 4 * 2)) >> (3 * (i % 4)) & 7;
    usize::from(block[2 + i]) | high << 8
}

/// Entries of eleven bits; a word for 32 weights has their high bits, the scale and the direction.
impl Blocks for IQ1S {
    const LEN: usize = 256;
    const GROUP: usize = 32;
    const BITS: u8 = 1;
    const FIELDS: &'static [(&'static str, usize)] = &[("d", 2), ("qs", 32), ("qh", 16)];
    const LEVELS: Levels = LEVELS;

    #[inline(always)]
    fn unpack(block: &[u8], to: &mut Unpacked) {
        let d = half(block, 0);
        for (g, levels) in to.levels.chunks_exact_mut(32).enumerate() {
            let above = short(block, 34 + 2 * g);
            to.scales[g] = scale(d, above >> 12);
            for (j, levels) in levels.chunks_exact_mut(8).enumerate() {
                moved(s_entry(block, 4 * g + j), above & 0x8000 != 0, levels);
            }
        }
    }

    fn coded(block: &[u8]) -> Coded {
        let scales = (0..8).map(|g| (short(block, 34 + 2 * g) >> 12 & 7).into()).collect();
        Coded { scale: Some(half(block, 0)), scales, ..Coded::default() }
    }

    #[expect(clippy::cast_possible_truncation, reason = "eleven bits")]
    fn entries(block: &[u8]) -> Vec<u32> {
        (0..32).map(|i| s_entry(block, i) as u32).collect()
    }
}

/// The super-scale: a half whose bits stand above four words of scales.
#[inline(always)]
fn m_scale(block: &[u8]) -> f32 {
    let above = |i: usize| short(block, 48 + 2 * i) >> 12;
    plain::from_half(above(0) | above(1) << 4 | above(2) << 8 | above(3) << 12)
}

#[inline(always)]
fn m_code(block: &[u8], group: usize) -> u16 {
    short(block, 48 + group / 4 * 2) >> (3 * (group % 4)) & 7
}

/// The four bits beside the low ones of entry `i`: three of the entry and the direction.
#[inline(always)]
fn m_high(block: &[u8], i: usize) -> usize {
    usize::from(block[32 + i / 2]) >> (4 * (i % 2))
}

/// Entries of eleven bits with a direction each, a scale for sixteen weights.
impl Blocks for IQ1M {
    const LEN: usize = 256;
    const GROUP: usize = 16;
    const BITS: u8 = 1;
    const FIELDS: &'static [(&'static str, usize)] = &[("qs", 32), ("qh", 16), ("scales", 8)];
    const LEVELS: Levels = LEVELS;

    #[inline(always)]
    fn unpack(block: &[u8], to: &mut Unpacked) {
        let d = m_scale(block);
        for (g, out) in to.scales.iter_mut().enumerate() {
            *out = scale(d, m_code(block, g));
        }
        for (i, levels) in to.levels.chunks_exact_mut(8).enumerate() {
            let high = m_high(block, i);
            moved(usize::from(block[i]) | (high & 7) << 8, high & 8 != 0, levels);
        }
    }

    fn coded(block: &[u8]) -> Coded {
        let scales = (0..16).map(|g| m_code(block, g).into()).collect();
        Coded { scale: Some(m_scale(block)), scales, ..Coded::default() }
    }

    #[expect(clippy::cast_possible_truncation, reason = "eleven bits")]
    fn entries(block: &[u8]) -> Vec<u32> {
        (0..32).map(|i| (usize::from(block[i]) | (m_high(block, i) & 7) << 8) as u32).collect()
    }
}
