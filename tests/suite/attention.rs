//! Attention on each instruction set that is here, against the definition in F64: groups, stretches, blocks, windows, caps.

use ponder::file::DType;
use ponder::kernels::attention::{self, Heads, Layer, Scoring, attend};
use ponder::kernels::pool::Pool;
use ponder::kernels::processor::Processor;
use ponder::memory::ledger::Ledger;

use crate::kernels::Random;
use crate::quantize::quantize;

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

/// Softmax of the scores of the rows that a query sees, up to its own, times the values.
fn definition(heads: Heads, scoring: Scoring, q: &[f32], layer: &Layer, start: usize) -> Vec<f64> {
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
            let bent = |s: f64| scoring.cap.map(f64::from).map_or(s, |cap| cap * (s / cap).tanh());
            let seen = (start + i + 1).saturating_sub(scoring.window.unwrap_or(usize::MAX))..start + i + 1;
            let scores: Vec<f64> = keys[seen.clone()].iter().map(|key| bent(score(key) * f64::from(scoring.scale))).collect();
            let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let weights: Vec<f64> = scores.iter().map(|score| (score - highest).exp()).collect();
            let total: f64 = weights.iter().sum();
            let value = |d: usize| weights.iter().zip(&values[seen.clone()]).map(|(w, v)| w * v[from + d]).sum::<f64>() / total;
            out.extend((0..head_dim).map(value));
        }
    }
    out
}

fn attended(processor: Processor, threads: usize, heads: Heads, q: &[f32], layer: &Layer, start: usize) -> Vec<f32> {
    scored(processor, threads, heads, Scoring::plain(heads.head_dim), q, layer, start)
}

fn scored(processor: Processor, threads: usize, heads: Heads, scoring: Scoring, q: &[f32], layer: &Layer, start: usize) -> Vec<f32> {
    let mut found = vec![f32::NAN; q.len()];
    attend(&Pool::new(threads).unwrap(), &mut attention::Scratch::on(processor), heads, scoring, q, layer, start, &mut found);
    found
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

fn attention_is_right(new: New, heads: Heads, start: usize, l: usize, scale: f32) {
    scored_attention_is_right(new, heads, Scoring::plain(heads.head_dim), start, l, scale);
}

fn scored_attention_is_right(new: New, heads: Heads, scoring: Scoring, start: usize, l: usize, scale: f32) {
    let mut random = Random(start as u64 + 1000 * l as u64);
    let layer = filled(&mut random, new, heads, start + l, scale);
    let q = random.values(l * heads.n_heads * heads.head_dim, scale);
    let truth = definition(heads, scoring, &q, &layer, start);
    let highest = truth.iter().fold(0.0f64, |highest, x| highest.max(x.abs()));
    for processor in Processor::here() {
        let found = scored(processor, 1, heads, scoring, &q, &layer, start);
        for (found, truth) in found.iter().zip(&truth) {
            let off = (f64::from(*found) - truth).abs() / highest;
            assert!(off < 1e-5, "{processor:?}, {heads:?}, {scoring:?} at {start}, {l} queries: {off:e} off");
        }
        assert!(bits(&found) == bits(&scored(processor, 3, heads, scoring, &q, &layer, start)), "{processor:?} on three threads");
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
fn a_window_ends_where_it_says() {
    let heads = Heads { n_heads: 6, n_kv_heads: 2, head_dim: 20 };
    for window in [1, 2, 15, 16, 17, 63, 64, 65, 100, 256, 300, 512, 10_000] {
        for (start, l) in [(0, 1), (0, 70), (15, 1), (63, 1), (64, 1), (250, 1), (300, 1), (511, 1), (600, 1), (200, 120), (500, 33)] {
            let scoring = Scoring { window: Some(window), ..Scoring::plain(20) };
            scored_attention_is_right(Layer::f16, heads, scoring, start, l, 2.0);
        }
        let scoring = Scoring { scale: 0.4, cap: Some(3.0), window: Some(window) };
        scored_attention_is_right(Layer::q8_0, heads, scoring, 290, 40, 2.0);
        scored_attention_is_right(Layer::f32, heads, scoring, 290, 1, 2.0);
    }
}

#[test]
fn scores_bend_at_their_cap() {
    let heads = Heads { n_heads: 4, n_kv_heads: 2, head_dim: 48 };
    for (scale, cap) in [(0.05, 50.0), (1.0, 5.0), (1.0, 50.0), (3.0, 1.0)] {
        for (start, l) in [(0, 1), (40, 1), (300, 1), (100, 40)] {
            let scoring = Scoring { scale, cap: Some(cap), window: None };
            scored_attention_is_right(Layer::f32, heads, scoring, start, l, 2.0);
        }
    }
}

#[test]
fn what_lies_before_a_window_is_not_looked_at() {
    let heads = Heads { n_heads: 2, n_kv_heads: 1, head_dim: 16 };
    let scoring = Scoring { window: Some(37), ..Scoring::plain(16) };
    for (start, l) in [(100, 1), (100, 30), (600, 1), (590, 40)] {
        let mut random = Random(21);
        let q = random.values(l * 32, 1.0);
        for new in TYPES {
            let mut layer = filled(&mut random, new, heads, start + l, 1.0);
            // The first of the queries sees from here on.
            let first = start + 1 - 37;
            let nothing = vec![f32::NAN; first * 16];
            layer.write(0, &nothing, &nothing);
            for processor in Processor::here() {
                assert!(scored(processor, 2, heads, scoring, &q, &layer, start).iter().all(|v| v.is_finite()), "{processor:?} at {start}");
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
    for (head_dim, window) in [(13, None), (64, None), (64, Some(100)), (13, Some(300)), (16, Some(5))] {
        let heads = Heads { n_heads: 6, n_kv_heads: 2, head_dim };
        let scoring = Scoring { window, cap: window.map(|_| 4.0), ..Scoring::plain(head_dim) };
        for new in TYPES {
            let mut random = Random(12);
            let (start, l) = (470, 70);
            let layer = filled(&mut random, new, heads, start + l, 2.0);
            let width = 6 * head_dim;
            let q = random.values(l * width, 2.0);
            for processor in Processor::here() {
                let together = scored(processor, 2, heads, scoring, &q, &layer, start);
                for i in [0, 1, 41, 42, 43, 69] {
                    let row = i * width..(i + 1) * width;
                    let alone = scored(processor, 2, heads, scoring, &q[row.clone()], &layer, start + i);
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
