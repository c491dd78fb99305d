//! Rows of F32 to blocks and back: what makes another quantization of a model, in memory or in a file.
//!
//! The rounding is [`quantizers`]'; what lies around it is here: which values a type can hold, how many rows are on their way at once, and
//! a tensor's rows read as F32. Which tensor becomes what is `level`'s and the lab's to say.

use super::dot::simd::LANES;
use super::pool::Pool;
use super::stored::{self, Staging};
use super::{precision, quantizers};
use crate::error::{Error, Result};
use crate::file::{DType, ModelFile, TensorInfo};
use crate::units::Bytes;
use half::slice::HalfFloatSliceExt as _;
use half::{bf16, f16};

pub use quantizers::{quantize_all, quantize_on, supports};

/// Values that are widened at a time, on their way from one type to another: 1 MiB of F32.
const VALUES: usize = 1 << 18;

/// What lies below this in magnitude is nothing to a K type, whose scales are in half precision (2⁻²⁴ at least); its square would vanish
/// in F32, and a scale become 0 / 0.
const NOTHING: f32 = 1e-12;

/// The largest number in half precision.
const LARGEST: f32 = 65_504.0;

/// How many rows are on their way at once.
#[must_use]
pub fn rows_at_a_time(cols: usize) -> usize {
    (VALUES / cols.max(1) / LANES * LANES).max(LANES)
}

/// What is held beside the blocks while a tensor is quantized: some of its rows as stored, and as F32.
#[must_use]
pub fn staging_bytes(tensor: &TensorInfo) -> Bytes {
    let rows = usize::try_from(tensor.row_len()).map_or(1, |cols| rows_at_a_time(cols) as u64).min(tensor.rows());
    let values = rows.saturating_mul(tensor.row_len());
    let stored = tensor.dtype.byte_len(tensor.row_len(), rows).unwrap_or_default();
    Bytes(stored.saturating_add(values.saturating_mul(4)))
}

/// Makes values ready to be rounded to a type. What is no number is refused: rounding would make some number of it, and nobody would
/// notice.
///
/// # Errors
/// What is wrong with them.
pub fn prepare(values: &mut [f32], dtype: DType) -> Result<(), String> {
    if values.iter().any(|x| !x.is_finite()) {
        return Err("some of its weights are not numbers: it is damaged and cannot be quantized".into());
    }
    if matches!(dtype, DType::F32 | DType::BF16) {
        return Ok(());
    }
    if values.iter().any(|x| x.abs() > LARGEST) {
        return Err(format!("some of its weights are larger than {LARGEST}, which {} cannot hold; BF16 or F32 can", dtype.name()));
    }
    if matches!(dtype, DType::Q2K | DType::Q3K | DType::Q4K | DType::Q5K | DType::Q6K | DType::IQ4NL | DType::IQ4XS) {
        values.iter_mut().filter(|x| x.abs() < NOTHING).for_each(|x| *x = 0.0);
    }
    Ok(())
}

/// A tensor's rows as F32, a few at a time.
#[derive(Debug)]
pub struct Rows<'a> {
    file: &'a ModelFile,
    tensor: &'a TensorInfo,
    staging: Staging,
    row_bytes: usize,
    cols: usize,
}

impl<'a> Rows<'a> {
    /// The rows of a tensor.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a type that cannot be made F32; [`Error::Format`] for data that is not there.
    pub fn new(file: &'a ModelFile, tensor: &'a TensorInfo) -> Result<Self> {
        if let Some(problem) = &tensor.problem {
            return Err(Error::format(&file.path, format!("tensor `{}`", tensor.name), "readable data", problem.clone()));
        }
        if precision::of_matrix(tensor.dtype).is_none() {
            let why = format!("{} cannot be expanded yet", tensor.dtype.name());
            return Err(Error::unsupported(format!("tensor `{}`", tensor.name), why));
        }
        let row_bytes = tensor.dtype.byte_len(tensor.row_len(), 1).and_then(|bytes| usize::try_from(bytes).ok());
        let (Some(row_bytes), Ok(cols)) = (row_bytes, usize::try_from(tensor.row_len())) else {
            return Err(Error::unsupported(format!("tensor `{}`", tensor.name), "its rows are no whole blocks"));
        };
        Ok(Self { file, tensor, staging: Staging::default(), row_bytes, cols })
    }

    /// How many values a row has.
    #[must_use]
    pub const fn cols(&self) -> usize {
        self.cols
    }

    /// Fills `out` with `n` rows from `first` on.
    ///
    /// # Errors
    /// [`Error::Format`] for data that is not there any more.
    pub fn read(&mut self, pool: &Pool, first: usize, n: usize, out: &mut Vec<f32>) -> Result<()> {
        let (row_bytes, cols) = (self.row_bytes, self.cols);
        self.file.read_into(self.tensor, (first * row_bytes) as u64, self.staging.bytes_mut(n * row_bytes))?;
        let stored = self.staging.bytes(n * row_bytes);
        out.resize(n * cols, 0.0);
        pool.chunks(out, cols, |row, values| widen(self.tensor.dtype, &stored[row * row_bytes..][..row_bytes], values));
        Ok(())
    }
}

/// A row as it is stored to F32; numbers of 16 bits many at a time, where candle takes one after the other.
fn widen(dtype: DType, stored: &[u8], out: &mut [f32]) {
    macro_rules! halves {
        ($half:ident) => {{
            let mut halves = [$half::ZERO; 256];
            for (out, stored) in out.chunks_mut(256).zip(stored.as_chunks::<2>().0.chunks(256)) {
                let halves = &mut halves[..out.len()];
                halves.iter_mut().zip(stored).for_each(|(half, bytes)| *half = $half::from_le_bytes(*bytes));
                halves.convert_to_f32_slice(out);
            }
        }};
    }
    match dtype {
        DType::F16 => halves!(f16),
        DType::BF16 => halves!(bf16),
        _ => stored::widen(dtype, stored, out),
    }
}

/// Rows of blocks to F32, in parallel: `cols` values each, as many as `out` has.
///
/// # Errors
/// [`Error::Unsupported`] for a type that cannot be expanded.
///
/// # Panics
/// Where the lengths do not belong together.
pub fn expand_all(pool: &Pool, dtype: DType, cols: usize, blocks: &[u8], out: &mut [f32]) -> Result<()> {
    if precision::of_matrix(dtype).is_none() {
        return Err(Error::unsupported(dtype.name(), "it cannot be expanded yet"));
    }
    let row_bytes = blocks.len() / (out.len() / cols.max(1)).max(1);
    let mut staging = Staging::default();
    staging.bytes_mut(blocks.len()).copy_from_slice(blocks);
    let stored = staging.bytes(blocks.len());
    pool.chunks(out, cols, |row, values| widen(dtype, &stored[row * row_bytes..][..row_bytes], values));
    Ok(())
}
