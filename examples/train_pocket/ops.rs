//! Operations of the model whose derivative is written out, because composed of candle's own they would cost several passes each.
//!
//! Each is a candle custom op over contiguous F32 on the CPU; `mod tests` compares every gradient with candle's composition.
//! Left out: whatever candle does well as it is (sums, products of batches, looking up rows).

use std::ops::Deref;
use std::sync::Arc;

use candle_core::backend::BackendStorage as _;
use candle_core::{CpuStorage, CustomOp1, CustomOp2, Device, Layout, Result, Shape, Storage, Tensor, bail};

use super::arithmetic::{dot, exp, sigmoid};

/// The values of a tensor, read where they lie.
pub struct Values<'a> {
    storage: Box<dyn Deref<Target = Storage> + 'a>,
    range: std::ops::Range<usize>,
}

impl<'a> Values<'a> {
    /// The values of a contiguous F32 tensor on the CPU.
    pub fn of(tensor: &'a Tensor) -> Result<Self> {
        let (storage, layout) = tensor.storage_and_layout();
        let Some((start, end)) = layout.contiguous_offsets() else { bail!("values of a tensor that is not contiguous") };
        match &*storage {
            Storage::Cpu(CpuStorage::F32(_)) => Ok(Self { storage: Box::new(storage), range: start..end }),
            _ => bail!("values of a tensor that is not F32 on the CPU"),
        }
    }
}

impl Deref for Values<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &**self.storage {
            Storage::Cpu(CpuStorage::F32(values)) => &values[self.range.clone()],
            _ => &[],
        }
    }
}

fn read<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<f32>()?[start..end]),
        None => bail!("an operand is not contiguous"),
    }
}

fn tensor(values: Vec<f32>, like: &Tensor) -> Result<Tensor> {
    Tensor::from_vec(values, like.shape(), &Device::Cpu)
}

/// `x wᵀ` of `x` `[n, k]` and `w` `[m, k]`: candle's own way would give the weight's gradient transposed.
pub struct Linear;

impl CustomOp2 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(&self, x: &CpuStorage, x_layout: &Layout, w: &CpuStorage, w_layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let ((n, k), (m, _)) = (x_layout.shape().dims2()?, w_layout.shape().dims2()?);
        let y = x.matmul(w, (1, n, m, k), x_layout, &w_layout.transpose(0, 1)?)?;
        Ok((y, (n, m).into()))
    }

    fn bwd(&self, x: &Tensor, w: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((Some(grad.matmul(w)?), Some(grad.t()?.matmul(x)?)))
    }
}

/// Rows of `x` `[n, d]` divided by their root mean square, times the weight `[d]`.
pub struct RmsNorm {
    /// Added to the mean square.
    pub eps: f32,
}

#[expect(clippy::cast_precision_loss, reason = "widths are small")]
fn inverse_rms(row: &[f32], eps: f32) -> f32 {
    1.0 / (dot(row, row) / row.len() as f32 + eps).sqrt()
}

impl CustomOp2 for RmsNorm {
    fn name(&self) -> &'static str {
        "rms_norm"
    }

    fn cpu_fwd(&self, x: &CpuStorage, x_layout: &Layout, w: &CpuStorage, w_layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (x, w) = (read(x, x_layout)?, read(w, w_layout)?);
        let mut out = Vec::with_capacity(x.len());
        for row in x.chunks_exact(w.len()) {
            let inverse = inverse_rms(row, self.eps);
            out.extend(row.iter().zip(w).map(|(x, w)| x * inverse * w));
        }
        Ok((CpuStorage::F32(out), x_layout.shape().clone()))
    }

    #[expect(clippy::cast_precision_loss, reason = "widths are small")]
    fn bwd(&self, x: &Tensor, w: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let (xs, ws, gs) = (Values::of(x)?, Values::of(w)?, Values::of(&grad)?);
        let width = ws.len();
        let mut dx = Vec::with_capacity(xs.len());
        let mut dw = vec![0.0; width];
        let mut scaled = vec![0.0; width];
        for (x, g) in xs.chunks_exact(width).zip(gs.chunks_exact(width)) {
            let inverse = inverse_rms(x, self.eps);
            for (((s, g), w), (dw, x)) in scaled.iter_mut().zip(g).zip(&*ws).zip(dw.iter_mut().zip(x)) {
                *s = g * w;
                *dw += g * x * inverse;
            }
            let along = dot(&scaled, x) * inverse * inverse / width as f32;
            dx.extend(scaled.iter().zip(x).map(|(s, x)| inverse * (s - x * along)));
        }
        Ok((Some(tensor(dx, x)?), Some(tensor(dw, w)?)))
    }
}

/// `silu(gate) · up`.
pub struct SiluMul;

impl CustomOp2 for SiluMul {
    fn name(&self) -> &'static str {
        "silu_mul"
    }

    fn cpu_fwd(&self, gate: &CpuStorage, gate_layout: &Layout, up: &CpuStorage, up_layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (gate, up) = (read(gate, gate_layout)?, read(up, up_layout)?);
        let out = gate.iter().zip(up).map(|(&g, u)| g * sigmoid(g) * u).collect();
        Ok((CpuStorage::F32(out), gate_layout.shape().clone()))
    }

    fn bwd(&self, gate: &Tensor, up: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let (gates, ups, grads) = (Values::of(gate)?, Values::of(up)?, Values::of(&grad)?);
        let mut d_gate = vec![0.0; gates.len()];
        let mut d_up = vec![0.0; gates.len()];
        let sources = gates.iter().zip(ups.iter()).zip(grads.iter());
        for ((d_gate, d_up), ((&gate, up), grad)) in d_gate.iter_mut().zip(&mut d_up).zip(sources) {
            let s = sigmoid(gate);
            *d_up = grad * gate * s;
            *d_gate = grad * up * s * (1.0 + gate * (1.0 - s));
        }
        Ok((Some(tensor(d_gate, gate)?), Some(tensor(d_up, up)?)))
    }
}

/// Softmax of `scale · scores` over the positions up to the row's own. Scores are `[batch, rows, l]`; row `r` stands at position
/// `r mod l`.
pub struct CausalSoftmax {
    /// Factor of the scores.
    pub scale: f32,
}

impl CustomOp1 for CausalSoftmax {
    fn name(&self) -> &'static str {
        "causal_softmax"
    }

    fn cpu_fwd(&self, scores: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (_, _, l) = layout.shape().dims3()?;
        let scores = read(scores, layout)?;
        let mut out = vec![0.0; scores.len()];
        for (index, (out, row)) in out.chunks_exact_mut(l).zip(scores.chunks_exact(l)).enumerate() {
            let seen = index % l + 1;
            let (out, row) = (&mut out[..seen], &row[..seen]);
            let highest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max) * self.scale;
            for (out, score) in out.iter_mut().zip(row) {
                *out = exp(score * self.scale - highest);
            }
            let inverse = 1.0 / super::arithmetic::sum(out);
            for p in out.iter_mut() {
                *p *= inverse;
            }
        }
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }

    fn bwd(&self, scores: &Tensor, weights: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let (_, _, l) = scores.dims3()?;
        let grad = grad.contiguous()?;
        let (ps, gs) = (Values::of(weights)?, Values::of(&grad)?);
        let mut out = vec![0.0; ps.len()];
        for (index, ((out, p), g)) in out.chunks_exact_mut(l).zip(ps.chunks_exact(l)).zip(gs.chunks_exact(l)).enumerate() {
            let seen = index % l + 1;
            let (p, g) = (&p[..seen], &g[..seen]);
            let mean = dot(p, g);
            for ((out, p), g) in out.iter_mut().zip(p).zip(g) {
                *out = self.scale * p * (g - mean);
            }
        }
        Ok(Some(tensor(out, scores)?))
    }
}

/// Sum of `weight · −log p(target)` over the rows of logits `[n, vocabulary]`.
pub struct CrossEntropy {
    /// The right token of each row.
    pub targets: Arc<[u32]>,
    /// What each row counts.
    pub weights: Arc<[f32]>,
}

impl CrossEntropy {
    fn rows<'a>(&'a self, logits: &'a [f32]) -> impl Iterator<Item = (&'a [f32], usize, f32)> {
        let width = logits.len() / self.targets.len();
        logits.chunks_exact(width).zip(&*self.targets).zip(&*self.weights).map(|((row, &target), &weight)| (row, target as usize, weight))
    }
}

fn highest(row: &[f32]) -> f32 {
    row.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

impl CustomOp1 for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn cpu_fwd(&self, logits: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let logits = read(logits, layout)?;
        let mut loss = 0.0_f64;
        let mut exps = Vec::new();
        for (row, target, weight) in self.rows(logits) {
            let top = highest(row);
            exps.clear();
            exps.extend(row.iter().map(|logit| exp(logit - top)));
            loss += f64::from(weight * (super::arithmetic::sum(&exps).ln() + top - row[target]));
        }
        #[expect(clippy::cast_possible_truncation, reason = "the gradient flows through F32")]
        Ok((CpuStorage::F32(vec![loss as f32]), ().into()))
    }

    fn bwd(&self, logits: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let grad = grad.to_scalar::<f32>()?;
        let values = Values::of(logits)?;
        let mut out = vec![0.0; values.len()];
        let width = values.len() / self.targets.len();
        for (out, (row, target, weight)) in out.chunks_exact_mut(width).zip(self.rows(&values)) {
            let top = highest(row);
            for (out, logit) in out.iter_mut().zip(row) {
                *out = exp(logit - top);
            }
            let factor = grad * weight / super::arithmetic::sum(out);
            for p in out.iter_mut() {
                *p *= factor;
            }
            out[target] -= grad * weight;
        }
        Ok(Some(tensor(out, logits)?))
    }
}
