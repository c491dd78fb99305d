//! Several Ponders on one data folder: who is here, and whose turn it is to write. Locks end with their process, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a writer waits for another one. A write takes milliseconds; who holds the lock longer is stopped.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long it sleeps between two tries.
const PAUSE: Duration = Duration::from_millis(5);

/// Says, as long as it lives, that a Ponder uses the folder.
#[derive(Debug)]
pub(super) struct Presence {
    shared: Option<File>,
}

/// A lock for the short time of one write.
#[derive(Debug)]
pub(super) struct WriteLock {
    file: Option<Arc<File>>,
}

/// The turn to write; ends when dropped.
#[derive(Debug)]
pub(super) struct WriteTurn {
    file: Option<Arc<File>>,
}

/// Announces this process. If no other one is here, `alone` runs while none can come.
///
/// Where files cannot be locked (some network folders, a folder that cannot be written), this process counts as alone.
pub(super) fn enter(path: &Path, alone: impl FnOnce()) -> (Presence, bool) {
    let Some(file) = open(path) else {
        alone();
        return (Presence { shared: None }, true);
    };
    let is_alone = !matches!(file.try_lock(), Err(TryLockError::WouldBlock));
    if is_alone {
        alone();
        if let Err(_unsupported) = file.unlock() {
            return (Presence { shared: None }, true);
        }
    }
    let shared = wait(|| file.try_lock_shared());
    (Presence { shared: shared.then_some(file) }, is_alone)
}

impl WriteLock {
    /// The lock in the file at `path`; without effect where there can be none.
    pub(super) fn new(path: &Path) -> Self {
        Self { file: open(path).map(Arc::new) }
    }

    /// Waits for the turn, two seconds at most. `None` if another process kept it.
    pub(super) fn turn(&self) -> Option<WriteTurn> {
        let Some(file) = &self.file else { return Some(WriteTurn { file: None }) };
        wait(|| file.try_lock()).then(|| WriteTurn { file: Some(Arc::clone(file)) })
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.shared.as_ref().map(release);
    }
}

impl Drop for WriteTurn {
    fn drop(&mut self) {
        self.file.as_deref().map(release);
    }
}

/// Whether another handle, here or in another process, holds `file`. Takes the lock if none does.
pub(super) fn held_elsewhere(file: &File) -> bool {
    matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}

/// Ends the lock now: closing the file would not, while a process that is just being started has inherited it.
pub(super) fn release(file: &File) {
    // Where unlocking is not supported, locking was not either.
    file.unlock().ok();
}

fn open(path: &Path) -> Option<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).ok()
}

/// Tries until the lock is taken or cannot exist; false if another process keeps it.
fn wait(mut attempt: impl FnMut() -> Result<(), TryLockError>) -> bool {
    let start = Instant::now();
    while matches!(attempt(), Err(TryLockError::WouldBlock)) {
        if start.elapsed() >= PATIENCE {
            return false;
        }
        std::thread::sleep(PAUSE);
    }
    true
}
