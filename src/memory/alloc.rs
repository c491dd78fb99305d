//! The counting allocator: the third truth, which knows neither the plan nor the ledger.
//!
//! It wraps the system allocator and keeps live bytes for the whole process and, apart, for the threads that are inside an
//! [`EngineScope`] (the engine's lane while it computes, and the compute pool's threads always). The engine's figure is the net of
//! what those threads allocated and freed while in scope, with its peak since it was last reset.
#![expect(unsafe_code, reason = "a global allocator cannot be written without it")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use crate::units::Bytes;

static LIVE: AtomicI64 = AtomicI64::new(0);
static ENGINE: AtomicI64 = AtomicI64::new(0);
static ENGINE_PEAK: AtomicI64 = AtomicI64::new(0);
static INSTALLED: AtomicBool = AtomicBool::new(false);

thread_local! {
    static IN_ENGINE: Cell<bool> = const { Cell::new(false) };
    static THREAD_NET: Cell<i64> = const { Cell::new(0) };
    static THREAD_PEAK: Cell<i64> = const { Cell::new(0) };
}

/// Install with `#[global_allocator]`; without it every figure here is `None`.
#[derive(Debug)]
pub struct CountingAllocator;

fn changed(by: i64) {
    LIVE.fetch_add(by, Ordering::Relaxed);
    let net = THREAD_NET.try_with(|net| {
        net.set(net.get() + by);
        net.get()
    });
    if let Ok(net) = net {
        let _unless_exiting = THREAD_PEAK.try_with(|peak| peak.set(peak.get().max(net)));
    }
    if IN_ENGINE.try_with(Cell::get).unwrap_or(false) {
        let now = ENGINE.fetch_add(by, Ordering::Relaxed) + by;
        if by > 0 {
            ENGINE_PEAK.fetch_max(now, Ordering::Relaxed);
        }
    }
}

#[expect(clippy::cast_possible_wrap, reason = "a layout's size is at most isize::MAX")]
const fn signed(size: usize) -> i64 {
    size as i64
}

// SAFETY: every call goes unchanged to the system allocator, which keeps the contract; the counters are atomics and the thread-local
// is const-initialized, so counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's obligations are the system allocator's.
        let pointer = unsafe { System.alloc(layout) };
        if !pointer.is_null() {
            INSTALLED.store(true, Ordering::Relaxed);
            changed(signed(layout.size()));
        }
        pointer
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        let pointer = unsafe { System.alloc_zeroed(layout) };
        if !pointer.is_null() {
            changed(signed(layout.size()));
        }
        pointer
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) };
        changed(-signed(layout.size()));
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as above.
        let moved = unsafe { System.realloc(pointer, layout, new_size) };
        if !moved.is_null() {
            changed(signed(new_size) - signed(layout.size()));
        }
        moved
    }
}

/// While it lives, what this thread allocates and frees is the engine's. Scopes nest.
#[derive(Debug)]
pub struct EngineScope {
    outer: bool,
}

impl EngineScope {
    /// Enters the scope on this thread.
    #[must_use]
    pub fn enter() -> Self {
        Self { outer: IN_ENGINE.replace(true) }
    }
}

impl Drop for EngineScope {
    fn drop(&mut self) {
        IN_ENGINE.set(self.outer);
    }
}

/// Something that was allocated in the engine's scope and is freed in it, whoever drops it and wherever: also when a panic does.
#[derive(Debug)]
pub struct EngineOwned<T>(ManuallyDrop<T>);

impl<T> EngineOwned<T> {
    /// Keeps `value` for the engine.
    pub const fn new(value: T) -> Self {
        Self(ManuallyDrop::new(value))
    }
}

impl<T> Deref for EngineOwned<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for EngineOwned<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T> Drop for EngineOwned<T> {
    fn drop(&mut self) {
        let _scope = EngineScope::enter();
        // SAFETY: the value is dropped here and nowhere else, and nothing uses it afterwards.
        unsafe { ManuallyDrop::drop(&mut self.0) };
    }
}

/// Runs `work` and tells what this thread had allocated and not freed when it was done.
pub fn measure<R>(work: impl FnOnce() -> R) -> (R, Option<Bytes>) {
    let before = THREAD_NET.get();
    let result = work();
    let net = u64::try_from(THREAD_NET.get() - before).unwrap_or(0);
    (result, INSTALLED.load(Ordering::Relaxed).then_some(Bytes(net)))
}

/// Runs `work` and tells the most that this thread held at any moment beyond what it held before.
pub fn measure_peak<R>(work: impl FnOnce() -> R) -> (R, Option<Bytes>) {
    let before = THREAD_NET.get();
    let outer = THREAD_PEAK.replace(before);
    let result = work();
    let peak = THREAD_PEAK.get();
    THREAD_PEAK.set(peak.max(outer));
    (result, INSTALLED.load(Ordering::Relaxed).then_some(Bytes(u64::try_from(peak - before).unwrap_or(0))))
}

/// Makes this thread the engine's for good: for the threads of the compute pool.
pub fn adopt_thread() {
    IN_ENGINE.set(true);
}

fn counted(counter: &AtomicI64) -> Option<Bytes> {
    let bytes = counter.load(Ordering::Relaxed);
    INSTALLED.load(Ordering::Relaxed).then_some(Bytes(u64::try_from(bytes).unwrap_or(0)))
}

/// All live bytes of the process; `None` when the allocator is not installed.
#[must_use]
pub fn live() -> Option<Bytes> {
    counted(&LIVE)
}

/// Live bytes under the engine's scope.
#[must_use]
pub fn engine_live() -> Option<Bytes> {
    counted(&ENGINE)
}

/// The highest [`engine_live`] since [`reset_engine_peak`].
#[must_use]
pub fn engine_peak() -> Option<Bytes> {
    counted(&ENGINE_PEAK)
}

/// Starts a new measurement of the peak at what is live now.
pub fn reset_engine_peak() {
    ENGINE_PEAK.store(ENGINE.load(Ordering::Relaxed), Ordering::Relaxed);
}

/// Keeps the C library from holding on to large freed buffers, once per process and before the first of them.
///
/// glibc raises its thresholds whenever a large buffer is freed, and never gives back the end of another thread's heap that lies below
/// them: up to 64 MiB would stay resident after Unload.
pub fn keep_nothing() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const M_TRIM_THRESHOLD: i32 = -1;
        const M_MMAP_THRESHOLD: i32 = -3;
        const LARGE: i32 = 8 << 20;
        static ONCE: std::sync::Once = std::sync::Once::new();
        unsafe extern "C" {
            fn mallopt(parameter: i32, value: i32) -> i32;
        }
        ONCE.call_once(|| {
            // SAFETY: glibc's mallopt takes these parameters with any value and may be called at any time.
            unsafe {
                mallopt(M_TRIM_THRESHOLD, LARGE);
                mallopt(M_MMAP_THRESHOLD, LARGE);
            }
        });
    }
}

/// Gives freed memory back to the operating system where the C library would keep it.
pub fn trim() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        unsafe extern "C" {
            fn malloc_trim(pad: usize) -> i32;
        }
        // SAFETY: glibc's malloc_trim takes any value, may be called at any time from any thread, and touches only free memory.
        unsafe { malloc_trim(0) };
    }
}

/// Moves memory that was written onto large pages where the system can do that: they are faster to look up. It costs a copy, and where a
/// virtual machine has to ask its host for each of them, getting them takes longer than reading the weights did; so this is for when
/// nothing else is to be done.
pub fn make_pages_large<T>(memory: &[T]) {
    #[cfg(target_os = "linux")]
    {
        const PAGE: usize = 4096;
        // Since Linux 6.1; others say no.
        const MADV_COLLAPSE: i32 = 25;
        unsafe extern "C" {
            fn madvise(start: *mut std::ffi::c_void, len: usize, advice: i32) -> i32;
        }
        let start = memory.as_ptr().addr().next_multiple_of(PAGE);
        let end = (memory.as_ptr().addr() + size_of_val(memory)) / PAGE * PAGE;
        if start < end {
            let from = memory.as_ptr().cast::<u8>().wrapping_add(start - memory.as_ptr().addr());
            // SAFETY: whole pages inside the memory; this advice changes nothing of what is in them.
            unsafe { madvise(from.cast_mut().cast(), end - start, MADV_COLLAPSE) };
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = memory;
}
