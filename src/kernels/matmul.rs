//! Matrix products of activations with packed weights.
//!
//! The activations are rounded to the weight type's partner (8-bit blocks for quantized weights) once per product; every output value
//! is then one block-wise dot product, so results do not depend on how the work is cut.

use candle_core::quantized::GgmlType;
use candle_core::quantized::k_quants::{BlockQ8_0, BlockQ8_1, BlockQ8K};
use half::{bf16, f16};

use super::dot::RowDot;
use super::pool::Pool;

/// Weight rows per task: large enough to be worth handing out, small enough to balance.
pub(super) const ROWS_PER_TASK: usize = 32;

/// Buffers of a product that are kept from one to the next.
#[derive(Debug, Default)]
pub struct Scratch {
    f32: Vec<f32>,
    f16: Vec<f16>,
    bf16: Vec<bf16>,
    q8_0: Vec<BlockQ8_0>,
    q8_1: Vec<BlockQ8_1>,
    q8_k: Vec<BlockQ8K>,
    transposed: Vec<f32>,
}

/// A type that activations are rounded to, and its buffer.
pub(super) trait Rounded: GgmlType {
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
rounded!(f32 => f32, f16 => f16, bf16 => bf16, BlockQ8_0 => q8_0, BlockQ8_1 => q8_1, BlockQ8K => q8_k);

/// Rounds `x[l, k]` for weights in blocks of `T`.
pub(super) fn round<T: RowDot>(pool: &Pool, scratch: &mut Scratch, x: &[f32], k: usize)
where
    T::VecDotType: Rounded,
{
    let row = k / T::VecDotType::BLCK_SIZE;
    let rounded = T::VecDotType::buffer(scratch);
    rounded.resize(x.len() / k * row, T::VecDotType::zeros());
    pool.chunks(rounded, row, |i, row| T::VecDotType::from_float(&x[i * k..(i + 1) * k], row));
}

/// `out = w · x` for some rows of weights and the one row of activations that was rounded last.
pub(super) fn row_dots<T: RowDot>(scratch: &Scratch, w: &[T], k: usize, out: &mut [f32])
where
    T::VecDotType: Rounded,
{
    let x = T::VecDotType::rounded(scratch);
    for (value, weights) in out.chunks_mut(1).zip(w.chunks(k / T::BLCK_SIZE)) {
        T::dots(k, weights, x, value);
    }
}

/// Whether each of the values is a number. Rounding to 8 bits makes a number of anything: what was none must stay none, or damaged
/// weights would go unnoticed.
pub(super) fn is_finite(x: &[f32]) -> bool {
    // As integers, magnitudes are in the numbers' order, and what is not finite comes last.
    x.iter().fold(0, |largest: i32, value| largest.max(value.abs().to_bits().cast_signed())) < f32::INFINITY.to_bits().cast_signed()
}

/// `out[l, n] = x[l, k] · wᵀ` for `w[n, k]` in blocks of `T`.
pub(super) fn matmul<T: RowDot>(pool: &Pool, scratch: &mut Scratch, w: &[T], x: &[f32], k: usize, out: &mut [f32])
where
    T::VecDotType: Rounded,
{
    let l = x.len() / k;
    let n = out.len() / l;
    let w_row = k / T::BLCK_SIZE;

    round::<T>(pool, scratch, x, k);
    let rounded = std::mem::take(T::VecDotType::buffer(scratch));

    let dots = |first: usize, out: &mut [f32]| {
        for (j, column) in out.chunks_mut(l).enumerate() {
            let weights = &w[(first + j) * w_row..(first + j + 1) * w_row];
            T::dots(k, weights, &rounded, column);
        }
    };
    if l == 1 {
        pool.chunks(out, ROWS_PER_TASK, |task, part| dots(task * ROWS_PER_TASK, part));
    } else {
        let transposed = &mut scratch.transposed;
        transposed.resize(n * l, 0.0);
        pool.chunks(transposed, ROWS_PER_TASK * l, |task, part| dots(task * ROWS_PER_TASK, part));
        pool.chunks(out, n, |i, row| {
            for (value, column) in row.iter_mut().zip(transposed.chunks(l)) {
                *value = column[i];
            }
        });
    }
    *T::VecDotType::buffer(scratch) = rounded;
    for (row, out) in x.chunks(k).zip(out.chunks_mut(n)) {
        if !is_finite(row) {
            out.fill(f32::NAN);
        }
    }
}
