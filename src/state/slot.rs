//! The only way to say "nothing, coming, here, failed".

use crate::error::Error;
use crate::message::JobId;

/// Something that is asked for and comes later.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Slot<T, P = ()> {
    /// Never asked for, or taken away.
    #[default]
    Empty,
    /// On its way.
    Busy {
        /// The job that brings it.
        job: JobId,
        /// How far it is.
        progress: P,
    },
    /// Here.
    Ready(T),
    /// It did not come.
    Failed(Error),
}

impl<T, P> Slot<T, P> {
    /// The value, if it is here.
    #[must_use]
    pub const fn ready(&self) -> Option<&T> {
        if let Self::Ready(value) = self { Some(value) } else { None }
    }

    /// The value, if it is here, to be changed.
    pub const fn ready_mut(&mut self) -> Option<&mut T> {
        if let Self::Ready(value) = self { Some(value) } else { None }
    }

    /// The job that is to bring it.
    #[must_use]
    pub const fn job(&self) -> Option<JobId> {
        if let Self::Busy { job, .. } = self { Some(*job) } else { None }
    }

    /// Whether it waits for this job.
    #[must_use]
    pub fn waits_for(&self, job: JobId) -> bool {
        self.job() == Some(job)
    }

    /// How far the job is.
    #[must_use]
    pub const fn progress(&self) -> Option<&P> {
        if let Self::Busy { progress, .. } = self { Some(progress) } else { None }
    }

    /// How far the job is, to be changed.
    pub const fn progress_mut(&mut self) -> Option<&mut P> {
        if let Self::Busy { progress, .. } = self { Some(progress) } else { None }
    }
}
