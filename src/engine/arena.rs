//! Buffers of activations that are used again: after the first tokens of a kind, a forward pass allocates nothing.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Lends buffers and takes them back when they are dropped.
#[derive(Debug, Default, Clone)]
pub struct Arena {
    free: Arc<Mutex<Vec<Vec<f32>>>>,
}

/// Activations, `[l, width]`, row-major.
#[derive(Debug)]
pub struct Buffer {
    values: Vec<f32>,
    width: usize,
    home: Arena,
}

impl Arena {
    fn free(&self) -> MutexGuard<'_, Vec<Vec<f32>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A zeroed buffer of `l` rows, in the smallest free allocation that holds it.
    #[must_use]
    pub fn zeroed(&self, l: usize, width: usize) -> Buffer {
        let len = l * width;
        let mut free = self.free();
        let fitting = free.iter().enumerate().filter(|(_, b)| b.capacity() >= len).min_by_key(|(_, b)| b.capacity()).map(|(i, _)| i);
        let mut values = fitting.map(|i| free.swap_remove(i)).unwrap_or_default();
        values.clear();
        values.resize(len, 0.0);
        drop(free);
        Buffer { values, width, home: self.clone() }
    }

    /// Frees the buffers that nobody holds: after a long prompt, or between conversations.
    pub fn shrink(&self) {
        self.free().clear();
    }
}

impl Buffer {
    /// Values per row.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    #[must_use]
    pub fn l(&self) -> usize {
        self.values.len() / self.width
    }
}

impl Deref for Buffer {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        &self.values
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.home.free().push(std::mem::take(&mut self.values));
    }
}
