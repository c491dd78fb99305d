//! Weights in blocks of 32 under one scale: `Q4_0`, `Q4_1`, `Q5_0`, `Q5_1`, `Q8_0`, and the codes of tables, `IQ4_NL` and `MXFP4`.
//!
//! A block adds `d·dₓ · Σ (q − offset)·qₓ` to the sum of its row, and for a type with a minimum then `m·dₓ · Σ qₓ`.

mod mxfp4;
mod types;

use super::Rounded32;
use super::pack::Pack;
use super::product::prefetch;
use super::simd::{LANES, Simd};

pub use mxfp4::MXFP4;
pub use types::{IQ4NL, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0};

/// Groups of four codes in a block.
const GROUPS: usize = 8;

/// A block of 32 weights of each of sixteen rows.
pub trait Block: Pack {
    /// The largest code.
    const MAX: i32;
    /// What a code of zero stands for, negated.
    const OFFSET: i32;

    /// The scales.
    fn scales<S: Simd>(&self, s: S) -> S::Floats;

    /// The minima's bits, where there are any.
    #[inline(always)]
    fn mins(&self) -> Option<&[u16; LANES]> {
        None
    }

    /// The codes in the weights' order.
    fn codes<S: Simd>(&self, s: S) -> [S::Codes; GROUPS];
}

/// See [`Pack::accumulate`].
#[inline(always)]
pub fn accumulate<B: Block, S: Simd, const N: usize>(w: &B, s: S, x: [&Rounded32; N], mut totals: [S::Floats; N]) -> [S::Floats; N] {
    if N == 1 {
        prefetch(s, w, 0, 1);
    }
    let offset = B::OFFSET + if B::MAX == 255 { S::EXCESS } else { 0 };
    let (mut dots, mut codes) = ([s.ints(0); N], [&[[0; 4]; GROUPS]; N]);
    for n in 0..N {
        dots[n] = s.ints(-offset * x[n].sum);
        codes[n] = x[n].groups();
    }
    dots = s.products(B::MAX, dots, &w.codes(s), codes);
    let scales = w.scales(s);
    for n in 0..N {
        let scale = s.floats(x[n].scale);
        totals[n] = s.add(totals[n], s.multiply(s.multiply(scales, scale), s.to_floats(dots[n])));
        if let Some(mins) = w.mins() {
            let mins = s.multiply(s.halves(mins), scale);
            totals[n] = s.add(totals[n], s.multiply(mins, s.to_floats(s.ints(x[n].sum))));
        }
    }
    totals
}
