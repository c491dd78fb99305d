//! What a person takes away: first a place is asked for, then it is written there. One thing at a time.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Action, Slot, State, Tone};
use crate::error::Error;
use crate::file::png::Pixels;
use crate::message::export::{Export, What};
use crate::message::{Command, JobId, Order, Outcome};

/// What a person wishes to take away.
#[derive(Debug, Clone, PartialEq)]
pub enum Wish {
    /// A tensor of the open file, by its place in the list.
    Tensor(usize),
    /// These bytes.
    Bytes {
        /// The name that is proposed.
        name: String,
        /// The bytes.
        bytes: Arc<[u8]>,
    },
    /// A picture.
    Picture {
        /// The name that is proposed.
        name: String,
        /// What it shows.
        pixels: Arc<Pixels>,
    },
    /// Write what waits for a place to this one.
    To(PathBuf),
    /// Stop writing.
    Stop,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Exporting {
    /// How much of it is written; where it is when it is.
    pub writing: Slot<PathBuf, f64>,
    /// What waits for a place, and the job that asks for it.
    waiting: Option<(JobId, What)>,
    /// What has a place that the worker was not told yet.
    placed: Option<What>,
}

impl Exporting {
    /// Whether something waits for this job.
    pub(super) fn waits_for(&self, job: JobId) -> bool {
        self.writing.waits_for(job) || self.waiting.as_ref().is_some_and(|(asking, _)| *asking == job)
    }

    const fn is_busy(&self) -> bool {
        self.waiting.is_some() || self.writing.job().is_some()
    }
}

impl State {
    /// Turns a wish into an order.
    pub(super) fn export(&mut self, wish: Wish) -> Option<Order> {
        let (what, name) = match wish {
            Wish::Tensor(tensor) => {
                let model = Arc::clone(&self.opened.ready()?.model);
                let name = model.file.tensors.get(tensor)?.name.replace(['/', '\\'], "_");
                (What::Npy { model, tensor }, format!("{name}.npy"))
            }
            Wish::Bytes { name, bytes } => (What::Bytes(bytes), name),
            Wish::Picture { name, pixels } => (What::Picture(pixels), name),
            Wish::To(path) => {
                let what = self.exporting.placed.take()?;
                let job = self.next_job();
                self.exporting.writing = Slot::Busy { job, progress: 0.0 };
                return Some(Order { job, command: Command::Export(Box::new(Export { what, path })) });
            }
            Wish::Stop => return self.stop(self.exporting.writing.job()),
        };
        if self.exporting.is_busy() {
            self.notices.push(Tone::Warning, "something is being written already".to_owned(), None, self.now);
            return None;
        }
        let job = self.next_job();
        self.exporting.waiting = Some((job, what));
        Some(Order { job, command: Command::PickPlace { name } })
    }

    /// Folds in which share is written.
    pub(super) fn wrote(&mut self, job: JobId, share: f64) {
        if self.exporting.writing.waits_for(job) {
            self.exporting.writing = Slot::Busy { job, progress: share };
        }
    }

    /// Folds in the place that was chosen, or how writing ended.
    pub(super) fn exported(&mut self, job: JobId, outcome: Result<Outcome, Error>) -> Option<Action> {
        if self.exporting.writing.waits_for(job) {
            self.exporting.writing = match outcome {
                Ok(Outcome::Written(path)) => {
                    self.notices.push(Tone::Info, format!("written: {}", path.display()), None, self.now);
                    Slot::Ready(path)
                }
                Err(Error::Cancelled) | Ok(_) => Slot::Empty,
                Err(error) => {
                    self.tell(Some(error.clone()));
                    Slot::Failed(error)
                }
            };
            return None;
        }
        let (_, what) = self.exporting.waiting.take()?;
        match outcome {
            Ok(Outcome::PickedPlace(Some(path))) => {
                self.exporting.placed = Some(what);
                return Some(Action::Export(Wish::To(path)));
            }
            Ok(_) => {}
            Err(error) => self.tell(Some(error)),
        }
        None
    }
}
