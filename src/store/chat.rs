//! A conversation as it is kept on disk. Plain data: what one can do with chats is in `state::chats`, where they lie in [`super::folder`].

use serde::{Deserialize, Serialize};

pub use crate::engine::metrics::{Metrics, StopReason};
use crate::engine::sampler::Sampling;
use crate::units::TokensPerSecond;

/// Names a chat for good; also the stem of its file. Sorts by time of creation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChatId(pub String);

/// How the model is addressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Turns through the model's chat template.
    #[default]
    Chat,
    /// One text that the model continues.
    Completion,
}

/// Who wrote a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The person.
    User,
    /// The model.
    Assistant,
}

impl Metrics {
    /// Of an answer that ended with the app or with a failure: nothing was measured.
    pub const INTERRUPTED: Self = Self {
        prompt_tokens: 0,
        reused_tokens: 0,
        generated_tokens: 0,
        prefill: TokensPerSecond(0.0),
        decode: TokensPerSecond(0.0),
        first_token_seconds: 0.0,
        stop_reason: StopReason::Interrupted,
        speed: None,
    };
}

/// One message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    /// Who wrote it.
    pub role: Role,
    /// Its text, markdown as written.
    pub text: String,
    /// The model that answered, as shown: name and quantization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What was measured; absent for a person's turn and while the answer streams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Metrics>,
}

/// A conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chat {
    /// Its name for good.
    pub id: ChatId,
    /// The title in the list; empty until the first message gives one.
    #[serde(default)]
    pub title: String,
    /// Milliseconds since 1970 of the last change.
    #[serde(default)]
    pub changed: i64,
    /// Chat or completion.
    #[serde(default)]
    pub mode: Mode,
    /// The system prompt; empty for none (the template may add its own).
    #[serde(default)]
    pub system: String,
    /// How answers are sampled.
    #[serde(default)]
    pub sampling: Sampling,
    /// What the person has typed and not sent.
    #[serde(default)]
    pub draft: String,
    /// The messages, oldest first.
    #[serde(default)]
    pub turns: Vec<Turn>,
}

impl Turn {
    /// Whether it is an answer without an end: while it streams, or when nobody was left to end it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.role == Role::Assistant && self.metrics.is_none()
    }
}

impl Chat {
    /// A chat without messages.
    #[must_use]
    pub fn new(id: ChatId) -> Self {
        Self {
            id,
            title: String::new(),
            changed: 0,
            mode: Mode::default(),
            system: String::new(),
            sampling: Sampling::default(),
            draft: String::new(),
            turns: Vec::new(),
        }
    }

    /// Whether there is nothing in it to keep: no message and no draft.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.turns.is_empty() && self.draft.is_empty()
    }
}
