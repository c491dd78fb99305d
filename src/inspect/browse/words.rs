//! What a tensor does, as a sentence for people: told from its name, its shape and the model's spec.
//!
//! Where there is no spec, numbers of heads aren't known and are left out. A layer is called by the number in its name.
#![expect(clippy::similar_names, reason = "what is counted and the word for it")]

use crate::file::TensorInfo;
use crate::inspect::roles::{self, Role};
use crate::inspect::spec::ModelSpec;
use crate::inspect::{Model, names};
use crate::units::grouped;

/// `keys of attention, layer 7: turns the 576-wide stream into 3 heads of 64`; empty for a tensor that isn't there.
#[must_use]
pub fn of(model: &Model, tensor: usize) -> String {
    let (Some(info), Some(&role)) = (model.file.tensors.get(tensor), model.roles.get(tensor)) else { return String::new() };
    let mut words = what(role, stem(&info.name));
    if let Some(layer) = roles::layer(&info.name) {
        words = format!("{words}, layer {layer}");
    }
    match does(model.spec.as_ref().ok(), info, role) {
        Some(does) => format!("{words}: {does}"),
        None => words,
    }
}

/// A layer and a role in a word or two, for heads of columns: `queries`.
#[must_use]
pub const fn short(role: Role) -> &'static str {
    match role {
        Role::Embedding => "embedding",
        Role::AttnQ => "queries",
        Role::AttnK => "keys",
        Role::AttnV => "values",
        Role::AttnQkv => "Q, K, V",
        Role::AttnOutput => "attn out",
        Role::FfnGate => "gate",
        Role::FfnUp => "up",
        Role::FfnDown => "down",
        Role::Norm => "norms",
        Role::Output => "head",
        Role::Rope => "rope",
        Role::Conv => "conv",
        Role::Bias => "biases",
        Role::Other => "other",
    }
}

/// Whether its rows are tokens.
#[must_use]
pub fn rows_are_tokens(model: &Model, tensor: usize) -> bool {
    let (Some(info), Some(role)) = (model.file.tensors.get(tensor), model.roles.get(tensor)) else { return false };
    let is_table = *role == Role::Output || *role == Role::Embedding && stem(&info.name).ends_with("token_embd");
    is_table && info.shape.len() == 2
}

/// The last part of a name as GGUF files have it, without `weight` or `bias`: `attn_q`.
fn stem(name: &str) -> &str {
    names::stem(name).unwrap_or_else(|| {
        let stem = name.strip_suffix(".weight").or_else(|| name.strip_suffix(".bias")).unwrap_or(name);
        stem.rsplit('.').next().unwrap_or(stem)
    })
}

fn what(role: Role, stem: &str) -> String {
    let words = match role {
        Role::Embedding => match stem {
            "position_embd" => "embedding of positions",
            "token_types" => "embedding of segments",
            _ => "token embedding",
        },
        Role::AttnQ => "queries of attention",
        Role::AttnK => "keys of attention",
        Role::AttnV => "values of attention",
        Role::AttnQkv => "queries, keys and values of attention",
        Role::AttnOutput => "output of attention",
        Role::FfnGate => "gate of the feed-forward half",
        Role::FfnUp => "widening of the feed-forward half",
        Role::FfnDown => "narrowing of the feed-forward half",
        Role::Norm => return format!("scale of the {}", norm(stem)),
        Role::Output => "head",
        Role::Rope => "factors of the rotation",
        Role::Conv => "convolution",
        Role::Bias => {
            let of = Role::of(&format!("{stem}.weight"));
            return match of {
                Role::Norm => format!("shift of the {}", norm(stem)),
                Role::Other | Role::Bias => "bias".to_owned(),
                of => format!("bias of the {}", what(of, stem)),
            };
        }
        Role::Other => return format!("`{}`", crate::file::text::shown(stem, 60)),
    };
    words.to_owned()
}

fn norm(stem: &str) -> &'static str {
    match stem {
        "attn_norm" | "attn_norm_2" | "ln1" => "norm before attention",
        "ffn_norm" | "ln2" => "norm before the feed-forward half",
        "output_norm" => "norm before the head",
        "attn_q_norm" => "norm of queries",
        "attn_k_norm" => "norm of keys",
        "attn_post_norm" | "post_attention_norm" | "attn_output_norm" => "norm after attention",
        "ffn_post_norm" | "post_ffw_norm" | "layer_output_norm" => "norm after the feed-forward half",
        "token_embd_norm" => "norm of embeddings",
        _ => "norm",
    }
}

/// What it does to numbers; `None` where its shape isn't what its role asks for.
fn does(spec: Option<&ModelSpec>, info: &TensorInfo, role: Role) -> Option<String> {
    if let [each] = *info.shape {
        let each = grouped(each);
        return match role {
            Role::Norm => Some(format!("one factor for each of {each} numbers")),
            Role::Bias => Some(format!("one number is added to each of {each}")),
            Role::Rope => Some(format!("one for each of {each} pairs of numbers")),
            _ => None,
        };
    }
    let (experts, mut into, mut from) = match *info.shape {
        [into, from] => (None, into, from),
        [experts, into, from] => (Some(experts), into, from),
        _ => return None,
    };
    if is_transposed(&info.name) {
        (into, from) = (from, into);
    }
    let stream = |n: u64| match spec {
        Some(spec) if spec.n_embd as u64 == n => format!("the {}-wide stream", grouped(n)),
        _ => numbers(n),
    };
    let words = match role {
        Role::Embedding => {
            let tied = spec.is_some_and(|spec| spec.tied_head && spec.n_vocab as u64 == into);
            let end = if tied { "; as the head it scores them too" } else { "" };
            format!("a row of {} for each of {} tokens{end}", numbers(from), grouped(into))
        }
        Role::AttnQ | Role::AttnK | Role::AttnV | Role::AttnQkv => format!("turns {} into {}", stream(from), heads(spec, role, into)),
        Role::AttnOutput => format!("brings {} back to {}", heads(spec, role, from), stream(into)),
        Role::FfnGate => format!("turns {} into {} factors for what is widened", stream(from), grouped(into)),
        Role::FfnUp => format!("spreads {} over {}", stream(from), numbers(into)),
        Role::FfnDown => format!("condenses {} into {}", numbers(from), stream(into)),
        Role::Output => format!("scores {} tokens from {}", grouped(into), stream(from)),
        Role::Norm | Role::Rope | Role::Conv | Role::Bias | Role::Other => return None,
    };
    Some(match experts {
        Some(experts) => format!("{words}, in each of {} experts", grouped(experts)),
        None => words,
    })
}

fn numbers(n: u64) -> String {
    format!("{} numbers", grouped(n))
}

/// `3 heads of 64`, where the spec says that these numbers are heads.
fn heads(spec: Option<&ModelSpec>, role: Role, n: u64) -> String {
    let Some(spec) = spec else { return numbers(n) };
    let (queries, keys, dim) = (spec.n_heads as u64, spec.n_kv_heads as u64, spec.head_dim as u64);
    let of = |heads: u64| (heads * dim == n).then(|| format!("{heads} {} of {dim}", if heads == 1 { "head" } else { "heads" }));
    let told = match role {
        Role::AttnQkv if (queries + 2 * keys) * dim == n => Some(format!("{queries} + {keys} + {keys} heads of {dim}")),
        Role::AttnK | Role::AttnV => of(keys),
        _ => of(queries),
    };
    told.unwrap_or_else(|| numbers(n))
}

/// GPT-2's files have inputs as rows.
fn is_transposed(name: &str) -> bool {
    ["c_attn.weight", "c_proj.weight", "c_fc.weight"].iter().any(|end| name.ends_with(end))
}
