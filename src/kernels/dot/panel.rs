//! Products with many rows of activations, panel by panel, whatever the instructions.
//!
//! A panel is a piece of a few rows of weights, unpacked once for all activations and turned so that each lane of a vector is a row:
//! sums then need no adding up across a vector, and lie as the output does. A few panels stay in the nearest cache while all
//! activations pass by.
#![cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "no loops of another architecture use it yet"))]

use std::ops::Range;

use super::Columns;

/// Panels that are unpacked at a time.
const PANELS: usize = 4;

/// `LANES` rows of a few blocks.
pub trait Panel<const LANES: usize>: Sized + Clone {
    type Weights;
    type Activations;

    /// Blocks of a row that are unpacked at a time.
    const SPAN: usize;
    /// Rows of activations that are multiplied at a time: 4 or 8.
    const TILE: usize;
    /// Nothing unpacked.
    const EMPTY: Self;

    /// Unpacks up to `SPAN` blocks of each row.
    ///
    /// # Safety
    /// The processor must have what the implementation is compiled for.
    unsafe fn fill(&mut self, rows: [&[Self::Weights]; LANES]);

    /// Adds the products of each row of weights with each row of activations, in as many blocks as these have.
    ///
    /// # Safety
    /// As `fill`.
    unsafe fn multiply<const N: usize>(&self, x: [&[Self::Activations]; N], totals: &mut [[f32; LANES]; N]);
}

/// See [`super::RowDot::gemm`]; `row` is the number of blocks in a row.
///
/// # Safety
/// The processor must have what the panel is compiled for.
pub unsafe fn gemm<P: Panel<LANES>, const LANES: usize>(w: &[P::Weights], row: usize, x: &[P::Activations], out: &mut Columns<'_>) {
    let mut panels = [const { P::EMPTY }; PANELS];
    let l = x.len() / row;
    for first in (0..out.width()).step_by(LANES * PANELS) {
        let count = (out.width() - first).min(LANES * PANELS);
        let panels = &mut panels[..count.div_ceil(LANES)];
        for start in (0..row).step_by(P::SPAN) {
            let blocks = start..(start + P::SPAN).min(row);
            for (p, panel) in panels.iter_mut().enumerate() {
                let rows = rows(w, row, first + p * LANES, count - p * LANES).map(|w: &[_]| &w[blocks.clone()]);
                // SAFETY: the caller's.
                unsafe { panel.fill(rows) };
            }
            let mut i = 0;
            while i < l {
                let n = match l - i {
                    8.. if P::TILE == 8 => 8,
                    4.. => 4,
                    _ => 1,
                };
                for (p, panel) in panels.iter().enumerate() {
                    let columns = first + p * LANES..first + count.min((p + 1) * LANES);
                    let tile = Tile { x, row, blocks: blocks.clone(), i, columns };
                    // SAFETY: the caller's.
                    unsafe {
                        match n {
                            8 => tile.multiply::<P, LANES, 8>(panel, out),
                            4 => tile.multiply::<P, LANES, 4>(panel, out),
                            _ => tile.multiply::<P, LANES, 1>(panel, out),
                        }
                    }
                }
                i += n;
            }
        }
    }
}

/// A few rows of activations from row `i` on, and the columns of the output that a panel adds to.
struct Tile<'a, X> {
    x: &'a [X],
    row: usize,
    blocks: Range<usize>,
    i: usize,
    columns: Range<usize>,
}

impl<X> Tile<'_, X> {
    /// # Safety
    /// As [`gemm`].
    unsafe fn multiply<P: Panel<LANES, Activations = X>, const LANES: usize, const N: usize>(&self, panel: &P, out: &mut Columns<'_>) {
        let x = std::array::from_fn(|n| &self.x[(self.i + n) * self.row..][self.blocks.clone()]);
        let mut totals = [[0.0; LANES]; N];
        if self.blocks.start > 0 {
            for (n, totals) in totals.iter_mut().enumerate() {
                let values = &out.row(self.i + n)[self.columns.clone()];
                totals[..values.len()].copy_from_slice(values);
            }
        }
        // SAFETY: the caller's.
        unsafe { panel.multiply(x, &mut totals) };
        for (n, totals) in totals.iter().enumerate() {
            let values = &mut out.row(self.i + n)[self.columns.clone()];
            values.copy_from_slice(&totals[..values.len()]);
        }
    }
}

/// `N` rows from `first` on, of `row` blocks each; where there are only `count`, the last one again.
pub fn rows<B, const N: usize>(w: &[B], row: usize, first: usize, count: usize) -> [&[B]; N] {
    std::array::from_fn(|r| &w[(first + r.min(count - 1)) * row..][..row])
}
