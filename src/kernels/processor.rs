//! Which instructions the kernels use: found out once, when the program first computes.
//!
//! A kernel is written once and compiled for each instruction set (`for_each_simd` of [`dot::simd`](super::dot::simd)).

use std::sync::LazyLock;

/// An instruction set that there are kernels for, the plainest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Processor {
    /// What the compiler makes of plain code for any processor of the architecture.
    Portable,
    /// x86-64 with AVX2, FMA and F16C.
    Avx2,
    /// These and AVX-512 with byte operations and VNNI.
    Avx512,
}

static BEST: LazyLock<Processor> = LazyLock::new(|| Processor::here().last().copied().unwrap_or(Processor::Portable));

impl Processor {
    /// Those that run here, the plainest first.
    #[must_use]
    pub fn here() -> Vec<Self> {
        let mut found = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c") {
            found.push(Self::Avx2);
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vnni")
            {
                found.push(Self::Avx512);
            }
        }
        found
    }

    /// The fastest that runs here.
    #[must_use]
    pub fn best() -> Self {
        *BEST
    }
}

/// `a · b + c`: rounded once where the instruction for it is there, twice elsewhere.
#[expect(clippy::inline_always, reason = "it is compiled for the instructions of its caller")]
#[inline(always)]
pub(super) fn multiply_add<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}
