//! Writes F32 matrices as `.npy`, version 1.0 (NEP 1), row by row.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A matrix that is being written.
pub struct NpyWriter {
    path: PathBuf,
    out: BufWriter<File>,
}

impl NpyWriter {
    /// Begins a matrix `[rows, cols]`.
    pub fn create(path: &Path, rows: usize, cols: usize) -> Result<Self> {
        let file = File::create(path).map_err(|error| Error::store(path, error))?;
        let mut writer = Self { path: path.to_owned(), out: BufWriter::new(file) };
        let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {cols}), }}");
        // Magic, version and length take 10 bytes; the header ends in a newline at a multiple of 64.
        let padding = 63 - (10 + header.len()) % 64;
        header.push_str(&" ".repeat(padding));
        header.push('\n');
        let length = u16::try_from(header.len()).map_err(|_| Error::Internal("a .npy header of over 64 KiB".into()))?;
        writer.put(b"\x93NUMPY\x01\x00")?;
        writer.put(&length.to_le_bytes())?;
        writer.put(header.as_bytes())?;
        Ok(writer)
    }

    /// Writes the next values, row-major.
    pub fn write(&mut self, values: &[f32]) -> Result<()> {
        values.iter().try_for_each(|value| self.put(&value.to_le_bytes()))
    }

    /// Everything is on its way to the disk, or the error says why not.
    pub fn finish(mut self) -> Result<()> {
        self.out.flush().map_err(|error| Error::store(&self.path, error))
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(|error| Error::store(&self.path, error))
    }
}
