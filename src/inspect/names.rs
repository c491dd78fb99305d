//! Tensors' names in Hugging Face files, and what GGUF files call the same tensors.
//!
//! The pairs are those of llama.cpp's converter (`gguf-py`'s tensor names). A name that follows no known custom maps to nothing.

use std::fmt;

/// A tensor by its GGUF name, in parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapped<'a> {
    /// The layer it is in, if it is in one.
    pub layer: Option<usize>,
    /// What it is: `attn_q`, `token_embd`.
    pub stem: &'static str,
    /// What follows: `.weight`, `.bias` or nothing.
    pub suffix: &'a str,
}

impl fmt::Display for Mapped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.layer {
            Some(layer) => write!(f, "blk.{layer}.{}{}", self.stem, self.suffix),
            None => write!(f, "{}{}", self.stem, self.suffix),
        }
    }
}

/// What stands before a language model's own names, the outer ones first.
const PREFIXES: &[&str] = &[
    "model.language_model.",
    "language_model.model.",
    "language_model.",
    "model.decoder.",
    "base_model.model.",
    "distilbert.",
    "transformer.",
    "gpt_neox.",
    "roberta.",
    "model.",
    "bert.",
    "encoder.",
    "decoder.",
];

/// Words before a layer's number.
const LAYERS: &[&str] = &["layers", "layer", "h", "blocks", "block", "resblocks"];

/// Names outside layers.
const GLOBAL: &[(&str, &str)] = &[
    ("embed_tokens", "token_embd"),
    ("wte", "token_embd"),
    ("embed_in", "token_embd"),
    ("embeddings.word_embeddings", "token_embd"),
    ("word_embeddings", "token_embd"),
    ("embeddings.position_embeddings", "position_embd"),
    ("embed_positions", "position_embd"),
    ("wpe", "position_embd"),
    ("embeddings.token_type_embeddings", "token_types"),
    ("embeddings.LayerNorm", "token_embd_norm"),
    ("word_embeddings_layernorm", "token_embd_norm"),
    ("norm", "output_norm"),
    ("ln_f", "output_norm"),
    ("final_layernorm", "output_norm"),
    ("final_layer_norm", "output_norm"),
    ("lm_head", "output"),
    ("embed_out", "output"),
];

/// Names in layers.
const IN_LAYER: &[(&str, &str)] = &[
    ("self_attn.q_proj", "attn_q"),
    ("self_attn.k_proj", "attn_k"),
    ("self_attn.v_proj", "attn_v"),
    ("self_attn.o_proj", "attn_output"),
    ("self_attn.out_proj", "attn_output"),
    ("self_attn.dense", "attn_output"),
    ("self_attn.qkv_proj", "attn_qkv"),
    ("self_attn.query_key_value", "attn_qkv"),
    ("self_attn.q_norm", "attn_q_norm"),
    ("self_attn.k_norm", "attn_k_norm"),
    ("attention.self.query", "attn_q"),
    ("attention.self.key", "attn_k"),
    ("attention.self.value", "attn_v"),
    ("attention.output.dense", "attn_output"),
    ("attention.output.LayerNorm", "attn_output_norm"),
    ("attention.q_lin", "attn_q"),
    ("attention.k_lin", "attn_k"),
    ("attention.v_lin", "attn_v"),
    ("attention.out_lin", "attn_output"),
    ("attention.query_key_value", "attn_qkv"),
    ("attention.dense", "attn_output"),
    ("attn.c_attn", "attn_qkv"),
    ("attn.c_proj", "attn_output"),
    ("attn.Wqkv", "attn_qkv"),
    ("attn.out_proj", "attn_output"),
    ("mlp.gate_proj", "ffn_gate"),
    ("mlp.up_proj", "ffn_up"),
    ("mlp.gate_up_proj", "ffn_up"),
    ("mlp.down_proj", "ffn_down"),
    ("mlp.c_fc", "ffn_up"),
    ("mlp.c_proj", "ffn_down"),
    ("mlp.fc1", "ffn_up"),
    ("mlp.fc2", "ffn_down"),
    ("mlp.dense_h_to_4h", "ffn_up"),
    ("mlp.dense_4h_to_h", "ffn_down"),
    ("mlp.gate", "ffn_gate_inp"),
    ("block_sparse_moe.gate", "ffn_gate_inp"),
    ("mlp.experts.gate_proj", "ffn_gate_exps"),
    ("mlp.experts.up_proj", "ffn_up_exps"),
    ("mlp.experts.down_proj", "ffn_down_exps"),
    ("mlp.shared_expert.gate_proj", "ffn_gate_shexp"),
    ("mlp.shared_expert.up_proj", "ffn_up_shexp"),
    ("mlp.shared_expert.down_proj", "ffn_down_shexp"),
    ("ffn.lin1", "ffn_up"),
    ("ffn.lin2", "ffn_down"),
    ("intermediate.dense", "ffn_up"),
    ("output.dense", "ffn_down"),
    ("output.LayerNorm", "layer_output_norm"),
    ("input_layernorm", "attn_norm"),
    ("ln_1", "attn_norm"),
    ("sa_layer_norm", "attn_output_norm"),
    ("output_layer_norm", "layer_output_norm"),
    ("ln_2", "ffn_norm"),
    ("post_attention_layernorm", "ffn_norm"),
    ("pre_feedforward_layernorm", "ffn_norm"),
    ("post_feedforward_layernorm", "post_ffw_norm"),
];

/// One expert's projections, which GGUF files keep in one tensor for all experts.
const EXPERTS: &[(&str, &str)] = &[
    ("gate_proj", "ffn_gate"),
    ("up_proj", "ffn_up"),
    ("down_proj", "ffn_down"),
    ("w1", "ffn_gate"),
    ("w3", "ffn_up"),
    ("w2", "ffn_down"),
];

fn find(table: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    table.iter().find(|(other, _)| *other == name).map(|(_, stem)| *stem)
}

/// The GGUF name of a tensor in a Hugging Face file.
#[must_use]
pub fn map(name: &str) -> Option<Mapped<'_>> {
    let (stem, suffix) = split_suffix(name);
    let mut rest = stem;
    for prefix in PREFIXES {
        rest = rest.strip_prefix(prefix).unwrap_or(rest);
    }
    if let Some((layer, within)) = numbered(rest) {
        return find(IN_LAYER, within).map(|stem| Mapped { layer: Some(layer), stem, suffix });
    }
    find(GLOBAL, rest).map(|stem| Mapped { layer: None, stem, suffix })
}

/// The same for what a tensor does: experts' projections do what their namesakes do.
pub(super) fn stem(name: &str) -> Option<&'static str> {
    map(name).map(|mapped| mapped.stem).or_else(|| {
        let (stem, _) = split_suffix(name);
        let (_, within) = layer(name).map(|_| stem.split_once(".experts.")).unwrap_or_default()?;
        find(EXPERTS, within.split_once('.')?.1)
    })
}

/// The name that a GGUF file has for a tensor in a Hugging Face file. `after` says that what is named for standing after attention does
/// stand there, and not before the feed-forward network.
#[must_use]
pub fn in_gguf(name: &str, after: bool) -> Option<String> {
    let mapped = map(name)?;
    let stem = if after && name.contains(".post_attention_layernorm") { "post_attention_norm" } else { mapped.stem };
    Some(Mapped { stem, ..mapped }.to_string())
}

/// The name that a Hugging Face file of a decoder has for a tensor of a GGUF file, where one is known; `after` as for [`in_gguf`].
#[must_use]
pub fn in_hugging_face(name: &str, after: bool) -> Option<String> {
    let (stem, suffix) = split_suffix(name);
    let original =
        |table: &'static [(&str, &str)], stem: &str| table.iter().find(|(_, known)| *known == stem).map(|(original, _)| *original);
    match super::roles::in_layer(stem) {
        None => match original(GLOBAL, stem)? {
            "lm_head" => Some(format!("lm_head{suffix}")),
            original => Some(format!("model.{original}{suffix}")),
        },
        Some((layer, stem)) => {
            let original = match stem {
                "attn_norm" => "input_layernorm",
                "ffn_norm" if after => "pre_feedforward_layernorm",
                "ffn_norm" | "post_attention_norm" => "post_attention_layernorm",
                stem => original(IN_LAYER, stem)?,
            };
            Some(format!("model.layers.{layer}.{original}{suffix}"))
        }
    }
}

fn split_suffix(name: &str) -> (&str, &str) {
    let suffix = [".weight", ".bias"].into_iter().find(|suffix| name.ends_with(suffix)).unwrap_or_default();
    name.split_at(name.len() - suffix.len())
}

/// Layer and rest of a name that begins with its layer: 3 and `mlp.fc1` for `layers.3.mlp.fc1`.
fn numbered(name: &str) -> Option<(usize, &str)> {
    let (word, rest) = name.split_once('.')?;
    let (number, rest) = rest.split_once('.')?;
    LAYERS.contains(&word).then_some(())?;
    Some((digits(number)?, rest))
}

fn digits(number: &str) -> Option<usize> {
    let canonical = number == "0" || (!number.starts_with('0') && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()));
    number.parse().ok().filter(|_| canonical)
}

/// The layer that a name speaks of, wherever in it: 3 for `vision_model.encoder.layers.3.mlp.fc1.weight`.
pub(super) fn layer(name: &str) -> Option<usize> {
    let mut words = name.split('.').peekable();
    while let Some(word) = words.next() {
        if LAYERS.contains(&word)
            && let Some(number) = words.peek().and_then(|number| digits(number))
        {
            return Some(number);
        }
    }
    None
}

/// Whether the layers of a file have norms before and after each step, as Gemma's: then the norm after attention isn't the one before
/// the feed-forward network.
#[must_use]
pub fn has_norms_on_both_sides<'a>(mut names: impl Iterator<Item = &'a str>) -> bool {
    names.any(|name| name.contains("pre_feedforward_layernorm"))
}
