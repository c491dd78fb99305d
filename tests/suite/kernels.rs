//! The kernels beside the products, on each instruction set that is here, against the definitions in F64.
#![expect(clippy::float_cmp, reason = "what is exact is compared exactly")]

use ponder::file::DType;
use ponder::kernels::attention::{self, Heads, Layer, attend};
use ponder::kernels::elementwise::{Pairing, rms_norm, rotate, silu_mul};
use ponder::kernels::exp::exp;
use ponder::kernels::matmul::Scratch;
use ponder::kernels::pool::Pool;
use ponder::kernels::processor::Processor;
use ponder::kernels::weight::Weight;
use ponder::memory::ledger::Ledger;

use crate::quantize::quantize;

/// Numbers from −1 to 1 by splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^= x >> 31;
        f32::from(u16::try_from(x >> 48).unwrap()) / 32_768.0 - 1.0 + f32::from(u16::try_from(x & 0xffff).unwrap()) / 2_147_483_648.0
    }

    fn values(&mut self, n: usize, scale: f32) -> Vec<f32> {
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

// --- attention

type New = fn(Heads) -> Layer;

const TYPES: [New; 3] = [Layer::f32, Layer::f16, Layer::q8_0];

/// A layer with `rows` rows. What lies behind the last is no number, so that whoever looks there is seen.
fn filled(random: &mut Random, new: New, heads: Heads, rows: usize, scale: f32) -> Layer {
    let kv_dim = heads.n_kv_heads * heads.head_dim;
    let mut layer = new(heads);
    layer.reserve(rows, &Ledger::default());
    let nothing = vec![f32::NAN; (layer.capacity() - rows) * kv_dim];
    layer.write(rows, &nothing, &nothing);
    let (keys, values) = (random.values(rows * kv_dim, scale), random.values(rows * kv_dim, scale));
    layer.write(0, &keys, &values);
    layer
}

/// The keys and values of one position.
fn row(layer: &Layer, kv_dim: usize, position: usize) -> (Vec<f32>, Vec<f32>) {
    let (mut key, mut value) = (vec![0.0; kv_dim], vec![0.0; kv_dim]);
    layer.read(position, &mut key, &mut value);
    (key, value)
}

/// Softmax of the scores of all rows up to the query's own, times the values.
fn definition(heads: Heads, q: &[f32], layer: &Layer, start: usize) -> Vec<f64> {
    let Heads { n_heads, n_kv_heads, head_dim } = heads;
    let rows = start + q.len() / (n_heads * head_dim);
    let wide = |row: Vec<f32>| -> Vec<f64> { row.into_iter().map(f64::from).collect() };
    let (keys, values): (Vec<_>, Vec<_>) =
        (0..rows).map(|position| row(layer, n_kv_heads * head_dim, position)).map(|(key, value)| (wide(key), wide(value))).unzip();
    let mut out = Vec::new();
    for (i, queries) in q.chunks(n_heads * head_dim).enumerate() {
        for (head, query) in queries.chunks(head_dim).enumerate() {
            let from = head / (n_heads / n_kv_heads) * head_dim;
            let score = |key: &Vec<f64>| -> f64 { key[from..from + head_dim].iter().zip(query).map(|(k, &q)| k * f64::from(q)).sum() };
            let root = f64::from(u32::try_from(head_dim).unwrap()).sqrt();
            let scores: Vec<f64> = keys[..=start + i].iter().map(|key| score(key) / root).collect();
            let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let weights: Vec<f64> = scores.iter().map(|score| (score - highest).exp()).collect();
            let total: f64 = weights.iter().sum();
            let value = |d: usize| weights.iter().zip(&values).map(|(w, v)| w * v[from + d]).sum::<f64>() / total;
            out.extend((0..head_dim).map(value));
        }
    }
    out
}

fn attended(processor: Processor, threads: usize, heads: Heads, q: &[f32], layer: &Layer, start: usize) -> Vec<f32> {
    let mut found = vec![f32::NAN; q.len()];
    attend(&Pool::new(threads).unwrap(), &mut attention::Scratch::on(processor), heads, q, layer, start, &mut found);
    found
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

fn attention_is_right(new: New, heads: Heads, start: usize, l: usize, scale: f32) {
    let mut random = Random(start as u64 + 1000 * l as u64);
    let layer = filled(&mut random, new, heads, start + l, scale);
    let q = random.values(l * heads.n_heads * heads.head_dim, scale);
    let truth = definition(heads, &q, &layer, start);
    let highest = truth.iter().fold(0.0f64, |highest, x| highest.max(x.abs()));
    for processor in Processor::here() {
        let found = attended(processor, 1, heads, &q, &layer, start);
        for (found, truth) in found.iter().zip(&truth) {
            let off = (f64::from(*found) - truth).abs() / highest;
            assert!(off < 1e-5, "{processor:?}, {heads:?} at {start}, {l} queries: {off:e} off");
        }
        assert!(bits(&found) == bits(&attended(processor, 3, heads, &q, &layer, start)), "{processor:?} on three threads");
    }
}

#[test]
fn attention_is_the_definition() {
    let heads = |n_heads, n_kv_heads, head_dim| Heads { n_heads, n_kv_heads, head_dim };
    for heads in [
        heads(9, 3, 64),
        heads(4, 4, 8),
        heads(4, 1, 80),
        heads(2, 1, 13),
        heads(3, 1, 1),
        heads(8, 2, 128),
        heads(16, 2, 16),
        heads(7, 1, 33),
        heads(10, 2, 48),
    ] {
        for (start, l) in
            [(0, 1), (1, 1), (14, 1), (15, 1), (16, 1), (63, 1), (64, 1), (200, 1), (0, 2), (0, 9), (60, 17), (130, 8), (3, 66)]
        {
            for new in TYPES {
                attention_is_right(new, heads, start, l, 2.0);
            }
        }
    }
}

#[test]
fn attention_over_several_stretches_and_blocks_is_the_definition() {
    let heads = Heads { n_heads: 4, n_kv_heads: 2, head_dim: 16 };
    for start in [127, 128, 255, 256, 511, 512, 1023, 1024, 1700, 4200] {
        for scale in [0.1, 2.0, 30.0] {
            attention_is_right(Layer::f16, heads, start, 1, scale);
        }
        attention_is_right(Layer::q8_0, heads, start, 1, 2.0);
        attention_is_right(Layer::f32, heads, start, 3, 2.0);
    }
    // Both a block's end and a tile's lie within the queries.
    attention_is_right(Layer::q8_0, heads, 250, 100, 2.0);
}

#[test]
fn a_query_gets_the_same_bits_in_a_prompt_as_by_itself() {
    for head_dim in [13, 64] {
        let heads = Heads { n_heads: 6, n_kv_heads: 2, head_dim };
        for new in TYPES {
            let mut random = Random(12);
            let (start, l) = (470, 70);
            let layer = filled(&mut random, new, heads, start + l, 2.0);
            let width = 6 * head_dim;
            let q = random.values(l * width, 2.0);
            for processor in Processor::here() {
                let together = attended(processor, 2, heads, &q, &layer, start);
                for i in [0, 1, 41, 42, 43, 69] {
                    let row = i * width..(i + 1) * width;
                    let alone = attended(processor, 2, heads, &q[row.clone()], &layer, start + i);
                    assert!(bits(&alone) == bits(&together[row]), "{processor:?}, heads of {head_dim}, query {i}");
                }
            }
        }
    }
}

#[test]
fn attention_of_what_is_no_number_is_none() {
    let heads = Heads { n_heads: 2, n_kv_heads: 1, head_dim: 16 };
    for (start, l) in [(600, 1), (100, 3), (0, 40)] {
        let mut random = Random(9);
        let mut q = random.values(l * 32, 1.0);
        for new in TYPES {
            let mut layer = filled(&mut random, new, heads, start + l, 1.0);
            for processor in Processor::here() {
                q[5] = f32::NAN;
                let found = attended(processor, 2, heads, &q, &layer, start);
                assert!(found[..16].iter().all(|v| v.is_nan()), "a query");
                assert!(found[16..].iter().all(|v| v.is_finite()), "another one's");
                q[5] = 0.0;
            }
            // What a later position has, an earlier one does not see.
            let last = start + l - 1;
            for (position, seen_by) in [(0, 0), (last, l - 1)] {
                let (key, value) = row(&layer, 16, position);
                for place in [0, 15] {
                    for damage in [f32::NAN, f32::INFINITY] {
                        let (mut no_key, mut no_value) = (key.clone(), value.clone());
                        no_value[place] = damage;
                        layer.write(position, &key, &no_value);
                        for processor in Processor::here() {
                            let found = attended(processor, 2, heads, &q, &layer, start);
                            assert!(found[..seen_by * 32].iter().all(|v| v.is_finite()), "before a value, {processor:?}");
                            let damaged = |row: &[f32]| !row[place].is_finite();
                            assert!(found[seen_by * 32..].chunks(16).all(damaged), "a value, {processor:?}");
                        }
                        no_key[place] = f32::NAN;
                        layer.write(position, &no_key, &value);
                        for processor in Processor::here() {
                            let found = attended(processor, 2, heads, &q, &layer, start);
                            assert!(found[..seen_by * 32].iter().all(|v| v.is_finite()), "before a key, {processor:?}");
                            assert!(found[seen_by * 32..].iter().all(|v| v.is_nan()), "a key, {processor:?}");
                        }
                        layer.write(position, &key, &value);
                    }
                }
            }
        }
    }
}

#[test]
fn a_layer_gives_back_what_was_written_to_it() {
    let mut random = Random(11);
    for head_dim in [1, 13, 16, 32, 40, 64] {
        let heads = Heads { n_heads: 6, n_kv_heads: 3, head_dim };
        let kv_dim = 3 * head_dim;
        for (new, dtype) in TYPES.into_iter().zip([DType::F32, DType::F16, DType::Q8_0]) {
            let mut layer = new(heads);
            layer.reserve(300, &Ledger::default());
            assert_eq!(layer.capacity(), 512);
            let (keys, values) = (random.values(40 * kv_dim, 3.0), random.values(40 * kv_dim, 1e-3));
            // Rows that lie there already leave no trace.
            layer.write(250, &random.values(40 * kv_dim, 9.0), &random.values(40 * kv_dim, 9.0));
            layer.write(250, &keys, &values);
            for i in 0..40 {
                let (key, value) = row(&layer, kv_dim, 250 + i);
                for (written, found) in [(&keys, key), (&values, value)] {
                    for (written, found) in written[i * kv_dim..(i + 1) * kv_dim].chunks(head_dim).zip(found.chunks(head_dim)) {
                        let mut padded = written.to_vec();
                        padded.resize(512, 0.0);
                        let mut truth = vec![0.0; 512];
                        quantize(&padded, dtype).dequantize(0, &mut truth);
                        assert_eq!(bits(found), bits(&truth[..head_dim]), "{dtype:?} of {head_dim}");
                    }
                }
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
