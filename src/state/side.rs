//! One prompt to several models: who is asked, what they have said so far, and where they differ from the first.

use std::sync::Arc;

use super::{Action, Slot, State};
use crate::engine::metrics::Metrics;
use crate::engine::sampler::Sampling;
use crate::engine::session::Input;
use crate::engine::template::{Message, Role};
use crate::error::Error;
use crate::inspect::Model;
use crate::lab::candidate::Candidate;
use crate::lab::side::align::Alignment;
use crate::lab::side::{Booked, Column, MOST_COLUMNS, Plan, Question, Told};
use crate::memory::plan::{Arithmetic, Choice, KvDtype};
use crate::message::lab::Pick;
use crate::message::side::{Ask, Seen};
use crate::message::{Command, JobId, Order, Outcome};
use crate::store::chat::Mode;
use crate::units::{Bytes, TokensPerSecond};

/// Tokens that a prompt and its answers may take.
const CONTEXT: usize = 2_048;
/// Most tokens of an answer.
pub const MOST_TOKENS: usize = 1_024;

/// A model as it is chosen for a column.
#[derive(Debug, Clone)]
pub struct Who(pub Arc<Candidate>);

impl PartialEq for Who {
    /// The same file made into the same.
    fn eq(&self, other: &Self) -> bool {
        self.0.model.file.path == other.0.model.file.path && self.0.mix.recipe == other.0.mix.recipe
    }
}

/// A column before it is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    /// The model.
    pub who: Who,
    /// Its own temperature, where it is not that of all.
    pub temperature: Option<f64>,
}

impl Chosen {
    /// With the settings of all.
    #[must_use]
    pub const fn of(candidate: Arc<Candidate>) -> Self {
        Self { who: Who(candidate), temperature: None }
    }

    /// What stands over the column.
    #[must_use]
    pub fn name(&self) -> String {
        let name = &self.who.0.name;
        self.temperature.map_or_else(|| name.clone(), |temperature| format!("{name}, temperature {temperature:.2}"))
    }
}

/// What a person wishes.
#[derive(Debug, Clone, PartialEq)]
pub enum Wish {
    /// These columns.
    Columns(Vec<Chosen>),
    /// What is said to them.
    Prompt(String),
    /// A message through each model's template, or a text to be continued.
    Mode(Mode),
    /// How tokens are drawn where a column has nothing of its own.
    Sampling(Sampling),
    /// Ask them.
    Ask,
    /// Stop all answers.
    Stop,
}

/// How an answer stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    /// Its turn has not come.
    Waiting,
    /// Its model is being loaded.
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
        /// Tokens in all.
        total: usize,
    },
    /// It writes.
    Writing,
    /// It is complete, or was stopped.
    Ended(Metrics),
    /// It failed; what was said stays.
    Failed(Error),
}

/// What a column has said.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Who was asked.
    pub chosen: Chosen,
    /// How it stands.
    pub phase: Phase,
    /// All of its text.
    pub text: String,
    /// Where in the text each token's ends.
    pub ends: Vec<usize>,
    /// Speed so far.
    pub decode: TokensPerSecond,
    /// The most that was booked for it.
    pub booked: Booked,
    /// Whether each token is in the first column's answer too, in the same order; empty in the first.
    pub shared: Vec<bool>,
    /// The first token that is another than the first column's, once both have one there.
    pub first_difference: Option<usize>,
    alignment: Alignment<Arc<[u8]>>,
}

impl Answer {
    fn new(chosen: Chosen) -> Self {
        Self {
            chosen,
            phase: Phase::Waiting,
            text: String::new(),
            ends: Vec::new(),
            decode: TokensPerSecond(0.0),
            booked: Booked::default(),
            shared: Vec::new(),
            first_difference: None,
            alignment: Alignment::default(),
        }
    }

    /// The part of the text that is a token's.
    #[must_use]
    pub fn token(&self, at: usize) -> &str {
        let from = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.ends.get(at).and_then(|&to| self.text.get(from..to)).unwrap_or_default()
    }

    /// Tokens from the beginning on that are the first column's too.
    #[must_use]
    pub const fn common(&self) -> usize {
        self.alignment.common()
    }

    /// The share of its tokens that the first column has too, in the same order.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    pub fn share(&self) -> f64 {
        let shared = self.shared.iter().filter(|shared| **shared).count();
        if self.shared.is_empty() { 1.0 } else { shared as f64 / self.shared.len() as f64 }
    }

    fn realign(&mut self) {
        self.shared = self.alignment.shared();
        self.first_difference = self.alignment.first_difference();
    }
}

/// See the module.
#[derive(Debug)]
pub struct Side {
    /// Who can be asked: the reference and its candidates, the open and the loaded file.
    pub offers: Vec<Who>,
    /// Who is to be asked, the first being what the others are held against. Until somebody chooses, it follows the choice of what is
    /// compared.
    pub columns: Vec<Chosen>,
    /// What is said to them.
    pub prompt: String,
    /// Through each model's template, or as it is.
    pub mode: Mode,
    /// How tokens are drawn; its seed is that of all.
    pub sampling: Sampling,
    /// Whether they fit together, by the memory that was there when they were chosen or asked.
    pub plan: Option<Plan>,
    /// Whether they are answering.
    pub asking: Slot<()>,
    /// Whether they stand still while a chat is answered.
    pub yielding: bool,
    /// What they said.
    pub answers: Vec<Answer>,
    /// Somebody chose the columns.
    is_chosen: bool,
    /// What the offers were made of.
    offered: Offered,
}

/// Changes when there is something else to offer.
type Offered = [usize; 5];

impl Default for Side {
    fn default() -> Self {
        Self {
            offers: Vec::new(),
            columns: Vec::new(),
            prompt: "Explain in two sentences why the sky is blue.".to_owned(),
            mode: Mode::Chat,
            sampling: Sampling { seed: Some(1), max_tokens: 128, ..Sampling::greedy() },
            plan: None,
            asking: Slot::Empty,
            yielding: false,
            answers: Vec::new(),
            is_chosen: false,
            offered: Offered::default(),
        }
    }
}

impl State {
    /// Turns a wish into an order.
    pub(super) fn side(&mut self, wish: Wish) -> Option<Order> {
        match wish {
            Wish::Columns(mut columns) => {
                if self.side.asking.job().is_some() {
                    return None;
                }
                columns.truncate(MOST_COLUMNS);
                self.side.is_chosen = true;
                self.turn_to(columns);
            }
            Wish::Prompt(text) => self.side.prompt = text,
            Wish::Mode(mode) => self.side.mode = mode,
            Wish::Sampling(sampling) => {
                let sampling = sampling.clamped();
                self.side.sampling = Sampling { max_tokens: sampling.max_tokens.min(MOST_TOKENS), ..sampling };
            }
            Wish::Ask => return self.ask_side(),
            Wish::Stop => return self.stop(self.side.asking.job()),
        }
        None
    }

    /// Whether the columns could be asked now.
    #[must_use]
    pub fn can_ask_side(&self) -> bool {
        !self.side.columns.is_empty() && !self.side.prompt.trim().is_empty() && self.side.asking.job().is_none()
    }

    fn ask_side(&mut self) -> Option<Order> {
        if !self.can_ask_side() {
            return None;
        }
        let side = &self.side;
        let columns = side.columns.iter().map(|chosen| (Arc::clone(&chosen.who.0), self.sampling_of(chosen))).collect();
        let ask = Ask { columns, question: self.question() };
        let answers = side.columns.iter().cloned().map(Answer::new).collect();
        let order = self.order(Command::Side(Box::new(ask)));
        self.side.answers = answers;
        self.side.yielding = false;
        self.side.asking = Slot::Busy { job: order.job, progress: () };
        Some(order)
    }

    fn question(&self) -> Question {
        let side = &self.side;
        let input = match side.mode {
            Mode::Completion => Input::Completion(side.prompt.clone()),
            Mode::Chat => {
                let message = Message { role: Role::User, content: side.prompt.clone() };
                Input::Chat { messages: vec![message], fallback_template: false }
            }
        };
        let threads = self.threads();
        let choice = Choice { context: CONTEXT, kv: KvDtype::F16, arithmetic: Arithmetic::Fast, threads, recode: None };
        Question { input, choice, seed: side.sampling.seed.unwrap_or(1) }
    }

    fn sampling_of(&self, chosen: &Chosen) -> Sampling {
        let all = Sampling { seed: None, ..self.side.sampling.clone() };
        Sampling { temperature: chosen.temperature.unwrap_or(all.temperature), ..all }
    }

    /// Offers what there is to be asked now, and follows it until somebody has chosen.
    pub(super) fn follow_lab(&mut self) {
        let address = |model: Option<&Arc<Model>>| model.map_or(0, |model| Arc::as_ptr(model).addr());
        let lab = &self.lab;
        let (opened, loaded) = (self.opened.ready().map(|opened| &opened.model), self.loaded.as_ref().map(|loaded| &loaded.model));
        let plan = lab.plan.as_ref().map_or(0, |plan| Arc::as_ptr(plan).addr());
        let offered = [address(lab.reference.ready()), plan, lab.picks.len(), address(opened), address(loaded)];
        if std::mem::replace(&mut self.side.offered, offered) == offered {
            return;
        }
        let mut offers: Vec<Who> = Vec::new();
        let planned = lab.plan.iter().flat_map(|plan| {
            let picks = plan.picks.iter().filter(|planned| lab.picks.contains(&planned.pick));
            std::iter::once(plan.reference.as_ref()).chain(picks.map(|planned| planned.candidate.as_ref()))
        });
        let mut candidates: Vec<Arc<Candidate>> = planned.filter_map(|planned| Some(Arc::clone(&planned.ok()?.0))).collect();
        let of_lab = candidates.len();
        // Models of other tokens cannot be measured against the reference, but asked.
        let files = lab.picks.iter().filter_map(|pick| if let Pick::File(model) = pick { Some(model) } else { None });
        let files = files.chain(opened).chain(loaded).filter_map(|model| Candidate::file(Arc::clone(model)).ok().map(Arc::new));
        candidates.extend(files);
        for who in candidates.into_iter().map(Who) {
            if !offers.contains(&who) {
                offers.push(who);
            }
        }
        let first: Vec<Chosen> = offers.iter().take(of_lab.min(MOST_COLUMNS)).map(|who| Chosen::of(Arc::clone(&who.0))).collect();
        self.side.offers = offers;
        if !self.side.is_chosen && self.side.asking.job().is_none() && self.side.answers.is_empty() {
            self.turn_to(first);
        }
    }

    /// Other columns; what was said stays as far as it is of the same columns from the first on.
    fn turn_to(&mut self, columns: Vec<Chosen>) {
        let side = &mut self.side;
        let same = side.answers.iter().zip(&columns).take_while(|(answer, chosen)| answer.chosen == **chosen).count();
        side.answers.truncate(same);
        side.columns = columns;
        self.plan_side();
    }

    /// Plans what is chosen.
    fn plan_side(&mut self) {
        let columns: Vec<Column> = self.side.columns.iter().map(|chosen| self.column(chosen)).collect();
        self.side.plan = (!columns.is_empty()).then(|| Plan::of(&columns, &self.question(), &self.machine));
    }

    fn column(&self, chosen: &Chosen) -> Column {
        Column { candidate: (*chosen.who.0).clone(), sampling: self.sampling_of(chosen) }
    }

    /// Folds in what was told.
    pub(super) fn side_seen(&mut self, job: JobId, seen: Seen) {
        if !self.side.asking.waits_for(job) {
            return;
        }
        match seen {
            Seen::Planned(plan) => self.side.plan = Some(plan),
            Seen::Yielding(yielding) => self.side.yielding = yielding,
            Seen::Column(at, told) => self.side.told(at, told),
        }
    }

    /// Folds in how it ended.
    pub(super) fn side_done(&mut self, outcome: Result<Outcome, Error>) -> Option<Action> {
        self.side.yielding = false;
        self.side.asking = match outcome {
            Ok(_) => Slot::Ready(()),
            Err(Error::Cancelled) => Slot::Empty,
            Err(error) => Slot::Failed(error),
        };
        // A lane that panicked has left answers open.
        if let Slot::Failed(error) = &self.side.asking {
            for answer in self.side.answers.iter_mut().filter(|answer| !matches!(answer.phase, Phase::Ended(_) | Phase::Failed(_))) {
                answer.phase = Phase::Failed(error.clone());
            }
        }
        None
    }
}

impl Side {
    fn told(&mut self, at: usize, told: Told) {
        let Some(answer) = self.answers.get_mut(at) else { return };
        match told {
            Told::Loading { done, total } => answer.phase = Phase::Loading { done, total },
            Told::Reading { done, total } => answer.phase = Phase::Reading { done, total },
            Told::Text { token, text, decode, booked } => {
                answer.phase = Phase::Writing;
                answer.text.push_str(&text);
                answer.decode = decode;
                answer.booked = booked;
                match token {
                    Some(token) => {
                        answer.ends.push(answer.text.len());
                        self.drawn(at, &token);
                    }
                    None => {
                        if let Some(end) = answer.ends.last_mut() {
                            *end = answer.text.len();
                        }
                    }
                }
            }
            Told::Ended(metrics) => answer.phase = Phase::Ended(metrics),
            Told::Failed(error) => answer.phase = Phase::Failed(error),
        }
    }

    /// Holds a new token against the first column's, or all against a new one of that.
    fn drawn(&mut self, at: usize, token: &Arc<[u8]>) {
        let others = self.answers.iter_mut().enumerate().skip(1);
        for (_, answer) in others.filter(|(other, _)| at == 0 || *other == at) {
            if at == 0 {
                answer.alignment.push_first(Arc::clone(token));
            } else {
                answer.alignment.push_second(Arc::clone(token));
            }
            answer.realign();
        }
    }
}
