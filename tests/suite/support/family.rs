//! A tiny model of each decoder family with seeded random weights: what its file states, and what it computes, told without looking at
//! Ponder's table of architectures.

use super::gguf_writer::{GgufBuilder, Kv, ggml};
use super::oracle::{Definition, Rotation};
use super::tiny_llama::{N_VOCAB, Random, Stored, stored, tokenizer};

/// Positions that a layer with a window sees.
pub const WINDOW: usize = 20;
/// The context before it was stretched.
pub const ORIGINAL: usize = 64;
const EPS: f32 = 0.1;

/// A model of a family.
#[derive(Debug, Clone)]
pub struct TinyFamily {
    pub architecture: &'static str,
    pub definition: Definition,
    /// What the file states beside its shape, without the architecture's name.
    keys: Vec<(&'static str, Kv)>,
    tied_head: bool,
    /// Vectors beside matrices.
    biases: &'static [&'static str],
    /// Each head by itself, or all together.
    qk_norm: Option<Over>,
    norms: [bool; 2],
    fused: bool,
    factors: &'static [&'static str],
    /// ggml's number of the matrices' type.
    pub matrices: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    Head,
    Width,
}

impl TinyFamily {
    /// A plain decoder of this name with heads of `head_dim`.
    fn new(architecture: &'static str, head_dim: usize, n_layers: usize, rotation: &Rotation) -> Self {
        let definition = Definition { eps: f64::from(EPS), ..Definition::plain([64, 96, 4, 2, head_dim], n_layers, rotation) };
        let key = |name, value: f64| (name, Kv::F32(narrow(value)));
        let mut keys = vec![key("rope.freq_base", rotation.theta)];
        if let Some((factor, original)) = rotation.yarn {
            keys.push(("rope.scaling.type", "yarn".into()));
            keys.push(("rope.scaling.original_context_length", Kv::U32(u32::try_from(integer(original)).unwrap())));
            keys.push(key("rope.scaling.factor", factor));
        } else if (rotation.linear - 1.0).abs() > 0.0 {
            keys.push(("rope.scaling.type", "linear".into()));
            keys.push(key("rope.scaling.factor", rotation.linear));
        }
        Self {
            architecture,
            definition,
            keys,
            tied_head: true,
            biases: &[],
            qk_norm: None,
            norms: [true, false],
            fused: false,
            factors: &[],
            matrices: ggml::F32,
        }
    }

    fn key(mut self, name: &'static str, value: impl Into<Kv>) -> Self {
        self.keys.push((name, value.into()));
        self
    }

    /// Gives the layers a window that `slides` names.
    fn window(mut self, slides: impl Fn(usize) -> bool, local: Option<&Rotation>) -> Self {
        for (_, layer) in self.definition.layers.iter_mut().enumerate().filter(|(i, _)| slides(*i)) {
            layer.window = Some(WINDOW);
            if let Some(local) = local {
                layer.rotation = Some(local.clone());
            }
        }
        self.key("attention.sliding_window", u32::try_from(WINDOW).unwrap())
    }

    /// GELU, scaled embeddings, norms around.
    fn gemma(mut self) -> Self {
        self.definition.gelu = true;
        self.definition.embedding_scale = 8.0;
        self.norms = [true, true];
        self
    }

    /// The file with matrices of another type.
    pub fn of(&self, matrices: u32) -> Self {
        Self { matrices, ..self.clone() }
    }

    /// The file.
    pub fn gguf(&self) -> GgufBuilder {
        self.gguf_of(&self.tensors())
    }

    /// The file with these tensors.
    pub fn gguf_of(&self, tensors: &[Stored]) -> GgufBuilder {
        let full = |key: &str| format!("{}.{key}", self.architecture);
        let d = &self.definition;
        let shape = [
            ("block_count", d.layers.len()),
            ("context_length", 512),
            ("embedding_length", d.n_embd),
            ("feed_forward_length", d.n_ff),
            ("attention.head_count", d.n_heads),
            ("attention.head_count_kv", d.n_kv_heads),
            ("attention.key_length", d.head_dim),
            ("attention.value_length", d.head_dim),
            ("rope.dimension_count", d.rope_dim),
        ];
        let mut builder = GgufBuilder::new()
            .kv("general.architecture", self.architecture)
            .kv("general.name", "Tiny family")
            .kv(&full("attention.layer_norm_rms_epsilon"), EPS);
        for (key, value) in shape {
            builder = builder.kv(&full(key), u32::try_from(value).unwrap());
        }
        for (key, value) in &self.keys {
            builder = builder.kv(&full(key), value.clone());
        }
        builder = tokenizer(builder);
        tensors.iter().fold(builder, |builder, tensor| builder.tensor(&tensor.name, &tensor.shape, tensor.id, tensor.bytes.clone()))
    }

    /// The tensors, in the file's order.
    pub fn tensors(&self) -> Vec<Stored> {
        let d = &self.definition;
        let [width, ff, head] = [d.n_embd, d.n_ff, d.head_dim].map(|n| n as u64);
        let (q, kv) = (head * d.n_heads as u64, head * d.n_kv_heads as u64);
        let mut weights = Weights { random: Random(3), matrices: self.matrices, out: Vec::new() };
        weights.matrix("token_embd", [N_VOCAB, width], 7.0);
        // What a half gives is far larger than an embedding, or a tied head would only see the token itself.
        let given = if d.gelu { 8.0 } else { 1.0 };
        for i in 0..d.layers.len() {
            let name = |part: &str| format!("blk.{i}.{part}");
            let rows = [("attn_q", q), ("attn_k", kv), ("attn_v", kv), ("ffn_gate", ff), ("ffn_up", ff)];
            if self.fused {
                weights.matrix(&name("attn_qkv"), [q + 2 * kv, width], 2.5);
                weights.matrix(&name("ffn_up"), [2 * ff, width], 2.5);
            } else {
                rows.into_iter().for_each(|(part, rows)| weights.matrix(&name(part), [rows, width], 2.5));
            }
            weights.matrix(&name("attn_output"), [width, q], 2.5);
            weights.matrix(&name("ffn_down"), [width, ff], 2.5);
            for (part, there, mean) in [
                ("attn_norm", self.norms[0], 1.0),
                ("ffn_norm", self.norms[0], 1.0),
                ("post_attention_norm", self.norms[1], given),
                ("post_ffw_norm", self.norms[1], given),
            ] {
                if there {
                    weights.vector(&format!("{}.weight", name(part)), width, mean, 0.1 * mean);
                }
            }
            if let Some(over) = self.qk_norm {
                let [q, k] = if over == Over::Head { [head; 2] } else { [q, kv] };
                weights.vector(&name("attn_q_norm.weight"), q, 1.4, 0.3);
                weights.vector(&name("attn_k_norm.weight"), k, 1.4, 0.3);
            }
            for bias in self.biases.iter().filter(|bias| **bias != "output") {
                let len = match *bias {
                    "attn_qkv" => q + 2 * kv,
                    _ => rows.into_iter().find(|(part, _)| part == bias).map_or(width, |(_, rows)| rows),
                };
                weights.vector(&format!("{}.bias", name(bias)), len, 0.0, 0.5);
            }
        }
        weights.vector("output_norm.weight", width, 1.0, 0.1);
        if !self.tied_head {
            weights.matrix("output", [N_VOCAB, width], 7.0);
        }
        if self.biases.contains(&"output") {
            weights.vector("output.bias", N_VOCAB, 0.0, 2.0);
        }
        for factors in self.factors {
            weights.vector(factors, (d.rope_dim / 2) as u64, if factors.contains("long") { 5.0 } else { 2.0 }, 0.9);
        }
        weights.out
    }
}

struct Weights {
    random: Random,
    matrices: u32,
    out: Vec<Stored>,
}

impl Weights {
    #[expect(clippy::cast_precision_loss, reason = "widths are small")]
    fn matrix(&mut self, name: &str, shape: [u64; 2], gain: f32) {
        let scale = gain / (shape[1] as f32).sqrt();
        let values = (0..shape[0] * shape[1]).map(|_| self.random.next() * scale).collect();
        self.out.push(stored(&format!("{name}.weight"), &shape, self.matrices, values));
    }

    fn vector(&mut self, name: &str, len: u64, mean: f32, spread: f32) {
        let values = (0..len).map(|_| mean + spread * self.random.next()).collect();
        self.out.push(stored(name, &[len], ggml::F32, values));
    }
}

fn narrow(x: f64) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "constants of a few digits")]
    let narrow = x as f32;
    narrow
}

fn integer(x: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and above 0")]
    let integer = x as u64;
    integer
}

/// One of each family, and of what families share.
pub fn families() -> Vec<(&'static str, TinyFamily)> {
    let plain = Rotation::default();
    let yarn = Rotation { yarn: Some((4.0, 64.0)), magnitude: 1.0 + 0.1 * 4.0_f64.ln(), ..plain.clone() };
    let original = u32::try_from(ORIGINAL).unwrap();
    let mut all = Vec::new();

    let mut llama = TinyFamily::new("llama", 16, 2, &yarn);
    llama.definition.halves = false;
    llama.biases = &["attn_output", "ffn_gate", "ffn_up", "ffn_down"];
    all.push(("llama, yarn, biases", llama));

    let mut qwen2 = TinyFamily::new("qwen2", 16, 2, &plain);
    qwen2.biases = &["attn_q", "attn_k", "attn_v", "output"];
    qwen2.tied_head = false;
    all.push(("qwen2", qwen2));

    let mut qwen3 = TinyFamily::new("qwen3", 24, 2, &Rotation { theta: 100_000.0, ..plain.clone() });
    qwen3.qk_norm = Some(Over::Head);
    all.push(("qwen3", qwen3));

    let mut gemma2 = TinyFamily::new("gemma2", 24, 4, &plain).gemma().window(|i| i % 2 == 0, None);
    gemma2.definition.attention_cap = Some(4.0);
    gemma2.definition.logit_cap = Some(14.0);
    all.push(("gemma2", gemma2.key("attn_logit_softcapping", 4.0_f32).key("final_logit_softcapping", 14.0_f32)));

    let mut gemma2 = TinyFamily::new("gemma2", 24, 46, &plain).gemma().window(|i| i % 2 == 0, None);
    gemma2.definition.attention_cap = Some(50.0);
    gemma2.definition.logit_cap = Some(30.0);
    gemma2.definition.attention_scale = 0.25;
    all.push(("gemma2 of 46 layers", gemma2));

    let global = Rotation { theta: 1_000_000.0, linear: 8.0, ..plain.clone() };
    let mut gemma3 = TinyFamily::new("gemma3", 24, 7, &global).gemma().window(|i| i % 6 < 5, Some(&plain));
    gemma3.qk_norm = Some(Over::Head);
    all.push(("gemma3", gemma3));

    let local = Rotation { theta: 3_000.0, ..plain.clone() };
    let mut gemma3 = TinyFamily::new("gemma3", 24, 3, &plain).gemma().window(|i| i != 1, Some(&local));
    gemma3.qk_norm = Some(Over::Head);
    gemma3.tied_head = false;
    let pattern = gemma3.key("attention.sliding_window_pattern", vec![true, false, true]).key("rope.freq_base_swa", 3_000.0_f32);
    all.push(("gemma3 with a pattern", pattern));

    for (name, context) in [("phi3, long", ORIGINAL), ("phi3, short", 512)] {
        let factors = if context == ORIGINAL { "rope_factors_long.weight" } else { "rope_factors_short.weight" };
        let mut phi3 = TinyFamily::new("phi3", 24, 2, &Rotation { factors: Some(factors), magnitude: 1.2, ..plain.clone() });
        phi3.definition.rope_dim = 16;
        // Keys and values are no whole number of packs.
        phi3.definition.n_kv_heads = 1;
        phi3.fused = true;
        phi3.biases = &["attn_qkv"];
        phi3.tied_head = context == ORIGINAL;
        phi3.factors = &["rope_factors_long.weight", "rope_factors_short.weight"];
        let phi3 = phi3.key("attention.sliding_window", 20_u32).key("rope.scaling.attn_factor", 1.2_f32);
        all.push((name, phi3.key("rope.scaling.original_context_length", u32::try_from(context).unwrap())));
    }

    let mut smollm3 = TinyFamily::new("smollm3", 16, 5, &plain);
    smollm3.definition.halves = false;
    smollm3.definition.layers[3].rotation = None;
    all.push(("smollm3", smollm3));

    let mut granite = TinyFamily::new("granite", 16, 2, &plain);
    granite.definition.halves = false;
    granite.definition.attention_scale = 0.125;
    granite.definition.embedding_scale = 0.5;
    granite.definition.residual_scale = 1.5;
    granite.definition.logit_scale = 0.8;
    let granite = granite.key("attention.scale", 0.125_f32).key("embedding_scale", 0.5_f32).key("residual_scale", 1.5_f32);
    all.push(("granite", granite.key("logit_scale", 1.25_f32)));

    let mut olmo2 = TinyFamily::new("olmo2", 16, 2, &plain);
    olmo2.norms = [false, true];
    olmo2.qk_norm = Some(Over::Width);
    olmo2.tied_head = false;
    all.push(("olmo2", olmo2));

    let mut olmo3 = TinyFamily::new("olmo2", 16, 5, &yarn).window(|i| i % 4 < 3, Some(&plain));
    olmo3.norms = [false, true];
    olmo3.qk_norm = Some(Over::Width);
    olmo3.tied_head = false;
    all.push(("olmo2 with windows", olmo3));

    for (_, family) in &mut all {
        let known = family.keys.iter().any(|(key, _)| *key == "rope.scaling.original_context_length");
        if !known {
            family.keys.push(("rope.scaling.original_context_length", Kv::U32(original)));
        }
    }
    all
}
