//! The tensors that a decoder needs, held against the dimensions that the metadata states.

use crate::error::{Error, Result};
use crate::file::{Format, ModelFile, TensorInfo, text};
use crate::inspect::spec::{ModelSpec, Norms, QkNorm};
use crate::inspect::{names, roles};

/// Whether a file must have a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    Required,
    Optional,
}

use Need::{Optional, Required};

/// Checks that every tensor that the decoder uses is there with its shape and can be read, and that there are no others.
///
/// # Errors
/// [`Error::Format`] with the tensor, the shape expected and the one found; [`Error::Unsupported`] for a tensor that nothing uses, since
/// without it the answers would be wrong.
pub(crate) fn check(file: &ModelFile, spec: &ModelSpec) -> Result<()> {
    let around = outside_layers(spec);
    for &(name, ref shape, need) in &around {
        check_one(file, name, shape, need)?;
    }
    let mut inside = Vec::new();
    // A file may state any number of layers; the first that it has no tensors for ends this.
    for layer in 0..spec.n_layers {
        let rules = in_layer(file, spec, layer)?;
        for &(part, ref shape, need) in &rules {
            check_one(file, &format!("blk.{layer}.{part}"), shape, need)?;
        }
        inside.push(rules);
    }
    let known = |name: &str| match roles::in_layer(name) {
        Some((layer, rest)) => inside.get(layer).is_some_and(|rules| rules.iter().any(|&(part, ..)| part == rest)),
        None => around.iter().any(|&(known, ..)| known == name),
    };
    match file.tensors.iter().find(|tensor| !known(&tensor.name) && !is_ignored(&tensor.name)) {
        None => Ok(()),
        Some(stranger) => Err(Error::unsupported(
            named(file, &stranger.name),
            format!(
                "Ponder's `{}` has no use for it, and without it the answers would be wrong; the file can be browsed",
                spec.architecture
            ),
        )),
    }
}

/// Tensors that carry what can be computed, so that decoders pass over them.
pub(crate) fn is_ignored(name: &str) -> bool {
    name.ends_with("attn_rot_embd") || name.ends_with("attn_rot_embd.weight") || name.ends_with("rotary_emb.inv_freq")
}

type Rule = (&'static str, Vec<u64>, Need);

fn outside_layers(spec: &ModelSpec) -> Vec<Rule> {
    let [d, vocabulary, logits, half_rope] = [spec.n_embd, spec.n_vocab, spec.n_logits, spec.rope_dim / 2].map(|n| n as u64);
    let mut rules = vec![
        ("token_embd.weight", vec![vocabulary, d], Required),
        ("output_norm.weight", vec![d], Required),
        ("output.weight", vec![logits, d], Optional),
    ];
    if spec.family().rope_factors {
        let factors = ["rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"];
        rules.extend(factors.map(|name| (name, vec![half_rope], Optional)));
    }
    if spec.family().head_bias {
        rules.push(("output.bias", vec![logits], Optional));
    }
    rules
}

/// The rules of one layer; several where tensors may be fused or not.
fn in_layer(file: &ModelFile, spec: &ModelSpec, layer: usize) -> Result<Vec<Rule>> {
    let family = spec.family();
    let [d, ff, heads, kv_heads, head_dim] = [spec.n_embd, spec.n_ff, spec.n_heads, spec.n_kv_heads, spec.head_dim].map(|n| n as u64);
    let fault =
        |key: &str, expected: &str, found: String| Error::format(&file.path, format!("key `{}.{key}`", spec.architecture), expected, found);
    let width = |heads: u64| {
        let found = || fault("attention.head_count", "heads that fit in memory", format!("{heads} heads of {head_dim}"));
        heads.checked_mul(head_dim).filter(|width| width.checked_mul(4).is_some()).ok_or_else(found)
    };
    let (q, kv) = (width(heads)?, width(kv_heads)?);
    let qkv = q.checked_add(2 * kv).ok_or_else(|| fault("attention.head_count", "heads that fit in memory", format!("{heads}")))?;
    let mut rules: Vec<Rule> = Vec::new();
    if file.tensor(&format!("blk.{layer}.attn_qkv.weight")).is_some() {
        rules.extend([("attn_qkv.weight", vec![qkv, d], Required), ("attn_qkv.bias", vec![qkv], Optional)]);
    } else {
        rules.extend([("attn_q.weight", q), ("attn_k.weight", kv), ("attn_v.weight", kv)].map(|(name, n)| (name, vec![n, d], Required)));
    }
    rules.push(("attn_output.weight", vec![d, q], Required));
    rules.extend([("attn_q.bias", q), ("attn_k.bias", kv), ("attn_v.bias", kv)].map(|(name, n)| (name, vec![n], Optional)));
    if spec.fused_gate_up {
        let both = ff.checked_mul(2).ok_or_else(|| fault("feed_forward_length", "a width that fits in memory", format!("{ff}")))?;
        rules.push(("ffn_up.weight", vec![both, d], Required));
    } else {
        rules.extend(["ffn_gate.weight", "ffn_up.weight"].map(|name| (name, vec![ff, d], Required)));
    }
    rules.push(("ffn_down.weight", vec![d, ff], Required));
    if family.norms != Norms::After {
        rules.extend(["attn_norm.weight", "ffn_norm.weight"].map(|name| (name, vec![d], Required)));
    }
    if family.norms != Norms::Before {
        rules.extend(["post_attention_norm.weight", "post_ffw_norm.weight"].map(|name| (name, vec![d], Required)));
    }
    match family.qk_norm {
        QkNorm::None => (),
        QkNorm::Head => rules.extend(["attn_q_norm.weight", "attn_k_norm.weight"].map(|name| (name, vec![head_dim], Required))),
        QkNorm::Width => rules.extend([("attn_q_norm.weight", vec![q], Required), ("attn_k_norm.weight", vec![kv], Required)]),
    }
    if family.biases {
        let biases = [("attn_output.bias", d), ("ffn_gate.bias", ff), ("ffn_up.bias", ff), ("ffn_down.bias", d)];
        rules.extend(biases.map(|(name, n)| (name, vec![n], Optional)));
    }
    Ok(rules)
}

fn check_one(file: &ModelFile, name: &str, shape: &[u64], need: Need) -> Result<()> {
    if need == Optional && file.tensor(name).is_none() {
        return Ok(());
    }
    let tensor = find(file, name)?;
    if tensor.shape == shape { Ok(()) } else { Err(fault(file, tensor, &shown(shape))) }
}

/// A tensor that must be there and must be readable.
///
/// # Errors
/// [`Error::Format`] where it is missing or has a problem.
pub(crate) fn find<'a>(file: &'a ModelFile, name: &str) -> Result<&'a TensorInfo> {
    let fault = |expected: &str, found: &str| Error::format(&file.path, named(file, name), expected, found);
    let tensor = file.tensor(name).ok_or_else(|| fault("a tensor of this name", "none"))?;
    match &tensor.problem {
        None => Ok(tensor),
        Some(problem) => Err(fault("data that can be read", problem)),
    }
}

/// The error of a tensor with another shape than the metadata asks for.
pub(crate) fn fault(file: &ModelFile, tensor: &TensorInfo, expected: &str) -> Error {
    let stated = if file.folder.is_some() { "config.json" } else { "the metadata" };
    Error::format(&file.path, named(file, &tensor.name), format!("the shape {expected}, as {stated} has it"), shown(&tensor.shape))
}

/// A tensor as its file names it.
fn named(file: &ModelFile, name: &str) -> String {
    let original = if let Format::Gguf { .. } = file.format {
        None
    } else {
        let after = file.tensors.iter().any(|tensor| tensor.name.ends_with(".post_attention_norm.weight"));
        names::in_hugging_face(name, after)
    };
    format!("tensor `{}`", text::shown(original.as_deref().unwrap_or(name), 80))
}

fn shown(shape: &[u64]) -> String {
    let dims: Vec<String> = shape.iter().map(u64::to_string).collect();
    format!("[{}]", dims.join(", "))
}
