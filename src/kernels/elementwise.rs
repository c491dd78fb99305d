//! Norms, rotations and activations on rows of F32.
#![expect(unsafe_code, reason = "the same loops, compiled for the vector instructions that are there")]
#![expect(clippy::inline_always, reason = "bodies are compiled for the instructions of their callers")]

use super::exp::exp;
use super::processor::for_each_processor;

for_each_processor! {
    /// `out = x · weight / rms(x)` for each row of `weight.len()` values (Zhang and Sennrich 2019).
    pub fn rms_norm(x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) by rms_norm_body
}

#[inline(always)]
fn rms_norm_body<const FUSED: bool>(x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
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

for_each_processor! {
    /// `gate ← silu(gate) · up`, with `silu(x) = x / (1 + e⁻ˣ)`.
    pub fn silu_mul(gate: &mut [f32], up: &[f32]) by silu_mul_body
}

#[inline(always)]
fn silu_mul_body<const FUSED: bool>(gate: &mut [f32], up: &[f32]) {
    for (g, u) in gate.iter_mut().zip(up) {
        *g *= u / (1.0 + exp::<FUSED>(-*g));
    }
}

/// `x ← x + y`.
pub fn add(x: &mut [f32], y: &[f32]) {
    for (a, b) in x.iter_mut().zip(y) {
        *a += b;
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
