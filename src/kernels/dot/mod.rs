//! Dot products of rows of weights with rows of rounded activations.
//!
//! Quantized weights are codes under a scale, and so are the activations: within a block all arithmetic is exact, in integers, and the
//! blocks of a row are added in their order, each by one multiplication and one addition in F32. So a value depends neither on what is
//! computed beside it nor on the instructions: a processor with longer vectors gives the same bits as the portable code. (F32, F16 and
//! BF16 weights have no integers; their sums differ in the last bits from one instruction set to another, and from nothing else.)
//!
//! A family of types ([`block32`], [`block256`], [`float`]) is a trait that says how one block becomes codes, a loop for each
//! instruction set, and a few lines for each type. A further instruction set is a file in each family and a line in [`Processor`].
#![expect(unsafe_code, reason = "vector instructions, and candle's blocks read field by field")]
#![expect(clippy::cast_ptr_alignment, reason = "the loads are the unaligned ones")]
#![expect(clippy::needless_range_loop, reason = "a lane is a place in several arrays")]
#![expect(clippy::missing_panics_doc, reason = "slices of the wrong length are mistakes of the program")]
#![expect(clippy::struct_field_names, reason = "a block's scale of scales is called so")]

#[cfg(target_arch = "x86_64")]
mod avx2;
mod block256;
mod block32;
mod columns;
mod float;
mod panel;
mod rounded;

use candle_core::quantized::GgmlType;
use candle_core::quantized::k_quants::{
    BlockQ2K, BlockQ3K, BlockQ4_0, BlockQ4_1, BlockQ4K, BlockQ5_0, BlockQ5_1, BlockQ5K, BlockQ6K, BlockQ8_0,
};
use half::{bf16, f16};

pub use super::processor::Processor;
pub use columns::{Columns, Matrix};
pub use rounded::{Activation, Rounded32, Rounded256};

/// A weight type whose rows can be multiplied.
pub trait RowDot: GgmlType {
    /// What activations are rounded to before.
    type Rounded: Activation;

    /// `out[j] = w[j] · x` for `out.len()` rows of weights, one behind the other, and one row of activations.
    fn gemv(processor: Processor, w: &[Self], x: &[Self::Rounded], out: &mut [f32]);

    /// `out[i][j] = w[j] · x[i]` for as many rows of weights as `out` has columns, and as many rows of activations as it has rows.
    fn gemm(processor: Processor, w: &[Self], x: &[Self::Rounded], out: &mut Columns<'_>);
}

/// How large the codes of a type are.
pub trait Codes {
    /// The largest code; 128 for codes with a sign.
    const MAX: i32;
}

macro_rules! row_dot {
    ($($block:ty: $family:ident, $rounded:ty, $layout:ty);* $(;)?) => {$(
        const _: () = assert!(size_of::<$block>() == size_of::<$layout>() && align_of::<$block>() == align_of::<$layout>());

        impl RowDot for $block {
            type Rounded = $rounded;

            fn gemv(processor: Processor, w: &[Self], x: &[$rounded], out: &mut [f32]) {
                // SAFETY: the block is repr(C) with exactly the fields of the layout, of the same size and alignment (asserted above).
                let w = unsafe { std::slice::from_raw_parts(w.as_ptr().cast::<$layout>(), w.len()) };
                $family::gemv(processor, w, x, out);
            }

            fn gemm(processor: Processor, w: &[Self], x: &[$rounded], out: &mut Columns<'_>) {
                // SAFETY: as above.
                let w = unsafe { std::slice::from_raw_parts(w.as_ptr().cast::<$layout>(), w.len()) };
                $family::gemm(processor, w, x, out);
            }
        }
    )*};
}
row_dot! {
    f32: float, f32, f32;
    f16: float, f32, f16;
    bf16: float, f32, bf16;
    BlockQ4_0: block32, Rounded32, block32::Q4_0;
    BlockQ4_1: block32, Rounded32, block32::Q4_1;
    BlockQ5_0: block32, Rounded32, block32::Q5_0;
    BlockQ5_1: block32, Rounded32, block32::Q5_1;
    BlockQ8_0: block32, Rounded32, block32::Q8_0;
    BlockQ2K: block256, Rounded256, block256::Q2K;
    BlockQ3K: block256, Rounded256, block256::Q3K;
    BlockQ4K: block256, Rounded256, block256::Q4K;
    BlockQ5K: block256, Rounded256, block256::Q5K;
    BlockQ6K: block256, Rounded256, block256::Q6K;
}
