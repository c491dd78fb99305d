//! How far a candidate moves each tensor of its reference, and writing one as a file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::side::Who;
use super::{Action, Slot, State, Tone};
use crate::error::Error;
use crate::inspect::Model;
use crate::lab::distortion::Distortion;
use crate::message::make::{Made, Make, Making, Writing};
use crate::message::{Command, JobId, Order, Outcome};
use crate::units::Bytes;

/// Candidates whose distortion is kept.
const KEPT: usize = 24;

/// What a person wishes.
#[derive(Debug, Clone, PartialEq)]
pub enum Wish {
    /// See how far this candidate moves each tensor of the reference.
    Distort(Who),
    /// Stop measuring that.
    StopDistorting,
    /// Keep this candidate: propose a name for it.
    Keep(Who),
    /// The place, as it is typed.
    Place(String),
    /// Choose the place with the system's dialog.
    PickPlace,
    /// The place that was chosen there; a file that is there may be replaced, for the dialog has asked.
    Placed(PathBuf),
    /// Write it.
    Write,
    /// Stop writing.
    StopWriting,
}

/// Names what was measured: the reference's file, the candidate's, and what it becomes.
type Key = (PathBuf, PathBuf, String);

/// Distortion of a candidate's tensors.
#[derive(Debug, Clone, Default)]
pub struct Distorted {
    /// Of each tensor, in the reference's order, as far as they are measured.
    pub tensors: Arc<[Distortion]>,
    /// Whether that is all of them.
    pub whole: bool,
}

/// What is to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct Keeping {
    /// The candidate.
    pub who: Who,
    /// The place, as it is typed.
    pub place: String,
    /// Its size, as it is planned.
    pub bytes: Bytes,
    /// A place chosen in the system's dialog, which has asked whether the file there may be replaced.
    replace: Option<PathBuf>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Workshop {
    /// The candidate whose distortion is shown.
    pub shown: Option<Who>,
    /// How far measuring it is.
    pub distorting: Slot<(), f64>,
    /// What is to be written.
    pub keeping: Option<Keeping>,
    /// The room on the disk of the place, once it is known; `None` where the system does not say.
    pub room: Slot<Option<Bytes>, PathBuf>,
    /// How far writing is; the file and its size when it is done.
    pub writing: Slot<(PathBuf, Bytes), Option<Writing>>,
    distorted: BTreeMap<Key, Distorted>,
    /// Keys in the order in which they came.
    order: Vec<Key>,
    measuring: Option<Key>,
    picking: Option<JobId>,
}

impl Workshop {
    /// What is known of a candidate's distortion.
    #[must_use]
    pub fn distortion(&self, reference: &Model, who: &Who) -> Option<&Distorted> {
        self.distorted.get(&key(reference, who))
    }

    /// Whether something waits for this job.
    pub(super) fn waits_for(&self, job: JobId) -> bool {
        let jobs = [self.distorting.job(), self.room.job(), self.writing.job(), self.picking];
        jobs.contains(&Some(job))
    }

    /// Whether the planned size is more than the disk has.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        match (&self.keeping, self.room.ready()) {
            (Some(keeping), Some(Some(room))) => keeping.bytes > *room,
            _ => false,
        }
    }

    /// Keeps what was measured, of so many candidates.
    fn keep(&mut self, key: Key, distorted: Distorted) {
        if self.distorted.insert(key.clone(), distorted).is_none() {
            self.order.push(key);
        }
        if self.order.len() > KEPT {
            let oldest = self.order.remove(0);
            self.distorted.remove(&oldest);
        }
    }
}

impl State {
    /// Turns a wish into an order.
    pub(super) fn make(&mut self, wish: Wish) -> Option<Order> {
        match wish {
            Wish::Distort(who) => {
                let reference = self.reference()?;
                self.distort(&who, &reference)
            }
            Wish::StopDistorting => self.stop(self.workshop.distorting.job()),
            Wish::Keep(who) => {
                let place = proposed(&who);
                let model = &who.0.model;
                let bytes = who.0.mix.bytes + (model.file.bytes - model.tensor_bytes());
                self.workshop.keeping = Some(Keeping { bytes, who, place, replace: None });
                if self.workshop.writing.job().is_none() {
                    self.workshop.writing = Slot::Empty;
                }
                self.ask_room()
            }
            Wish::Place(place) => {
                let keeping = self.workshop.keeping.as_mut()?;
                keeping.place = place;
                self.ask_room()
            }
            Wish::PickPlace => {
                let keeping = self.workshop.keeping.as_ref()?;
                if self.workshop.picking.is_some() {
                    return None;
                }
                let name = Path::new(&keeping.place).file_name().map(|name| name.to_string_lossy().into_owned());
                let order = self.order(Command::PickPlace { name: name.unwrap_or_default() });
                self.workshop.picking = Some(order.job);
                Some(order)
            }
            Wish::Placed(path) => {
                let keeping = self.workshop.keeping.as_mut()?;
                keeping.place = path.to_string_lossy().into_owned();
                keeping.replace = Some(path);
                self.ask_room()
            }
            Wish::Write => self.write(),
            Wish::StopWriting => self.stop(self.workshop.writing.job()),
        }
    }

    /// What candidates are held against.
    #[must_use]
    pub fn reference(&self) -> Option<Arc<Model>> {
        self.lab.reference.ready().map(Arc::clone)
    }

    fn distort(&mut self, who: &Who, reference: &Arc<Model>) -> Option<Order> {
        let key = key(reference, who);
        self.workshop.shown = Some(who.clone());
        if self.workshop.measuring.as_ref() == Some(&key) && self.workshop.distorting.job().is_some() {
            return None;
        }
        if self.workshop.distorted.get(&key).is_some_and(|distorted| distorted.whole) {
            // Nobody looks at what is being measured any more.
            let before = self.workshop.distorting.job();
            self.workshop.distorting = Slot::Ready(());
            return self.stop(before);
        }
        let make = Make::Distort { reference: Arc::clone(reference), candidate: Arc::clone(&who.0) };
        let order = self.order(Command::Make(Box::new(make)));
        self.workshop.keep(key.clone(), Distorted::default());
        self.workshop.measuring = Some(key);
        self.workshop.distorting = Slot::Busy { job: order.job, progress: 0.0 };
        Some(order)
    }

    /// Asks how much room there is where the file shall be, unless that is known or asked already.
    fn ask_room(&mut self) -> Option<Order> {
        let place = PathBuf::from(&self.workshop.keeping.as_ref()?.place);
        let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        if self.workshop.room.progress().is_some_and(|asked| asked == folder) {
            return None;
        }
        let order = self.order(Command::Make(Box::new(Make::Room(folder.to_owned()))));
        self.workshop.room = Slot::Busy { job: order.job, progress: folder.to_owned() };
        Some(order)
    }

    /// Why what is to be kept cannot be written there.
    #[must_use]
    pub fn cannot_write(&self) -> Option<String> {
        let keeping = self.workshop.keeping.as_ref()?;
        let path = Path::new(keeping.place.trim());
        if path.file_name().is_none() {
            return Some("A name is missing.".to_owned());
        }
        let source = keeping.who.0.model.file.paths().any(|source| source == path);
        source.then(|| "That is the file it is made from; choose another name.".to_owned())
    }

    fn write(&mut self) -> Option<Order> {
        if self.workshop.writing.job().is_some() || self.cannot_write().is_some() {
            return None;
        }
        let keeping = self.workshop.keeping.as_ref()?;
        let path = PathBuf::from(keeping.place.trim());
        let replace = keeping.replace.as_ref() == Some(&path);
        let make = Make::Write { candidate: Arc::clone(&keeping.who.0), path, replace };
        let order = self.order(Command::Make(Box::new(make)));
        self.workshop.writing = Slot::Busy { job: order.job, progress: None };
        Some(order)
    }

    /// Folds in what was told.
    pub(super) fn making(&mut self, job: JobId, making: Making) {
        let workshop = &mut self.workshop;
        match making {
            Making::Distorted { tensors, share } if workshop.distorting.waits_for(job) => {
                workshop.distorting = Slot::Busy { job, progress: share };
                if let Some(distorted) = workshop.measuring.as_ref().and_then(|key| workshop.distorted.get_mut(key)) {
                    distorted.tensors = distorted.tensors.iter().cloned().chain(tensors).collect();
                }
            }
            Making::Writing(writing) if workshop.writing.waits_for(job) => {
                workshop.writing = Slot::Busy { job, progress: Some(writing) };
            }
            Making::Distorted { .. } | Making::Writing(_) => {}
        }
    }

    /// Folds in how a job ended.
    pub(super) fn made(&mut self, job: JobId, outcome: Result<Outcome, Error>) -> Option<Action> {
        let workshop = &mut self.workshop;
        if workshop.distorting.waits_for(job) {
            let key = workshop.measuring.take();
            if outcome.is_ok()
                && let Some(distorted) = key.and_then(|key| workshop.distorted.get_mut(&key))
            {
                distorted.whole = true;
            }
            workshop.distorting = match outcome {
                Ok(_) => Slot::Ready(()),
                Err(Error::Cancelled) => Slot::Empty,
                Err(error) => Slot::Failed(error),
            };
        } else if workshop.room.waits_for(job) {
            workshop.room = match outcome {
                Ok(Outcome::Made(Made::Room(_, room))) => Slot::Ready(room),
                _ => Slot::Ready(None),
            };
        } else if workshop.writing.waits_for(job) {
            workshop.writing = match outcome {
                Ok(Outcome::Made(Made::Written { path, bytes })) => {
                    self.notices.push(
                        Tone::Info,
                        format!("Written: {} ({})", path.display(), bytes.on_disk()),
                        Some(("Open it", Action::Open { path: path.clone(), load: false })),
                        self.now,
                    );
                    Slot::Ready((path, bytes))
                }
                Ok(_) | Err(Error::Cancelled) => Slot::Empty,
                Err(error) => {
                    self.notices.push(Tone::Error, error.to_string(), None, self.now);
                    Slot::Failed(error)
                }
            };
        } else if workshop.picking == Some(job) {
            workshop.picking = None;
            return match outcome {
                Ok(Outcome::PickedPlace(Some(path))) => Some(Action::Make(Wish::Placed(path))),
                Ok(_) => None,
                Err(error) => {
                    self.tell(Some(error));
                    None
                }
            };
        }
        None
    }
}

fn key(reference: &Model, who: &Who) -> Key {
    (reference.file.path.clone(), who.0.model.file.path.clone(), who.0.mix.recipe.name())
}

/// `SmolLM2-135M-Instruct-Q4_K_M.gguf` beside the file that it is made from; in the working folder for the built-in model.
fn proposed(who: &Who) -> String {
    let model = &who.0.model;
    let recipe = &who.0.mix.recipe;
    let stored = model.quantization().unwrap_or_default();
    let kind: String = recipe.name().replace("as stored", &stored).chars().filter(|c| *c != ',').take(80).collect();
    let allowed = |c: char| if c.is_alphanumeric() || "_.-".contains(c) { c } else { '-' };
    let name = format!("{}-{}.gguf", model.name(), kind).chars().map(allowed).collect::<String>();
    let folder = model.file.built_in.is_none().then(|| model.file.path.parent()).flatten();
    folder.map_or_else(|| PathBuf::from(&name), |folder| folder.join(&name)).to_string_lossy().into_owned()
}
