//! The parts that memory is divided into, the same in every truth.

use serde::{Deserialize, Serialize};

use crate::units::Bytes;

/// One part of a model's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The weights in the layout the kernels read, padding included.
    Weights,
    /// Keys and values of the tokens in the context, in blocks.
    KvCache,
    /// Everything a forward pass allocates beside weights and cache.
    Activations,
    /// Buffers that exist only while loading.
    Staging,
    /// Vocabulary, merges and the tokenizer built from them.
    Tokenizer,
}

impl Part {
    /// All parts, in the order in which they are drawn and listed.
    pub const ALL: [Self; 5] = [Self::Weights, Self::KvCache, Self::Activations, Self::Staging, Self::Tokenizer];

    /// The key in the JSON of the headless commands.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Weights => "weights",
            Self::KvCache => "kv_cache",
            Self::Activations => "activations",
            Self::Staging => "staging",
            Self::Tokenizer => "tokenizer",
        }
    }

    /// The word on the screen.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Weights => "weights",
            Self::KvCache => "KV cache",
            Self::Activations => "activations",
            Self::Staging => "staging",
            Self::Tokenizer => "tokenizer",
        }
    }
}

/// Bytes per part under one truth; `None` where that truth cannot tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parts {
    /// See [`Part::Weights`].
    pub weights: Option<Bytes>,
    /// See [`Part::KvCache`].
    pub kv_cache: Option<Bytes>,
    /// See [`Part::Activations`].
    pub activations: Option<Bytes>,
    /// See [`Part::Staging`].
    pub staging: Option<Bytes>,
    /// See [`Part::Tokenizer`].
    pub tokenizer: Option<Bytes>,
}

impl Parts {
    /// The bytes of one part.
    #[must_use]
    pub const fn get(&self, part: Part) -> Option<Bytes> {
        match part {
            Part::Weights => self.weights,
            Part::KvCache => self.kv_cache,
            Part::Activations => self.activations,
            Part::Staging => self.staging,
            Part::Tokenizer => self.tokenizer,
        }
    }

    /// Sets the bytes of one part.
    pub const fn set(&mut self, part: Part, bytes: Bytes) {
        let slot = match part {
            Part::Weights => &mut self.weights,
            Part::KvCache => &mut self.kv_cache,
            Part::Activations => &mut self.activations,
            Part::Staging => &mut self.staging,
            Part::Tokenizer => &mut self.tokenizer,
        };
        *slot = Some(bytes);
    }

    /// The sum of the parts that this truth can tell.
    #[must_use]
    pub fn sum(&self) -> Bytes {
        Part::ALL.iter().filter_map(|&part| self.get(part)).sum()
    }
}
