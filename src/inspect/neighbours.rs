//! The rows of a matrix that point the way one of them does: for an embedding, the tokens that the model finds alike.

use crate::error::Result;
use crate::inspect::stats::Pieces;
use crate::inspect::values::{CHUNK, Values};
use crate::kernels::courtesy::Background;
use crate::kernels::processor::Processor;
use crate::kernels::statistics;

/// A row and how near it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// Which row.
    pub row: usize,
    /// The cosine of the angle between it and the row that was asked for.
    pub cosine: f64,
}

/// The `count` rows nearest to `row` by cosine, the nearest first, without itself. Rows of zeros, or with values that aren't finite, have no
/// direction and are left out.
///
/// # Errors
/// [`Error::Cancelled`](crate::error::Error::Cancelled); what reading fails with.
#[expect(clippy::cast_precision_loss, reason = "a share")]
pub fn nearest(
    values: &dyn Values,
    row: usize,
    count: usize,
    background: &Background<'_>,
    progress: &mut dyn FnMut(f64),
) -> Result<Vec<Neighbour>> {
    let mut asked = vec![0.0; values.cols()];
    values.read(row..row + 1, 0..values.cols(), &mut asked)?;
    let rows_of = Pieces::whole_rows(values);
    let work = |piece: usize| {
        let rows = rows_of.window(piece)[0].clone();
        let step = (CHUNK / values.cols().max(1)).max(1);
        let mut buffer = vec![0.0; step * values.cols()];
        let mut found = Vec::new();
        for first in rows.clone().step_by(step) {
            let last = (first + step).min(rows.end);
            let buffer = &mut buffer[..(last - first) * values.cols()];
            values.read(first..last, 0..values.cols(), buffer)?;
            for (n, other) in (first..).zip(buffer.chunks_exact(values.cols().max(1))) {
                let mut sums = [0.0; 5];
                statistics::products(Processor::best(), &asked, other, &mut sums);
                let cosine = sums[0] / (sums[1].sqrt() * sums[2].sqrt());
                if n != row && cosine.is_finite() {
                    found.push(Neighbour { row: n, cosine });
                }
            }
        }
        Ok(best(found, count))
    };
    let mut all = Vec::new();
    background.map(rows_of.count(), work, |piece, found| {
        all.extend(found);
        if all.len() > 16 * count.max(64) {
            all = best(std::mem::take(&mut all), count);
        }
        progress((piece + 1) as f64 / rows_of.count() as f64);
        Ok(())
    })?;
    Ok(best(all, count))
}

fn best(mut found: Vec<Neighbour>, count: usize) -> Vec<Neighbour> {
    found.sort_by(|a, b| b.cosine.total_cmp(&a.cosine).then(a.row.cmp(&b.row)));
    found.truncate(count);
    found
}
