//! Two files held against each other: matched by name and meaning, brought into one layout, measured.
#![expect(clippy::float_cmp, reason = "values that are exact")]

use std::path::Path;

use ponder::file::ModelFile;
use ponder::inspect::Model;
use ponder::inspect::diff::{self, Difference, Distance, State};
use ponder::inspect::values::Values as _;

use crate::stats::with_background;
use crate::support::gguf_writer::{GgufBuilder, ggml};
use crate::support::safetensors_writer::floats;

fn open(folder: &Path, name: &str, bytes: &[u8]) -> Model {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    Model::read(ModelFile::open(&path).unwrap())
}

fn compare(a: &Model, b: &Model, name: &str) -> Distance {
    let pair = diff::pairs(a, b).into_iter().find(|pair| pair.name == name).unwrap();
    with_background(2, |background| diff::compare(a, b, &pair, background, &mut |_| ()).unwrap())
}

fn states(a: &Model, b: &Model) -> Vec<(String, State)> {
    diff::pairs(a, b).into_iter().map(|pair| (pair.name.clone(), pair.state(a, b))).collect()
}

#[test]
fn tensors_are_identical_changed_missing_or_reshaped() {
    let folder = tempfile::tempdir().unwrap();
    let a = GgufBuilder::new()
        .f32_tensor("same", &[2], &[1.0, 2.0])
        .f32_tensor("changed", &[4], &[3.0, 4.0, 0.0, 0.0])
        .f32_tensor("reshaped", &[2, 2], &[1.0; 4])
        .f32_tensor("gone", &[1], &[1.0]);
    let b = GgufBuilder::new()
        .f32_tensor("new", &[1], &[1.0])
        .f32_tensor("reshaped", &[4], &[1.0; 4])
        .f32_tensor("changed", &[4], &[3.0, 4.0, 1.0, -3.0])
        .f32_tensor("same", &[2], &[1.0, 2.0]);
    let (a, b) = (open(folder.path(), "a.gguf", &a.bytes()), open(folder.path(), "b.gguf", &b.bytes()));
    let expected = [
        ("same", State::Comparable),
        ("changed", State::Comparable),
        ("reshaped", State::Reshaped),
        ("gone", State::OnlyA),
        ("new", State::OnlyB),
    ];
    assert_eq!(states(&a, &b), expected.map(|(name, state)| (name.to_owned(), state)));
    let same = compare(&a, &b, "same");
    assert!(same.identical && same.is_equal() && same.cosine == 1.0);
    let changed = compare(&a, &b, "changed");
    assert!(!changed.identical && !changed.is_equal());
    assert!((changed.rmse - (10.0_f64 / 4.0).sqrt()).abs() < 1e-12 && changed.max == 3.0);
    assert!((changed.relative_rmse - (10.0_f64 / 25.0).sqrt()).abs() < 1e-12);
    assert!((changed.cosine - 25.0 / (25.0_f64 * 35.0).sqrt()).abs() < 1e-12);
    let reshaped = &diff::pairs(&a, &b)[2];
    assert!(Difference::new(&a, &b, reshaped).is_err());
}

#[test]
fn the_same_values_in_another_type_are_equal_but_not_identical() {
    let folder = tempfile::tempdir().unwrap();
    let a = open(folder.path(), "a.gguf", &GgufBuilder::new().f32_tensor("t", &[2], &[1.0, -0.5]).bytes());
    let halves = [0x00, 0x3c, 0x00, 0xb8];
    let b = open(folder.path(), "b.gguf", &GgufBuilder::new().tensor("t", &[2], ggml::F16, halves).bytes());
    let distance = compare(&a, &b, "t");
    assert!(!distance.identical && distance.is_equal() && distance.rmse == 0.0);
}

/// Heads of 4 rows: a Hugging Face file has both halves of a head one after another, a llama GGUF lets them alternate.
#[test]
fn a_safetensors_file_and_its_gguf_are_the_same_weights() {
    let folder = tempfile::tempdir().unwrap();
    let rows = |order: [u8; 8]| -> Vec<f32> { order.iter().flat_map(|&row| [f32::from(row), 0.5 * f32::from(row)]).collect() };
    let plain: [u8; 8] = std::array::from_fn(|n| u8::try_from(n).unwrap());
    let permuted = [0, 2, 1, 3, 4, 6, 5, 7];
    let safetensors = floats(&[
        ("model.embed_tokens.weight", &[2, 2], &[1.0, 2.0, 3.0, 4.0]),
        ("model.layers.0.self_attn.q_proj.weight", &[8, 2], &rows(plain)),
        ("model.layers.0.self_attn.k_proj.weight", &[4, 2], &rows(plain)[..8]),
        ("model.layers.0.self_attn.q_proj.bias", &[8], &plain.map(f32::from)),
        ("model.layers.0.self_attn.v_proj.weight", &[8, 2], &rows(plain)),
        ("model.layers.0.mlp.c_fc.weight", &[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
        ("model.norm.weight", &[2], &[0.25, 0.5]),
        ("lm_head.weight", &[2, 2], &[0.0; 4]),
    ]);
    let gguf = GgufBuilder::new()
        .kv("general.architecture", "llama")
        .kv("llama.attention.head_count", 2_u32)
        .kv("llama.attention.head_count_kv", 1_u32)
        .f32_tensor("blk.0.attn_q.weight", &[8, 2], &rows(permuted))
        .f32_tensor("blk.0.attn_k.weight", &[4, 2], &rows(permuted)[..8])
        .f32_tensor("blk.0.attn_q.bias", &[8], &permuted.map(f32::from))
        .f32_tensor("blk.0.attn_v.weight", &[8, 2], &rows(plain))
        .f32_tensor("blk.0.ffn_up.weight", &[3, 2], &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0])
        .f32_tensor("output_norm.weight", &[2], &[1.25, 1.5])
        .f32_tensor("token_embd.weight", &[2, 2], &[1.0, 2.0, 3.0, 4.0])
        .f32_tensor("rope_freqs.weight", &[1], &[1.0]);
    let a = open(folder.path(), "a.safetensors", &safetensors);
    let b = open(folder.path(), "b.gguf", &gguf.bytes());
    let found = states(&a, &b);
    assert_eq!(found.iter().filter(|(_, state)| *state == State::Comparable).count(), 7, "{found:?}");
    assert!(
        found.contains(&("lm_head.weight".to_owned(), State::OnlyA)) && found.contains(&("rope_freqs.weight".to_owned(), State::OnlyB))
    );
    for (name, note) in [
        ("token_embd.weight", None),
        ("blk.0.attn_q.weight", Some("rows of each head")),
        ("blk.0.attn_k.weight", Some("rows of each head")),
        ("blk.0.attn_q.bias", Some("rows of each head")),
        ("blk.0.attn_v.weight", None),
        ("blk.0.ffn_up.weight", Some("transposed")),
        ("output_norm.weight", Some("plus one")),
    ] {
        for (one, other) in [(&a, &b), (&b, &a)] {
            let distance = compare(one, other, name);
            assert!(distance.is_equal(), "{name}: {distance:?}");
            assert_eq!(distance.note.map(|text| text.starts_with(note.unwrap_or("?"))), note.map(|_| true), "{name}: {distance:?}");
        }
    }
    let pair = diff::pairs(&a, &b).into_iter().find(|pair| pair.name == "blk.0.attn_q.weight").unwrap();
    let difference = Difference::new(&a, &b, &pair).unwrap();
    let mut out = vec![1.0; 16];
    difference.read(0..8, 0..2, &mut out).unwrap();
    assert_eq!(out, [0.0; 16]);
}

#[test]
fn norms_before_and_after_each_step_keep_their_places() {
    let folder = tempfile::tempdir().unwrap();
    let layer = |name: &str| format!("model.layers.0.{name}.weight");
    let names = ["input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm"].map(layer);
    let tensors: Vec<(&str, &[u64], &[f32])> = names.iter().map(|name| (name.as_str(), &[1_u64][..], &[0.0_f32][..])).collect();
    let a = open(folder.path(), "a.safetensors", &floats(&tensors));
    let mut gguf = GgufBuilder::new();
    let expected = ["attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"].map(|name| format!("blk.0.{name}.weight"));
    for name in &expected {
        gguf = gguf.f32_tensor(name, &[1], &[1.0]);
    }
    let b = open(folder.path(), "b.gguf", &gguf.bytes());
    let pairs = diff::pairs(&a, &b);
    assert_eq!(pairs.iter().map(|pair| (pair.a, pair.b)).collect::<Vec<_>>(), [0, 1, 2, 3].map(|n| (Some(n), Some(n))));
}
