//! The engine lane: it owns the model.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::Context;
use super::lane::{Lane, LaneSender, job_of};
use super::monitor::Activity;
use super::store::{Journal, Task};
use crate::engine::cut::cut;
use crate::engine::generate::{Generation, Progress};
use crate::engine::session::{ModelId, Session};
use crate::error::{Error, Result};
use crate::kernels::bandwidth::Bandwidth;
use crate::kernels::courtesy::Courtesy;
use crate::kernels::pool::Pool;
use crate::memory::alloc;
use crate::memory::ledger::Ledger;
use crate::memory::probe::Probe;
use crate::message::{Command, Disturbance, Generate, JobId, Load, Order, Outcome, Receipt, Step};
use crate::units::Bytes;

/// Progress of a load is told at most this often.
const TELL_EVERY: Duration = Duration::from_millis(50);

/// What is settled of a model's weights each time: so little that a question hardly waits for it.
const SETTLED: Bytes = Bytes(64 << 20);

pub struct EngineLane {
    ledger: Ledger,
    store: LaneSender<Task>,
    activity: Activity,
    courtesy: Courtesy,
    pool: Option<Arc<Pool>>,
    session: Option<(ModelId, Session)>,
    next: u64,
}

impl EngineLane {
    pub const fn new(ledger: Ledger, store: LaneSender<Task>, activity: Activity, courtesy: Courtesy) -> Self {
        Self { ledger, store, activity, courtesy, pool: None, session: None, next: 0 }
    }

    /// The pool, made anew when another number of threads is asked for.
    fn pool(&mut self, threads: usize) -> Result<Arc<Pool>> {
        match &self.pool {
            Some(pool) if pool.threads() == threads => Ok(Arc::clone(pool)),
            _ => {
                let pool = Arc::new(Pool::new(threads)?);
                self.pool = Some(Arc::clone(&pool));
                Ok(pool)
            }
        }
    }

    fn free(&mut self, context: &Context<'_>) {
        if let Some((id, session)) = self.session.take() {
            session.close();
            context.step(Step::Freed(id));
        }
    }

    fn load(&mut self, load: &Load, context: &Context<'_>) -> Result<Outcome> {
        let started = Instant::now();
        // The old model stays until the new one is there, if both have room.
        if self.session.is_some() && load.plan.peak > Probe::default().machine().available {
            self.free(context);
        }
        let pool = self.pool(load.plan.choice.threads)?;
        let before = alloc::engine_live();
        let total = load.plan.parts.weights.unwrap_or_default();
        let (mut done, mut told) = (Bytes(0), Instant::now());
        let mut progress = |more: Bytes| {
            done += more;
            if told.elapsed() >= TELL_EVERY {
                told = Instant::now();
                context.step(Step::Loading { done, total });
            }
            context.go_on()
        };
        let session = Session::load(&load.model, &load.plan, load.anyway, pool, &self.ledger, &mut progress)?;
        let counted = alloc::engine_live().zip(before).map(|(now, before)| now - before);
        self.free(context);
        self.next += 1;
        let id = ModelId(self.next);
        let receipt = Receipt {
            id,
            planned: load.plan.parts,
            charged: session.charged(),
            counted,
            tokenizer: session.counted().tokenizer,
            seconds: started.elapsed().as_secs_f64(),
            context: load.plan.choice.context,
            threads: load.plan.choice.threads,
            template: session.template(),
        };
        self.session = Some((id, session));
        Ok(Outcome::Loaded(Box::new(receipt)))
    }

    fn session(&mut self, id: ModelId) -> Result<&mut Session> {
        match &mut self.session {
            Some((loaded, session)) if *loaded == id => Ok(session),
            _ => Err(Error::Engine("this model is no longer loaded".into())),
        }
    }

    fn generate(&mut self, order: Generate, context: &Context<'_>) -> Result<Outcome> {
        let Generate { model, chat, turn, label, input, sampling } = order;
        let store = self.store.clone();
        let session = self.session(model)?;
        let go_on = || context.go_on();
        let prompt = session.prompt(&input, &go_on)?;
        let mut generation = Generation::start(session, &prompt, &sampling, sampling.seed.unwrap_or_else(new_seed))?;
        let mut unwritten = String::new();
        let mut journal = |text: &str| {
            unwritten.push_str(text);
            if !unwritten.is_empty() {
                let piece = Journal { chat: chat.clone(), turn, model: label.clone(), text: std::mem::take(&mut unwritten) };
                // A full queue means that the disk is slow: the piece goes with the next one.
                if let Err(Task::Journal(back)) = store.send(Task::Journal(piece)) {
                    unwritten = back.text;
                }
            }
        };
        let result = loop {
            match generation.next(&go_on) {
                Ok(Some(Progress::Reading { done, total })) => context.step(Step::Reading { done, total }),
                Ok(Some(Progress::Text { text, generated, context_used, decode })) => {
                    journal(&text);
                    context.step(Step::Text { text, generated, context_used, decode });
                }
                Ok(None) => break Ok(Outcome::Generated(generation.metrics())),
                Err(error) => break Err(error),
            }
        };
        journal("");
        result
    }

    fn disturb(disturbance: Disturbance) -> Outcome {
        match disturbance {
            Disturbance::Panic => std::panic::panic_any("disturbed on purpose"),
            Disturbance::Hold(time) => std::thread::sleep(time),
        }
        Outcome::Disturbed
    }
}

impl Lane for EngineLane {
    type Task = Order;

    fn job(task: &Order) -> Option<JobId> {
        job_of(task)
    }

    fn run(&mut self, order: Order, context: &Context<'_>) -> Result<Outcome> {
        let _active = self.activity.begin();
        let _busy = self.courtesy.busy();
        match order.command {
            Command::Load(load) => self.load(&load, context),
            Command::Unload(id) => {
                self.session(id)?;
                self.free(context);
                Ok(Outcome::Unloaded)
            }
            Command::Generate(generate) => self.generate(*generate, context),
            Command::ShowPrompt { model, input } => {
                let go_on = || context.go_on();
                let session = self.session(model)?;
                session.prompt(&input, &go_on).map(|prompt| Outcome::Prompt(prompt.shown(session.tokenizer())))
            }
            Command::Tokenize { model, text, special } => {
                let tokenizer = self.session(model)?.tokenizer();
                let ids = tokenizer.encode_while(&text, special, &|| context.go_on())?;
                Ok(Outcome::Tokens(cut(tokenizer, &ids)))
            }
            Command::MeasureBandwidth { threads } => {
                let available = Probe::default().machine().available;
                Ok(Outcome::Bandwidth(Bandwidth::measure(&*self.pool(threads)?, &self.ledger, available)))
            }
            Command::Disturb(disturbance) => Ok(Self::disturb(disturbance)),
            other => Err(Error::Internal(format!("the engine lane cannot do {other:?}"))),
        }
    }

    fn recover(&mut self, context: &Context<'_>) {
        // Whatever was half done in the model is not to be trusted.
        self.free(context);
    }

    /// A model that was loaded and is not asked anything is made a little faster.
    fn has_leftovers(&self) -> bool {
        self.session.as_ref().is_some_and(|(_, session)| !session.runner().is_settled())
    }

    fn finish_leftovers(&mut self) -> Result<()> {
        if let Some((_, session)) = &mut self.session {
            session.runner_mut().settle(SETTLED);
        }
        Ok(())
    }

    fn close(&mut self) {
        if let Some((_, session)) = self.session.take() {
            session.close();
        }
    }
}

/// A seed that nobody chose.
fn new_seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs().wrapping_mul(1_000_000_007) ^ u64::from(since.subsec_nanos())
}
