//! Each decoder family against its definition in F64, in both arithmetics; what is wrong on purpose must be seen.
#![expect(clippy::float_cmp, reason = "one is what leaves a value as it is")]

use ponder::engine::sampler::Sampling;
use ponder::engine::session::Input;
use ponder::inspect::Model;
use ponder::inspect::spec::runnable_architectures;
use ponder::kernels::level::Level;
use ponder::memory::plan::{Choice, KvDtype, kv_bytes};

use crate::engine::tokens;
use crate::engine_cache::answer;
use crate::support::family::{ORIGINAL, TinyFamily, WINDOW, families};
use crate::support::gguf_writer::{GgufBuilder, Kv, ggml};
use crate::support::loaded::{EXACT, FAST, load_bytes, open};
use crate::support::oracle::{Definition, Oracle};
use crate::support::tiny_llama::{N_VOCAB, Stored};

/// Past windows and original contexts, past a block of the cache where that is tested.
const POSITIONS: usize = 150;

/// Fast arithmetic in which nothing is rounded: F32 weights take F32 activations.
const FAST_F32: Choice = Choice { kv: KvDtype::F32, ..FAST };

fn log_softmax(row: impl Iterator<Item = f64> + Clone) -> Vec<f64> {
    let highest = row.clone().fold(f64::MIN, f64::max);
    let total: f64 = row.clone().map(|x| (x - highest).exp()).sum();
    row.map(|x| x - highest - total.ln()).collect()
}

#[expect(clippy::cast_precision_loss, reason = "hundreds")]
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The mean over positions of the Kullback-Leibler divergence, nats.
fn divergence(truth: &[f64], found: &[f64]) -> f64 {
    assert_eq!(truth.len(), found.len());
    let width = usize::try_from(N_VOCAB).unwrap();
    let of = |(p, q): (&[f64], &[f64])| -> f64 {
        let (p, q) = (log_softmax(p.iter().copied()), log_softmax(q.iter().copied()));
        p.iter().zip(q).map(|(p, q)| p.exp() * (p - q)).sum()
    };
    mean(&truth.chunks(width).zip(found.chunks(width)).map(of).collect::<Vec<f64>>())
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&x| f64::from(x)).collect()
}

/// The largest difference, as a share of the largest value.
fn distance(truth: &[f64], found: &[f64]) -> f64 {
    let scale = truth.iter().fold(0.0_f64, |max, x| max.max(x.abs()));
    truth.iter().zip(found).map(|(a, b)| (a - b).abs() / scale).fold(0.0, f64::max)
}

fn truth(definition: &Definition, tensors: &[Stored]) -> Vec<f64> {
    Oracle::new(definition, tensors).logits(&tokens(POSITIONS))
}

fn found(family: &TinyFamily, tensors: &[Stored], choice: Choice) -> Vec<f64> {
    wide(&load_bytes(&family.gguf_of(tensors).bytes(), choice).all(&tokens(POSITIONS)))
}

#[test]
fn every_architecture_that_runs_has_a_tiny_model() {
    let tested: Vec<&str> = families().iter().map(|(_, family)| family.architecture).collect();
    assert!(runnable_architectures().iter().all(|name| tested.contains(name)), "{tested:?}");
}

#[test]
fn logits_are_those_of_the_definition() {
    let mut far = Vec::new();
    for (name, family) in families() {
        let tensors = family.tensors();
        let truth = truth(&family.definition, &tensors);
        for choice in [EXACT, FAST_F32] {
            let found = found(&family, &tensors, choice);
            let (distance, divergence) = (distance(&truth, &found), divergence(&truth, &found));
            // Each layer adds to what was rounded before it.
            let most = if family.definition.layers.len() > 10 { 2e-4 } else { 1e-5 };
            if distance > most || divergence > 1e-8 {
                far.push(format!("{name}, {:?}: {distance:e} off, {divergence:e} nats", choice.arithmetic));
            }
        }
    }
    assert!(far.is_empty(), "{far:#?}");
}

#[test]
fn weights_of_16_bits_and_quantized_ones_are_what_they_stand_for() {
    for (name, family) in families() {
        for matrices in [ggml::F16, ggml::Q8_0] {
            let family = family.of(matrices);
            let tensors = family.tensors();
            let truth = truth(&family.definition, &tensors);
            let exact = divergence(&truth, &found(&family, &tensors, EXACT));
            let fast = divergence(&truth, &found(&family, &tensors, FAST));
            assert!(exact < 1e-8, "{name}: {exact:e} nats");
            // Activations of 8 bits; through 46 layers that is more.
            let most = if family.definition.layers.len() > 10 { 1.0 } else { 0.02 };
            assert!(fast < if matrices == ggml::F16 { most / 100.0 } else { most }, "{name} among {matrices}: {fast:e} nats");
        }
    }
}

#[test]
fn the_tiny_models_are_peaked_enough_to_tell_right_from_wrong() {
    let width = usize::try_from(N_VOCAB).unwrap();
    for (name, family) in families() {
        let logits = truth(&family.definition, &family.tensors());
        let entropy = |row: &[f64]| -> f64 { log_softmax(row.iter().copied()).iter().map(|p| -p.exp() * p).sum() };
        let entropy = mean(&logits.chunks(width).map(entropy).collect::<Vec<f64>>());
        assert!((0.02..(256.0_f64.ln() / 2.0)).contains(&entropy), "{name}: {entropy} nats");
    }
}

/// A mistake, where a family can make it.
type Mistake = (&'static str, fn(&mut Definition) -> bool);

const MISTAKES: [Mistake; 19] = [
    ("another base", |d| change_rotations(d, |r| r.theta *= 1.2)),
    ("another epsilon", |d| {
        d.eps = 1e-6;
        true
    }),
    ("no norm of queries and keys", |d| std::mem::replace(&mut d.use_qk_norm, false)),
    ("no norm after a half", |d| std::mem::replace(&mut d.use_post_norms, false)),
    ("no biases", |d| std::mem::replace(&mut d.use_biases, false)),
    ("a window too short by one", |d| change_windows(d, |window| window - 1)),
    ("a window too long by one", |d| change_windows(d, |window| window + 1)),
    ("another activation", |d| {
        d.gelu = !d.gelu;
        true
    }),
    ("other pairs", |d| {
        d.halves = !d.halves;
        true
    }),
    ("one layer rotated that is not, or the other way round", |d| {
        let other = d.layers.iter().find_map(|layer| layer.rotation.clone());
        if let Some(layer) = d.layers.iter_mut().find(|layer| layer.rotation.is_none()) {
            layer.rotation = other;
        } else {
            d.layers[0].rotation = None;
        }
        true
    }),
    ("no stretch", |d| change_rotations(d, |r| (r.linear, r.yarn) = (1.0, None))),
    ("no factors", |d| change_rotations(d, |r| r.factors = None)),
    ("no magnitude", |d| change_rotations(d, |r| r.magnitude = 1.0)),
    ("embeddings as they are", |d| std::mem::replace(&mut d.embedding_scale, 1.0) != 1.0),
    ("another scale of scores", |d| {
        d.attention_scale *= 1.3;
        true
    }),
    ("no cap of scores", |d| d.attention_cap.take().is_some_and(|cap| cap < 10.0)),
    ("no cap of logits", |d| d.logit_cap.take().is_some_and(|cap| cap < 20.0)),
    ("residuals as they are", |d| std::mem::replace(&mut d.residual_scale, 1.0) != 1.0),
    ("logits as they are", |d| std::mem::replace(&mut d.logit_scale, 1.0) != 1.0),
];

fn change_rotations(d: &mut Definition, change: impl Fn(&mut crate::support::oracle::Rotation)) -> bool {
    let before = d.layers.clone();
    d.rotations(change);
    d.layers != before
}

fn change_windows(d: &mut Definition, change: impl Fn(usize) -> usize) -> bool {
    let before = d.layers.clone();
    d.layers.iter_mut().filter_map(|layer| layer.window.as_mut()).for_each(|window| *window = change(*window));
    d.layers != before
}

#[test]
fn what_is_wrong_on_purpose_is_seen() {
    let mut unseen = Vec::new();
    for (name, family) in families() {
        let tensors = family.tensors();
        let found = found(&family, &tensors, EXACT);
        for (what, mistake) in MISTAKES {
            let mut wrong = family.definition.clone();
            if mistake(&mut wrong) && oracle_differs(&family, &tensors, what) {
                let moved = divergence(&truth(&wrong, &tensors), &found);
                if moved < 1e-3 {
                    unseen.push(format!("{name}, {what}: {moved:e} nats"));
                }
            }
        }
    }
    assert!(unseen.is_empty(), "{unseen:#?}");
}

/// Whether the model has what a mistake leaves out.
fn oracle_differs(family: &TinyFamily, tensors: &[Stored], what: &str) -> bool {
    let has = |part: &str| tensors.iter().any(|tensor| tensor.name.contains(part));
    match what {
        "no norm of queries and keys" => has("attn_q_norm"),
        "no norm after a half" => has("post_ffw_norm"),
        "no biases" => has(".bias"),
        _ => !family.architecture.is_empty(),
    }
}

// --- the cache, the plan, the threads

#[test]
fn chunks_and_single_tokens_give_the_same_logits() {
    let tokens = tokens(300);
    for (name, family) in families() {
        let bytes = family.of(ggml::Q8_0).gguf().bytes();
        for choice in [FAST, Choice { kv: KvDtype::Q8_0, ..FAST }, EXACT] {
            let chunked = load_bytes(&bytes, choice).all(&tokens);
            let mut stepped = load_bytes(&bytes, choice);
            let single = stepped.one_by_one(&tokens);
            let worst = chunked.iter().zip(&single).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 2e-3, "{name}, {:?}: {worst:e} apart", choice.arithmetic);
            // Cut back to within the window and read again.
            let width = stepped.session.runner().n_vocab();
            stepped.session.runner_mut().truncate(290);
            let again = stepped.all(&tokens[290..]);
            let worst = again.iter().zip(&single[290 * width..]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 2e-3, "{name}, {:?}, again: {worst:e} apart", choice.arithmetic);
        }
    }
}

#[test]
fn what_is_planned_is_charged_to_the_byte() {
    for (name, family) in families() {
        for matrices in [ggml::F16, ggml::Q8_0] {
            for recode in [None, Some(Level::Q4K), Some(Level::Q8_0)] {
                let mut loaded = load_bytes(&family.of(matrices).gguf().bytes(), Choice { recode, ..FAST });
                assert_eq!(loaded.session.charged().weights, loaded.plan.parts.weights, "{name}");
                loaded.all(&[5; 40]);
                let spec = loaded.model.spec.as_ref().unwrap();
                assert_eq!(loaded.session.charged().kv_cache, Some(kv_bytes(spec, KvDtype::F16, 40)), "{name}");
            }
        }
    }
}

#[test]
fn a_token_reads_no_more_of_the_cache_than_windows_reach() {
    let (_, gemma) = families().into_iter().find(|(name, _)| *name == "gemma3").unwrap();
    let loaded = load_bytes(&gemma.gguf().bytes(), FAST);
    let read = |depth: usize| (loaded.session.bytes_per_token(depth) - loaded.session.bytes_per_token(0)).0;
    assert_eq!(read(WINDOW), 7 * read(1) / 7 * WINDOW as u64);
    assert_eq!(read(10 * WINDOW), (6 * WINDOW as u64 + 10 * WINDOW as u64) * read(1) / 7);
}

// --- what files may state

fn model_of(builder: &GgufBuilder) -> Model {
    let (_folder, path) = crate::support::file("tiny.gguf", &builder.bytes());
    open(&path)
}

fn family(name: &str) -> TinyFamily {
    families().into_iter().find(|(found, _)| *found == name).unwrap().1
}

#[track_caller]
fn cannot_run(builder: &GgufBuilder, expected: &[&str]) {
    let text = model_of(builder).spec.unwrap_err().to_string();
    assert!(expected.iter().all(|part| text.contains(part)), "{text}");
}

#[test]
fn what_a_family_needs_and_a_file_lacks_is_named() {
    for (name, tensor) in [
        ("qwen3", "blk.1.attn_q_norm.weight"),
        ("gemma3", "blk.0.post_ffw_norm.weight"),
        ("olmo2", "blk.1.post_attention_norm.weight"),
        ("phi3, long", "blk.1.attn_qkv.weight"),
        ("phi3, long", "rope_factors_short.weight"),
    ] {
        let text = model_of(&family(name).gguf().without_tensor(tensor)).spec.unwrap_err().to_string();
        let part = tensor.replace("attn_qkv", "attn_q");
        assert!(text.contains(tensor) || text.contains(&part), "{name}: {text}");
    }
    cannot_run(&family("granite").gguf().without("granite.logit_scale"), &["key `granite.logit_scale`", "no such key"]);
}

#[test]
fn keys_that_contradict_the_tensors_are_named() {
    cannot_run(&family("phi3, long").gguf().set("phi3.feed_forward_length", 95_u32), &["tensor `blk.0.ffn_up.weight`", "[190, 64]"]);
    cannot_run(&family("phi3, long").gguf().set("phi3.rope.dimension_count", 26_u32), &["key `phi3.rope.dimension_count`", "up to 24"]);
    cannot_run(&family("qwen3").gguf().set("qwen3.rope.dimension_count", 16_u32), &["key `qwen3.rope.dimension_count`", "24"]);
    cannot_run(&family("qwen3").gguf().set("qwen3.attention.key_length", 16_u32), &["qwen3.attention.value_length"]);
    let pattern = |pattern: Vec<bool>| family("gemma3").gguf().kv("gemma3.attention.sliding_window_pattern", pattern);
    cannot_run(&pattern(vec![true; 6]), &["key `gemma3.attention.sliding_window_pattern`", "7 truth values", "array of 6 bool"]);
    let strings = family("gemma3").gguf().kv("gemma3.attention.sliding_window_pattern", vec!["a"; 7]);
    cannot_run(&strings, &["key `gemma3.attention.sliding_window_pattern`"]);
    let cap = family("gemma2").gguf().set("gemma2.attn_logit_softcapping", -1.0_f32);
    cannot_run(&cap, &["key `gemma2.attn_logit_softcapping`", "above 0"]);
    // A tensor of another family.
    cannot_run(&family("qwen2").gguf().f32_tensor("blk.0.attn_q_norm.weight", &[16], &[1.0; 16]), &["attn_q_norm", "no use for it"]);
}

#[test]
fn windows_and_layers_are_what_the_file_says() {
    let spec = |builder: &GgufBuilder| model_of(builder).spec.unwrap();
    let windows = |builder: &GgufBuilder| spec(builder).layers.iter().map(|layer| layer.window.is_some()).collect::<Vec<bool>>();
    let gemma = || family("gemma3").gguf();
    assert_eq!(windows(&gemma()), [true, true, true, true, true, false, true]);
    let by_three = gemma().kv("gemma3.attention.sliding_window_pattern", 3_u32);
    assert_eq!(windows(&by_three), [true, true, false, true, true, false, true]);
    assert_eq!(windows(&gemma().without("gemma3.attention.sliding_window")), [false; 7]);
    let integers = Kv::Array(5, (0..7).map(|i| Kv::I32(i32::from(i == 2))).collect());
    assert!(windows(&gemma().kv("gemma3.attention.sliding_window_pattern", integers))[2]);
    assert!(spec(&family("gemma2").gguf().without("gemma2.attention.sliding_window")).layers[0].window == Some(4096));
    let caps = spec(&family("gemma2 of 46 layers").gguf());
    assert_eq!((caps.attention_cap, caps.logit_cap, caps.attention_scale), (Some(50.0), Some(30.0), 0.25));
    let phi = model_of(&family("phi3, long").gguf());
    assert!(phi.warnings.iter().any(|text| text.contains("window of 20 positions")), "{:?}", phi.warnings);
    assert!(phi.spec.unwrap().layers.iter().all(|layer| layer.window.is_none()));
    let still = spec(&family("granite").gguf().kv("granite.rope.scaling.finetuned", false));
    assert!(still.layers.iter().all(|layer| !layer.rotates));
    assert!(ORIGINAL < POSITIONS && WINDOW < POSITIONS);
}

#[test]
fn what_is_not_computed_yet_is_said_by_architecture() {
    for (name, expected) in [
        ("qwen3moe", "a mixture of experts"),
        ("mamba", "layers with a recurrent state"),
        ("bert", "an encoder"),
        ("gemma3n", "parts beside the decoder"),
    ] {
        cannot_run(&family("qwen2").gguf().set("general.architecture", name), &[name, expected]);
    }
    cannot_run(&family("granite").gguf().kv("granite.expert_count", 8_u32), &["mixture of experts"]);
}

// --- heads and vocabularies

#[test]
fn a_head_may_have_more_or_fewer_rows_than_the_embedding() {
    let family = family("qwen3");
    for rows in [N_VOCAB - 20, N_VOCAB + 13] {
        let tensors = family.tensors();
        let values: Vec<f32> = (0..u16::try_from(rows * 64).unwrap()).map(|i| (f32::from(i) * 0.37).sin()).collect();
        let model = family.gguf_of(&tensors).f32_tensor("output.weight", &[rows, 64], &values);
        let warnings = model_of(&model).warnings;
        assert!(warnings.iter().any(|text| text == &format!("the head has {rows} tokens, the embedding {N_VOCAB}")), "{warnings:?}");
        for choice in [FAST, EXACT] {
            let mut loaded = load_bytes(&model.bytes(), choice);
            assert_eq!(loaded.all(&[1, 2, 258]).len() as u64, 3 * rows);
        }
    }
}

#[test]
fn what_only_fills_a_head_up_is_never_drawn() {
    let family = family("qwen3");
    let tensors = family.tensors();
    let embedding = tensors.iter().find(|tensor| tensor.name == "token_embd.weight").unwrap();
    // One of the last two is the best of all, whatever the sign.
    let mut values = embedding.values.clone();
    for sign in [30.0, -30.0] {
        values.extend(embedding.values[..64].iter().map(|x| sign * x));
    }
    let model = family.gguf_of(&tensors).f32_tensor("output.weight", &[N_VOCAB + 2, 64], &values);
    let mut loaded = load_bytes(&model.bytes(), FAST);
    let prompt = loaded.session.prompt(&Input::Completion("abc".to_owned()), &|| true).unwrap();
    let (_, drawn, _) = answer(&mut loaded.session, &prompt, &Sampling { max_tokens: 5, ..Sampling::greedy() }, 0);
    assert!(!drawn.is_empty() && drawn.iter().all(|&token| u64::from(token) < N_VOCAB), "{drawn:?}");
}
