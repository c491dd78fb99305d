//! Neighbouring columns of a matrix: what one task of a product writes.

use std::marker::PhantomData;

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
        assert!(first + width <= self.stride, "columns are inside the matrix");
        // SAFETY: the first row has `stride` values, or there is no row and nothing is read or written.
        Columns { start: self.start.wrapping_add(first), stride: self.stride, rows: self.rows, width, matrix: PhantomData }
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
