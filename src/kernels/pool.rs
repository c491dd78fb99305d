//! The compute threads: one pool, made by the worker, lent to the engine.
//!
//! A token is hundreds of small steps, so what a step costs beside its work counts: the caller takes part in the work, the other threads
//! take chunks by an atomic counter, stay awake for some microseconds between two jobs, and then sleep, so that an idle program uses no
//! processor. The number of threads belongs to the pool and not to the process, and what they allocate is counted as the engine's. Work
//! is cut by size alone, never by the number of threads, so results do not depend on it.
//!
//! One job runs at a time. A job that is asked for meanwhile, be it by another thread or from within a job, is done by the thread that
//! asks: nobody waits for a pool that is busy, so nothing can wait for itself.
#![expect(unsafe_code, reason = "threads that outlive a job work on what the job borrows")]

use std::any::Any;
use std::cell::UnsafeCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::memory::alloc;

/// How long a thread without work stays awake: longer than the steps of a token that one thread does alone, shorter than a person or a
/// scheduler notices.
const AWAKE: Duration = Duration::from_micros(50);
/// Looks between two looks at the clock.
const LOOKS: usize = 64;
/// How often a thread then lets others go first before it sleeps.
const YIELDS: usize = 4;

/// The job may be entered.
const OPEN: usize = 1 << (usize::BITS - 1);
/// The pool is being dropped.
const QUIT: usize = OPEN >> 1;

/// A cache line of its own; processors fetch them in pairs.
#[repr(align(128))]
struct Line<T>(T);

/// One closure, its type forgotten.
#[derive(Clone, Copy)]
struct Job {
    /// # Safety
    /// `data` must be the one that stands beside it, and alive.
    call: unsafe fn(data: *const (), index: usize),
    data: *const (),
    count: usize,
}

struct Shared {
    /// How many threads beside the caller are inside the job, with [`OPEN`] and [`QUIT`]. Who is inside may use the job, and the caller
    /// does not return before nobody is.
    state: Line<AtomicUsize>,
    /// The next index to be taken.
    next: Line<AtomicUsize>,
    /// Written by the one caller while `state` is 0.
    job: UnsafeCell<Job>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    awake: Duration,
    /// Workers that sleep or are about to.
    asleep: AtomicUsize,
    /// Whether the caller does.
    caller_asleep: AtomicBool,
    bed: Mutex<()>,
    opened: Condvar,
    left: Condvar,
}

// SAFETY: everything but `job` is shareable by itself. `job` is written by one thread (the holder of `Pool::turn`) while `state` is 0,
// and read by threads that have raised `state` since: the write happens before the store of `OPEN`, which they have seen, and they lower
// `state` before it is written again. What its pointer points to is a closure that is `Sync`.
unsafe impl Sync for Shared {}
// SAFETY: the pointer in `job` is not used but as above, whichever thread owns the rest.
unsafe impl Send for Shared {}

impl Shared {
    fn new(awake: Duration) -> Self {
        Self {
            state: Line(AtomicUsize::new(0)),
            next: Line(AtomicUsize::new(0)),
            job: UnsafeCell::new(Job { call: |_, _| (), data: std::ptr::null(), count: 0 }),
            panic: Mutex::new(None),
            awake,
            asleep: AtomicUsize::new(0),
            caller_asleep: AtomicBool::new(false),
            bed: Mutex::new(()),
            opened: Condvar::new(),
            left: Condvar::new(),
        }
    }

    /// A worker's life.
    fn serve(&self) {
        while self.wait_for_work() {
            if self.enter() {
                // SAFETY: this thread is inside.
                unsafe { self.take_part() };
                self.leave();
            }
        }
    }

    /// Returns when there may be work; `false` when there will be none any more.
    fn wait_for_work(&self) -> bool {
        let something = || self.state.0.load(Ordering::SeqCst) & (OPEN | QUIT) != 0;
        if !self.stay_awake(something) {
            let mut bed = lock(&self.bed);
            // Either the caller sees this, or what it has opened is seen here before the first sleep.
            self.asleep.fetch_add(1, Ordering::SeqCst);
            while !something() {
                bed = self.opened.wait(bed).unwrap_or_else(PoisonError::into_inner);
            }
            self.asleep.fetch_sub(1, Ordering::SeqCst);
        }
        self.state.0.load(Ordering::Relaxed) & QUIT == 0
    }

    fn enter(&self) -> bool {
        let mut state = self.state.0.load(Ordering::Relaxed);
        while state & OPEN != 0 {
            match self.state.0.compare_exchange_weak(state, state + 1, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }

    fn leave(&self) {
        let last = self.state.0.fetch_sub(1, Ordering::SeqCst) == 1;
        if last && self.caller_asleep.load(Ordering::SeqCst) {
            drop(lock(&self.bed));
            self.left.notify_all();
        }
    }

    /// Works on the job until there is nothing left to take, and closes it.
    ///
    /// # Safety
    /// The thread must be inside the job, or its caller.
    unsafe fn take_part(&self) {
        // SAFETY: while a thread is inside, nobody writes the job.
        let Job { call, data, count } = unsafe { *self.job.get() };
        let done = catch_unwind(AssertUnwindSafe(|| {
            loop {
                let index = self.next.0.fetch_add(1, Ordering::Relaxed);
                if index >= count {
                    break;
                }
                // SAFETY: the two were put together by `run`, which does not return before all have left.
                unsafe { call(data, index) };
            }
        }));
        if let Err(payload) = done {
            self.next.0.store(count, Ordering::Relaxed);
            lock(&self.panic).get_or_insert(payload);
        }
        self.state.0.fetch_and(!OPEN, Ordering::Relaxed);
    }

    /// Does `job`, whose caller has its turn, and returns when all have left it; with what was thrown, if anything was.
    ///
    /// # Safety
    /// No other thread may be in this function.
    unsafe fn run(&self, job: Job) -> Option<Box<dyn Any + Send>> {
        // SAFETY: `state` is 0 before and after each run, so no worker is inside, and there is no other caller.
        unsafe { *self.job.get() = job };
        self.next.0.store(0, Ordering::Relaxed);
        self.state.0.store(OPEN, Ordering::SeqCst);
        if self.asleep.load(Ordering::SeqCst) > 0 {
            self.wake();
        }
        // SAFETY: this is the caller.
        unsafe { self.take_part() };
        if !self.stay_awake(|| self.state.0.load(Ordering::Acquire) == 0) {
            let mut bed = lock(&self.bed);
            self.caller_asleep.store(true, Ordering::SeqCst);
            while self.state.0.load(Ordering::SeqCst) != 0 {
                bed = self.left.wait(bed).unwrap_or_else(PoisonError::into_inner);
            }
            self.caller_asleep.store(false, Ordering::SeqCst);
        }
        lock(&self.panic).take()
    }

    fn wake(&self) {
        drop(lock(&self.bed));
        self.opened.notify_all();
    }

    /// Looks for something again and again, for a short while; says whether it came.
    fn stay_awake(&self, came: impl Fn() -> bool) -> bool {
        let mut since: Option<Instant> = None;
        loop {
            for _ in 0..LOOKS {
                if came() {
                    return true;
                }
                std::hint::spin_loop();
            }
            if since.get_or_insert_with(Instant::now).elapsed() >= self.awake {
                break;
            }
        }
        (0..YIELDS).any(|_| {
            thread::yield_now();
            came()
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A fixed set of compute threads.
pub struct Pool {
    shared: Arc<Shared>,
    /// All but the caller.
    workers: Vec<JoinHandle<()>>,
    threads: usize,
    /// Held by the caller whose job runs.
    turn: Mutex<()>,
    for_candle: OnceLock<rayon::ThreadPool>,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool({} threads)", self.threads)
    }
}

impl Pool {
    /// A pool of `threads` threads, at least one; the caller of a job is one of them.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn new(threads: usize) -> Result<Self> {
        let threads = threads.max(1);
        // Whoever stays awake where there are more threads than processors keeps another from its work.
        let crowded = thread::available_parallelism().is_ok_and(|processors| threads > processors.get());
        let shared = Arc::new(Shared::new(if crowded { Duration::ZERO } else { AWAKE }));
        let mut pool = Self { shared, workers: Vec::new(), threads, turn: Mutex::new(()), for_candle: OnceLock::new() };
        for i in 1..threads {
            let shared = Arc::clone(&pool.shared);
            let work = move || {
                alloc::adopt_thread();
                shared.serve();
            };
            let worker = thread::Builder::new().name(format!("compute {i}")).spawn(work).map_err(|error| no_threads(threads, &error))?;
            pool.workers.push(worker);
        }
        Ok(pool)
    }

    /// How many threads there are.
    #[must_use]
    pub const fn threads(&self) -> usize {
        self.threads
    }

    /// Calls `work(i, chunk)` for each chunk of `len` values of `out` (the last may be shorter), in parallel. A panic in `work` goes on
    /// in the caller, when no thread is at work any more.
    pub fn chunks<T: Send>(&self, out: &mut [T], len: usize, work: impl Fn(usize, &mut [T]) + Sync) {
        self.chunks_of([out], len, |_, i, chunk| work(i, chunk));
    }

    /// The same for several slices as one job: `work(slice, i, chunk)` for chunk `i` of `parts[slice]`.
    pub fn chunks_of<T: Send, const N: usize>(&self, parts: [&mut [T]; N], len: usize, work: impl Fn(usize, usize, &mut [T]) + Sync) {
        struct Parts<T, const N: usize>([(*mut T, usize); N]);
        // SAFETY: threads only make disjoint slices of it, and values of `T` may be sent to them.
        unsafe impl<T: Send, const N: usize> Sync for Parts<T, N> {}

        let len = len.max(1);
        let parts = Parts(parts.map(|part| (part.as_mut_ptr(), part.len())));
        let count = parts.0.iter().map(|(_, values)| values.div_ceil(len)).sum();
        let parts = &parts;
        self.each(count, move |index| {
            let mut i = index;
            for (part, &(start, values)) in parts.0.iter().enumerate() {
                let chunks = values.div_ceil(len);
                if i < chunks {
                    // SAFETY: the chunk lies within the exclusively borrowed slice, and each index is given once.
                    let chunk = unsafe { std::slice::from_raw_parts_mut(start.add(i * len), len.min(values - i * len)) };
                    work(part, i, chunk);
                    return;
                }
                i -= chunks;
            }
        });
    }

    /// Calls `work` for each index below `count`, once, in parallel.
    pub fn each<F: Fn(usize) + Sync>(&self, count: usize, work: F) {
        /// # Safety
        /// `data` must point to a living `F`.
        unsafe fn call<F: Fn(usize)>(data: *const (), index: usize) {
            // SAFETY: as the caller says.
            unsafe { (*data.cast::<F>())(index) }
        }
        if count > 1
            && !self.workers.is_empty()
            && let Some(turn) = self.try_turn()
        {
            let job = Job { call: call::<F>, data: (&raw const work).cast(), count };
            // SAFETY: who holds the turn is alone, and `work` lives until the run is over.
            let thrown = unsafe { self.shared.run(job) };
            drop(turn);
            if let Some(payload) = thrown {
                resume_unwind(payload);
            }
        } else {
            (0..count).for_each(work);
        }
    }

    fn try_turn(&self) -> Option<MutexGuard<'_, ()>> {
        match self.turn.try_lock() {
            Ok(turn) => Some(turn),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Runs `work` with threads that candle's own parallel loops take. They are started when they are first asked for, so that beside the
    /// fast arithmetic there is no second pool.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> Result<R> {
        let pool = if let Some(pool) = self.for_candle.get() {
            pool
        } else {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(self.threads)
                .thread_name(|i| format!("candle {i}"))
                .start_handler(|_| alloc::adopt_thread())
                .build()
                .map_err(|error| no_threads(self.threads, &error))?;
            self.for_candle.get_or_init(|| pool)
        };
        Ok(pool.install(work))
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.state.0.fetch_or(QUIT, Ordering::SeqCst);
        self.shared.wake();
        for worker in self.workers.drain(..) {
            // A worker catches what its work throws and ends by itself.
            drop(worker.join());
        }
    }
}

fn no_threads(threads: usize, error: &dyn fmt::Display) -> Error {
    Error::Engine(format!("cannot start {threads} compute threads: {error}"))
}
