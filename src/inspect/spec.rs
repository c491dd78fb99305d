//! What a decoder needs to know of a model, parsed once: past this, numbers agree with each other and with the tensors' shapes.
//!
//! One table row per architecture. What can't run says why; the file is browsed all the same.

use crate::error::{Error, Result};
use crate::file::{ModelFile, text};
use crate::inspect::keys::Keys;
use crate::inspect::{roles, shapes};
use crate::units::grouped;

/// A decoder's dimensions and constants.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact about the file, independent of the others")]
pub struct ModelSpec {
    /// The architecture as the file names it: `llama`.
    pub architecture: String,
    /// Transformer layers.
    pub n_layers: usize,
    /// The width of the residual stream.
    pub n_embd: usize,
    /// The width inside the feed-forward network.
    pub n_ff: usize,
    /// Heads of queries.
    pub n_heads: usize,
    /// Heads of keys and values; divides `n_heads`.
    pub n_kv_heads: usize,
    /// The width of a head.
    pub head_dim: usize,
    /// How many of a head's dimensions are rotated; even.
    pub rope_dim: usize,
    /// The base of the rotation's frequencies.
    pub rope_theta: f64,
    /// Which dimensions of a head are rotated together.
    pub rope_style: RopeStyle,
    /// How positions are stretched.
    pub rope_scaling: RopeScaling,
    /// `rope_freqs.weight` divides the frequencies (Llama 3.1 and later).
    pub rope_freqs: bool,
    /// The epsilon of the RMS norms.
    pub rms_eps: f32,
    /// The longest context that the model was trained for, limited to [`MAX_CONTEXT`].
    pub n_ctx_train: usize,
    /// The size of the vocabulary: rows of the embedding.
    pub n_vocab: usize,
    /// The embedding is the head too.
    pub tied_head: bool,
    /// Queries, keys or values have a bias in some layer.
    pub qkv_bias: bool,
    /// The projection after attention has a bias in some layer.
    pub attn_output_bias: bool,
}

/// Which dimensions of a head are rotated together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RopeStyle {
    /// Neighbours, 2i and 2i+1 (llama.cpp's "norm").
    Interleaved,
    /// The halves, i and i + n/2 (llama.cpp's "neox").
    Halves,
}

/// How positions are stretched beyond what the model was trained for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RopeScaling {
    /// Not at all.
    None,
    /// Positions are divided by a factor.
    Linear {
        /// Above 0.
        factor: f64,
    },
}

/// The longest context that is offered, whatever a file claims.
pub const MAX_CONTEXT: usize = 1 << 20;

/// What is known of an architecture beyond its files.
#[derive(Debug)]
struct Architecture {
    name: &'static str,
    rope_style: RopeStyle,
}

const ARCHITECTURES: [Architecture; 1] = [Architecture { name: "llama", rope_style: RopeStyle::Interleaved }];

/// The architectures that Ponder runs.
#[must_use]
pub fn runnable_architectures() -> Vec<&'static str> {
    ARCHITECTURES.iter().map(|architecture| architecture.name).collect()
}

/// Parses a file's spec. What was adjusted is told in `notices`.
///
/// # Errors
/// [`Error::Unsupported`] for what Ponder can't run yet; [`Error::Format`] with the key or tensor that is missing or contradicts others.
pub(crate) fn parse(file: &ModelFile, notices: &mut Vec<String>) -> Result<ModelSpec> {
    let name = file.metadata.str("general.architecture").ok_or_else(|| {
        let found = file.metadata.get("general.architecture").map_or_else(|| "no such key".to_owned(), crate::file::Value::described);
        Error::format(&file.path, "key `general.architecture`", "the name of an architecture", found)
    })?;
    let Some(architecture) = ARCHITECTURES.iter().find(|architecture| architecture.name == name) else {
        let known = runnable_architectures().join(", ");
        return Err(Error::unsupported(
            format!("architecture `{}`", text::shown(name, 60)),
            format!("Ponder runs {known} so far; the file can be browsed"),
        ));
    };
    if let Some(blocker) = file.blockers.first() {
        return Err(Error::format(&file.path, "the header", "a model that can be run safely", blocker));
    }
    let keys = Keys { file, architecture: name };
    refuse_variants(keys)?;
    let spec = dimensions(keys, architecture, notices)?;
    shapes::check(file, &spec)?;
    Ok(spec)
}

/// Variants of the architecture that aren't computed yet.
fn refuse_variants(keys: Keys<'_>) -> Result<()> {
    if keys.count("expert_count")?.is_some_and(|n| n > 0) {
        return Err(Error::unsupported("mixture of experts", "not yet computed by Ponder; the file can be browsed"));
    }
    Ok(())
}

fn dimensions(keys: Keys<'_>, architecture: &Architecture, notices: &mut Vec<String>) -> Result<ModelSpec> {
    let file = keys.file;
    let n_layers = keys.positive("block_count")?;
    let blocks = file.tensors.iter().filter_map(|tensor| roles::layer(&tensor.name)).max().map_or(0, |last| last.saturating_add(1));
    if n_layers != blocks {
        let some = if blocks == 1 { "1 block".to_owned() } else { format!("{} blocks", grouped(blocks as u64)) };
        return Err(keys.fault("block_count", format!("{blocks}: the file has tensors for {some}")));
    }
    let n_embd = keys.positive("embedding_length")?;
    let n_vocab = vocabulary(keys, n_embd, notices)?;
    let n_ff = keys.positive("feed_forward_length")?;
    let n_heads = keys.positive("attention.head_count")?;
    let n_kv_heads = match keys.count("attention.head_count_kv")? {
        None => n_heads,
        Some(n) if n > 0 && n_heads.is_multiple_of(n) => n,
        Some(_) => return Err(keys.fault("attention.head_count_kv", format!("a divisor of the {n_heads} heads"))),
    };
    let head_dim = match keys.count("attention.key_length")? {
        Some(n) if n > 0 => n,
        Some(_) => return Err(keys.fault("attention.key_length", "a whole number above 0")),
        None if n_embd.is_multiple_of(n_heads) => n_embd / n_heads,
        None => return Err(keys.fault("attention.head_count", format!("a divisor of the {n_embd} dimensions of the embedding"))),
    };
    if keys.count("attention.value_length")?.is_some_and(|n| n != head_dim) {
        return Err(keys.fault("attention.value_length", format!("{head_dim}, as keys have; other widths aren't computed yet")));
    }
    let rope_dim = keys.count("rope.dimension_count")?.unwrap_or(head_dim);
    if rope_dim != head_dim || !rope_dim.is_multiple_of(2) {
        let even = if head_dim.is_multiple_of(2) { "" } else { ", and an even number" };
        return Err(keys.fault("rope.dimension_count", format!("{head_dim}, the width of a head{even}")));
    }
    #[expect(clippy::cast_possible_truncation, reason = "an epsilon is small; what F32 can't hold is refused")]
    let rms_eps = keys
        .real("attention.layer_norm_rms_epsilon")?
        .map(|eps| eps as f32)
        .filter(|&eps| eps > 0.0 && eps < 1.0)
        .ok_or_else(|| keys.fault("attention.layer_norm_rms_epsilon", "a number between 0 and 1"))?;
    let tensor = |name: &str| file.tensor(name).is_some();
    let any_layer = |part: &str| file.tensors.iter().filter_map(|tensor| roles::in_layer(&tensor.name)).any(|(_, rest)| rest == part);
    Ok(ModelSpec {
        architecture: architecture.name.to_owned(),
        n_layers,
        n_embd,
        n_ff,
        n_heads,
        n_kv_heads,
        head_dim,
        rope_dim,
        rope_theta: keys.real("rope.freq_base")?.unwrap_or(10_000.0),
        rope_style: architecture.rope_style,
        rope_scaling: scaling(keys)?,
        rope_freqs: tensor("rope_freqs.weight"),
        rms_eps,
        n_ctx_train: context(keys, notices)?,
        n_vocab,
        tied_head: !tensor("output.weight"),
        qkv_bias: ["attn_q.bias", "attn_k.bias", "attn_v.bias"].into_iter().any(any_layer),
        attn_output_bias: any_layer("attn_output.bias"),
    })
}

fn scaling(keys: Keys<'_>) -> Result<RopeScaling> {
    // Before there were kinds of scaling, its factor had a key of its own. Zero means that none is set.
    let stated = |key: &str| if keys.is_zero(key) { Ok(None) } else { keys.real(key) };
    let factor = stated("rope.scaling.factor")?.or(stated("rope.scale_linear")?);
    match keys.string("rope.scaling.type")?.unwrap_or("linear") {
        "none" => Ok(RopeScaling::None),
        "linear" => Ok(factor
            .filter(|&factor| (factor - 1.0).abs() > f64::EPSILON)
            .map_or(RopeScaling::None, |factor| RopeScaling::Linear { factor })),
        other => Err(Error::unsupported(
            format!("rope scaling `{}`", text::shown(other, 40)),
            "Ponder computes none and linear so far; the file can be browsed",
        )),
    }
}

fn context(keys: Keys<'_>, notices: &mut Vec<String>) -> Result<usize> {
    let stated = keys.positive("context_length")?;
    if stated > MAX_CONTEXT {
        notices.push(format!(
            "the file states a context of {} tokens; Ponder offers up to {}",
            grouped(stated as u64),
            grouped(MAX_CONTEXT as u64)
        ));
    }
    Ok(stated.min(MAX_CONTEXT))
}

/// The rows of the embedding; other counts that differ are told.
fn vocabulary(keys: Keys<'_>, n_embd: usize, notices: &mut Vec<String>) -> Result<usize> {
    let embedding = shapes::find(keys.file, "token_embd.weight")?;
    let rows = match *embedding.shape {
        [rows, width] if width == n_embd as u64 => usize::try_from(rows).unwrap_or(usize::MAX),
        _ => return Err(shapes::fault(keys.file, embedding, &format!("[vocabulary, {n_embd}]"))),
    };
    let mut compare = |what: &str, count: Option<u64>| {
        if let Some(count) = count.filter(|&count| count != rows as u64) {
            notices.push(format!("{what} {} tokens, the embedding {}", grouped(count), grouped(rows as u64)));
        }
    };
    compare("the metadata states", keys.count("vocab_size")?.map(|n| n as u64));
    let tokens = keys.file.metadata.get("tokenizer.ggml.tokens").and_then(crate::file::Value::as_array);
    compare("the tokenizer has", tokens.map(|tokens| tokens.len));
    Ok(rows)
}
