//! The block of a tensor that holds a value: its bytes, what they mean, and which bits of them are that value's own.

use crate::error::{Error, Result};
use crate::file::{ModelFile, TensorInfo};
use crate::inspect::values::TensorValues;
use crate::kernels::dequantize::anatomy::{self, BlockParts};

/// A block.
#[derive(Debug, Clone)]
pub struct Block {
    /// The place in the block of the value that was asked for.
    pub index: usize,
    /// The column of its first value.
    pub first: usize,
    /// Its first byte, absolute in its file.
    pub offset: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What they mean.
    pub parts: BlockParts,
}

/// Reads the block that holds the value at row and column `at` of a tensor's matrix number `slice`.
///
/// # Errors
/// As [`TensorValues::new`] and [`TensorValues::block_at`].
pub fn holding(file: &ModelFile, tensor: &TensorInfo, slice: usize, at: [usize; 2]) -> Result<Block> {
    let values = TensorValues::new(file, tensor)?.slice(slice);
    let [row, col] = at;
    let (start, index) = values.block_place(row, col)?;
    let (bytes, _) = values.block_at(row, col)?;
    let unknown = || Error::unsupported(tensor.dtype.name().into_owned(), "the layout of its blocks is not known to Ponder");
    let parts = anatomy::block(tensor.dtype, &bytes).ok_or_else(unknown)?;
    Ok(Block { index, first: col.saturating_sub(index), offset: tensor.offset.saturating_add(start), bytes, parts })
}

impl Block {
    /// The bits, as byte and mask, that change this value and no other when they are turned over.
    #[must_use]
    pub fn bits_of(&self, index: usize) -> Vec<(usize, u8)> {
        let mut bytes = self.bytes.clone();
        let mut found = Vec::new();
        for at in 0..bytes.len() {
            let mut own = 0;
            for bit in 0..8 {
                bytes[at] ^= 1 << bit;
                if let Some(other) = anatomy::block(self.parts.dtype, &bytes)
                    && changes_alone(&self.parts, &other, index)
                {
                    own |= 1 << bit;
                }
                bytes[at] ^= 1 << bit;
            }
            if own != 0 {
                found.push((at, own));
            }
        }
        found
    }
}

/// Whether two blocks differ in the code of this value and in nothing else.
fn changes_alone(a: &BlockParts, b: &BlockParts, index: usize) -> bool {
    let same = |x: &[f32], y: &[f32]| x.iter().zip(y).all(|(x, y)| x.to_bits() == y.to_bits());
    let differs = |n: usize| a.codes[n] != b.codes[n];
    a.codes.len() == b.codes.len()
        && a.codes.get(index).is_some_and(|_| differs(index))
        && (0..a.codes.len()).all(|n| n == index || !differs(n))
        && same(&a.scales, &b.scales)
        && same(&a.offsets, &b.offsets)
}
