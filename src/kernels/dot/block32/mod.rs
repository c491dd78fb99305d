//! Weights in blocks of 32 under one scale: `Q4_0`, `Q4_1`, `Q5_0`, `Q5_1`, `Q8_0`.
//!
//! A block adds `d·dₓ · Σ (q − offset)·qₓ` to the sum of its row, and for a type with a minimum then `m·dₓ · Σ qₓ`.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod types;

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::__m256i;

use half::f16;

use super::{Codes, Columns, Processor, Rounded32, panel};

pub use types::{Q4_0, Q4_1, Q5_0, Q5_1, Q8_0};

/// A block of 32 weights.
pub trait Block: Codes + Copy {
    /// What a code of zero stands for, negated.
    const OFFSET: i32;
    /// Whether there is a minimum.
    const MIN: bool;

    /// The bits of the scale.
    fn scale(&self) -> u16;

    /// The bits of the minimum.
    fn min(&self) -> u16 {
        0
    }

    /// The codes in the weights' order.
    fn codes(&self) -> [i8; 32];

    /// The same.
    ///
    /// # Safety
    /// The processor must have AVX2.
    #[cfg(target_arch = "x86_64")]
    unsafe fn codes_avx2(&self) -> __m256i;
}

/// See [`super::RowDot::gemv`].
pub fn gemv<B: Block>(processor: Processor, w: &[B], x: &[Rounded32], out: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if processor >= Processor::Avx2 {
        // SAFETY: the processor has what the function is compiled for.
        return unsafe { avx2::gemv(w, x, out) };
    }
    for (w, out) in w.chunks(x.len()).zip(out) {
        *out = w.iter().zip(x).fold(0.0, |sum, (w, x)| add(sum, w, &w.codes(), x));
    }
}

/// See [`super::RowDot::gemm`].
pub fn gemm<B: Block>(processor: Processor, w: &[B], x: &[Rounded32], out: &mut Columns<'_>) {
    let row = w.len() / out.width();
    #[cfg(target_arch = "x86_64")]
    if processor >= Processor::Avx2 {
        // SAFETY: the processor has what the function is compiled for.
        return unsafe { panel::gemm::<avx2::Unpacked<B>, _>(w, row, x, out) };
    }
    for i in 0..x.len() / row {
        out.row(i).fill(0.0);
    }
    for (j, w) in w.chunks(row).enumerate() {
        for (b, w) in w.iter().enumerate() {
            let codes = w.codes();
            for (i, x) in x.chunks(row).enumerate() {
                let sum = &mut out.row(i)[j];
                *sum = add(*sum, w, &codes, &x[b]);
            }
        }
    }
}

/// The sum of a row, with one more block.
#[expect(clippy::cast_precision_loss, reason = "at most 32 · 128 · 127")]
fn add<B: Block>(sum: f32, w: &B, codes: &[i8; 32], x: &Rounded32) -> f32 {
    let products: i32 = codes.iter().zip(&x.codes).map(|(&w, &x)| i32::from(w) * i32::from(x)).sum();
    let sum = sum + f16::from_bits(w.scale()).to_f32() * x.scale * (products - B::OFFSET * x.sum) as f32;
    if B::MIN { sum + f16::from_bits(w.min()).to_f32() * x.scale * x.sum as f32 } else { sum }
}
