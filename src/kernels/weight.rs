//! Packed weights: a matrix in the file's own blocks, one copy, aligned for the kernels, with its receipt.
#![expect(unsafe_code, reason = "file bytes are read straight into the blocks that the kernels use")]

use std::any::TypeId;
use std::fmt;

use candle_core::quantized::k_quants::{
    BlockQ2K, BlockQ3K, BlockQ4_0, BlockQ4_1, BlockQ4K, BlockQ5_0, BlockQ5_1, BlockQ5K, BlockQ6K, BlockQ8_0,
};
use half::{bf16, f16};

use super::dot::RowDot;
use super::matmul::{self, Scratch};
use super::pool::Pool;
use super::precision;
use super::quantize::{self, Quantize};
use crate::error::{Error, Result};
use crate::file::{DType, ModelFile, TensorInfo};
use crate::memory::Part;
use crate::memory::ledger::{Ledger, Paid};
use crate::units::Bytes;

/// Bytes read between two looks at the stop flag.
const READ_STEP: usize = 4 << 20;

/// Marks the block types that any bytes are a valid value of.
///
/// # Safety
/// The type must be `repr(C)` or a primitive, without padding and without invalid bit patterns.
unsafe trait PlainBlock: RowDot + Quantize + 'static {}

macro_rules! plain {
    ($($block:ty: $bytes:literal),*) => {$(
        const _: () = assert!(size_of::<$block>() == $bytes);
        // SAFETY: floats or repr(C) structs of f16, f32 and integers; the size above is the sum of the fields, so there is no padding.
        unsafe impl PlainBlock for $block {}
    )*};
}
plain!(f32: 4, f16: 2, bf16: 2, BlockQ4_0: 18, BlockQ4_1: 20, BlockQ5_0: 22, BlockQ5_1: 24, BlockQ8_0: 34);
plain!(BlockQ2K: 84, BlockQ3K: 110, BlockQ4K: 144, BlockQ5K: 176, BlockQ6K: 210);

/// Rows of blocks behind one interface, whatever their type.
trait Rows: Send + Sync {
    fn data(&self) -> &[u8];
    fn data_mut(&mut self) -> &mut [u8];
    fn matmul(&self, pool: &Pool, scratch: &mut Scratch, x: &[f32], cols: usize, out: &mut [f32]);
    /// What activations are rounded to.
    fn rounded_type(&self) -> TypeId;
    fn round(&self, pool: &Pool, scratch: &mut Scratch, x: &[f32], cols: usize);
    /// Some rows, as many as `out` holds, times the one row of activations that was rounded last.
    fn row_dots(&self, scratch: &Scratch, cols: usize, first_row: usize, out: &mut [f32]);
    fn dequantize(&self, cols: usize, first_row: usize, out: &mut [f32]);
    fn quantize(&mut self, pool: &Pool, cols: usize, first_row: usize, values: &[f32]);
}

struct Blocks<T>(Vec<T>);

impl<T: PlainBlock> Rows for Blocks<T>
where
    T::Rounded: matmul::Rounded,
{
    fn data(&self) -> &[u8] {
        let len = size_of_val(self.0.as_slice());
        // SAFETY: `PlainBlock` promises that every byte of the slice is initialized; the pointer and length are those of the vector.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast::<u8>(), len) }
    }

    fn data_mut(&mut self) -> &mut [u8] {
        let len = size_of_val(self.0.as_slice());
        // SAFETY: `PlainBlock` promises that every byte of the slice is initialized and that any bytes make valid blocks; the pointer
        // and length are those of the exclusively borrowed vector.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast::<u8>(), len) }
    }

    fn matmul(&self, pool: &Pool, scratch: &mut Scratch, x: &[f32], cols: usize, out: &mut [f32]) {
        matmul::matmul(pool, scratch, &self.0, x, cols, out);
    }

    fn rounded_type(&self) -> TypeId {
        TypeId::of::<T::Rounded>()
    }

    fn round(&self, pool: &Pool, scratch: &mut Scratch, x: &[f32], cols: usize) {
        matmul::round::<T>(pool, scratch, x, cols);
    }

    fn row_dots(&self, scratch: &Scratch, cols: usize, first_row: usize, out: &mut [f32]) {
        let per_row = cols / T::BLCK_SIZE;
        matmul::row_dots(scratch, &self.0[first_row * per_row..(first_row + out.len()) * per_row], out);
    }

    fn dequantize(&self, cols: usize, first_row: usize, out: &mut [f32]) {
        let per_row = cols / T::BLCK_SIZE;
        let rows = out.len() / cols;
        T::to_float(&self.0[first_row * per_row..(first_row + rows) * per_row], out);
    }

    fn quantize(&mut self, pool: &Pool, cols: usize, first_row: usize, values: &[f32]) {
        let per_row = cols / T::BLCK_SIZE;
        let rows = values.len() / cols;
        quantize::rows(pool, cols, values, &mut self.0[first_row * per_row..(first_row + rows) * per_row]);
    }
}

/// A matrix of weights in memory, shape `[rows, cols]`, row-major.
pub struct Weight {
    dtype: DType,
    rows: usize,
    cols: usize,
    blocks: Paid<Box<dyn Rows>>,
}

impl fmt::Debug for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Weight({:?} [{}, {}])", self.dtype, self.rows, self.cols)
    }
}

impl Weight {
    /// Reads a matrix from its file as it is stored. `progress` is told how many bytes came and answers whether to go on.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a type without a kernel, [`Error::Format`] for data that is not there, [`Error::Cancelled`].
    pub fn read(file: &ModelFile, tensor: &TensorInfo, ledger: &Ledger, progress: &mut dyn FnMut(Bytes) -> bool) -> Result<Self> {
        let (rows, cols) = dimensions(file, tensor)?;
        // Charged before it is filled: a large tensor is there while it is being read.
        let mut blocks = charged(ledger, empty(tensor, tensor.dtype, rows * cols)?);
        let mut at = 0;
        for piece in blocks.data_mut().chunks_mut(READ_STEP) {
            file.read_into(tensor, at, piece)?;
            at += piece.len() as u64;
            if !progress(Bytes(piece.len() as u64)) {
                return Err(Error::Cancelled);
            }
        }
        Ok(Self { dtype: tensor.dtype, rows, cols, blocks })
    }

    /// Reads a matrix from its file and rounds it to `dtype`, a few rows at a time; one that is stored in that type is only read.
    ///
    /// # Errors
    /// As [`Weight::read`]; [`Error::Unsupported`] where a row is no whole number of the type's blocks, or a value is nothing that the
    /// type can hold.
    pub fn read_as(
        file: &ModelFile,
        tensor: &TensorInfo,
        dtype: DType,
        pool: &Pool,
        ledger: &Ledger,
        progress: &mut dyn FnMut(Bytes) -> bool,
    ) -> Result<Self> {
        if dtype == tensor.dtype {
            return Self::read(file, tensor, ledger, progress);
        }
        let (rows, cols) = dimensions(file, tensor)?;
        if dtype.byte_len(tensor.row_len(), tensor.rows()).is_none() {
            let why = format!("its rows of {cols} are no whole number of {} blocks", dtype.name());
            return Err(Error::unsupported(format!("tensor `{}`", tensor.name), why));
        }
        let step = quantize::rows_at_a_time(cols).min(rows);
        let mut source = empty(tensor, tensor.dtype, step * cols)?;
        let mut values = vec![0.0f32; step * cols];
        let mut blocks = charged(ledger, empty(tensor, dtype, rows * cols)?);
        let row_bytes = source.data().len() / step.max(1);
        for first in (0..rows).step_by(step.max(1)) {
            let n = step.min(rows - first);
            let values = &mut values[..n * cols];
            file.read_into(tensor, (first * row_bytes) as u64, &mut source.data_mut()[..n * row_bytes])?;
            pool.chunks(values, quantize::ROWS_PER_TASK * cols, |task, part| {
                source.dequantize(cols, task * quantize::ROWS_PER_TASK, part);
            });
            quantize::prepare(values, dtype).map_err(|why| Error::unsupported(format!("tensor `{}`", tensor.name), why))?;
            blocks.quantize(pool, cols, first, values);
            if !progress(Bytes((n * row_bytes) as u64)) {
                return Err(Error::Cancelled);
            }
        }
        Ok(Self { dtype, rows, cols, blocks })
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
        self.blocks.bytes()
    }

    /// The blocks, as a file has them.
    #[must_use]
    pub fn blocks(&self) -> &[u8] {
        self.blocks.data()
    }

    /// `out[l, rows] = x[l, cols] · selfᵀ`, with the activations rounded as [`precision`] says.
    pub fn matmul(&self, pool: &Pool, scratch: &mut Scratch, x: &[f32], out: &mut [f32]) {
        self.blocks.matmul(pool, scratch, x, self.cols, out);
    }

    /// The products of the same activations with several matrices of as many columns. Those of a single row are one job, for which it is
    /// rounded once.
    pub fn matmul_all<const N: usize>(weights: [&Self; N], pool: &Pool, scratch: &mut Scratch, x: &[f32], out: [&mut [f32]; N]) {
        let cols = x.len();
        if weights.iter().any(|weight| weight.cols != cols) {
            return weights.iter().zip(out).for_each(|(weight, out)| weight.matmul(pool, scratch, x, out));
        }
        for (i, weight) in weights.iter().enumerate() {
            let rounded = |before: &&Self| before.blocks.rounded_type() == weight.blocks.rounded_type();
            if !weights[..i].iter().any(rounded) {
                weight.blocks.round(pool, scratch, x, cols);
            }
        }
        let scratch = &*scratch;
        pool.chunks_of(out, matmul::ROWS_PER_TASK, |i, task, out| {
            weights[i].blocks.row_dots(scratch, cols, task * matmul::ROWS_PER_TASK, out);
        });
    }

    /// Rows from `first_row` on as F32, as many as `out` holds.
    pub fn dequantize(&self, first_row: usize, out: &mut [f32]) {
        self.blocks.dequantize(self.cols, first_row, out);
    }
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

/// Blocks of zeros for this many weights.
fn empty(tensor: &TensorInfo, dtype: DType, elements: usize) -> Result<Box<dyn Rows>> {
    Ok(match dtype {
        DType::F32 => zeros::<f32>(elements),
        DType::F16 => zeros::<f16>(elements),
        DType::BF16 => zeros::<bf16>(elements),
        DType::Q4_0 => zeros::<BlockQ4_0>(elements),
        DType::Q4_1 => zeros::<BlockQ4_1>(elements),
        DType::Q5_0 => zeros::<BlockQ5_0>(elements),
        DType::Q5_1 => zeros::<BlockQ5_1>(elements),
        DType::Q8_0 => zeros::<BlockQ8_0>(elements),
        DType::Q2K => zeros::<BlockQ2K>(elements),
        DType::Q3K => zeros::<BlockQ3K>(elements),
        DType::Q4K => zeros::<BlockQ4K>(elements),
        DType::Q5K => zeros::<BlockQ5K>(elements),
        DType::Q6K => zeros::<BlockQ6K>(elements),
        other => return Err(no_kernel(tensor, other)),
    })
}

fn zeros<T: PlainBlock>(elements: usize) -> Box<dyn Rows>
where
    T::Rounded: matmul::Rounded,
{
    Box::new(Blocks(vec![T::zeros(); elements / T::BLCK_SIZE]))
}

/// Blocks with the receipt for their real size.
fn charged(ledger: &Ledger, blocks: Box<dyn Rows>) -> Paid<Box<dyn Rows>> {
    let bytes = Bytes(blocks.data().len() as u64);
    ledger.pay_as(Part::Weights, bytes, blocks)
}

fn no_kernel(tensor: &TensorInfo, dtype: DType) -> Error {
    Error::unsupported(format!("tensor `{}`", tensor.name), format!("there is no kernel for {} yet", dtype.name()))
}

/// A vector of weights, widened to F32.
#[derive(Debug)]
pub struct Vector(Paid<Vec<f32>>);

impl Vector {
    /// Reads a vector (a norm, a bias, rope factors) from its file.
    ///
    /// # Errors
    /// As [`Weight::read`].
    pub fn read(file: &ModelFile, tensor: &TensorInfo, ledger: &Ledger) -> Result<Self> {
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
        Ok(Self(ledger.pay(Part::Weights, values)))
    }

    /// The values.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.0
    }
}
