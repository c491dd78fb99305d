//! The decoder against implementations that share no code with it: candle-transformers' llama where that is right, and a forward pass in
//! F64 written for the purpose. What is wrong on purpose must be seen.

use candle_core::quantized::gguf_file::Content;
use candle_core::{Device, Tensor};
use candle_transformers::models::quantized_llama::ModelWeights;
use ponder::engine::generate::Generation;
use ponder::engine::sampler::Sampling;
use ponder::engine::session::Input;
use ponder::engine::template::{Message, Role};
use ponder::memory::plan::{Arithmetic, Choice, KvDtype};

use crate::support::gguf_writer::ggml;
use crate::support::loaded::{EXACT, FAST, load, load_bytes, tiny};
use crate::support::oracle::{Definition, Oracle};
use crate::support::tiny_llama::{N_VOCAB, TinyLlama};

/// Peaked logits, grouped heads.
fn peaked() -> TinyLlama {
    TinyLlama { gain: 3.0, ..TinyLlama::default() }
}

/// Rows of 256, as K quants need, and a head of its own.
fn wide(matrices: u32) -> TinyLlama {
    TinyLlama { n_embd: 256, n_ff: 256, n_heads: 8, n_kv_heads: 2, matrices, tied_head: false, ..peaked() }
}

/// Tokens that look like nothing in particular.
pub fn tokens(n: usize) -> Vec<u32> {
    (0..).take(n).map(|i: u32| (7 + 31 * i + i * i % 53) % 256).collect()
}

/// The largest difference, as a share of the largest value.
fn distance(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(0.0_f64, |max, x| max.max(x.abs()));
    found.iter().zip(expected).map(|(&a, b)| (f64::from(a) - b).abs() / scale).fold(0.0, f64::max)
}

#[track_caller]
fn agrees(llama: &TinyLlama, choice: Choice) {
    let tensors = llama.tensors();
    let tokens = tokens(80);
    let expected = Oracle::new(&llama.definition(), &tensors).logits(&tokens);
    let found = load_bytes(&llama.gguf_of(&tensors).bytes(), choice).all(&tokens);
    let distance = distance(&found, &expected);
    assert!(distance < 1e-4, "{distance:e} off");
}

/// Fast arithmetic in which nothing is rounded: F32 weights take F32 activations.
const FAST_F32: Choice = Choice { kv: KvDtype::F32, ..FAST };

fn softmax(row: &[f32]) -> Vec<f64> {
    let highest = row.iter().copied().fold(f32::MIN, f32::max);
    let weights: Vec<f64> = row.iter().map(|x| f64::from(x - highest).exp()).collect();
    let total: f64 = weights.iter().sum();
    weights.iter().map(|w| w / total).collect()
}

#[expect(clippy::cast_precision_loss, reason = "hundreds")]
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The mean over positions of the Kullback-Leibler divergence, nats.
fn divergence(exact: &[f32], other: &[f32]) -> f64 {
    let width = usize::try_from(N_VOCAB).unwrap();
    let rows = exact.chunks(width).zip(other.chunks(width));
    mean(&rows.map(|(p, q)| softmax(p).iter().zip(softmax(q)).map(|(p, q)| p * (p / q).ln()).sum()).collect::<Vec<f64>>())
}

// --- against the forward pass in F64

#[test]
fn logits_are_those_of_the_definition() {
    for choice in [EXACT, FAST_F32] {
        agrees(&peaked(), choice);
        agrees(&TinyLlama { tied_head: false, ..peaked() }, choice);
        agrees(&TinyLlama { n_layers: 5, seed: 2, ..peaked() }, choice);
    }
}

#[test]
fn heads_may_share_keys_in_any_grouping() {
    for choice in [EXACT, FAST_F32] {
        for n_kv_heads in [1, 2, 4] {
            agrees(&TinyLlama { n_kv_heads, ..peaked() }, choice);
        }
    }
}

#[test]
fn heads_may_be_wider_or_narrower_than_their_share_of_the_embedding() {
    for choice in [EXACT, FAST_F32] {
        agrees(&TinyLlama { head_dim: Some(24), ..peaked() }, choice);
        agrees(&TinyLlama { head_dim: Some(6), ..peaked() }, choice);
    }
}

#[test]
fn rotation_takes_its_base_its_stretch_and_its_factors_from_the_file() {
    for choice in [EXACT, FAST_F32] {
        agrees(&TinyLlama { rope_theta: 500_000.0, ..peaked() }, choice);
        agrees(&TinyLlama { rope_linear: Some(4.0), ..peaked() }, choice);
        agrees(&TinyLlama { rope_freqs: true, ..peaked() }, choice);
        agrees(&TinyLlama { rope_freqs: true, rope_linear: Some(2.0), rope_theta: 100_000.0, ..peaked() }, choice);
    }
}

#[test]
fn biases_are_added() {
    for choice in [EXACT, FAST_F32] {
        agrees(&TinyLlama { biases: true, ..peaked() }, choice);
    }
}

#[test]
fn the_epsilon_of_the_norms_is_the_files() {
    for choice in [EXACT, FAST_F32] {
        agrees(&TinyLlama { rms_eps: 0.5, ..peaked() }, choice);
    }
}

#[test]
fn what_is_wrong_on_purpose_is_seen() {
    let llama = TinyLlama { biases: true, rope_freqs: true, rope_linear: Some(2.0), n_kv_heads: 2, ..peaked() };
    let tensors = llama.tensors();
    let tokens = tokens(80);
    let found = load_bytes(&llama.gguf_of(&tensors).bytes(), EXACT).all(&tokens);
    let wrong = |change: &dyn Fn(&mut Definition)| {
        let mut definition = llama.definition();
        change(&mut definition);
        distance(&found, &Oracle::new(&definition, &tensors).logits(&tokens))
    };
    assert!(wrong(&|_| ()) < 1e-4);
    for (what, distance) in [
        ("base", wrong(&|d| d.rotations(|r| r.theta = 10_500.0))),
        ("epsilon", wrong(&|d| d.eps = 1e-3)),
        ("stretch", wrong(&|d| d.rotations(|r| r.linear = 1.0))),
        ("pairs", wrong(&|d| d.halves = true)),
        ("groups", wrong(&|d| d.heads_interleaved = true)),
        ("factors", wrong(&|d| d.rotations(|r| r.factors = None))),
        ("biases", wrong(&|d| d.use_biases = false)),
    ] {
        assert!(distance > 3e-3, "another {what} moves the logits by {distance:e} only");
    }
}

// --- against candle-transformers

/// The logits after each token, by candle-transformers' llama, which rounds nothing where the weights are F32 or F16.
fn by_candle(bytes: &[u8], tokens: &[u32]) -> Vec<f64> {
    let mut file = std::io::Cursor::new(bytes);
    let content = Content::read(&mut file).unwrap();
    let mut model = ModelWeights::from_gguf(content, &mut file, &Device::Cpu).unwrap();
    let mut logits = Vec::new();
    for (position, &token) in tokens.iter().enumerate() {
        let row = model.forward(&Tensor::new(&[[token]], &Device::Cpu).unwrap(), position).unwrap();
        logits.extend(row.flatten_all().unwrap().to_vec1::<f32>().unwrap().into_iter().map(f64::from));
    }
    logits
}

#[test]
fn logits_are_those_of_candle_transformers() {
    let tokens = tokens(40);
    for llama in [peaked(), TinyLlama { tied_head: false, seed: 3, ..peaked() }, wide(ggml::F16)] {
        let bytes = llama.gguf().bytes();
        let distance = distance(&load_bytes(&bytes, EXACT).all(&tokens), &by_candle(&bytes, &tokens));
        assert!(distance < 1e-4, "{distance:e} off");
    }
}

const QUANTIZED: [(u32, &str); 10] = [
    (ggml::Q4_0, "Q4_0"),
    (ggml::Q4_1, "Q4_1"),
    (ggml::Q5_0, "Q5_0"),
    (ggml::Q5_1, "Q5_1"),
    (ggml::Q8_0, "Q8_0"),
    (ggml::Q2_K, "Q2_K"),
    (ggml::Q3_K, "Q3_K"),
    (ggml::Q4_K, "Q4_K"),
    (ggml::Q5_K, "Q5_K"),
    (ggml::Q6_K, "Q6_K"),
];

#[test]
fn exact_arithmetic_on_packed_weights_is_that_on_the_same_weights_unpacked() {
    let tokens = tokens(40);
    for (id, name) in QUANTIZED.into_iter().chain([(ggml::F16, "F16"), (ggml::BF16, "BF16")]) {
        let (packed, unpacked) = (wide(id), wide(ggml::F32));
        let mut tensors = packed.tensors();
        let found = load_bytes(&packed.gguf_of(&tensors).bytes(), EXACT).all(&tokens);
        for tensor in &mut tensors {
            tensor.id = ggml::F32;
            tensor.set(tensor.values.clone());
        }
        let distance = distance(&found, &by_candle(&unpacked.gguf_of(&tensors).bytes(), &tokens));
        assert!(distance < 1e-4, "{name}: {distance:e} off");
    }
}

// --- what rounding costs

#[test]
fn fast_arithmetic_is_near_the_exact_one_for_every_type() {
    let tokens = tokens(100);
    let mut far = Vec::new();
    // Activations of 8 bits in blocks of 32 (measured: 1.4e-3), or of 256 for K quants (2.6e-3); of 11 and 8 bits for F16 (3e-6) and
    // BF16 (1.7e-4). A cache in F16 adds 1e-6, one in Q8_0 7e-4.
    let eight_bits = QUANTIZED.map(|(id, name)| (id, name, if name.ends_with('K') { 5e-3 } else { 3e-3 }));
    for (id, name, most) in eight_bits.into_iter().chain([(ggml::F32, "F32", 1e-10), (ggml::F16, "F16", 1e-5), (ggml::BF16, "BF16", 5e-4)])
    {
        let llama = wide(id);
        let exact = tiny(&llama, EXACT).all(&tokens);
        for kv in KvDtype::ALL {
            let kl = divergence(&exact, &tiny(&llama, Choice { kv, ..FAST }).all(&tokens));
            let most = most
                + match kv {
                    KvDtype::Q8_0 => 1.5e-3,
                    KvDtype::F16 => 5e-6,
                    KvDtype::F32 => 0.0,
                };
            if !(-1e-10..most).contains(&kl) {
                far.push(format!("{name} with a cache in {}: {kl:e}, at most {most:e}", kv.name()));
            }
        }
    }
    assert!(far.is_empty(), "{far:#?}");
}

#[test]
fn the_tiny_models_are_peaked_enough_to_tell_right_from_wrong() {
    let logits = tiny(&wide(ggml::F32), EXACT).all(&tokens(50));
    let width = usize::try_from(N_VOCAB).unwrap();
    let mean = mean(&logits.chunks(width).map(|row| softmax(row).into_iter().fold(0.0, f64::max)).collect::<Vec<f64>>());
    assert!((0.05..0.95).contains(&mean), "the best token has {mean} on average");
}

// --- the real model

#[test]
fn the_starter_model_says_that_the_sky_is_blue() {
    let Some(path) = crate::support::starter() else { return };
    for arithmetic in [Arithmetic::Fast, Arithmetic::Exact] {
        let mut loaded = load(&path, Choice { context: 256, arithmetic, ..FAST });
        let input = Input::Chat { messages: vec![Message::new(Role::User, "What color is the sky?")], fallback_template: false };
        let prompt = loaded.session.prompt(&input, &|| true).unwrap();
        let max_tokens = if arithmetic == Arithmetic::Fast { 24 } else { 14 };
        let settings = Sampling { max_tokens, ..Sampling::greedy() };
        let mut generation = Generation::start(&mut loaded.session, &prompt, &settings, 0).unwrap();
        let mut text = String::new();
        while let Some(progress) = generation.next(&|| true).unwrap() {
            if let ponder::engine::generate::Progress::Text { text: piece, .. } = progress {
                text += &piece;
            }
        }
        assert!(text.contains("beautiful shade of blue"), "{arithmetic:?}: {text}");
    }
}
