//! The kernels beside the products, on each instruction set that is here, against the definitions in F64.
#![expect(clippy::float_cmp, reason = "what is exact is compared exactly")]

use ponder::file::DType;
use ponder::kernels::elementwise::{Pairing, gelu_tanh_mul, rms_norm, rotate, silu_mul, soft_cap};
use ponder::kernels::exp::exp;
use ponder::kernels::matmul::Scratch;
use ponder::kernels::pool::Pool;
use ponder::kernels::processor::Processor;
use ponder::kernels::weight::Weight;

use crate::quantize::quantize;

/// Numbers from −1 to 1 by splitmix64.
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^= x >> 31;
        f32::from(u16::try_from(x >> 48).unwrap()) / 32_768.0 - 1.0 + f32::from(u16::try_from(x & 0xffff).unwrap()) / 2_147_483_648.0
    }

    pub fn values(&mut self, n: usize, scale: f32) -> Vec<f32> {
        (0..n).map(|_| scale * self.next()).collect()
    }
}

fn narrow(x: f64) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "the reference is rounded once, here")]
    let narrow = x as f32;
    narrow
}

/// How far a result is off, in the distance between neighbours of F32 at the true value.
fn units_off(found: f32, truth: f64) -> f64 {
    let nearest = narrow(truth);
    if !nearest.is_finite() || !found.is_finite() {
        return if found == nearest { 0.0 } else { f64::INFINITY };
    }
    let unit = f64::from(f32::from_bits((nearest.abs().to_bits()).max(0x0080_0000) + 1)) - f64::from(nearest.abs().max(f32::MIN_POSITIVE));
    (f64::from(found) - truth).abs() / unit
}

const LENGTHS: [usize; 12] = [1, 2, 3, 7, 8, 9, 15, 16, 33, 64, 100, 577];

// --- exp

fn exponentials_are_right<const FUSED: bool>() {
    // Every 2003rd number there is.
    let bits = (0..=u32::MAX).step_by(2003).map(f32::from_bits);
    let extreme =
        [0.0, -0.0, 1.0, -1.0, 88.72, 88.73, 89.0, -87.33, -87.34, -103.9, -104.1, f32::MAX, f32::MIN, f32::INFINITY, f32::NEG_INFINITY];
    for x in bits.chain(extreme).filter(|x| !x.is_nan()) {
        let off = units_off(exp::<FUSED>(x), f64::from(x).exp());
        assert!(off <= 2.0, "e^{x} is {off} off");
    }
    assert!(exp::<FUSED>(f32::NAN).is_nan());
    assert_eq!(exp::<FUSED>(f32::NEG_INFINITY), 0.0);
    assert_eq!(exp::<FUSED>(0.0), 1.0);
}

#[test]
fn the_exponential_is_right_for_every_kind_of_number() {
    exponentials_are_right::<false>();
    exponentials_are_right::<true>();
}

// --- silu, norm, rotation

#[test]
fn silu_times_up_is_the_definition() {
    let mut random = Random(1);
    for processor in Processor::here() {
        for n in LENGTHS {
            for scale in [1e-30, 1e-3, 1.0, 10.0, 60.0] {
                let (gate, up) = (random.values(n, scale), random.values(n, 3.0));
                let mut found = gate.clone();
                silu_mul(processor, &mut found, &up);
                for ((found, g), u) in found.iter().zip(gate).zip(up) {
                    let truth = f64::from(g) / (1.0 + (-f64::from(g)).exp()) * f64::from(u);
                    assert!(units_off(*found, truth) <= 5.0, "{processor:?}: silu({g}) · {u} is {found}, not {truth}");
                }
            }
        }
    }
}

#[test]
fn gelu_times_up_is_the_definition() {
    let mut random = Random(3);
    for processor in Processor::here() {
        for n in LENGTHS {
            for scale in [1e-30, 1e-3, 1.0, 6.0] {
                let (gate, up) = (random.values(n, scale), random.values(n, 3.0));
                let mut found = gate.clone();
                gelu_tanh_mul(processor, &mut found, &up);
                for ((found, g), u) in found.iter().zip(gate).zip(up) {
                    let x = f64::from(g);
                    let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
                    // 1 + tanh t without cancellation.
                    let truth = x / (1.0 + (-2.0 * inner).exp()) * f64::from(u);
                    let off = (f64::from(*found) - truth).abs();
                    assert!(off <= 1e-6 * (1.0 + inner.abs()) * truth.abs(), "{processor:?}: gelu({g}) · {u} is {found}, not {truth}");
                }
            }
        }
        let mut gate = [0.0, 1e30, -1e30, 100.0, -100.0, f32::NAN, 1.0, f32::INFINITY];
        gelu_tanh_mul(processor, &mut gate, &[1.0, 1.0, 1.0, 2.0, 2.0, 1.0, f32::NAN, 1.0]);
        assert_eq!((gate[0], gate[1], gate[2].abs(), gate[3], gate[4].abs()), (0.0, 1e30, 0.0, 200.0, 0.0));
        assert!(gate[5].is_nan() && gate[6].is_nan() && gate[7] == f32::INFINITY);
    }
}

#[test]
fn soft_caps_are_the_definition() {
    let mut random = Random(4);
    for processor in Processor::here() {
        for n in LENGTHS {
            for (scale, cap) in [(1e-3, 30.0), (5.0, 30.0), (300.0, 50.0), (20.0, 1.0)] {
                let x = random.values(n, scale);
                let mut found = x.clone();
                soft_cap(processor, &mut found, cap);
                for (found, x) in found.iter().zip(x) {
                    let truth = f64::from(cap) * (f64::from(x) / f64::from(cap)).tanh();
                    let off = (f64::from(*found) - truth).abs() / f64::from(cap);
                    assert!(off < 3e-7, "{processor:?}: {x} bent at {cap} is {found}, not {truth}");
                }
            }
        }
        let mut x = [f32::INFINITY, f32::NEG_INFINITY, f32::NAN];
        soft_cap(processor, &mut x, 30.0);
        assert!(x[0] == 30.0 && x[1] == -30.0 && x[2].is_nan());
    }
}

#[test]
fn silu_of_extremes_is_a_limit_and_of_nothing_nothing() {
    for processor in Processor::here() {
        let mut gate = [0.0, -0.0, 1e30, -1e30, 100.0, -100.0, f32::NAN, 1.0, 1.0, f32::INFINITY];
        let up = [1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 1.0, f32::NAN, 0.0, 1.0];
        silu_mul(processor, &mut gate, &up);
        assert_eq!(gate[..3], [0.0, 0.0, 1e30]);
        assert!(gate[3].abs() < 1e-30 && gate[5].abs() < 1e-30, "{gate:?}");
        assert_eq!(gate[4], 200.0);
        assert!(gate[6].is_nan() && gate[7].is_nan());
        assert_eq!(gate[8..], [0.0, f32::INFINITY]);
    }
}

#[test]
fn the_norm_is_the_definition_for_each_row() {
    let mut random = Random(2);
    for processor in Processor::here() {
        for n in LENGTHS {
            for (scale, eps) in [(1.0, 1e-5), (1e-4, 1e-6), (1e18, 1e-5), (3.0, 0.5)] {
                let (x, weight) = (random.values(3 * n, scale), random.values(n, 2.0));
                let mut found = vec![f32::NAN; 3 * n];
                rms_norm(processor, &x, &weight, eps, &mut found);
                for (x, found) in x.chunks(n).zip(found.chunks(n)) {
                    let mut squares = 0.0;
                    let mut count = 0.0;
                    for &v in x {
                        squares += f64::from(v).powi(2);
                        count += 1.0;
                    }
                    let rms = (squares / count + f64::from(eps)).sqrt();
                    for ((found, &x), &w) in found.iter().zip(x).zip(&weight) {
                        let off = units_off(*found, f64::from(x) / rms * f64::from(w));
                        assert!(off <= 4.0, "{processor:?}: {off} off in a row of {n} at {scale}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_row_with_something_that_is_no_number_has_no_norm() {
    for processor in Processor::here() {
        for place in [0, 7, 8, 32] {
            let (mut x, mut out) = (vec![1.0; 66], vec![0.0; 66]);
            x[place] = f32::NAN;
            rms_norm(processor, &x, &[1.0; 33], 1e-5, &mut out);
            assert!(out[..33].iter().all(|v| v.is_nan()) && out[33..].iter().all(|v| v.is_finite()));
        }
    }
}

#[test]
fn pairs_are_turned_and_the_rest_of_a_head_is_left() {
    let mut random = Random(3);
    for (head_dim, pairs) in [(2, 1), (6, 3), (64, 32), (64, 16), (10, 4)] {
        for pairing in [Pairing::Neighbours, Pairing::Halves] {
            let x = random.values(3 * head_dim, 5.0);
            let angles = random.values(pairs, 3.0);
            let (cos, sin): (Vec<f32>, Vec<f32>) = angles.iter().map(|a| (a.cos(), a.sin())).unzip();
            let mut found = x.clone();
            rotate(&mut found, head_dim, pairing, &cos, &sin);
            for (x, found) in x.chunks(head_dim).zip(found.chunks(head_dim)) {
                let mut truth: Vec<f64> = x.iter().copied().map(f64::from).collect();
                for i in 0..pairs {
                    let (a, b) = if pairing == Pairing::Neighbours { (2 * i, 2 * i + 1) } else { (i, i + pairs) };
                    let (c, s) = (f64::from(cos[i]), f64::from(sin[i]));
                    (truth[a], truth[b]) = (f64::from(x[a]) * c - f64::from(x[b]) * s, f64::from(x[a]) * s + f64::from(x[b]) * c);
                }
                assert!(found.iter().zip(&truth).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-5), "{pairing:?} {head_dim}/{pairs}");
                assert_eq!(found[2 * pairs..], x[2 * pairs..]);
            }
        }
    }
}

// --- several products as one job

#[test]
fn products_that_share_their_activations_are_those_of_each() {
    let mut random = Random(4);
    let values: Vec<Vec<f32>> = [70, 33, 1].into_iter().map(|rows| random.values(rows * 512, 1.0)).collect();
    let types = [DType::Q4_1, DType::Q8_0, DType::Q6K, DType::Q4_0, DType::F16, DType::Q4_1, DType::F32, DType::Q4K];
    for types in types.windows(3) {
        let weights: Vec<Weight> = values.iter().zip(types).map(|(values, dtype)| quantize(values, *dtype)).collect();
        for l in [1, 2, 5] {
            for threads in [1, 3] {
                let (pool, mut scratch) = (Pool::new(threads).unwrap(), Scratch::default());
                let mut x = random.values(l * 512, 1.0);
                let [a, b, c] = &weights[..] else { unreachable!() };
                let mut product = |x: &[f32]| {
                    let mut together = [a, b, c].map(|weight| vec![0.0; l * weight.rows()]);
                    Weight::matmul_all([a, b, c], &pool, &mut scratch, x, together.each_mut().map(|out| &mut out[..]));
                    let alone = [a, b, c].map(|weight| {
                        let mut out = vec![0.0; l * weight.rows()];
                        weight.matmul(&pool, &mut scratch, x, &mut out);
                        out
                    });
                    let bits = |all: &[Vec<f32>; 3]| all.each_ref().map(|out| out.iter().map(|v| v.to_bits()).collect::<Vec<_>>());
                    assert!(x.iter().any(|x| !x.is_finite()) || bits(&together) == bits(&alone), "{types:?}, {l} rows");
                    together
                };
                let sums = product(&x);
                assert!(sums.iter().flatten().all(|v| v.is_finite() && *v != 0.0));
                for damage in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                    x[300] = damage;
                    let sums = product(&x);
                    for (sums, weight) in sums.iter().zip(&weights) {
                        let (first, others) = sums.split_at(weight.rows());
                        assert!(first.iter().all(|v| !v.is_finite()) && others.iter().all(|v| v.is_finite()), "{types:?}, {l} rows");
                    }
                }
            }
        }
    }
}
