//! llama.cpp's rules for mixes: which tensors may change at all, and which get more bits than the label says.
//!
//! As in `llama-quant.cpp` (`tensor_allows_quantization`, `llama_tensor_get_type_impl`), for the labels that need no importance matrix.

use super::label::Label;
use crate::file::{DType, TensorInfo};
use crate::inspect::Model;
use crate::inspect::roles;

/// What the rules ask of a model.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts {
    layers: usize,
    /// Heads of queries for each head of keys and values.
    heads_per_kv_head: u64,
    experts: u64,
    is_falcon: bool,
    /// The 80 layers of Llama 2 70B and its kin, whose values are small.
    is_70b: bool,
    tied_head: bool,
    /// Tensors that are, or hold, the projection to values.
    values: usize,
}

impl Facts {
    /// Those of a model, which need not be one that runs.
    pub fn of(model: &Model) -> Self {
        let metadata = &model.source().metadata;
        let architecture = metadata.str("general.architecture").unwrap_or_default();
        let number = |key: &str| {
            let value = metadata.get(&format!("{architecture}.{key}"))?;
            // Where layers differ, the first counts.
            value.as_u64().or_else(|| value.as_array().and_then(|array| array.preview.first()?.as_u64()))
        };
        let heads = number("attention.head_count").unwrap_or(0);
        let kv_heads = number("attention.head_count_kv").unwrap_or(heads);
        let layers = number("block_count").and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        Self {
            layers,
            heads_per_kv_head: heads.checked_div(kv_heads).unwrap_or(0),
            experts: number("expert_count").unwrap_or(0),
            is_falcon: architecture == "falcon",
            is_70b: architecture == "llama" && layers == 80 && heads != kv_heads,
            tied_head: model.source().tensor("output.weight").is_none(),
            values: model.source().tensors.iter().filter(|tensor| Kind::of(&tensor.name).is_values()).count(),
        }
    }
}

/// What a tensor is to the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Head,
    Embedding,
    Qkv,
    KvB,
    Values,
    AttentionOutput,
    FfnDown,
    Other,
}

impl Kind {
    fn of(name: &str) -> Self {
        match name {
            "output.weight" => Self::Head,
            "token_embd.weight" | "per_layer_token_embd.weight" => Self::Embedding,
            _ if name.contains("attn_qkv.weight") => Self::Qkv,
            _ if name.contains("attn_kv_b.weight") => Self::KvB,
            _ if name.contains("attn_v.weight") => Self::Values,
            _ if name.contains("attn_k.weight") || name.contains("attn_q.weight") => Self::Other,
            _ if name.contains("attn_output.weight") => Self::AttentionOutput,
            _ if name.contains("ffn_up") || name.contains("ffn_gate") => Self::Other,
            _ if name.contains("ffn_down") => Self::FfnDown,
            _ => Self::Other,
        }
    }

    const fn is_values(self) -> bool {
        matches!(self, Self::Values | Self::Qkv | Self::KvB)
    }
}

/// Parts of names of tensors that stay as they are, however they are called besides.
const DELICATE: [&str; 38] = [
    "_norm.weight",
    "ffn_gate_inp.weight",
    "ffn_gate_tid2eid.weight",
    "altup",
    "laurel",
    "per_layer_model_proj",
    "ssm_conv1d",
    "shortconv.conv.weight",
    "indexer.k_proj.weight",
    "indexer.q_proj.weight",
    "time_mix_first.weight",
    "time_mix_w0.weight",
    "time_mix_w1.weight",
    "time_mix_w2.weight",
    "time_mix_v0.weight",
    "time_mix_v1.weight",
    "time_mix_v2.weight",
    "time_mix_a0.weight",
    "time_mix_a1.weight",
    "time_mix_a2.weight",
    "time_mix_g1.weight",
    "time_mix_g2.weight",
    "time_mix_decay_w1.weight",
    "time_mix_decay_w2.weight",
    "time_mix_lerp_fused.weight",
    "attn_rel_b.weight",
    ".position_embd",
    "sam.pos_embd",
    "sam.neck.",
    "sam.net_",
    ".rel_pos",
    ".patch_embd",
    ".patch_merger",
    "a.rvq.codebook",
    "mm.a.code_embd",
    "position_embd.weight",
    "token_types.weight",
    "rope_freqs.weight",
];

/// The rules on their way through a model's tensors, which must come by layer and then by name.
#[derive(Debug)]
pub struct Rules {
    facts: Facts,
    quantizes: bool,
    /// Projections to values so far.
    values: usize,
    /// Narrowing projections so far.
    downs: usize,
}

impl Rules {
    /// Before the first tensor.
    pub fn new(facts: Facts, label: Option<Label>) -> Self {
        let quantizes = label.is_some_and(|label| !matches!(label, Label::F32 | Label::F16 | Label::BF16));
        Self { facts, quantizes, values: 0, downs: 0 }
    }

    /// Whether a tensor may become another type: a matrix of weights that is not delicate.
    #[expect(clippy::unused_self, reason = "a rule like the others")]
    pub fn may_change(&self, tensor: &TensorInfo) -> bool {
        let dimensions = tensor.shape.iter().skip_while(|&&dim| dim == 1).count();
        let name = tensor.name.as_str();
        dimensions >= 2 && name.ends_with("weight") && !DELICATE.iter().any(|part| name.contains(part))
    }

    /// What a tensor would become if its rows were whole blocks.
    pub fn wanted(&mut self, tensor: &TensorInfo, label: Label) -> DType {
        if !self.quantizes {
            return label.dtype();
        }
        match Kind::of(&tensor.name) {
            Kind::Head => self.head(tensor, label),
            Kind::Embedding if self.facts.tied_head => self.head(tensor, label),
            kind if kind.is_values() => {
                let dtype = self.value(label);
                self.values += 1;
                dtype
            }
            Kind::FfnDown => {
                let at = if self.facts.experts > 1 { roles::layer(&tensor.name).unwrap_or(self.downs) } else { self.downs };
                self.downs += 1;
                self.down(label, at)
            }
            Kind::AttentionOutput => self.attention_output(label),
            // Keys of a mixture of eight experts cost little.
            _ if self.facts.experts == 8 && tensor.name.contains("attn_k.weight") => DType::Q8_0,
            _ => label.dtype(),
        }
    }

    fn head(&self, tensor: &TensorInfo, label: Label) -> DType {
        let whole = label.dtype().block_len().is_some_and(|len| tensor.row_len().is_multiple_of(len));
        if self.facts.is_falcon || !whole || label == Label::Q8_0 { DType::Q8_0 } else { DType::Q6K }
    }

    fn value(&self, label: Label) -> DType {
        let grouped = self.facts.heads_per_kv_head >= 4;
        let dtype = match label {
            Label::Q2K if grouped => DType::Q4K,
            Label::Q2K => DType::Q3K,
            Label::Q3KM if self.values < 2 => DType::Q5K,
            Label::Q3KM => DType::Q4K,
            Label::Q3KL => DType::Q5K,
            Label::Iq4Nl | Label::Iq4Xs if grouped => DType::Q5K,
            Label::Q4KM | Label::Q5KM if more_bits(self.values, self.facts.values) => DType::Q6K,
            Label::Q4KS if self.values < 4 => DType::Q5K,
            _ => label.dtype(),
        };
        match dtype {
            _ if self.facts.experts == 8 => DType::Q8_0,
            DType::Q3K | DType::Q4K if self.facts.is_70b => DType::Q5K,
            dtype => dtype,
        }
    }

    fn down(&self, label: Label, at: usize) -> DType {
        let Facts { layers, is_falcon, .. } = self.facts;
        let more = more_bits(at, layers);
        match label {
            Label::Q2K => DType::Q3K,
            Label::Q3KM if at < layers / 16 => DType::Q5K,
            Label::Q3KM if !is_falcon || more => DType::Q4K,
            Label::Q3KL if is_falcon => DType::Q4K,
            Label::Q3KL => DType::Q5K,
            Label::Q4KM if is_falcon && at < layers / 16 => DType::Q6K,
            Label::Q4KM if is_falcon && more => DType::Q5K,
            Label::Q4KM if !is_falcon && more => DType::Q6K,
            Label::Iq4Nl | Label::Iq4Xs if at < layers / 8 => DType::Q5K,
            Label::Q5KM if more => DType::Q6K,
            Label::Q4KS if !is_falcon && at < layers / 8 => DType::Q5K,
            _ => label.dtype(),
        }
    }

    fn attention_output(&self, label: Label) -> DType {
        match label {
            Label::Q3KL if self.facts.is_falcon => DType::Q4K,
            _ if self.facts.is_falcon => label.dtype(),
            Label::Q2K | Label::Q3KS | Label::Q3KM | Label::Iq4Nl | Label::Iq4Xs | Label::Q4KS | Label::Q4KM if self.facts.experts == 8 => {
                DType::Q5K
            }
            _ if self.facts.experts == 8 => label.dtype(),
            Label::Q2K => DType::Q3K,
            Label::Q3KM => DType::Q4K,
            Label::Q3KL => DType::Q5K,
            _ => label.dtype(),
        }
    }
}

/// The first and the last eighth of the layers, and every third between them.
const fn more_bits(at: usize, of: usize) -> bool {
    at < of / 8 || at >= 7 * of / 8 || (at - of / 8) % 3 == 2
}
