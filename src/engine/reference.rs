//! The exact arithmetic: candle tensors in F32, weights dequantized as they are read.
//!
//! It rounds nothing but to F32 and is the oracle of the kernels. Weights stay packed in memory and are expanded a few rows at a time,
//! so `--exact` needs no more memory than the fast path and its activations. With the features `cuda` or `metal` the tensors are on the
//! first such device, expanded weights included; keys and values stay with the processor.

use std::ops::Range;
use std::sync::Arc;

use candle_core::{D, Device, IndexOp as _, Tensor};

use super::cache::KvCache;
use super::compute::{Attention, Compute, Linear};
use super::rope::Rotation;
use crate::error::{Error, Result};
use crate::kernels::attention::{Heads, Layer, Scoring};
use crate::kernels::elementwise::{Activation, Pairing};
use crate::kernels::pool::Pool;
use crate::kernels::weight::{Vector, Weight};

/// Values expanded at a time: 4 MiB of F32.
const EXPANDED: usize = 1 << 20;

/// See the module.
#[derive(Debug)]
pub struct Reference {
    pool: Arc<Pool>,
    device: Device,
}

/// Where tensors are.
fn device() -> Result<Device> {
    if cfg!(feature = "cuda") {
        Ok(Device::new_cuda(0)?)
    } else if cfg!(feature = "metal") {
        Ok(Device::new_metal(0)?)
    } else {
        Ok(Device::Cpu)
    }
}

impl Reference {
    /// The arithmetic on this pool.
    ///
    /// # Errors
    /// Where the program was built for a device that is not here.
    pub fn new(pool: Arc<Pool>) -> Result<Self> {
        Ok(Self { pool, device: device()? })
    }

    /// Rows of a weight as a tensor `[rows, cols]`.
    fn expand(&self, w: &Weight, rows: Range<usize>) -> Result<Tensor> {
        let cols = w.cols();
        let mut values = vec![0.0f32; rows.len() * cols];
        let per_task = 16;
        self.pool.chunks(&mut values, per_task * cols, |task, part| w.dequantize(rows.start + task * per_task, part));
        Ok(Tensor::from_vec(values, (rows.len(), cols), &self.device)?)
    }

    fn product(&self, x: &Tensor, Linear { weight, bias, .. }: Linear<'_>) -> Result<Tensor> {
        let step = (EXPANDED / weight.cols()).max(1);
        let mut parts = Vec::with_capacity(weight.rows().div_ceil(step));
        for first in (0..weight.rows()).step_by(step) {
            let expanded = self.expand(weight, first..weight.rows().min(first + step))?.t()?;
            parts.push(self.pool.install(|| x.matmul(&expanded))??);
        }
        let out = Tensor::cat(&parts, 1)?;
        match bias {
            Some(bias) => Ok(out.broadcast_add(&self.vector(bias)?)?),
            None => Ok(out),
        }
    }

    fn vector(&self, v: &Vector) -> Result<Tensor> {
        Ok(Tensor::from_slice(v.values(), v.values().len(), &self.device)?)
    }

    /// The first `len` rows of a layer, `[len, kv_dim]` each.
    fn gather(&self, layer: &Layer, kv_dim: usize, len: usize) -> Result<(Tensor, Tensor)> {
        let (mut keys, mut values) = (vec![0.0f32; len * kv_dim], vec![0.0f32; len * kv_dim]);
        for (position, (key, value)) in keys.chunks_mut(kv_dim).zip(values.chunks_mut(kv_dim)).enumerate() {
            layer.read(position, key, value);
        }
        let tensor = |rows: Vec<f32>| -> Result<Tensor> { Ok(Tensor::from_vec(rows, (len, kv_dim), &self.device)?) };
        Ok((tensor(keys)?, tensor(values)?))
    }
}

fn values_of(x: &Tensor) -> Result<Vec<f32>> {
    Ok(x.flatten_all()?.to_vec1()?)
}

/// `cap · tanh(x / cap)`.
fn bent(x: Tensor, cap: Option<f32>) -> Result<Tensor> {
    match cap.map(f64::from) {
        None => Ok(x),
        Some(cap) => Ok(((x / cap)?.tanh()? * cap)?),
    }
}

impl Compute for Reference {
    type Tensor = Tensor;

    fn embed(&mut self, table: &Weight, tokens: &[u32], scale: f32) -> Result<Tensor> {
        let mut values = vec![0.0f32; tokens.len() * table.cols()];
        for (row, &token) in values.chunks_mut(table.cols()).zip(tokens) {
            table.dequantize(token as usize, row);
        }
        Ok((Tensor::from_vec(values, (tokens.len(), table.cols()), &self.device)? * f64::from(scale))?)
    }

    fn linears<const N: usize>(&mut self, x: &Tensor, layers: [Linear<'_>; N]) -> Result<[Tensor; N]> {
        // Placeholders that cost nothing, each then replaced.
        let mut out = std::array::from_fn(|_| x.clone());
        for (y, layer) in out.iter_mut().zip(layers) {
            *y = self.product(x, layer)?;
        }
        Ok(out)
    }

    fn rms_norm(&mut self, x: &Tensor, weight: &Vector, eps: f32) -> Result<Tensor> {
        let (weight, shape) = (self.vector(weight)?, x.dims2()?);
        let x = x.reshape(((), weight.elem_count()))?;
        let scale = (x.sqr()?.mean_keepdim(D::Minus1)? + f64::from(eps))?.sqrt()?;
        Ok(x.broadcast_div(&scale)?.broadcast_mul(&weight)?.reshape(shape)?)
    }

    fn rotate(&mut self, x: Tensor, head_dim: usize, rotation: &Rotation) -> Result<Tensor> {
        let (l, width) = x.dims2()?;
        let pairs = rotation.pairs;
        let angles = |values: &[f32]| -> Result<Tensor> { Ok(Tensor::from_slice(values, (l, 1, pairs), &self.device)?) };
        let (cos, sin) = (angles(&rotation.cos)?, angles(&rotation.sin)?);
        let heads = x.reshape((l, width / head_dim, head_dim))?;
        let (turned, rest) = (heads.narrow(2, 0, 2 * pairs)?, heads.narrow(2, 2 * pairs, head_dim - 2 * pairs)?);
        // `a` and `b` are the two coordinates of each pair.
        let split = match rotation.pairing {
            Pairing::Neighbours => turned.reshape((l, width / head_dim, pairs, 2))?.transpose(2, 3)?.contiguous()?,
            Pairing::Halves => turned.contiguous()?.reshape((l, width / head_dim, 2, pairs))?,
        };
        let (a, b) = (split.i((.., .., 0))?, split.i((.., .., 1))?);
        let x = (a.broadcast_mul(&cos)? - b.broadcast_mul(&sin)?)?;
        let y = (a.broadcast_mul(&sin)? + b.broadcast_mul(&cos)?)?;
        let joined = match rotation.pairing {
            Pairing::Neighbours => Tensor::stack(&[x, y], 3)?.reshape((l, width / head_dim, 2 * pairs))?,
            Pairing::Halves => Tensor::cat(&[x, y], 2)?,
        };
        Ok(Tensor::cat(&[joined, rest], 2)?.reshape((l, width))?)
    }

    fn attend(&mut self, q: &Tensor, k: &Tensor, v: &Tensor, cache: &mut KvCache, at: Attention) -> Result<Tensor> {
        let Attention { layer, heads: Heads { n_heads, n_kv_heads, head_dim }, scoring: Scoring { scale, cap, window } } = at;
        let (l, start) = (q.dim(0)?, cache.len());
        let (len, kv_dim) = (start + l, n_kv_heads * head_dim);
        cache.write(layer, &values_of(k)?, &values_of(v)?);
        let (keys, values) = self.gather(cache.layer(layer), kv_dim, len)?;
        // Heads of one group read the same keys: they become rows of one product.
        let by_head = |x: &Tensor| -> Result<Tensor> { Ok(x.reshape((len, n_kv_heads, head_dim))?.transpose(0, 1)?.contiguous()?) };
        let (keys, values) = (by_head(&keys)?, by_head(&values)?);
        let queries = q.reshape((l, n_heads, head_dim))?.transpose(0, 1)?.contiguous()?;
        let queries = queries.reshape((n_kv_heads, n_heads / n_kv_heads * l, head_dim))?;
        let seen = |i: usize, j: usize| j <= start + i && window.is_none_or(|window| j + window > start + i);
        let mask: Vec<f32> = (0..l).flat_map(|i| (0..len).map(move |j| if seen(i, j) { 0.0 } else { f32::NEG_INFINITY })).collect();
        let mask = Tensor::from_vec(mask, (1, 1, l, len), &self.device)?;
        self.pool.install(|| {
            let scores = bent((queries.matmul(&keys.transpose(1, 2)?)? * f64::from(scale))?, cap)?;
            let scores = scores.reshape((n_kv_heads, n_heads / n_kv_heads, l, len))?.broadcast_add(&mask)?;
            let weights = candle_nn::ops::softmax_last_dim(&scores)?.reshape((n_kv_heads, n_heads / n_kv_heads * l, len))?;
            let out = weights.matmul(&values)?.reshape((n_heads, l, head_dim))?;
            out.transpose(0, 1)?.reshape((l, n_heads * head_dim)).map_err(Error::from)
        })?
    }

    fn gate(&mut self, gate: Tensor, up: &Tensor, activation: Activation) -> Result<Tensor> {
        let gate = match activation {
            Activation::Silu => gate.silu()?,
            Activation::GeluTanh => gate.gelu()?,
        };
        Ok((gate * up)?)
    }

    fn add(&mut self, x: Tensor, y: &Tensor, scale: f32) -> Result<Tensor> {
        Ok((x + (y * f64::from(scale))?)?)
    }

    fn finish(&mut self, logits: Tensor, scale: f32, cap: Option<f32>) -> Result<Tensor> {
        bent((logits * f64::from(scale))?, cap)
    }

    fn rows(&mut self, x: &Tensor, rows: Range<usize>) -> Result<Tensor> {
        Ok(x.narrow(0, rows.start, rows.len())?)
    }

    fn read(&mut self, x: &Tensor, out: &mut Vec<f32>) -> Result<()> {
        out.extend(values_of(x)?);
        Ok(())
    }
}
