//! Every written-out derivative against candle's own of the same function composed of its operations.

use std::sync::Arc;

use candle_core::{D, Device, Tensor, Var};

use super::heads::{Angles, Join, Sizes, Split};
use super::ops::{CausalSoftmax, CrossEntropy, Linear, RmsNorm, SiluMul};

/// Numbers between −1 and 1 without a pattern.
fn var(shape: &[usize], seed: u32) -> Var {
    let len: usize = shape.iter().product();
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from(u16::try_from(state >> 16).unwrap()) / 32_768.0 - 1.0
    };
    Var::from_vec((0..len).map(|_| next()).collect(), shape, &Device::Cpu).unwrap()
}

fn apart(a: &Tensor, b: &Tensor) -> f32 {
    assert_eq!(a.dims(), b.dims());
    (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar().unwrap()
}

/// Two functions have the same values and, under a random weighting of their values, the same gradients.
fn same(inputs: &[&Var], ours: &Tensor, theirs: &Tensor) {
    assert!(apart(ours, theirs) < 1e-5, "values: {}", apart(ours, theirs));
    let weights = var(ours.dims(), 99);
    let grads = |of: &Tensor| (of * weights.as_tensor()).unwrap().sum_all().unwrap().backward().unwrap();
    let (ours, theirs) = (grads(ours), grads(theirs));
    for input in inputs {
        let difference = apart(ours.get(input).unwrap(), theirs.get(input).unwrap());
        assert!(difference < 2e-5, "gradient: {difference}");
    }
}

#[test]
fn linear_is_the_product_with_the_transposed() {
    let (x, w) = (var(&[5, 7], 1), var(&[3, 7], 2));
    same(&[&x, &w], &x.apply_op2(w.as_tensor(), Linear).unwrap(), &x.matmul(&w.t().unwrap()).unwrap());
}

#[test]
fn rms_norm_has_its_gradient() {
    let (x, w) = (var(&[5, 20], 1), var(&[20], 2));
    let scale = (x.sqr().unwrap().mean_keepdim(D::Minus1).unwrap() + 1e-5).unwrap().sqrt().unwrap();
    let theirs = x.broadcast_div(&scale).unwrap().broadcast_mul(&w).unwrap();
    same(&[&x, &w], &x.apply_op2(w.as_tensor(), RmsNorm { eps: 1e-5 }).unwrap(), &theirs);
}

#[test]
fn silu_times_up_has_its_gradient() {
    let (g, u) = (var(&[5, 20], 1), var(&[5, 20], 2));
    let theirs = (g.silu().unwrap() * u.as_tensor()).unwrap();
    same(&[&g, &u], &g.apply_op2(u.as_tensor(), SiluMul).unwrap(), &theirs);
}

#[test]
fn causal_softmax_is_the_softmax_under_a_mask() {
    let l = 9;
    let scores = var(&[2, 3 * l, l], 1);
    let mask: Vec<f32> = (0..3 * l * l).map(|i| if i % l <= i / l % l { 0.0 } else { f32::NEG_INFINITY }).collect();
    let mask = Tensor::from_vec(mask, (1, 3 * l, l), &Device::Cpu).unwrap();
    let scaled = (scores.as_tensor() * 0.7).unwrap().broadcast_add(&mask).unwrap().exp().unwrap();
    let theirs = scaled.broadcast_div(&scaled.sum_keepdim(D::Minus1).unwrap()).unwrap();
    same(&[&scores], &scores.apply_op1(CausalSoftmax { scale: 0.7 }).unwrap(), &theirs);
}

#[test]
fn cross_entropy_counts_each_row_by_its_weight() {
    let logits = var(&[4, 11], 1);
    let (targets, weights) = ([3_u32, 10, 0, 5], [0.5_f32, 0.0, 1.0, 0.25]);
    let ours = logits.apply_op1(CrossEntropy { targets: Arc::from(targets), weights: Arc::from(weights) }).unwrap();
    let log_sum = logits.exp().unwrap().sum(1).unwrap().log().unwrap();
    let at = logits.gather(&Tensor::new(&targets, &Device::Cpu).unwrap().unsqueeze(1).unwrap(), 1).unwrap().squeeze(1).unwrap();
    let theirs = ((log_sum - at).unwrap() * Tensor::new(&weights, &Device::Cpu).unwrap()).unwrap().sum_all().unwrap();
    same(&[&logits], &ours, &theirs);
}

#[test]
fn heads_turn_by_their_position_and_come_back() {
    let sizes = Sizes { b: 2, l: 3, heads: 2, d: 4 };
    let x = var(&[6, 8], 1);
    let by_head = |x: &Tensor| x.reshape((2, 3, 2, 4)).unwrap().transpose(1, 2).unwrap().contiguous().unwrap();
    let angles: Vec<f32> = (0..3_u16).flat_map(|p| [f32::from(p), f32::from(p) / 10.0]).collect();
    let angles = Tensor::from_vec(angles, (1, 1, 3, 2), &Device::Cpu).unwrap();
    let (sin, cos) = (angles.sin().unwrap(), angles.cos().unwrap());
    let pairs = by_head(&x).reshape((2, 2, 3, 2, 2)).unwrap();
    let part = |i: usize| pairs.narrow(4, i, 1).unwrap().squeeze(4).unwrap();
    let (a, b) = (part(0), part(1));
    let left = (a.broadcast_mul(&cos).unwrap() - b.broadcast_mul(&sin).unwrap()).unwrap();
    let right = (a.broadcast_mul(&sin).unwrap() + b.broadcast_mul(&cos).unwrap()).unwrap();
    let theirs = Tensor::stack(&[left, right], 4).unwrap().reshape((2, 2, 3, 4)).unwrap();
    let turned = x.apply_op1(Split(sizes, Some(Arc::new(Angles::new(8, 4, 100.0))))).unwrap();
    same(&[&x], &turned, &theirs);
    let there = x.apply_op1(Split(sizes, None)).unwrap();
    same(&[&x], &there, &by_head(&x));
    assert!(apart(&there.apply_op1(Join(sizes)).unwrap(), &x) == 0.0, "back in rows");
    let heads = var(&[2, 2, 3, 4], 3);
    let rows = heads.transpose(1, 2).unwrap().contiguous().unwrap().reshape((6, 8)).unwrap();
    same(&[&heads], &heads.apply_op1(Join(sizes)).unwrap(), &rows);
}

#[test]
fn the_exponential_is_exact_to_rounding() {
    for i in -8700_i16..8800 {
        let x = f32::from(i) / 100.0;
        let (ours, true_value) = (f64::from(super::arithmetic::exp(x)), f64::from(x).exp());
        assert!((ours / true_value - 1.0).abs() < 3e-7, "exp({x}) is {ours}, not {true_value}");
    }
}
