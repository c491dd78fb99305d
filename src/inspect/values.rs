//! A tensor, or what is made of one, as a matrix of F32 that is read in windows, straight from its file.
//!
//! Statistics, pictures, differences and exports all read [`Values`], so each of them works on a whole tensor, on one slice of a tensor with
//! more than two dimensions, on its scales, on a difference, and with rows and columns in any order. No tensor is ever read as a whole.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::file::{ModelFile, TensorInfo, text};
use crate::kernels::dequantize;

/// Values that are read at a time: their bytes and themselves stay in a processor's cache.
pub const CHUNK: usize = 16 << 10;

/// A matrix that is read by windows.
pub trait Values: Sync {
    /// How many rows there are.
    fn rows(&self) -> usize;

    /// How many values a row has.
    fn cols(&self) -> usize;

    /// Writes the values of a window to `out`, row by row; `out` has as many.
    ///
    /// # Errors
    /// What reading the file fails with.
    fn read(&self, rows: Range<usize>, cols: Range<usize>, out: &mut [f32]) -> Result<()>;

    /// How many values there are.
    fn len(&self) -> usize {
        self.rows().saturating_mul(self.cols())
    }

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What a tensor's rows and columns are: a vector is one row, and all dimensions but the last are rows.
#[must_use]
pub fn matrix_shape(shape: &[u64]) -> [u64; 2] {
    match shape {
        [] => [1, 1],
        [cols] => [1, *cols],
        [rows @ .., cols] => [rows.iter().fold(1, |n, &dim| n.saturating_mul(dim)), *cols],
    }
}

/// How many matrices a tensor is made of: 1 for up to two dimensions.
#[must_use]
pub fn n_slices(shape: &[u64]) -> u64 {
    match shape {
        [slices @ .., _, _] => slices.iter().fold(1, |n, &dim| n.saturating_mul(dim)),
        _ => 1,
    }
}

/// A tensor that can be read, and where its blocks are.
#[derive(Debug, Clone, Copy)]
struct Stored<'a> {
    file: &'a ModelFile,
    tensor: &'a TensorInfo,
    rows: usize,
    cols: usize,
    /// Weights and bytes of a block.
    block: [usize; 2],
}

impl<'a> Stored<'a> {
    fn new(file: &'a ModelFile, tensor: &'a TensorInfo) -> Result<Self> {
        let what = || format!("tensor `{}`", text::shown(&tensor.name, 80));
        if let Some(problem) = &tensor.problem {
            return Err(Error::format(&file.path, what(), "readable data", problem.clone()));
        }
        if !dequantize::can(tensor.dtype) {
            return Err(Error::unsupported(what(), format!("there are no values for {}", tensor.dtype.name())));
        }
        let [rows, cols] = matrix_shape(&tensor.shape).map(usize::try_from);
        let block = [tensor.dtype.block_len(), tensor.dtype.block_bytes()].map(|n| n.and_then(|n| usize::try_from(n).ok()));
        let (Ok(rows), Ok(cols), [Some(len), Some(bytes)]) = (rows, cols, block) else {
            return Err(Error::unsupported(what(), "it is larger than this processor can address"));
        };
        Ok(Self { file, tensor, rows, cols, block: [len, bytes] })
    }

    /// Reads the blocks that hold values `from..to` of all, and gives them to `take` a chunk at a time with the number of their first.
    fn blocks(&self, values: Range<usize>, mut take: impl FnMut(usize, &[u8])) -> Result<()> {
        let [len, bytes] = self.block;
        let (mut block, end) = (values.start / len, values.end.div_ceil(len));
        let step = (CHUNK / len).max(1);
        let mut buffer = vec![0; step.min(end - block) * bytes];
        while block < end {
            let n = step.min(end - block);
            self.file.read_into(self.tensor, (block * bytes) as u64, &mut buffer[..n * bytes])?;
            take(block, &buffer[..n * bytes]);
            block += n;
        }
        Ok(())
    }

    /// The values from `first` on, of all in their order.
    fn run(&self, first: usize, out: &mut [f32]) -> Result<()> {
        let ([len, bytes], dtype) = (self.block, self.tensor.dtype);
        let end = first + out.len();
        let mut edge = [0.0; 256];
        self.blocks(first..end, |block, stored| {
            let n = stored.len() / bytes;
            let (mut from, mut to) = (block, block + n);
            // Blocks that reach beyond what is wanted are dequantized aside.
            if block * len < first {
                dequantize::dequantize(dtype, &stored[..bytes], &mut edge[..len]);
                let wanted = &edge[first - block * len..len.min(end - block * len)];
                out[..wanted.len()].copy_from_slice(wanted);
                from += 1;
            }
            if to * len > end && to > from {
                to -= 1;
                dequantize::dequantize(dtype, &stored[(to - block) * bytes..][..bytes], &mut edge[..len]);
                out[to * len - first..].copy_from_slice(&edge[..end - to * len]);
            }
            if from < to {
                let stored = &stored[(from - block) * bytes..(to - block) * bytes];
                dequantize::dequantize(dtype, stored, &mut out[from * len - first..to * len - first]);
            }
        })
    }
}

/// The values of a tensor.
#[derive(Debug, Clone, Copy)]
pub struct TensorValues<'a> {
    stored: Stored<'a>,
    /// The row of the tensor that is the first here.
    first_row: usize,
    rows: usize,
}

impl<'a> TensorValues<'a> {
    /// All of a tensor, as [`matrix_shape`] has it.
    ///
    /// # Errors
    /// [`Error::Format`] for a tensor with a problem, [`Error::Unsupported`] for a type without values.
    pub fn new(file: &'a ModelFile, tensor: &'a TensorInfo) -> Result<Self> {
        let stored = Stored::new(file, tensor)?;
        Ok(Self { stored, first_row: 0, rows: stored.rows })
    }

    /// One matrix of a tensor with more than two dimensions; the last where there are fewer.
    #[must_use]
    pub fn slice(self, n: usize) -> Self {
        let slices = usize::try_from(n_slices(&self.stored.tensor.shape)).unwrap_or(1).max(1);
        let rows = self.stored.rows / slices;
        Self { first_row: n.min(slices - 1) * rows, rows, ..self }
    }

    /// Where the block that holds a value begins, as byte of the tensor, and the value's place in it.
    ///
    /// # Errors
    /// [`Error::Internal`] for a value outside.
    pub fn block_place(&self, row: usize, col: usize) -> Result<(u64, usize)> {
        if row >= self.rows || col >= self.stored.cols {
            return Err(Error::Internal(format!("value {row}, {col} of a matrix of {} x {}", self.rows, self.stored.cols)));
        }
        let [len, bytes] = self.stored.block;
        let index = (self.first_row + row) * self.stored.cols + col;
        Ok(((index / len * bytes) as u64, index % len))
    }

    /// The bytes of the block that holds a value, and the value's place in it.
    ///
    /// # Errors
    /// What reading the file fails with; [`Error::Internal`] for a value outside.
    pub fn block_at(&self, row: usize, col: usize) -> Result<(Vec<u8>, usize)> {
        let (start, index) = self.block_place(row, col)?;
        let mut block = vec![0; self.stored.block[1]];
        self.stored.file.read_into(self.stored.tensor, start, &mut block)?;
        Ok((block, index))
    }
}

impl Values for TensorValues<'_> {
    fn rows(&self) -> usize {
        self.rows
    }

    fn cols(&self) -> usize {
        self.stored.cols
    }

    fn read(&self, rows: Range<usize>, cols: Range<usize>, out: &mut [f32]) -> Result<()> {
        check(self, &rows, &cols, out)?;
        let first = self.first_row + rows.start;
        let width = cols.len();
        if width == self.stored.cols {
            return self.stored.run(first * width, out);
        }
        for (row, out) in (first..).zip(out.chunks_exact_mut(width.max(1))) {
            self.stored.run(row * self.stored.cols + cols.start, out)?;
        }
        Ok(())
    }
}

/// The scales of a quantized tensor, one for each group of weights that share one.
#[derive(Debug, Clone, Copy)]
pub struct ScaleValues<'a> {
    stored: Stored<'a>,
    /// Weights of a group.
    group: usize,
}

impl<'a> ScaleValues<'a> {
    /// The scales of a tensor; `None` for types that have none.
    ///
    /// # Errors
    /// As [`TensorValues::new`].
    pub fn new(file: &'a ModelFile, tensor: &'a TensorInfo) -> Result<Option<Self>> {
        let stored = Stored::new(file, tensor)?;
        let group = dequantize::group_len(tensor.dtype);
        Ok((group > 1).then_some(Self { stored, group }))
    }
}

impl Values for ScaleValues<'_> {
    fn rows(&self) -> usize {
        self.stored.rows
    }

    fn cols(&self) -> usize {
        self.stored.cols / self.group
    }

    fn read(&self, rows: Range<usize>, cols: Range<usize>, out: &mut [f32]) -> Result<()> {
        check(self, &rows, &cols, out)?;
        let ([len, bytes], width) = (self.stored.block, cols.len());
        let per_block = len / self.group;
        let mut scales = vec![0.0; (CHUNK / len).max(1) * per_block];
        for (row, out) in rows.zip(out.chunks_exact_mut(width.max(1))) {
            let start = row * self.stored.cols;
            let wanted = row * self.cols() + cols.start..row * self.cols() + cols.end;
            self.stored.blocks(start + cols.start * self.group..start + cols.end * self.group, |block, stored| {
                let n = stored.len() / bytes * per_block;
                dequantize::scales(self.stored.tensor.dtype, stored, &mut scales[..n]);
                let first = block * per_block;
                let (from, to) = (first.max(wanted.start), (first + n).min(wanted.end));
                out[from - wanted.start..to - wanted.start].copy_from_slice(&scales[from - first..to - first]);
            })?;
        }
        Ok(())
    }
}

/// A matrix with its rows, its columns, or both in another order.
#[derive(Clone, Copy)]
pub struct Sorted<'a> {
    /// In the old order.
    pub values: &'a dyn Values,
    /// The old row of each new one.
    pub rows: Option<&'a [u32]>,
    /// The old column of each new one.
    pub cols: Option<&'a [u32]>,
}

impl Values for Sorted<'_> {
    fn rows(&self) -> usize {
        self.rows.map_or_else(|| self.values.rows(), <[u32]>::len)
    }

    fn cols(&self) -> usize {
        self.cols.map_or_else(|| self.values.cols(), <[u32]>::len)
    }

    fn read(&self, rows: Range<usize>, cols: Range<usize>, out: &mut [f32]) -> Result<()> {
        check(self, &rows, &cols, out)?;
        let mut whole = vec![0.0; if self.cols.is_some() { self.values.cols() } else { 0 }];
        let width = cols.len();
        for (row, out) in rows.zip(out.chunks_exact_mut(width.max(1))) {
            let row = self.rows.map_or(row, |rows| rows[row] as usize);
            let Some(order) = self.cols else {
                self.values.read(row..row + 1, cols.clone(), out)?;
                continue;
            };
            self.values.read(row..row + 1, 0..whole.len(), &mut whole)?;
            for (out, &col) in out.iter_mut().zip(&order[cols.clone()]) {
                *out = whole.get(col as usize).copied().unwrap_or(f32::NAN);
            }
        }
        Ok(())
    }
}

/// Fails where a window isn't inside, or `out` isn't as large.
pub(super) fn check(values: &dyn Values, rows: &Range<usize>, cols: &Range<usize>, out: &[f32]) -> Result<()> {
    let inside = rows.end <= values.rows() && cols.end <= values.cols() && rows.start <= rows.end && cols.start <= cols.end;
    if inside && out.len() == rows.len() * cols.len() {
        return Ok(());
    }
    let (all_rows, all_cols) = (values.rows(), values.cols());
    Err(Error::Internal(format!("{} values of rows {rows:?} and columns {cols:?} in a matrix of {all_rows} x {all_cols}", out.len())))
}
