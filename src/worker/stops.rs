//! The stop flags of all jobs that wait or run.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::message::JobId;

/// Clones share the flags.
#[derive(Debug, Clone, Default)]
pub struct Stops {
    flags: Arc<Mutex<BTreeMap<JobId, Arc<AtomicBool>>>>,
}

impl Stops {
    fn flags(&self) -> MutexGuard<'_, BTreeMap<JobId, Arc<AtomicBool>>> {
        self.flags.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A job begins to wait.
    pub fn register(&self, job: JobId) {
        self.flags().insert(job, Arc::default());
    }

    /// The flag of a job.
    #[must_use]
    pub fn of(&self, job: JobId) -> Arc<AtomicBool> {
        self.flags().get(&job).cloned().unwrap_or_default()
    }

    /// A job is done.
    pub fn forget(&self, job: JobId) {
        self.flags().remove(&job);
    }

    /// Stops a job, whether it waits or runs.
    pub fn raise(&self, job: JobId) {
        if let Some(flag) = self.flags().get(&job) {
            flag.store(true, Ordering::Relaxed);
        }
    }

    /// Stops all.
    pub fn raise_all(&self) {
        for flag in self.flags().values() {
            flag.store(true, Ordering::Relaxed);
        }
    }
}
