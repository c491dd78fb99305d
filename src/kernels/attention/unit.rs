//! How the keys or values of one head lie in the cache: sixteen positions together, in squares of sixteen by sixteen.
//!
//! In a square of keys a row is a dimension and a lane a position, so that a query's sixteen scores come out in the lanes of one vector;
//! in a square of values a row is a position and a lane a dimension. Both are therefore the same shape, and a type is stored in one way.
//! Dimensions beyond the head's last are zeros.

use std::fmt::Debug;
use std::ops::Range;

use half::f16;
use half::slice::HalfFloatSliceExt as _;

use crate::kernels::dot::simd::{LANES, Simd};

/// Sixteen numbers, where vectors are fast to load.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C, align(64))]
pub struct Lanes(pub [f32; LANES]);

/// What is stored together: one or more squares of neighbouring dimensions.
pub trait Unit: Debug + Copy + Default + Send + Sync + 'static {
    /// How many squares.
    const SQUARES: usize;
    /// Dimensions of all its squares.
    const DIMS: usize = Self::SQUARES * LANES;
    /// Whether it is what sums are made of, so that there is nothing to widen.
    const WIDE: bool;

    /// Rounds what one position's key has of these dimensions, at most [`Unit::DIMS`].
    fn put_key(&mut self, position: usize, values: &[f32]);
    /// The same of its value.
    fn put_value(&mut self, position: usize, values: &[f32]);
    /// What is stored of one position's key.
    fn key(&self, position: usize, out: &mut [f32]);
    /// The same of its value.
    fn value(&self, position: usize, out: &mut [f32]);

    /// Widens keys into as many squares as there are.
    fn widen_keys<S: Simd>(&self, s: S, out: &mut [F32]);
    /// The same for values.
    fn widen_values<S: Simd>(&self, s: S, out: &mut [F32]);

    /// `totals[n][p] + keys[p] · queries[n]`, for as many vectors of each query as there are squares.
    fn score<S: Simd, const N: usize, const P: usize>(
        s: S,
        keys: [&Self; P],
        queries: [&[Lanes]; N],
        totals: [[S::Floats; P]; N],
    ) -> [[S::Floats; P]; N];

    /// `totals[n][c] + Σ weights[n][position] · values[position]` over the positions `rows`, for `C` squares from `first` on, which is a
    /// multiple of `C`. What lies around these positions is not looked at.
    fn add<S: Simd, const N: usize, const C: usize>(
        s: S,
        values: &[Self],
        first: usize,
        rows: Range<usize>,
        weights: [&Lanes; N],
        totals: [[S::Floats; C]; N],
    ) -> [[S::Floats; C]; N];
}

/// F32: what is stored is what is computed with.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C, align(64))]
pub struct F32(pub [[f32; LANES]; LANES]);

/// Half precision.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C, align(64))]
pub struct F16([[u16; LANES]; LANES]);

fn copy(values: &[f32], out: &mut [f32]) {
    out[..values.len()].copy_from_slice(values);
}

fn narrow(values: &[f32], out: &mut [u16]) {
    let mut narrowed = [f16::ZERO; LANES];
    narrowed[..values.len()].convert_from_f32_slice(values);
    for (out, value) in out.iter_mut().zip(&narrowed[..values.len()]) {
        *out = value.to_bits();
    }
}

macro_rules! float {
    ($unit:ident, $stored:ty, $wide:literal, $narrow:ident, $widen:expr, $load:ident) => {
        impl Unit for $unit {
            const SQUARES: usize = 1;
            const WIDE: bool = $wide;

            fn put_key(&mut self, position: usize, values: &[f32]) {
                let mut column = [<$stored>::default(); LANES];
                $narrow(values, &mut column);
                for (row, value) in self.0.iter_mut().zip(&column[..values.len()]) {
                    row[position] = *value;
                }
            }

            fn put_value(&mut self, position: usize, values: &[f32]) {
                $narrow(values, &mut self.0[position]);
            }

            fn key(&self, position: usize, out: &mut [f32]) {
                for (out, row) in out.iter_mut().zip(&self.0) {
                    *out = $widen(row[position]);
                }
            }

            fn value(&self, position: usize, out: &mut [f32]) {
                for (out, value) in out.iter_mut().zip(&self.0[position]) {
                    *out = $widen(*value);
                }
            }

            #[inline(always)]
            fn widen_keys<S: Simd>(&self, s: S, out: &mut [F32]) {
                let out = &mut out[0].0;
                for row in 0..LANES {
                    out[row] = s.store(s.$load(&self.0[row]));
                }
            }

            #[inline(always)]
            fn widen_values<S: Simd>(&self, s: S, out: &mut [F32]) {
                self.widen_keys(s, out);
            }

            #[inline(always)]
            fn score<S: Simd, const N: usize, const P: usize>(
                s: S,
                keys: [&Self; P],
                queries: [&[Lanes]; N],
                mut totals: [[S::Floats; P]; N],
            ) -> [[S::Floats; P]; N] {
                for row in 0..LANES {
                    let mut key = [s.floats(0.0); P];
                    for p in 0..P {
                        key[p] = s.$load(&keys[p].0[row]);
                    }
                    for n in 0..N {
                        let query = s.floats(queries[n][0].0[row]);
                        for p in 0..P {
                            totals[n][p] = s.multiply_add(key[p], query, totals[n][p]);
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
                let values = &values[first..first + C];
                for row in rows.start..rows.end.min(LANES) {
                    let mut value = [s.floats(0.0); C];
                    for c in 0..C {
                        value[c] = s.$load(&values[c].0[row]);
                    }
                    for n in 0..N {
                        let weight = s.floats(weights[n].0[row]);
                        for c in 0..C {
                            totals[n][c] = s.multiply_add(value[c], weight, totals[n][c]);
                        }
                    }
                }
                totals
            }
        }
    };
}
float!(F32, f32, true, copy, |x| x, load);
float!(F16, u16, false, narrow, |x| f16::from_bits(x).to_f32(), halves);
