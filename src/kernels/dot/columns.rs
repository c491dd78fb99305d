//! Neighbouring columns of a matrix: what one task of a product writes.

use std::marker::PhantomData;
use std::ops::Range;

/// Columns of a row-major matrix of F32, for one task alone.
#[derive(Debug)]
pub struct Columns<'a> {
    start: *mut f32,
    stride: usize,
    rows: usize,
    width: usize,
    matrix: PhantomData<&'a mut [f32]>,
}

/// A matrix that tasks take their columns from.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a> {
    start: *mut f32,
    rows: usize,
    stride: usize,
    matrix: PhantomData<&'a mut [f32]>,
}

// SAFETY: it gives no access by itself; `columns` asks for columns that no other task has.
unsafe impl Sync for Matrix<'_> {}

impl<'a> Matrix<'a> {
    /// All of `values[rows, stride]`.
    pub fn new(values: &'a mut [f32], stride: usize) -> Self {
        Self { start: values.as_mut_ptr(), rows: values.len() / stride.max(1), stride, matrix: PhantomData }
    }

    /// `width` columns from `first` on.
    ///
    /// # Safety
    /// No two that are alive at the same time may overlap.
    pub unsafe fn columns(self, first: usize, width: usize) -> Columns<'a> {
        // SAFETY: the caller's.
        unsafe { self.part(0..self.rows, first, width) }
    }

    /// What some rows have of `width` columns from `first` on.
    ///
    /// # Safety
    /// No two that are alive at the same time may overlap.
    pub unsafe fn part(self, rows: Range<usize>, first: usize, width: usize) -> Columns<'a> {
        assert!(rows.end <= self.rows && first + width <= self.stride, "the part is inside the matrix");
        // SAFETY: the first of the rows has `stride` values, or there is none and nothing is read or written.
        let start = self.start.wrapping_add(rows.start * self.stride + first);
        Columns { start, stride: self.stride, rows: rows.len(), width, matrix: PhantomData }
    }
}

impl Columns<'_> {
    /// How many columns there are.
    pub const fn width(&self) -> usize {
        self.width
    }

    /// What these columns have of row `i`.
    pub fn row(&mut self, i: usize) -> &mut [f32] {
        assert!(i < self.rows, "the row is inside the matrix");
        // SAFETY: inside the matrix, whose exclusive borrow lives on in the type; the columns are this value's alone.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(i * self.stride), self.width) }
    }
}
