//! The forward pass of the decoder families, driven by the file's spec, generic over the arithmetic.
//!
//! It sees tokens and returns logits; it knows neither text nor sampling. The cache is the caller's.

use super::cache::KvCache;
use super::compute::{Compute, Linear};
use super::rope::Rope;
use super::weights::{Layer, Weights};
use crate::error::{Error, Result};
use crate::inspect::spec::{ModelSpec, RopeScaling, RopeStyle};
use crate::kernels::attention::Heads;
use crate::kernels::elementwise::Pairing;

/// Which positions' logits are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// None: the tokens only go into the cache.
    Nothing,
    /// The last position's, `[1, n_vocab]`.
    Last,
    /// All positions', `[l, n_vocab]`.
    All,
}

/// A decoder with its weights in memory.
#[derive(Debug)]
pub struct Decoder {
    spec: ModelSpec,
    weights: Weights,
    rope: Rope,
    heads: Heads,
}

impl Decoder {
    /// Puts spec and weights together.
    #[must_use]
    pub fn new(spec: ModelSpec, weights: Weights) -> Self {
        let pairing = match spec.rope_style {
            RopeStyle::Interleaved => Pairing::Neighbours,
            RopeStyle::Halves => Pairing::Halves,
        };
        let linear = match spec.rope_scaling {
            RopeScaling::None => 1.0,
            RopeScaling::Linear { factor } => factor,
        };
        let factors = weights.rope_factors.as_ref().map(crate::kernels::weight::Vector::values);
        let rope = Rope::new(pairing, spec.rope_dim, spec.rope_theta, linear, factors);
        let heads = Heads { n_heads: spec.n_heads, n_kv_heads: spec.n_kv_heads, head_dim: spec.head_dim };
        Self { spec, weights, rope, heads }
    }

    /// What the file says of the model.
    #[must_use]
    pub const fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    /// The heads of each of its layers.
    #[must_use]
    pub const fn heads(&self) -> Heads {
        self.heads
    }

    /// Reads `tokens` behind those in the cache; none give nothing. `go_on` is asked before each layer. After an error the cache is as
    /// it was before, its memory included.
    ///
    /// # Errors
    /// A token outside the vocabulary, a full context, [`Error::Cancelled`], or a failure of the arithmetic.
    pub fn forward<C: Compute>(
        &self,
        compute: &mut C,
        tokens: &[u32],
        cache: &mut KvCache,
        want: Want,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Option<C::Tensor>> {
        if let Some(token) = tokens.iter().find(|&&token| token as usize >= self.spec.n_vocab) {
            return Err(Error::Engine(format!("token {token} is outside the vocabulary of {}", self.spec.n_vocab)));
        }
        if tokens.is_empty() {
            return Ok(None);
        }
        cache.reserve(tokens.len())?;
        let result = self.layers(compute, tokens, cache, want, go_on);
        if result.is_err() {
            cache.truncate(cache.len());
        }
        result
    }

    fn layers<C: Compute>(
        &self,
        compute: &mut C,
        tokens: &[u32],
        cache: &mut KvCache,
        want: Want,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Option<C::Tensor>> {
        let rotation = self.rope.rotation(cache.len(), tokens.len());
        let mut x = compute.embed(&self.weights.embedding, tokens)?;
        for (index, layer) in self.weights.layers.iter().enumerate() {
            if !go_on() {
                return Err(Error::Cancelled);
            }
            let h = compute.rms_norm(&x, &layer.attn_norm, self.spec.rms_eps)?;
            let to_q = Linear::attention(&layer.attn_q, layer.attn_q_bias.as_ref());
            let to_k = Linear::attention(&layer.attn_k, layer.attn_k_bias.as_ref());
            let to_v = Linear::attention(&layer.attn_v, layer.attn_v_bias.as_ref());
            let [q, k, v] = compute.linears(&h, [to_q, to_k, to_v])?;
            drop(h);
            let q = compute.rotate(q, self.spec.head_dim, &rotation)?;
            let k = compute.rotate(k, self.spec.head_dim, &rotation)?;
            let attended = compute.attend(&q, &k, &v, cache, index, self.heads)?;
            drop((q, k, v));
            let attended = compute.linear(&attended, Linear::attention(&layer.attn_output, layer.attn_output_bias.as_ref()))?;
            x = compute.add(x, &attended)?;
            drop(attended);
            x = self.feed_forward(compute, layer, x)?;
        }
        let logits = match want {
            Want::Nothing => None,
            Want::Last => Some(compute.rows(&x, tokens.len() - 1..tokens.len())?),
            Want::All => Some(x),
        };
        let logits = logits.map(|x| self.head(compute, &x)).transpose()?;
        cache.advance(tokens.len());
        Ok(logits)
    }

    fn head<C: Compute>(&self, compute: &mut C, x: &C::Tensor) -> Result<C::Tensor> {
        let x = compute.rms_norm(x, &self.weights.output_norm, self.spec.rms_eps)?;
        compute.linear(&x, Linear::head(self.weights.output.as_ref().unwrap_or(&self.weights.embedding)))
    }

    fn feed_forward<C: Compute>(&self, compute: &mut C, layer: &Layer, x: C::Tensor) -> Result<C::Tensor> {
        let h = compute.rms_norm(&x, &layer.ffn_norm, self.spec.rms_eps)?;
        let [gate, up] = compute.linears(&h, [Linear::feed_forward(&layer.ffn_gate), Linear::feed_forward(&layer.ffn_up)])?;
        drop(h);
        let h = compute.silu_mul(gate, &up)?;
        drop(up);
        let down = compute.linear(&h, Linear::feed_forward(&layer.ffn_down))?;
        compute.add(x, &down)
    }
}
