//! Exact pieces of the picture at any scale: what is drawn when someone looks closer.

use super::{Reduce, Texel, take_row, texels_for};
use crate::error::{Error, Result};
use crate::inspect::values::{CHUNK, Values};

/// Texels of a tile in each direction.
pub const TILE: usize = 128;

/// Which piece of the picture, at which scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TileKey {
    /// A texel stands for `2^row_shift` rows.
    pub row_shift: u8,
    /// And for `2^col_shift` columns.
    pub col_shift: u8,
    /// The tile's row among those of its scale: it begins with row `row · TILE · 2^row_shift` of the matrix.
    pub row: u32,
    /// The same for its column.
    pub col: u32,
}

impl TileKey {
    /// The first row and column of the matrix that it shows.
    #[must_use]
    pub const fn origin(&self) -> [usize; 2] {
        [(self.row as usize * TILE) << self.row_shift, (self.col as usize * TILE) << self.col_shift]
    }
}

/// A piece of the picture. At the edges of the matrix it has fewer texels.
#[derive(Debug, Clone)]
pub struct Tile {
    /// Which one.
    pub key: TileKey,
    /// Rows of texels.
    pub rows: usize,
    /// Columns of texels.
    pub cols: usize,
    texels: Vec<Texel>,
}

impl Tile {
    /// The numbers of its texels, row by row; NaN for cells without a finite value.
    #[must_use]
    pub fn texels(&self, reduce: Reduce) -> Vec<f32> {
        self.texels.iter().map(|texel| texel.show(reduce)).collect()
    }

    /// The number of one texel.
    #[must_use]
    pub fn texel(&self, row: usize, col: usize, reduce: Reduce) -> Option<f32> {
        let inside = row < self.rows && col < self.cols;
        inside.then(|| self.texels[row * self.cols + col].show(reduce))
    }

    /// What it takes in memory.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.texels.len() * size_of::<Texel>()
    }
}

/// Reads a tile. At scales finer than the whole picture's it costs some milliseconds at most.
///
/// # Errors
/// [`Error::Internal`] for a key outside the matrix or its scales; what reading fails with.
pub fn tile(values: &dyn Values, key: TileKey) -> Result<Tile> {
    let outside = || Error::Internal(format!("{key:?} of a matrix of {} x {}", values.rows(), values.cols()));
    if key.row_shift > 40 || key.col_shift > 40 {
        return Err(outside());
    }
    let [first_row, first_col] = key.origin();
    if first_row >= values.rows() || first_col >= values.cols() {
        return Err(outside());
    }
    let last_row = (first_row + (TILE << key.row_shift)).min(values.rows());
    let last_col = (first_col + (TILE << key.col_shift)).min(values.cols());
    let [rows, cols] = [texels_for(last_row - first_row, key.row_shift), texels_for(last_col - first_col, key.col_shift)];
    let mut texels = vec![Texel::EMPTY; rows * cols];
    // Whole cells at a time, as many rows as stay in a processor's cache.
    let width = (last_col - first_col).min(CHUNK.max(1 << key.col_shift) >> key.col_shift << key.col_shift).max(1);
    let height = (CHUNK / width).max(1);
    let (mut buffer, mut cells) = (vec![0.0; height * width], Vec::new());
    for from in (first_row..last_row).step_by(height) {
        let to = (from + height).min(last_row);
        for col in (first_col..last_col).step_by(width) {
            let end = (col + width).min(last_col);
            let buffer = &mut buffer[..(to - from) * (end - col)];
            values.read(from..to, col..end, buffer)?;
            for (row, values) in (from..to).zip(buffer.chunks_exact(end - col)) {
                let at = ((row - first_row) >> key.row_shift) * cols + ((col - first_col) >> key.col_shift);
                take_row(values, key.col_shift, &mut cells, &mut texels[at..]);
            }
        }
    }
    Ok(Tile { key, rows, cols, texels })
}
