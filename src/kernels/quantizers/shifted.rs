//! Superblocks whose parts have a scale and a minimum, both searched: `Q2_K`, `Q4_K`, `Q5_K`.
//!
//! For some scales around the one that the range asks for, codes are taken, and then the scale and minimum that fit them best by weighted
//! least squares; the pair with the least weighted error stays. Large values weigh more. Scales and minima are then rounded under those
//! of the block, and the codes taken once more.

use half::f16;

use super::Quantizer;
use super::lanes::{Lanes, clamped, clamped_of, nearest, nearest_of, turned};
use crate::kernels::dot::simd::{LANES, Simd};

/// Values of a superblock.
const BLOCK: usize = 256;

/// What a type's search is.
#[derive(Clone, Copy)]
struct Search {
    /// The largest code.
    most: f32,
    /// How much more than `most` steps the range is cut into at first.
    first: f32,
    /// After how many tries of a tenth of a step more each.
    tries: u8,
    /// Whether errors count by size and not by square.
    absolute: bool,
}

/// What was found for sixteen parts.
struct Found {
    scale: Lanes,
    /// What is taken away from what the codes stand for, none below 0.
    min: Lanes,
    /// Codes were taken as `(value − from) · by`.
    by: Lanes,
    from: Lanes,
}

/// The weighted error of `codes · scale + min`.
#[inline(always)]
fn error<S: Simd, const N: usize>(
    s: S,
    search: Search,
    x: &[Lanes; N],
    weights: &[Lanes; N],
    codes: &[S::Floats; N],
    scale: &Lanes,
    min: &Lanes,
) -> Lanes {
    let (scale, min) = (s.load(scale), s.load(min));
    let mut total = s.floats(0.0);
    for i in 0..N {
        let off = s.subtract(s.add(s.multiply(scale, codes[i]), min), s.load(&x[i]));
        let size = if search.absolute { s.max(off, s.subtract(s.floats(0.0), off)) } else { s.multiply(off, off) };
        total = s.add(total, s.multiply(s.load(&weights[i]), size));
    }
    s.store(total)
}

/// The codes of sixteen parts.
#[inline(always)]
fn codes<S: Simd, const N: usize>(s: S, search: Search, x: &[Lanes; N], by: &Lanes, from: &Lanes) -> [S::Floats; N] {
    let (by, from, most) = (s.load(by), s.load(from), s.floats(search.most));
    let mut codes = [s.floats(0.0); N];
    for i in 0..N {
        let code = nearest_of(s, s.multiply(by, s.subtract(s.load(&x[i]), from)));
        codes[i] = clamped_of(s, code, s.floats(0.0), most);
    }
    codes
}

#[inline(always)]
fn search<S: Simd, const N: usize>(s: S, search: Search, x: &[Lanes; N], weights: &[Lanes; N]) -> Found {
    let (mut low, mut high) = (x[0], x[0]);
    let (mut weight_sum, mut value_sum) = ([0.0_f32; LANES], [0.0_f32; LANES]);
    for i in 0..N {
        for lane in 0..LANES {
            let (value, weight) = (x[i][lane], weights[i][lane]);
            low[lane] = if value < low[lane] { value } else { low[lane] };
            high[lane] = if value > high[lane] { value } else { high[lane] };
            weight_sum[lane] += weight;
            value_sum[lane] += weight * value;
        }
    }
    let (mut scale, mut by) = ([0.0_f32; LANES], [0.0_f32; LANES]);
    for lane in 0..LANES {
        low[lane] = if low[lane] > 0.0 { 0.0 } else { low[lane] };
        by[lane] = search.most / (high[lane] - low[lane]);
        scale[lane] = 1.0 / by[lane];
    }
    let flat: [bool; LANES] = std::array::from_fn(|lane| high[lane] == low[lane]);
    let flat_min = low;
    let mut min = low;
    let mut best = error(s, search, x, weights, &codes(s, search, x, &by, &min), &scale, &min);
    let (mut best_by, mut best_from) = (by, min);

    for attempt in 0..=search.tries {
        let steps = (search.first + 0.1 * f32::from(attempt)) + search.most;
        for lane in 0..LANES {
            by[lane] = steps / (high[lane] - min[lane]);
        }
        let codes = codes(s, search, x, &by, &min);
        let (mut code_sum, mut square_sum, mut product_sum) = (s.floats(0.0), s.floats(0.0), s.floats(0.0));
        for i in 0..N {
            let weighted = s.multiply(s.load(&weights[i]), codes[i]);
            code_sum = s.add(code_sum, weighted);
            square_sum = s.add(square_sum, s.multiply(weighted, codes[i]));
            product_sum = s.add(product_sum, s.multiply(weighted, s.load(&x[i])));
        }
        let (code_sum, square_sum, product_sum) = (s.store(code_sum), s.store(square_sum), s.store(product_sum));
        let (mut new_scale, mut new_min, mut solved) = ([0.0_f32; LANES], [0.0_f32; LANES], [0.0_f32; LANES]);
        for lane in 0..LANES {
            solved[lane] = weight_sum[lane] * square_sum[lane] - code_sum[lane] * code_sum[lane];
            let free_scale = (weight_sum[lane] * product_sum[lane] - value_sum[lane] * code_sum[lane]) / solved[lane];
            let free_min = (square_sum[lane] * value_sum[lane] - code_sum[lane] * product_sum[lane]) / solved[lane];
            let without = product_sum[lane] / square_sum[lane];
            new_scale[lane] = if free_min > 0.0 { without } else { free_scale };
            new_min[lane] = if free_min > 0.0 { 0.0 } else { free_min };
        }
        let errors = error(s, search, x, weights, &codes, &new_scale, &new_min);
        for lane in 0..LANES {
            let better = (solved[lane] > 0.0) & (errors[lane] < best[lane]);
            best_by[lane] = if better { by[lane] } else { best_by[lane] };
            best_from[lane] = if better { min[lane] } else { best_from[lane] };
            best[lane] = if better { errors[lane] } else { best[lane] };
            scale[lane] = if better { new_scale[lane] } else { scale[lane] };
            min[lane] = if better { new_min[lane] } else { min[lane] };
        }
    }
    for lane in 0..LANES {
        if flat[lane] {
            (scale[lane], min[lane], best_by[lane], best_from[lane]) = (0.0, flat_min[lane], 0.0, 0.0);
        }
    }
    Found { scale, min: min.map(|min| -min), by: best_by, from: best_from }
}

/// The codes of parts whose scale and minimum are rounded; where a scale became nothing, those that the search had.
#[inline(always)]
fn final_codes<const N: usize>(search: Search, x: &[Lanes; N], found: &Found, scale: &Lanes, min: &Lanes) -> [[u8; LANES]; N] {
    let mut codes = [[0; LANES]; N];
    for i in 0..N {
        for lane in 0..LANES {
            let by_search = found.by[lane] * (x[i][lane] - found.from[lane]);
            let by_scale = (x[i][lane] + min[lane]) / scale[lane];
            let code = nearest(if scale[lane] == 0.0 { by_search } else { by_scale });
            codes[i][lane] = clamped(code, 0.0, search.most) as u8;
        }
    }
    codes
}

/// The codes of one part.
#[inline(always)]
fn of_part<const N: usize>(codes: &[[u8; LANES]; N], lane: usize) -> [u8; N] {
    let mut part = [0; N];
    for i in 0..N {
        part[i] = codes[i][lane];
    }
    part
}

fn halved(x: f32) -> (f32, [u8; 2]) {
    let half = f16::from_f32(x);
    (half.to_f32(), half.to_le_bytes())
}

fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |most, &x| if x > most { x } else { most })
}

/// 256 codes of two bits, four scales' worth in 16 parts.
pub struct Q2K;

impl Quantizer for Q2K {
    const LEN: usize = BLOCK;
    const BYTES: usize = 84;

    #[inline(always)]
    fn blocks<S: Simd>(s: S, values: &[f32], out: &mut [u8]) {
        const SEARCH: Search = Search { most: 3.0, first: -0.5, tries: 15, absolute: true };
        for (values, out) in values.as_chunks::<BLOCK>().0.iter().zip(out.as_chunks_mut::<84>().0) {
            let x = turned::<16>(values);
            let weights = x.map(|lanes| lanes.map(f32::abs));
            let found = search(s, SEARCH, &x, &weights);
            let (max_scale, max_min) = (largest(&found.scale), largest(&found.min));
            let (d, d_bytes) = halved(max_scale / 15.0);
            let (d_min, d_min_bytes) = halved(max_min / 15.0);
            let (mut scale, mut min) = ([0.0; LANES], [0.0; LANES]);
            for part in 0..LANES {
                let low = if max_scale > 0.0 { nearest(15.0 / max_scale * found.scale[part]) } else { 0.0 };
                let high = if max_min > 0.0 { nearest(15.0 / max_min * found.min[part]) } else { 0.0 };
                out[part] = low as u8 | (high as u8) << 4;
                (scale[part], min[part]) = (d * f32::from(out[part] & 15), d_min * f32::from(out[part] >> 4));
            }
            let codes = final_codes(SEARCH, &x, &found, &scale, &min);
            for half in 0..2 {
                for i in 0..32 {
                    let code = |quarter: usize| codes[i % 16][8 * half + 2 * quarter + i / 16];
                    out[16 + 32 * half + i] = code(0) | code(1) << 2 | code(2) << 4 | code(3) << 6;
                }
            }
            out[80..82].copy_from_slice(&d_bytes);
            out[82..84].copy_from_slice(&d_min_bytes);
        }
    }
}

/// What `Q4_K` and `Q5_K` share: two superblocks of eight parts at a time; `pack` takes the codes of one and its bytes behind the scales.
#[inline(always)]
fn of_eight_parts<S: Simd, const BYTES: usize>(
    s: S,
    how: Search,
    values: &[f32],
    out: &mut [u8],
    pack: impl Fn(&[[u8; 32]; 8], &mut [u8]),
) {
    for (values, out) in values.chunks(2 * BLOCK).zip(out.chunks_mut(2 * BYTES)) {
        let x = turned::<32>(values);
        let found = search(s, how, &x, &weights(&x));
        let (mut scale, mut min) = ([0.0; LANES], [0.0; LANES]);
        for (b, out) in out.as_chunks_mut::<BYTES>().0.iter_mut().enumerate() {
            let parts = 8 * b..8 * b + 8;
            let (scales, mins) = (&found.scale[parts.clone()], &found.min[parts]);
            let (max_scale, max_min) = (largest(scales), largest(mins));
            let (d, d_bytes) = halved(max_scale / 63.0);
            let (d_min, d_min_bytes) = halved(max_min / 63.0);
            let (by_scale, by_min) =
                (if max_scale > 0.0 { 63.0 / max_scale } else { 0.0 }, if max_min > 0.0 { 63.0 / max_min } else { 0.0 });
            out[..2].copy_from_slice(&d_bytes);
            out[2..4].copy_from_slice(&d_min_bytes);
            let (mut six_s, mut six_m) = ([0; 8], [0; 8]);
            for part in 0..8 {
                six_s[part] = clamped(nearest(by_scale * scales[part]), 0.0, 63.0) as u8;
                six_m[part] = clamped(nearest(by_min * mins[part]), 0.0, 63.0) as u8;
                scale[8 * b + part] = d * f32::from(six_s[part]);
                min[8 * b + part] = d_min * f32::from(six_m[part]);
            }
            for part in 0..4 {
                out[4 + part] = six_s[part] | six_s[part + 4] >> 4 << 6;
                out[8 + part] = six_m[part] | six_m[part + 4] >> 4 << 6;
                out[12 + part] = six_s[part + 4] & 15 | (six_m[part + 4] & 15) << 4;
            }
        }
        let codes = final_codes(how, &x, &found, &scale, &min);
        for (b, out) in out.as_chunks_mut::<BYTES>().0.iter_mut().enumerate() {
            let mut parts = [[0; 32]; 8];
            for part in 0..8 {
                parts[part] = of_part(&codes, 8 * b + part);
            }
            pack(&parts, &mut out[16..]);
        }
    }
}

/// How much each value of parts of 32 counts: its size and the root of the mean square.
#[inline(always)]
fn weights(x: &[Lanes; 32]) -> [Lanes; 32] {
    let mut squares = [0.0_f32; LANES];
    for i in 0..32 {
        for lane in 0..LANES {
            squares[lane] += x[i][lane] * x[i][lane];
        }
    }
    let mut weights = [[0.0; LANES]; 32];
    for i in 0..32 {
        for lane in 0..LANES {
            weights[i][lane] = (squares[lane] / 32.0).sqrt() + x[i][lane].abs();
        }
    }
    weights
}

/// 256 codes of four bits in 8 parts.
pub struct Q4K;

impl Quantizer for Q4K {
    const LEN: usize = BLOCK;
    const BYTES: usize = 144;

    #[inline(always)]
    fn blocks<S: Simd>(s: S, values: &[f32], out: &mut [u8]) {
        const SEARCH: Search = Search { most: 15.0, first: -1.0, tries: 20, absolute: false };
        of_eight_parts::<S, 144>(s, SEARCH, values, out, |parts, out| {
            for (pair, out) in parts.as_chunks::<2>().0.iter().zip(out.as_chunks_mut::<32>().0) {
                for i in 0..32 {
                    out[i] = pair[0][i] | pair[1][i] << 4;
                }
            }
        });
    }
}

/// 256 codes of five bits in 8 parts.
pub struct Q5K;

impl Quantizer for Q5K {
    const LEN: usize = BLOCK;
    const BYTES: usize = 176;

    #[inline(always)]
    fn blocks<S: Simd>(s: S, values: &[f32], out: &mut [u8]) {
        const SEARCH: Search = Search { most: 31.0, first: -0.5, tries: 15, absolute: false };
        of_eight_parts::<S, 176>(s, SEARCH, values, out, |parts, out| {
            let (fifths, nibbles) = out.split_at_mut(32);
            for i in 0..32 {
                fifths[i] = 0;
                for part in 0..8 {
                    fifths[i] |= parts[part][i] >> 4 << part;
                }
            }
            for (pair, out) in parts.as_chunks::<2>().0.iter().zip(nibbles.as_chunks_mut::<32>().0) {
                for i in 0..32 {
                    out[i] = pair[0][i] & 15 | pair[1][i] << 4;
                }
            }
        });
    }
}
