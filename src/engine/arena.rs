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
    /// As many as were ever asked for, so that none is zeroed twice.
    values: Vec<f32>,
    len: usize,
    width: usize,
    home: Arena,
}

impl Arena {
    fn free(&self) -> MutexGuard<'_, Vec<Vec<f32>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A buffer of `l` rows, in the smallest free allocation that holds it. It holds numbers of earlier use: who asks for it writes all
    /// of it.
    #[must_use]
    pub fn buffer(&self, l: usize, width: usize) -> Buffer {
        let len = l * width;
        let mut free = self.free();
        let fitting = free.iter().enumerate().filter(|(_, b)| b.len() >= len).min_by_key(|(_, b)| b.len()).map(|(i, _)| i);
        let values = fitting.map(|i| free.swap_remove(i));
        drop(free);
        Buffer { values: values.unwrap_or_else(|| vec![0.0; len]), len, width, home: self.clone() }
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
    pub const fn l(&self) -> usize {
        self.len / self.width
    }
}

impl Deref for Buffer {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        &self.values[..self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values[..self.len]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.home.free().push(std::mem::take(&mut self.values));
    }
}
