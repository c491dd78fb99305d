//! From rows of positions to heads and back, and the rotation of their position on the way.
//!
//! Rows `[b·l, heads·d]` become `[b, heads, l, d]` in one pass; the derivative is the same pass backwards with the opposite angle.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Device, Layout, Result, Shape, Tensor, bail};

use super::ops::Values;

/// Sines and cosines of each position and pair of neighbours.
pub struct Angles {
    pairs: usize,
    cos_sin: Vec<(f32, f32)>,
}

impl Angles {
    /// Angles of `length` positions: pair `i` of `d / 2` turns by `position · theta^(−2i / d)`.
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "positions and dimensions are small")]
    pub fn new(length: usize, d: usize, theta: f64) -> Self {
        let angle = |position: usize, pair: usize| position as f64 * theta.powf(-2.0 * pair as f64 / d as f64);
        let at = |i: usize| angle(i / (d / 2), i % (d / 2)).sin_cos();
        let cos_sin = (0..length * d / 2).map(at).map(|(sin, cos)| (cos as f32, sin as f32)).collect();
        Self { pairs: d / 2, cos_sin }
    }

    fn turn(&self, position: usize, back: bool, from: &[f32], to: &mut [f32]) {
        let angles = &self.cos_sin[position * self.pairs..][..self.pairs];
        let sign = if back { -1.0 } else { 1.0 };
        for ((from, to), &(cos, sin)) in from.chunks_exact(2).zip(to.chunks_exact_mut(2)).zip(angles) {
            let turned = sin * sign;
            to[0] = from[0] * cos - from[1] * turned;
            to[1] = from[0] * turned + from[1] * cos;
        }
    }
}

/// Sizes of the change of order.
#[derive(Clone, Copy)]
pub struct Sizes {
    /// Sequences.
    pub b: usize,
    /// Positions of each.
    pub l: usize,
    /// Heads.
    pub heads: usize,
    /// Values per head.
    pub d: usize,
}

impl Sizes {
    fn len(self) -> usize {
        self.b * self.l * self.heads * self.d
    }

    fn rows(self) -> (usize, usize) {
        (self.b * self.l, self.heads * self.d)
    }

    fn by_head(self) -> (usize, usize, usize, usize) {
        (self.b, self.heads, self.l, self.d)
    }

    /// Calls `each(offset in rows, offset by head, position)` for every head of every position.
    fn each(self, mut each: impl FnMut(usize, usize, usize)) {
        let Self { b, l, heads, d } = self;
        for sequence in 0..b {
            for head in 0..heads {
                for position in 0..l {
                    let row = ((sequence * l + position) * heads + head) * d;
                    each(row, ((sequence * heads + head) * l + position) * d, position);
                }
            }
        }
    }

    fn split(self, from: &[f32], angles: Option<&Angles>) -> Vec<f32> {
        let mut out = vec![0.0; self.len()];
        self.each(|row, head, position| {
            let (from, to) = (&from[row..row + self.d], &mut out[head..head + self.d]);
            match angles {
                Some(angles) => angles.turn(position, false, from, to),
                None => to.copy_from_slice(from),
            }
        });
        out
    }

    fn join(self, from: &[f32], angles: Option<&Angles>) -> Vec<f32> {
        let mut out = vec![0.0; self.len()];
        self.each(|row, head, position| {
            let (from, to) = (&from[head..head + self.d], &mut out[row..row + self.d]);
            match angles {
                Some(angles) => angles.turn(position, true, from, to),
                None => to.copy_from_slice(from),
            }
        });
        out
    }
}

fn slice<'a>(storage: &'a CpuStorage, layout: &Layout, len: usize) -> Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((start, end)) if end - start == len => Ok(&storage.as_slice::<f32>()?[start..end]),
        _ => bail!("heads of a tensor that is not contiguous or not of the right size"),
    }
}

/// Rows to heads, turned by their position where angles are given.
pub struct Split(pub Sizes, pub Option<Arc<Angles>>);

impl CustomOp1 for Split {
    fn name(&self) -> &'static str {
        "split_heads"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let out = self.0.split(slice(x, layout, self.0.len())?, self.1.as_deref());
        Ok((CpuStorage::F32(out), self.0.by_head().into()))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let grad = grad.contiguous()?;
        let out = self.0.join(&Values::of(&grad)?, self.1.as_deref());
        Ok(Some(Tensor::from_vec(out, self.0.rows(), &Device::Cpu)?))
    }
}

/// Heads to rows.
pub struct Join(pub Sizes);

impl CustomOp1 for Join {
    fn name(&self) -> &'static str {
        "join_heads"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let out = self.0.join(slice(x, layout, self.0.len())?, None);
        Ok((CpuStorage::F32(out), self.0.rows().into()))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let grad = grad.contiguous()?;
        let out = self.0.split(&Values::of(&grad)?, None);
        Ok(Some(Tensor::from_vec(out, self.0.by_head(), &Device::Cpu)?))
    }
}
