//! How the next token is drawn from the logits.

use serde::{Deserialize, Serialize};

/// The sampling settings of a chat. Values outside their range are brought into it by [`Sampling::clamped`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sampling {
    /// 0 takes the most probable token each time (greedy).
    pub temperature: f64,
    /// Keep the `top_k` most probable tokens; 0 keeps all.
    pub top_k: usize,
    /// Keep the most probable tokens whose probabilities add up to this; 1 keeps all.
    pub top_p: f64,
    /// Drop tokens less probable than this share of the most probable one; 0 drops none.
    pub min_p: f64,
    /// Divides the logits of tokens seen lately; 1 for none.
    pub repeat_penalty: f32,
    /// How many tokens back "lately" reaches.
    pub repeat_window: usize,
    /// The same seed and settings give the same answer; `None` takes a new one each time.
    pub seed: Option<u64>,
    /// The most tokens an answer may have.
    pub max_tokens: usize,
    /// Texts that end an answer.
    pub stop: Vec<String>,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.7,
            top_k: 40,
            top_p: 0.95,
            min_p: 0.05,
            repeat_penalty: 1.0,
            repeat_window: 64,
            seed: None,
            max_tokens: 1024,
            stop: Vec::new(),
        }
    }
}
