//! Everything the app knows. No egui, no threads: a pure fold.
//!
//! [`State::perform`] turns a wish into at most one order; [`State::apply`] folds an event in and returns at most one wish that
//! follows from it (fetched → open → load). Nothing else changes the state.

pub mod action;
mod answer;
pub mod apply;
pub mod browse;
pub mod chats;
pub mod export;
pub mod lab;
pub mod make;
pub mod notice;
pub mod perform;
mod saving;
pub mod side;
pub mod slot;
mod speed;
pub mod tokens;
mod welcome;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use crate::engine::prompt::Prompt;
use crate::inspect::Model;
use crate::kernels::bandwidth::Bandwidth;
use crate::library::download::Progress as FetchProgress;
use crate::library::scan::Found;
use crate::library::summary::Summary;
use crate::memory::history::History;
use crate::memory::plan::{self, Choice, Plan};
use crate::memory::probe::Machine;
use crate::message::{JobId, Receipt};
use crate::store::chat::{ChatId, Mode};
use crate::store::settings::Settings;
use crate::units::{Bytes, TokensPerSecond};

pub use action::{Action, Page};
pub use chats::Chats;
pub use notice::{Notices, Tone};
pub use slot::Slot;

/// A file whose header was read, with the plan for what is chosen.
#[derive(Debug, Clone)]
pub struct Opened {
    /// What the file is.
    pub model: Arc<Model>,
    /// What loading it would cost; `Err` for a file that cannot run.
    pub plan: crate::error::Result<Plan>,
}

/// The model that can answer.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What the file is.
    pub model: Arc<Model>,
    /// What it was promised to cost.
    pub plan: Plan,
    /// What it took.
    pub receipt: Receipt,
}

/// How far a load is.
#[derive(Debug, Clone, PartialEq)]
pub struct Loading {
    /// The file's name as it is shown.
    pub name: String,
    /// Bytes in place.
    pub done: Bytes,
    /// Bytes in all.
    pub total: Bytes,
}

/// What the engine is doing for a chat.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Phase {
    /// The person's message is being written to disk.
    Saving,
    /// In the queue.
    Waiting,
    /// Reading the prompt.
    Reading {
        /// Tokens read.
        done: usize,
        /// Tokens in all.
        total: usize,
    },
    /// Writing the answer.
    Writing {
        /// Tokens so far.
        generated: usize,
        /// Speed so far.
        decode: TokensPerSecond,
    },
}

/// An answer under way.
#[derive(Debug, Clone, PartialEq)]
pub struct Answering {
    /// The job that saves, then the one that generates.
    pub job: JobId,
    /// The chat that receives it.
    pub chat: ChatId,
    /// How far it is.
    pub phase: Phase,
    /// Stop was asked for.
    pub stopping: bool,
}

/// The prompt of [`Action::ShowPrompt`] and the chat it belongs to.
pub type PromptView = Slot<Prompt>;

/// Everything the app knows.
#[derive(Debug)]
pub struct State {
    /// The page that is shown.
    pub page: Page,
    /// Milliseconds since 1970, as the app last said.
    pub now: i64,
    /// The machine, as it was last measured.
    pub machine: Machine,
    /// The file whose header is shown.
    pub opened: Slot<Opened, PathBuf>,
    /// The model that answers. Keeps its value while another one is loading.
    pub loaded: Option<Loaded>,
    /// A load under way, and how the last one failed.
    pub loading: Slot<(), Loading>,
    /// The answer under way.
    pub answering: Option<Answering>,
    /// Positions of the context in use after the last step; 0 for a chat that the model has not read.
    pub context_used: usize,
    /// The conversations.
    pub chats: Chats,
    /// Whether chats and settings were read from disk; before that nothing is written.
    pub restored: Slot<()>,
    /// Whether the fallback replaces the file's chat template.
    pub fallback_template: bool,
    /// The exact prompt, when it is shown.
    pub prompt: PromptView,
    /// How the draft is cut, when that is shown.
    pub tokens: tokens::Tokens,
    /// Models on this disk.
    pub found: Slot<Vec<Found>>,
    /// What the headers of found and recent files say.
    pub summaries: BTreeMap<PathBuf, Summary>,
    /// The starter model's download.
    pub starter: Slot<PathBuf, Option<FetchProgress>>,
    /// The live memory.
    pub memory: History,
    /// How fast this machine reads memory, once it was measured.
    pub bandwidth: Slot<Bandwidth>,
    /// The page of tensors.
    pub browsing: browse::Browsing,
    /// One prompt to several models.
    pub side: side::Side,
    /// Distortion of tensors, and what is written as a file.
    pub workshop: make::Workshop,
    /// What is being taken away.
    pub exporting: export::Exporting,
    /// The page of the lab.
    pub lab: lab::Lab,
    /// What the person chose.
    pub settings: Settings,
    /// Whether the desktop asks for dark windows; `None` until it has said so.
    pub system_is_dark: Option<bool>,
    /// Messages at the top right.
    pub notices: Notices,
    promised: Option<(Arc<Model>, Plan)>,
    picking: Option<JobId>,
    saving: saving::Saving,
    welcome: welcome::Welcome,
    /// The settings that the window opened with; what differs from them was changed before the disk answered.
    settings_at_start: Settings,
    /// The open whose file is to be loaded if it fits.
    load_when_open: Option<JobId>,
    unloading: Option<JobId>,
    asking_theme: Option<JobId>,
    /// Jobs of which only a failure is of interest.
    chores: BTreeSet<JobId>,
    /// The folders changed while models were searched.
    scan_again: bool,
    /// The chat that the model read last, and the positions it takes.
    read: Option<(ChatId, usize)>,
    /// Chats are completions because the model has no template, not because the person wished it.
    completes_by_default: bool,
    next_job: u64,
}

impl State {
    /// An app that has just started: nothing read, nothing open.
    #[must_use]
    pub fn new(machine: Machine, now: i64) -> Self {
        Self {
            page: Page::Home,
            now,
            machine,
            opened: Slot::Empty,
            loaded: None,
            loading: Slot::Empty,
            answering: None,
            context_used: 0,
            chats: Chats::new(Vec::new(), now),
            restored: Slot::Empty,
            fallback_template: false,
            prompt: Slot::Empty,
            tokens: tokens::Tokens::default(),
            found: Slot::Empty,
            summaries: BTreeMap::new(),
            starter: Slot::Empty,
            memory: History::default(),
            bandwidth: Slot::Empty,
            browsing: browse::Browsing::default(),
            side: side::Side::default(),
            workshop: make::Workshop::default(),
            exporting: export::Exporting::default(),
            lab: lab::Lab::default(),
            settings: Settings::default(),
            system_is_dark: None,
            notices: Notices::default(),
            promised: None,
            picking: None,
            saving: saving::Saving::default(),
            welcome: welcome::Welcome::default(),
            settings_at_start: Settings::default(),
            load_when_open: None,
            unloading: None,
            asking_theme: None,
            chores: BTreeSet::new(),
            scan_again: false,
            read: None,
            completes_by_default: false,
            next_job: 0,
        }
    }

    /// Compute threads of the next load.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.settings.threads.unwrap_or(self.machine.processors).clamp(1, 256)
    }

    /// What was planned beside the loaded model and is in use: what the lab measures or keeps, and who answers side by side.
    #[must_use]
    pub fn planned_beside(&self) -> Bytes {
        let measured = match &self.lab.results {
            Some(results) if self.lab.measuring.job().is_some() => results.budget.peak,
            Some(results) if self.lab.kept => results.budget.cache,
            _ => Bytes(0),
        };
        let asked =
            self.side.plan.as_ref().filter(|_| self.side.asking.job().is_some()).map(crate::lab::side::Plan::peak).unwrap_or_default();
        measured + asked
    }

    /// Whether a message could be sent now: a model is there to stay and no answer is under way.
    #[must_use]
    pub fn can_answer(&self) -> bool {
        self.loaded.is_some() && self.answering.is_none() && self.loading.job().is_none() && self.unloading.is_none()
    }

    /// Whether the current chat's answer is under way.
    #[must_use]
    pub fn answering_here(&self) -> Option<&Answering> {
        self.answering.as_ref().filter(|answering| answering.chat == self.chats.current().id)
    }

    /// Whether the file that is open is the one that is loaded, as it is planned.
    #[must_use]
    pub fn opened_is_loaded(&self) -> bool {
        match (self.opened.ready(), &self.loaded) {
            (Some(opened), Some(loaded)) => {
                Arc::ptr_eq(&opened.model, &loaded.model) && opened.plan.as_ref().is_ok_and(|plan| plan.choice == loaded.plan.choice)
            }
            _ => false,
        }
    }

    /// Lets go of notices that have been shown long enough; whether any is left that will go.
    pub fn expire_notices(&mut self) -> bool {
        self.notices.expire(self.now);
        self.notices.iter().any(|notice| notice.tone == Tone::Info)
    }

    /// The positions that the chat on the screen takes in the model's context.
    fn show_context(&mut self) {
        let current = &self.chats.current().id;
        self.context_used = self.read.as_ref().filter(|(chat, _)| chat == current).map_or(0, |(_, used)| *used);
    }

    /// A model without a template completes texts: a chat in which nothing was said goes along with that, and back.
    fn follow_template(&mut self) {
        let Some(loaded) = &self.loaded else { return };
        let has_none = loaded.receipt.template.is_err() && !loaded.model.has_template();
        let completes = has_none && !self.fallback_template;
        let chat = self.chats.current();
        let mode = match chat.mode {
            Mode::Chat if completes => Mode::Completion,
            Mode::Completion if !completes && self.completes_by_default => Mode::Chat,
            Mode::Chat | Mode::Completion => return,
        };
        if chat.turns.is_empty() {
            let id = chat.id.clone();
            self.chats.update(&id, |chat| chat.mode = mode);
            self.completes_by_default = completes;
        }
    }

    fn next_job(&mut self) -> JobId {
        self.next_job += 1;
        JobId(self.next_job)
    }

    /// The choice a file is opened with: the model's own context up to 8,192, as far as it fits.
    fn first_choice(&self, model: &Model) -> Choice {
        let choice = plan::first_choice(model, self.threads());
        match plan::plan(model, choice, &self.planning_machine()) {
            Ok(plan) if plan.max_context >= plan::KV_BLOCK_TOKENS => Choice { context: choice.context.min(plan.max_context), ..choice },
            _ => choice,
        }
    }

    /// The machine as a plan may count on it: what the loaded model holds would be free for the next one.
    fn planning_machine(&self) -> Machine {
        let held = self.loaded.as_ref().map_or(Bytes(0), |loaded| loaded.receipt.charged.sum());
        Machine { available: (self.machine.available + held).min(self.machine.total), ..self.machine }
    }

    /// What a load or a measurement under way has taken is missing from the machine: the plan stands until it is done.
    fn replan(&mut self) {
        if self.loading.job().is_some() || self.bandwidth.job().is_some() {
            return;
        }
        let machine = self.planning_machine();
        if let Slot::Ready(opened) = &mut self.opened
            && let Ok(plan) = &opened.plan
        {
            opened.plan = plan::plan(&opened.model, plan.choice, &machine);
        }
    }
}
