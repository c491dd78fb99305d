//! What a gradient does to the weights: Muon for the layers' matrices, `AdamW` for the embedding and the norms.
//!
//! Muon (Jordan 2024) takes the momentum of a matrix and replaces its singular values by about one, with five Newton–Schulz steps.

use candle_core::{Device, Result, Tensor, Var};

use super::arithmetic::dot;
use super::ops::Values;

const MUON_RATE: f32 = 0.004;
const MUON_MOMENTUM: f32 = 0.95;
const MUON_DECAY: f32 = 0.01;
const ADAM_RATE: f32 = 1e-3;
const ADAM_BETAS: (f32, f32) = (0.9, 0.95);
const ADAM_EPS: f32 = 1e-8;
const NEWTON_SCHULZ: (f64, f64, f64) = (3.4445, -4.7750, 2.0315);
const WARM_UP: f32 = 100.0;
/// The share of the steps at the end in which the rate falls to zero.
const DECAY: f32 = 0.3;

/// The factor of the learning rate at a step (counted from zero) of `steps`.
#[expect(clippy::cast_precision_loss, reason = "steps are far below 2²⁴")]
pub fn schedule(step: u64, steps: u64) -> f32 {
    let (step, steps) = (step as f32, steps as f32);
    let falling = (steps - step) / (DECAY * steps).max(1.0);
    falling.min((step + 1.0) / WARM_UP).clamp(0.0, 1.0)
}

/// One variable's memory: Muon's momentum, or `AdamW`'s two means.
pub struct Memory {
    /// Momentum, or mean of the gradient.
    pub first: Vec<f32>,
    /// Mean of the squared gradient; empty for Muon.
    pub second: Vec<f32>,
}

impl Memory {
    /// No memory yet.
    pub fn new(name: &str, len: usize) -> Self {
        Self { first: vec![0.0; len], second: if is_matrix(name) { Vec::new() } else { vec![0.0; len] } }
    }
}

/// Whether Muon is in charge of the variable.
pub fn is_matrix(name: &str) -> bool {
    name.starts_with("blk.") && !name.contains("norm")
}

/// Changes a variable by its gradient. `rate` is the schedule's factor, `step` counts from zero.
///
/// # Errors
/// What candle says.
pub fn update(name: &str, var: &Var, grad: Vec<f32>, memory: &mut Memory, rate: f32, step: u64) -> Result<()> {
    let weights = Values::of(var.as_tensor())?;
    let new = if is_matrix(name) { muon(&weights, var, grad, memory, rate)? } else { adam(&weights, &grad, memory, rate, step) };
    drop(weights);
    var.set(&Tensor::from_vec(new, var.shape(), &Device::Cpu)?)
}

fn adam(weights: &[f32], grad: &[f32], memory: &mut Memory, rate: f32, step: u64) -> Vec<f32> {
    let (b1, b2) = ADAM_BETAS;
    let t = i32::try_from(step + 1).unwrap_or(i32::MAX);
    let (unbias1, unbias2) = (1.0 / (1.0 - b1.powi(t)), 1.0 / (1.0 - b2.powi(t)));
    let means = memory.first.iter_mut().zip(&mut memory.second);
    let one = |((w, g), (m, v)): ((&f32, &f32), (&mut f32, &mut f32))| {
        *m = b1 * *m + (1.0 - b1) * g;
        *v = b2 * *v + (1.0 - b2) * g * g;
        w - rate * ADAM_RATE * *m * unbias1 / ((*v * unbias2).sqrt() + ADAM_EPS)
    };
    weights.iter().zip(grad).zip(means).map(one).collect()
}

#[expect(clippy::cast_precision_loss, reason = "widths are small")]
fn muon(weights: &[f32], var: &Var, mut grad: Vec<f32>, memory: &mut Memory, rate: f32) -> Result<Vec<f32>> {
    let (rows, cols) = var.dims2()?;
    for (momentum, g) in memory.first.iter_mut().zip(&mut grad) {
        *momentum = MUON_MOMENTUM * *momentum + *g;
        *g += MUON_MOMENTUM * *momentum;
    }
    let direction = orthogonal(grad, rows, cols)?;
    let direction = Values::of(&direction)?;
    let rate = rate * MUON_RATE;
    let size = (rows as f32 / cols as f32).max(1.0).sqrt();
    Ok(weights.iter().zip(&*direction).map(|(w, d)| w * (1.0 - rate * MUON_DECAY) - rate * size * d).collect())
}

/// The matrix with its singular values brought near one.
fn orthogonal(mut values: Vec<f32>, rows: usize, cols: usize) -> Result<Tensor> {
    let inverse = 1.0 / (dot(&values, &values).sqrt() + 1e-7);
    for value in &mut values {
        *value *= inverse;
    }
    let x = Tensor::from_vec(values, (rows, cols), &Device::Cpu)?;
    let mut x = if rows > cols { x.t()?.contiguous()? } else { x };
    let (a, b, c) = NEWTON_SCHULZ;
    for _ in 0..5 {
        let gram = x.matmul(&x.t()?)?;
        let poly = ((&gram * b)? + (gram.matmul(&gram)? * c)?)?;
        x = ((&x * a)? + poly.matmul(&x)?)?;
    }
    if rows > cols { x.t()?.contiguous() } else { Ok(x) }
}

/// Scales gradients down to norm one if they are longer, and returns the norm they had.
pub fn clip(grads: &mut [&mut Vec<f32>]) -> f32 {
    let norm = grads.iter().map(|grad| dot(grad, grad)).sum::<f32>().sqrt();
    if norm > 1.0 {
        for g in grads.iter_mut().flat_map(|grad| grad.iter_mut()) {
            *g /= norm;
        }
    }
    norm
}
