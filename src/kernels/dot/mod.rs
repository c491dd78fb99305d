//! Products of rows of weights with rows of rounded activations.
//!
//! Quantized weights are codes under a scale, and so are the activations: within a block all arithmetic is exact, in integers, and the
//! blocks of a row are added in their order, each by one multiplication and one addition in F32. So a value depends neither on what is
//! computed beside it nor on the instructions: a processor with longer vectors gives the same bits as the portable code. (F32, F16 and
//! BF16 weights have no integers; their sums differ in the last bits from one instruction set to another, and from nothing else.)
//!
//! Weights lie in [`pack`]s of sixteen rows. A family of types ([`block32`], [`block256`]) says how a block is multiplied, once for all
//! instruction sets, in the operations of [`simd`]; a type says how it is packed and how its codes come out. A further instruction set
//! is a file in `simd` and a line in [`Processor`]; a further type a file in its family and a line in the kernels' table.
#![expect(unsafe_code, reason = "vector instructions")]
#![expect(clippy::inline_always, reason = "kernels are compiled for the instructions of their callers")]
#![expect(
    clippy::struct_field_names,
    clippy::cast_ptr_alignment,
    reason = "a matrix is what its columns are of; loads are the unaligned ones"
)]
#![expect(clippy::needless_range_loop, reason = "a lane is a place in several arrays, and closures are not compiled for instructions")]
#![expect(clippy::cast_possible_truncation, reason = "places of bits are small")]
#![expect(clippy::missing_panics_doc, reason = "slices of the wrong length are mistakes of the program")]
#![expect(missing_docs, reason = "layouts of files, whose fields are told of by their types")]

pub mod block256;
pub mod block32;
mod columns;
pub mod float;
pub mod pack;
mod product;
mod rounded;
pub mod simd;
mod tables;

pub use super::processor::Processor;
pub use columns::{Columns, Matrix};
pub use pack::Pack;
pub use rounded::{Activation, Rounded32, Rounded256};

use simd::{Simd, for_each_simd};

/// Bytes of a cache line.
const LINE: usize = 64;

/// From this many rows of activations on, weights are worth being unpacked for all of them, and activations may lie by blocks
/// ([`Activation::BY_BLOCK`]).
pub const MANY: usize = 4;

for_each_simd! {
    /// `out[i][j] = w[j] · x[i]` for as many rows of activations as `out` has rows and as many rows of weights as it has columns. `w` has
    /// `row` blocks for each sixteen rows; where the last sixteen are not all wanted, what lies in the others does not matter.
    pub fn multiply<P: Pack>(w: &[P], row: usize, x: &[P::Rounded], out: &mut Columns<'_>) by multiply_body
}

#[inline(always)]
fn multiply_body<S: Simd, P: Pack>(s: S, w: &[P], row: usize, x: &[P::Rounded], out: &mut Columns<'_>) {
    P::multiply(s, w, row, x, out);
}
