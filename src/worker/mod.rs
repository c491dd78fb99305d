//! The only threads and channels: lanes that turn orders into events.
//!
//! The *engine lane* owns the model; the *inspect lane* owns none, so opening a file neither waits for an answer nor stops one; the
//! lanes *look*, *tiles* and *survey* read tensors, each for itself, and yield to the engine while it answers, and so do the lanes of
//! the *lab*, of which one plans and one measures, *side*, which asks several models the same, and *make*, which measures and writes
//! mixes; the *scan lane* looks for models in folders that may be slow; the *store lane* writes chats and settings; the *net lane*
//! downloads; the *export lane* writes what is taken away; the *dialog lane* waits for the desktop. A *monitor* samples the memory while
//! something runs. Nothing here knows the state or the screen.

mod browse;
mod dialog;
mod engine;
mod export;
mod inspect;
mod lab;
mod lane;
mod make;
mod monitor;
mod net;
mod outbox;
mod side;
mod stops;
mod store;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};

use crate::error::Error;
use crate::kernels::courtesy::Courtesy;
use crate::library::Folders;
use crate::memory::ledger::Ledger;
use crate::memory::probe::Probe;
use crate::message::browse::Kind;
use crate::message::lab::Lab;
use crate::message::make::Make;
use crate::message::{Command, Event, JobId, Order, Outcome};

use lane::{Lane, LaneSender};
use outbox::Outbox;
use stops::Stops;

/// Events that wait for the screen; tokens wait when it is full, memory samples are dropped.
const EVENTS: usize = 512;
/// How long dropping the worker waits for its threads.
const PATIENCE: Duration = Duration::from_secs(2);

/// What wakes the screen after an event.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// The threads, and the two ends of the conversation with them.
pub struct Worker {
    lanes: Option<Lanes>,
    events: Receiver<Event>,
    /// Answers that the worker gives itself, without a lane; they never wait for room.
    answers: Mutex<VecDeque<Event>>,
    wake: Wake,
    stops: Stops,
    /// The job of each kind of browsing that was ordered last: the next one stops it.
    browsing: Mutex<BTreeMap<Kind, JobId>>,
    /// The distortion that was ordered last: the next one stops it.
    distorting: Mutex<Option<JobId>>,
    /// The plan of a comparison that was ordered last: the next one stops it.
    planning: Mutex<Option<JobId>>,
    closing: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

struct Lanes {
    engine: LaneSender<Order>,
    inspect: LaneSender<Order>,
    scan: LaneSender<Order>,
    store: LaneSender<store::Task>,
    net: LaneSender<Order>,
    dialog: LaneSender<Order>,
    look: LaneSender<Order>,
    tiles: LaneSender<Order>,
    survey: LaneSender<Order>,
    side: LaneSender<Order>,
    make: LaneSender<Order>,
    lab: LaneSender<Order>,
    lab_plan: LaneSender<Order>,
    export: LaneSender<Order>,
    monitor: Sender<()>,
}

impl Worker {
    /// Starts the lanes. `wake` is called after each event, from any thread.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn start(folders: Folders, wake: Wake) -> Result<Self, Error> {
        let (event_sender, events) = crossbeam_channel::bounded(EVENTS);
        let closing = Arc::new(AtomicBool::new(false));
        let outbox = Outbox::new(event_sender, Arc::clone(&closing), Arc::clone(&wake));
        let stops = Stops::default();
        let ledger = Ledger::default();
        let courtesy = Courtesy::default();
        let mut threads = Vec::new();

        let (monitor, activity) = monitor::start(&mut threads, outbox.clone(), ledger.clone())?;
        let mut start = Starter { threads: &mut threads, outbox: &outbox, stops: &stops };
        let store = start.lane("store", store::StoreLane::new(folders.clone()))?;
        let engine = start.lane("engine", engine::EngineLane::new(ledger.clone(), store.clone(), activity.clone(), courtesy.clone()))?;
        let inspect = start.lane("inspect", inspect::InspectLane::new(folders.clone()))?;
        let scan = start.lane("scan", inspect::InspectLane::new(folders.clone()))?;
        let net = start.lane("net", net::NetLane::new(folders))?;
        let dialog = start.lane("dialog", dialog::DialogLane)?;
        let processors = Probe::default().machine().processors;
        let browse = |threads| browse::BrowseLane::new(courtesy.clone(), threads);
        let look = start.lane("look", browse(processors))?;
        let tiles = start.lane("tiles", browse(1))?;
        let survey = start.lane("survey", browse(processors))?;
        let make = start.lane("make", make::MakeLane::new(courtesy.clone(), processors))?;
        let side = start.lane("side", side::SideLane::new(ledger.clone(), activity.clone(), courtesy.clone()))?;
        let weigh = || lab::LabLane::new(courtesy.clone(), ledger.clone(), activity.clone());
        let lab = start.lane("lab", weigh())?;
        let lab_plan = start.lane("lab plan", weigh())?;
        let export = start.lane("export", export::ExportLane)?;
        let lanes = Lanes { engine, inspect, scan, store, net, dialog, look, tiles, survey, side, make, lab, lab_plan, export, monitor };
        Ok(Self {
            lanes: Some(lanes),
            events,
            answers: Mutex::default(),
            wake,
            stops,
            browsing: Mutex::default(),
            distorting: Mutex::default(),
            planning: Mutex::default(),
            closing,
            threads,
        })
    }

    /// Gives an order. Never blocks: a lane whose queue is full refuses the job.
    pub fn send(&self, order: Order) {
        let job = order.job;
        let Some(lanes) = &self.lanes else { return };
        if let Command::Stop(other) = order.command {
            self.stops.raise(other);
            self.answer(Event::Done { job, outcome: Ok(Outcome::StopRaised) });
            return;
        }
        self.stops.register(job);
        self.stop_browsing(&order);
        self.stop_distorting(&order);
        let taken = match order.command {
            Command::Inspect(_) => lanes.inspect.send(order).is_ok(),
            Command::Scan { .. } => lanes.scan.send(order).is_ok(),
            Command::Pick | Command::PickPlace { .. } | Command::AskTheme => lanes.dialog.send(order).is_ok(),
            Command::Fetch => lanes.net.send(order).is_ok(),
            Command::Restore | Command::SaveChat(_) | Command::DeleteChat(_) | Command::RestoreChat(_) | Command::SaveSettings(_) => {
                lanes.store.send(store::Task::Order(order)).is_ok()
            }
            Command::Browse(ref browse) => {
                let lane = match browse.kind() {
                    Kind::Look | Kind::Neighbours => &lanes.look,
                    Kind::Tiles | Kind::Block => &lanes.tiles,
                    Kind::Survey | Kind::Compare => &lanes.survey,
                };
                lane.send(order).is_ok()
            }
            Command::Side(_) => lanes.side.send(order).is_ok(),
            Command::Make(_) => lanes.make.send(order).is_ok(),
            Command::Lab(ref lab) => {
                let plans = matches!(**lab, Lab::Open(_) | Lab::Plan(_));
                if plans { lanes.lab_plan.send(order).is_ok() } else { lanes.lab.send(order).is_ok() }
            }
            Command::Export(_) => lanes.export.send(order).is_ok(),
            _ => lanes.engine.send(order).is_ok(),
        };
        if !taken {
            self.stops.forget(job);
            self.answer(Event::Done { job, outcome: Err(Error::Internal("too much is waiting already; try again".into())) });
        }
    }

    /// What was ordered before of a kind of browsing is of no interest any more; of another file, nothing is.
    fn stop_browsing(&self, order: &Order) {
        let mut browsing = self.browsing.lock().unwrap_or_else(PoisonError::into_inner);
        match &order.command {
            Command::Inspect(_) => std::mem::take(&mut *browsing).into_values().for_each(|job| self.stops.raise(job)),
            Command::Browse(browse) => {
                if let Some(before) = browsing.insert(browse.kind(), order.job) {
                    self.stops.raise(before);
                }
            }
            Command::Lab(lab) if matches!(**lab, Lab::Plan(_)) => {
                let mut planning = self.planning.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(before) = planning.replace(order.job) {
                    self.stops.raise(before);
                }
            }
            _ => {}
        }
    }

    /// The same for distortions.
    fn stop_distorting(&self, order: &Order) {
        if let Command::Make(make) = &order.command
            && matches!(**make, Make::Distort { .. })
            && let Some(before) = self.distorting.lock().unwrap_or_else(PoisonError::into_inner).replace(order.job)
        {
            self.stops.raise(before);
        }
    }

    fn answer(&self, event: Event) {
        self.answers().push_back(event);
        (self.wake)();
    }

    fn answers(&self) -> MutexGuard<'_, VecDeque<Event>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The events so far, those of a job in their order; of the lanes' at most as many as the channel holds. Never blocks.
    #[must_use]
    pub fn drain(&self) -> Vec<Event> {
        let answers = std::mem::take(&mut *self.answers());
        answers.into_iter().chain(self.events.try_iter().take(EVENTS)).collect()
    }

    /// Waits for the next event; for programs without a screen and for tests.
    #[must_use]
    pub fn wait(&self, patience: Duration) -> Option<Event> {
        let answer = self.answers().pop_front();
        answer.or_else(|| self.events.recv_timeout(patience).ok())
    }

    /// Asks the monitor for a sample now.
    pub fn sample(&self) {
        if let Some(lanes) = &self.lanes {
            // A full queue means that it is about to take one anyway.
            let _asked = lanes.monitor.try_send(());
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        self.stops.raise_all();
        self.lanes = None;
        let deadline = Instant::now() + PATIENCE;
        for thread in self.threads.drain(..) {
            while !thread.is_finished() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(2));
            }
            if thread.is_finished() {
                // A panic was already told by the lane.
                let _told = thread.join();
            }
        }
    }
}

struct Starter<'a> {
    threads: &'a mut Vec<JoinHandle<()>>,
    outbox: &'a Outbox,
    stops: &'a Stops,
}

impl Starter<'_> {
    fn lane<L: Lane>(&mut self, name: &str, lane: L) -> Result<LaneSender<L::Task>, Error> {
        let (sender, thread) = lane::start(name, lane, self.outbox.clone(), self.stops.clone())?;
        self.threads.push(thread);
        Ok(sender)
    }
}

/// What a job may use while it runs: its number, its stop flag, and the way back.
pub(crate) struct Context<'a> {
    job: JobId,
    stop: Arc<AtomicBool>,
    outbox: &'a Outbox,
}

impl Context<'_> {
    fn go_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    fn step(&self, step: crate::message::Step) {
        self.outbox.post(Event::Step { job: self.job, step });
    }
}
