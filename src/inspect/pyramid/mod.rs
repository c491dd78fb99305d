//! A matrix as a picture: all of it in at most a million texels that sharpen while it is read, and exact tiles wherever someone looks
//! closer.
//!
//! A texel stands for a cell of `2^row_shift × 2^col_shift` values and knows their mean and the one of largest magnitude, so a change of
//! [`Reduce`] reads nothing. Colours are the view's work.

mod picture;
mod tile;

pub use picture::Picture;
pub use tile::{TILE, Tile, TileKey, tile};

use crate::kernels::processor::Processor;
use crate::kernels::statistics::{self, Cell};

/// Which number a texel shows for its cell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Reduce {
    /// The mean.
    Mean,
    /// The largest magnitude.
    AbsMax,
    /// The value of the largest magnitude, with its sign.
    #[default]
    SignedExtreme,
}

impl Reduce {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 3] = [Self::SignedExtreme, Self::AbsMax, Self::Mean];

    /// Its name, as a screen has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::AbsMax => "largest magnitude",
            Self::SignedExtreme => "extreme with sign",
        }
    }
}

/// What a texel knows of the finite values of its cell that were read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Texel {
    sum: f32,
    extreme: f32,
    count: u32,
}

impl Texel {
    const EMPTY: Self = Self { sum: 0.0, extreme: 0.0, count: 0 };

    fn take(&mut self, values: &[f32]) {
        for &x in values.iter().filter(|x| x.is_finite()) {
            self.sum += x;
            self.count += 1;
            if x.abs() > self.extreme.abs() {
                self.extreme = x;
            }
        }
    }

    fn add(&mut self, other: &Self) {
        self.sum += other.sum;
        self.count += other.count;
        if other.extreme.abs() > self.extreme.abs() {
            self.extreme = other.extreme;
        }
    }

    /// The number that is shown; NaN where the cell has no finite value.
    #[expect(clippy::cast_precision_loss, reason = "a mean")]
    fn show(&self, reduce: Reduce) -> f32 {
        if self.count == 0 {
            return f32::NAN;
        }
        match reduce {
            Reduce::Mean => self.sum / self.count as f32,
            Reduce::AbsMax => self.extreme.abs(),
            Reduce::SignedExtreme => self.extreme,
        }
    }
}

/// Takes a row of a window into texels of `1 << col_shift` columns each; `cells` is room that is used again.
fn take_row(values: &[f32], col_shift: u8, cells: &mut Vec<Cell>, texels: &mut [Texel]) {
    let len = 1 << col_shift;
    cells.resize(values.len().div_ceil(len), [0.0; 3]);
    statistics::cells(Processor::best(), values, col_shift, cells);
    for ((values, &[sum, least, most]), texel) in values.chunks(len).zip(&*cells).zip(texels) {
        if sum.is_finite() {
            let extreme = if -least > most { least } else { most };
            texel.add(&Texel { sum, extreme, count: u32::try_from(values.len()).unwrap_or(u32::MAX) });
        } else {
            texel.take(values);
        }
    }
}

/// Texels for this many values.
pub(super) const fn texels_for(values: usize, shift: u8) -> usize {
    values.div_ceil(1 << shift)
}
