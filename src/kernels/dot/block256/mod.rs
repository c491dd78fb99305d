//! Weights in blocks of 256 whose parts have scales of their own, integers under the scale of the block: `Q2_K` to `Q6_K`, `IQ4_XS`.
//!
//! With `s` and `m` the scales and minima of the parts, a block adds `d·dₓ · (Σ sᵢ Σ q·qₓ − offset · Σ sᵢ Σ qₓ)` to the sum of its row,
//! or where there are minima under a scale of their own, `d·dₓ · Σ sᵢ Σ q·qₓ` less `d_min·dₓ · Σ mᵢ Σ qₓ`.

/// What all types of the family have of [`Pack`].
macro_rules! block_of_256 {
    () => {
        type Rounded = $crate::kernels::dot::Rounded256;
        const SPAN: usize = 1;

        #[inline(always)]
        fn accumulate<S: Simd, const N: usize>(&self, s: S, x: [&Self::Rounded; N], totals: [S::Floats; N]) -> [S::Floats; N] {
            super::accumulate(self, s, x, totals)
        }

        #[inline(always)]
        fn multiply<S: Simd>(s: S, w: &[Self], row: usize, x: &[Self::Rounded], out: &mut $crate::kernels::dot::Columns<'_>) {
            super::unpacked::multiply(s, w, row, x, out);
        }
    };
}

pub mod file;
mod iq4_xs;
mod q2_k;
mod q3_k;
mod q4_k;
mod q5_k;
mod q6_k;
mod unpacked;

use std::cmp::Ordering;

use super::Rounded256;
use super::pack::Pack;
use super::product::prefetch;
use super::simd::{LANES, Simd};

pub use iq4_xs::IQ4XS;
pub use q2_k::Q2K;
pub use q3_k::Q3K;
pub use q4_k::Q4K;
pub use q5_k::Q5K;
pub use q6_k::Q6K;

/// Groups of four codes that are unpacked at a time.
const GROUPS: usize = 8;

/// A block of 256 weights of each of sixteen rows.
pub trait Block: Pack {
    /// The largest code.
    const MAX: i32;
    /// What a code of zero stands for, negated; 0 for types with minima.
    const OFFSET: i32;
    /// Whether there are minima.
    const MINIMA: bool = false;
    /// Weights that share a scale: 16 or 32.
    const PART: usize;

    /// What is taken away from each code.
    #[inline(always)]
    fn offset<S: Simd>() -> i32 {
        Self::OFFSET + if Self::MAX == 255 { S::EXCESS } else { 0 }
    }

    /// The bits of the scales.
    fn scales(&self) -> &[u16; LANES];

    /// The bits of the scales of the minima, where there are any.
    #[inline(always)]
    fn min_scales(&self) -> Option<&[u16; LANES]> {
        None
    }

    /// The scales of a part.
    fn part_scales<S: Simd>(&self, s: S, part: usize) -> S::Ints;

    /// The minima of a part; its scales, where there are none.
    #[inline(always)]
    fn part_mins<S: Simd>(&self, s: S, part: usize) -> S::Ints {
        self.part_scales(s, part)
    }

    /// 32 codes in the weights' order, from `128 · half + 32 · quarter` on.
    fn codes<S: Simd>(&self, s: S, half: usize, quarter: usize) -> [S::Codes; GROUPS];
}

/// See [`Pack::accumulate`].
#[inline(always)]
pub fn accumulate<B: Block, S: Simd, const N: usize>(w: &B, s: S, x: [&Rounded256; N], totals: [S::Floats; N]) -> [S::Floats; N] {
    let mut offsets = [s.ints(0); N];
    for i in 0..128 / B::PART {
        let mins = s.paired(w.part_mins(s, 2 * i), w.part_mins(s, 2 * i + 1));
        for n in 0..N {
            offsets[n] = s.add_pairs(offsets[n], mins, s.ints(x[n].sums(i, B::PART)));
        }
    }
    let mut products = [s.ints(0); N];
    if B::offset::<S>() != 0 {
        for n in 0..N {
            products[n] = s.times(offsets[n], s.ints(-B::offset::<S>()));
        }
    }
    for half in 0..2 {
        if N == 1 {
            prefetch(s, w, 2 * half, 4);
        }
        // Written out, because quarters share bytes, and shifts by what is known cost less.
        products = quarter::<B, S, N, 0>(w, s, x, half, products);
        products = quarter::<B, S, N, 1>(w, s, x, half, products);
        if N == 1 {
            prefetch(s, w, 2 * half + 1, 4);
        }
        products = quarter::<B, S, N, 2>(w, s, x, half, products);
        products = quarter::<B, S, N, 3>(w, s, x, half, products);
    }
    let min_scales = w.min_scales().map_or(s.floats(0.0), |scales| s.halves(scales));
    add::<B, S, N>(s, x, [s.halves(w.scales()), min_scales], products, offsets, totals)
}

/// Adds the sums of a block under its scales.
#[inline(always)]
fn add<B: Block, S: Simd, const N: usize>(
    s: S,
    x: [&Rounded256; N],
    [scales, min_scales]: [S::Floats; 2],
    products: [S::Ints; N],
    offsets: [S::Ints; N],
    mut totals: [S::Floats; N],
) -> [S::Floats; N] {
    for n in 0..N {
        let scale = s.floats(x[n].scale);
        totals[n] = s.add(totals[n], s.multiply(s.multiply(scales, scale), s.to_floats(products[n])));
        if B::MINIMA {
            let scales = s.multiply(min_scales, scale);
            totals[n] = s.subtract(totals[n], s.multiply(scales, s.to_floats(offsets[n])));
        }
    }
    totals
}

/// Adds the products of 32 codes, the `QUARTER`th of a half.
#[inline(always)]
fn quarter<B: Block, S: Simd, const N: usize, const QUARTER: usize>(
    w: &B,
    s: S,
    x: [&Rounded256; N],
    half: usize,
    mut products: [S::Ints; N],
) -> [S::Ints; N] {
    let index = 4 * half + QUARTER;
    let codes = w.codes(s, half, QUARTER);
    let mut groups = [&[[0; 4]; GROUPS]; N];
    for n in 0..N {
        groups[n] = x[n].part(index);
    }
    if B::PART == 32 {
        return s.scaled_products(B::MAX, products, &codes, groups, w.part_scales(s, index));
    }
    let (pair, _) = codes.as_chunks::<{ GROUPS / 2 }>();
    for part in 0..2 {
        let mut some = [&[[0; 4]; GROUPS / 2]; N];
        for n in 0..N {
            some[n] = &groups[n].as_chunks().0[part];
        }
        products = s.scaled_products(B::MAX, products, &pair[part], some, w.part_scales(s, 2 * index + part));
    }
    products
}

/// The bits of `codes` with bit `from` moved to place `to`.
#[inline(always)]
fn moved<S: Simd>(s: S, codes: S::Codes, from: usize, to: usize) -> S::Codes {
    match from.cmp(&to) {
        Ordering::Less => s.up(codes, (to - from) as u32),
        Ordering::Equal => codes,
        Ordering::Greater => s.down(codes, (from - to) as u32),
    }
}

/// Scale and minimum of a part as `Q4_K` and `Q5_K` have them, in 6 bits: those of the first four parts in the low bits of the first
/// eight bytes; the others' low nibbles in the last four, their high bits above the first.
#[inline(always)]
fn six_bits<S: Simd>(s: S, packed: &[[u8; LANES]; 12], part: usize, minimum: bool) -> S::Ints {
    let first = if minimum { 4 } else { 0 };
    if part < 4 {
        return s.bits(s.widened(&packed[first + part]), 0, 0x3f);
    }
    let low = s.bits(s.widened(&packed[4 + part]), if minimum { 4 } else { 0 }, 0x0f);
    s.plus(low, s.bits(s.widened(&packed[first + part - 4]), 2, 0x30))
}

/// Bytes of sixteen rows, one of each together.
fn by_lane<const BYTES: usize>(rows: [[u8; BYTES]; LANES]) -> [[u8; LANES]; BYTES] {
    std::array::from_fn(|i| rows.map(|row| row[i]))
}

/// The bytes of one row again.
fn of_lane<const BYTES: usize>(packed: &[[u8; LANES]; BYTES], lane: usize) -> [u8; BYTES] {
    packed.map(|lanes| lanes[lane])
}
