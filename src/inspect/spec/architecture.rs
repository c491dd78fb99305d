//! The table of decoder families: what is known of an architecture beyond its files. A row is facts; the forward pass is one for all.
//!
//! The facts are those of llama.cpp's converters and graphs, which write and read these files, so that both give the same answers.

use super::RopeStyle;
use crate::kernels::elementwise::Activation;

/// A family of decoders. What a file may state is stated by the file; here is what it takes for granted.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct Architecture {
    /// The name in `general.architecture`.
    pub name: &'static str,
    /// Which dimensions of a head are rotated together in GGUF files; in Hugging Face's it is always the halves.
    pub rope_style: RopeStyle,
    /// Fewer dimensions than a head has may be rotated.
    pub partial_rotary: bool,
    /// The frequencies may have divisors in `rope_freqs`, or in `rope_factors_short` and `rope_factors_long`.
    pub rope_factors: bool,
    /// Every so many layers one rotates nothing.
    pub no_rope_every: Option<usize>,
    /// The activation of the gate.
    pub activation: Activation,
    /// Gate and up are one tensor, `ffn_up`.
    pub fused_gate_up: bool,
    /// Where the norms of a layer stand.
    pub norms: Norms,
    /// What a norm of queries and keys goes over.
    pub qk_norm: QkNorm,
    /// Projections after attention and in the feed-forward network may have biases, not only queries, keys and values.
    pub biases: bool,
    /// The head may have a bias.
    pub head_bias: bool,
    /// Hugging Face's files keep norms less one.
    pub norms_less_one: bool,
    /// What embeddings are multiplied by is the root of their width.
    pub embedding_by_root: bool,
    /// The file may state what embeddings, scores, residuals and logits are multiplied by, and whether there is a rotation at all.
    pub scales: bool,
    /// In a model of so many layers, scores are divided by the root of `n_embd / n_heads` in place of the root of the head's width.
    pub root_of_share_at: Option<usize>,
    /// Where scores bend, if the file says nothing else; the file may say so only where this is given.
    pub attention_cap: Option<f32>,
    /// The same of the logits.
    pub logit_cap: Cap,
    /// Layers that see only so many positions back.
    pub sliding: Option<Sliding>,
    /// Files state a window that nobody uses.
    pub idle_window: bool,
}

/// Where the norms of a layer stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Norms {
    /// Before each half.
    Before,
    /// After each half, before it is added.
    After,
    /// Both.
    Around,
}

/// What a norm of queries and keys goes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QkNorm {
    /// There is none.
    None,
    /// Each head by itself.
    Head,
    /// All heads together.
    Width,
}

/// Where values bend.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Cap {
    /// Nowhere.
    Never,
    /// Where the file says so.
    Stated,
    /// The same, and here if it does not.
    At(f32),
}

/// How layers with a window are told from those without.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sliding {
    /// Positions of the window if the file says nothing; without, there is then none.
    pub window: Option<usize>,
    /// Of so many layers the last one sees everything, if the file has no pattern.
    pub period: usize,
    /// How layers with a window rotate.
    pub rope: LocalRope,
}

/// How layers with a window rotate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum LocalRope {
    /// As the others, unless the file states another base.
    Same,
    /// With this base unless the file states another, and never stretched.
    Base(f64),
    /// With the others' base, and never stretched.
    Unstretched,
}

/// What most have in common.
const LLAMA: Architecture = Architecture {
    name: "llama",
    rope_style: RopeStyle::Interleaved,
    partial_rotary: false,
    rope_factors: true,
    no_rope_every: None,
    activation: Activation::Silu,
    fused_gate_up: false,
    norms: Norms::Before,
    qk_norm: QkNorm::None,
    biases: true,
    head_bias: false,
    norms_less_one: false,
    embedding_by_root: false,
    scales: false,
    root_of_share_at: None,
    attention_cap: None,
    logit_cap: Cap::Never,
    sliding: None,
    idle_window: false,
};

/// The same without what only Llama's files have.
const PLAIN: Architecture = Architecture { rope_style: RopeStyle::Halves, rope_factors: false, biases: false, ..LLAMA };

const GEMMA: Architecture = Architecture {
    partial_rotary: true,
    activation: Activation::GeluTanh,
    norms: Norms::Around,
    norms_less_one: true,
    embedding_by_root: true,
    ..PLAIN
};

/// The families that Ponder runs.
pub(crate) const ARCHITECTURES: [Architecture; 9] = [
    LLAMA,
    Architecture { name: "qwen2", head_bias: true, ..PLAIN },
    Architecture { name: "qwen3", qk_norm: QkNorm::Head, ..PLAIN },
    Architecture {
        name: "gemma2",
        root_of_share_at: Some(46),
        attention_cap: Some(50.0),
        logit_cap: Cap::At(30.0),
        sliding: Some(Sliding { window: Some(4096), period: 2, rope: LocalRope::Same }),
        ..GEMMA
    },
    Architecture {
        name: "gemma3",
        qk_norm: QkNorm::Head,
        root_of_share_at: Some(62),
        logit_cap: Cap::Stated,
        sliding: Some(Sliding { window: None, period: 6, rope: LocalRope::Base(10_000.0) }),
        ..GEMMA
    },
    // The window: https://github.com/ggml-org/llama.cpp/pull/13676
    Architecture { name: "phi3", partial_rotary: true, rope_factors: true, fused_gate_up: true, idle_window: true, ..PLAIN },
    Architecture { name: "smollm3", rope_style: RopeStyle::Interleaved, no_rope_every: Some(4), ..PLAIN },
    Architecture { name: "granite", scales: true, ..LLAMA },
    Architecture {
        name: "olmo2",
        norms: Norms::After,
        qk_norm: QkNorm::Width,
        sliding: Some(Sliding { window: None, period: 4, rope: LocalRope::Unstretched }),
        ..PLAIN
    },
];

/// The family of this name.
pub(crate) fn find(name: &str) -> Option<&'static Architecture> {
    ARCHITECTURES.iter().find(|architecture| architecture.name == name)
}

/// What keeps an architecture that people know from running: what its files need and Ponder does not compute yet.
pub(crate) fn lacking(name: &str) -> Option<&'static str> {
    const EXPERTS: &str = "a mixture of experts, which Ponder does not compute yet";
    const STATE: &str = "layers with a recurrent state, which Ponder does not compute yet";
    const ENCODER: &str = "an encoder: it gives no next token, and embedding texts comes later";
    const PARTS: &str = "parts beside the decoder that Ponder does not compute yet";
    const LACKING: &[(&[&str], &str)] = &[
        (
            &[
                "arctic",
                "dbrx",
                "deepseek",
                "deepseek2",
                "ernie4_5-moe",
                "glm4moe",
                "gpt-oss",
                "granitemoe",
                "grok",
                "llama4",
                "olmoe",
                "phimoe",
                "qwen2moe",
                "qwen3moe",
                "qwen3vlmoe",
            ],
            EXPERTS,
        ),
        (&["falcon-h1", "granitehybrid", "jamba", "lfm2", "mamba", "mamba2", "nemotron_h", "qwen3next", "rwkv6", "rwkv7"], STATE),
        (&["bert", "gemma-embedding", "jina-bert-v2", "modern-bert", "nomic-bert", "nomic-bert-moe", "t5encoder"], ENCODER),
        (&["gemma3n", "qwen2vl", "qwen3vl", "t5"], PARTS),
    ];
    LACKING.iter().find(|(names, _)| names.contains(&name)).map(|(_, why)| *why)
}
