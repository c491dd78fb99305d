//! Types whose codes stand for unevenly spaced values: `IQ4_NL`, `IQ4_XS`, `MXFP4`.
//!
//! For the first two, fifteen scales around the one that the farthest value asks for are tried, values weighing by their squares.

use half::f16;

use super::Quantizer;
use super::lanes::{Lanes, clamped, farthest, nearest, turned};
use crate::kernels::dot::simd::{LANES, Simd};

/// Values of a part.
const PART: usize = 32;
/// A part whose largest value is below this is nothing.
const NOTHING: f32 = 1e-15;
/// How far the scales that are tried go to either side.
const TRIES: i8 = 7;

/// What the codes of `IQ4_NL` stand for (ggml's `kvalues_iq4nl`).
const VALUES: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/// From where on a code is nearer than the one before, and how much more it stands for.
const STEPS: [(f32, f32); 15] = {
    let mut steps = [(0.0, 0.0); 15];
    let mut i = 0;
    while i < 15 {
        let (low, high) = (VALUES[i] as f32, VALUES[i + 1] as f32);
        steps[i] = (low.midpoint(high), high - low);
        i += 1;
    }
    steps
};

/// What the nearest codes stand for.
#[inline(always)]
fn nearest_values(x: &Lanes) -> Lanes {
    let mut values = [f32::from(VALUES[0]); LANES];
    for (from, more) in STEPS {
        for lane in 0..LANES {
            values[lane] += if x[lane] >= from { more } else { 0.0 };
        }
    }
    values
}

/// The nearest code.
#[inline(always)]
fn nearest_code(x: f32) -> u8 {
    let mut code = 0;
    for (from, _) in STEPS {
        code += u8::from(x >= from);
    }
    code
}

/// `Σ w·q·x` and `Σ w·q²` for the nearest `q` to `x · by`, with `w` the square of `x`.
#[inline(always)]
fn sums(x: &[Lanes; PART], by: &Lanes) -> (Lanes, Lanes) {
    let (mut products, mut squares) = ([0.0_f32; LANES], [0.0_f32; LANES]);
    for i in 0..PART {
        let mut scaled = [0.0; LANES];
        for lane in 0..LANES {
            scaled[lane] = by[lane] * x[i][lane];
        }
        let values = nearest_values(&scaled);
        for lane in 0..LANES {
            let weighted = x[i][lane] * x[i][lane] * values[lane];
            products[lane] += weighted * x[i][lane];
            squares[lane] += weighted * values[lane];
        }
    }
    (products, squares)
}

/// The scales of sixteen parts.
#[inline(always)]
fn search(x: &[Lanes; PART]) -> Lanes {
    let farthest = farthest(x);
    let lowest = f32::from(VALUES[0]);
    let mut by = [0.0_f32; LANES];
    for lane in 0..LANES {
        by[lane] = 1.0 / (-farthest[lane] / lowest);
    }
    let (products, squares) = sums(x, &by);
    let (mut scale, mut best) = ([0.0_f32; LANES], [0.0_f32; LANES]);
    for lane in 0..LANES {
        scale[lane] = if squares[lane] > 0.0 { products[lane] / squares[lane] } else { 0.0 };
        best[lane] = scale[lane] * products[lane];
    }
    for step in -TRIES..=TRIES {
        for lane in 0..LANES {
            by[lane] = (f32::from(step) + lowest) / farthest[lane];
        }
        let (products, squares) = sums(x, &by);
        for lane in 0..LANES {
            let better = (squares[lane] > 0.0) & (products[lane] * products[lane] > best[lane] * squares[lane]);
            let fitted = products[lane] / squares[lane];
            scale[lane] = if better { fitted } else { scale[lane] };
            best[lane] = if better { fitted * products[lane] } else { best[lane] };
        }
    }
    for lane in 0..LANES {
        scale[lane] = if farthest[lane].abs() < NOTHING { 0.0 } else { scale[lane] };
    }
    scale
}

fn inverse(x: f32) -> f32 {
    if x == 0.0 { 0.0 } else { 1.0 / x }
}

/// Low nibbles are the first 16 codes.
#[inline(always)]
fn pack_nibbles(values: &[f32], by: f32, out: &mut [u8]) {
    for i in 0..16 {
        out[i] = nearest_code(by * values[i]) | nearest_code(by * values[i + 16]) << 4;
    }
}

/// A scale and 32 codes.
pub struct Iq4Nl;

impl Quantizer for Iq4Nl {
    const LEN: usize = PART;
    const BYTES: usize = 18;

    #[inline(always)]
    fn blocks<S: Simd>(_: S, values: &[f32], out: &mut [u8]) {
        for (values, out) in values.chunks(PART * LANES).zip(out.chunks_mut(18 * LANES)) {
            let scales = search(&turned(values));
            let blocks = values.as_chunks::<PART>().0.iter().zip(out.as_chunks_mut::<18>().0);
            for ((values, out), scale) in blocks.zip(scales) {
                out[..2].copy_from_slice(&f16::from_f32(scale).to_le_bytes());
                pack_nibbles(values, inverse(scale), &mut out[2..]);
            }
        }
    }
}

/// 256 codes in 8 parts whose scales have six bits.
pub struct Iq4Xs;

impl Quantizer for Iq4Xs {
    const LEN: usize = 8 * PART;
    const BYTES: usize = 136;

    #[inline(always)]
    fn blocks<S: Simd>(_: S, values: &[f32], out: &mut [u8]) {
        for (values, out) in values.chunks(PART * LANES).zip(out.chunks_mut(2 * 136)) {
            let scales = search(&turned(values));
            let blocks = values.as_chunks::<{ 8 * PART }>().0.iter().zip(out.as_chunks_mut::<136>().0);
            for ((values, out), scales) in blocks.zip(scales.as_chunks::<8>().0) {
                let largest = scales.iter().fold(0.0, |most: f32, &x| if x.abs() > most.abs() { x } else { most });
                let d = -largest / 32.0;
                out[..2].copy_from_slice(&f16::from_f32(d).to_le_bytes());
                out[2..8].fill(0);
                for part in 0..8 {
                    let rounded = clamped(nearest(inverse(d) * scales[part]), -32.0, 31.0);
                    let six = (rounded + 32.0) as u8;
                    out[2 + part / 4] |= six >> 4 << (part % 4 * 2);
                    out[4 + part / 2] |= (six & 15) << (part % 2 * 4);
                    pack_nibbles(&values[PART * part..][..PART], inverse(d * rounded), &mut out[8 + 16 * part..][..16]);
                }
            }
        }
    }
}

/// An exponent and 32 codes: `±0, 0.5, 1, 1.5, 2, 3, 4, 6` times a power of two.
pub struct MxFp4;

/// From where on the next size is nearer, in halves; a value in the middle stays below.
const SIZES: [f32; 7] = [0.5, 1.5, 2.5, 3.5, 5.0, 7.0, 10.0];

/// The nearest code to a value in halves.
#[inline(always)]
fn small_float(x: f32) -> u8 {
    let mut size = 0;
    for middle in SIZES {
        size += u8::from(x.abs() > middle);
    }
    if x < 0.0 && size > 0 { size + 8 } else { size }
}

impl Quantizer for MxFp4 {
    const LEN: usize = 32;
    const BYTES: usize = 17;

    #[inline(always)]
    fn blocks<S: Simd>(_: S, values: &[f32], out: &mut [u8]) {
        for (values, out) in values.as_chunks::<32>().0.iter().zip(out.as_chunks_mut::<17>().0) {
            let most = values.iter().fold(0.0_f32, |most, x| if x.abs() > most { x.abs() } else { most });
            let exponent = if most > 0.0 { (most.log2().floor() - 2.0 + 127.0) as u8 } else { 0 };
            out[0] = exponent;
            // Two to the exponent less 128: the codes stand for halves.
            let by = f32::from_bits((255 - u32::from(exponent)) << 23);
            for i in 0..16 {
                out[1 + i] = small_float(values[i] * by) | small_float(values[i + 16] * by) << 4;
            }
        }
    }
}
