//! A worker on a data folder of its own, and everything that it said.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use ponder::engine::sampler::Sampling;
use ponder::engine::session::{Input, ModelId};
use ponder::error::Error;
use ponder::file::ModelFile;
use ponder::inspect::Model;
use ponder::library::Folders;
use ponder::memory::plan::{self, Arithmetic, Choice, KvDtype};
use ponder::memory::probe::Probe;
use ponder::message::{Command, Event, Generate, JobId, Load, Order, Outcome, Receipt, Step};
use ponder::store::chat::{Chat, ChatId, Metrics, Role, Turn};
use ponder::worker::{Wake, Worker};

use super::tiny_llama::TinyLlama;

/// Far more than anything here takes; a test that waits longer hangs.
pub const GUARD: Duration = Duration::from_mins(2);

/// A gate in the way of a lane's thread: when it is closed, the lane stands still after each event.
#[derive(Default)]
pub struct Gate {
    closed: Mutex<bool>,
    moved: Condvar,
}

impl Gate {
    pub fn set(&self, closed: bool) {
        *self.closed.lock().unwrap() = closed;
        self.moved.notify_all();
    }

    pub fn pass(&self) {
        let closed = self.closed.lock().unwrap();
        let (_open, timeout) = self.moved.wait_timeout_while(closed, GUARD, |closed| *closed).unwrap();
        assert!(!timeout.timed_out(), "the gate was never opened");
    }
}

/// A worker in a data folder of its own, and everything that it said.
pub struct Bench {
    pub worker: Option<Worker>,
    pub folder: tempfile::TempDir,
    pub next: u64,
    pub wakes: Arc<AtomicUsize>,
    pub gate: Arc<Gate>,
    pub events: Vec<Event>,
}

impl Bench {
    pub fn new() -> Self {
        Self::with_gate_at("engine")
    }

    pub fn with_gate_at(lane: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (wakes, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Gate::default()));
        let (counter, closed) = (Arc::clone(&wakes), Arc::clone(&gate));
        let wake: Wake = Arc::new(move || {
            counter.fetch_add(1, Ordering::SeqCst);
            if std::thread::current().name() == Some(lane) {
                closed.pass();
            }
        });
        let worker = Worker::start(Folders::at(folder.path()), wake).unwrap();
        Self { worker: Some(worker), folder, next: 0, wakes, gate, events: Vec::new() }
    }

    pub fn worker(&self) -> &Worker {
        self.worker.as_ref().unwrap()
    }

    pub fn send(&mut self, command: Command) -> JobId {
        self.next += 1;
        let job = JobId(self.next);
        self.worker().send(Order { job, command });
        job
    }

    /// Waits for the next event and keeps it.
    pub fn wait(&mut self) -> Event {
        let event = self.worker().wait(GUARD).expect("an event in time");
        self.events.push(event.clone());
        event
    }

    pub fn wait_for<T>(&mut self, find: impl Fn(&Event) -> Option<T>) -> T {
        loop {
            let event = self.wait();
            if let Some(found) = find(&event) {
                return found;
            }
        }
    }

    pub fn done(&mut self, job: JobId) -> Result<Outcome, Error> {
        self.wait_for(|event| match event {
            Event::Done { job: done, outcome } if *done == job => Some(outcome.clone()),
            _ => None,
        })
    }

    pub fn run(&mut self, command: Command) -> Result<Outcome, Error> {
        let job = self.send(command);
        self.done(job)
    }

    pub fn file(&self, name: &str, llama: &TinyLlama) -> PathBuf {
        let path = self.folder.path().join(name);
        llama.gguf().write(&path);
        path
    }

    pub fn load(&mut self, path: &Path) -> Result<Box<Receipt>, Error> {
        match self.run(load(path))? {
            Outcome::Loaded(receipt) => Ok(receipt),
            other => panic!("{other:?}"),
        }
    }

    /// Waits until nothing comes any more.
    pub fn settle(&mut self) {
        while let Some(event) = self.worker().wait(Duration::from_millis(400)) {
            self.events.push(event);
        }
    }

    /// Each of the jobs so far ended once, and nothing of it came later.
    #[track_caller]
    pub fn assert_each_ended_once(&self) {
        let mut ended = BTreeSet::new();
        for event in &self.events {
            match event {
                Event::Step { job, step } => assert!(!ended.contains(job), "{job:?} is done and then {step:?}"),
                Event::Done { job, outcome } => {
                    assert!(ended.insert(*job), "{job:?} is done twice: {outcome:?}");
                }
                Event::Gauge { .. } | Event::Warning(_) => {}
            }
        }
        let lost: Vec<_> = (1..=self.next).filter(|job| !ended.contains(&JobId(*job))).collect();
        assert_eq!(lost, [0_u64; 0], "never done");
        assert_eq!(ended.len() as u64, self.next);
    }

    pub fn text_of(&self, job: JobId) -> String {
        let text = |event: &Event| match event {
            Event::Step { job: of, step: Step::Text { text, .. } } if *of == job => Some(text.clone()),
            _ => None,
        };
        self.events.iter().filter_map(text).collect()
    }
}

pub fn load(path: &Path) -> Command {
    let model = Arc::new(Model::read(ModelFile::open(path).unwrap()));
    let context = model.spec.as_ref().unwrap().n_ctx_train;
    let choice = Choice { context, kv: KvDtype::F16, arithmetic: Arithmetic::Fast, threads: 2, recode: None };
    let plan = plan::plan(&model, choice, &Probe::default().machine()).unwrap();
    Command::Load(Box::new(Load { model, plan, anyway: true }))
}

pub fn generate(model: ModelId, text: &str, max_tokens: usize) -> Command {
    let sampling = Sampling { temperature: 0.0, max_tokens, seed: Some(1), ..Sampling::default() };
    let chat = ChatId("0000000000001-1-1".to_owned());
    Command::Generate(Box::new(Generate {
        model,
        chat,
        turn: 1,
        label: "Tiny".to_owned(),
        input: Input::Completion(text.to_owned()),
        sampling,
    }))
}

pub fn chat(id: &str) -> Chat {
    let turns = vec![Turn { role: Role::User, text: "Hi".to_owned(), model: None, metrics: None }];
    Chat { turns, ..Chat::new(ChatId(id.to_owned())) }
}

pub fn generated(outcome: Result<Outcome, Error>) -> Metrics {
    match outcome {
        Ok(Outcome::Generated(metrics)) => metrics,
        other => panic!("{other:?}"),
    }
}
