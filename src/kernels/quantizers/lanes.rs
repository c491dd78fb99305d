//! Sixteen parts side by side: a lane of a vector is a part that gets a scale of its own, so a search over scales adds nothing up across
//! lanes, and each lane adds in the order of its values.

use crate::kernels::dot::simd::{LANES, Simd};

/// One number of each of sixteen parts.
pub type Lanes = [f32; LANES];

/// Adding this to a number below 2²² and taking it away again rounds to the nearest integer, halves to even.
const ROUNDING: f32 = 12_582_912.0;

/// Parts of `N` values that lie one behind the other, turned: the first value of all parts, then the second. Lanes beyond the last part
/// repeat it.
#[inline(always)]
pub fn turned<const N: usize>(values: &[f32]) -> [Lanes; N] {
    let mut out = [[0.0; LANES]; N];
    let last = values.len() / N - 1;
    for lane in 0..LANES {
        let part = &values[lane.min(last) * N..][..N];
        for i in 0..N {
            out[i][lane] = part[i];
        }
    }
    out
}

/// The nearest integer, halves to even.
#[inline(always)]
pub fn nearest(x: f32) -> f32 {
    (x + ROUNDING) - ROUNDING
}

/// The same in all lanes.
#[inline(always)]
pub fn nearest_of<S: Simd>(s: S, x: S::Floats) -> S::Floats {
    s.subtract(s.add(x, s.floats(ROUNDING)), s.floats(ROUNDING))
}

/// Whole numbers, none below `low` nor above `high`.
#[inline(always)]
pub fn clamped_of<S: Simd>(s: S, x: S::Floats, low: S::Floats, high: S::Floats) -> S::Floats {
    s.subtract(high, s.max(s.subtract(high, s.max(x, low)), s.floats(0.0)))
}

/// A number, `low` at least and `high` at most; `low` where it is none.
#[inline(always)]
pub const fn clamped(x: f32, low: f32, high: f32) -> f32 {
    let x = if x > low { x } else { low };
    if x < high { x } else { high }
}

/// The value of each part that is farthest from zero, the first of several.
#[inline(always)]
pub fn farthest<const N: usize>(x: &[Lanes; N]) -> Lanes {
    let (mut most, mut found) = ([0.0_f32; LANES], [0.0_f32; LANES]);
    for i in 0..N {
        for lane in 0..LANES {
            let value = x[i][lane];
            let larger = value.abs() > most[lane];
            most[lane] = if larger { value.abs() } else { most[lane] };
            found[lane] = if larger { value } else { found[lane] };
        }
    }
    found
}
