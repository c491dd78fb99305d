//! Weights that are floating-point numbers: F32, F16, BF16. Activations stay F32; sums are F32, eight at a time.

#[cfg(target_arch = "x86_64")]
mod avx2;

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::__m256;

use half::{bf16, f16};

use super::{Columns, Processor};

/// How many sums a dot product has, each of every eighth product.
const SUMS: usize = 8;

/// A floating-point weight.
pub trait Float: Copy + Default {
    /// The number, which F32 can hold.
    fn widen(self) -> f32;

    /// Eight of them.
    ///
    /// # Safety
    /// The processor must have AVX2 and F16C.
    #[cfg(target_arch = "x86_64")]
    unsafe fn widen_avx2(w: &[Self; SUMS]) -> __m256;
}

/// See [`super::RowDot::gemv`].
pub fn gemv<W: Float>(processor: Processor, w: &[W], x: &[f32], out: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if processor >= Processor::Avx2 {
        // SAFETY: the processor has what the function is compiled for.
        return unsafe { avx2::gemv(w, x, out) };
    }
    for (w, out) in w.chunks(x.len()).zip(out) {
        *out = dot(w, x);
    }
}

/// See [`super::RowDot::gemm`].
pub fn gemm<W: Float>(processor: Processor, w: &[W], x: &[f32], out: &mut Columns<'_>) {
    let row = w.len() / out.width();
    #[cfg(target_arch = "x86_64")]
    if processor >= Processor::Avx2 {
        // SAFETY: the processor has what the function is compiled for.
        return unsafe { avx2::gemm(w, row, x, out) };
    }
    for (i, x) in x.chunks(row).enumerate() {
        for (w, out) in w.chunks(row).zip(out.row(i)) {
            *out = dot(w, x);
        }
    }
}

fn dot<W: Float>(w: &[W], x: &[f32]) -> f32 {
    let mut sums = [0.0; SUMS];
    for (w, x) in w.chunks(SUMS).zip(x.chunks(SUMS)) {
        for ((sum, w), x) in sums.iter_mut().zip(w).zip(x) {
            *sum += w.widen() * x;
        }
    }
    sums.iter().sum()
}

impl Float for f32 {
    fn widen(self) -> f32 {
        self
    }

    #[cfg(target_arch = "x86_64")]
    #[inline]
    #[target_feature(enable = "avx2,f16c")]
    unsafe fn widen_avx2(w: &[Self; SUMS]) -> __m256 {
        super::avx2::load_floats(w)
    }
}

impl Float for f16 {
    fn widen(self) -> f32 {
        self.to_f32()
    }

    #[cfg(target_arch = "x86_64")]
    #[inline]
    #[target_feature(enable = "avx2,f16c")]
    unsafe fn widen_avx2(w: &[Self; SUMS]) -> __m256 {
        avx2::widen_f16(w)
    }
}

impl Float for bf16 {
    fn widen(self) -> f32 {
        self.to_f32()
    }

    #[cfg(target_arch = "x86_64")]
    #[inline]
    #[target_feature(enable = "avx2,f16c")]
    unsafe fn widen_avx2(w: &[Self; SUMS]) -> __m256 {
        avx2::widen_bf16(w)
    }
}
