//! Superblocks whose parts of 16 have a scale and no minimum, the scale searched: `Q3_K`, `Q6_K`.
//!
//! Values weigh by their squares. `Q6_K` takes the codes for twenty scales around the one that the farthest value asks for, each with the
//! factor that fits them best. `Q3_K` takes one set of codes and moves single ones as long as that brings the best factor nearer.

use half::f16;

use super::Quantizer;
use super::lanes::{Lanes, clamped, clamped_of, farthest, nearest, nearest_of, turned};
use crate::kernels::dot::simd::{LANES, Simd};

/// Values of a superblock.
const BLOCK: usize = 256;
/// Values of a part.
const PART: usize = 16;
/// A part whose largest value is below this is nothing.
const NOTHING: f32 = 1e-15;

/// The value that is farthest from zero, the first of several.
fn farthest_of(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |most: f32, &x| if x.abs() > most.abs() { x } else { most })
}

/// `Σ w·x·code` and `Σ w·code²` for codes taken as `x · by`, with `w` the square of `x`.
#[inline(always)]
fn sums<S: Simd>(s: S, x: &[Lanes; PART], by: &Lanes, most: f32) -> (Lanes, Lanes) {
    let (by, low, high) = (s.load(by), s.floats(-most), s.floats(most - 1.0));
    let (mut products, mut squares) = (s.floats(0.0), s.floats(0.0));
    for i in 0..PART {
        let x = s.load(&x[i]);
        let code = clamped_of(s, nearest_of(s, s.multiply(by, x)), low, high);
        let weight = s.multiply(x, x);
        products = s.add(products, s.multiply(s.multiply(weight, x), code));
        squares = s.add(squares, s.multiply(s.multiply(weight, code), code));
    }
    (s.store(products), s.store(squares))
}

/// Scales of sixteen parts for codes from `-most` to `most - 1`, and what the codes were taken by.
#[inline(always)]
fn search<S: Simd>(s: S, x: &[Lanes; PART], most: f32) -> (Lanes, Lanes) {
    let farthest = farthest(x);
    let mut by = [0.0_f32; LANES];
    for lane in 0..LANES {
        by[lane] = -most / farthest[lane];
    }
    let (products, squares) = sums(s, x, &by, most);
    let (mut scale, mut best, mut best_by) = ([0.0_f32; LANES], [0.0_f32; LANES], by);
    for lane in 0..LANES {
        scale[lane] = if squares[lane] == 0.0 { 0.0 } else { products[lane] / squares[lane] };
        best[lane] = scale[lane] * products[lane];
    }
    for step in -9_i8..=9 {
        if step == 0 {
            continue;
        }
        for lane in 0..LANES {
            by[lane] = -(most + 0.1 * f32::from(step)) / farthest[lane];
        }
        let (products, squares) = sums(s, x, &by, most);
        for lane in 0..LANES {
            let better = (squares[lane] > 0.0) & (products[lane] * products[lane] > best[lane] * squares[lane]);
            let fitted = products[lane] / squares[lane];
            scale[lane] = if better { fitted } else { scale[lane] };
            best[lane] = if better { fitted * products[lane] } else { best[lane] };
            best_by[lane] = if better { by[lane] } else { best_by[lane] };
        }
    }
    for lane in 0..LANES {
        if farthest[lane].abs() < NOTHING {
            (scale[lane], best_by[lane]) = (0.0, f32::NAN);
        }
    }
    (scale, best_by)
}

/// 256 codes of six bits in 16 parts.
pub struct Q6K;

impl Quantizer for Q6K {
    const LEN: usize = BLOCK;
    const BYTES: usize = 210;

    #[inline(always)]
    fn blocks<S: Simd>(s: S, values: &[f32], out: &mut [u8]) {
        for (values, out) in values.as_chunks::<BLOCK>().0.iter().zip(out.as_chunks_mut::<210>().0) {
            let x = turned::<PART>(values);
            let (scales, by) = search(s, &x, 32.0);
            let largest = farthest_of(&scales);
            if largest.abs() < NOTHING {
                out.fill(0);
                continue;
            }
            let inverse = -128.0 / largest;
            let d = f16::from_f32(1.0 / inverse);
            out[208..].copy_from_slice(&d.to_le_bytes());
            let mut scale = [0.0; LANES];
            for part in 0..LANES {
                let rounded = clamped(nearest(inverse * scales[part]), -128.0, 127.0);
                out[192 + part] = rounded as i8 as u8;
                scale[part] = d.to_f32() * rounded;
            }
            let mut codes = [[0_u8; LANES]; PART];
            for i in 0..PART {
                for lane in 0..LANES {
                    let by_scale = x[i][lane] / scale[lane];
                    let code = nearest(if scale[lane] == 0.0 { x[i][lane] * by[lane] } else { by_scale });
                    // What is no number is a part of nothing, and gets the lowest code.
                    codes[i][lane] = (clamped(code, -32.0, 31.0) + 32.0) as u8;
                }
            }
            for half in 0..2 {
                for i in 0..32 {
                    let code = |quarter: usize| codes[i % 16][8 * half + 2 * quarter + i / 16];
                    out[64 * half + i] = code(0) & 15 | code(2) << 4;
                    out[64 * half + 32 + i] = code(1) & 15 | code(3) << 4;
                    out[128 + 32 * half + i] = code(0) >> 4 | code(1) >> 4 << 2 | code(2) >> 4 << 4 | code(3) >> 4 << 6;
                }
            }
        }
    }
}

/// 256 codes of three bits in 16 parts.
pub struct Q3K;

/// Rounds in which single codes may move.
const ROUNDS: usize = 5;

/// Codes from -4 to 3 and the scales that fit them.
#[inline(always)]
fn moved(x: &[Lanes; PART]) -> (Lanes, [Lanes; PART]) {
    let farthest = farthest(x);
    let mut codes = [[0.0_f32; LANES]; PART];
    let (mut products, mut squares) = ([0.0_f32; LANES], [0.0_f32; LANES]);
    for i in 0..PART {
        for lane in 0..LANES {
            let value = x[i][lane];
            let code = clamped(nearest(-4.0 / farthest[lane] * value), -4.0, 3.0);
            let weight = value * value;
            codes[i][lane] = code;
            products[lane] += weight * value * code;
            squares[lane] += weight * code * code;
        }
    }
    for _ in 0..ROUNDS {
        for i in 0..PART {
            for lane in 0..LANES {
                let (value, code) = (x[i][lane], codes[i][lane]);
                let weight = value * value;
                let products_without = products[lane] - weight * value * code;
                let squares_without = squares[lane] - weight * code * code;
                let new = clamped(nearest(value * squares_without / products_without), -4.0, 3.0);
                let new_products = products_without + weight * value * new;
                let new_squares = squares_without + weight * new * new;
                let nearer = new_products * new_products * squares[lane] > products[lane] * products[lane] * new_squares;
                let moves = (products_without > 0.0) & (new != code) & (new_squares > 0.0) & nearer;
                codes[i][lane] = if moves { new } else { code };
                products[lane] = if moves { new_products } else { products[lane] };
                squares[lane] = if moves { new_squares } else { squares[lane] };
            }
        }
    }
    let mut scale = [0.0; LANES];
    for lane in 0..LANES {
        let nothing = farthest[lane].abs() < NOTHING;
        scale[lane] = if nothing || squares[lane] <= 0.0 { 0.0 } else { products[lane] / squares[lane] };
        for i in 0..PART {
            codes[i][lane] = if nothing { -4.0 } else { codes[i][lane] };
        }
    }
    (scale, codes)
}

impl Quantizer for Q3K {
    const LEN: usize = BLOCK;
    const BYTES: usize = 110;

    #[inline(always)]
    fn blocks<S: Simd>(_: S, values: &[f32], out: &mut [u8]) {
        for (values, out) in values.as_chunks::<BLOCK>().0.iter().zip(out.as_chunks_mut::<110>().0) {
            let x = turned::<PART>(values);
            let (scales, searched) = moved(&x);
            let largest = farthest_of(&scales);
            out.fill(0);
            let mut scale = [0.0; LANES];
            if largest != 0.0 {
                let inverse = -32.0 / largest;
                let d = f16::from_f32(1.0 / inverse);
                out[108..].copy_from_slice(&d.to_le_bytes());
                for part in 0..LANES {
                    let rounded = clamped(nearest(inverse * scales[part]), -32.0, 31.0);
                    scale[part] = d.to_f32() * rounded;
                    let six = (rounded + 32.0) as u8;
                    out[96 + part % 8] |= (six & 15) << (part / 8 * 4);
                    out[104 + part % 4] |= six >> 4 << (part / 4 * 2);
                }
            }
            let mut codes = [[0_u8; LANES]; PART];
            for i in 0..PART {
                for lane in 0..LANES {
                    let by_scale = clamped(nearest(x[i][lane] / scale[lane]), -4.0, 3.0);
                    codes[i][lane] = (if scale[lane] == 0.0 { searched[i][lane] } else { by_scale } + 4.0) as u8;
                }
            }
            for half in 0..2 {
                for i in 0..32 {
                    for quarter in 0..4 {
                        let code = codes[i % 16][8 * half + 2 * quarter + i / 16];
                        out[i] |= code >> 2 << (4 * half + quarter);
                        out[32 + 32 * half + i] |= (code & 3) << (2 * quarter);
                    }
                }
            }
        }
    }
}
