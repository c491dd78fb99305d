//! How weights lie in memory: sixteen rows together, block by block, so that a lane of a vector is a row, sums need no adding up across a
//! vector, and a thread reads one stream. It takes as many bytes as the file has, and gives its blocks back bit by bit.

use super::MANY;
use super::columns::Columns;
use super::product::{AsPacked, product};
use super::rounded::Activation;
use super::simd::{Group, LANES, Simd};

/// One block of each of sixteen rows.
pub trait Pack: Sized + Copy + Send + Sync + 'static {
    /// A row's block as a file has it.
    type File: Copy + Sync + 'static;
    /// What activations are rounded to before.
    type Rounded: Activation;

    /// Blocks that are multiplied with all rows of activations before the next: a tile of activations then stays in the nearest cache.
    const SPAN: usize;
    /// Whether a product needs no registers but for the sums and a weight, so that a tile may have more rows of activations.
    const LIGHT: bool = false;

    /// Puts the blocks of sixteen rows together.
    fn pack(rows: [&Self::File; LANES]) -> Self;

    /// Packs sixteen rows of `row` blocks, one behind the other; of the last there may be fewer, and the lanes beyond repeat it.
    fn pack_rows(row: usize, rows: &[Self::File], packs: &mut [Self]) {
        let last = rows.len() / row - 1;
        for (b, pack) in packs.iter_mut().enumerate() {
            *pack = Self::pack(std::array::from_fn(|lane| &rows[lane.min(last) * row + b]));
        }
    }

    /// The block of one row.
    fn row(&self, lane: usize) -> Self::File;

    /// Adds the products of sixteen rows with `N` rows of activations, in this block.
    fn accumulate<S: Simd, const N: usize>(&self, s: S, x: [&Self::Rounded; N], totals: [S::Floats; N]) -> [S::Floats; N];

    /// [`super::multiply`] on these lanes.
    #[inline(always)]
    fn multiply<S: Simd>(s: S, w: &[Self], row: usize, x: &[Self::Rounded], out: &mut Columns<'_>) {
        let span = if x.len() < MANY * row { row } else { Self::SPAN };
        product::<S, Self, AsPacked>(s, w, row, span, x, out);
    }
}

/// Bytes of sixteen rows, turned: four of each row, and the next four.
pub fn turn<const BYTES: usize, const G: usize>(rows: [&[u8; BYTES]; LANES]) -> [Group; G] {
    const { assert!(BYTES == 4 * G) };
    let mut groups = [[0; 4 * LANES]; G];
    for (lane, row) in rows.into_iter().enumerate() {
        for (group, four) in groups.iter_mut().zip(row.as_chunks::<4>().0) {
            group[4 * lane..4 * lane + 4].copy_from_slice(four);
        }
    }
    groups
}

/// The bytes of one row again.
pub fn turned_back<const BYTES: usize, const G: usize>(groups: &[Group; G], lane: usize) -> [u8; BYTES] {
    const { assert!(BYTES == 4 * G) };
    let mut row = [0; BYTES];
    for (group, four) in groups.iter().zip(row.as_chunks_mut::<4>().0) {
        four.copy_from_slice(&group[4 * lane..4 * lane + 4]);
    }
    row
}
