//! What a forward pass asks of an arithmetic.
//!
//! Activations are matrices `[l, width]` of F32, one row per token. Weights and cache are the same for every arithmetic; how they are
//! multiplied is not. Nothing here knows an architecture.

use std::ops::Range;

use super::cache::KvCache;
use super::operation::Operation;
use super::rope::Rotation;
use crate::error::Result;
use crate::kernels::attention::{Heads, Scoring};
use crate::kernels::elementwise::Activation;
use crate::kernels::weight::{Vector, Weight};

/// A matrix of weights and the vector that is added to each product.
#[derive(Debug, Clone, Copy)]
pub struct Linear<'a> {
    /// `[rows, cols]`
    pub weight: &'a Weight,
    /// `[rows]`
    pub bias: Option<&'a Vector>,
    /// What a product with it counts as.
    pub operation: Operation,
}

impl<'a> Linear<'a> {
    /// A matrix of attention, with or without a bias.
    #[must_use]
    pub const fn attention(weight: &'a Weight, bias: Option<&'a Vector>) -> Self {
        Self { weight, bias, operation: Operation::AttentionProducts }
    }

    /// A matrix of the feed-forward half, with or without a bias.
    #[must_use]
    pub const fn feed_forward(weight: &'a Weight, bias: Option<&'a Vector>) -> Self {
        Self { weight, bias, operation: Operation::FeedForwardProducts }
    }

    /// The matrix that gives the logits, with or without a bias.
    #[must_use]
    pub const fn head(weight: &'a Weight, bias: Option<&'a Vector>) -> Self {
        Self { weight, bias, operation: Operation::HeadProduct }
    }
}

/// Where attention looks, and how.
#[derive(Debug, Clone, Copy)]
pub struct Attention {
    /// The layer of the cache.
    pub layer: usize,
    /// Its heads.
    pub heads: Heads,
    /// How scores are made.
    pub scoring: Scoring,
}

/// An arithmetic. Every call fails only where the arithmetic itself does.
#[expect(clippy::missing_errors_doc, reason = "said once, above")]
pub trait Compute {
    /// Activations, `[l, width]`.
    type Tensor;

    /// Rows of the table times `scale`, one per token: `[l, cols]`.
    fn embed(&mut self, table: &Weight, tokens: &[u32], scale: f32) -> Result<Self::Tensor>;
    /// `x · wᵀ + bias` for each of the layers, which read the same activations: `[l, cols] → [l, rows]`.
    fn linears<const N: usize>(&mut self, x: &Self::Tensor, layers: [Linear<'_>; N]) -> Result<[Self::Tensor; N]>;
    /// The same for one.
    fn linear(&mut self, x: &Self::Tensor, layer: Linear<'_>) -> Result<Self::Tensor> {
        let [y] = self.linears(x, [layer])?;
        Ok(y)
    }
    /// `x · weight / rms(x)`, each row by itself, or each head where `weight` is as wide as one.
    fn rms_norm(&mut self, x: &Self::Tensor, weight: &Vector, eps: f32) -> Result<Self::Tensor>;
    /// Rotates the heads of each row by its position.
    fn rotate(&mut self, x: Self::Tensor, head_dim: usize, rotation: &Rotation) -> Result<Self::Tensor>;
    /// Appends `k` and `v` (`[l, kv_dim]`) to a layer of the cache at its end and attends causally: `[l, q_dim]`.
    fn attend(&mut self, q: &Self::Tensor, k: &Self::Tensor, v: &Self::Tensor, cache: &mut KvCache, at: Attention) -> Result<Self::Tensor>;
    /// `activation(gate) · up`.
    fn gate(&mut self, gate: Self::Tensor, up: &Self::Tensor, activation: Activation) -> Result<Self::Tensor>;
    /// `x + scale · y`.
    fn add(&mut self, x: Self::Tensor, y: &Self::Tensor, scale: f32) -> Result<Self::Tensor>;
    /// `scale · logits`, and of that `cap · tanh(· / cap)` if there is a cap.
    fn finish(&mut self, logits: Self::Tensor, scale: f32, cap: Option<f32>) -> Result<Self::Tensor>;
    /// Some of the rows.
    fn rows(&mut self, x: &Self::Tensor, rows: Range<usize>) -> Result<Self::Tensor>;
    /// Appends the values, row-major, to `out`.
    fn read(&mut self, x: &Self::Tensor, out: &mut Vec<f32>) -> Result<()>;
}
