//! Two bits a weight and some: entries of eight levels with eight signs.
#![expect(clippy::inline_always, reason = "bodies are compiled for the instructions of their callers")]

use super::{nibble, short, word};
use crate::kernels::dequantize::anatomy::{Coded, Levels};
use crate::kernels::dequantize::grids::{IQ2_S, IQ2_XS, IQ2_XXS, signed, signs};
use crate::kernels::dequantize::{Blocks, Unpacked, half};

pub(crate) struct IQ2XXS;
pub(crate) struct IQ2XS;
pub(crate) struct IQ2S;

const LEVELS: Levels = Levels::Codebook(&[8, 25, 43], 8);

#[inline(always)]
fn scale(d: f32, code: u8) -> f32 {
    d * (0.5 + f32::from(code)) * 0.25
}

/// Groups of 32 in two double words: four entries of a byte each, then four times seven signs and the scale above them.
impl Blocks for IQ2XXS {
    const LEN: usize = 256;
    const GROUP: usize = 32;
    const BITS: u8 = 2;
    const FIELDS: &'static [(&'static str, usize)] = &[("d", 2), ("qs", 64)];
    const LEVELS: Levels = LEVELS;

    #[inline(always)]
    fn unpack(block: &[u8], to: &mut Unpacked) {
        let d = half(block, 0);
        for (g, levels) in to.levels.chunks_exact_mut(32).enumerate() {
            let above = word(block, 2 + 8 * g + 4);
            to.scales[g] = scale(d, above.to_be_bytes()[0] >> 4);
            for (j, levels) in levels.chunks_exact_mut(8).enumerate() {
                signed(&IQ2_XXS[usize::from(block[2 + 8 * g + j])], signs(above >> (7 * j)), levels);
            }
        }
    }

    fn coded(block: &[u8]) -> Coded {
        let scales = (0..8).map(|g| (block[2 + 8 * g + 7] >> 4).into()).collect();
        Coded { scale: Some(half(block, 0)), scales, ..Coded::default() }
    }

    fn entries(block: &[u8]) -> Vec<u32> {
        (0..32).map(|i| block[2 + i / 4 * 8 + i % 4].into()).collect()
    }
}

/// Words of nine bits of an entry and seven signs; a scale for sixteen weights.
impl Blocks for IQ2XS {
    const LEN: usize = 256;
    const GROUP: usize = 16;
    const BITS: u8 = 2;
    const FIELDS: &'static [(&'static str, usize)] = &[("d", 2), ("qs", 64), ("scales", 8)];
    const LEVELS: Levels = LEVELS;

    #[inline(always)]
    fn unpack(block: &[u8], to: &mut Unpacked) {
        let d = half(block, 0);
        for (g, out) in to.scales.iter_mut().enumerate() {
            *out = scale(d, nibble(&block[66..], g));
        }
        for (i, levels) in to.levels.chunks_exact_mut(8).enumerate() {
            let code = short(block, 2 + 2 * i);
            signed(&IQ2_XS[usize::from(code & 511)], signs((code >> 9).into()), levels);
        }
    }

    fn coded(block: &[u8]) -> Coded {
        let scales = (0..16).map(|g| nibble(&block[66..], g).into()).collect();
        Coded { scale: Some(half(block, 0)), scales, ..Coded::default() }
    }

    fn entries(block: &[u8]) -> Vec<u32> {
        (0..32).map(|i| (short(block, 2 + 2 * i) & 511).into()).collect()
    }
}

/// The entry among 1,024 of eight weights.
#[inline(always)]
fn s_entry(block: &[u8], i: usize) -> usize {
    let high = usize::from(block[66 + i / 4]) >> (2 * (i % 4)) & 3;
    usize::from(block[2 + i]) | high << 8
}

/// Entries of ten bits, eight signs for each, a scale for sixteen weights.
impl Blocks for IQ2S {
    const LEN: usize = 256;
    const GROUP: usize = 16;
    const BITS: u8 = 2;
    const FIELDS: &'static [(&'static str, usize)] = &[("d", 2), ("qs", 32), ("signs", 32), ("qh", 8), ("scales", 8)];
    const LEVELS: Levels = LEVELS;

    #[inline(always)]
    fn unpack(block: &[u8], to: &mut Unpacked) {
        let d = half(block, 0);
        for (g, out) in to.scales.iter_mut().enumerate() {
            *out = scale(d, nibble(&block[74..], g));
        }
        for (i, levels) in to.levels.chunks_exact_mut(8).enumerate() {
            signed(&IQ2_S[s_entry(block, i)], block[34 + i], levels);
        }
    }

    fn coded(block: &[u8]) -> Coded {
        let scales = (0..16).map(|g| nibble(&block[74..], g).into()).collect();
        Coded { scale: Some(half(block, 0)), scales, ..Coded::default() }
    }

    #[expect(clippy::cast_possible_truncation, reason = "ten bits")]
    fn entries(block: &[u8]) -> Vec<u32> {
        (0..32).map(|i| s_entry(block, i) as u32).collect()
    }
}
