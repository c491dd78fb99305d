//! An answer, token by token: pull [`Generation::next`] until it gives nothing, then read the [`Metrics`].

use std::collections::VecDeque;
use std::time::Instant;

use super::decoder::Want;
use super::metrics::{Metrics, StopReason};
use super::operation::Times;
use super::prompt::Prompt;
use super::sampler::{Sampler, Sampling};
use super::session::Session;
use super::speed::Speed;
use super::stream::TextStream;
use crate::error::{Error, Result};
use crate::memory::plan::PREFILL_CHUNK;
use crate::units::{TokensPerSecond, grouped};

/// What one pull gives.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// A chunk of the prompt was read.
    Reading {
        /// Positions in the cache.
        done: usize,
        /// Tokens of the prompt.
        total: usize,
    },
    /// A token was drawn; its text may be empty (half a character, the beginning of a stop string).
    Text {
        /// Whole characters.
        text: String,
        /// Tokens drawn so far.
        generated: usize,
        /// Positions of the context in use.
        context_used: usize,
        /// Speed so far.
        decode: TokensPerSecond,
    },
}

/// An answer under way. Dropping it leaves what was read in the cache, for the next turn.
pub struct Generation<'a> {
    session: &'a mut Session,
    sampler: Sampler,
    stream: TextStream,
    prompt: Vec<u32>,
    unread: VecDeque<u32>,
    reused: usize,
    max_tokens: usize,
    generated: Vec<u32>,
    /// The answer is a text of its own, before whose first word the tokenizer writes a space that isn't the text's.
    begins: bool,
    /// The token drawn last, not yet fed.
    pending: Option<u32>,
    stopped: Option<StopReason>,
    started: Instant,
    prefill_seconds: f64,
    prefill_times: Times,
    first_token_seconds: f64,
    decode_seconds: f64,
    decode_times: Times,
}

impl<'a> Generation<'a> {
    /// Begins an answer to a prompt. What the cache already holds of it is not read again.
    ///
    /// # Errors
    /// An empty prompt, or one that leaves no room in the context: nothing is ever dropped from it.
    pub fn start(session: &'a mut Session, prompt: &Prompt, sampling: &Sampling, seed: u64) -> Result<Self> {
        let (n, context) = (prompt.tokens.len(), session.runner().context());
        if n == 0 {
            return Err(Error::Engine("the prompt is empty: write something first".into()));
        }
        if n >= context {
            return Err(Error::Engine(format!(
                "the prompt has {} tokens and the context holds {}: start a new chat, shorten it, or load the model with a longer context",
                grouped(n as u64),
                grouped(context as u64)
            )));
        }
        crate::memory::alloc::reset_engine_peak();
        let reused = session.runner_mut().rewind_to_common(&prompt.tokens);
        let settings = sampling.clamped();
        Ok(Self {
            sampler: Sampler::new(&settings, seed),
            stream: TextStream::new(settings.stop),
            unread: prompt.tokens[reused..].iter().copied().collect(),
            prompt: prompt.tokens.clone(),
            reused,
            max_tokens: settings.max_tokens,
            generated: Vec::new(),
            begins: !prompt.message_tokens.is_empty() && session.tokenizer().vocabulary().add_space_prefix,
            pending: None,
            stopped: None,
            started: Instant::now(),
            prefill_seconds: 0.0,
            prefill_times: Times::default(),
            first_token_seconds: 0.0,
            decode_seconds: 0.0,
            decode_times: Times::default(),
            session,
        })
    }

    /// The next step, or nothing when the answer is complete. If `go_on` says no, the answer ends as cancelled.
    ///
    /// # Errors
    /// A failure of the engine; the text so far stands.
    pub fn next(&mut self, go_on: &dyn Fn() -> bool) -> Result<Option<Progress>> {
        if self.stopped.is_some() {
            return Ok(None);
        }
        match self.step(go_on) {
            Err(Error::Cancelled) => Ok(self.end(StopReason::Cancelled)),
            other => other,
        }
    }

    fn step(&mut self, go_on: &dyn Fn() -> bool) -> Result<Option<Progress>> {
        if !self.unread.is_empty() {
            return self.read_chunk(go_on).map(Some);
        }
        let Some(token) = self.pending.take() else { return Ok(self.end(StopReason::EndOfTurn)) };
        if self.session.tokenizer().vocabulary().ends_generation(token) {
            return Ok(self.end(StopReason::EndOfTurn));
        }
        self.generated.push(token);
        let bytes = self.session.tokenizer().token_bytes(token);
        let first = self.begins && self.generated.len() == 1;
        let delta = self.stream.push(bytes.strip_prefix(b" ").filter(|_| first).unwrap_or(&bytes));
        let context_full = self.session.runner().tokens().len() == self.session.runner().context();
        if delta.stop.is_some() {
            self.stopped = Some(StopReason::StopString);
        } else if self.generated.len() >= self.max_tokens {
            self.stopped = Some(StopReason::MaxTokens);
        } else if context_full {
            self.stopped = Some(StopReason::ContextFull);
        } else {
            let (started, before) = (Instant::now(), self.session.runner().times());
            let fed = self.session.runner_mut().chunk(&[token], Want::Last, go_on).map(|_| ());
            self.decode_seconds += started.elapsed().as_secs_f64();
            self.decode_times += self.session.runner().times() - before;
            match fed {
                Ok(()) => self.draw()?,
                Err(Error::Cancelled) => self.stopped = Some(StopReason::Cancelled),
                Err(error) => return Err(error),
            }
        }
        let mut text = delta.text;
        if self.stopped.is_some_and(|reason| reason != StopReason::StopString) {
            text.push_str(&self.stream.finish());
        }
        Ok(Some(self.text(text)))
    }

    fn read_chunk(&mut self, go_on: &dyn Fn() -> bool) -> Result<Progress> {
        let (started, before) = (Instant::now(), self.session.runner().times());
        let n = self.unread.len().min(PREFILL_CHUNK);
        let chunk: Vec<u32> = self.unread.iter().take(n).copied().collect();
        let want = if n == self.unread.len() { Want::Last } else { Want::Nothing };
        self.session.runner_mut().chunk(&chunk, want, go_on)?;
        self.unread.drain(..n);
        self.prefill_seconds += started.elapsed().as_secs_f64();
        self.prefill_times += self.session.runner().times() - before;
        if self.unread.is_empty() {
            self.draw()?;
            self.first_token_seconds = self.started.elapsed().as_secs_f64();
        }
        Ok(Progress::Reading { done: self.session.runner().tokens().len(), total: self.prompt.len() })
    }

    /// Draws from the logits of the chunk that was read last. Rows of a head beyond the tokens that there are only fill it up.
    fn draw(&mut self) -> Result<()> {
        let runner = self.session.runner();
        let known = runner.spec().n_vocab.min(self.session.tokenizer().vocabulary().len());
        let logits = runner.logits();
        let token = self.sampler.sample(&logits[..known.min(logits.len())], runner.tokens())?;
        self.pending = Some(token);
        Ok(())
    }

    /// Ends the answer; what the stream still holds is the last text.
    fn end(&mut self, reason: StopReason) -> Option<Progress> {
        self.stopped = Some(reason);
        let rest = self.stream.finish();
        (!rest.is_empty()).then(|| self.text(rest))
    }

    fn text(&self, text: String) -> Progress {
        Progress::Text { text, generated: self.generated.len(), context_used: self.session.runner().tokens().len(), decode: self.decode() }
    }

    /// Tokens fed one at a time, by the time that took.
    fn decode(&self) -> TokensPerSecond {
        let fed = self.session.runner().tokens().len().saturating_sub(self.prompt.len());
        TokensPerSecond::new(fed, self.decode_seconds)
    }

    /// The tokens drawn so far.
    #[must_use]
    pub fn tokens(&self) -> &[u32] {
        &self.generated
    }

    /// What a token stands for.
    #[must_use]
    pub fn bytes_of(&self, token: u32) -> Vec<u8> {
        self.session.tokenizer().token_bytes(token)
    }

    /// What was measured. Complete when [`Generation::next`] has given nothing.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let read = self.prompt.len() - self.reused - self.unread.len();
        Metrics {
            prompt_tokens: self.prompt.len(),
            reused_tokens: self.reused,
            generated_tokens: self.generated.len(),
            prefill: TokensPerSecond::new(read, self.prefill_seconds),
            decode: self.decode(),
            first_token_seconds: self.first_token_seconds,
            stop_reason: self.stopped.unwrap_or(StopReason::Interrupted),
            speed: self.speed(),
        }
    }

    fn speed(&self) -> Option<Speed> {
        let (prefill, decode) = (self.prefill_times, self.decode_times);
        let depth = self.prompt.len() + self.generated.len() / 2;
        let speed = Speed { bytes_per_token: self.session.bytes_per_token(depth), depth, prefill, decode };
        ((prefill + decode).total() > 0.0).then_some(speed)
    }
}
