//! A lane: one thread, one queue, one job at a time; a panic in a job is a failed job and not a dead lane.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError};

use super::Context;
use super::outbox::Outbox;
use super::stops::Stops;
use crate::error::{Error, Result};
use crate::message::{Event, JobId, Order, Outcome};

/// Jobs that may wait in one lane.
const QUEUE: usize = 1024;
/// How long a lane is idle before it does its leftovers.
const LEFTOVERS_AFTER: Duration = Duration::from_millis(500);

/// What a lane's thread does.
pub trait Lane: Send + 'static {
    /// What stands in its queue.
    type Task: Send + 'static;

    /// The job of a task; a task without one answers nobody.
    fn job(task: &Self::Task) -> Option<JobId>;

    /// Whether its tasks are carried out although they were stopped, or the app is closing.
    const FINISHES: bool = false;

    /// Carries a task out.
    fn run(&mut self, task: Self::Task, context: &Context<'_>) -> Result<Outcome>;

    /// Puts the lane in order after a panic in [`Lane::run`].
    fn recover(&mut self, _context: &Context<'_>) {}

    /// Whether something is left to do once no task has come for a while.
    fn has_leftovers(&self) -> bool {
        false
    }

    /// Does it.
    fn finish_leftovers(&mut self) -> Result<()> {
        Ok(())
    }

    /// Called when the queue is closed, on the lane's own thread.
    fn close(&mut self) {}
}

/// The way into a lane.
pub struct LaneSender<T>(Sender<T>);

impl<T> Clone for LaneSender<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> LaneSender<T> {
    /// Queues a task, or gives it back when the queue is full.
    pub fn send(&self, task: T) -> Result<(), T> {
        self.0.try_send(task).map_err(TrySendError::into_inner)
    }
}

/// Starts a lane on a thread of that name.
pub fn start<L: Lane>(name: &str, mut lane: L, outbox: Outbox, stops: Stops) -> Result<(LaneSender<L::Task>, JoinHandle<()>)> {
    let (sender, queue) = crossbeam_channel::bounded::<L::Task>(QUEUE);
    let body = move || {
        while let Some(task) = next(&queue, &mut lane, &outbox) {
            let job = L::job(&task);
            let stop = job.map(|job| stops.of(job)).unwrap_or_default();
            let context = Context { job: job.unwrap_or(JobId(0)), stop, outbox: &outbox };
            let outcome = if context.go_on() || L::FINISHES {
                catch_unwind(AssertUnwindSafe(|| lane.run(task, &context))).unwrap_or_else(|panic| {
                    let recovered = catch_unwind(AssertUnwindSafe(|| lane.recover(&context)));
                    let again = if recovered.is_err() { ", and again while tidying up" } else { "" };
                    Err(Error::Internal(format!("{}{again}", words(&*panic))))
                })
            } else {
                Err(Error::Cancelled)
            };
            match job {
                Some(job) => {
                    stops.forget(job);
                    outbox.post(Event::Done { job, outcome });
                }
                None => {
                    if let Err(error) = outcome {
                        outbox.post(Event::Warning(error));
                    }
                }
            }
        }
        lane.close();
    };
    let thread = std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .map_err(|error| Error::Internal(format!("cannot start the {name} thread: {error}")))?;
    Ok((LaneSender(sender), thread))
}

/// The next task; leftovers are done while there is none. Nothing wakes an idle lane.
fn next<L: Lane>(queue: &Receiver<L::Task>, lane: &mut L, outbox: &Outbox) -> Option<L::Task> {
    while lane.has_leftovers() {
        match queue.recv_timeout(LEFTOVERS_AFTER) {
            Ok(task) => return Some(task),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => {
                if let Err(error) = lane.finish_leftovers() {
                    outbox.post(Event::Warning(error));
                }
            }
        }
    }
    queue.recv().ok()
}

/// The text of a panic.
fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string).or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a panic without a message".to_owned())
}

/// The job of an order.
#[expect(clippy::unnecessary_wraps, reason = "it is what `Lane::job` answers")]
pub const fn job_of(order: &Order) -> Option<JobId> {
    Some(order.job)
}
