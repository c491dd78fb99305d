//! The whole matrix at once: coarse after the first hundredth, exact at the end, marked as partial in between.

use std::ops::Range;
use std::time::{Duration, Instant};

use super::{Reduce, Texel, take_row, texels_for};
use crate::error::Result;
use crate::inspect::values::{CHUNK, Values};
use crate::kernels::courtesy::Background;

/// The most texels in each direction.
const MOST: usize = 1024;
/// Values that are read for one piece of work, about a millisecond.
const PIECE: usize = 32 * CHUNK;
/// The share of the stripes that is spread over the matrix before the others fill in, as one part of so many.
const FIRST: usize = 100;

/// A matrix in at most 1,024 × 1,024 texels.
#[derive(Debug, Clone)]
pub struct Picture {
    rows: usize,
    cols: usize,
    shifts: [u8; 2],
    texels: Vec<Texel>,
    /// Rows that were read, for each row of texels.
    rows_read: Vec<u32>,
    /// Rows that are read together; they lie in one row of texels.
    stripe: usize,
    /// Stripes done, in the order of [`Picture::stripe_at`].
    done: usize,
}

impl Picture {
    /// The picture of a matrix of which nothing is read yet.
    #[must_use]
    pub fn new(rows: usize, cols: usize) -> Self {
        let shift = |values: usize| {
            let mut shift = 0;
            while texels_for(values, shift) > MOST {
                shift += 1;
            }
            shift
        };
        let shifts = [shift(rows), shift(cols)];
        let [height, width] = [texels_for(rows, shifts[0]), texels_for(cols, shifts[1])];
        // As many rows as make a read worthwhile; a power of two, so that no stripe is in two rows of texels.
        let mut stripe = 1;
        while stripe < 1 << shifts[0] && stripe * cols < CHUNK {
            stripe *= 2;
        }
        Self { rows, cols, shifts, texels: vec![Texel::EMPTY; height * width], rows_read: vec![0; height], stripe, done: 0 }
    }

    /// Rows of the matrix.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Columns of the matrix.
    #[must_use]
    pub const fn cols(&self) -> usize {
        self.cols
    }

    /// Rows and columns of texels.
    #[must_use]
    pub const fn size(&self) -> [usize; 2] {
        [texels_for(self.rows, self.shifts[0]), texels_for(self.cols, self.shifts[1])]
    }

    /// Each texel stands for `2^shifts[0]` rows and `2^shifts[1]` columns.
    #[must_use]
    pub const fn shifts(&self) -> [u8; 2] {
        self.shifts
    }

    /// Which share of the matrix has been read. Below 1, texels stand for what was read of their cells, or their neighbours' if nothing was.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    pub fn share_read(&self) -> f64 {
        if self.is_done() { 1.0 } else { self.done as f64 / self.stripes() as f64 }
    }

    /// Whether everything has been read.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.done >= self.stripes()
    }

    const fn stripes(&self) -> usize {
        if self.cols == 0 { 0 } else { self.rows.div_ceil(self.stripe) }
    }

    /// The `n`-th stripe that is read: the first hundredth of them evenly over the matrix, then the others in rounds that each lie between
    /// those before.
    fn stripe_at(&self, n: usize) -> usize {
        let stripes = self.stripes();
        let rounds = stripes.min(FIRST);
        let (mut first, mut round) = (0, 0);
        // Stripes `s` with `s % rounds == r` are one round.
        let len = |r: usize| (stripes - r).div_ceil(rounds);
        while first + len(scattered(round, rounds)) <= n {
            first += len(scattered(round, rounds));
            round += 1;
        }
        (n - first) * rounds + scattered(round, rounds)
    }

    fn rows_of(&self, stripe: usize) -> Range<usize> {
        stripe * self.stripe..((stripe + 1) * self.stripe).min(self.rows)
    }

    /// Reads more of the matrix, for about this long but one round of pieces at least. Says whether everything has been read.
    ///
    /// # Errors
    /// [`Error::Cancelled`](crate::error::Error::Cancelled); what reading fails with. What was read before stays.
    pub fn step(&mut self, values: &dyn Values, background: &Background<'_>, time: Duration) -> Result<bool> {
        let started = Instant::now();
        let per_piece = (PIECE / (self.stripe * self.cols).max(1)).max(1);
        while !self.is_done() {
            let first = self.done;
            // Beside an answer one piece takes long enough.
            let together = if background.courtesy.is_busy() { 1 } else { background.pool.threads() * 4 };
            let pieces = (self.stripes() - first).div_ceil(per_piece).min(together);
            let this = &*self;
            let mut taken: Vec<Vec<(usize, Vec<Texel>)>> = Vec::with_capacity(pieces);
            let work = |piece: usize| {
                let from = first + piece * per_piece;
                this.take(values, from..(from + per_piece).min(this.stripes()))
            };
            let result = background.map(pieces, work, |_, stripes| {
                taken.push(stripes);
                Ok(())
            });
            for (stripe, texels) in taken.into_iter().flatten() {
                self.add(stripe, &texels);
            }
            result?;
            if started.elapsed() >= time {
                break;
            }
        }
        Ok(self.is_done())
    }

    /// Stripes in their order, each with its number and its row of texels.
    fn take(&self, values: &dyn Values, order: Range<usize>) -> Result<Vec<(usize, Vec<Texel>)>> {
        let mut out = Vec::with_capacity(order.len());
        let step = CHUNK.min(self.cols.max(1)) >> self.shifts[1] << self.shifts[1];
        let mut buffer = vec![0.0; step.max(1 << self.shifts[1])];
        let (width, mut cells) = (buffer.len(), Vec::new());
        for n in order {
            let stripe = self.stripe_at(n);
            let mut texels = vec![Texel::EMPTY; self.size()[1]];
            for row in self.rows_of(stripe) {
                for col in (0..self.cols).step_by(width) {
                    let cols = col..(col + width).min(self.cols);
                    let buffer = &mut buffer[..cols.len()];
                    values.read(row..row + 1, cols, buffer)?;
                    take_row(buffer, self.shifts[1], &mut cells, &mut texels[col >> self.shifts[1]..]);
                }
            }
            out.push((stripe, texels));
        }
        Ok(out)
    }

    fn add(&mut self, stripe: usize, texels: &[Texel]) {
        let rows = self.rows_of(stripe);
        let row = rows.start >> self.shifts[0];
        let width = texels.len();
        for (texel, more) in self.texels[row * width..][..width].iter_mut().zip(texels) {
            texel.add(more);
        }
        self.rows_read[row] += u32::try_from(rows.len()).unwrap_or(u32::MAX);
        self.done += 1;
    }

    /// The numbers of all texels, row by row; NaN for cells without a finite value. Rows of which nothing is read yet show the nearest row
    /// of which something is.
    #[must_use]
    pub fn texels(&self, reduce: Reduce) -> Vec<f32> {
        let [height, width] = self.size();
        let mut out = Vec::with_capacity(height * width);
        for row in 0..height {
            let nearest = self.nearest_read(row);
            match nearest {
                Some(row) => out.extend(self.texels[row * width..][..width].iter().map(|texel| texel.show(reduce))),
                None => out.resize(out.len() + width, f32::NAN),
            }
        }
        out
    }

    /// The row of texels nearest to `row` of which something was read.
    fn nearest_read(&self, row: usize) -> Option<usize> {
        let height = self.rows_read.len();
        (0..height).find_map(|distance| {
            let candidates = [row.checked_sub(distance), Some(row + distance).filter(|&row| row < height)];
            candidates.into_iter().flatten().find(|&row| self.rows_read[row] > 0)
        })
    }
}

/// Numbers below `n` in an order in which each is far from those just before it: 0, then by the golden section.
const fn scattered(i: usize, n: usize) -> usize {
    let mut step = n * 618 / 1000;
    if step == 0 {
        step = 1;
    }
    while gcd(step, n) != 1 {
        step += 1;
    }
    i * step % n
}

const fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
