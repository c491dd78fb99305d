//! The app without threads and without a screen: wishes and events go in, orders and wishes come out.

use std::sync::Arc;

use ponder::engine::session::ModelId;
use ponder::error::Error;
use ponder::file::ModelFile;
use ponder::inspect::Model;
use ponder::memory::plan::{Choice, Plan};
use ponder::memory::probe::Machine;
use ponder::message::{Command, Event, Generate, JobId, Order, Outcome, Receipt, Restored, Step};
use ponder::state::{Action, State, Tone};
use ponder::store::chat::{Chat, ChatId, Metrics, StopReason, Turn};
use ponder::units::{Bytes, TokensPerSecond};

use super::gguf_writer::{GgufBuilder, ggml};
use super::tiny_llama::TinyLlama;

pub const GIB: u64 = 1 << 30;
pub const NOW: i64 = 1_700_000_000_000;

pub fn machine(available: u64) -> Machine {
    Machine { total: Bytes(24 * GIB), available: Bytes(available), processors: 2 }
}

/// A state, and how many models were loaded into it.
pub struct Fold {
    pub state: State,
    n_loaded: u64,
}

impl Fold {
    /// Just started; the disk has not answered.
    pub fn started() -> Self {
        Self { state: State::new(machine(22 * GIB), NOW), n_loaded: 0 }
    }

    /// The disk has answered that there is nothing.
    pub fn new() -> Self {
        let mut fold = Self::started();
        fold.restore(Restored::default());
        fold
    }

    /// With the tiny model loaded.
    pub fn loaded() -> Self {
        let mut fold = Self::new();
        fold.open(&tiny());
        fold.load();
        fold
    }

    pub fn restore(&mut self, restored: Restored) {
        let order = self.state.restore();
        self.done(order.job, Ok(Outcome::Restored(Box::new(restored))));
    }

    pub fn wish(&mut self, action: Action) -> Option<Order> {
        self.state.perform(action)
    }

    /// A wish that becomes an order.
    #[track_caller]
    pub fn order(&mut self, action: Action) -> Order {
        let words = format!("{action:?}");
        self.state.perform(action).unwrap_or_else(|| panic!("{words} gives no order"))
    }

    #[track_caller]
    pub fn no_order(&mut self, action: Action) {
        let words = format!("{action:?}");
        let order = self.state.perform(action);
        assert!(order.is_none(), "{words} gives {order:?}");
    }

    pub fn done(&mut self, job: JobId, outcome: Result<Outcome, Error>) -> Option<Action> {
        self.state.apply(Event::Done { job, outcome })
    }

    pub fn step(&mut self, job: JobId, step: Step) {
        assert_eq!(self.state.apply(Event::Step { job, step }), None);
    }

    pub fn open(&mut self, model: &Arc<Model>) {
        let order = self.order(Action::Open { path: model.file.path.clone(), load: false });
        assert_eq!(self.done(order.job, Ok(Outcome::Inspected(Arc::clone(model)))), None);
    }

    /// Loads what is open, as its plan promises.
    pub fn load(&mut self) -> ModelId {
        self.load_with_template(Ok(()))
    }

    pub fn load_with_template(&mut self, template: Result<(), Error>) -> ModelId {
        let order = self.order(Action::Load { anyway: false });
        self.finish_load(&order, template)
    }

    /// The load ends well: what was loaded before is freed, as the engine does.
    pub fn finish_load(&mut self, order: &Order, template: Result<(), Error>) -> ModelId {
        let Command::Load(load) = &order.command else { panic!("{order:?}") };
        self.n_loaded += 1;
        let id = ModelId(self.n_loaded);
        if let Some(old) = self.state.loaded.as_ref().map(|loaded| loaded.receipt.id) {
            self.step(order.job, Step::Freed(old));
        }
        assert_eq!(self.done(order.job, Ok(Outcome::Loaded(Box::new(receipt(id, &load.plan, template))))), None);
        id
    }

    pub fn current(&self) -> &Chat {
        self.state.chats.current()
    }

    pub fn id(&self) -> ChatId {
        self.current().id.clone()
    }

    pub fn turns(&self) -> &[Turn] {
        &self.current().turns
    }

    /// What is said in the current chat, in a row.
    pub fn said(&self) -> Vec<&str> {
        self.turns().iter().map(|turn| turn.text.as_str()).collect()
    }

    /// Drafts and sends: the order that saves.
    pub fn send(&mut self, text: &str) -> Order {
        self.wish(Action::Draft(text.to_owned()));
        self.order(Action::Send)
    }

    /// The message is on disk: the job of the answer, and what the model is asked.
    pub fn saved(&mut self, saving: JobId) -> (JobId, Generate) {
        let follows = self.done(saving, Ok(Outcome::Saved)).expect("the answer follows");
        generate(self.order(follows))
    }

    /// Sends and waits for the disk.
    pub fn ask(&mut self, text: &str) -> (JobId, Generate) {
        let order = self.send(text);
        self.saved(order.job)
    }

    /// Asks and gets a whole answer; what follows is performed until nothing does.
    pub fn exchange(&mut self, text: &str, answer: &str) {
        let (job, _) = self.ask(text);
        self.write(job, answer);
        let follows = self.done(job, Ok(Outcome::Generated(metrics(StopReason::EndOfTurn))));
        self.follow(follows);
    }

    pub fn write(&mut self, job: JobId, text: &str) {
        let step = Step::Text { text: text.to_owned(), generated: 1, context_used: 10 + text.len(), decode: TokensPerSecond(50.0) };
        self.step(job, step);
    }

    /// Performs what follows; the disk takes everything.
    pub fn follow(&mut self, action: Option<Action>) {
        let mut next = action;
        for _ in 0..100 {
            let Some(order) = next.take().and_then(|action| self.wish(action)) else { return };
            next = self.done(order.job, Ok(Outcome::Saved));
        }
        panic!("it never ends");
    }

    /// Everything that is to be written is, in the order of the wishes.
    pub fn flush(&mut self) {
        self.follow(Some(Action::SaveDirty));
    }

    pub fn told(&self, tone: Tone, part: &str) -> usize {
        self.state.notices.iter().filter(|notice| notice.tone == tone && notice.text.contains(part)).count()
    }

    pub fn notices(&self) -> Vec<String> {
        self.state.notices.iter().map(|notice| notice.text.clone()).collect()
    }
}

pub fn generate(order: Order) -> (JobId, Generate) {
    let job = order.job;
    match order.command {
        Command::Generate(generate) => (job, *generate),
        other => panic!("{other:?} is no answer"),
    }
}

pub fn saved_chat(order: &Order) -> &Chat {
    match &order.command {
        Command::SaveChat(chat) => chat,
        other => panic!("{other:?} saves no chat"),
    }
}

pub fn metrics(stop_reason: StopReason) -> Metrics {
    Metrics { generated_tokens: 5, prompt_tokens: 9, stop_reason, ..Metrics::INTERRUPTED }
}

pub fn receipt(id: ModelId, plan: &Plan, template: Result<(), Error>) -> Receipt {
    let mut charged = plan.parts;
    charged.staging = None;
    let Choice { context, threads, .. } = plan.choice;
    Receipt { id, planned: plan.parts, charged, counted: None, tokenizer: None, seconds: 0.1, context, threads, template }
}

/// The error of a full disk.
pub fn disk_full() -> Error {
    Error::store("chats".as_ref(), "the disk is full")
}

/// What a file says; the file is gone afterwards.
pub fn read(name: &str, gguf: &GgufBuilder) -> Arc<Model> {
    let (_folder, path) = super::file(name, &gguf.bytes());
    Arc::new(Model::read(ModelFile::open(&path).expect("a model")))
}

/// A llama that fits everywhere.
pub fn tiny() -> Arc<Model> {
    read("tiny.gguf", &TinyLlama { matrices: ggml::Q8_0, n_ctx: 8_192, ..TinyLlama::default() }.gguf())
}
