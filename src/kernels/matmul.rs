//! Matrix products of activations with packed weights.
//!
//! The activations are rounded to the weight type's partner (8-bit blocks for quantized weights) once per product; every output value
//! is then one dot product of blocks, and results do not depend on how the work is cut.
#![expect(unsafe_code, reason = "tasks write neighbouring columns of one matrix")]

use super::dot::{Activation, Columns, Matrix, Processor, Rounded32, Rounded256, RowDot};
use super::pool::Pool;

/// Weight rows per task: large enough to be worth handing out, small enough to balance and to stay in a near cache unpacked.
pub(super) const ROWS_PER_TASK: usize = 32;

/// From this many rows of activations on it pays to unpack the weights before.
const MANY: usize = 4;

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

/// Rounds `x[l, k]` for weights in blocks of `T`.
pub(super) fn round<T: RowDot>(pool: &Pool, scratch: &mut Scratch, x: &[f32], k: usize)
where
    T::Rounded: Rounded,
{
    let (processor, row) = (scratch.processor, k / T::Rounded::LEN);
    let rounded = T::Rounded::buffer(scratch);
    rounded.resize(x.len() / k * row, T::Rounded::default());
    pool.chunks(rounded, row, |i, row| T::Rounded::round(processor, &x[i * k..(i + 1) * k], row));
}

/// `out = w · x` for some rows of weights and the one row of activations that was rounded last.
pub(super) fn row_dots<T: RowDot>(scratch: &Scratch, w: &[T], out: &mut [f32])
where
    T::Rounded: Rounded,
{
    T::gemv(scratch.processor, w, T::Rounded::rounded(scratch), out);
}

/// `out[l, n] = x[l, k] · wᵀ` for `w[n, k]` in blocks of `T`. A row of `x` with something that is not finite gives nothing finite.
pub(super) fn matmul<T: RowDot>(pool: &Pool, scratch: &mut Scratch, w: &[T], x: &[f32], k: usize, out: &mut [f32])
where
    T::Rounded: Rounded,
{
    let processor = scratch.processor;
    let l = x.len() / k;
    let n = out.len() / l;
    let w_row = k / T::BLCK_SIZE;
    let x_row = k / T::Rounded::LEN;

    round::<T>(pool, scratch, x, k);

    let rounded = T::Rounded::rounded(scratch);
    if l < MANY {
        for (x, out) in rounded.chunks(x_row).zip(out.chunks_mut(n)) {
            pool.chunks(out, ROWS_PER_TASK, |task, out| {
                let first = task * ROWS_PER_TASK;
                T::gemv(processor, &w[first * w_row..(first + out.len()) * w_row], x, out);
            });
        }
    } else {
        let matrix = Matrix::new(out, n);
        pool.each(n.div_ceil(ROWS_PER_TASK), |task| {
            let first = task * ROWS_PER_TASK;
            let width = ROWS_PER_TASK.min(n - first);
            // SAFETY: each task has columns of its own.
            let mut columns: Columns<'_> = unsafe { matrix.columns(first, width) };
            T::gemm(processor, &w[first * w_row..(first + width) * w_row], rounded, &mut columns);
        });
    }
}
