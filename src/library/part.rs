//! A file in the making: hashed as it grows, moved into place when it is right, removed when it is wrong.

use std::fs::File;
use std::io::{Read, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::checksum::Checksum;
use super::download::{Source, Stage};
use super::fetch::{Setback, Task};
use crate::units::Bytes;

/// Read and written at once: large enough to be quick, small enough to be stopped.
pub(super) const CHUNK: usize = 256 * 1024;

/// An unfinished file and the hash of what is in it.
pub(super) struct PartFile {
    path: PathBuf,
    file: File,
    hasher: Sha256,
    len: u64,
}

impl PartFile {
    /// An empty one.
    pub(super) fn create(path: PathBuf) -> Result<Self, Setback> {
        let mut part = Self::open(path)?;
        part.restart()?;
        Ok(part)
    }

    /// With what an earlier attempt left, hashed again; more than `task` wants can't be its beginning and is dropped.
    pub(super) fn resume(path: PathBuf, task: &mut Task<'_>, source: Source) -> Result<Self, Setback> {
        let mut part = Self::open(path)?;
        let left = part.file.metadata().map_err(|e| Setback::disk(&part.path, &e))?.len();
        if left > task.download.bytes.0 {
            part.restart()?;
        }
        let mut chunk = vec![0; CHUNK];
        loop {
            task.check()?;
            let n = part.file.read(&mut chunk).map_err(|e| Setback::disk(&part.path, &e))?;
            if n == 0 {
                return Ok(part);
            }
            part.hasher.update(&chunk[..n]);
            part.len += n as u64;
            task.report(source, Stage::Verifying { done: Bytes(part.len), total: Bytes(left) });
        }
    }

    fn open(path: PathBuf) -> Result<Self, Setback> {
        let file = File::options().create(true).truncate(false).read(true).write(true).open(&path).map_err(|e| Setback::disk(&path, &e))?;
        Ok(Self { path, file, hasher: Sha256::new(), len: 0 })
    }

    /// How many bytes are there.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Drops everything.
    pub(super) fn restart(&mut self) -> Result<(), Setback> {
        self.hasher.reset();
        self.len = 0;
        self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0))).map_err(|e| Setback::disk(&self.path, &e))?;
        Ok(())
    }

    /// Adds bytes at the end.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), Setback> {
        self.file.write_all(bytes).map_err(|e| Setback::disk(&self.path, &e))?;
        self.hasher.update(bytes);
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Takes everything from `reader`, at most what `task` wants, tells `told` after each chunk, and finishes; of an attempt that
    /// fails nothing is left.
    pub(super) fn fill(mut self, task: &mut Task<'_>, reader: impl Read, told: impl FnMut(&mut Task<'_>, Bytes)) -> Result<(), Setback> {
        let path = self.path.clone();
        let outcome = self.copy(task, reader, told).and_then(|()| self.finish(task).map_err(Setback::from));
        if outcome.is_err() {
            remove(&path);
        }
        outcome
    }

    fn copy(&mut self, task: &mut Task<'_>, reader: impl Read, mut told: impl FnMut(&mut Task<'_>, Bytes)) -> Result<(), Setback> {
        let mut reader = reader.take(task.download.bytes.0 + 1);
        let mut chunk = vec![0; CHUNK];
        loop {
            task.check()?;
            match reader.read(&mut chunk) {
                Ok(0) => return Ok(()),
                Ok(n) => self.append(&chunk[..n])?,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(Setback::Failed(format!("unreadable after {}: {e}", Bytes(self.len).exact()))),
            }
            told(task, Bytes(self.len));
        }
    }

    /// Checks size and checksum and moves the file into place, in one step for whoever looks; a wrong one is removed.
    pub(super) fn finish(self, task: &Task<'_>) -> Result<(), Wrong> {
        let download = task.download;
        let target = download.path(task.folders);
        let found = Checksum(self.hasher.finalize().into());
        if self.len != download.bytes.0 || found != download.sha256 {
            drop(self.file);
            remove(&self.path);
            return Err(Wrong::Content(if self.len == download.bytes.0 {
                format!("expected sha256 {}, found {found}; removed", download.sha256)
            } else {
                format!("expected {}, found {}; removed", download.bytes.exact(), Bytes(self.len).exact())
            }));
        }
        self.file.sync_all().map_err(|e| Wrong::Setback(Setback::disk(&self.path, &e)))?;
        drop(self.file);
        std::fs::rename(&self.path, &target).map_err(|e| Wrong::Setback(Setback::disk(&target, &e)))
    }
}

/// Why a file that was complete did not get its name.
pub(super) enum Wrong {
    /// Size or checksum are not those of the download.
    Content(String),
    /// Something else stopped it.
    Setback(Setback),
}

impl From<Wrong> for Setback {
    fn from(wrong: Wrong) -> Self {
        match wrong {
            Wrong::Content(reason) => Self::Failed(reason),
            Wrong::Setback(setback) => setback,
        }
    }
}

/// Removes a file if it can: what stays is overwritten next time.
pub(super) fn remove(path: &Path) {
    drop(std::fs::remove_file(path));
}
