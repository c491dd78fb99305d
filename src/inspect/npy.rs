//! Writes F32 arrays as `.npy`, version 1.0 (NEP 1), a part at a time: beside its place, and moved there when it is whole.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::file::replacement::Replacement;
use crate::inspect::values::{CHUNK, Values};

/// An array that is being written; it is at its path after [`NpyWriter::finish`] and not before.
#[derive(Debug)]
pub struct NpyWriter {
    path: PathBuf,
    out: Replacement,
    /// Values that are still to come.
    left: u64,
}

impl NpyWriter {
    /// Begins an array of this shape, row-major.
    ///
    /// # Errors
    /// [`Error::Store`] where the folder can't be written to.
    pub fn create(path: &Path, shape: &[u64]) -> Result<Self> {
        let out = Replacement::begin(path)?;
        let left = shape.iter().fold(1_u64, |n, &dim| n.saturating_mul(dim));
        let mut writer = Self { path: path.to_owned(), out, left };
        let dims: Vec<String> = shape.iter().map(ToString::to_string).collect();
        // As Python writes tuples: one element has a comma after it.
        let comma = if dims.len() == 1 { "," } else { "" };
        let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}{comma}), }}", dims.join(", "));
        // Magic, version and length take 10 bytes; the header ends in a newline at a multiple of 64.
        let padding = 63 - (10 + header.len()) % 64;
        header.push_str(&" ".repeat(padding));
        header.push('\n');
        let length = u16::try_from(header.len()).map_err(|_too_long| Error::Internal("a .npy header of over 64 KiB".into()))?;
        writer.out.write(&[b"\x93NUMPY\x01\x00", &length.to_le_bytes()[..], header.as_bytes()].concat())?;
        Ok(writer)
    }

    /// Writes the next values, row-major.
    ///
    /// # Errors
    /// [`Error::Store`] when the disk is full or gone; [`Error::Internal`] for more values than the shape has.
    pub fn write(&mut self, values: &[f32]) -> Result<()> {
        self.left = self.left.checked_sub(values.len() as u64).ok_or_else(|| Error::Internal("too many values for a .npy file".into()))?;
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.out.write(&bytes)
    }

    /// Moves the file to its place, replacing what was there.
    ///
    /// # Errors
    /// [`Error::Store`] when that fails; [`Error::Internal`] where values are missing.
    pub fn finish(self) -> Result<()> {
        if self.left > 0 {
            return Err(Error::Internal(format!("{}: {} values are missing", self.path.display(), self.left)));
        }
        self.out.finish()
    }
}

/// Writes all values of a matrix under a shape that has as many. `progress` is told the share that is written and answers whether to go on.
///
/// # Errors
/// [`Error::Cancelled`], with nothing left behind; what reading or writing fails with.
#[expect(clippy::cast_precision_loss, reason = "a share")]
pub fn write(values: &dyn Values, shape: &[u64], path: &Path, progress: &mut dyn FnMut(f64) -> bool) -> Result<()> {
    let mut out = NpyWriter::create(path, shape)?;
    let (rows, cols) = (values.rows(), values.cols());
    let width = cols.clamp(1, 16 * CHUNK);
    let step = (16 * CHUNK / width).max(1);
    let mut buffer = vec![0.0; step.min(rows) * width];
    for first in (0..rows).step_by(step) {
        let last = (first + step).min(rows);
        for col in (0..cols).step_by(width) {
            let end = (col + width).min(cols);
            let buffer = &mut buffer[..(last - first) * (end - col)];
            values.read(first..last, col..end, buffer)?;
            out.write(buffer)?;
            if !progress(((first * cols + col * (last - first)) as f64) / values.len() as f64) {
                return Err(Error::Cancelled);
            }
        }
    }
    out.finish()
}
