//! What a decoder needs to know of a model, parsed once: past this, numbers agree with each other and with the tensors' shapes.
//!
//! [`architecture`] has one row per architecture, [`rope`] and [`layers`] read what has more than one key; [`pieces`] cuts tensors that
//! hold several matrices. What can't run says why; the file is browsed all the same.

use crate::error::{Error, Result};
use crate::file::{ModelFile, text};
use crate::inspect::keys::Keys;
use crate::inspect::{roles, shapes};
use crate::kernels::elementwise::Activation;
use crate::units::grouped;

mod architecture;
mod layers;
mod pieces;
mod rope;

pub use layers::LayerSpec;
pub use rope::{RopeFactors, RopeScaling, RopeSpec, RopeStyle};

use architecture::{ARCHITECTURES, Cap};
pub(crate) use architecture::{Architecture, LocalRope, Norms, QkNorm, find as architecture, lacking};

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
    /// Which dimensions of a head are rotated together.
    pub rope_style: RopeStyle,
    /// The rotation of layers that see everything.
    pub rope: RopeSpec,
    /// The rotation of layers with a window.
    pub local_rope: RopeSpec,
    /// What distinguishes the layers, the first one first.
    pub layers: Vec<LayerSpec>,
    /// What is added to the weights of norms as they are read.
    pub norm_offset: f32,
    /// The epsilon of the RMS norms.
    pub rms_eps: f32,
    /// The activation of the gate.
    pub activation: Activation,
    /// What embeddings are multiplied by.
    pub embedding_scale: f32,
    /// What the scores of queries and keys are multiplied by.
    pub attention_scale: f32,
    /// Scores `s` become `cap · tanh(s / cap)`.
    pub attention_cap: Option<f32>,
    /// What each half of a layer is multiplied by before it is added.
    pub residual_scale: f32,
    /// What the logits are multiplied by.
    pub logit_scale: f32,
    /// Logits `x` become `cap · tanh(x / cap)`.
    pub logit_cap: Option<f32>,
    /// The longest context that the model was trained for, limited to [`MAX_CONTEXT`].
    pub n_ctx_train: usize,
    /// The size of the vocabulary: rows of the embedding.
    pub n_vocab: usize,
    /// Rows of the head: logits of a position. As many as the embedding has, unless one of the two is padded.
    pub n_logits: usize,
    /// The embedding is the head too.
    pub tied_head: bool,
    /// Queries, keys or values have a bias in some layer.
    pub qkv_bias: bool,
    /// The projection after attention has a bias in some layer.
    pub attn_output_bias: bool,
    /// Gate and up are one tensor, `ffn_up`.
    pub fused_gate_up: bool,
    /// What is known of the architecture.
    family: Family,
}

/// The row of the table that a spec was made by, which says which tensors there are.
#[derive(Debug, Clone, Copy)]
struct Family(&'static Architecture);

impl PartialEq for Family {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl ModelSpec {
    /// What is known of the architecture beyond the file.
    pub(crate) const fn family(&self) -> &'static Architecture {
        self.family.0
    }

    /// Whether there are two rotations.
    #[must_use]
    pub fn has_local_rope(&self) -> bool {
        self.local_rope != self.rope && self.layers.iter().any(|layer| layer.window.is_some())
    }
}

/// The longest context that is offered, whatever a file claims.
pub const MAX_CONTEXT: usize = 1 << 20;

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
    let Some(architecture) = architecture::find(name) else {
        let known = runnable_architectures().join(", ");
        let why = lacking(name).map_or_else(
            || format!("Ponder runs {known} so far; the file can be browsed"),
            |lacking| format!("it has {lacking} (Ponder runs {known}); the file can be browsed"),
        );
        return Err(Error::unsupported(format!("architecture `{}`", text::shown(name, 60)), why));
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

fn dimensions(keys: Keys<'_>, architecture: &'static Architecture, notices: &mut Vec<String>) -> Result<ModelSpec> {
    let file = keys.file;
    let n_layers = keys.positive("block_count")?;
    let blocks = file.tensors.iter().filter_map(|tensor| roles::layer(&tensor.name)).max().map_or(0, |last| last.saturating_add(1));
    if n_layers != blocks {
        let some = if blocks == 1 { "1 block".to_owned() } else { format!("{} blocks", grouped(blocks as u64)) };
        return Err(keys.fault("block_count", format!("{blocks}: the file has tensors for {some}")));
    }
    // No more layers than tensors, so that what is kept by layer stays small.
    (0..n_layers).take(file.tensors.len()).try_for_each(|i| shapes::find(file, &format!("blk.{i}.attn_output.weight")).map(|_| ()))?;
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
    let rope_dim = rope_dim(keys, architecture, head_dim)?;
    #[expect(clippy::cast_possible_truncation, reason = "an epsilon is small; what F32 can't hold is refused")]
    let rms_eps = keys
        .real("attention.layer_norm_rms_epsilon")?
        .map(|eps| eps as f32)
        .filter(|&eps| eps > 0.0 && eps < 1.0)
        .ok_or_else(|| keys.fault("attention.layer_norm_rms_epsilon", "a number between 0 and 1"))?;
    let tensor = |name: &str| file.tensor(name).is_some();
    let any_layer = |part: &str| file.tensors.iter().filter_map(|tensor| roles::in_layer(&tensor.name)).any(|(_, rest)| rest == part);
    let n_ctx_train = context(keys, notices)?;
    let [rope, local_rope] = rope::read(keys, architecture, n_ctx_train, notices)?;
    let scales = Scales::read(keys, architecture, [n_layers, n_embd, n_heads, head_dim])?;
    Ok(ModelSpec {
        architecture: architecture.name.to_owned(),
        n_layers,
        n_embd,
        n_ff,
        n_heads,
        n_kv_heads,
        head_dim,
        rope_dim,
        // Converters to GGUF order the rows of queries and keys for the rotation that llama.cpp has for the architecture.
        rope_style: if keys.is_gguf() { architecture.rope_style } else { RopeStyle::Halves },
        rope,
        local_rope,
        layers: layers::read(keys, architecture, n_layers, notices)?,
        norm_offset: if architecture.norms_less_one && !keys.is_gguf() { 1.0 } else { 0.0 },
        rms_eps,
        activation: architecture.activation,
        embedding_scale: scales.embedding,
        attention_scale: scales.attention,
        attention_cap: cap(keys, "attn_logit_softcapping", architecture.attention_cap.map_or(Cap::Never, Cap::At))?,
        residual_scale: scales.residual,
        logit_scale: scales.logits,
        logit_cap: cap(keys, "final_logit_softcapping", architecture.logit_cap)?,
        n_ctx_train,
        n_vocab,
        n_logits: head(keys, n_vocab, n_embd, notices)?,
        tied_head: !tensor("output.weight"),
        qkv_bias: ["attn_q.bias", "attn_k.bias", "attn_v.bias", "attn_qkv.bias"].into_iter().any(any_layer),
        attn_output_bias: any_layer("attn_output.bias"),
        fused_gate_up: architecture.fused_gate_up,
        family: Family(architecture),
    })
}

fn rope_dim(keys: Keys<'_>, architecture: &Architecture, head_dim: usize) -> Result<usize> {
    let rope_dim = keys.count("rope.dimension_count")?.unwrap_or(head_dim);
    let wide_enough = if architecture.partial_rotary { (1..=head_dim).contains(&rope_dim) } else { rope_dim == head_dim };
    if wide_enough && rope_dim.is_multiple_of(2) {
        return Ok(rope_dim);
    }
    let even = if head_dim.is_multiple_of(2) { "" } else { ", and an even number" };
    let most = if architecture.partial_rotary { "an even number up to " } else { "" };
    Err(keys.fault("rope.dimension_count", format!("{most}{head_dim}, the width of a head{even}")))
}

/// What values are multiplied by on their way.
struct Scales {
    embedding: f32,
    attention: f32,
    residual: f32,
    logits: f32,
}

impl Scales {
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "widths are small; F32 is what is computed with")]
    fn read(keys: Keys<'_>, architecture: &Architecture, [n_layers, n_embd, n_heads, head_dim]: [usize; 4]) -> Result<Self> {
        let width = if architecture.root_of_share_at == Some(n_layers) { n_embd / n_heads } else { head_dim };
        let mut scales = Self {
            embedding: if architecture.embedding_by_root { (n_embd as f32).sqrt() } else { 1.0 },
            attention: (1.0 / (width as f64).sqrt()) as f32,
            residual: 1.0,
            logits: 1.0,
        };
        // Zero means that none is set.
        let stated = |key: &str| keys.real_or_zero(key);
        if architecture.scales || !keys.is_gguf() {
            scales.attention = stated("attention.scale")?.map_or(scales.attention, |scale| scale as f32);
        }
        if architecture.scales {
            scales.embedding = stated("embedding_scale")?.map_or(scales.embedding, |scale| scale as f32);
            scales.residual = stated("residual_scale")?.map_or(scales.residual, |scale| scale as f32);
            let divisor = keys.real("logit_scale")?.ok_or_else(|| keys.fault("logit_scale", "a finite number above 0"))?;
            scales.logits = (1.0 / divisor) as f32;
        }
        Ok(scales)
    }
}

/// Where values bend. Zero means nowhere.
fn cap(keys: Keys<'_>, key: &str, known: Cap) -> Result<Option<f32>> {
    #[expect(clippy::cast_possible_truncation, reason = "F32 is what is computed with")]
    let stated = || keys.real_or_zero(key).map(|cap| cap.map(|cap| cap as f32));
    Ok(match known {
        Cap::Never => None,
        Cap::Stated => stated()?,
        Cap::At(_) if keys.is_zero(key) => None,
        Cap::At(cap) => Some(stated()?.unwrap_or(cap)),
    })
}

/// The rows of the head, which may be padded.
fn head(keys: Keys<'_>, n_vocab: usize, n_embd: usize, notices: &mut Vec<String>) -> Result<usize> {
    let Some(head) = keys.file.tensor("output.weight") else { return Ok(n_vocab) };
    match *head.shape {
        [rows, width] if width == n_embd as u64 && rows > 0 => {
            if rows != n_vocab as u64 {
                notices.push(format!("the head has {} tokens, the embedding {}", grouped(rows), grouped(n_vocab as u64)));
            }
            Ok(usize::try_from(rows).unwrap_or(usize::MAX))
        }
        _ => Err(shapes::fault(keys.file, head, &format!("[{n_vocab}, {n_embd}]"))),
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
