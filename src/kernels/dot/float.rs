//! Weights that are floating-point numbers: F32, F16, BF16. Activations stay F32, and so are the sums, one for each row.

use half::{bf16, f16};

use super::pack::Pack;
use super::product::prefetch;
use super::simd::{LANES, Simd};

/// Columns that are packed at a time.
const COLUMNS: usize = 64;

/// A column of sixteen rows.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub struct F32([f32; LANES]);

/// The same in half precision.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(32))]
pub struct F16([u16; LANES]);

/// The same with eight bits of precision.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(32))]
pub struct BF16([u16; LANES]);

macro_rules! float {
    ($pack:ident, $file:ty, $to:expr, $from:expr, $load:ident) => {
        impl Pack for $pack {
            type File = $file;
            type Rounded = f32;
            const SPAN: usize = 2048;
            const LIGHT: bool = true;

            fn pack(rows: [&$file; LANES]) -> Self {
                Self(rows.map($to))
            }

            fn pack_rows(row: usize, rows: &[$file], packs: &mut [Self]) {
                let last = rows.len() / row - 1;
                // A few columns at a time: what is read and what is written stays near.
                for (start, packs) in packs.chunks_mut(COLUMNS).enumerate() {
                    for lane in 0..LANES {
                        let values = &rows[lane.min(last) * row + start * COLUMNS..][..packs.len()];
                        for (pack, value) in packs.iter_mut().zip(values) {
                            pack.0[lane] = ($to)(value);
                        }
                    }
                }
            }

            fn row(&self, lane: usize) -> $file {
                $from(self.0[lane])
            }

            #[inline(always)]
            fn accumulate<S: Simd, const N: usize>(&self, s: S, x: [&f32; N], mut totals: [S::Floats; N]) -> [S::Floats; N] {
                if N == 1 {
                    prefetch(s, self, 0, 1);
                }
                let w = s.$load(&self.0);
                for n in 0..N {
                    totals[n] = s.multiply_add(w, s.floats(*x[n]), totals[n]);
                }
                totals
            }
        }
    };
}
float!(F32, f32, |x: &f32| *x, |x| x, load);
float!(F16, f16, |x: &f16| x.to_bits(), f16::from_bits, halves);
float!(BF16, bf16, |x: &bf16| x.to_bits(), bf16::from_bits, brains);
