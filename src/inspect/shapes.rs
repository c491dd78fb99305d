//! The tensors that a decoder needs, held against the dimensions that the metadata states.

use crate::error::{Error, Result};
use crate::file::{ModelFile, TensorInfo, text};
use crate::inspect::roles;
use crate::inspect::spec::ModelSpec;

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
    let inside = in_layer(file, spec)?;
    for &(name, ref shape, need) in &around {
        check_one(file, name, shape, need)?;
    }
    for layer in 0..spec.n_layers {
        for &(part, ref shape, need) in &inside {
            check_one(file, &format!("blk.{layer}.{part}"), shape, need)?;
        }
    }
    let known = |name: &str| match roles::in_layer(name) {
        Some((layer, rest)) => layer < spec.n_layers && inside.iter().any(|&(part, ..)| part == rest),
        None => around.iter().any(|&(known, ..)| known == name),
    };
    match file.tensors.iter().find(|tensor| !known(&tensor.name) && !is_ignored(&tensor.name)) {
        None => Ok(()),
        Some(stranger) => Err(Error::unsupported(
            format!("tensor `{}`", text::shown(&stranger.name, 80)),
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

fn outside_layers(spec: &ModelSpec) -> [Rule; 4] {
    let [d, vocabulary, half_rope] = [spec.n_embd, spec.n_vocab, spec.rope_dim / 2].map(|n| n as u64);
    [
        ("token_embd.weight", vec![vocabulary, d], Required),
        ("output_norm.weight", vec![d], Required),
        ("output.weight", vec![vocabulary, d], Optional),
        ("rope_freqs.weight", vec![half_rope], Optional),
    ]
}

fn in_layer(file: &ModelFile, spec: &ModelSpec) -> Result<[Rule; 13]> {
    let [d, ff, heads, kv_heads, head_dim] = [spec.n_embd, spec.n_ff, spec.n_heads, spec.n_kv_heads, spec.head_dim].map(|n| n as u64);
    let width = |heads: u64| {
        heads.checked_mul(head_dim).ok_or_else(|| {
            let at = format!("key `{}.attention.head_count`", spec.architecture);
            Error::format(&file.path, at, "heads that fit in memory", format!("{heads} heads of {head_dim}"))
        })
    };
    let (q, kv) = (width(heads)?, width(kv_heads)?);
    Ok([
        ("attn_norm.weight", vec![d], Required),
        ("attn_q.weight", vec![q, d], Required),
        ("attn_k.weight", vec![kv, d], Required),
        ("attn_v.weight", vec![kv, d], Required),
        ("attn_output.weight", vec![d, q], Required),
        ("ffn_norm.weight", vec![d], Required),
        ("ffn_gate.weight", vec![ff, d], Required),
        ("ffn_up.weight", vec![ff, d], Required),
        ("ffn_down.weight", vec![d, ff], Required),
        ("attn_q.bias", vec![q], Optional),
        ("attn_k.bias", vec![kv], Optional),
        ("attn_v.bias", vec![kv], Optional),
        ("attn_output.bias", vec![d], Optional),
    ])
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
    let fault = |expected: &str, found: &str| Error::format(&file.path, format!("tensor `{name}`"), expected, found);
    let tensor = file.tensor(name).ok_or_else(|| fault("a tensor of this name", "none"))?;
    match &tensor.problem {
        None => Ok(tensor),
        Some(problem) => Err(fault("data that can be read", problem)),
    }
}

/// The error of a tensor with another shape than the metadata asks for.
pub(crate) fn fault(file: &ModelFile, tensor: &TensorInfo, expected: &str) -> Error {
    Error::format(
        &file.path,
        format!("tensor `{}`", text::shown(&tensor.name, 80)),
        format!("the shape {expected}, as the metadata has it"),
        shown(&tensor.shape),
    )
}

fn shown(shape: &[u64]) -> String {
    let dims: Vec<String> = shape.iter().map(u64::to_string).collect();
    format!("[{}]", dims.join(", "))
}
