//! Models held against a reference over a text: KL divergence, agreement and perplexity, by the protocol of
//! `llama-perplexity --kl-divergence`.
//!
//! A [`Comparison`] is done in small steps, so that a lane can do other work between two of them and a person can stop and go on. What
//! the reference expects is kept at every scored position, so it reads the text once, and models can run one after another. The first
//! half of the first chunk, which the protocol does not score, gives a first impression of each candidate, which its first whole chunk
//! replaces. Every position's result is kept.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Instant;

use super::budget::{Budget, Positions};
use super::candidate::{Candidate, check_vocabulary};
use super::pass::Pass;
use super::row::{Difference, Row};
use super::run::{Kind, Run, Status};
use super::text::Chunks;
use crate::engine::cut::{Token, cut};
use crate::engine::tokenizer::Tokenizer;
use crate::error::{Error, Result};
use crate::kernels::pool::Pool;
use crate::memory::alloc;
use crate::memory::ledger::Ledger;
use crate::memory::plan::{Arithmetic, Choice, KvDtype};
use crate::memory::probe::Machine;
use crate::units::Bytes;

/// Chunks over which the noise floor is measured.
const NOISE_CHUNKS: usize = 2;

/// How models are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Tokens of a chunk.
    pub chunk: usize,
    /// At most so many chunks.
    pub most_chunks: Option<usize>,
    /// Everything in F32 arithmetic.
    pub exact: bool,
    /// Compute threads.
    pub threads: usize,
    /// Measure the noise floor too.
    pub noise_floor: bool,
    /// The most that is kept of the reference.
    pub most_cache: Bytes,
}

impl Default for Settings {
    fn default() -> Self {
        Self { chunk: 512, most_chunks: None, exact: false, threads: 1, noise_floor: true, most_cache: Bytes::GIB }
    }
}

/// Where it is computed.
#[derive(Debug, Clone)]
pub struct Room {
    /// What the machine has to give.
    pub machine: Machine,
    /// The compute threads.
    pub pool: Arc<Pool>,
    /// Where weights are charged.
    pub ledger: Ledger,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The reference was loaded.
    ReferenceLoaded,
    /// The model of this run was loaded.
    Loaded(usize),
    /// The reference read some tokens.
    Read,
    /// The model of this run read some tokens.
    Scored(usize),
    /// There is a new figure for this run: a first impression, or one more chunk.
    Point(usize),
    /// This run is done, or failed: its status says which.
    Ended(usize),
}

/// A comparison under way. See the module.
#[derive(Debug)]
pub struct Comparison {
    settings: Settings,
    reference: Candidate,
    tokenizer: Tokenizer,
    chunks: Chunks,
    budget: Budget,
    room: Room,
    /// What the reference expects: first the impression of the first chunk's first half, then each chunk.
    kept: Vec<Vec<Row>>,
    runs: Vec<Run>,
    reference_pass: Option<Pass>,
    pass: Option<(usize, Pass)>,
    seconds: f64,
    tokens: usize,
}

impl Comparison {
    /// Plans a comparison; nothing is loaded yet but the tokenizer.
    ///
    /// # Errors
    /// [`Error::OverBudget`]; [`Error::Unsupported`] for models of different vocabularies; a text that is too short; the reason why a
    /// model cannot run; [`Error::Cancelled`].
    pub fn new(
        reference: Candidate,
        candidates: Vec<Candidate>,
        text: &str,
        settings: Settings,
        room: Room,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Self> {
        let spec = reference.model.spec.as_ref().map_err(Clone::clone)?;
        if settings.chunk > spec.n_ctx_train {
            let why = format!("the model was trained for {} tokens; ask for at most that many", spec.n_ctx_train);
            return Err(Error::unsupported(format!("a chunk of {} tokens", settings.chunk), why));
        }
        let tokenizer = Tokenizer::of(&reference.model)?;
        let chunks = Chunks::of(&tokenizer, text, settings.chunk, settings.most_chunks, go_on)?;
        for candidate in &candidates {
            check_vocabulary(&reference.model, &candidate.model)?;
        }
        let n_chunks = chunks.tokens.len();
        let mut runs: Vec<Run> = candidates.into_iter().map(|candidate| Run::new(candidate, Kind::Candidate, n_chunks)).collect();
        if settings.noise_floor {
            let floor = Candidate { name: "noise floor".into(), ..reference.clone() };
            runs.insert(runs.len().min(1), Run::new(floor, Kind::NoiseFloor, n_chunks.min(NOISE_CHUNKS)));
        }
        let mut comparison = Self {
            settings,
            budget: Budget::nothing(room.machine.available),
            kept: vec![Vec::new(); n_chunks + 1],
            reference,
            tokenizer,
            chunks,
            room,
            runs,
            reference_pass: None,
            pass: None,
            seconds: 0.0,
            tokens: 0,
        };
        comparison.budget = comparison.plan()?;
        Ok(comparison)
    }

    fn plan(&self) -> Result<Budget> {
        let spec = self.reference.model.spec.as_ref().map_err(Clone::clone)?;
        let candidates: Vec<Candidate> = self.runs.iter().map(|run| run.candidate.clone()).collect();
        let impression = self.chunks.half() - self.chunks.preview();
        let positions = Positions { all: self.chunks.tokens.len() * self.chunks.scored() + impression, impression };
        // The noise floor is measured in the other arithmetic, whose activations may take more.
        let exact = self.settings.exact || self.settings.noise_floor;
        let choice = self.choice(if exact { Arithmetic::Exact } else { Arithmetic::Fast });
        Budget::plan(&self.reference, &candidates, choice, &self.room.machine, positions, spec.n_vocab, self.settings.most_cache)
    }

    /// Adds a candidate behind the others; it is measured against what is kept of the reference.
    ///
    /// # Errors
    /// As [`Self::new`]; nothing is added then.
    pub fn add(&mut self, candidate: Candidate) -> Result<usize> {
        check_vocabulary(&self.reference.model, &candidate.model)?;
        self.runs.push(Run::new(candidate, Kind::Candidate, self.chunks.tokens.len()));
        match self.plan() {
            // What is kept already stays as it is.
            Ok(budget) => self.budget = Budget { storage: self.budget.storage, ..budget },
            Err(error) => {
                self.runs.pop();
                return Err(error);
            }
        }
        Ok(self.runs.len() - 1)
    }

    /// What it was planned to take.
    #[must_use]
    pub const fn budget(&self) -> &Budget {
        &self.budget
    }

    /// The text, in chunks of tokens.
    #[must_use]
    pub const fn chunks(&self) -> &Chunks {
        &self.chunks
    }

    /// The reference.
    #[must_use]
    pub const fn reference(&self) -> &Candidate {
        &self.reference
    }

    /// The candidates, and the noise floor among them, in the order in which they are measured.
    #[must_use]
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// The noise floor's run.
    #[must_use]
    pub fn noise_floor(&self) -> Option<&Run> {
        self.runs.iter().find(|run| run.kind == Kind::NoiseFloor)
    }

    /// How it was asked for.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// A token as text; what is no text by itself is shown as such.
    #[must_use]
    pub fn piece(&self, token: u32) -> String {
        String::from_utf8_lossy(&self.tokenizer.token_bytes(token)).into_owned()
    }

    /// The text as tokens, chunk by chunk, to be looked at. A character of several tokens stands with the last of them, and the others
    /// are empty.
    #[must_use]
    pub fn text(&self) -> Vec<Vec<Token>> {
        self.chunks.tokens.iter().map(|ids| whole_characters(&self.tokenizer, ids)).collect()
    }

    /// What the reference expects at a scored position, if it has been there: its most probable tokens.
    #[must_use]
    pub fn expected(&self, chunk: usize, position: usize) -> Option<&Row> {
        self.kept.get(chunk + 1)?.get(position.checked_sub(self.chunks.half())?)
    }

    /// The mean share of the reference's probability that is kept as a sum and not token by token.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "positions are far below 2^53")]
    pub fn kept_as_sum(&self) -> f64 {
        let rows = || self.kept.iter().flatten();
        rows().map(Row::rest).sum::<f64>() / rows().count().max(1) as f64
    }

    /// By which share of itself KL comes out too low because of that, as measured over the first impressions; 0 where all is kept.
    #[must_use]
    pub fn lost(&self) -> f64 {
        let impressions = || self.runs.iter().flat_map(|run| &run.impression).filter_map(|d| Some((d.kld, d.in_full?)));
        let (kept, full) = impressions().fold((0.0, 0.0), |sums, (kept, full)| (sums.0 + kept, sums.1 + full));
        if full > 0.0 { 1.0 - kept / full } else { 0.0 }
    }

    /// The share of the work that is done, and the seconds that are left if it goes on as it did; `None` before anything was read.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "tokens are far below 2^53")]
    pub fn progress(&self) -> (f64, Option<f64>) {
        let unread = self.kept[1..].iter().filter(|rows| rows.len() < self.chunks.scored()).count();
        let open: usize = self.runs.iter().filter(|run| run.is_open()).map(|run| run.goal - run.scores.len()).sum();
        // What is read of a chunk that is not whole counts too.
        let partial = self.reference_pass.as_ref().map_or(0, |pass| pass.fed) + self.pass.as_ref().map_or(0, |(_, pass)| pass.fed);
        let left = ((unread + open) * self.chunks.end()).saturating_sub(partial % self.chunks.end()) as f64;
        let done = self.tokens as f64;
        let share = if open == 0 { 1.0 } else { done / (done + left).max(1.0) };
        (share, (self.tokens > 0).then(|| self.seconds / done * left))
    }

    /// Frees the models. What was measured stays; the chunk that was being read is begun again.
    pub fn pause(&mut self) {
        self.reference_pass = None;
        if let Some((run, _)) = self.pass.take() {
            self.runs[run].forget_partial();
        }
        let scored = self.chunks.scored();
        for rows in self.kept.iter_mut().skip(1).filter(|rows| rows.len() < scored) {
            rows.clear();
        }
        if self.kept[0].len() < self.chunks.half() - self.chunks.preview() {
            self.kept[0].clear();
        }
        alloc::trim();
    }

    /// Does the next few tokens' work; `None` when there is none left. `progress` is told of loading and asked whether to go on.
    ///
    /// # Errors
    /// [`Error::Cancelled`], after which the same step can be asked for again; a failure of the reference. A candidate's failure is its
    /// run's status.
    pub fn step(&mut self, progress: &mut dyn FnMut(Bytes) -> bool) -> Result<Option<Step>> {
        let Some(run) = self.runs.iter().position(Run::is_open) else {
            self.pause();
            return Ok(None);
        };
        let started = Instant::now();
        let result = match self.next(run) {
            Next::Reference { chunk, goal } => self.read_reference(chunk, goal, progress),
            next => match self.measure(run, next, progress) {
                Err(error) if error != Error::Cancelled => {
                    self.runs[run].status = Status::Failed(error);
                    self.runs[run].forget_partial();
                    self.pass = None;
                    Ok(Step::Ended(run))
                }
                other => other,
            },
        };
        if matches!(result, Ok(Step::Read | Step::Scored(_) | Step::Point(_))) {
            self.seconds += started.elapsed().as_secs_f64();
        }
        result.map(Some)
    }

    fn next(&self, run: usize) -> Next {
        let (half, end, scored) = (self.chunks.half(), self.chunks.end(), self.chunks.scored());
        let unread = |chunk: &usize| self.kept[chunk + 1].len() < scored;
        if !self.budget.together
            && let Some(chunk) = (0..self.chunks.tokens.len()).find(unread)
        {
            return Next::Reference { chunk, goal: end };
        }
        let run = &self.runs[run];
        let chunk = run.scores.len();
        if chunk == run.goal {
            return Next::Decode;
        }
        let goal = if chunk == 0 && run.impression.len() < half - self.chunks.preview() { half } else { end };
        let there = match &self.reference_pass {
            _ if !unread(&chunk) => end,
            Some(pass) if pass.chunk == chunk => pass.fed,
            _ => 0,
        };
        if there < goal { Next::Reference { chunk, goal } } else { Next::Measure { chunk, goal } }
    }

    fn choice(&self, arithmetic: Arithmetic) -> Choice {
        Choice { context: self.chunks.len, kv: KvDtype::F16, arithmetic, threads: self.settings.threads, recode: None }
    }

    /// The arithmetic of a kind of run.
    const fn arithmetic(&self, kind: Kind) -> Arithmetic {
        match (self.settings.exact, kind) {
            (true, Kind::Candidate) | (false, Kind::NoiseFloor) => Arithmetic::Exact,
            (false, Kind::Candidate) | (true, Kind::NoiseFloor) => Arithmetic::Fast,
        }
    }

    fn read_reference(&mut self, chunk: usize, goal: usize, progress: &mut dyn FnMut(Bytes) -> bool) -> Result<Step> {
        if !self.budget.together {
            self.pass = None;
        }
        let choice = self.choice(self.arithmetic(Kind::Candidate));
        let Some(pass) = &mut self.reference_pass else {
            let pass = Pass::load(&self.reference, choice, &self.room.pool, &self.room.ledger, progress)?;
            self.reference_pass = Some(pass);
            return Ok(Step::ReferenceLoaded);
        };
        pass.on(chunk);
        // It looks at the flag in each layer; nothing is being loaded then.
        let asked = RefCell::new(progress);
        let (fed, logits) = pass.feed(&self.chunks, goal, &|| (asked.borrow_mut())(Bytes(0)))?;
        if let Some(logits) = logits {
            let (chunks, storage, first) = (&self.chunks, self.budget.storage, fed.start);
            let tokens = &chunks.tokens[chunk];
            let width = logits.len() / fed.len();
            let mut rows: Vec<Option<Row>> = vec![None; fed.len()];
            self.room.pool.chunks(&mut rows, 1, |i, row| {
                let impression = first < chunks.half();
                row[0] = Some(Row::new(&logits[i * width..][..width], tokens[first + i + 1], storage, impression));
            });
            for (position, row) in (first..).zip(rows.into_iter().flatten()) {
                let (list, start) = if position < self.chunks.half() {
                    (&mut self.kept[0], self.chunks.preview())
                } else {
                    (&mut self.kept[chunk + 1], self.chunks.half())
                };
                if list.len() + start == position {
                    list.push(row);
                }
            }
        }
        self.tokens += fed.len();
        let scored = self.chunks.scored();
        if self.kept[1..].iter().all(|rows| rows.len() == scored) {
            self.reference_pass = None;
            alloc::trim();
        }
        Ok(Step::Read)
    }

    fn measure(&mut self, run: usize, next: Next, progress: &mut dyn FnMut(Bytes) -> bool) -> Result<Step> {
        self.runs[run].status = Status::Running;
        let kind = self.runs[run].kind;
        let loaded = self.pass.as_ref().is_some_and(|(of, _)| *of == run);
        if !loaded {
            self.pass = None;
            alloc::trim();
            let choice = self.choice(self.arithmetic(kind));
            let pass = Pass::load(&self.runs[run].candidate, choice, &self.room.pool, &self.room.ledger, progress)?;
            self.pass = Some((run, pass));
            return Ok(Step::Loaded(run));
        }
        let Some((_, pass)) = &mut self.pass else { return Err(Error::Internal("a model that was loaded is not there".into())) };
        let asked = RefCell::new(progress);
        let go_on = || (asked.borrow_mut())(Bytes(0));
        let Next::Measure { chunk, goal } = next else {
            if kind == Kind::Candidate && pass.decode(&self.chunks, &go_on)? {
                return Ok(Step::Scored(run));
            }
            self.runs[run].note_speed(pass);
            self.runs[run].status = Status::Done;
            self.pass = None;
            alloc::trim();
            return Ok(Step::Ended(run));
        };
        pass.on(chunk);
        let (fed, logits) = pass.feed(&self.chunks, goal, &go_on)?;
        if let Some(logits) = logits {
            let (tokens, first) = (&self.chunks.tokens[chunk], fed.start);
            let (kept, start) = if first < self.chunks.half() {
                (&self.kept[0], self.chunks.preview())
            } else {
                (&self.kept[chunk + 1], self.chunks.half())
            };
            let width = logits.len() / fed.len();
            let mut differences: Vec<Option<Difference>> = vec![None; fed.len()];
            self.room.pool.chunks(&mut differences, 1, |i, difference| {
                let row = kept.get(first + i - start);
                difference[0] = row.map(|row| row.compare(&logits[i * width..][..width], tokens[first + i + 1]));
            });
            for (position, difference) in (first..).zip(differences.into_iter().flatten()) {
                self.runs[run].keep(&self.chunks, chunk, position, difference);
            }
        }
        self.tokens += fed.len();
        self.runs[run].note_speed(pass);
        let whole = fed.end == self.chunks.end() && self.runs[run].close_chunk(&self.chunks);
        Ok(if whole || (chunk == 0 && fed.end == self.chunks.half()) { Step::Point(run) } else { Step::Scored(run) })
    }
}

/// Tokens with the characters that they complete.
fn whole_characters(tokenizer: &Tokenizer, ids: &[u32]) -> Vec<Token> {
    let mut open: Vec<u8> = Vec::new();
    let mut complete = |token: Token| {
        open.extend(tokenizer.token_bytes(token.id).iter());
        let text = match std::str::from_utf8(&open) {
            Ok(text) => text.to_owned(),
            Err(error) if error.error_len().is_none() => {
                let rest = open.split_off(error.valid_up_to());
                let text = String::from_utf8_lossy(&open).into_owned();
                open = rest;
                return Token { text, ..token };
            }
            // It is no text whatever follows.
            Err(_) => token.text.clone(),
        };
        open.clear();
        Token { text, ..token }
    };
    cut(tokenizer, ids).into_iter().map(&mut complete).collect()
}

/// What is to be done next.
#[derive(Debug, Clone, Copy)]
enum Next {
    /// The reference reads a chunk up to a goal.
    Reference { chunk: usize, goal: usize },
    /// A candidate does.
    Measure { chunk: usize, goal: usize },
    /// A candidate generates, for the speed.
    Decode,
}
