//! A tensor of one file in the layout of the other's, so that values that mean the same stand at the same place.

use std::ops::Range;

use super::matching::{Pair, State, is_transposed};
use crate::error::{Error, Result};
use crate::file::{Format, TensorInfo};
use crate::inspect::Model;
use crate::inspect::values::{Sorted, TensorValues, Values, check};

/// Columns that are looked at when it is found out what the converter did.
const LOOKED_AT: usize = 4096;
/// The most rows of a transposed tensor that are read together.
const TOGETHER: usize = 64;

/// What has to be done to a Hugging Face tensor to have a GGUF file's layout.
#[derive(Debug, Clone, Default, PartialEq)]
struct Change {
    /// For each row, where it comes from.
    rows: Option<Vec<u32>>,
    /// For each column.
    cols: Option<Vec<u32>>,
    transposed: bool,
    /// What is added.
    offset: f32,
}

/// A tensor in the layout of its counterpart.
#[derive(Debug)]
pub struct Aligned<'a> {
    values: TensorValues<'a>,
    change: Change,
}

impl Aligned<'_> {
    /// Whether it had to be changed, and how, in words.
    #[must_use]
    pub fn note(&self) -> Option<&'static str> {
        let change = &self.change;
        if change.rows.is_some() || change.cols.is_some() {
            Some("rows of each head in the order that GGUF files have them")
        } else if change.transposed {
            Some("transposed")
        } else if change.offset != 0.0 {
            Some("plus one, as GGUF files have it")
        } else {
            None
        }
    }

    /// Whether nothing had to be changed.
    pub(super) fn is_as_stored(&self) -> bool {
        self.change == Change::default()
    }
}

impl Values for Aligned<'_> {
    fn rows(&self) -> usize {
        if self.change.transposed { self.values.cols() } else { self.values.rows() }
    }

    fn cols(&self) -> usize {
        if self.change.transposed { self.values.rows() } else { self.values.cols() }
    }

    fn read(&self, rows: Range<usize>, cols: Range<usize>, out: &mut [f32]) -> Result<()> {
        let change = &self.change;
        if change.transposed {
            check(self, &rows, &cols, out)?;
            return transposed(&self.values, rows, cols, out);
        }
        Sorted { values: &self.values, rows: change.rows.as_deref(), cols: change.cols.as_deref() }.read(rows, cols, out)?;
        if change.offset != 0.0 {
            for x in out {
                *x += change.offset;
            }
        }
        Ok(())
    }
}

fn transposed(values: &dyn Values, rows: Range<usize>, cols: Range<usize>, out: &mut [f32]) -> Result<()> {
    let width = cols.len();
    let mut strip = vec![0.0; TOGETHER.min(rows.len())];
    for first in rows.clone().step_by(TOGETHER) {
        let last = (first + TOGETHER).min(rows.end);
        for (i, col) in cols.clone().enumerate() {
            let strip = &mut strip[..last - first];
            values.read(col..col + 1, first..last, strip)?;
            for (row, &x) in (first..last).zip(&*strip) {
                out[(row - rows.start) * width + i] = x;
            }
        }
    }
    Ok(())
}

/// A difference as a matrix: the first file's values less the second's.
#[derive(Debug)]
pub struct Difference<'a> {
    /// The first file's.
    pub a: Aligned<'a>,
    /// The second file's.
    pub b: Aligned<'a>,
}

impl<'a> Difference<'a> {
    /// Both tensors of a pair, one of them brought into the other's layout where they are of different formats.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a pair whose values can't be compared; what reading fails with.
    pub fn new(a: &'a Model, b: &'a Model, pair: &Pair) -> Result<Self> {
        let found = (pair.a.and_then(|n| a.file.tensors.get(n)), pair.b.and_then(|n| b.file.tensors.get(n)));
        let ((Some(one), Some(other)), State::Comparable) = (found, pair.state(a, b)) else {
            return Err(Error::unsupported(format!("tensor `{}`", pair.name), "the two files don't have it in the same shape"));
        };
        let [values_a, values_b] = [TensorValues::new(&a.file, one)?, TensorValues::new(&b.file, other)?];
        let as_stored = |values| Aligned { values, change: Change::default() };
        Ok(match (a.file.format, b.file.format) {
            (Format::Gguf { .. }, Format::Safetensors | Format::Torch) => {
                Self { a: as_stored(values_a), b: align(a, one, &values_a, other, values_b)? }
            }
            (Format::Safetensors | Format::Torch, Format::Gguf { .. }) => {
                Self { a: align(b, other, &values_b, one, values_a)?, b: as_stored(values_b) }
            }
            _ => Self { a: as_stored(values_a), b: as_stored(values_b) },
        })
    }
}

impl Values for Difference<'_> {
    fn rows(&self) -> usize {
        self.a.rows()
    }

    fn cols(&self) -> usize {
        self.a.cols()
    }

    fn read(&self, rows: Range<usize>, cols: Range<usize>, out: &mut [f32]) -> Result<()> {
        self.a.read(rows.clone(), cols.clone(), out)?;
        let mut other = vec![0.0; out.len()];
        self.b.read(rows, cols, &mut other)?;
        for (a, b) in out.iter_mut().zip(other) {
            *a -= b;
        }
        Ok(())
    }
}

/// The tensor `other` of a Hugging Face file in the layout of `one` in the GGUF file of `model`: of all that the converter may have done,
/// what brings the values closest.
fn align<'a>(model: &Model, one: &TensorInfo, target: &dyn Values, other: &TensorInfo, values: TensorValues<'a>) -> Result<Aligned<'a>> {
    let mut changes = Vec::new();
    if one.shape.iter().filter(|&&dim| dim != 1).eq(other.shape.iter().filter(|&&dim| dim != 1)) {
        changes.push(Change::default());
    }
    if is_transposed(one, other) {
        changes.push(Change { transposed: true, ..Change::default() });
    }
    if let Some(heads) = heads(model, &one.name) {
        let order = |n: usize| rotated(n, heads);
        if values.rows() > 1 {
            changes.extend(order(values.rows()).map(|rows| Change { rows: Some(rows), ..Change::default() }));
        } else {
            changes.extend(order(values.cols()).map(|cols| Change { cols: Some(cols), ..Change::default() }));
        }
    }
    if one.name.ends_with("norm.weight") {
        changes.push(Change { offset: 1.0, ..Change::default() });
    }
    let mut best: Option<(f64, Aligned<'a>)> = None;
    for change in changes {
        let aligned = Aligned { values, change };
        if (aligned.rows(), aligned.cols()) != (target.rows(), target.cols()) {
            continue;
        }
        let distance = distance(target, &aligned)?;
        if best.as_ref().is_none_or(|(least, _)| distance < *least) {
            best = Some((distance, aligned));
        }
    }
    best.map(|(_, aligned)| aligned)
        .ok_or_else(|| Error::unsupported(format!("tensor `{}`", one.name), "the two files don't have it in the same shape"))
}

/// How far a few values are apart: those of the second row, which stays in its place only where nothing was moved.
fn distance(one: &dyn Values, other: &dyn Values) -> Result<f64> {
    let row = usize::from(one.rows() > 1);
    let cols = 0..one.cols().min(LOOKED_AT);
    let mut both = [vec![0.0; cols.len()], vec![0.0; cols.len()]];
    one.read(row..row + 1, cols.clone(), &mut both[0])?;
    other.read(row..row + 1, cols, &mut both[1])?;
    let [a, b] = &both;
    Ok(a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum())
}

/// The heads of a projection to queries or keys.
fn heads(model: &Model, name: &str) -> Option<usize> {
    let count = match name.rsplit('.').nth(1)? {
        "attn_q" => "head_count",
        "attn_k" => "head_count_kv",
        _ => return None,
    };
    let architecture = model.architecture()?;
    let number = |count: &str| model.file.metadata.u64(&format!("{architecture}.attention.{count}"));
    usize::try_from(number(count).or_else(|| number("head_count"))?).ok().filter(|&heads| heads > 0)
}

/// Where `n` rows come from that have both halves of each head one after another, when they shall alternate: the order for rotating
/// neighbours instead of halves.
fn rotated(n: usize, heads: usize) -> Option<Vec<u32>> {
    let head = n / heads;
    if !n.is_multiple_of(heads) || !head.is_multiple_of(2) {
        return None;
    }
    (0..n).map(|row| u32::try_from(row / head * head + row % 2 * (head / 2) + row % head / 2).ok()).collect()
}
