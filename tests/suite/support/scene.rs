//! A page with a scripted state: no worker; the orders that a wish becomes are kept, and a test answers them.

use std::sync::Arc;

use egui_kittest::Harness;
use ponder::engine::operation::{Operation, Times};
use ponder::engine::session::ModelId;
use ponder::engine::speed::Speed;
use ponder::inspect::Model;
use ponder::memory::Parts;
use ponder::memory::history::Sample;
use ponder::memory::plan::{self, Arithmetic, Choice, KvDtype};
use ponder::memory::probe::Machine;
use ponder::message::{Command, Event, JobId, Order, Outcome, Receipt, Step};
use ponder::state::{Action, Loaded, State};
use ponder::store::chat::{Metrics, StopReason};
use ponder::units::{Bytes, TokensPerSecond};
use ponder::view::{Actions, View};

use super::fold::read;
use super::tiny_llama::TinyLlama;

/// Noon of a day in 2026.
pub const NOW: i64 = 1_795_262_400_000;

pub const MACHINE: Machine = Machine { total: Bytes(24 << 30), available: Bytes(20 << 30), processors: 4 };

/// A page and the state that it shows.
pub struct Scene<V> {
    pub view: V,
    pub state: State,
    /// All wishes so far.
    pub wishes: Vec<Action>,
    /// All orders so far.
    pub orders: Vec<Order>,
}

impl<V: View + Default> Scene<V> {
    pub fn new() -> Self {
        Self { view: V::default(), state: State::new(MACHINE, NOW), wishes: Vec::new(), orders: Vec::new() }
    }

    /// With a model that can answer.
    pub fn loaded() -> Self {
        Self::loaded_with(model())
    }

    /// With this model.
    pub fn loaded_with(model: Arc<Model>) -> Self {
        let mut scene = Self::new();
        scene.state.loaded = Some(loaded(model));
        scene
    }

    pub fn perform(&mut self, action: Action) {
        self.wishes.push(action.clone());
        self.orders.extend(self.state.perform(action));
    }

    pub fn apply(&mut self, event: Event) {
        if let Some(action) = self.state.apply(event) {
            self.perform(action);
        }
    }

    /// The job that was ordered last.
    pub fn last_job(&self) -> JobId {
        self.orders.last().unwrap().job
    }

    /// Sends `text` and says that it is on disk, so that the answer is ordered.
    pub fn say(&mut self, text: &str) {
        self.perform(Action::Draft(text.to_owned()));
        self.perform(Action::Send);
        let job = self.last_job();
        self.apply(Event::Done { job, outcome: Ok(Outcome::Saved) });
        assert!(matches!(self.orders.last().unwrap().command, Command::Generate(_)));
    }

    /// New text of the answer under way.
    pub fn write(&mut self, text: &str, generated: usize) {
        let job = self.state.answering.as_ref().unwrap().job;
        let step = Step::Text { text: text.to_owned(), generated, context_used: 30 + generated, decode: TokensPerSecond(118.0) };
        self.apply(Event::Step { job, step });
    }

    /// The answer under way is complete.
    pub fn finish(&mut self, stop_reason: StopReason) {
        let job = self.state.answering.as_ref().unwrap().job;
        self.apply(Event::Done { job, outcome: Ok(Outcome::Generated(metrics(stop_reason))) });
    }

    /// One exchange.
    pub fn exchange(&mut self, question: &str, answer: &str) {
        self.say(question);
        self.write(answer, 41);
        self.finish(StopReason::EndOfTurn);
    }

    /// Shows it.
    pub fn show(self, size: [f32; 2], theme: egui::Theme) -> Harness<'static, Self>
    where
        V: 'static,
    {
        let draw = |ui: &mut egui::Ui, scene: &mut Self| {
            let mut actions = Actions::default();
            scene.view.ui(ui, &scene.state, &mut actions);
            for action in actions.0 {
                scene.perform(action);
            }
        };
        Harness::builder()
            .with_size(size)
            .with_theme(theme)
            .with_render_cursor(false)
            .with_max_steps(16)
            .with_context_setup(ponder::view::install)
            .allow_missing_glyphs()
            .build_ui_state(draw, self)
    }
}

pub fn metrics(stop_reason: StopReason) -> Metrics {
    Metrics {
        prompt_tokens: 34,
        reused_tokens: 0,
        generated_tokens: 41,
        prefill: TokensPerSecond(220.0),
        decode: TokensPerSecond(118.0),
        first_token_seconds: 0.42,
        stop_reason,
        speed: Some(speed()),
    }
}

/// An answer of 118 tokens per second that reads 100 MB for each: 11.8 GB/s.
pub fn speed() -> Speed {
    let times = |scale: f64| {
        let mut times = Times::default();
        for (operation, seconds) in Operation::ALL.into_iter().zip([0.20, 0.40, 0.18, 0.09, 0.01, 0.05, 0.02, 0.03, 0.02]) {
            times.add(operation, scale * seconds);
        }
        times
    };
    Speed { bytes_per_token: Bytes(100_000_000), depth: 54, prefill: times(0.154), decode: times(0.347) }
}

/// A tiny one with a long context.
pub fn model() -> Arc<Model> {
    read("tiny.gguf", &TinyLlama { n_ctx: 8_192, ..TinyLlama::default() }.gguf())
}

pub fn loaded(model: Arc<Model>) -> Loaded {
    let context = model.spec.as_ref().unwrap().n_ctx_train.min(8_192);
    let choice = Choice { context, kv: KvDtype::F16, arithmetic: Arithmetic::Fast, threads: 2, recode: None };
    let plan = plan::plan(&model, choice, &MACHINE).unwrap();
    let charged = Parts { kv_cache: Some(Bytes(6 << 20)), activations: Some(Bytes(0)), staging: Some(Bytes(0)), ..plan.parts };
    let receipt = Receipt {
        id: ModelId(1),
        planned: plan.parts,
        charged,
        counted: Some(charged.sum() + Bytes(70_000)),
        tokenizer: plan.parts.tokenizer,
        seconds: 0.71,
        context,
        threads: 2,
        template: Ok(()),
    };
    Loaded { model, plan, receipt }
}

/// A minute of samples of a model that answers twice.
pub fn samples(loaded: &Loaded) -> Vec<Sample> {
    let plan = loaded.plan.parts;
    (0..600_u32)
        .map(|i| {
            let share = |from: u32, to: u32| f64::from(i.clamp(from, to) - from) / f64::from(to - from);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "shares of a few MiB")]
            let part = |bytes: Option<Bytes>, share: f64| Some(Bytes((bytes.unwrap_or_default().as_f64() * share) as u64));
            let works = (150..300).contains(&i) || (380..520).contains(&i);
            let charged = Parts {
                weights: part(plan.weights, share(40, 60)),
                kv_cache: part(plan.kv_cache, if i < 60 { 0.0 } else { 0.03 + 0.03 * f64::from((i.max(150) - 150) / 60) }),
                activations: Some(Bytes(0)),
                staging: part(plan.staging, if (40..60).contains(&i) { 1.0 } else { 0.0 }),
                tokenizer: part(plan.tokenizer, if i < 45 { 0.0 } else { 1.0 }),
            };
            let wave = f64::from(i % 7) / 20.0 + 0.5;
            let counted = Parts { activations: part(plan.activations, if works { wave } else { 0.02 }), ..Parts::default() };
            let total = charged.sum() + counted.activations.unwrap_or_default() + Bytes(21 << 20);
            Sample {
                at: f64::from(i) / 10.0,
                charged,
                counted,
                counted_total: total,
                resident: total + Bytes(120 << 20),
                available: MACHINE.available,
            }
        })
        .collect()
}
