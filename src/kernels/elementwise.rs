//! Norms, rotations and activations on rows of F32.
#![expect(unsafe_code, reason = "the same loops, compiled for the vector instructions that are there")]
#![expect(clippy::inline_always, reason = "bodies are compiled for the instructions of their callers")]

use super::dot::simd::{Simd, for_each_simd};
use super::exp::exp;

/// What the gate of a feed-forward network goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x / (1 + e⁻ˣ)` (Elfwing et al. 2017).
    Silu,
    /// `x / 2 · (1 + tanh(√(2/π) (x + 0.044715 x³)))` (Hendrycks and Gimpel 2016).
    GeluTanh,
}

for_each_simd! {
    /// `out = x · weight / rms(x)` for each row of `weight.len()` values (Zhang and Sennrich 2019).
    pub fn rms_norm(x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) by rms_norm_body
}

#[inline(always)]
fn rms_norm_body<S: Simd>(_: S, x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    for (row, out) in x.chunks_exact(weight.len()).zip(out.chunks_exact_mut(weight.len())) {
        let (eights, rest) = row.as_chunks::<8>();
        let mut sums = [0.0f64; 8];
        for eight in eights {
            for i in 0..8 {
                sums[i] += f64::from(eight[i]) * f64::from(eight[i]);
            }
        }
        let squares = sums.iter().sum::<f64>() + rest.iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>();
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "the result is an F32 by definition")]
        let scale = 1.0 / ((squares / row.len() as f64) as f32 + eps).sqrt();
        for ((out, v), w) in out.iter_mut().zip(row).zip(weight) {
            *out = v * (scale * w);
        }
    }
}

/// The exponential as the instructions of `S` compute it.
#[inline(always)]
fn e_to<S: Simd>(x: f32) -> f32 {
    if S::FUSED { exp::<true>(x) } else { exp::<false>(x) }
}

for_each_simd! {
    /// `gate ← silu(gate) · up`.
    pub fn silu_mul(gate: &mut [f32], up: &[f32]) by silu_mul_body
}

#[inline(always)]
fn silu_mul_body<S: Simd>(_: S, gate: &mut [f32], up: &[f32]) {
    for (g, u) in gate.iter_mut().zip(up) {
        *g *= u / (1.0 + e_to::<S>(-*g));
    }
}

for_each_simd! {
    /// `gate ← gelu(gate) · up`, GELU by the hyperbolic tangent.
    pub fn gelu_tanh_mul(gate: &mut [f32], up: &[f32]) by gelu_tanh_mul_body
}

/// `(1 + tanh t) / 2` is `1 / (1 + e⁻²ᵗ)`, so that one exponential does.
#[inline(always)]
fn gelu_tanh_mul_body<S: Simd>(_: S, gate: &mut [f32], up: &[f32]) {
    /// 2 √(2/π)
    const LINEAR: f32 = 1.595_769_1;
    const CUBIC: f32 = LINEAR * 0.044_715;
    for (g, u) in gate.iter_mut().zip(up) {
        let x = *g;
        *g = x * (u / (1.0 + e_to::<S>(-(x * (LINEAR + CUBIC * (x * x))))));
    }
}

for_each_simd! {
    /// `x ← cap · tanh(x / cap)`.
    pub fn soft_cap(x: &mut [f32], cap: f32) by soft_cap_body
}

#[inline(always)]
fn soft_cap_body<S: Simd>(_: S, x: &mut [f32], cap: f32) {
    let share = 2.0 / cap;
    for x in x {
        *x = bent::<S>(*x * share, cap);
    }
}

/// `cap · tanh(twice / 2)`.
#[inline(always)]
pub(super) fn bent<S: Simd>(twice: f32, cap: f32) -> f32 {
    cap - 2.0 * cap / (e_to::<S>(twice) + 1.0)
}

/// `x ← x · factor`.
pub fn scale(x: &mut [f32], factor: f32) {
    for x in x {
        *x *= factor;
    }
}

/// `x ← x + y`.
pub fn add(x: &mut [f32], y: &[f32]) {
    for (a, b) in x.iter_mut().zip(y) {
        *a += b;
    }
}

/// `x ← x + factor · y`.
pub fn add_scaled(x: &mut [f32], y: &[f32], factor: f32) {
    for (a, b) in x.iter_mut().zip(y) {
        *a += factor * b;
    }
}

/// Adds the same vector to each row.
pub fn add_to_rows(x: &mut [f32], vector: &[f32]) {
    for row in x.chunks_mut(vector.len()) {
        add(row, vector);
    }
}

/// Which dimensions of a head are rotated together (Su et al. 2021).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pairing {
    /// `(0, 1), (2, 3), …`: ggml's "norm", what converted Llama files want.
    Neighbours,
    /// `(0, d/2), (1, d/2 + 1), …`: ggml's "neox".
    Halves,
}

/// Rotates the first `2 · cos_row.len()` dimensions of each head of one position.
pub fn rotate(heads: &mut [f32], head_dim: usize, pairing: Pairing, cos: &[f32], sin: &[f32]) {
    let turned = 2 * cos.len();
    let turn = |a: &mut f32, b: &mut f32, cos: f32, sin: f32| (*a, *b) = (*a * cos - *b * sin, *a * sin + *b * cos);
    for head in heads.chunks_mut(head_dim) {
        let head = &mut head[..turned];
        match pairing {
            Pairing::Neighbours => {
                for ([a, b], (cos, sin)) in head.as_chunks_mut::<2>().0.iter_mut().zip(cos.iter().zip(sin)) {
                    turn(a, b, *cos, *sin);
                }
            }
            Pairing::Halves => {
                let (first, second) = head.split_at_mut(cos.len());
                for ((a, b), (cos, sin)) in first.iter_mut().zip(second).zip(cos.iter().zip(sin)) {
                    turn(a, b, *cos, *sin);
                }
            }
        }
    }
}
