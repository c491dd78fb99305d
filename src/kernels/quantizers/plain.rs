//! Blocks of 32 whose scale follows from their range: `Q4_0`, `Q4_1`, `Q5_0`, `Q5_1`, `Q8_0`. Nothing is searched.

use half::f16;

use super::Quantizer;
use crate::kernels::dot::simd::Simd;

/// Values of a block.
const LEN: usize = 32;

/// A scale, 32 codes less 8.
pub struct Q4_0;
/// A scale, a minimum, 32 codes.
pub struct Q4_1;
/// As [`Q4_0`] with a fifth bit, less 16.
pub struct Q5_0;
/// As [`Q4_1`] with a fifth bit.
pub struct Q5_1;
/// A scale and 32 codes with a sign.
pub struct Q8_0;

fn half(x: f32) -> [u8; 2] {
    f16::from_f32(x).to_le_bytes()
}

fn inverse(x: f32) -> f32 {
    if x == 0.0 { 0.0 } else { 1.0 / x }
}

/// The lowest and the highest value.
#[inline(always)]
fn range(values: &[f32; LEN]) -> (f32, f32) {
    let (mut low, mut high) = (*values, *values);
    let mut width = LEN / 2;
    while width > 0 {
        for i in 0..width {
            low[i] = if low[i + width] < low[i] { low[i + width] } else { low[i] };
            high[i] = if high[i + width] > high[i] { high[i + width] } else { high[i] };
        }
        width /= 2;
    }
    (low[0], high[0])
}

/// The value that is farthest from zero, the first of several.
#[inline(always)]
fn farthest(values: &[f32; LEN]) -> f32 {
    let (low, high) = range(values);
    if -low == high {
        return values.iter().copied().find(|x| x.abs() == high).unwrap_or(high);
    }
    if -low > high { low } else { high }
}

/// The whole part of a number, `most` at most and none below 0. What compilers make of a cast is not a vector's instruction.
#[inline(always)]
const fn whole(x: f32, most: f32) -> u8 {
    /// To this, whole numbers are added in the lowest bits.
    const BASE: f32 = 8_388_608.0;
    let x = if x > 0.0 { x } else { 0.0 };
    let x = if x < most { x } else { most };
    let near = (x + BASE) - BASE;
    let whole = if near > x { near - 1.0 } else { near };
    (whole + BASE).to_bits() as u8
}

/// The whole parts of `(values − minus) · by + plus`, `most` at most.
#[inline(always)]
fn codes(values: &[f32; LEN], minus: f32, by: f32, plus: f32, most: f32) -> [u8; LEN] {
    let mut codes = [0; LEN];
    for i in 0..LEN {
        codes[i] = whole((values[i] - minus) * by + plus, most);
    }
    codes
}

/// Low nibbles are the first 16 codes.
#[inline(always)]
fn pack_nibbles(codes: &[u8; LEN], out: &mut [u8; 16]) {
    for i in 0..16 {
        out[i] = codes[i] & 15 | codes[i + 16] << 4;
    }
}

/// Bit `i` of the word is the fifth of code `i`.
#[inline(always)]
fn fifths(codes: &[u8; LEN]) -> [u8; 4] {
    let mut word = [0; 4];
    for (byte, eight) in word.iter_mut().zip(codes.as_chunks::<8>().0) {
        let bits = u64::from_le_bytes(*eight) >> 4 & 0x0101_0101_0101_0101;
        // The products of bit 8i with 2^(56 − 7i) come together in the highest byte.
        *byte = (bits.wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8;
    }
    word
}

macro_rules! symmetric {
    ($name:ident, $bytes:literal, $middle:literal $(, $fifths:ident)?) => {
        impl Quantizer for $name {
            const LEN: usize = LEN;
            const BYTES: usize = $bytes;

            #[inline(always)]
            fn blocks<S: Simd>(_: S, values: &[f32], out: &mut [u8]) {
                for (values, out) in values.as_chunks::<LEN>().0.iter().zip(out.as_chunks_mut::<$bytes>().0) {
                    let scale = farthest(values) / -$middle;
                    let codes = codes(values, 0.0, inverse(scale), $middle + 0.5, 2.0 * $middle - 1.0);
                    out[..2].copy_from_slice(&half(scale));
                    $(out[2..6].copy_from_slice(&$fifths(&codes));)?
                    if let Some(nibbles) = out.last_chunk_mut() {
                        pack_nibbles(&codes, nibbles);
                    }
                }
            }
        }
    };
}
symmetric!(Q4_0, 18, 8.0_f32);
symmetric!(Q5_0, 22, 16.0_f32, fifths);

macro_rules! from_minimum {
    ($name:ident, $bytes:literal, $most:literal $(, $fifths:ident)?) => {
        impl Quantizer for $name {
            const LEN: usize = LEN;
            const BYTES: usize = $bytes;

            #[inline(always)]
            fn blocks<S: Simd>(_: S, values: &[f32], out: &mut [u8]) {
                for (values, out) in values.as_chunks::<LEN>().0.iter().zip(out.as_chunks_mut::<$bytes>().0) {
                    let (low, high) = range(values);
                    let scale = (high - low) / $most;
                    let codes = codes(values, low, inverse(scale), 0.5, $most);
                    out[..2].copy_from_slice(&half(scale));
                    out[2..4].copy_from_slice(&half(low));
                    $(out[4..8].copy_from_slice(&$fifths(&codes));)?
                    if let Some(nibbles) = out.last_chunk_mut() {
                        pack_nibbles(&codes, nibbles);
                    }
                }
            }
        }
    };
}
from_minimum!(Q4_1, 20, 15.0_f32);
from_minimum!(Q5_1, 24, 31.0_f32, fifths);

impl Quantizer for Q8_0 {
    const LEN: usize = LEN;
    const BYTES: usize = 34;

    #[inline(always)]
    fn blocks<S: Simd>(_: S, values: &[f32], out: &mut [u8]) {
        for (values, out) in values.as_chunks::<LEN>().0.iter().zip(out.as_chunks_mut::<34>().0) {
            let (low, high) = range(values);
            let scale = (if -low > high { -low } else { high }) / 127.0;
            let by = inverse(scale);
            out[..2].copy_from_slice(&half(scale));
            for i in 0..LEN {
                // Halves away from zero: the largest number below a half is added, so that nothing below one is lifted over it.
                let x = values[i] * by;
                let size = whole(x.abs() + 0.499_999_97, 127.0);
                out[2 + i] = if x < 0.0 { size.wrapping_neg() } else { size };
            }
        }
    }
}
