//! A matrix of weights in memory: packed for the kernels while it is read, one copy, at the file's bits per weight, with its receipt.
#![expect(unsafe_code, reason = "tasks write neighbouring columns of one matrix")]

use std::any::TypeId;
use std::fmt;
use std::ops::{Range, RangeInclusive};
use std::sync::{Mutex, PoisonError};

use half::{bf16, f16};

use super::dot::simd::LANES;
use super::dot::{MANY, Matrix};
use super::matmul::{self, Rounded, Scratch};
use super::packs::Packs;
use super::pool::Pool;
use super::precision;
use super::stored::{self, Staging, Stored, with_packed};
use super::{quantize, quantizers};
use crate::error::{Error, Result};
use crate::file::{DType, ModelFile, TensorInfo};
use crate::memory::ledger::{Ledger, Paid};
use crate::memory::{Part, alloc};
use crate::units::Bytes;

/// Bytes of a file that are read between two looks at the stop flag.
const READ_STEP: usize = 4 << 20;
/// Blocks of a row that are unpacked at a time.
const BLOCKS: usize = 64;

/// Bytes that a task reads and packs; all of those at work together have no more than a step.
const TASK_READ: usize = 128 << 10;

/// Tasks of a product with few rows of activations: enough to balance.
const TASKS: usize = 32;

/// Bytes of weights of such a task: enough to be worth handing out and to be read in one go.
const TASK_BYTES: RangeInclusive<usize> = 16 << 10..=128 << 10;

/// Rows of weights per task of a product with many: they stay in a near cache while all activations pass by.
const TASK_ROWS: usize = 4 * LANES;

/// Fills a buffer with the rows of a file from one of them on.
type ReadRows<'a> = &'a (dyn Fn(usize, &mut [u8]) -> Result<()> + Sync);

/// Packed rows behind one interface, whatever their type.
trait Rows: Send + Sync {
    fn size(&self) -> usize;
    /// Moves some of its bytes onto large pages.
    fn make_pages_large(&self, bytes: Range<usize>);
    /// What activations are rounded to.
    fn rounded_type(&self) -> TypeId;
    fn round(&self, pool: &Pool, scratch: &mut Scratch, x: &[f32], cols: usize);
    /// Some columns of the product with the activations that were rounded last.
    ///
    /// # Safety
    /// No two that are computed at the same time may overlap. `first` must be a multiple of [`LANES`].
    unsafe fn columns(&self, scratch: &Scratch, cols: usize, out: Matrix<'_>, first: usize, width: usize);
    /// Packs rows as a file has them, as many as `read` is asked for: a multiple of [`LANES`] unless they are the last. `read` fills a
    /// buffer with the rows from one of them on. `first` is a multiple of [`LANES`].
    fn pack(&mut self, pool: &Pool, cols: usize, rows: Range<usize>, read: ReadRows<'_>) -> Result<()>;
    /// Rounds and packs rows, as many as `values` has.
    fn quantize(&mut self, pool: &Pool, cols: usize, first: usize, values: &[f32]);
    /// One row as a file has it, appended to `out`.
    fn unpack(&self, cols: usize, row: usize, out: &mut Vec<u8>);
    /// One row in F32.
    fn dequantize(&self, cols: usize, row: usize, out: &mut [f32]);
}

impl<P: Stored> Packs<P> {
    const fn per_row(cols: usize) -> usize {
        cols / P::LEN
    }

    /// The blocks of a row, some at a time, without allocating.
    fn row(&self, cols: usize, row: usize, mut each: impl FnMut(&[P::File])) {
        let per_row = Self::per_row(cols);
        for packs in self[row / LANES * per_row..][..per_row].chunks(BLOCKS) {
            let blocks: [P::File; BLOCKS] = std::array::from_fn(|i| packs[i.min(packs.len() - 1)].row(row % LANES));
            each(&blocks[..packs.len()]);
        }
    }
}

impl<P: Stored> Rows for Packs<P>
where
    P::Rounded: Rounded,
{
    fn size(&self) -> usize {
        size_of_val::<[P]>(self)
    }

    fn make_pages_large(&self, bytes: Range<usize>) {
        alloc::make_pages_large(&self[bytes.start / size_of::<P>()..bytes.end.div_ceil(size_of::<P>())]);
    }

    fn rounded_type(&self) -> TypeId {
        TypeId::of::<P::Rounded>()
    }

    fn round(&self, pool: &Pool, scratch: &mut Scratch, x: &[f32], cols: usize) {
        matmul::round::<P::Rounded>(pool, scratch, x, cols);
    }

    unsafe fn columns(&self, scratch: &Scratch, cols: usize, out: Matrix<'_>, first: usize, width: usize) {
        let per_row = Self::per_row(cols);
        let packs = &self[first / LANES * per_row..(first + width).div_ceil(LANES) * per_row];
        // SAFETY: the caller's.
        unsafe { matmul::columns(scratch, packs, per_row, out, first, width) };
    }

    fn pack(&mut self, pool: &Pool, cols: usize, rows: Range<usize>, read: ReadRows<'_>) -> Result<()> {
        let per_row = Self::per_row(cols);
        let row_bytes = per_row * size_of::<P::File>();
        let step = (TASK_READ / row_bytes.max(1) / LANES).max(1) * LANES;
        let packs = &mut self[rows.start / LANES * per_row..rows.end.div_ceil(LANES) * per_row];
        let failed = Mutex::new(None);
        let fail = |error| *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        pool.chunks(packs, step / LANES * per_row, |task, packs| {
            let first = rows.start + task * step;
            let len = step.min(rows.end - first) * row_bytes;
            let mut staging = Staging::default();
            if let Err(error) = read(first, staging.bytes_mut(len)) {
                return fail(error);
            }
            let blocks = stored::blocks::<P>(staging.bytes(len)).chunks(LANES * per_row);
            for (packs, blocks) in packs.chunks_mut(per_row).zip(blocks) {
                P::pack_rows(per_row, blocks, packs);
            }
        });
        failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }

    fn quantize(&mut self, pool: &Pool, cols: usize, first: usize, values: &[f32]) {
        let per_row = Self::per_row(cols);
        let packs = (values.len() / cols).div_ceil(LANES) * per_row;
        pool.chunks(&mut self[first / LANES * per_row..][..packs], per_row, |i, packs| {
            let values = &values[i * LANES * cols..];
            let values = &values[..values.len().min(LANES * cols)];
            let mut rows = stored::zeros::<P>(values.len() / cols * per_row);
            quantizers::quantize(P::DTYPE, values, stored::bytes_mut::<P>(&mut rows));
            P::pack_rows(per_row, &rows, packs);
        });
    }

    fn unpack(&self, cols: usize, row: usize, out: &mut Vec<u8>) {
        self.row(cols, row, |blocks| out.extend_from_slice(stored::bytes::<P>(blocks)));
    }

    fn dequantize(&self, cols: usize, row: usize, out: &mut [f32]) {
        let mut out = out.chunks_mut(BLOCKS * P::LEN);
        self.row(cols, row, |blocks| {
            if let Some(out) = out.next() {
                stored::widen(P::DTYPE, stored::bytes::<P>(blocks), out);
            }
        });
    }
}

/// A matrix of weights in memory, shape `[rows, cols]`.
pub struct Weight {
    dtype: DType,
    rows: usize,
    cols: usize,
    packs: Paid<Box<dyn Rows>>,
}

impl fmt::Debug for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Weight({:?} [{}, {}])", self.dtype, self.rows, self.cols)
    }
}

impl Weight {
    /// Reads a matrix from its file and rounds it to `dtype`, which may be the one that it is stored in, a few rows at a time. `progress`
    /// is told how many bytes came and answers whether to go on.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a type without a kernel, where a row is no whole number of the type's blocks, or for a value that is
    /// nothing that the type can hold; [`Error::Format`] for data that is not there; [`Error::Cancelled`].
    pub fn read(
        file: &ModelFile,
        tensor: &TensorInfo,
        dtype: DType,
        pool: &Pool,
        ledger: &Ledger,
        progress: &mut dyn FnMut(Bytes) -> bool,
    ) -> Result<Self> {
        let (rows, cols) = dimensions(file, tensor)?;
        if dtype.byte_len(tensor.row_len(), tensor.rows()).is_none() {
            let why = format!("its rows of {cols} are no whole number of {} blocks", dtype.name());
            return Err(Error::unsupported(format!("tensor `{}`", tensor.name), why));
        }
        let row_bytes = usize::try_from(tensor.bytes.0).unwrap_or(usize::MAX) / rows.max(1);
        let step = if dtype == tensor.dtype { rows_read(row_bytes) } else { quantize::rows_at_a_time(cols) };
        let (mut staging, mut values) = (Staging::default(), Vec::new());
        // Charged before it is filled: a large tensor is there while it is being read.
        let mut packs = charged(ledger, empty(tensor, dtype, rows, cols)?);
        for first in (0..rows).step_by(step) {
            let n = step.min(rows - first);
            let read = |row: usize, out: &mut [u8]| file.read_into(tensor, (row * row_bytes) as u64, out);
            if dtype == tensor.dtype {
                packs.pack(pool, cols, first..first + n, &read)?;
            } else {
                read(first, staging.bytes_mut(n * row_bytes))?;
                let stored = staging.bytes(n * row_bytes);
                values.resize(n * cols, 0.0);
                pool.chunks(&mut values, cols, |row, values| {
                    stored::widen(tensor.dtype, &stored[row * row_bytes..][..row_bytes], values);
                });
                quantize::prepare(&mut values, dtype).map_err(|why| Error::unsupported(format!("tensor `{}`", tensor.name), why))?;
                packs.quantize(pool, cols, first, &values);
            }
            if !progress(Bytes((n * row_bytes) as u64)) {
                return Err(Error::Cancelled);
            }
        }
        Ok(Self { dtype, rows, cols, packs })
    }

    /// How it is kept in memory.
    #[must_use]
    pub const fn dtype(&self) -> DType {
        self.dtype
    }

    /// Output features.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Input features.
    #[must_use]
    pub const fn cols(&self) -> usize {
        self.cols
    }

    /// What it takes in memory.
    #[must_use]
    pub const fn bytes(&self) -> Bytes {
        self.packs.bytes()
    }

    /// Moves some of its bytes onto large pages, where the system can do that.
    pub fn make_pages_large(&self, bytes: Range<usize>) {
        self.packs.make_pages_large(bytes);
    }

    /// The blocks, row by row, as a file has them.
    #[must_use]
    pub fn stored(&self) -> Vec<u8> {
        let mut out = Vec::new();
        (0..self.rows).for_each(|row| self.packs.unpack(self.cols, row, &mut out));
        out
    }

    /// `out[l, rows] = x[l, cols] · selfᵀ`, with the activations rounded as [`precision`] says. A row of `x` with something that is not
    /// finite gives nothing finite.
    pub fn matmul(&self, pool: &Pool, scratch: &mut Scratch, x: &[f32], out: &mut [f32]) {
        Self::matmul_all([self], pool, scratch, x, [out]);
    }

    /// The products of the same activations with several matrices of as many columns, as one job, for which the activations are rounded
    /// once.
    pub fn matmul_all<const N: usize>(weights: [&Self; N], pool: &Pool, scratch: &mut Scratch, x: &[f32], out: [&mut [f32]; N]) {
        for (i, weight) in weights.iter().enumerate() {
            let rounded = |before: &&Self| before.packs.rounded_type() == weight.packs.rounded_type();
            if !weights[..i].iter().any(rounded) {
                weight.packs.round(pool, scratch, x, weight.cols);
            }
        }
        let scratch = &*scratch;
        let steps = weights.map(|weight| weight.rows_per_task(x.len() / weight.cols));
        let mut out = out.into_iter();
        let matrices = weights.map(|weight| out.next().map(|out| Matrix::new(out, weight.rows)));
        let tasks = |i: usize| weights[i].rows.div_ceil(steps[i]);
        pool.each((0..N).map(tasks).sum(), |mut task| {
            for (i, weight) in weights.iter().enumerate() {
                if task < tasks(i) {
                    let (first, Some(out)) = (task * steps[i], matrices[i]) else { return };
                    // SAFETY: each task has columns of its own, from a multiple of `LANES` on.
                    unsafe { weight.packs.columns(scratch, weight.cols, out, first, steps[i].min(weight.rows - first)) };
                    return;
                }
                task -= tasks(i);
            }
        });
    }

    /// Rows of a task for `l` rows of activations: by size alone.
    fn rows_per_task(&self, l: usize) -> usize {
        if l >= MANY {
            return TASK_ROWS;
        }
        let bytes = (self.packs.size() / TASKS).clamp(*TASK_BYTES.start(), *TASK_BYTES.end());
        let pack_bytes = self.packs.size() / self.rows.div_ceil(LANES).max(1);
        (bytes / pack_bytes.max(1)).max(1) * LANES
    }

    /// Rows from `first_row` on as F32, as many as `out` holds.
    pub fn dequantize(&self, first_row: usize, out: &mut [f32]) {
        for (i, out) in out.chunks_mut(self.cols).enumerate() {
            self.packs.dequantize(self.cols, first_row + i, out);
        }
    }
}

/// Rows of this many bytes that are read at a time.
fn rows_read(row_bytes: usize) -> usize {
    (READ_STEP / row_bytes.max(1) / LANES * LANES).max(LANES)
}

/// What is held beside the packed weights while a tensor is read as it is stored: some of its rows.
#[must_use]
pub fn staging_bytes(tensor: &TensorInfo) -> Bytes {
    let row_bytes = tensor.bytes.0 / tensor.rows().max(1);
    let rows = rows_read(usize::try_from(row_bytes).unwrap_or(usize::MAX)) as u64;
    Bytes(row_bytes.saturating_mul(rows.min(tensor.rows())))
}

/// What a matrix of `rows` rows of `row_len` weights takes packed: that many rows rounded up to whole packs. `None` where a row is no
/// whole number of blocks.
#[must_use]
pub fn packed_bytes(dtype: DType, row_len: u64, rows: u64) -> Option<Bytes> {
    dtype.byte_len(row_len, rows.checked_next_multiple_of(LANES as u64)?).map(Bytes)
}

/// Rows and columns of a tensor whose bytes are as its shape asks.
fn dimensions(file: &ModelFile, tensor: &TensorInfo) -> Result<(usize, usize)> {
    if let Some(problem) = &tensor.problem {
        return Err(Error::format(&file.path, format!("tensor `{}`", tensor.name), "readable data", problem.clone()));
    }
    let (Ok(rows), Ok(cols)) = (usize::try_from(tensor.rows()), usize::try_from(tensor.row_len())) else {
        return Err(Error::unsupported(tensor.name.clone(), "it is larger than this processor can address"));
    };
    if precision::of_matrix(tensor.dtype).is_none() {
        return Err(no_kernel(tensor, tensor.dtype));
    }
    let expected = tensor.dtype.byte_len(tensor.row_len(), tensor.rows());
    if expected != Some(tensor.bytes.0) {
        let expected = expected.map_or_else(|| "whole blocks in each row".to_owned(), |bytes| format!("{bytes} bytes for its shape"));
        return Err(Error::format(&file.path, format!("tensor `{}`", tensor.name), expected, format!("{}", tensor.bytes.0)));
    }
    Ok((rows, cols))
}

/// Packs with any contents.
fn empty(tensor: &TensorInfo, dtype: DType, rows: usize, cols: usize) -> Result<Box<dyn Rows>> {
    with_packed!(dtype, P => Ok(Box::new(Packs::<P>::zeros(rows.div_ceil(LANES) * Packs::<P>::per_row(cols)))), Err(no_kernel(tensor, dtype)))
}

/// Packs with the receipt for their real size.
fn charged(ledger: &Ledger, packs: Box<dyn Rows>) -> Paid<Box<dyn Rows>> {
    let bytes = Bytes(packs.size() as u64);
    ledger.pay_as(Part::Weights, bytes, packs)
}

fn no_kernel(tensor: &TensorInfo, dtype: DType) -> Error {
    Error::unsupported(format!("tensor `{}`", tensor.name), format!("there is no kernel for {} yet", dtype.name()))
}

/// A vector of weights, widened to F32.
#[derive(Debug)]
pub struct Vector(Paid<Vec<f32>>);

impl Vector {
    /// Reads a vector (a norm, a bias, rope factors) from its file; `plus` is added to each value.
    ///
    /// # Errors
    /// As [`Weight::read`].
    pub fn read(file: &ModelFile, tensor: &TensorInfo, plus: f32, ledger: &Ledger) -> Result<Self> {
        if precision::of_vector(tensor.dtype).is_none() {
            return Err(no_kernel(tensor, tensor.dtype));
        }
        let raw = file.read(tensor)?;
        let pair = |b: &[u8]| u16::from_le_bytes([b[0], b[1]]);
        let mut values: Vec<f32> = Vec::with_capacity(usize::try_from(tensor.elements()).unwrap_or(0));
        match tensor.dtype {
            DType::F32 => values.extend(raw.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))),
            DType::F16 => values.extend(raw.chunks_exact(2).map(|b| f16::from_bits(pair(b)).to_f32())),
            _ => values.extend(raw.chunks_exact(2).map(|b| bf16::from_bits(pair(b)).to_f32())),
        }
        for value in &mut values {
            *value += plus;
        }
        Ok(Self(ledger.pay(Part::Weights, values)))
    }

    /// The values.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.0
    }
}
