//! Right answers to held-out questions, counted: the measure of a quantization that needs no explanation.
//!
//! [`Count`] asks one question per step, so that a lane can do other work between two of them and a person can stop and go on. Who
//! answers is a closure; [`ask`] is the one that asks a loaded model.

use std::collections::BTreeMap;

use crate::engine::generate::{Generation, Progress};
use crate::engine::metrics::StopReason;
use crate::engine::sampler::Sampling;
use crate::engine::session::{Input, Session};
use crate::engine::template::{Message, Role};
use crate::error::{Error, Result};
use crate::pocket::Question;

/// The most tokens an answer may have; who needs more talks about something else.
const MAX_TOKENS: usize = 96;

/// 97.5 % of a normal distribution lie below this many standard deviations.
const Z: f64 = 1.959_964;

/// How many answers were right.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Right answers.
    pub right: usize,
    /// Questions asked.
    pub asked: usize,
}

#[expect(clippy::cast_precision_loss, reason = "questions are far below 2^53")]
impl Tally {
    fn add(&mut self, right: bool) {
        self.right += usize::from(right);
        self.asked += 1;
    }

    /// The share of right answers; 0 before the first question.
    #[must_use]
    pub fn share(&self) -> f64 {
        if self.asked == 0 { 0.0 } else { self.right as f64 / self.asked as f64 }
    }

    /// The standard error of the share, √(p (1 − p) / n); 0 before the first question, and where all answers are right or none.
    #[must_use]
    pub fn stderr(&self) -> f64 {
        let p = self.share();
        if self.asked == 0 { 0.0 } else { (p * (1.0 - p) / self.asked as f64).sqrt() }
    }

    /// Wilson's interval of 95 % for the share that an endless examination would find; unlike the standard error it is honest at the ends.
    #[must_use]
    pub fn interval(&self) -> (f64, f64) {
        if self.asked == 0 {
            return (0.0, 1.0);
        }
        let (n, p) = (self.asked as f64, self.share());
        let z2 = Z * Z / n;
        let middle = (p + z2 / 2.0) / (1.0 + z2);
        let half = Z / (1.0 + z2) * (p * (1.0 - p) / n + z2 / (4.0 * n)).sqrt();
        ((middle - half).max(0.0), (middle + half).min(1.0))
    }
}

/// A question, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What was asked.
    pub question: String,
    /// What would have been right, in other words perhaps.
    pub expected: String,
    /// What was said.
    pub found: String,
    /// Whether that was right.
    pub right: bool,
}

/// What came out so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answers {
    /// Over all questions.
    pub total: Tally,
    /// By the kind of question.
    pub by_kind: BTreeMap<&'static str, Tally>,
    /// Every question so far, in their order.
    pub asked: Vec<Asked>,
}

impl Answers {
    /// Judges an answer and counts it.
    pub fn add(&mut self, question: &Question, answer: String) {
        let right = question.is_right(&answer);
        self.total.add(right);
        self.by_kind.entry(question.kind.name()).or_default().add(right);
        self.asked.push(Asked { question: question.text.clone(), expected: question.answer.clone(), found: answer, right });
    }
}

/// An examination under way.
#[derive(Debug, Clone, Default)]
pub struct Count {
    questions: Vec<Question>,
    answers: Answers,
}

impl Count {
    /// Before the first question.
    #[must_use]
    pub fn new(questions: Vec<Question>) -> Self {
        Self { questions, answers: Answers::default() }
    }

    /// Asks the next question and counts the answer; `false` when there is none left. After an error the same question comes again.
    ///
    /// # Errors
    /// What `answer` gives.
    pub fn step(&mut self, answer: &mut dyn FnMut(&str) -> Result<String>) -> Result<bool> {
        let Some(question) = self.questions.get(self.answers.total.asked) else { return Ok(false) };
        let said = answer(&question.text)?;
        self.answers.add(question, said);
        Ok(true)
    }

    /// What came out so far.
    #[must_use]
    pub const fn answers(&self) -> &Answers {
        &self.answers
    }

    /// How many questions there are.
    #[must_use]
    pub const fn n_questions(&self) -> usize {
        self.questions.len()
    }
}

/// Asks a model one question, in an empty context and through its chat template; the most probable token each time.
///
/// # Errors
/// [`Error::Cancelled`] when `go_on` says no; a template that is missing or fails; whatever the engine gives.
pub fn ask(session: &mut Session, question: &str, go_on: &dyn Fn() -> bool) -> Result<String> {
    let messages = vec![Message::new(Role::User, question)];
    let prompt = session.prompt(&Input::Chat { messages, fallback_template: false }, go_on)?;
    session.runner_mut().truncate(0);
    let sampling = Sampling { max_tokens: MAX_TOKENS, ..Sampling::greedy() };
    let mut generation = Generation::start(session, &prompt, &sampling, 0)?;
    let mut answer = String::new();
    while let Some(progress) = generation.next(go_on)? {
        if let Progress::Text { text, .. } = progress {
            answer.push_str(&text);
        }
    }
    if generation.metrics().stop_reason == StopReason::Cancelled { Err(Error::Cancelled) } else { Ok(answer) }
}
