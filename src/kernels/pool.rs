//! The compute threads: one pool, made by the worker, lent to the engine.
//!
//! A thin cover over rayon, so that the number of threads belongs to the pool and not to the process, and what the threads allocate is
//! counted as the engine's. Work is cut by size alone, never by the number of threads, so results do not depend on it.

use rayon::ThreadPool;
use rayon::iter::{IndexedParallelIterator as _, ParallelIterator as _};
use rayon::slice::ParallelSliceMut as _;

use crate::error::{Error, Result};
use crate::memory::alloc;

/// A fixed set of compute threads.
#[derive(Debug)]
pub struct Pool {
    threads: ThreadPool,
}

impl Pool {
    /// A pool of `threads` threads, at least one.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn new(threads: usize) -> Result<Self> {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads.max(1))
            .thread_name(|i| format!("compute {i}"))
            .start_handler(|_| alloc::adopt_thread())
            .build()
            .map(|threads| Self { threads })
            .map_err(|error| Error::Engine(format!("cannot start {threads} compute threads: {error}")))
    }

    /// How many threads there are.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.threads.current_num_threads()
    }

    /// Calls `work(i, chunk)` for each chunk of `len` values of `out` (the last may be shorter), in parallel.
    pub fn chunks<T: Send>(&self, out: &mut [T], len: usize, work: impl Fn(usize, &mut [T]) + Send + Sync) {
        if out.len() <= len || self.threads() == 1 {
            out.chunks_mut(len.max(1)).enumerate().for_each(|(i, chunk)| work(i, chunk));
        } else {
            self.threads.install(|| out.par_chunks_mut(len).enumerate().for_each(|(i, chunk)| work(i, chunk)));
        }
    }

    /// Runs `work` with this pool as rayon's current one, for candle's own parallel loops.
    pub fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.threads.install(work)
    }
}
