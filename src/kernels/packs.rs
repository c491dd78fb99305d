//! Memory for packed weights: zeros that nobody has touched, so that pages appear where and when they are first written, by the threads
//! that pack.
#![expect(unsafe_code, reason = "packs in memory that was asked for as integers")]

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use super::stored::Stored;

/// What the system gives zeroed without touching it: larger alignments are zeroed by hand.
type Unit = u128;

/// Packs, one behind the other, at the alignment of their type.
pub(super) struct Packs<P> {
    memory: Box<[Unit]>,
    /// Bytes before the first pack.
    start: usize,
    len: usize,
    of: PhantomData<P>,
}

impl<P: Stored> Packs<P> {
    /// `len` packs of zeros.
    pub fn zeros(len: usize) -> Self {
        let units = (len * size_of::<P>() + align_of::<P>()).div_ceil(size_of::<Unit>());
        let memory = Box::new_zeroed_slice(units);
        // SAFETY: zeros are integers.
        let memory: Box<[Unit]> = unsafe { memory.assume_init() };
        let start = memory.as_ptr().cast::<u8>().align_offset(align_of::<P>());
        Self { memory, start, len, of: PhantomData }
    }
}

impl<P: Stored> Deref for Packs<P> {
    type Target = [P];

    fn deref(&self) -> &[P] {
        // SAFETY: `len` packs fit behind `start`, where they are aligned, and `Stored` promises that any bytes are packs.
        unsafe { std::slice::from_raw_parts(self.memory.as_ptr().cast::<u8>().add(self.start).cast(), self.len) }
    }
}

impl<P: Stored> DerefMut for Packs<P> {
    fn deref_mut(&mut self) -> &mut [P] {
        // SAFETY: as above; the borrow of the memory is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.memory.as_mut_ptr().cast::<u8>().add(self.start).cast(), self.len) }
    }
}
