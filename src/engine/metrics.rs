//! What is measured while an answer is made, and why it ended.

use serde::{Deserialize, Serialize};

use super::speed::Speed;
use crate::units::TokensPerSecond;

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// The model ended its turn.
    EndOfTurn,
    /// The limit on new tokens.
    MaxTokens,
    /// One of the stop strings.
    StopString,
    /// No position is left in the context.
    ContextFull,
    /// The person stopped it.
    Cancelled,
    /// The app ended or the engine failed before the answer did.
    Interrupted,
}

impl StopReason {
    /// The key in JSON.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::EndOfTurn => "end_of_turn",
            Self::MaxTokens => "max_tokens",
            Self::StopString => "stop_string",
            Self::ContextFull => "context_full",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }

    /// The words under an answer.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::EndOfTurn => "end of turn",
            Self::MaxTokens => "token limit reached",
            Self::StopString => "stop string",
            Self::ContextFull => "context full",
            Self::Cancelled => "stopped",
            Self::Interrupted => "interrupted",
        }
    }
}

/// What was measured while an answer was made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Tokens of the whole prompt.
    pub prompt_tokens: usize,
    /// How many of them were already in the cache from the turn before.
    pub reused_tokens: usize,
    /// Tokens generated.
    pub generated_tokens: usize,
    /// Speed of reading the part of the prompt that was new.
    pub prefill: TokensPerSecond,
    /// Speed of generation.
    pub decode: TokensPerSecond,
    /// Seconds from the order to the first token.
    pub first_token_seconds: f64,
    /// Why it ended.
    pub stop_reason: StopReason,
    /// What the speed is made of; absent in answers of an earlier Ponder and where nothing was computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<Speed>,
}
