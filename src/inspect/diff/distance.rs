//! How far two tensors are apart, over all their values.

use super::align::Difference;
use super::matching::Pair;
use crate::error::Result;
use crate::inspect::Model;
use crate::inspect::stats::Pieces;
use crate::inspect::values::{CHUNK, Values as _};
use crate::kernels::courtesy::Background;
use crate::kernels::processor::Processor;
use crate::kernels::statistics::{self, Products};

/// Bytes that are compared at a time.
const BYTES: usize = 1 << 20;

/// What two tensors have to do with each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Distance {
    /// Whether the files have the same bytes for them, of the same type.
    pub identical: bool,
    /// What had to be done to one of them first, in words.
    pub note: Option<&'static str>,
    /// The root of the mean squared difference.
    pub rmse: f64,
    /// The same as a share of the first's root mean square; NaN where that is 0 and the second's isn't.
    pub relative_rmse: f64,
    /// The cosine of the angle between them; NaN where one of them is 0.
    pub cosine: f64,
    /// The largest difference.
    pub max: f64,
}

impl Distance {
    const NONE: Self = Self { identical: true, note: None, rmse: 0.0, relative_rmse: 0.0, cosine: 1.0, max: 0.0 };

    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    fn of([ab, aa, bb, dd, max]: Products, count: usize, note: Option<&'static str>) -> Self {
        let relative_rmse = if dd == 0.0 { 0.0 } else { (dd / aa).sqrt() };
        let relative_rmse = if relative_rmse.is_infinite() { f64::NAN } else { relative_rmse };
        let rmse = (dd / count.max(1) as f64).sqrt();
        Self { identical: false, note, rmse, relative_rmse, cosine: (ab / (aa.sqrt() * bb.sqrt())).clamp(-1.0, 1.0), max }
    }

    /// Whether all values are equal, though perhaps stored in other ways.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.identical || (self.rmse == 0.0 && self.max == 0.0)
    }
}

/// Compares the tensors of a pair over all their values. `progress` is told the share that is done.
///
/// # Errors
/// As [`Difference::new`]; [`Error::Cancelled`](crate::error::Error::Cancelled).
#[expect(clippy::cast_precision_loss, reason = "a share")]
pub fn compare(a: &Model, b: &Model, pair: &Pair, background: &Background<'_>, progress: &mut dyn FnMut(f64)) -> Result<Distance> {
    let difference = Difference::new(a, b, pair)?;
    let (one, other) = (&difference.a, &difference.b);
    if one.is_as_stored() && other.is_as_stored() && same_bytes(a, b, pair, background)? {
        return Ok(Distance::NONE);
    }
    let pieces = Pieces::of(one);
    let work = |piece: usize| {
        let mut sums: Products = [0.0; 5];
        let mut both = [vec![0.0; CHUNK], vec![0.0; CHUNK]];
        for [rows, cols] in pieces.parts(piece) {
            let [x, y] = &mut both;
            let n = rows.len() * cols.len();
            one.read(rows.clone(), cols.clone(), &mut x[..n])?;
            other.read(rows, cols, &mut y[..n])?;
            statistics::products(Processor::best(), &x[..n], &y[..n], &mut sums);
        }
        Ok(sums)
    };
    let mut all: Products = [0.0; 5];
    background.map(pieces.count(), work, |piece, sums| {
        for (all, sum) in all.iter_mut().zip(sums).take(4) {
            *all += sum;
        }
        all[4] = all[4].max(sums[4]);
        progress((piece + 1) as f64 / pieces.count() as f64);
        Ok(())
    })?;
    Ok(Distance::of(all, one.len(), one.note().or(other.note())))
}

/// Whether both files have the same bytes.
fn same_bytes(a: &Model, b: &Model, pair: &Pair, background: &Background<'_>) -> Result<bool> {
    let (Some(one), Some(other)) = (pair.a.and_then(|n| a.file.tensors.get(n)), pair.b.and_then(|n| b.file.tensors.get(n))) else {
        return Ok(false);
    };
    if one.dtype != other.dtype || one.bytes != other.bytes {
        return Ok(false);
    }
    let bytes = usize::try_from(one.bytes.0).unwrap_or(usize::MAX);
    let mut same = true;
    let pieces = bytes.div_ceil(BYTES);
    let mut first = 0;
    // A few at a time, so that a difference ends the reading.
    while same && first < pieces {
        let together = (pieces - first).min(16 * background.pool.threads());
        let work = |piece: usize| {
            let from = (first + piece) * BYTES;
            let mut both = [vec![0; BYTES.min(bytes - from)], vec![0; BYTES.min(bytes - from)]];
            a.file.read_into(one, from as u64, &mut both[0])?;
            b.file.read_into(other, from as u64, &mut both[1])?;
            Ok(both[0] == both[1])
        };
        background.map(together, work, |_, equal| {
            same &= equal;
            Ok(())
        })?;
        first += together;
    }
    Ok(same)
}
