//! The plan: what a model will cost, computed from its header before anything is loaded.
//!
//! The same figures guard the load, draw the curve and scale the memory strip, so a badge and a guard can never disagree. What the
//! buffers really take is the ledger's and the allocator's to say.

use serde::{Deserialize, Serialize};

use super::probe::Machine;
use super::{Part, Parts};
use crate::error::{Error, Result};
use crate::inspect::spec::ModelSpec;
use crate::inspect::{Model, passport};
use crate::kernels::attention::{self, Heads, layer};
use crate::kernels::level::Level;
use crate::kernels::precision;
use crate::units::Bytes;

/// The KV cache grows by blocks of this many tokens.
pub const KV_BLOCK_TOKENS: usize = layer::BLOCK;

/// Tokens of a prompt that go through the layers together: few enough that one chunk takes a fraction of a second.
pub const PREFILL_CHUNK: usize = 64;

/// How keys and values are stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KvDtype {
    /// Blocks of 32 values in one byte each under a scale of two.
    Q8_0,
    /// Two bytes a value.
    #[default]
    F16,
    /// Four bytes a value.
    F32,
}

impl KvDtype {
    /// All types on offer.
    pub const ALL: [Self; 3] = [Self::Q8_0, Self::F16, Self::F32];

    /// The name on screen and in JSON (there in lower case).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Q8_0 => "Q8_0",
            Self::F16 => "F16",
            Self::F32 => "F32",
        }
    }

    /// Bytes of one head's key or value of one token. Heads are padded to whole blocks: of 32 values for `Q8_0`, of 16 for the others.
    #[must_use]
    pub const fn head_bytes(self, head_dim: usize) -> u64 {
        let bytes = match self {
            Self::Q8_0 => layer::q8_0_bytes(head_dim),
            Self::F16 => layer::f16_bytes(head_dim),
            Self::F32 => layer::f32_bytes(head_dim),
        };
        bytes as u64
    }
}

/// Which arithmetic runs the model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arithmetic {
    /// The kernels: activations rounded to 8 bits before each dot product.
    #[default]
    Fast,
    /// The reference: everything in F32.
    Exact,
}

/// What the person may choose before loading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// Tokens the context can hold.
    pub context: usize,
    /// How keys and values are stored.
    pub kv: KvDtype,
    /// Fast or exact.
    pub arithmetic: Arithmetic,
    /// Compute threads.
    pub threads: usize,
    /// Quantize the matrices anew while loading; `None` keeps them as they are stored.
    #[serde(default)]
    pub recode: Option<Level>,
}

impl Choice {
    /// How the cache really stores keys and values: exact arithmetic rounds nothing.
    #[must_use]
    pub const fn cache_dtype(&self) -> KvDtype {
        match self.arithmetic {
            Arithmetic::Fast => self.kv,
            Arithmetic::Exact => KvDtype::F32,
        }
    }
}

/// Whether a plan fits the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// With room to spare.
    Fits,
    /// It takes more than nine tenths of what is available.
    Tight,
    /// More than is available now, less than the machine has: *Load anyway* is offered.
    Exceeds,
    /// More than the machine has.
    Impossible,
}

/// A plan for one choice on one machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What was chosen.
    pub choice: Choice,
    /// Bytes by part; nothing is `None`.
    pub parts: Parts,
    /// What stays allocated once the context is full: all parts but staging.
    pub total: Bytes,
    /// The highest moment: loading (with staging) or running with a full context, whichever is more.
    pub peak: Bytes,
    /// What the machine could give when the plan was made.
    pub available: Bytes,
    /// Whether it fits.
    pub fit: Fit,
    /// The part that is to blame when it does not.
    pub blame: Part,
    /// The longest context that fits what is available; 0 if not even the shortest does.
    pub max_context: usize,
}

/// Plans a choice on a machine.
///
/// # Errors
/// The reason why the file cannot run at all (see [`Model::spec`]).
pub fn plan(model: &Model, choice: Choice, machine: &Machine) -> Result<Plan> {
    let spec = model.spec.as_ref().map_err(Clone::clone)?;
    let runs = passport::runs_here(model, &|tensor| precision::of(tensor).is_some());
    if !runs.ok() {
        return Err(Error::unsupported(model.label(), runs.why));
    }
    let choice = Choice { context: choice.context.max(1), ..choice };
    let parts = parts(model, spec, choice);
    let (total, peak) = (total(&parts), peak(&parts));
    let (available, fit) = (machine.available, fit(peak, machine));
    let blame = Part::ALL.into_iter().max_by_key(|&part| parts.get(part)).unwrap_or(Part::Weights);
    let max_context = longest(model, spec, choice, available);
    Ok(Plan { choice, parts, total, peak, available, fit, blame, max_context })
}

/// The choice a file is opened with: the model's own context up to 8,192.
#[must_use]
pub fn first_choice(model: &Model, threads: usize) -> Choice {
    let trained = model.spec.as_ref().map_or(KV_BLOCK_TOKENS, |spec| spec.n_ctx_train);
    Choice { context: trained.min(8_192), kv: KvDtype::F16, arithmetic: Arithmetic::Fast, threads, recode: None }
}

/// Whether a peak fits the machine.
#[must_use]
pub const fn fit(peak: Bytes, machine: &Machine) -> Fit {
    if peak.0 <= machine.available.0 / 10 * 9 {
        Fit::Fits
    } else if peak.0 <= machine.available.0 {
        Fit::Tight
    } else if peak.0 <= machine.total.0 {
        Fit::Exceeds
    } else {
        Fit::Impossible
    }
}

/// The parts at some forty contexts up to `max_context`, for the curve. Empty for a file that cannot run.
#[must_use]
pub fn curve(model: &Model, choice: Choice, max_context: usize) -> Vec<(usize, Parts)> {
    const POINTS: usize = 40;
    let Ok(spec) = &model.spec else { return Vec::new() };
    let step = max_context.div_ceil(POINTS).next_multiple_of(KV_BLOCK_TOKENS);
    (0..=max_context.div_ceil(step))
        .map(|i| (i * step).clamp(1, max_context))
        .map(|context| (context, parts(model, spec, Choice { context, ..choice })))
        .collect()
}

/// What the KV cache takes when `tokens` are in it: whole blocks for every layer.
#[must_use]
pub fn kv_bytes(spec: &ModelSpec, kv: KvDtype, tokens: usize) -> Bytes {
    position_bytes(spec, kv, spec.n_layers * tokens.next_multiple_of(KV_BLOCK_TOKENS))
}

/// What attention reads of the cache for one token when `tokens` are in it: in layers with a window no more than that.
#[must_use]
pub fn kv_read_bytes(spec: &ModelSpec, kv: KvDtype, tokens: usize) -> Bytes {
    position_bytes(spec, kv, spec.layers.iter().map(|layer| layer.window.unwrap_or(tokens).min(tokens)).sum())
}

/// Keys and values of so many positions of one layer.
fn position_bytes(spec: &ModelSpec, kv: KvDtype, positions: usize) -> Bytes {
    Bytes(2 * spec.n_kv_heads as u64 * positions as u64 * kv.head_bytes(spec.head_dim))
}

/// The rule that people use without a plan: the file and a fifth.
#[must_use]
pub const fn rule_of_thumb(file: Bytes) -> Bytes {
    Bytes(file.0 + file.0 / 5)
}

fn total(parts: &Parts) -> Bytes {
    parts.sum() - parts.staging.unwrap_or_default()
}

/// Loading holds weights, tokenizer and staging; running holds all but staging.
fn peak(parts: &Parts) -> Bytes {
    let loading = parts.sum() - parts.kv_cache.unwrap_or_default() - parts.activations.unwrap_or_default();
    loading.max(total(parts))
}

fn parts(model: &Model, spec: &ModelSpec, choice: Choice) -> Parts {
    let used = || model.used_tensors().flat_map(|tensor| spec.pieces(tensor));
    Parts {
        weights: Some(used().filter_map(|tensor| precision::resident_bytes(&tensor, choice.recode)).sum()),
        kv_cache: Some(kv_bytes(spec, choice.cache_dtype(), choice.context)),
        activations: Some(activations(spec, choice)),
        staging: Some(used().map(|tensor| precision::staging_bytes(&tensor, choice.recode)).max().unwrap_or_default()),
        tokenizer: Some(model.tokenizer_estimate()),
    }
}

/// The buffers of one chunk of a prompt, all at once: an upper bound, because some take turns.
fn activations(spec: &ModelSpec, choice: Choice) -> Bytes {
    let l = PREFILL_CHUNK.min(choice.context) as u64;
    let [d, ff, vocab] = [spec.n_embd, spec.n_ff, spec.n_logits].map(|n| n as u64);
    let [q, kv] = [spec.n_heads * spec.head_dim, spec.n_kv_heads * spec.head_dim].map(|n| n as u64);
    let widest = d.max(ff).max(q);
    // Both rotations, where there are two, and norms of queries and keys.
    let rows = l * (4 * d + 3 * q + 3 * kv + 2 * ff) + 2 * l * spec.rope_dim as u64;
    let values = match choice.arithmetic {
        Arithmetic::Fast => {
            // activations rounded to at most F32, as much again for weights that tasks unpack, and what attention works in
            let heads = Heads { n_heads: spec.n_heads, n_kv_heads: spec.n_kv_heads, head_dim: spec.head_dim };
            let attention = attention::scratch_bytes(heads, PREFILL_CHUNK.min(choice.context), choice.threads, choice.context);
            rows + 2 * l * widest + attention / 4
        }
        Arithmetic::Exact => {
            // candle makes a new tensor per call: rows twice, expanded weights, and the scores of the whole context
            let context = choice.context as u64;
            2 * rows + 2 * (1 << 20) + vocab + context * (4 * kv + l) + 3 * spec.n_heads as u64 * l * context
        }
    };
    // the head's logits and the copy that is handed out
    Bytes(4 * (values + 2 * vocab))
}

/// The longest context, in whole blocks and up to what the model was trained for, whose peak fits.
fn longest(model: &Model, spec: &ModelSpec, choice: Choice, available: Bytes) -> usize {
    let fits = |context: usize| peak(&parts(model, spec, Choice { context, ..choice })) <= available;
    let mut blocks = 0..spec.n_ctx_train.div_ceil(KV_BLOCK_TOKENS) + 1;
    while blocks.len() > 1 {
        let middle = blocks.start + blocks.len() / 2;
        if fits(middle * KV_BLOCK_TOKENS) { blocks.start = middle } else { blocks.end = middle }
    }
    (blocks.start * KV_BLOCK_TOKENS).min(spec.n_ctx_train)
}
