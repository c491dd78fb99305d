//! Work that nobody waits for gives way to an answer: whoever computes one says so, and what runs beside it asks.
//!
//! While nobody answers, background work takes all threads of the pool, a few milliseconds at a time. While someone does, it does one
//! piece of about a millisecond on its own thread and sleeps for many: some per cent of one processor, but never nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::pool::Pool;
use crate::error::{Error, Result};

/// How long background work sleeps for each moment that it worked beside an answer.
const REST: u32 = 30;
/// The longest sleep between two looks at whether to go on.
const NAP: Duration = Duration::from_millis(10);
/// The longest rest after one piece, for pieces that took unusually long.
const LONGEST_REST: Duration = Duration::from_millis(300);
/// Pieces for each thread before it is asked again who needs the processors.
const PIECES: usize = 4;

/// Who needs the processors now. Clones speak of the same.
#[derive(Debug, Clone, Default)]
pub struct Courtesy(Arc<AtomicUsize>);

/// That an answer is being computed, until it is dropped.
#[derive(Debug)]
pub struct Busy(Arc<AtomicUsize>);

impl Courtesy {
    /// Says that someone waits for what is computed now.
    #[must_use]
    pub fn busy(&self) -> Busy {
        self.0.fetch_add(1, Ordering::Relaxed);
        Busy(Arc::clone(&self.0))
    }

    /// Whether someone does.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    /// Whether someone does beside the one who asks, who has said so too.
    #[must_use]
    pub fn is_busy_beside_me(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 1
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What work in the background computes with.
#[derive(Clone, Copy)]
pub struct Background<'a> {
    /// The threads, while nobody else needs them.
    pub pool: &'a Pool,
    /// Who else may need them.
    pub courtesy: &'a Courtesy,
    /// Whether the work is still wanted.
    pub go_on: &'a (dyn Fn() -> bool + Sync),
}

impl std::fmt::Debug for Background<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Background({:?}, {:?})", self.pool, self.courtesy)
    }
}

impl Background<'_> {
    /// Does `work` for each index below `count`, about a millisecond each, and folds the results in order on this thread. What comes out
    /// does not depend on the number of threads.
    ///
    /// # Errors
    /// [`Error::Cancelled`] when the work is no longer wanted; what `work` and `fold` fail with.
    pub fn map<T: Send>(
        &self,
        count: usize,
        work: impl Fn(usize) -> Result<T> + Sync,
        mut fold: impl FnMut(usize, T) -> Result<()>,
    ) -> Result<()> {
        let mut done = 0;
        while done < count {
            self.check()?;
            if self.courtesy.is_busy() {
                let started = Instant::now();
                fold(done, work(done)?)?;
                done += 1;
                self.rest((started.elapsed() * REST).min(LONGEST_REST))?;
                continue;
            }
            let together = (self.pool.threads() * PIECES).min(count - done);
            let mut results: Vec<Option<Result<T>>> = Vec::with_capacity(together);
            results.resize_with(together, || None);
            self.pool.chunks(&mut results, 1, |i, result| result[0] = Some(work(done + i)));
            for result in results {
                let result = result.unwrap_or_else(|| Err(Error::Internal("a piece of work was left out".to_owned())))?;
                fold(done, result)?;
                done += 1;
            }
        }
        Ok(())
    }

    /// Fails when the work is no longer wanted.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn check(&self) -> Result<()> {
        if (self.go_on)() { Ok(()) } else { Err(Error::Cancelled) }
    }

    /// Sleeps for as long as someone else computes, at most this long.
    fn rest(&self, time: Duration) -> Result<()> {
        let until = Instant::now() + time;
        while self.courtesy.is_busy() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            thread::sleep(left.min(NAP));
            self.check()?;
        }
        Ok(())
    }
}
