//! A decoder's forward pass in F64, written from the definitions and for nothing but to be compared with: no cache, no blocks, no code of
//! Ponder's. It reads the values that a test stored, not the file.
//!
//! Vaswani et al. 2017; Su et al. 2021 (rotation); Zhang and Sennrich 2019 (norm); Shazeer 2020 (gated units); Peng et al. 2023 (YaRN);
//! Gemma Team 2024 (caps, alternating windows, norms around).
#![expect(clippy::cast_precision_loss, reason = "widths and positions are small")]

use std::collections::BTreeMap;
use std::f64::consts::{PI, TAU};

use super::tiny_llama::Stored;

/// A rotation.
#[derive(Debug, Clone, PartialEq)]
pub struct Rotation {
    pub theta: f64,
    /// Positions are divided by this.
    pub linear: f64,
    /// Factor and original context.
    pub yarn: Option<(f64, f64)>,
    /// The tensor that divides the frequencies.
    pub factors: Option<&'static str>,
    pub magnitude: f64,
}

impl Default for Rotation {
    fn default() -> Self {
        Self { theta: 10_000.0, linear: 1.0, yarn: None, factors: None, magnitude: 1.0 }
    }
}

/// What one layer does.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Layer {
    pub window: Option<usize>,
    pub rotation: Option<Rotation>,
}

/// The constants of a model; change one to be wrong on purpose.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Definition {
    pub n_embd: usize,
    pub n_ff: usize,
    pub n_heads: usize,
    pub n_kv_heads: usize,
    pub head_dim: usize,
    /// Dimensions of a head that are rotated.
    pub rope_dim: usize,
    pub layers: Vec<Layer>,
    pub eps: f64,
    /// Rotates dimension i with i + n/2 in place of 2i with 2i + 1.
    pub halves: bool,
    /// Query head h reads key head h mod n in place of h / group.
    pub heads_interleaved: bool,
    /// GELU by the hyperbolic tangent in place of `SiLU`.
    pub gelu: bool,
    pub use_biases: bool,
    pub use_qk_norm: bool,
    pub use_post_norms: bool,
    pub embedding_scale: f64,
    /// What scores are multiplied by.
    pub attention_scale: f64,
    pub attention_cap: Option<f64>,
    pub residual_scale: f64,
    pub logit_scale: f64,
    pub logit_cap: Option<f64>,
}

impl Definition {
    /// What has nothing special: so many layers that all rotate alike.
    pub fn plain([n_embd, n_ff, n_heads, n_kv_heads, head_dim]: [usize; 5], n_layers: usize, rotation: &Rotation) -> Self {
        Self {
            n_embd,
            n_ff,
            n_heads,
            n_kv_heads,
            head_dim,
            rope_dim: head_dim,
            layers: vec![Layer { window: None, rotation: Some(rotation.clone()) }; n_layers],
            eps: 1e-5,
            halves: true,
            heads_interleaved: false,
            gelu: false,
            use_biases: true,
            use_qk_norm: true,
            use_post_norms: true,
            embedding_scale: 1.0,
            attention_scale: 1.0 / (head_dim as f64).sqrt(),
            attention_cap: None,
            residual_scale: 1.0,
            logit_scale: 1.0,
            logit_cap: None,
        }
    }

    /// Changes the rotation of every layer that has one.
    pub fn rotations(&mut self, change: impl Fn(&mut Rotation)) {
        self.layers.iter_mut().filter_map(|layer| layer.rotation.as_mut()).for_each(change);
    }
}

/// A model with its weights.
pub struct Oracle {
    pub definition: Definition,
    weights: BTreeMap<String, Vec<f64>>,
}

impl Oracle {
    pub fn new(definition: &Definition, tensors: &[Stored]) -> Self {
        let mut weights = BTreeMap::new();
        let Definition { n_embd: d, n_ff, head_dim, .. } = *definition;
        let (q, kv) = (definition.n_heads * head_dim, definition.n_kv_heads * head_dim);
        for tensor in tensors {
            let values: Vec<f64> = tensor.values.iter().map(|&x| f64::from(x)).collect();
            // Several matrices one below the other.
            let parts: &[(&str, usize)] = match tensor.name.split('.').nth(2) {
                Some("attn_qkv") => &[("attn_q", q), ("attn_k", kv), ("attn_v", kv)],
                Some("ffn_up") if values.len() == 2 * n_ff * d => &[("ffn_gate", n_ff), ("ffn_up", n_ff)],
                _ => &[],
            };
            let mut rest = &values[..];
            for (part, rows) in parts {
                let (these, others) = rest.split_at(rows * if tensor.shape.len() > 1 { d } else { 1 });
                let name = tensor.name.replace(".attn_qkv.", &format!(".{part}.")).replace(".ffn_up.", &format!(".{part}."));
                weights.insert(name, these.to_vec());
                rest = others;
            }
            if parts.is_empty() {
                weights.insert(tensor.name.clone(), values);
            }
        }
        Self { definition: definition.clone(), weights }
    }

    /// The logits of all positions, one row after another.
    pub fn logits(&self, tokens: &[u32]) -> Vec<f64> {
        let Definition { n_embd: d, embedding_scale, logit_scale, logit_cap, .. } = self.definition;
        let embedding = &self.weights["token_embd.weight"];
        let row = |token: u32| embedding[token as usize * d..][..d].iter().map(|x| x * embedding_scale).collect();
        let mut stream: Vec<Vec<f64>> = tokens.iter().map(|&token| row(token)).collect();
        for layer in 0..self.definition.layers.len() {
            self.attention(layer, &mut stream);
            self.feed_forward(layer, &mut stream);
        }
        let head = self.weights.get("output.weight").unwrap_or(embedding);
        let logits = |x: &Vec<f64>| {
            let mut logits = product(head, &self.norm("output_norm.weight", x));
            self.add_bias("output.bias", &mut logits);
            logits
        };
        stream.iter().flat_map(logits).map(|x| bent(x * logit_scale, logit_cap)).collect()
    }

    fn add_bias(&self, name: &str, y: &mut [f64]) {
        if let Some(bias) = self.weights.get(name).filter(|_| self.definition.use_biases) {
            y.iter_mut().zip(bias).for_each(|(y, b)| *y += b);
        }
    }

    fn project(&self, layer: usize, part: &str, x: &[f64]) -> Vec<f64> {
        let mut y = product(&self.weights[&format!("blk.{layer}.{part}.weight")], x);
        self.add_bias(&format!("blk.{layer}.{part}.bias"), &mut y);
        y
    }

    /// Adds what a half of a layer gave, through its norm if there is one.
    fn add(&self, layer: usize, norm: &str, x: &mut [f64], mut y: Vec<f64>) {
        let name = format!("blk.{layer}.{norm}.weight");
        if self.weights.contains_key(&name) && self.definition.use_post_norms {
            y = self.norm(&name, &y);
        }
        x.iter_mut().zip(y).for_each(|(x, y)| *x += self.definition.residual_scale * y);
    }

    fn attention(&self, layer: usize, stream: &mut [Vec<f64>]) {
        let Definition { head_dim: width, n_heads, n_kv_heads: n_kv, attention_scale, attention_cap, .. } = self.definition;
        let Layer { window, ref rotation } = self.definition.layers[layer];
        let (mut keys, mut values): (Vec<Vec<f64>>, Vec<Vec<f64>>) = (Vec::new(), Vec::new());
        for (position, x) in stream.iter_mut().enumerate() {
            let h = self.norm(&format!("blk.{layer}.attn_norm.weight"), x);
            let mut q = self.project(layer, "attn_q", &h);
            let mut k = self.project(layer, "attn_k", &h);
            for (part, heads) in [("attn_q_norm", &mut q), ("attn_k_norm", &mut k)] {
                let name = format!("blk.{layer}.{part}.weight");
                if let Some(weight) = self.weights.get(&name).filter(|_| self.definition.use_qk_norm) {
                    *heads = heads.chunks(weight.len()).flat_map(|head| self.norm(&name, head)).collect();
                }
            }
            if let Some(rotation) = rotation {
                q.chunks_mut(width).for_each(|head| self.rotate(rotation, head, position));
                k.chunks_mut(width).for_each(|head| self.rotate(rotation, head, position));
            }
            keys.push(k);
            values.push(self.project(layer, "attn_v", &h));
            let first = window.map_or(0, |window| (position + 1).saturating_sub(window));
            let mut mixed = Vec::new();
            for head in 0..n_heads {
                let kv = width * if self.definition.heads_interleaved { head % n_kv } else { head / (n_heads / n_kv) };
                let query = &q[head * width..][..width];
                let score = |k: &Vec<f64>| bent(dot(query, &k[kv..kv + width]) * attention_scale, attention_cap);
                let scores: Vec<f64> = keys[first..].iter().map(score).collect();
                let highest = scores.iter().copied().fold(f64::MIN, f64::max);
                let weights: Vec<f64> = scores.iter().map(|s| (s - highest).exp()).collect();
                let total: f64 = weights.iter().sum();
                mixed.extend((0..width).map(|i| weights.iter().zip(&values[first..]).map(|(w, v)| w * v[kv + i]).sum::<f64>() / total));
            }
            self.add(layer, "post_attention_norm", x, self.project(layer, "attn_output", &mixed));
        }
    }

    fn feed_forward(&self, layer: usize, stream: &mut [Vec<f64>]) {
        for x in stream {
            let h = self.norm(&format!("blk.{layer}.ffn_norm.weight"), x);
            let (gate, up) = (self.project(layer, "ffn_gate", &h), self.project(layer, "ffn_up", &h));
            let inner: Vec<f64> = gate.iter().zip(up).map(|(&g, u)| self.activation(g) * u).collect();
            self.add(layer, "post_ffw_norm", x, self.project(layer, "ffn_down", &inner));
        }
    }

    fn activation(&self, x: f64) -> f64 {
        if self.definition.gelu {
            0.5 * x * (1.0 + ((2.0 / PI).sqrt() * (x + 0.044_715 * x.powi(3))).tanh())
        } else {
            x / (1.0 + (-x).exp())
        }
    }

    /// What has no norm stays as it is.
    fn norm(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let Some(weight) = self.weights.get(name) else { return x.to_vec() };
        let rms = (dot(x, x) / x.len() as f64 + self.definition.eps).sqrt();
        x.iter().zip(weight).map(|(x, w)| x / rms * w).collect()
    }

    /// Each pair of dimensions is a complex number, turned by the position times its frequency.
    fn rotate(&self, rotation: &Rotation, head: &mut [f64], position: usize) {
        let n = self.definition.rope_dim;
        for i in 0..n / 2 {
            let factor = rotation.factors.map_or(1.0, |name| self.weights[name][i]);
            let frequency = rotation.frequency(i, n) / factor;
            let angle = position as f64 * frequency % TAU;
            let (a, b) = if self.definition.halves { (i, i + n / 2) } else { (2 * i, 2 * i + 1) };
            let (re, im) = (head[a], head[b]);
            head[a] = rotation.magnitude * (re * angle.cos() - im * angle.sin());
            head[b] = rotation.magnitude * (re * angle.sin() + im * angle.cos());
        }
    }
}

impl Rotation {
    /// Radians per position of pair `i` of `n / 2`.
    fn frequency(&self, i: usize, n: usize) -> f64 {
        let frequency = self.theta.powf(-2.0 * i as f64 / n as f64);
        let Some((factor, original)) = self.yarn else { return frequency / self.linear };
        // The pairs that turn 32 times and once in the original context bound the ramp.
        let pair = |turns: f64| n as f64 / 2.0 * (original / (turns * TAU)).ln() / self.theta.ln();
        let (low, high) = (pair(32.0).floor().max(0.0), pair(1.0).ceil().min(n as f64 - 1.0));
        let slow = ((i as f64 - low) / (high - low).max(1e-3)).clamp(0.0, 1.0);
        frequency * (1.0 - slow) + frequency / factor * slow
    }
}

fn bent(x: f64, cap: Option<f64>) -> f64 {
    cap.map_or(x, |cap| cap * (x / cap).tanh())
}

/// A row-major matrix times a vector.
fn product(matrix: &[f64], x: &[f64]) -> Vec<f64> {
    matrix.chunks(x.len()).map(|row| dot(row, x)).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
