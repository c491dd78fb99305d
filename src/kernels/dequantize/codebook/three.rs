//! Three bits a weight and some: entries of four levels, signs for eight weights at a time.
#![expect(clippy::inline_always, reason = "bodies are compiled for the instructions of their callers")]

use super::{nibble, word};
use crate::kernels::dequantize::anatomy::{Coded, Levels};
use crate::kernels::dequantize::grids::{IQ3_S, IQ3_XXS, signed, signs};
use crate::kernels::dequantize::{Blocks, Unpacked, half};

pub(crate) struct IQ3XXS;
pub(crate) struct IQ3S;

/// Entries of a byte; for each 32 weights a double word with four times seven signs and the scale above them.
impl Blocks for IQ3XXS {
    const LEN: usize = 256;
    const GROUP: usize = 32;
    const BITS: u8 = 3;
    const FIELDS: &'static [(&'static str, usize)] = &[("d", 2), ("qs", 64), ("signs and scales", 32)];
    const LEVELS: Levels = Levels::Codebook(&[4, 12, 20, 28, 36, 44, 52, 62], 4);

    #[inline(always)]
    fn unpack(block: &[u8], to: &mut Unpacked) {
        let d = half(block, 0);
        for (g, levels) in to.levels.chunks_exact_mut(32).enumerate() {
            let above = word(block, 66 + 4 * g);
            to.scales[g] = d * (0.5 + f32::from(above.to_be_bytes()[0] >> 4)) * 0.5;
            for (j, levels) in levels.chunks_exact_mut(8).enumerate() {
                let signs = signs(above >> (7 * j));
                let (first, second) = levels.split_at_mut(4);
                signed(&IQ3_XXS[usize::from(block[2 + 8 * g + 2 * j])], signs, first);
                signed(&IQ3_XXS[usize::from(block[2 + 8 * g + 2 * j + 1])], signs >> 4, second);
            }
        }
    }

    fn coded(block: &[u8]) -> Coded {
        let scales = (0..8).map(|g| (block[66 + 4 * g + 3] >> 4).into()).collect();
        Coded { scale: Some(half(block, 0)), scales, ..Coded::default() }
    }

    fn entries(block: &[u8]) -> Vec<u32> {
        block[2..66].iter().map(|&entry| entry.into()).collect()
    }
}

/// The entry among 512 of four weights.
#[inline(always)]
fn s_entry(block: &[u8], i: usize) -> usize {
    let high = usize::from(block[66 + i / 8]) >> (i % 8) & 1;
    usize::from(block[2 + i]) | high << 8
}

/// Entries of nine bits, signs in bytes, a scale for 32 weights.
impl Blocks for IQ3S {
    const LEN: usize = 256;
    const GROUP: usize = 32;
    const BITS: u8 = 3;
    const FIELDS: &'static [(&'static str, usize)] = &[("d", 2), ("qs", 64), ("qh", 8), ("signs", 32), ("scales", 4)];
    const LEVELS: Levels = Levels::Codebook(&[1, 3, 5, 7, 9, 11, 13, 15], 4);

    #[inline(always)]
    fn unpack(block: &[u8], to: &mut Unpacked) {
        let d = half(block, 0);
        for (g, out) in to.scales[..8].iter_mut().enumerate() {
            *out = d * f32::from(1 + 2 * nibble(&block[106..], g));
        }
        for (i, levels) in to.levels.chunks_exact_mut(4).enumerate() {
            signed(&IQ3_S[s_entry(block, i)], block[74 + i / 2] >> (4 * (i % 2)), levels);
        }
    }

    fn coded(block: &[u8]) -> Coded {
        let scales = (0..8).map(|g| nibble(&block[106..], g).into()).collect();
        Coded { scale: Some(half(block, 0)), scales, ..Coded::default() }
    }

    #[expect(clippy::cast_possible_truncation, reason = "nine bits")]
    fn entries(block: &[u8]) -> Vec<u32> {
        (0..64).map(|i| s_entry(block, i) as u32).collect()
    }
}
