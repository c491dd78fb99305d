//! Products with many rows of activations: blocks are unpacked once for all of them.

use super::{Block, GROUPS, add};
use crate::kernels::dot::product::{AsPacked, Span, product};
use crate::kernels::dot::simd::{Group, LANES, Simd};
use crate::kernels::dot::{Columns, MANY, Rounded256};

/// A block of sixteen rows.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Unpacked {
    codes: [Group; 64],
    /// The scales of the parts, of which there are 16 or eight.
    factors: [[i32; LANES]; 16],
    /// Their minima, two in a lane.
    mins: [[i32; LANES]; 8],
    scales: [f32; LANES],
    min_scales: [f32; LANES],
}

impl<B: Block<Rounded = Rounded256>> Span<B> for Unpacked {
    const EMPTY: Self = Self {
        codes: [[0; 4 * LANES]; 64],
        factors: [[0; LANES]; 16],
        mins: [[0; LANES]; 8],
        scales: [0.0; LANES],
        min_scales: [0.0; LANES],
    };

    #[inline(always)]
    fn fill<S: Simd>(&mut self, s: S, w: &[B]) {
        let w = &w[0];
        let groups = self.codes.as_chunks_mut::<GROUPS>().0;
        for half in 0..2 {
            for quarter in 0..4 {
                let codes = w.codes(s, half, quarter);
                for g in 0..GROUPS {
                    s.store_codes(codes[g], &mut groups[4 * half + quarter][g]);
                }
            }
        }
        for part in 0..256 / B::PART {
            self.factors[part] = s.store_ints(w.part_scales(s, part));
        }
        for i in 0..128 / B::PART {
            self.mins[i] = s.store_ints(s.paired(w.part_mins(s, 2 * i), w.part_mins(s, 2 * i + 1)));
        }
        self.scales = s.store(s.halves(w.scales()));
        if let Some(scales) = w.min_scales() {
            self.min_scales = s.store(s.halves(scales));
        }
    }

    #[inline(always)]
    fn accumulate<S: Simd, const N: usize>(&self, s: S, _: &[B], rows: [&[Rounded256]; N], totals: [S::Floats; N]) -> [S::Floats; N] {
        let mut x = [&rows[0][0]; N];
        for n in 0..N {
            x[n] = &rows[n][0];
        }
        // Products before offsets: both at once would not fit the registers.
        let mut products = [s.ints(0); N];
        for part in 0..256 / B::PART {
            let factors = s.load_ints(&self.factors[part]);
            products = if B::PART == 32 {
                self.add_part::<B, S, GROUPS, N>(s, x, part, factors, products)
            } else {
                self.add_part::<B, S, { GROUPS / 2 }, N>(s, x, part, factors, products)
            };
        }
        let mut offsets = [s.ints(0); N];
        for i in 0..128 / B::PART {
            let mins = s.load_ints(&self.mins[i]);
            for n in 0..N {
                offsets[n] = s.add_pairs(offsets[n], mins, s.ints(x[n].sums(i, B::PART)));
            }
        }
        if B::offset::<S>() != 0 {
            for n in 0..N {
                products[n] = s.plus(products[n], s.times(offsets[n], s.ints(-B::offset::<S>())));
            }
        }
        add::<B, S, N>(s, x, [s.load(&self.scales), s.load(&self.min_scales)], products, offsets, totals)
    }
}

impl Unpacked {
    /// Adds the products of a part of `G` groups.
    #[inline(always)]
    fn add_part<B: Block, S: Simd, const G: usize, const N: usize>(
        &self,
        s: S,
        x: [&Rounded256; N],
        part: usize,
        factors: S::Ints,
        products: [S::Ints; N],
    ) -> [S::Ints; N] {
        let mut codes = [s.codes(&self.codes[0]); G];
        for g in 0..G {
            codes[g] = s.codes(&self.codes[part * G + g]);
        }
        let mut groups = [&[[0; 4]; G]; N];
        for n in 0..N {
            groups[n] = x[n].part(part);
        }
        s.scaled_products(B::MAX, products, &codes, groups, factors)
    }
}

/// See [`crate::kernels::dot::Pack::multiply`].
#[inline(always)]
pub fn multiply<B: Block<Rounded = Rounded256>, S: Simd>(s: S, w: &[B], row: usize, x: &[Rounded256], out: &mut Columns<'_>) {
    if x.len() < MANY * row {
        product::<S, B, AsPacked>(s, w, row, row, x, out);
    } else {
        product::<S, B, Unpacked>(s, w, row, B::SPAN, x, out);
    }
}
