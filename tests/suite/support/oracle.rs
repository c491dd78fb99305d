//! A llama's forward pass in F64, written from its definition and for nothing but to be compared with: no cache, no blocks, no code of
//! Ponder's. It reads the values that [`TinyLlama`] stored, not the file.
#![expect(clippy::cast_precision_loss, reason = "widths and positions are small")]

use std::collections::BTreeMap;
use std::f64::consts::PI;

use super::tiny_llama::{N_VOCAB, Stored, TinyLlama};

/// The model and, for tests of the tests, ways to be wrong.
#[expect(clippy::struct_excessive_bools, reason = "each is a mistake of its own")]
pub struct Oracle {
    llama: TinyLlama,
    weights: BTreeMap<String, Vec<f64>>,
    pub theta: f64,
    pub eps: f64,
    pub linear: f64,
    /// Rotates dimension i with i + n/2 in place of 2i with 2i + 1.
    pub halves: bool,
    /// Query head h reads key head h mod n in place of h / group.
    pub heads_interleaved: bool,
    /// Divides the frequencies by `rope_freqs.weight`.
    pub use_factors: bool,
    pub use_biases: bool,
}

impl Oracle {
    pub fn new(llama: &TinyLlama, tensors: &[Stored]) -> Self {
        let weights = tensors.iter().map(|t| (t.name.clone(), t.values.iter().map(|&x| f64::from(x)).collect())).collect();
        Self {
            llama: llama.clone(),
            weights,
            theta: f64::from(llama.rope_theta),
            eps: f64::from(llama.rms_eps),
            linear: f64::from(llama.rope_linear.unwrap_or(1.0)),
            halves: false,
            heads_interleaved: false,
            use_factors: true,
            use_biases: true,
        }
    }

    /// The logits of all positions, one row after another.
    pub fn logits(&self, tokens: &[u32]) -> Vec<f64> {
        let d = usize::try_from(self.llama.n_embd).unwrap();
        let embedding = &self.weights["token_embd.weight"];
        let mut stream: Vec<Vec<f64>> = tokens.iter().map(|&t| embedding[t as usize * d..][..d].to_vec()).collect();
        for layer in 0..self.llama.n_layers {
            self.attention(layer, &mut stream);
            self.feed_forward(layer, &mut stream);
        }
        let head = self.weights.get("output.weight").unwrap_or(embedding);
        assert_eq!(head.len(), d * usize::try_from(N_VOCAB).unwrap());
        stream.iter().flat_map(|x| product(head, &self.norm("output_norm.weight", x))).collect()
    }

    fn attention(&self, layer: u64, stream: &mut [Vec<f64>]) {
        let [width, n_heads, n_kv] =
            [self.llama.head_dim(), self.llama.n_heads, self.llama.n_kv_heads].map(|n| usize::try_from(n).unwrap());
        let project = |part: &str, x: &[f64]| {
            let mut y = product(&self.weights[&format!("blk.{layer}.{part}.weight")], x);
            if let Some(bias) = self.weights.get(&format!("blk.{layer}.{part}.bias")).filter(|_| self.use_biases) {
                y.iter_mut().zip(bias).for_each(|(y, b)| *y += b);
            }
            y
        };
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        for (position, x) in stream.iter_mut().enumerate() {
            let h = self.norm(&format!("blk.{layer}.attn_norm.weight"), x);
            let mut q = project("attn_q", &h);
            let mut k = project("attn_k", &h);
            q.chunks_mut(width).for_each(|head| self.rotate(head, position));
            k.chunks_mut(width).for_each(|head| self.rotate(head, position));
            keys.push(k);
            values.push(project("attn_v", &h));
            let mut mixed = Vec::new();
            for head in 0..n_heads {
                let kv = width * if self.heads_interleaved { head % n_kv } else { head / (n_heads / n_kv) };
                let query = &q[head * width..][..width];
                let scores: Vec<f64> = keys.iter().map(|k| dot(query, &k[kv..kv + width]) / (width as f64).sqrt()).collect();
                let highest = scores.iter().copied().fold(f64::MIN, f64::max);
                let weights: Vec<f64> = scores.iter().map(|s| (s - highest).exp()).collect();
                let total: f64 = weights.iter().sum();
                mixed.extend((0..width).map(|i| weights.iter().zip(&values).map(|(w, v)| w * v[kv + i]).sum::<f64>() / total));
            }
            x.iter_mut().zip(project("attn_output", &mixed)).for_each(|(x, y)| *x += y);
        }
    }

    fn feed_forward(&self, layer: u64, stream: &mut [Vec<f64>]) {
        let weight = |part: &str| &self.weights[&format!("blk.{layer}.{part}.weight")];
        for x in stream {
            let h = self.norm(&format!("blk.{layer}.ffn_norm.weight"), x);
            let gate = product(weight("ffn_gate"), &h);
            let up = product(weight("ffn_up"), &h);
            let inner: Vec<f64> = gate.iter().zip(up).map(|(g, u)| g / (1.0 + (-g).exp()) * u).collect();
            x.iter_mut().zip(product(weight("ffn_down"), &inner)).for_each(|(x, y)| *x += y);
        }
    }

    fn norm(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let rms = (dot(x, x) / x.len() as f64 + self.eps).sqrt();
        x.iter().zip(&self.weights[name]).map(|(x, w)| x / rms * w).collect()
    }

    /// Each pair of dimensions is a complex number, turned by the position times its frequency.
    fn rotate(&self, head: &mut [f64], position: usize) {
        let n = head.len();
        for i in 0..n / 2 {
            let factor = self.weights.get("rope_freqs.weight").filter(|_| self.use_factors).map_or(1.0, |f| f[i]);
            let angle = position as f64 / self.linear / factor / self.theta.powf(2.0 * i as f64 / n as f64) % (2.0 * PI);
            let (a, b) = if self.halves { (i, i + n / 2) } else { (2 * i, 2 * i + 1) };
            let (re, im) = (head[a], head[b]);
            head[a] = re * angle.cos() - im * angle.sin();
            head[b] = re * angle.sin() + im * angle.cos();
        }
    }
}

/// A row-major matrix times a vector.
fn product(matrix: &[f64], x: &[f64]) -> Vec<f64> {
    matrix.chunks(x.len()).map(|row| dot(row, x)).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
