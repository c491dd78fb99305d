//! What a tensor does, told from its name alone.
//!
//! The names are those of GGUF files (`gguf-py`'s tensor names) and, through [`names`], of Hugging Face's; a name that follows no custom
//! is `other`.

use crate::inspect::names;

/// What a tensor is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// A table of vectors, one per token, position or segment.
    Embedding,
    /// The projection to queries.
    AttnQ,
    /// The projection to keys.
    AttnK,
    /// The projection to values.
    AttnV,
    /// The projection to queries, keys and values in one.
    AttnQkv,
    /// The projection of what attention gathered.
    AttnOutput,
    /// The gate of a feed-forward network.
    FfnGate,
    /// The widening projection of a feed-forward network.
    FfnUp,
    /// The narrowing projection of a feed-forward network.
    FfnDown,
    /// The scale of a normalization.
    Norm,
    /// The head that turns the last vector into logits.
    Output,
    /// Factors of the rotary position embedding.
    Rope,
    /// A convolution's kernel.
    Conv,
    /// What is added after a projection or a normalization.
    Bias,
    /// Anything else.
    Other,
}

impl Role {
    /// All roles, in the order in which they are listed.
    pub const ALL: [Self; 15] = [
        Self::Embedding,
        Self::AttnQ,
        Self::AttnK,
        Self::AttnV,
        Self::AttnQkv,
        Self::AttnOutput,
        Self::FfnGate,
        Self::FfnUp,
        Self::FfnDown,
        Self::Norm,
        Self::Output,
        Self::Rope,
        Self::Conv,
        Self::Bias,
        Self::Other,
    ];

    /// The role of the tensor with this name.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let name = name.strip_suffix(".lora_a").or_else(|| name.strip_suffix(".lora_b")).unwrap_or(name);
        if name.strip_suffix(".bias").is_some() {
            return Self::Bias;
        }
        let stem = names::stem(name).unwrap_or_else(|| name.strip_suffix(".weight").unwrap_or(name));
        // Experts and their shared companion do what their namesakes do.
        let stem = ["_exps", "_shexp", "_chexps"].iter().find_map(|suffix| stem.strip_suffix(suffix)).unwrap_or(stem);
        let last = stem.rsplit('.').next().unwrap_or(stem);
        match last {
            "token_embd" | "position_embd" | "token_types" | "per_layer_token_embd" => Self::Embedding,
            "attn_q" | "attn_q_a" | "attn_q_b" => Self::AttnQ,
            "attn_k" | "attn_k_b" => Self::AttnK,
            "attn_v" | "attn_v_b" => Self::AttnV,
            "attn_qkv" => Self::AttnQkv,
            "attn_output" | "attn_out" => Self::AttnOutput,
            "ffn_gate" => Self::FfnGate,
            "ffn_up" => Self::FfnUp,
            "ffn_down" => Self::FfnDown,
            "output" => Self::Output,
            "attn_rot_embd" => Self::Rope,
            _ if last.starts_with("rope_") || last.ends_with("inv_freq") => Self::Rope,
            _ if last.contains("norm") || last.contains("Norm") || matches!(last, "ln1" | "ln2" | "post_ln" | "pre_ln") => Self::Norm,
            _ if last.contains("embedding") && !last.contains("patch") => Self::Embedding,
            _ if last.contains("conv") || last.contains("patch_emb") => Self::Conv,
            _ => Self::Other,
        }
    }

    /// The name in JSON and on screen: `attn_q`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Embedding => "embedding",
            Self::AttnQ => "attn_q",
            Self::AttnK => "attn_k",
            Self::AttnV => "attn_v",
            Self::AttnQkv => "attn_qkv",
            Self::AttnOutput => "attn_output",
            Self::FfnGate => "ffn_gate",
            Self::FfnUp => "ffn_up",
            Self::FfnDown => "ffn_down",
            Self::Norm => "norm",
            Self::Output => "output",
            Self::Rope => "rope",
            Self::Conv => "conv",
            Self::Bias => "bias",
            Self::Other => "other",
        }
    }
}

/// The layer that the tensor with this name belongs to: 7 for `blk.7.attn_q.weight` and `model.layers.7.self_attn.q_proj.weight`.
#[must_use]
pub fn layer(name: &str) -> Option<usize> {
    in_layer(name).map(|(layer, _)| layer).or_else(|| names::layer(name))
}

/// Layer and rest of a name: 7 and `attn_q.weight` for `blk.7.attn_q.weight`.
pub(crate) fn in_layer(name: &str) -> Option<(usize, &str)> {
    let (number, rest) = name.strip_prefix("blk.")?.split_once('.')?;
    let canonical = number == "0" || (!number.starts_with('0') && number.bytes().all(|b| b.is_ascii_digit()));
    Some((number.parse().ok().filter(|_| canonical)?, rest))
}
