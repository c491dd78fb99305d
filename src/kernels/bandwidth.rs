//! How fast this machine reads memory: the limit of every model that is larger than the processor's cache.
//!
//! All threads of a pool add up a buffer, as a token's products walk through the weights. A small buffer stays in a cache and is read
//! faster, so several sizes are measured: a model that is small itself is held against what is small. Nothing is written but once, and
//! neither latency nor random reads are measured.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::pool::Pool;
use crate::memory::Part;
use crate::memory::alloc;
use crate::memory::ledger::Ledger;
use crate::units::{Bytes, BytesPerSecond};

/// The sizes of buffers that are read, in MiB. The largest is several times the last cache of today's processors.
const SIZES: [u64; 5] = [1, 4, 16, 64, 256];

/// Values that a thread takes at a time: 256 KiB.
const TASK: usize = 32 << 10;

/// Values that are read in one job, 32 MiB: a small buffer several times, so that what starting a job costs is no part of it, and a large
/// one in windows, so that every time is equally long and other programs disturb it equally often.
const JOB: usize = 4 << 20;
/// Windows of the largest buffer.
const WINDOWS: usize = 8;

/// All sizes are read in turn, so often and each for so long, so that what else the machine does meets them alike; the best time of each
/// counts, because it can only be slowed down.
const ROUNDS: usize = 4;
const TURN: Duration = Duration::from_millis(5);
/// After this no further round begins.
const LONGEST: Duration = Duration::from_millis(200);

/// Of the memory that is available, what a measurement takes at most.
const SHARE: u64 = 4;

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bandwidth {
    /// By size; where the memory was too little for a size, what the largest reached that there was room for.
    reached: [BytesPerSecond; SIZES.len()],
    threads: usize,
}

impl Bandwidth {
    /// Reads buffers with all threads of `pool`, up to 256 MiB or a quarter of what is `available`. Takes about a fifth of a second. The
    /// buffer is charged as staging while it is there.
    #[must_use]
    pub fn measure(pool: &Pool, ledger: &Ledger, available: Bytes) -> Self {
        alloc::keep_nothing();
        let sizes = SIZES.map(|mib| usize::try_from(mib * Bytes::MIB.0).unwrap_or(usize::MAX) / size_of::<u64>());
        let room = usize::try_from(available.0 / SHARE).unwrap_or(usize::MAX) / size_of::<u64>();
        let largest = sizes.into_iter().filter(|&size| size <= room).max().unwrap_or(sizes[0]);
        let mut buffer = ledger.pay(Part::Staging, vec![0_u64; largest]);
        // A page that nobody has written is one and the same page of zeros.
        pool.chunks(&mut buffer, TASK, |i, part| part.fill(i as u64));
        let mut fastest = [[f64::INFINITY; WINDOWS]; SIZES.len()];
        let started = Instant::now();
        for round in 0..ROUNDS {
            if round > 0 && started.elapsed() > LONGEST {
                break;
            }
            for (fastest, size) in fastest.iter_mut().zip(sizes) {
                // What there is no room for would not be faster than the largest that there is.
                read(pool, &buffer[..size.min(largest)], fastest);
            }
        }
        Self { reached: fastest.map(|times| rate(&times)), threads: pool.threads() }
    }

    /// The same at every size, as if it had been measured with `threads` threads: for tests and scripted screens.
    #[must_use]
    pub const fn flat(reached: BytesPerSecond, threads: usize) -> Self {
        Self { reached: [reached; SIZES.len()], threads }
    }

    /// Of two measurements, the one that fewer other programs have slowed down.
    #[must_use]
    pub fn better(self, other: Self) -> Self {
        if other.memory() > self.memory() { other } else { self }
    }

    /// What the machine reads from memory, where no cache helps.
    #[must_use]
    pub const fn memory(&self) -> BytesPerSecond {
        self.reached[SIZES.len() - 1]
    }

    /// What reading `bytes` again and again can reach at most: what the next smaller buffer did.
    #[must_use]
    pub fn at_most(&self, bytes: Bytes) -> BytesPerSecond {
        let below = SIZES.iter().rposition(|mib| mib * Bytes::MIB.0 <= bytes.0);
        // What is larger cannot be faster: where it seems so, the smaller one was disturbed.
        self.reached[below.unwrap_or(0)..].iter().copied().fold(BytesPerSecond(0.0), |a, b| BytesPerSecond(a.0.max(b.0)))
    }

    /// Threads that read.
    #[must_use]
    pub const fn threads(&self) -> usize {
        self.threads
    }
}

/// Reads for a turn, and all windows at least once; keeps the best time of each. The last window comes first: the smaller buffers, which
/// were read before, lie in the first.
fn read(pool: &Pool, values: &[u64], fastest: &mut [f64; WINDOWS]) {
    let span = values.len().min(JOB);
    let (windows, tasks, times) = (values.len() / span, span.div_ceil(TASK), JOB / span);
    let started = Instant::now();
    for (i, window) in values.rchunks_exact(span).cycle().enumerate() {
        if i >= windows && started.elapsed() >= TURN {
            break;
        }
        let began = Instant::now();
        pool.each(times * tasks, |task| {
            let first = task % tasks * TASK;
            black_box(sum(&window[first..span.min(first + TASK)]));
        });
        // A clock that stands still gives no rate.
        let time = began.elapsed().max(Duration::from_nanos(1)).as_secs_f64();
        fastest[i % windows] = fastest[i % windows].min(time);
    }
}

/// The rate of one pass over all windows, each at its best time: one that was lucky does not stand for the others.
fn rate(times: &[f64; WINDOWS]) -> BytesPerSecond {
    let (windows, seconds) = times.iter().filter(|time| time.is_finite()).fold((0, 0.0), |(n, sum), time| (n + 1, sum + time));
    BytesPerSecond(if windows > 0 { Bytes::of::<u64>(windows * JOB).as_f64() / seconds } else { 0.0 })
}

/// The sum in sixteen lanes, so that no addition waits for the one before.
fn sum(values: &[u64]) -> u64 {
    let mut lanes = [0_u64; 16];
    let (chunks, rest) = values.as_chunks::<16>();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = lane.wrapping_add(*value);
        }
    }
    lanes.iter().chain(rest).fold(0, |sum, value| sum.wrapping_add(*value))
}
