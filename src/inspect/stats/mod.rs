//! Statistics over all values of a tensor: in two passes over its file, on all processors, never the whole tensor in memory.
//!
//! The first pass takes moments and norms, which give the range for the second pass's histogram. Values that are not finite are counted and
//! are in nothing else. Results do not depend on the number of threads.

mod outliers;
mod passes;
mod pieces;

pub use outliers::Outlier;
pub use passes::of;
pub(super) use pieces::Pieces;

use crate::file::{DType, ModelFile, TensorInfo};
use crate::kernels::statistics::{BINS, Bins, MAGNITUDES, Moments};

/// How much is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Depth {
    /// One pass: moments and norms.
    Moments,
    /// And a second one: histograms, so quantiles and outliers.
    Full,
}

/// What all values of a matrix are, taken together. While it is being computed, what they were so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Stats {
    /// All values.
    pub count: u64,
    /// The moments of the finite ones, and how many are not.
    pub moments: Moments,
    /// Equal bins; empty before the second pass.
    pub histogram: Option<Histogram>,
    /// `√Σx²` of each row; empty where there are too many.
    pub row_norms: Vec<f32>,
    /// `√Σx²` of each column.
    pub col_norms: Vec<f32>,
    /// What the histogram said of values far out, where it was let go.
    far: Option<f64>,
}

/// How many values fall between which borders.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// The borders.
    pub bins: Bins,
    /// Values of each of the [`BINS`] equal bins from the least to the largest; the last has its upper border too.
    pub counts: Vec<u64>,
    /// Values by magnitude, four bins for each power of two ([`Histogram::magnitude_edge`]), without zeros.
    pub magnitudes: Vec<u64>,
}

impl Histogram {
    /// All borders, one more than bins.
    #[must_use]
    pub fn edges(&self) -> Vec<f32> {
        (0..=BINS).map(|n| self.bins.edge(n)).collect()
    }

    /// The least magnitude in bin `n` of `magnitudes`.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "1,024 bins")]
    pub const fn magnitude_edge(n: usize) -> f32 {
        f32::from_bits((if n < MAGNITUDES { n as u32 } else { MAGNITUDES as u32 }) << 21)
    }
}

impl Stats {
    /// The least finite value.
    #[must_use]
    pub fn min(&self) -> Option<f64> {
        (self.moments.count > 0).then_some(self.moments.min.into())
    }

    /// The largest finite value.
    #[must_use]
    pub fn max(&self) -> Option<f64> {
        (self.moments.count > 0).then_some(self.moments.max.into())
    }

    /// The largest magnitude of a finite value.
    #[must_use]
    pub fn abs_max(&self) -> Option<f64> {
        (self.moments.count > 0).then_some(self.moments.min.abs().max(self.moments.max.abs()).into())
    }

    /// The mean of the finite values.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.moments.count > 0).then_some(self.moments.mean)
    }

    /// The standard deviation of the finite values, of all of them and not of a sample.
    #[must_use]
    pub fn std(&self) -> Option<f64> {
        self.variance().map(f64::sqrt)
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    fn variance(&self) -> Option<f64> {
        (self.moments.count > 0).then(|| self.moments.squares / self.moments.count as f64)
    }

    /// How much heavier the tails are than a normal distribution's, whose kurtosis is 0 here; `None` where all values are equal.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    pub fn kurtosis(&self) -> Option<f64> {
        let variance = self.variance().filter(|&variance| variance > 0.0)?;
        Some(self.moments.fourths / self.moments.count as f64 / (variance * variance) - 3.0)
    }

    /// How lopsided the distribution is; `None` where all values are equal.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    pub fn skewness(&self) -> Option<f64> {
        let variance = self.variance().filter(|&variance| variance > 0.0)?;
        Some(self.moments.cubes / self.moments.count as f64 / variance.powf(1.5))
    }

    /// Zeros as a share of all values.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    pub fn sparsity(&self) -> Option<f64> {
        (self.count > 0).then(|| self.moments.zeros as f64 / self.count as f64)
    }

    /// The value below which this share of the finite values lies, to one bin of the histogram.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let histogram = self.histogram.as_ref().filter(|_| self.moments.count > 0)?;
        let place = share.clamp(0.0, 1.0) * (self.moments.count - 1) as f64;
        let mut before = 0_u64;
        for (bin, &count) in histogram.counts.iter().enumerate() {
            if count > 0 && place < (before + count) as f64 {
                let within = (place - before as f64 + 0.5) / count as f64;
                let [low, high] = [bin, bin + 1].map(|n| f64::from(histogram.bins.edge(n)));
                return Some((low + within * (high - low)).clamp(self.moments.min.into(), self.moments.max.into()));
            }
            before += count;
        }
        self.max()
    }

    /// The share of values that lie more than six standard deviations from the mean, to one bin of the histogram.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    pub fn outlier_share(&self) -> Option<f64> {
        const FAR: f64 = 6.0;
        if self.far.is_some() {
            return self.far;
        }
        let (histogram, mean, std) = (self.histogram.as_ref()?, self.mean()?, self.std()?);
        let outside = |bin: usize| {
            let [low, high] = [bin, bin + 1].map(|n| f64::from(histogram.bins.edge(n)));
            low > mean + FAR * std || high < mean - FAR * std
        };
        let far: u64 = histogram.counts.iter().enumerate().filter(|(bin, _)| outside(*bin)).map(|(_, &count)| count).sum();
        Some(far as f64 / self.moments.count as f64)
    }

    /// The same without histogram and norms, for those of many tensors.
    #[must_use]
    pub fn in_short(self) -> Self {
        Self { far: self.outlier_share(), histogram: None, row_norms: Vec::new(), col_norms: Vec::new(), ..self }
    }

    /// The rows whose norms stand out, the strangest first.
    #[must_use]
    pub fn outlier_rows(&self) -> Vec<Outlier> {
        outliers::of(&self.row_norms)
    }

    /// The columns whose norms stand out, the strangest first.
    #[must_use]
    pub fn outlier_cols(&self) -> Vec<Outlier> {
        outliers::of(&self.col_norms)
    }
}

/// The order that puts rows, or columns, with the largest norms first.
#[must_use]
pub fn by_norm(norms: &[f32]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..).take(norms.len()).collect();
    order.sort_by(|&a, &b| norms[b as usize].total_cmp(&norms[a as usize]));
    order
}

/// What statistics that were computed can be kept under: the file as it was, and the tensor.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// What tells one state of a file from another.
    pub file: String,
    /// The tensor's name.
    pub tensor: String,
    /// And its type, which a tensor of a hostile file may have one of too many.
    pub dtype: DType,
}

impl Key {
    /// The key of a tensor in a file.
    #[must_use]
    pub fn new(file: &ModelFile, tensor: &TensorInfo) -> Self {
        Self { file: file.identity(), tensor: tensor.name.clone(), dtype: tensor.dtype }
    }
}
