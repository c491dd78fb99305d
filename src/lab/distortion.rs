//! How far a quantization moves each tensor: errors of its values, with no model running.

use super::mix::Mix;
use crate::error::{Error, Result};
use crate::file::{DType, TensorInfo};
use crate::inspect::Model;
use crate::inspect::roles::{self, Role};
use crate::kernels::pool::Pool;
use crate::kernels::quantize::{self, Rows};
use crate::units::Bytes;

/// What a tensor is held against.
#[derive(Debug, Clone, Copy)]
pub enum Against<'a> {
    /// The tensors of another file, by their names.
    File(&'a Model),
    /// The reference's own tensors, quantized and expanded again.
    Mix(&'a Mix),
}

/// What happened to a tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Distortion {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// Its layer, if it is in one.
    pub layer: Option<usize>,
    /// How the candidate stores it.
    pub dtype: DType,
    /// Bits that the candidate spends on a weight.
    pub bits_per_weight: f64,
    /// Its elements.
    pub elements: u64,
    /// The root of the mean square error.
    pub rmse: f64,
    /// The same as a share of the standard deviation of the reference's values; 0 where these are all alike and met.
    pub relative_rmse: f64,
    /// The largest error.
    pub max_error: f64,
    /// The cosine of the angle between both, as vectors; 1 where both are nothing.
    pub cosine: f64,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Tensors that are done.
    pub tensors: usize,
    /// All of them.
    pub of: usize,
    /// Bytes of the reference that are done.
    pub done: Bytes,
    /// All of them.
    pub total: Bytes,
}

/// Sums over pairs of values.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    n: u64,
    reference: f64,
    squares: f64,
    other_squares: f64,
    products: f64,
    errors: f64,
    largest: f64,
}

impl Sums {
    fn of(reference: &[f32], other: &[f32]) -> Self {
        let mut sums = Self { n: reference.len() as u64, ..Self::default() };
        for (&a, &b) in reference.iter().zip(other) {
            let (a, b) = (f64::from(a), f64::from(b));
            let error = a - b;
            sums.reference += a;
            sums.squares += a * a;
            sums.other_squares += b * b;
            sums.products += a * b;
            sums.errors += error * error;
            sums.largest = sums.largest.max(error.abs());
        }
        sums
    }

    fn add(&mut self, other: Self) {
        self.n += other.n;
        self.reference += other.reference;
        self.squares += other.squares;
        self.other_squares += other.other_squares;
        self.products += other.products;
        self.errors += other.errors;
        self.largest = self.largest.max(other.largest);
    }
}

/// The distortion of every matrix and vector that both have, in the reference's order; `each` is handed them as they come, with how far
/// it is, and answers whether to go on.
///
/// # Errors
/// [`Error::Format`] where shapes differ or data is not there; [`Error::Unsupported`] for types that cannot be expanded, and where both
/// have no tensor in common; [`Error::Cancelled`].
pub fn measure(
    reference: &Model,
    against: Against<'_>,
    pool: &Pool,
    each: &mut dyn FnMut(Progress, Option<&Distortion>) -> bool,
) -> Result<Vec<Distortion>> {
    let file = match against {
        Against::File(_) => &reference.file,
        Against::Mix(_) => reference.source(),
    };
    let tensors = &file.tensors;
    let total: Bytes = tensors.iter().map(|tensor| tensor.bytes).sum();
    let mut found = Vec::new();
    let mut progress = Progress { tensors: 0, of: tensors.len(), done: Bytes(0), total };
    for (index, tensor) in tensors.iter().enumerate() {
        let mut go_on = || if each(progress, None) { Ok(()) } else { Err(Error::Cancelled) };
        let distortion = match against {
            Against::File(other) => match other.file.tensor(&tensor.name) {
                Some(candidate) => Some(of_files(reference, tensor, other, candidate, pool, &mut go_on)?),
                None => None,
            },
            Against::Mix(mix) => match mix.tensors.get(index) {
                Some(assigned) => Some(of_rounding(reference, tensor, assigned.to, pool, &mut go_on)?),
                None => None,
            },
        };
        progress.tensors += 1;
        progress.done += tensor.bytes;
        if !each(progress, distortion.as_ref()) {
            return Err(Error::Cancelled);
        }
        found.extend(distortion);
    }
    if found.is_empty() {
        return Err(Error::unsupported(reference.label(), "it has no tensor in common with what it is compared to"));
    }
    Ok(found)
}

type GoOn<'a> = &'a mut dyn FnMut() -> Result<()>;

fn of_files(
    reference: &Model,
    tensor: &TensorInfo,
    other: &Model,
    candidate: &TensorInfo,
    pool: &Pool,
    go_on: GoOn<'_>,
) -> Result<Distortion> {
    if tensor.shape != candidate.shape {
        let (expected, found) = (format!("the reference's shape {:?}", tensor.shape), format!("{:?}", candidate.shape));
        return Err(Error::format(&other.file.path, format!("tensor `{}`", tensor.name), expected, found));
    }
    let mut rows = Rows::new(&other.file, candidate)?;
    let mut read = |first: usize, n: usize, _: &[f32], out: &mut Vec<f32>| rows.read(pool, first, n, out);
    Ok(distortion(tensor, candidate.dtype, sums(reference, tensor, pool, &mut read, go_on)?))
}

fn of_rounding(reference: &Model, tensor: &TensorInfo, dtype: DType, pool: &Pool, go_on: GoOn<'_>) -> Result<Distortion> {
    let mut blocks = Vec::new();
    let cols = usize::try_from(tensor.row_len()).unwrap_or(0);
    let row_bytes = dtype.byte_len(tensor.row_len(), 1).and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0);
    let mut read = |_: usize, n: usize, values: &[f32], out: &mut Vec<f32>| {
        out.clear();
        out.extend_from_slice(values);
        if dtype == tensor.dtype {
            return Ok(());
        }
        quantize::prepare(out, dtype).map_err(|why| Error::unsupported(format!("tensor `{}`", tensor.name), why))?;
        blocks.resize(n * row_bytes, 0);
        quantize::quantize_all(pool, dtype, out, &mut blocks);
        quantize::expand_all(pool, dtype, cols, &blocks, out)
    };
    Ok(distortion(tensor, dtype, sums(reference, tensor, pool, &mut read, go_on)?))
}

/// Fills a buffer with what rows of the reference have become: the first of them, how many, and their values.
type Become<'a> = &'a mut dyn FnMut(usize, usize, &[f32], &mut Vec<f32>) -> Result<()>;

fn sums(reference: &Model, tensor: &TensorInfo, pool: &Pool, become_: Become<'_>, go_on: GoOn<'_>) -> Result<Sums> {
    let mut source = Rows::new(reference.source(), tensor)?;
    let rows = usize::try_from(tensor.rows()).unwrap_or(0);
    let step = quantize::rows_at_a_time(source.cols());
    let (mut values, mut others) = (Vec::new(), Vec::new());
    let mut total = Sums::default();
    for first in (0..rows).step_by(step) {
        let n = step.min(rows - first);
        source.read(pool, first, n, &mut values)?;
        become_(first, n, &values, &mut others)?;
        // One sum a row, added in the rows' order: the same for any number of threads.
        let mut parts = vec![Sums::default(); n];
        let cols = source.cols();
        pool.chunks(&mut parts, 1, |row, part| {
            let range = row * cols..(row + 1) * cols;
            part[0] = Sums::of(&values[range.clone()], &others[range]);
        });
        for part in parts {
            total.add(part);
        }
        go_on()?;
    }
    Ok(total)
}

#[expect(clippy::cast_precision_loss, reason = "counts of weights are far below 2^53")]
fn distortion(tensor: &TensorInfo, dtype: DType, sums: Sums) -> Distortion {
    let n = (sums.n.max(1)) as f64;
    let rmse = (sums.errors / n).sqrt();
    let spread = (sums.squares / n - (sums.reference / n).powi(2)).max(0.0).sqrt();
    let lengths = (sums.squares * sums.other_squares).sqrt();
    Distortion {
        name: tensor.name.clone(),
        role: Role::of(&tensor.name),
        layer: roles::layer(&tensor.name),
        dtype,
        bits_per_weight: dtype.bits_per_weight().unwrap_or(0.0),
        elements: sums.n,
        rmse,
        relative_rmse: if rmse == 0.0 { 0.0 } else { rmse / spread },
        max_error: sums.largest,
        cosine: if lengths > 0.0 { sums.products / lengths } else { f64::from(u8::from(sums.errors == 0.0)) },
    }
}
