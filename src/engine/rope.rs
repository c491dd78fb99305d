//! Rotary position embedding: the angles of the positions of one chunk.
//!
//! Angles are computed in F64 for just the positions that are asked for, so no table caps the context.

use crate::kernels::elementwise::Pairing;

/// The frequencies of a model.
#[derive(Debug, Clone)]
pub struct Rope {
    pairing: Pairing,
    /// Radians per position, one per pair of dimensions.
    frequencies: Vec<f64>,
}

/// Cosines and sines of the positions of one chunk.
#[derive(Debug)]
pub struct Rotation {
    /// Which dimensions belong together.
    pub pairing: Pairing,
    /// Pairs per head.
    pub pairs: usize,
    /// `[l, pairs]`.
    pub cos: Vec<f32>,
    /// `[l, pairs]`.
    pub sin: Vec<f32>,
}

impl Rope {
    /// Frequencies `theta^(-2i/dim) / linear_factor / factors[i]`; `factors` are those of `rope_freqs.weight` (Llama 3.1), if any.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "dimensions are small")]
    pub fn new(pairing: Pairing, dim: usize, theta: f64, linear_factor: f64, factors: Option<&[f32]>) -> Self {
        let frequency = |i: usize| {
            let factor = factors.and_then(|f| f.get(i)).map_or(1.0, |&f| f64::from(f));
            theta.powf(-2.0 * i as f64 / dim as f64) / linear_factor / factor
        };
        Self { pairing, frequencies: (0..dim / 2).map(frequency).collect() }
    }

    /// The rotation of `l` positions from `start` on.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "positions are below 2^53; F32 is what is rotated with"
    )]
    pub fn rotation(&self, start: usize, l: usize) -> Rotation {
        let pairs = self.frequencies.len();
        let (mut cos, mut sin) = (Vec::with_capacity(l * pairs), Vec::with_capacity(l * pairs));
        for position in start..start + l {
            for frequency in &self.frequencies {
                let (s, c) = (position as f64 * frequency).sin_cos();
                cos.push(c as f32);
                sin.push(s as f32);
            }
        }
        Rotation { pairing: self.pairing, pairs, cos, sin }
    }
}
