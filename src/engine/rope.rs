//! Rotary position embedding: the angles of the positions of one chunk.
//!
//! Angles are computed in F64 for just the positions that are asked for, so no table caps the context.

use std::f64::consts::TAU;

use crate::inspect::spec::{RopeScaling, RopeSpec};
use crate::kernels::elementwise::Pairing;

/// The frequencies of a model.
#[derive(Debug, Clone)]
pub struct Rope {
    pairing: Pairing,
    /// Radians per position, one per pair of dimensions.
    frequencies: Vec<f64>,
    /// What rotated dimensions are multiplied by.
    magnitude: f64,
}

/// How much of its frequency pair `i` keeps (Peng et al. 2023): all of it if it turns 32 times or more within the original context,
/// nothing if it turns once or less.
#[expect(clippy::cast_precision_loss, reason = "dimensions and contexts are small")]
fn kept_by_yarn(i: usize, dim: usize, theta: f64, original_context: usize) -> f64 {
    // The pair that turns so often, as a real number.
    let pair = |turns: f64| dim as f64 * (original_context as f64 / (turns * TAU)).ln() / (2.0 * theta.ln());
    let low = pair(32.0).floor().max(0.0);
    let high = pair(1.0).ceil().min(dim as f64 - 1.0);
    1.0 - ((i as f64 - low) / (high - low).max(0.001)).clamp(0.0, 1.0)
}

/// Cosines and sines of the positions of one chunk, times the magnitude.
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
    /// The rotation that a spec states, of `dim` dimensions; `factors` divide the frequencies.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "dimensions are small")]
    pub fn new(pairing: Pairing, dim: usize, spec: &RopeSpec, factors: Option<&[f32]>) -> Self {
        let stretched = |i: usize, frequency: f64| match spec.scaling {
            RopeScaling::None => frequency,
            RopeScaling::Linear { factor } => frequency / factor,
            RopeScaling::Yarn { factor, original_context } => {
                let kept = kept_by_yarn(i, dim, spec.theta, original_context);
                frequency * (kept + (1.0 - kept) / factor)
            }
        };
        let frequency = |i: usize| {
            let factor = factors.and_then(|f| f.get(i)).map_or(1.0, |&f| f64::from(f));
            stretched(i, spec.theta.powf(-2.0 * i as f64 / dim as f64) / factor)
        };
        Self { pairing, frequencies: (0..dim / 2).map(frequency).collect(), magnitude: spec.magnitude }
    }

    /// The rotation of no positions, to be filled by [`Self::turn`].
    #[must_use]
    pub fn rotation(&self) -> Rotation {
        Rotation { pairing: self.pairing, pairs: self.frequencies.len(), cos: Vec::new(), sin: Vec::new() }
    }

    /// Makes `rotation`, one of this kind, that of `l` positions from `start` on.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "positions are below 2^53; F32 is what is rotated with"
    )]
    pub fn turn(&self, start: usize, l: usize, rotation: &mut Rotation) {
        let Rotation { cos, sin, .. } = rotation;
        cos.clear();
        sin.clear();
        for position in start..start + l {
            for frequency in &self.frequencies {
                let (s, c) = (position as f64 * frequency).sin_cos();
                cos.push((c * self.magnitude) as f32);
                sin.push((s * self.magnitude) as f32);
            }
        }
    }
}
