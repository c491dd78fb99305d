//! What is asked and told when one prompt goes to several models.

use crate::engine::sampler::Sampling;
use crate::lab::candidate::Candidate;
use crate::lab::side::{Plan, Question, Told};

use std::sync::Arc;

/// A prompt and who shall answer it. Side lane; it yields to the engine while that answers.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Models with their settings.
    pub columns: Vec<(Arc<Candidate>, Sampling)>,
    /// What is asked of all.
    pub question: Question,
}

/// How it moves on.
#[derive(Debug, Clone)]
pub enum Seen {
    /// What answers in step and what one after another, by the memory that is there now.
    Planned(Plan),
    /// A column moved on.
    Column(usize, Told),
    /// It stands still while someone waits for an answer of a chat, or goes on.
    Yielding(bool),
}
