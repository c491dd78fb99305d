//! A tensor as the file lists it: name, shape, type and place. Its data stays in the file.

use crate::file::DType;
use crate::units::Bytes;

/// A tensor's entry in a file.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorInfo {
    /// Its name, as stored (show it through [`crate::file::text::shown`]).
    pub name: String,
    /// Its dimensions, row-major as numpy has them: the last one is contiguous. Empty for a scalar.
    pub shape: Vec<u64>,
    /// How its elements are stored.
    pub dtype: DType,
    /// The file of a split set that holds it; 0 where there is one.
    pub shard: usize,
    /// Where its data starts, absolute in that file.
    pub offset: u64,
    /// The length of its data; for a type of unknown size, the room up to what follows.
    pub bytes: Bytes,
    /// Why its data can't be read, if it can't.
    pub problem: Option<String>,
}

impl TensorInfo {
    /// The number of its elements, saturating where the shape lies.
    #[must_use]
    pub fn elements(&self) -> u64 {
        self.shape.iter().fold(1, |n, &dim| n.saturating_mul(dim))
    }

    /// The number of its rows: the product of all dimensions but the last, saturating.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.shape.iter().rev().skip(1).fold(1, |n, &dim| n.saturating_mul(dim))
    }

    /// The number of elements in a row: the last dimension, 1 for a scalar.
    #[must_use]
    pub fn row_len(&self) -> u64 {
        self.shape.last().copied().unwrap_or(1)
    }

    /// The first byte after its data, saturating.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.offset.saturating_add(self.bytes.0)
    }
}
