//! Matrix products of activations with packed weights.
//!
//! The activations are rounded to the weight type's partner (8-bit blocks for quantized weights) once per product; every output value
//! is then one sum over blocks, and results do not depend on how the work is cut.
#![expect(unsafe_code, reason = "tasks write neighbouring columns of one matrix")]

use super::dot::{self, Activation, Matrix, Pack, Processor, Rounded32, Rounded256};
use super::pool::Pool;

/// Buffers of a product that are kept from one to the next, and the instructions that products use.
#[derive(Debug)]
pub struct Scratch {
    processor: Processor,
    f32: Vec<f32>,
    rounded_32: Vec<Rounded32>,
    rounded_256: Vec<Rounded256>,
}

impl Scratch {
    /// For products with these instructions, which must be among [`Processor::here`].
    #[must_use]
    pub fn on(processor: Processor) -> Self {
        let processor = if Processor::here().contains(&processor) { processor } else { Processor::Portable };
        Self { processor, f32: Vec::new(), rounded_32: Vec::new(), rounded_256: Vec::new() }
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::on(Processor::best())
    }
}

/// A type that activations are rounded to, and its buffer.
pub(super) trait Rounded: Activation {
    fn buffer(scratch: &mut Scratch) -> &mut Vec<Self>;
    fn rounded(scratch: &Scratch) -> &[Self];
}

macro_rules! rounded {
    ($($block:ty => $field:ident),*) => {$(
        impl Rounded for $block {
            fn buffer(scratch: &mut Scratch) -> &mut Vec<Self> {
                &mut scratch.$field
            }
            fn rounded(scratch: &Scratch) -> &[Self] {
                &scratch.$field
            }
        }
    )*};
}
rounded!(f32 => f32, Rounded32 => rounded_32, Rounded256 => rounded_256);

/// Rounds `x[l, k]` to blocks of `R`, laid out as [`dot::multiply`] takes them.
pub(super) fn round<R: Rounded>(pool: &Pool, scratch: &mut Scratch, x: &[f32], k: usize) {
    let (processor, row, l) = (scratch.processor, k / R::LEN, x.len() / k);
    let rounded = R::buffer(scratch);
    rounded.resize(l * row, R::default());
    if R::BY_BLOCK && l >= dot::MANY {
        pool.chunks(rounded, l, |b, column| {
            for (i, block) in column.iter_mut().enumerate() {
                R::round(processor, &x[i * k + b * R::LEN..][..R::LEN], std::slice::from_mut(block));
            }
        });
    } else {
        pool.chunks(rounded, row, |i, row| R::round(processor, &x[i * k..(i + 1) * k], row));
    }
}

/// Columns `first..first + width` of `out[l, n] = x[l, k] · wᵀ`, for the activations that were rounded last. `w` are the packs of these
/// rows of weights, `row` blocks each.
///
/// # Safety
/// No two that are computed at the same time may overlap.
pub(super) unsafe fn columns<P: Pack>(scratch: &Scratch, w: &[P], row: usize, out: Matrix<'_>, first: usize, width: usize)
where
    P::Rounded: Rounded,
{
    // SAFETY: the caller's.
    let mut out = unsafe { out.columns(first, width) };
    dot::multiply(scratch.processor, w, row, P::Rounded::rounded(scratch), &mut out);
}
