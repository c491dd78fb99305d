//! What statistics are made of: one pass over a few thousand values at a time, as plain loops compiled for each processor.
//!
//! Sums are F64 in a fixed number of lanes, so a result depends on how values are cut into pieces and on nothing else. Nothing here knows
//! a tensor or a file.
#![expect(unsafe_code, reason = "the same loops, compiled for the vector instructions that are there")]
#![expect(clippy::inline_always, reason = "bodies are compiled for the instructions of their callers")]

use super::dot::simd::{Simd, for_each_simd};
use super::processor::Processor;

/// Running sums of a loop.
const LANES: usize = 16;
/// Bins of a [`linear`] histogram.
pub const BINS: usize = 4096;
/// Bins of a [`magnitudes`] histogram: four for each power of two.
pub const MAGNITUDES: usize = 1024;
/// Copies of a histogram that are counted in turn, so that equal neighbours don't wait for each other.
const COPIES: usize = 4;

/// The moments of some values, those about the mean; of values that are not finite only the number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    /// Finite values.
    pub count: u64,
    /// Values that are no number.
    pub nan: u64,
    /// Infinite values.
    pub inf: u64,
    /// Zeros, of either sign.
    pub zeros: u64,
    /// The least; infinite where there are none.
    pub min: f32,
    /// The largest; negative infinity where there are none.
    pub max: f32,
    /// The mean; 0 where there are none.
    pub mean: f64,
    /// `Σ (x − mean)²`
    pub squares: f64,
    /// `Σ (x − mean)³`
    pub cubes: f64,
    /// `Σ (x − mean)⁴`
    pub fourths: f64,
}

impl Default for Moments {
    fn default() -> Self {
        let (min, max) = (f32::INFINITY, f32::NEG_INFINITY);
        Self { count: 0, nan: 0, inf: 0, zeros: 0, min, max, mean: 0.0, squares: 0.0, cubes: 0.0, fourths: 0.0 }
    }
}

impl Moments {
    /// Those of these values and of others together (the pairwise formulas of Chan and Pébay).
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    pub fn add(&mut self, other: &Self) {
        (self.nan, self.inf, self.zeros) = (self.nan + other.nan, self.inf + other.inf, self.zeros + other.zeros);
        (self.min, self.max) = (self.min.min(other.min), self.max.max(other.max));
        if other.count == 0 {
            return;
        }
        let (a, b) = (self.count as f64, other.count as f64);
        let n = a + b;
        let d = other.mean - self.mean;
        let step = d / n;
        let product = d * step * a * b;
        self.fourths += other.fourths
            + product * step * step * (a * a - a * b + b * b)
            + 6.0 * step * step * (a * a * other.squares + b * b * self.squares)
            + 4.0 * step * (a * other.cubes - b * self.cubes);
        self.cubes += other.cubes + product * step * (a - b) + 3.0 * step * (a * other.squares - b * self.squares);
        self.squares += other.squares + product;
        self.mean += step * b;
        self.count += other.count;
    }

    /// `Σ x²` of the finite values.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    pub fn raw_squares(&self) -> f64 {
        self.squares + self.count as f64 * self.mean * self.mean
    }
}

for_each_simd! {
    fn first_pass(values: &[f32], out: &mut Moments) by first_pass_of
}

for_each_simd! {
    fn second_pass(values: &[f32], out: &mut Moments) by second_pass_of
}

/// The moments of some values: a few thousand, which are read twice.
#[must_use]
pub fn moments(values: &[f32]) -> Moments {
    let mut out = Moments::default();
    let processor = Processor::best();
    first_pass(processor, values, &mut out);
    if out.nan + out.inf == 0 {
        second_pass(processor, values, &mut out);
    } else {
        let finite: Vec<f32> = values.iter().copied().filter(|x| x.is_finite()).collect();
        let odd = Moments { nan: out.nan, inf: out.inf, ..Moments::default() };
        out = Moments::default();
        first_pass(processor, &finite, &mut out);
        second_pass(processor, &finite, &mut out);
        out.add(&odd);
    }
    out
}

/// Everything but the moments about the mean. Where something isn't finite, only `nan` and `inf` are right.
#[expect(clippy::cast_precision_loss, reason = "some thousands")]
#[inline(always)]
fn first_pass_of<S: Simd>(_: S, values: &[f32], out: &mut Moments) {
    let (mut min, mut max) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES]);
    let (mut sums, mut zeros, mut odd, mut nan) = ([0.0_f64; LANES], [0_u32; LANES], [0_u32; LANES], [0_u32; LANES]);
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut last = [0.0; LANES];
    last[..rest.len()].copy_from_slice(rest);
    for chunk in chunks.iter().chain((!rest.is_empty()).then_some(&last)) {
        for i in 0..LANES {
            let x = chunk[i];
            let magnitude = x.to_bits() & 0x7fff_ffff;
            min[i] = if x < min[i] { x } else { min[i] };
            max[i] = if x > max[i] { x } else { max[i] };
            zeros[i] += u32::from(magnitude == 0);
            odd[i] += u32::from(magnitude >= 0x7f80_0000);
            nan[i] += u32::from(magnitude > 0x7f80_0000);
        }
        for i in 0..LANES {
            sums[i] += f64::from(chunk[i]);
        }
    }
    let sum = |lanes: [u32; LANES]| lanes.iter().map(|&n| u64::from(n)).sum::<u64>();
    let padding = if rest.is_empty() { 0 } else { LANES - rest.len() };
    out.nan = sum(nan);
    out.inf = sum(odd) - out.nan;
    out.zeros = sum(zeros) - padding as u64;
    out.count = values.len() as u64;
    if padding == 0 || out.zeros > 0 {
        out.min = min.iter().copied().fold(f32::INFINITY, f32::min);
        out.max = max.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    } else {
        // The zeros that fill the last lanes are no values.
        out.min = values.iter().copied().fold(f32::INFINITY, f32::min);
        out.max = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    }
    out.mean = if values.is_empty() { 0.0 } else { sums.iter().sum::<f64>() / values.len() as f64 };
}

#[inline(always)]
fn second_pass_of<S: Simd>(_: S, values: &[f32], out: &mut Moments) {
    let mean = out.mean;
    let (mut squares, mut cubes, mut fourths) = ([0.0_f64; LANES], [0.0_f64; LANES], [0.0_f64; LANES]);
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for i in 0..LANES {
            let d = f64::from(chunk[i]) - mean;
            let square = d * d;
            squares[i] += square;
            cubes[i] += square * d;
            fourths[i] += square * square;
        }
    }
    for (i, &x) in rest.iter().enumerate() {
        let d = f64::from(x) - mean;
        let square = d * d;
        squares[i] += square;
        cubes[i] += square * d;
        fourths[i] += square * square;
    }
    (out.squares, out.cubes, out.fourths) = (squares.iter().sum(), cubes.iter().sum(), fourths.iter().sum());
}

/// Equal bins from the least to the largest of some values, with the borders that numpy's `histogram` has for F32.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bins {
    first: f32,
    last: f32,
    step: f32,
    /// Bins for each unit.
    rate: f32,
    /// What values are multiplied with first: 1, or less where the range would overflow.
    shrink: f32,
}

impl Bins {
    /// Bins from `min` to `max`; a half to both sides where these are equal.
    #[must_use]
    #[expect(clippy::cast_precision_loss, clippy::float_cmp, reason = "4,096; a range that is a point")]
    pub fn new(min: f32, max: f32) -> Self {
        let shrink = if (max - min).is_finite() { 1.0 } else { 0.25 };
        let (first, last) = if min == max { (min - 0.5, max + 0.5) } else { (min * shrink, max * shrink) };
        let step = ((last - first) / BINS as f32).max(f32::MIN_POSITIVE);
        Self { first, last, step, rate: step.recip().min(f32::MAX), shrink }
    }

    /// The least of bin `n`, or for [`BINS`] the largest of all.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "up to 4,096")]
    pub fn edge(&self, n: usize) -> f32 {
        (if n >= BINS { self.last } else { n as f32 * self.step + self.first }) / self.shrink
    }
}

for_each_simd! {
    fn bins_of(values: &[f32], bins: &Bins, out: &mut [u32]) by bins_of_values
}

/// The bin of each value: an estimate, put right by the borders as numpy does. What is not finite is in no bin that is kept.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "held between 0 and 4,095 first")]
#[inline(always)]
fn bins_of_values<S: Simd>(_: S, values: &[f32], bins: &Bins, out: &mut [u32]) {
    let (first, step, rate, last) = (bins.first, bins.step, bins.rate, (BINS - 1) as f32);
    for (&x, out) in values.iter().zip(out) {
        let kept = x.to_bits() & 0x7f80_0000 != 0x7f80_0000;
        let x = x * bins.shrink;
        let estimate = (x - first) * rate;
        let estimate = if estimate > 0.0 { estimate } else { 0.0 };
        let estimate = if estimate < last { estimate } else { last };
        let bin = (estimate as i32) as f32;
        let bin = if x < bin * step + first { bin - 1.0 } else { bin };
        let above = x >= (bin + 1.0) * step + first && bin < last;
        let bin = (if above { bin + 1.0 } else { bin }) as i32;
        *out = if kept { bin.max(0) as u32 } else { BINS as u32 };
    }
}

/// A histogram that is being counted.
#[derive(Debug, Clone)]
pub struct Counts {
    /// Copies, each with room for what is in no bin.
    counts: Vec<u32>,
    bins: usize,
}

impl Counts {
    /// Of this many bins.
    #[must_use]
    pub fn new(bins: usize) -> Self {
        Self { counts: vec![0; COPIES * (bins + 1)], bins }
    }

    #[inline(always)]
    fn count(&mut self, bins: &[u32]) {
        let room = self.bins + 1;
        let (mut copies, whole) = (self.counts.chunks_exact_mut(room), room);
        let (Some(a), Some(b), Some(c), Some(d)) = (copies.next(), copies.next(), copies.next(), copies.next()) else { return };
        let (fours, rest) = bins.as_chunks::<COPIES>();
        let at = |bin: u32| (bin as usize).min(whole - 1);
        for four in fours {
            a[at(four[0])] += 1;
            b[at(four[1])] += 1;
            c[at(four[2])] += 1;
            d[at(four[3])] += 1;
        }
        for &bin in rest {
            a[at(bin)] += 1;
        }
    }

    /// Adds what was counted to `totals`, which has as many bins.
    pub fn add_to(&self, totals: &mut [u64]) {
        for copy in self.counts.chunks_exact(self.bins + 1) {
            for (total, &count) in totals.iter_mut().zip(copy) {
                *total += u64::from(count);
            }
        }
    }
}

/// Values whose bins are held at a time.
const STEP: usize = 1024;

/// Counts values in equal bins.
pub fn linear(values: &[f32], bins: &Bins, counts: &mut Counts) {
    let mut found = [0; STEP];
    for values in values.chunks(STEP) {
        bins_of(Processor::best(), values, bins, &mut found[..values.len()]);
        counts.count(&found[..values.len()]);
    }
}

/// Counts values by their magnitudes, four bins for each power of two: bin `n` begins at the float whose bits are `n << 21`. Zeros and
/// what is not finite are not counted.
pub fn magnitudes(values: &[f32], counts: &mut Counts) {
    let mut found = [0; STEP];
    let none = u32::try_from(MAGNITUDES).unwrap_or(u32::MAX);
    for values in values.chunks(STEP) {
        for (&x, bin) in values.iter().zip(&mut found) {
            let bits = x.to_bits() & 0x7fff_ffff;
            *bin = if bits.wrapping_sub(1) < 0x7f80_0000 - 1 { bits >> 21 } else { none };
        }
        counts.count(&found[..values.len()]);
    }
}

for_each_simd! {
    /// `out[c] += x[c]²` for rows of as many values as `out` has; what isn't finite counts as 0.
    pub fn column_squares(values: &[f32], out: &mut [f32]) by column_squares_of
}

#[inline(always)]
fn column_squares_of<S: Simd>(_: S, values: &[f32], out: &mut [f32]) {
    for row in values.chunks_exact(out.len().max(1)) {
        for (&x, out) in row.iter().zip(&mut *out) {
            let square = x * x;
            *out += if square < f32::INFINITY { square } else { 0.0 };
        }
    }
}

/// Products of two vectors: `[Σ a·b, Σ a², Σ b², Σ (a − b)², max |a − b|]`.
pub type Products = [f64; 5];

for_each_simd! {
    /// Adds the products of two equally long vectors.
    pub fn products(a: &[f32], b: &[f32], out: &mut Products) by products_of
}

#[inline(always)]
fn products_of<S: Simd>(_: S, a: &[f32], b: &[f32], out: &mut Products) {
    const N: usize = 8;
    let (mut ab, mut aa, mut bb, mut dd, mut most) = ([0.0_f64; N], [0.0_f64; N], [0.0_f64; N], [0.0_f64; N], [0.0_f64; N]);
    let ((a_chunks, a_rest), (b_chunks, b_rest)) = (a.as_chunks::<N>(), b.as_chunks::<N>());
    let mut last = [[0.0; N]; 2];
    last[0][..a_rest.len()].copy_from_slice(a_rest);
    last[1][..b_rest.len()].copy_from_slice(b_rest);
    let pairs = a_chunks.iter().zip(b_chunks).chain([(&last[0], &last[1])]);
    for (a, b) in pairs {
        for i in 0..N {
            let (a, b) = (f64::from(a[i]), f64::from(b[i]));
            let d = a - b;
            ab[i] += a * b;
            aa[i] += a * a;
            bb[i] += b * b;
            dd[i] += d * d;
            most[i] = if d.abs() > most[i] { d.abs() } else { most[i] };
        }
    }
    for (out, lanes) in out.iter_mut().zip([ab, aa, bb, dd]) {
        *out += lanes.iter().sum::<f64>();
    }
    out[4] = most.iter().copied().fold(out[4], f64::max);
}

/// Sum, least and largest of a cell's values.
pub type Cell = [f32; 3];

for_each_simd! {
    /// The cells of a row, each of `1 << shift` values, the last perhaps of fewer. A sum that isn't finite says that a value may not be.
    pub fn cells(values: &[f32], shift: u8, out: &mut [Cell]) by cells_of
}

#[inline(always)]
fn cells_of<S: Simd>(_: S, values: &[f32], shift: u8, out: &mut [Cell]) {
    const N: usize = 8;
    for (cell, out) in values.chunks(1 << shift).zip(out) {
        let (mut sum, mut min, mut max) = ([0.0_f32; N], [f32::INFINITY; N], [f32::NEG_INFINITY; N]);
        let (chunks, rest) = cell.as_chunks::<N>();
        for chunk in chunks {
            for i in 0..N {
                let x = chunk[i];
                sum[i] += x;
                min[i] = if x < min[i] { x } else { min[i] };
                max[i] = if x > max[i] { x } else { max[i] };
            }
        }
        for (i, &x) in rest.iter().enumerate() {
            sum[i] += x;
            min[i] = if x < min[i] { x } else { min[i] };
            max[i] = if x > max[i] { x } else { max[i] };
        }
        let least = min.iter().copied().fold(f32::INFINITY, f32::min);
        let most = max.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        *out = [sum.iter().sum(), least, most];
    }
}
