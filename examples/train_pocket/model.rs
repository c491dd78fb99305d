//! The model as it is trained: the llama architecture on candle's variables.
//!
//! The decoder's exact arithmetic (`ponder::engine::reference`) computes the same function but cannot be trained through: its weights
//! are packed bytes that are expanded as they are read, and keys and values pass through the KV cache as plain memory, and both cut
//! the gradient. So the trainer has a forward pass of its own, and the check after each export shows that both are the same function.

use std::sync::Arc;

use candle_core::{Device, Result, Tensor, Var};

use super::data::Batch;
use super::heads::{Angles, Join, Sizes, Split};
use super::ops::{CausalSoftmax, CrossEntropy, Linear, RmsNorm, SiluMul};

/// Tokens.
pub const VOCABULARY: usize = 1536;
/// Width of the residual stream.
pub const WIDTH: usize = 256;
/// Layers.
pub const LAYERS: usize = 4;
/// Query heads.
pub const HEADS: usize = 8;
/// Heads of keys and values.
pub const KV_HEADS: usize = 2;
/// Values per head.
pub const HEAD: usize = 32;
/// Width inside the feed-forward block.
pub const INNER: usize = 768;
/// Positions.
pub const CONTEXT: usize = 512;
/// Added to the mean square in norms.
pub const EPS: f32 = 1e-5;
/// Base of the rotation's angles.
pub const THETA: f32 = 10_000.0;

/// One layer's variables, named as in GGUF.
pub struct Layer {
    attn_norm: Var,
    attn_q: Var,
    attn_k: Var,
    attn_v: Var,
    attn_output: Var,
    ffn_norm: Var,
    ffn_gate: Var,
    ffn_up: Var,
    ffn_down: Var,
}

/// The model's variables and what its forward pass needs beside them.
pub struct Model {
    token_embd: Var,
    layers: Vec<Layer>,
    output_norm: Var,
    angles: Arc<Angles>,
}

/// Numbers of the normal distribution by Box and Muller over splitmix64: the same start on every machine.
struct Normal(u64);

impl Normal {
    #[expect(clippy::cast_precision_loss, reason = "53 bits")]
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    #[expect(clippy::cast_possible_truncation, reason = "weights are F32")]
    fn matrix(&mut self, rows: usize, cols: usize, deviation: f64) -> Result<Var> {
        let mut one = || (-2.0 * (1.0 - self.uniform()).ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos() * deviation;
        let values: Vec<f32> = (0..rows * cols).map(|_| one() as f32).collect();
        Var::from_vec(values, (rows, cols), &Device::Cpu)
    }
}

fn ones() -> Result<Var> {
    Var::from_vec(vec![1.0_f32; WIDTH], WIDTH, &Device::Cpu)
}

impl Model {
    /// A model before its first step.
    ///
    /// # Errors
    /// What candle says.
    pub fn new(seed: u64) -> Result<Self> {
        let normal = &mut Normal(seed);
        let deviation = 0.02;
        let to_stream = deviation / f64::from(2 * u32::try_from(LAYERS).unwrap_or(1)).sqrt();
        let token_embd = normal.matrix(VOCABULARY, WIDTH, deviation)?;
        let mut layers = Vec::with_capacity(LAYERS);
        for _ in 0..LAYERS {
            layers.push(Layer {
                attn_norm: ones()?,
                attn_q: normal.matrix(HEADS * HEAD, WIDTH, deviation)?,
                attn_k: normal.matrix(KV_HEADS * HEAD, WIDTH, deviation)?,
                attn_v: normal.matrix(KV_HEADS * HEAD, WIDTH, deviation)?,
                attn_output: normal.matrix(WIDTH, HEADS * HEAD, to_stream)?,
                ffn_norm: ones()?,
                ffn_gate: normal.matrix(INNER, WIDTH, deviation)?,
                ffn_up: normal.matrix(INNER, WIDTH, deviation)?,
                ffn_down: normal.matrix(WIDTH, INNER, to_stream)?,
            });
        }
        let angles = Arc::new(Angles::new(CONTEXT, HEAD, f64::from(THETA)));
        Ok(Self { token_embd, layers, output_norm: ones()?, angles })
    }

    /// Every variable with its name in GGUF, always in this order.
    pub fn variables(&self) -> Vec<(String, &Var)> {
        let mut all = vec![("token_embd.weight".to_owned(), &self.token_embd)];
        for (index, layer) in self.layers.iter().enumerate() {
            let parts = [
                ("attn_norm", &layer.attn_norm),
                ("attn_q", &layer.attn_q),
                ("attn_k", &layer.attn_k),
                ("attn_v", &layer.attn_v),
                ("attn_output", &layer.attn_output),
                ("ffn_norm", &layer.ffn_norm),
                ("ffn_gate", &layer.ffn_gate),
                ("ffn_up", &layer.ffn_up),
                ("ffn_down", &layer.ffn_down),
            ];
            all.extend(parts.map(|(name, var)| (format!("blk.{index}.{name}.weight"), var)));
        }
        all.push(("output_norm.weight".to_owned(), &self.output_norm));
        all
    }

    /// The stream after the last norm, `[b·l, WIDTH]`, of `b` sequences of `l` tokens.
    fn stream(&self, tokens: &[u32], l: usize) -> Result<Tensor> {
        let b = tokens.len() / l;
        let norm = |x: &Tensor, w: &Var| x.apply_op2(w.as_tensor(), RmsNorm { eps: EPS });
        let linear = |x: &Tensor, w: &Var| x.apply_op2(w.as_tensor(), Linear);
        let mut x = self.token_embd.index_select(&Tensor::new(tokens, &Device::Cpu)?, 0)?;
        for layer in &self.layers {
            let h = norm(&x, &layer.attn_norm)?;
            let (q, k, v) = (linear(&h, &layer.attn_q)?, linear(&h, &layer.attn_k)?, linear(&h, &layer.attn_v)?);
            x = (x + linear(&self.attend(&q, &k, &v, b, l)?, &layer.attn_output)?)?;
            let h = norm(&x, &layer.ffn_norm)?;
            let inner = linear(&h, &layer.ffn_gate)?.apply_op2(&linear(&h, &layer.ffn_up)?, SiluMul)?;
            x = (x + linear(&inner, &layer.ffn_down)?)?;
        }
        norm(&x, &self.output_norm)
    }

    fn attend(&self, q: &Tensor, k: &Tensor, v: &Tensor, b: usize, l: usize) -> Result<Tensor> {
        let of_q = Sizes { b, l, heads: HEADS, d: HEAD };
        let of_kv = Sizes { heads: KV_HEADS, ..of_q };
        // Heads of one group read the same keys: they become rows of one product.
        let group = HEADS / KV_HEADS;
        let q = q.apply_op1(Split(of_q, Some(Arc::clone(&self.angles))))?.reshape((b * KV_HEADS, group * l, HEAD))?;
        let k = k.apply_op1(Split(of_kv, Some(Arc::clone(&self.angles))))?.reshape((b * KV_HEADS, l, HEAD))?;
        let v = v.apply_op1(Split(of_kv, None))?.reshape((b * KV_HEADS, l, HEAD))?;
        #[expect(clippy::cast_precision_loss, reason = "a head is small")]
        let scale = 1.0 / (HEAD as f32).sqrt();
        let weights = q.matmul(&k.t()?)?.apply_op1(CausalSoftmax { scale })?;
        weights.matmul(&v)?.reshape((b, HEADS, l, HEAD))?.apply_op1(Join(of_q))
    }

    /// The logits of one sequence, `[l, VOCABULARY]`.
    ///
    /// # Errors
    /// What candle says.
    pub fn logits(&self, tokens: &[u32]) -> Result<Tensor> {
        self.stream(tokens, tokens.len())?.apply_op2(self.token_embd.as_tensor(), Linear)
    }

    /// The weighted sum of the losses of a batch. The head is applied only where a token counts.
    ///
    /// # Errors
    /// What candle says.
    pub fn loss(&self, batch: &Batch) -> Result<Tensor> {
        let x = self.stream(&batch.inputs, batch.length)?;
        let counted: Vec<usize> = (0..batch.weights.len()).filter(|&i| batch.weights[i] > 0.0).collect();
        let rows: Vec<u32> = counted.iter().map(|&i| u32::try_from(i).unwrap_or(u32::MAX)).collect();
        let targets = counted.iter().map(|&i| batch.targets[i]).collect();
        let weights = counted.iter().map(|&i| batch.weights[i]).collect();
        let x = x.index_select(&Tensor::new(rows, &Device::Cpu)?, 0)?;
        x.apply_op2(self.token_embd.as_tensor(), Linear)?.apply_op1(CrossEntropy { targets, weights })
    }
}
