//! An arithmetic with a clock beside it. The clock is looked at once per call: what passed since the last look goes to the operation
//! that has just ended, so that nothing between two calls is lost. A look takes some 30 ns, and a token twelve a layer: two thirds of a
//! percent of a token of the built-in model, far less of any larger one.

use std::ops::Range;
use std::time::Instant;

use super::cache::KvCache;
use super::compute::{Attention, Compute, Linear};
use super::operation::{Operation, Times};
use super::rope::Rotation;
use crate::error::Result;
use crate::kernels::elementwise::Activation;
use crate::kernels::weight::{Vector, Weight};

/// See the module.
#[derive(Debug)]
pub struct Timed<C> {
    compute: C,
    times: Times,
    looked: Instant,
}

impl<C> Timed<C> {
    /// The arithmetic, nothing measured yet.
    #[must_use]
    pub fn new(compute: C) -> Self {
        Self { compute, times: Times::default(), looked: Instant::now() }
    }

    /// What has passed since the last call was nobody's work.
    pub fn start(&mut self) {
        self.looked = Instant::now();
    }

    /// All that was measured so far.
    #[must_use]
    pub const fn times(&self) -> Times {
        self.times
    }

    fn ended(&mut self, operation: Operation) {
        let now = Instant::now();
        self.times.add(operation, now.duration_since(self.looked).as_secs_f64());
        self.looked = now;
    }
}

impl<C: Compute> Compute for Timed<C> {
    type Tensor = C::Tensor;

    fn embed(&mut self, table: &Weight, tokens: &[u32], scale: f32) -> Result<C::Tensor> {
        let x = self.compute.embed(table, tokens, scale);
        self.ended(Operation::Embedding);
        x
    }

    fn linears<const N: usize>(&mut self, x: &C::Tensor, layers: [Linear<'_>; N]) -> Result<[C::Tensor; N]> {
        let operation = layers.first().map(|layer| layer.operation);
        let out = self.compute.linears(x, layers);
        if let Some(operation) = operation {
            self.ended(operation);
        }
        out
    }

    fn rms_norm(&mut self, x: &C::Tensor, weight: &Vector, eps: f32) -> Result<C::Tensor> {
        let out = self.compute.rms_norm(x, weight, eps);
        self.ended(Operation::Norms);
        out
    }

    fn rotate(&mut self, x: C::Tensor, head_dim: usize, rotation: &Rotation) -> Result<C::Tensor> {
        let x = self.compute.rotate(x, head_dim, rotation);
        self.ended(Operation::Rotation);
        x
    }

    fn attend(&mut self, q: &C::Tensor, k: &C::Tensor, v: &C::Tensor, cache: &mut KvCache, at: Attention) -> Result<C::Tensor> {
        let out = self.compute.attend(q, k, v, cache, at);
        self.ended(Operation::Attention);
        out
    }

    fn gate(&mut self, gate: C::Tensor, up: &C::Tensor, activation: Activation) -> Result<C::Tensor> {
        let out = self.compute.gate(gate, up, activation);
        self.ended(Operation::Activation);
        out
    }

    fn add(&mut self, x: C::Tensor, y: &C::Tensor, scale: f32) -> Result<C::Tensor> {
        let x = self.compute.add(x, y, scale);
        self.ended(Operation::Residuals);
        x
    }

    /// What the head's product becomes.
    fn finish(&mut self, logits: C::Tensor, scale: f32, cap: Option<f32>) -> Result<C::Tensor> {
        let out = self.compute.finish(logits, scale, cap);
        self.ended(Operation::HeadProduct);
        out
    }

    /// The rows whose logits are wanted, for the head.
    fn rows(&mut self, x: &C::Tensor, rows: Range<usize>) -> Result<C::Tensor> {
        let out = self.compute.rows(x, rows);
        self.ended(Operation::HeadProduct);
        out
    }

    /// Logits that the head gave.
    fn read(&mut self, x: &C::Tensor, out: &mut Vec<f32>) -> Result<()> {
        let read = self.compute.read(x, out);
        self.ended(Operation::HeadProduct);
        read
    }
}
