//! Which `model_type` is which architecture of the table, and what Hugging Face's classes take for granted where a configuration is
//! silent. The facts are those of transformers' `configuration_*.py`.

/// A kind of model as Hugging Face has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Family {
    /// In `model_type`.
    pub(super) model_type: &'static str,
    /// What GGUF files call it.
    pub(super) architecture: &'static str,
    /// Whole numbers where the configuration has none.
    pub(super) counts: &'static [(&'static str, u64)],
    /// The epsilon of the norms where the configuration has none.
    pub(super) eps: f64,
    /// The base of the rotation where the configuration has none.
    pub(super) theta: f64,
    /// The embedding is the head unless the configuration says no.
    pub(super) tied: bool,
    /// A window that is stated is used; elsewhere only if `use_sliding_window` says so.
    pub(super) windowed: bool,
}

const LLAMA: Family =
    Family { model_type: "llama", architecture: "llama", counts: &[], eps: 1e-6, theta: 10_000.0, tied: false, windowed: false };

const GEMMA: &[(&str, u64)] = &[
    ("hidden_size", 2304),
    ("intermediate_size", 9216),
    ("num_hidden_layers", 26),
    ("num_attention_heads", 8),
    ("num_key_value_heads", 4),
    ("head_dim", 256),
    ("query_pre_attn_scalar", 256),
    ("sliding_window", 4096),
    ("max_position_embeddings", 8192),
];

const GEMMA3: &[(&str, u64)] = &[
    ("hidden_size", 2304),
    ("intermediate_size", 9216),
    ("num_hidden_layers", 26),
    ("num_attention_heads", 8),
    ("num_key_value_heads", 4),
    ("head_dim", 256),
    ("query_pre_attn_scalar", 256),
    ("sliding_window", 4096),
    ("max_position_embeddings", 131_072),
];

const FAMILIES: &[Family] = &[
    LLAMA,
    Family { model_type: "mistral", counts: &[("num_key_value_heads", 8)], windowed: true, ..LLAMA },
    Family { model_type: "qwen2", architecture: "qwen2", counts: &[("num_key_value_heads", 32)], ..LLAMA },
    Family { model_type: "qwen3", architecture: "qwen3", counts: &[("num_key_value_heads", 32), ("head_dim", 128)], ..LLAMA },
    Family { model_type: "gemma2", architecture: "gemma2", counts: GEMMA, tied: true, windowed: true, ..LLAMA },
    Family { model_type: "gemma3_text", architecture: "gemma3", counts: GEMMA3, theta: 1e6, tied: true, windowed: true, ..LLAMA },
    Family { model_type: "phi3", architecture: "phi3", eps: 1e-5, windowed: true, ..LLAMA },
    Family { model_type: "smollm3", architecture: "smollm3", theta: 2e6, tied: true, ..LLAMA },
    Family { model_type: "granite", architecture: "granite", ..LLAMA },
    Family { model_type: "olmo2", architecture: "olmo2", eps: 1e-5, ..LLAMA },
    Family { model_type: "olmo3", architecture: "olmo2", counts: &[("sliding_window", 4096)], eps: 1e-5, windowed: true, ..LLAMA },
];

/// The family of this `model_type`.
pub(super) fn find(model_type: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| family.model_type == model_type)
}

/// What GGUF files call a model that is no family of these: for what is said of it.
pub(super) fn foreign(model_type: &str) -> &str {
    const NAMES: &[(&str, &str)] = &[
        ("deepseek_v2", "deepseek2"),
        ("deepseek_v3", "deepseek2"),
        ("falcon_h1", "falcon-h1"),
        ("gemma3n_text", "gemma3n"),
        ("glm4_moe", "glm4moe"),
        ("gpt_neox", "gptneox"),
        ("gpt_oss", "gpt-oss"),
        ("granitemoehybrid", "granitehybrid"),
        ("llama4_text", "llama4"),
        ("modernbert", "modern-bert"),
        ("nomic_bert", "nomic-bert"),
        ("phi", "phi2"),
        ("qwen2_5_vl", "qwen2vl"),
        ("qwen2_moe", "qwen2moe"),
        ("qwen2_vl", "qwen2vl"),
        ("qwen3_moe", "qwen3moe"),
        ("qwen3_next", "qwen3next"),
        ("qwen3_vl", "qwen3vl"),
    ];
    NAMES.iter().find(|(name, _)| *name == model_type).map_or(model_type, |(_, name)| name)
}
