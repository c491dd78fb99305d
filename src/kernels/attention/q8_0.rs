//! Keys and values in 8 bits: blocks of 32 dimensions of one position under a scale in half precision, rounded as ggml's `Q8_0`.
#![expect(clippy::inline_always, reason = "it is compiled for the instructions of its caller")]
#![expect(clippy::needless_range_loop, reason = "a lane is a place in several arrays, and closures are not compiled for instructions")]

use std::ops::Range;

use half::f16;

use super::unit::{F32, Lanes, Unit};
use crate::kernels::dot::simd::{LANES, Simd};

/// A block of each of sixteen positions.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C, align(32))]
pub struct Q8_0 {
    /// By position.
    scales: [u16; LANES],
    /// The lower and the upper sixteen dimensions.
    codes: [[[i8; LANES]; LANES]; 2],
}

impl Q8_0 {
    fn scale(&self, position: usize) -> f32 {
        f16::from_bits(self.scales[position]).to_f32()
    }

    /// The block of one position, its codes and its scale. What has something in it that is no number gets a scale that is none.
    fn round(values: &[f32]) -> ([i8; 2 * LANES], u16) {
        let largest = values.iter().map(|x| x.abs()).fold(0.0f32, |largest, x| if x > largest || x.is_nan() { x } else { largest });
        let scale = largest / 127.0;
        let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
        let mut codes = [0; 2 * LANES];
        for (code, x) in codes.iter_mut().zip(values) {
            #[expect(clippy::cast_possible_truncation, reason = "at most 127 in magnitude")]
            let rounded = (x * inverse).round() as i8;
            *code = rounded;
        }
        (codes, f16::from_f32(scale).to_bits())
    }

    /// Sixteen codes under no scale yet.
    #[inline(always)]
    fn row<S: Simd>(&self, s: S, square: usize, row: usize) -> S::Floats {
        s.to_floats(s.widened_signed(&self.codes[square][row]))
    }
}

impl Unit for Q8_0 {
    const SQUARES: usize = 2;
    const WIDE: bool = false;

    fn put_key(&mut self, position: usize, values: &[f32]) {
        let (codes, scale) = Self::round(values);
        self.scales[position] = scale;
        for (row, code) in self.codes.as_flattened_mut().iter_mut().zip(codes) {
            row[position] = code;
        }
    }

    fn put_value(&mut self, position: usize, values: &[f32]) {
        let (codes, scale) = Self::round(values);
        self.scales[position] = scale;
        for (square, codes) in self.codes.iter_mut().zip(codes.as_chunks().0) {
            square[position] = *codes;
        }
    }

    fn key(&self, position: usize, out: &mut [f32]) {
        for (out, row) in out.iter_mut().zip(self.codes.as_flattened()) {
            *out = f32::from(row[position]) * self.scale(position);
        }
    }

    fn value(&self, position: usize, out: &mut [f32]) {
        for (out, code) in out.iter_mut().zip(self.codes.iter().flat_map(|square| square[position])) {
            *out = f32::from(code) * self.scale(position);
        }
    }

    #[inline(always)]
    fn widen_keys<S: Simd>(&self, s: S, out: &mut [F32]) {
        let scales = s.halves(&self.scales);
        for square in 0..2 {
            for row in 0..LANES {
                out[square].0[row] = s.store(s.multiply(self.row(s, square, row), scales));
            }
        }
    }

    #[inline(always)]
    fn widen_values<S: Simd>(&self, s: S, out: &mut [F32]) {
        let scales = s.store(s.halves(&self.scales));
        for square in 0..2 {
            for row in 0..LANES {
                out[square].0[row] = s.store(s.multiply(self.row(s, square, row), s.floats(scales[row])));
            }
        }
    }

    #[inline(always)]
    fn score<S: Simd, const N: usize, const P: usize>(
        s: S,
        keys: [&Self; P],
        queries: [&[Lanes]; N],
        mut totals: [[S::Floats; P]; N],
    ) -> [[S::Floats; P]; N] {
        let mut scales = [s.floats(0.0); P];
        for p in 0..P {
            scales[p] = s.halves(&keys[p].scales);
        }
        for square in 0..2 {
            for row in 0..LANES {
                let mut key = [s.floats(0.0); P];
                for p in 0..P {
                    key[p] = s.multiply(keys[p].row(s, square, row), scales[p]);
                }
                for n in 0..N {
                    let query = s.floats(queries[n][square].0[row]);
                    for p in 0..P {
                        totals[n][p] = s.multiply_add(key[p], query, totals[n][p]);
                    }
                }
            }
        }
        totals
    }

    #[inline(always)]
    fn add<S: Simd, const N: usize, const C: usize>(
        s: S,
        values: &[Self],
        first: usize,
        rows: Range<usize>,
        weights: [&Lanes; N],
        mut totals: [[S::Floats; C]; N],
    ) -> [[S::Floats; C]; N] {
        // A single square is one half of a block.
        let (squares, offset) = if C == 1 { (1, first % 2) } else { (2, 0) };
        for block in 0..C / squares {
            let values = &values[first / 2 + block];
            let scales = s.store(s.halves(&values.scales));
            for row in rows.start..rows.end.min(LANES) {
                let scale = s.floats(scales[row]);
                for square in 0..squares {
                    let value = s.multiply(values.row(s, offset + square, row), scale);
                    for n in 0..N {
                        let total = &mut totals[n][block * squares + square];
                        *total = s.multiply_add(value, s.floats(weights[n].0[row]), *total);
                    }
                }
            }
        }
        totals
    }
}
