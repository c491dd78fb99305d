//! The forward pass of the decoder families, driven by the file's spec, generic over the arithmetic.
//!
//! It sees tokens and returns logits; it knows neither text nor sampling. The cache is the caller's.

use std::sync::Arc;

use super::cache::KvCache;
use super::compute::{Attention, Compute, Linear};
use super::rope::{Rope, Rotation};
use super::weights::{Layer, Weights};
use crate::error::{Error, Result};
use crate::inspect::spec::{ModelSpec, RopeSpec, RopeStyle};
use crate::kernels::attention::{Heads, Scoring};
use crate::kernels::elementwise::Pairing;
use crate::kernels::weight::Vector;

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
    /// Shared with those that were forked from this one.
    weights: Arc<Weights>,
    /// Of layers that see everything, and its angles for the chunk that was read last.
    rope: (Rope, Rotation),
    /// Of layers with a window, where it is another.
    local_rope: Option<(Rope, Rotation)>,
    heads: Heads,
}

impl Decoder {
    /// Puts spec and weights together, for a context of so many tokens.
    #[must_use]
    pub fn new(spec: ModelSpec, weights: Weights, context: usize) -> Self {
        let pairing = match spec.rope_style {
            RopeStyle::Interleaved => Pairing::Neighbours,
            RopeStyle::Halves => Pairing::Halves,
        };
        let rope = |rope: &RopeSpec| {
            let rope = Rope::new(pairing, spec.rope_dim, rope, weights.factors(rope.factors, context).map(Vector::values));
            let rotation = rope.rotation();
            (rope, rotation)
        };
        let (rope, local_rope) = (rope(&spec.rope), spec.has_local_rope().then(|| rope(&spec.local_rope)));
        let heads = Heads { n_heads: spec.n_heads, n_kv_heads: spec.n_kv_heads, head_dim: spec.head_dim };
        Self { spec, weights: Arc::new(weights), rope, local_rope, heads }
    }

    /// Another one over the same weights.
    #[must_use]
    pub fn fork(&self) -> Self {
        let rope = |(rope, _): &(Rope, Rotation)| (rope.clone(), rope.rotation());
        Self {
            spec: self.spec.clone(),
            weights: Arc::clone(&self.weights),
            rope: rope(&self.rope),
            local_rope: self.local_rope.as_ref().map(rope),
            heads: self.heads,
        }
    }

    /// What the file says of the model.
    #[must_use]
    pub const fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    /// Its weights.
    #[must_use]
    pub fn weights(&self) -> &Weights {
        &self.weights
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
        &mut self,
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
        for (rope, rotation) in std::iter::once(&mut self.rope).chain(&mut self.local_rope) {
            rope.turn(cache.len(), tokens.len(), rotation);
        }
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
        let mut x = compute.embed(&self.weights.embedding, tokens, self.spec.embedding_scale)?;
        for (index, (layer, facts)) in self.weights.layers.iter().zip(&self.spec.layers).enumerate() {
            if !go_on() {
                return Err(Error::Cancelled);
            }
            let (_, rotation) = self.local_rope.as_ref().filter(|_| facts.window.is_some()).unwrap_or(&self.rope);
            let attended = self.attention(compute, layer, &x, cache, index, Some(rotation).filter(|_| facts.rotates))?;
            x = self.add(compute, x, attended, layer.attn_post_norm.as_ref())?;
            let fed = self.feed_forward(compute, layer, &x)?;
            x = self.add(compute, x, fed, layer.ffn_post_norm.as_ref())?;
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

    /// What the attention of a layer makes of `x`.
    fn attention<C: Compute>(
        &self,
        compute: &mut C,
        layer: &Layer,
        x: &C::Tensor,
        cache: &mut KvCache,
        index: usize,
        rotation: Option<&Rotation>,
    ) -> Result<C::Tensor> {
        let h = self.norm(compute, x, layer.attn_norm.as_ref())?;
        let to_q = Linear::attention(&layer.attn_q, layer.attn_q_bias.as_ref());
        let to_k = Linear::attention(&layer.attn_k, layer.attn_k_bias.as_ref());
        let to_v = Linear::attention(&layer.attn_v, layer.attn_v_bias.as_ref());
        let [mut q, mut k, v] = compute.linears(h.as_ref().unwrap_or(x), [to_q, to_k, to_v])?;
        drop(h);
        if let Some(normed) = self.norm(compute, &q, layer.attn_q_norm.as_ref())? {
            q = normed;
        }
        if let Some(normed) = self.norm(compute, &k, layer.attn_k_norm.as_ref())? {
            k = normed;
        }
        if let Some(rotation) = rotation {
            q = compute.rotate(q, self.spec.head_dim, rotation)?;
            k = compute.rotate(k, self.spec.head_dim, rotation)?;
        }
        let window = self.spec.layers.get(index).and_then(|layer| layer.window);
        let scoring = Scoring { scale: self.spec.attention_scale, cap: self.spec.attention_cap, window };
        let attended = compute.attend(&q, &k, &v, cache, Attention { layer: index, heads: self.heads, scoring })?;
        drop((q, k, v));
        compute.linear(&attended, Linear::attention(&layer.attn_output, layer.attn_output_bias.as_ref()))
    }

    /// What the feed-forward network of a layer makes of `x`.
    fn feed_forward<C: Compute>(&self, compute: &mut C, layer: &Layer, x: &C::Tensor) -> Result<C::Tensor> {
        let h = self.norm(compute, x, layer.ffn_norm.as_ref())?;
        let to_gate = Linear::feed_forward(&layer.ffn_gate, layer.ffn_gate_bias.as_ref());
        let to_up = Linear::feed_forward(&layer.ffn_up, layer.ffn_up_bias.as_ref());
        let [gate, up] = compute.linears(h.as_ref().unwrap_or(x), [to_gate, to_up])?;
        drop(h);
        let h = compute.gate(gate, &up, self.spec.activation)?;
        drop(up);
        compute.linear(&h, Linear::feed_forward(&layer.ffn_down, layer.ffn_down_bias.as_ref()))
    }

    fn head<C: Compute>(&self, compute: &mut C, x: &C::Tensor) -> Result<C::Tensor> {
        let x = compute.rms_norm(x, &self.weights.output_norm, self.spec.rms_eps)?;
        let head = self.weights.output.as_ref().unwrap_or(&self.weights.embedding);
        let logits = compute.linear(&x, Linear::head(head, self.weights.output_bias.as_ref()))?;
        compute.finish(logits, self.spec.logit_scale, self.spec.logit_cap)
    }

    /// `x` through a norm, where there is one.
    fn norm<C: Compute>(&self, compute: &mut C, x: &C::Tensor, weight: Option<&Vector>) -> Result<Option<C::Tensor>> {
        weight.map(|weight| compute.rms_norm(x, weight, self.spec.rms_eps)).transpose()
    }

    /// Adds what a half of a layer gave, through its norm where there is one.
    fn add<C: Compute>(&self, compute: &mut C, x: C::Tensor, y: C::Tensor, norm: Option<&Vector>) -> Result<C::Tensor> {
        let y = self.norm(compute, &y, norm)?.unwrap_or(y);
        compute.add(x, &y, self.spec.residual_scale)
    }
}
