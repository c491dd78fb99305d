//! One prompt to several models, or to one with several settings: their answers, a token each in turn.
//!
//! Memory is planned first. What fits together answers in step; where it doesn't, one model after another. Columns of the same model
//! share its weights and have a cache each. A column is nothing but [`Generation`], so it says what a chat with that model would say.

pub mod align;
pub mod plan;

use std::sync::Arc;

use super::candidate::Candidate;
use super::divergence::Room;
use crate::engine::generate::{Generation, Progress};
use crate::engine::metrics::Metrics;
use crate::engine::sampler::Sampling;
use crate::engine::session::{Input, Session};
use crate::error::{Error, Result};
use crate::memory::ledger::Ledger;
use crate::memory::plan::Choice;
use crate::units::{Bytes, TokensPerSecond};

pub use plan::{Batch, Plan};

/// Most columns that stand beside each other.
pub const MOST_COLUMNS: usize = 4;

/// Who answers, and how its tokens are drawn.
#[derive(Debug, Clone)]
pub struct Column {
    /// The model, and as what.
    pub candidate: Candidate,
    /// How its tokens are drawn. A seed of its own goes before that of all.
    pub sampling: Sampling,
}

impl Column {
    /// Whether both are the same weights.
    #[must_use]
    pub fn shares_weights(&self, other: &Self) -> bool {
        let (a, b) = (&self.candidate, &other.candidate);
        let same_file = Arc::ptr_eq(&a.model, &b.model) || a.model.file.path == b.model.file.path;
        same_file && a.mix.tensors.iter().map(|tensor| tensor.to).eq(b.mix.tensors.iter().map(|tensor| tensor.to))
    }
}

/// What is booked for a column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Booked {
    /// Weights, which it may share.
    pub weights: Bytes,
    /// Its own keys and values.
    pub kv_cache: Bytes,
}

/// How a column moves on.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// Its weights are being read.
    Loading {
        /// Bytes in place.
        done: Bytes,
        /// Bytes in all.
        total: Bytes,
    },
    /// It reads the prompt.
    Reading {
        /// Tokens read.
        done: usize,
        /// Tokens of the prompt.
        total: usize,
    },
    /// It drew a token, or its last text came.
    Text {
        /// What the token stands for; `None` where there is text and no token more.
        token: Option<Arc<[u8]>>,
        /// Whole characters.
        text: String,
        /// Speed so far.
        decode: TokensPerSecond,
        /// Memory now.
        booked: Booked,
    },
    /// Its answer is complete, or was stopped; the last of a column.
    Ended(Metrics),
    /// It failed, and the others go on; the last of a column.
    Failed(Error),
}

/// What is asked of all columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// What is said to them.
    pub input: Input,
    /// Context, cache, arithmetic and threads. A model trained for less has less context.
    pub choice: Choice,
    /// Where their draws begin.
    pub seed: u64,
}

/// When to go on. Both say no when the work is no longer wanted.
#[derive(Clone, Copy)]
pub struct Patience<'a> {
    /// Asked between two tokens; may wait for as long as others need the processors.
    pub wait: &'a dyn Fn() -> bool,
    /// Asked within a token; never waits.
    pub go_on: &'a dyn Fn() -> bool,
}

/// Lets all columns answer as it was planned and tells how each moves on. Nothing of it is in memory when it returns. What stops it ends
/// every column's answer as stopped; what fails, fails in its own column.
pub fn run(columns: &[Column], question: &Question, plan: &Plan, room: &Room, patience: Patience<'_>, tell: &mut dyn FnMut(usize, Told)) {
    for (at, error) in &plan.refused {
        tell(*at, Told::Failed(error.clone()));
    }
    for batch in &plan.batches {
        answer(columns, question, batch, room, patience, tell);
    }
}

/// A column that answers.
struct Answering {
    at: usize,
    session: Session,
    /// Where its weights are charged, and where its cache is.
    books: [Ledger; 2],
}

impl Answering {
    fn booked(books: &[Ledger; 2]) -> Booked {
        let [weights, cache] = books.each_ref().map(Ledger::parts);
        Booked { weights: weights.weights.unwrap_or_default(), kv_cache: cache.kv_cache.unwrap_or_default() }
    }
}

fn answer(columns: &[Column], question: &Question, batch: &Batch, room: &Room, patience: Patience<'_>, tell: &mut dyn FnMut(usize, Told)) {
    let mut all: Vec<Answering> = Vec::with_capacity(batch.columns.len());
    for &at in &batch.columns {
        match session(columns, question, at, &all, room, patience, tell) {
            Ok(answering) => all.push(answering),
            Err(Error::Cancelled) => tell(at, Told::Ended(stopped())),
            Err(error) => tell(at, Told::Failed(error)),
        }
    }
    let mut running: Vec<(usize, Generation<'_>, &[Ledger; 2])> = Vec::with_capacity(all.len());
    for Answering { at, session, books } in &mut all {
        let sampling = &columns[*at].sampling;
        let seed = sampling.seed.unwrap_or(question.seed);
        let started = session.prompt(&question.input, patience.go_on);
        match started.and_then(|prompt| Generation::start(session, &prompt, sampling, seed)) {
            Ok(generation) => running.push((*at, generation, books)),
            Err(Error::Cancelled) => tell(*at, Told::Ended(stopped())),
            Err(error) => tell(*at, Told::Failed(error)),
        }
    }
    while !running.is_empty() {
        running.retain_mut(|(at, generation, books)| {
            let wanted = (patience.wait)();
            let drawn = generation.tokens().len();
            match generation.next(&|| wanted && (patience.go_on)()) {
                Ok(Some(Progress::Reading { done, total })) => tell(*at, Told::Reading { done, total }),
                Ok(Some(Progress::Text { text, decode, .. })) => {
                    let token = generation.tokens().get(drawn).map(|&token| generation.bytes_of(token).into());
                    tell(*at, Told::Text { token, text, decode, booked: Answering::booked(books) });
                }
                Ok(None) => {
                    tell(*at, Told::Ended(generation.metrics()));
                    return false;
                }
                Err(error) => {
                    tell(*at, Told::Failed(error));
                    return false;
                }
            }
            true
        });
    }
    drop(running);
    for answering in all {
        answering.session.close();
    }
}

/// Loads a column's model, or forks it from a column that has the same weights.
fn session(
    columns: &[Column],
    question: &Question,
    at: usize,
    all: &[Answering],
    room: &Room,
    patience: Patience<'_>,
    tell: &mut dyn FnMut(usize, Told),
) -> Result<Answering> {
    let column = &columns[at];
    let choice = plan::choice_of(column, question.choice);
    if let Some(other) = all.iter().find(|other| columns[other.at].shares_weights(column)) {
        let own = room.ledger.page();
        let session = other.session.fork(choice, Arc::clone(&room.pool), &own)?;
        return Ok(Answering { at, session, books: [other.books[0].clone(), own] });
    }
    let candidate = &column.candidate;
    let types = |tensor: &crate::file::TensorInfo| candidate.dtype_of(tensor);
    let page = room.ledger.page();
    let total: Bytes = candidate.model.used_tensors().map(|tensor| tensor.bytes).sum();
    let mut done_before = Bytes(0);
    let mut progress = |done: Bytes| {
        // A fraction of a per cent is no news.
        if done.0 >= done_before.0 + total.0 / 200 {
            done_before = done;
            tell(at, Told::Loading { done: Bytes(done.0.min(total.0)), total });
        }
        (patience.wait)()
    };
    if !progress(Bytes(0)) {
        return Err(Error::Cancelled);
    }
    let session = Session::load_as(&candidate.model, choice, &types, Arc::clone(&room.pool), &page, &mut progress)?;
    Ok(Answering { at, session, books: [page.clone(), page] })
}

/// Of a column that was stopped before it began.
fn stopped() -> Metrics {
    Metrics {
        prompt_tokens: 0,
        reused_tokens: 0,
        generated_tokens: 0,
        prefill: TokensPerSecond(0.0),
        decode: TokensPerSecond(0.0),
        first_token_seconds: 0.0,
        stop_reason: crate::engine::metrics::StopReason::Cancelled,
        speed: None,
    }
}
