//! The two passes: moments and norms, then histograms.

use super::pieces::Pieces;
use super::{Depth, Histogram, Stats};
use crate::error::Result;
use crate::inspect::values::{CHUNK, Values};
use crate::kernels::courtesy::Background;
use crate::kernels::processor::Processor;
use crate::kernels::statistics::{self, BINS, Bins, Counts, MAGNITUDES, Moments};

/// The most rows, or columns, whose norms are kept.
const MOST_NORMS: usize = 1 << 22;

/// Statistics over all values. `progress` is told which share is done with what is known so far, after each few pieces.
///
/// # Errors
/// [`Error::Cancelled`](crate::error::Error::Cancelled) when the work is no longer wanted; what reading the file fails with.
pub fn of(values: &dyn Values, depth: Depth, background: &Background<'_>, progress: &mut dyn FnMut(f64, &Stats)) -> Result<Stats> {
    let pieces = Pieces::of(values);
    let passes = if depth == Depth::Full { 2.0 } else { 1.0 };
    let mut stats = first_pass(values, &pieces, background, &mut |share, stats| progress(share / passes, stats))?;
    if depth == Depth::Full {
        second_pass(values, &pieces, &mut stats, background, &mut |share, stats| progress(f64::midpoint(1.0, share), stats))?;
    }
    Ok(stats)
}

/// What the first pass takes from a piece.
struct Taken {
    moments: Moments,
    /// `Σ x²` of its rows.
    rows: Vec<f64>,
    /// `Σ x²` of its columns.
    cols: Vec<f32>,
}

fn take(values: &dyn Values, pieces: &Pieces, piece: usize, with_norms: [bool; 2]) -> Result<Taken> {
    let [rows, cols] = pieces.window(piece);
    let mut taken = Taken {
        moments: Moments::default(),
        rows: vec![0.0; if with_norms[0] { rows.len() } else { 0 }],
        cols: vec![0.0; if with_norms[1] { cols.len() } else { 0 }],
    };
    let mut buffer = vec![0.0; CHUNK];
    for [part_rows, part_cols] in pieces.parts(piece) {
        let width = part_cols.len();
        let buffer = &mut buffer[..part_rows.len() * width];
        values.read(part_rows.clone(), part_cols.clone(), buffer)?;
        if with_norms[0] {
            // Rows one by one: their squares come from their moments.
            for (row, values) in part_rows.zip(buffer.chunks_exact(width.max(1))) {
                let moments = statistics::moments(values);
                taken.rows[row - rows.start] += moments.raw_squares();
                taken.moments.add(&moments);
            }
        } else {
            taken.moments.add(&statistics::moments(buffer));
        }
        if with_norms[1] {
            let sums = &mut taken.cols[part_cols.start - cols.start..part_cols.end - cols.start];
            statistics::column_squares(Processor::best(), buffer, sums);
        }
    }
    Ok(taken)
}

fn first_pass(values: &dyn Values, pieces: &Pieces, background: &Background<'_>, progress: &mut dyn FnMut(f64, &Stats)) -> Result<Stats> {
    // Norms of very short rows would cost more than all the rest.
    let with_norms = [values.rows() <= MOST_NORMS && values.cols() >= 8, values.cols() <= MOST_NORMS && values.rows() > 1];
    let mut stats = Stats { count: values.len() as u64, ..Stats::default() };
    let mut rows = vec![0.0_f64; if with_norms[0] { values.rows() } else { 0 }];
    let mut cols = vec![0.0_f64; if with_norms[1] { values.cols() } else { 0 }];
    let work = |piece: usize| take(values, pieces, piece, with_norms);
    background.map(pieces.count(), work, |piece, taken| {
        let [row_range, col_range] = pieces.window(piece);
        stats.moments.add(&taken.moments);
        if with_norms[0] {
            for (sum, more) in rows[row_range].iter_mut().zip(taken.rows) {
                *sum += more;
            }
        }
        if with_norms[1] {
            for (sum, more) in cols[col_range].iter_mut().zip(taken.cols) {
                *sum += f64::from(more);
            }
        }
        progress(share(piece + 1, pieces.count()), &stats);
        Ok(())
    })?;
    stats.row_norms = roots(&rows);
    stats.col_norms = roots(&cols);
    Ok(stats)
}

#[expect(clippy::cast_possible_truncation, reason = "norms of F32 values are kept in F32")]
fn roots(squares: &[f64]) -> Vec<f32> {
    squares.iter().map(|square| square.sqrt() as f32).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a share")]
fn share(done: usize, of: usize) -> f64 {
    done as f64 / of.max(1) as f64
}

fn second_pass(
    values: &dyn Values,
    pieces: &Pieces,
    stats: &mut Stats,
    background: &Background<'_>,
    progress: &mut dyn FnMut(f64, &Stats),
) -> Result<()> {
    if stats.moments.count == 0 {
        return Ok(());
    }
    let bins = Bins::new(stats.moments.min, stats.moments.max);
    stats.histogram = Some(Histogram { bins, counts: vec![0; BINS], magnitudes: vec![0; MAGNITUDES] });
    let count = |piece: usize| {
        let (mut linear, mut magnitudes) = (Counts::new(BINS), Counts::new(MAGNITUDES));
        let mut buffer = vec![0.0; CHUNK];
        for [rows, cols] in pieces.parts(piece) {
            let buffer = &mut buffer[..rows.len() * cols.len()];
            values.read(rows, cols, buffer)?;
            statistics::linear(buffer, &bins, &mut linear);
            statistics::magnitudes(buffer, &mut magnitudes);
        }
        Ok([linear, magnitudes])
    };
    background.map(pieces.count(), count, |piece, [linear, magnitudes]| {
        if let Some(histogram) = &mut stats.histogram {
            linear.add_to(&mut histogram.counts);
            magnitudes.add_to(&mut histogram.magnitudes);
        }
        progress(share(piece + 1, pieces.count()), stats);
        Ok(())
    })
}
