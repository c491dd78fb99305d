//! Loops that the compiler turns into vector instructions: sums in eight lanes, and the kernels' exponential.

use ponder::kernels;

/// `Σ a·b`, in eight partial sums.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; 8];
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a8.remainder().iter().zip(b8.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a8.zip(b8) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// `Σ a`, in eight partial sums.
pub fn sum(a: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; 8];
    let eights = a.chunks_exact(8);
    let rest: f32 = eights.remainder().iter().sum();
    for a in eights {
        for (lane, a) in lanes.iter_mut().zip(a) {
            *lane += a;
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// `eˣ`, as the program's own kernels have it.
#[inline]
pub fn exp(x: f32) -> f32 {
    kernels::exp::exp::<false>(x)
}

/// `1 / (1 + e⁻ˣ)`.
#[inline]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}
