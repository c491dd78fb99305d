//! Activations as the products take them: rounded to 8 bits, in blocks, with the sums that weights with an offset ask for.
//!
//! A block's scale is a 127th of its largest magnitude, in F32 (ggml rounds that of a short block to half precision). A block that
//! contains something that is not finite has a scale that is no number: what was none must stay none, or damage would go unnoticed.
//! All instruction sets round alike, bit by bit: to the nearest, ties to even.

use super::Processor;

/// Below this all of a block is taken for zero: the inverse of its scale would not be finite. (2⁻¹¹⁹.)
const SMALLEST: f32 = f32::from_bits(8 << 23);

/// 1.5 · 2²³: what is added to a small number to round it, the sum's last bit being worth 1.
const ROUNDER: f32 = 12_582_912.0;

/// A block of activations that is multiplied with weights.
pub trait Activation: Copy + Default + Send + Sync {
    /// How many activations.
    const LEN: usize;
    /// Whether many rows of them lie block by block, the first block of all rows first, and not row by row: so they are read where
    /// weights are unpacked a block at a time.
    const BY_BLOCK: bool = false;

    /// Rounds whole blocks.
    fn round(processor: Processor, x: &[f32], blocks: &mut [Self]);
}

impl Activation for f32 {
    const LEN: usize = 1;

    fn round(_: Processor, x: &[f32], blocks: &mut [Self]) {
        blocks.copy_from_slice(x);
    }
}

/// 32 activations.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct Rounded32 {
    /// What a code is worth.
    pub scale: f32,
    /// The sum of the codes.
    pub sum: i32,
    /// From −127 to 127.
    pub codes: [i8; 32],
}

/// 256 activations.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Rounded256 {
    /// What a code is worth.
    pub scale: f32,
    /// The sums of 16 codes each.
    pub sums: [i16; 16],
    /// The sums of 32 codes each.
    pub long_sums: [i16; 8],
    /// From −127 to 127.
    pub codes: [i8; 256],
}

impl Rounded32 {
    /// The codes in groups of four.
    #[inline(always)]
    pub fn groups(&self) -> &[[i8; 4]; 8] {
        &self.codes.as_chunks::<4>().0.as_chunks().0[0]
    }
}

impl Rounded256 {
    /// `4 · G` codes from `4 · G · part` on, in groups of four.
    #[inline(always)]
    pub fn part<const G: usize>(&self, part: usize) -> &[[i8; 4]; G] {
        &self.codes.as_chunks::<4>().0.as_chunks::<G>().0[part]
    }

    /// The sums of two parts of `len` codes, 16 or 32, from part `2 · index` on, as a pair of 16-bit numbers.
    #[inline(always)]
    pub fn sums(&self, index: usize, len: usize) -> i32 {
        let sums = if len == 16 { &self.sums[..] } else { &self.long_sums };
        i32::from(sums[2 * index]) & 0xffff | i32::from(sums[2 * index + 1]) << 16
    }
}

impl Default for Rounded256 {
    fn default() -> Self {
        Self { scale: 0.0, sums: [0; 16], long_sums: [0; 8], codes: [0; 256] }
    }
}

impl Activation for Rounded32 {
    const LEN: usize = 32;

    fn round(processor: Processor, x: &[f32], blocks: &mut [Self]) {
        #[cfg(target_arch = "x86_64")]
        if processor >= Processor::Avx2 {
            // SAFETY: the processor has what the function is compiled for.
            return unsafe { avx2_32(x, blocks) };
        }
        round_32(x, blocks);
    }
}

impl Activation for Rounded256 {
    const LEN: usize = 256;
    const BY_BLOCK: bool = true;

    fn round(processor: Processor, x: &[f32], blocks: &mut [Self]) {
        #[cfg(target_arch = "x86_64")]
        if processor >= Processor::Avx2 {
            // SAFETY: the processor has what the function is compiled for.
            return unsafe { avx2_256(x, blocks) };
        }
        round_256(x, blocks);
    }
}

/// The same code, compiled for AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
fn avx2_32(x: &[f32], blocks: &mut [Rounded32]) {
    round_32(x, blocks);
}

/// As [`avx2_32`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
fn avx2_256(x: &[f32], blocks: &mut [Rounded256]) {
    round_256(x, blocks);
}

#[inline(always)]
fn round_32(x: &[f32], blocks: &mut [Rounded32]) {
    for (x, block) in x.as_chunks::<32>().0.iter().zip(blocks) {
        block.scale = to_codes(x, &mut block.codes);
        block.sum = block.codes.iter().map(|&code| i32::from(code)).sum();
    }
}

#[inline(always)]
fn round_256(x: &[f32], blocks: &mut [Rounded256]) {
    for (x, block) in x.as_chunks::<256>().0.iter().zip(blocks) {
        block.scale = to_codes(x, &mut block.codes);
        for (sum, codes) in block.sums.iter_mut().zip(block.codes.as_chunks::<16>().0) {
            *sum = codes.iter().map(|&code| i16::from(code)).sum();
        }
        for (sum, pair) in block.long_sums.iter_mut().zip(block.sums.as_chunks::<2>().0) {
            *sum = pair[0] + pair[1];
        }
    }
}

/// Rounds one block and answers its scale.
#[expect(clippy::cast_possible_truncation, reason = "the difference is a code")]
#[inline(always)]
fn to_codes<const N: usize>(x: &[f32; N], codes: &mut [i8; N]) -> f32 {
    // As integers, magnitudes are in the numbers' order, and what is not finite comes last.
    let largest = f32::from_bits(x.iter().fold(0, |largest: u32, value| largest.max(value.to_bits() & !(1 << 31))));
    if !largest.is_finite() || largest < SMALLEST {
        codes.fill(0);
        return if largest.is_finite() { 0.0 } else { f32::NAN };
    }
    let inverse = 127.0 / largest;
    for (code, &x) in codes.iter_mut().zip(x) {
        *code = (x * inverse + ROUNDER).to_bits().wrapping_sub(ROUNDER.to_bits()) as i8;
    }
    largest / 127.0
}
