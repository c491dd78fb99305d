//! Writes F32 arrays as `.npy`, version 1.0 (NEP 1), a part at a time: beside its place, and moved there when it is whole.

use std::fmt;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::{Error, Result};
use crate::inspect::values::{CHUNK, Values};

/// An array that is being written; it is at its path after [`NpyWriter::finish`] and not before.
pub struct NpyWriter {
    path: PathBuf,
    out: BufWriter<NamedTempFile>,
    /// Values that are still to come.
    left: u64,
}

impl fmt::Debug for NpyWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NpyWriter({}, {} values to come)", self.path.display(), self.left)
    }
}

impl NpyWriter {
    /// Begins an array of this shape, row-major.
    ///
    /// # Errors
    /// [`Error::Store`] where the folder can't be written to.
    pub fn create(path: &Path, shape: &[u64]) -> Result<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = tempfile::Builder::new().prefix(".ponder-").suffix(".npy.tmp").tempfile_in(folder);
        let file = file.map_err(|error| Error::store(path, error))?;
        let left = shape.iter().fold(1_u64, |n, &dim| n.saturating_mul(dim));
        let mut writer = Self { path: path.to_owned(), out: BufWriter::new(file), left };
        let dims: Vec<String> = shape.iter().map(ToString::to_string).collect();
        // As Python writes tuples: one element has a comma after it.
        let comma = if dims.len() == 1 { "," } else { "" };
        let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}{comma}), }}", dims.join(", "));
        // Magic, version and length take 10 bytes; the header ends in a newline at a multiple of 64.
        let padding = 63 - (10 + header.len()) % 64;
        header.push_str(&" ".repeat(padding));
        header.push('\n');
        let length = u16::try_from(header.len()).map_err(|_too_long| Error::Internal("a .npy header of over 64 KiB".into()))?;
        writer.put(b"\x93NUMPY\x01\x00")?;
        writer.put(&length.to_le_bytes())?;
        writer.put(header.as_bytes())?;
        Ok(writer)
    }

    /// Writes the next values, row-major.
    ///
    /// # Errors
    /// [`Error::Store`] when the disk is full or gone; [`Error::Internal`] for more values than the shape has.
    pub fn write(&mut self, values: &[f32]) -> Result<()> {
        self.left = self.left.checked_sub(values.len() as u64).ok_or_else(|| Error::Internal("too many values for a .npy file".into()))?;
        values.iter().try_for_each(|value| self.put(&value.to_le_bytes()))
    }

    /// Moves the file to its place, replacing what was there.
    ///
    /// # Errors
    /// [`Error::Store`] when that fails; [`Error::Internal`] where values are missing.
    pub fn finish(self) -> Result<()> {
        let path = self.path;
        if self.left > 0 {
            return Err(Error::Internal(format!("{}: {} values are missing", path.display(), self.left)));
        }
        let file = self.out.into_inner().map_err(|error| Error::store(&path, error.error()))?;
        file.as_file().sync_all().map_err(|error| Error::store(&path, error))?;
        readable(file.as_file());
        file.persist(&path).map_err(|error| Error::store(&path, error.error))?;
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(|error| Error::store(&self.path, error))
    }
}

/// Temporary files are private; what a person asked for is like other files.
#[cfg(unix)]
fn readable(file: &File) {
    use std::os::unix::fs::PermissionsExt as _;
    // A file system without such rights has none to give.
    file.set_permissions(std::fs::Permissions::from_mode(0o644)).ok();
}

#[cfg(not(unix))]
fn readable(_file: &File) {}

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
