//! Norms, rotations and activations on rows of F32, in place.

/// `x · weight / rms(x)` for each row of `weight.len()` values (Zhang and Sennrich 2019).
pub fn rms_norm(x: &mut [f32], weight: &[f32], eps: f32) {
    for row in x.chunks_mut(weight.len()) {
        let squares: f64 = row.iter().map(|&v| f64::from(v) * f64::from(v)).sum();
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "the result is an F32 by definition")]
        let scale = 1.0 / ((squares / row.len() as f64) as f32 + eps).sqrt();
        for (v, w) in row.iter_mut().zip(weight) {
            *v *= scale * w;
        }
    }
}

/// `gate ← silu(gate) · up`, with `silu(x) = x / (1 + e⁻ˣ)`.
pub fn silu_mul(gate: &mut [f32], up: &[f32]) {
    for (g, u) in gate.iter_mut().zip(up) {
        *g *= u / (1.0 + (-*g).exp());
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
    let half = cos.len();
    for head in heads.chunks_mut(head_dim) {
        for i in 0..half {
            let (a, b) = match pairing {
                Pairing::Neighbours => (2 * i, 2 * i + 1),
                Pairing::Halves => (i, i + half),
            };
            let (x, y) = (head[a], head[b]);
            head[a] = x * cos[i] - y * sin[i];
            head[b] = x * sin[i] + y * cos[i];
        }
    }
}
