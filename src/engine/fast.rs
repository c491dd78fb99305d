//! The fast arithmetic: the kernels on buffers of an arena, activations rounded to 8 bits before each product.

use std::ops::Range;
use std::sync::Arc;

use super::arena::{Arena, Buffer};
use super::cache::KvCache;
use super::compute::{Attention, Compute, Linear};
use super::rope::Rotation;
use crate::error::Result;
use crate::kernels::attention::{self, attend};
use crate::kernels::elementwise::{self, Activation};
use crate::kernels::matmul::Scratch;
use crate::kernels::pool::Pool;
use crate::kernels::processor::Processor;
use crate::kernels::weight::{Vector, Weight};

/// Rows of activations per task of what is done to each value: a single row is not cut.
const ROWS_PER_TASK: usize = 8;
/// Logits per task.
const LOGITS_PER_TASK: usize = 8192;

/// See the module.
#[derive(Debug)]
pub struct Fast {
    processor: Processor,
    pool: Arc<Pool>,
    arena: Arena,
    scratch: Scratch,
    attention: attention::Scratch,
}

impl Fast {
    /// The arithmetic on this pool.
    #[must_use]
    pub fn new(pool: Arc<Pool>) -> Self {
        Self {
            processor: Processor::best(),
            pool,
            arena: Arena::default(),
            scratch: Scratch::default(),
            attention: attention::Scratch::default(),
        }
    }
}

#[expect(clippy::float_cmp, reason = "one is what leaves a value as it is")]
impl Compute for Fast {
    type Tensor = Buffer;

    fn embed(&mut self, table: &Weight, tokens: &[u32], scale: f32) -> Result<Buffer> {
        let mut x = self.arena.buffer(tokens.len(), table.cols());
        self.pool.chunks(&mut x, table.cols(), |i, row| {
            table.dequantize(tokens[i] as usize, row);
            if scale != 1.0 {
                elementwise::scale(row, scale);
            }
        });
        Ok(x)
    }

    fn linears<const N: usize>(&mut self, x: &Buffer, layers: [Linear<'_>; N]) -> Result<[Buffer; N]> {
        let mut out = layers.map(|layer| self.arena.buffer(x.l(), layer.weight.rows()));
        let weights = layers.map(|layer| layer.weight);
        Weight::matmul_all(weights, &self.pool, &mut self.scratch, x, out.each_mut().map(|y| &mut y[..]));
        for (y, layer) in out.iter_mut().zip(layers) {
            if let Some(bias) = layer.bias {
                elementwise::add_to_rows(y, bias.values());
            }
        }
        Ok(out)
    }

    fn rms_norm(&mut self, x: &Buffer, weight: &Vector, eps: f32) -> Result<Buffer> {
        let mut out = self.arena.buffer(x.l(), x.width());
        let (step, x): (usize, &[f32]) = (ROWS_PER_TASK * x.width(), x);
        self.pool.chunks(&mut out, step, |i, out| {
            elementwise::rms_norm(self.processor, &x[i * step..][..out.len()], weight.values(), eps, out);
        });
        Ok(out)
    }

    fn rotate(&mut self, mut x: Buffer, head_dim: usize, rotation: &Rotation) -> Result<Buffer> {
        let (width, pairs) = (x.width(), rotation.pairs);
        self.pool.chunks(&mut x, ROWS_PER_TASK * width, |task, rows| {
            for (i, row) in rows.chunks_mut(width).enumerate() {
                let angles = (task * ROWS_PER_TASK + i) * pairs..(task * ROWS_PER_TASK + i + 1) * pairs;
                elementwise::rotate(row, head_dim, rotation.pairing, &rotation.cos[angles.clone()], &rotation.sin[angles]);
            }
        });
        Ok(x)
    }

    fn attend(&mut self, q: &Buffer, k: &Buffer, v: &Buffer, cache: &mut KvCache, at: Attention) -> Result<Buffer> {
        let start = cache.len();
        cache.write(at.layer, k, v);
        let mut out = self.arena.buffer(q.l(), q.width());
        attend(&self.pool, &mut self.attention, at.heads, at.scoring, q, cache.layer(at.layer), start, &mut out);
        Ok(out)
    }

    fn gate(&mut self, mut gate: Buffer, up: &Buffer, activation: Activation) -> Result<Buffer> {
        let (step, up): (usize, &[f32]) = (ROWS_PER_TASK * gate.width(), up);
        self.pool.chunks(&mut gate, step, |i, rows| {
            let up = &up[i * step..][..rows.len()];
            match activation {
                Activation::Silu => elementwise::silu_mul(self.processor, rows, up),
                Activation::GeluTanh => elementwise::gelu_tanh_mul(self.processor, rows, up),
            }
        });
        Ok(gate)
    }

    fn add(&mut self, mut x: Buffer, y: &Buffer, scale: f32) -> Result<Buffer> {
        let (step, y): (usize, &[f32]) = (ROWS_PER_TASK * x.width(), y);
        self.pool.chunks(&mut x, step, |i, rows| {
            let y = &y[i * step..][..rows.len()];
            if scale == 1.0 { elementwise::add(rows, y) } else { elementwise::add_scaled(rows, y, scale) }
        });
        Ok(x)
    }

    fn finish(&mut self, mut logits: Buffer, scale: f32, cap: Option<f32>) -> Result<Buffer> {
        let processor = self.processor;
        if scale != 1.0 || cap.is_some() {
            self.pool.chunks(&mut logits, LOGITS_PER_TASK, |_, logits| {
                if scale != 1.0 {
                    elementwise::scale(logits, scale);
                }
                if let Some(cap) = cap {
                    elementwise::soft_cap(processor, logits, cap);
                }
            });
        }
        Ok(logits)
    }

    fn rows(&mut self, x: &Buffer, rows: Range<usize>) -> Result<Buffer> {
        let mut out = self.arena.buffer(rows.len(), x.width());
        out.copy_from_slice(&x[rows.start * x.width()..rows.end * x.width()]);
        Ok(out)
    }

    fn read(&mut self, x: &Buffer, out: &mut Vec<f32>) -> Result<()> {
        out.extend_from_slice(x);
        Ok(())
    }
}
