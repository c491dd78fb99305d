//! The plan: what a model will cost, computed from its header before anything is loaded.
//!
//! The same figures guard the load, draw the curve and scale the memory strip, so a badge and a guard can never disagree. What the
//! buffers really take is the ledger's and the allocator's to say.

use serde::{Deserialize, Serialize};

use super::{Part, Parts};
use crate::units::Bytes;

/// The KV cache grows by blocks of this many tokens.
pub const KV_BLOCK_TOKENS: usize = 256;

/// How keys and values are stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KvDtype {
    /// Two bytes a value.
    #[default]
    F16,
    /// Four bytes a value.
    F32,
}

impl KvDtype {
    /// All types on offer.
    pub const ALL: [Self; 2] = [Self::F16, Self::F32];

    /// The name on screen and in JSON (there in lower case).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::F16 => "F16",
            Self::F32 => "F32",
        }
    }

    /// Bytes of one value.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        match self {
            Self::F16 => 2,
            Self::F32 => 4,
        }
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
