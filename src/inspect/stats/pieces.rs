//! How a matrix is cut into pieces of about a millisecond: whole rows, or parts of a row where rows are long.

use std::ops::Range;

use crate::inspect::values::{CHUNK, Values};

/// Values of a piece.
const PIECE: usize = 32 * CHUNK;

/// The pieces of a matrix.
#[derive(Debug, Clone, Copy)]
pub(in crate::inspect) struct Pieces {
    rows: usize,
    cols: usize,
    /// Rows of a piece.
    step: usize,
    /// Pieces of a row.
    per_row: usize,
}

impl Pieces {
    pub(in crate::inspect) fn of(values: &dyn Values) -> Self {
        let (rows, cols) = (values.rows(), values.cols());
        Self { rows, cols, step: (PIECE / cols.max(1)).max(1), per_row: cols.div_ceil(PIECE).max(1) }
    }

    /// The same with whole rows only, however long they are.
    pub(in crate::inspect) fn whole_rows(values: &dyn Values) -> Self {
        Self { per_row: 1, ..Self::of(values) }
    }

    pub(in crate::inspect) const fn count(&self) -> usize {
        self.rows.div_ceil(self.step) * self.per_row
    }

    /// Rows and columns of a piece.
    pub(in crate::inspect) fn window(&self, piece: usize) -> [Range<usize>; 2] {
        let (first, part) = (piece / self.per_row * self.step, piece % self.per_row);
        let rows = first..(first + self.step).min(self.rows);
        if self.per_row == 1 { [rows, 0..self.cols] } else { [rows, part * PIECE..((part + 1) * PIECE).min(self.cols)] }
    }

    /// A piece in parts that stay in a processor's cache.
    pub(in crate::inspect) fn parts(&self, piece: usize) -> impl Iterator<Item = [Range<usize>; 2]> + use<> {
        let [rows, cols] = self.window(piece);
        let width = cols.len().clamp(1, CHUNK);
        let height = (CHUNK / width).max(1);
        let steps = move |range: Range<usize>, step: usize| range.clone().step_by(step).map(move |at| at..(at + step).min(range.end));
        steps(rows, height).flat_map(move |rows| steps(cols.clone(), width).map(move |cols| [rows.clone(), cols]))
    }
}
