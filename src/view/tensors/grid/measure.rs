//! What the cells of the grid are coloured by, and how numbers become places on the map of colours.

use crate::file::TensorInfo;
use crate::inspect::stats::Stats;
use crate::units::{THIN_SPACE, percent, real, significant};

/// A number for each tensor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// Bits that a weight takes in the file: known from the header.
    #[default]
    BitsPerWeight,
    /// The standard deviation.
    Std,
    /// The largest magnitude.
    AbsMax,
    /// The share of values more than six standard deviations from the mean.
    Outliers,
    /// How many standard deviations the value farthest from the mean is from it.
    Farthest,
    /// How much heavier the tails are than a normal distribution's.
    Kurtosis,
}

impl Measure {
    /// All, in the order in which they are offered.
    pub const ALL: [Self; 6] = [Self::BitsPerWeight, Self::Std, Self::AbsMax, Self::Outliers, Self::Farthest, Self::Kurtosis];

    /// Its words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BitsPerWeight => "Bits per weight",
            Self::Std => "Standard deviation",
            Self::AbsMax => "Largest magnitude",
            Self::Outliers => "Outliers",
            Self::Farthest => "Farthest value",
            Self::Kurtosis => "Kurtosis",
        }
    }

    /// Whether all values have to be counted for it.
    #[must_use]
    pub const fn needs_counting(self) -> bool {
        !matches!(self, Self::BitsPerWeight)
    }

    /// The number of a tensor, as far as it is known.
    #[must_use]
    pub fn of(self, info: &TensorInfo, stats: Option<&Stats>) -> Option<f64> {
        match self {
            Self::BitsPerWeight => info.dtype.bits_per_weight(),
            Self::Std => stats?.std(),
            Self::AbsMax => stats?.abs_max(),
            Self::Outliers => stats?.outlier_share(),
            Self::Farthest => {
                let stats = stats?;
                let (mean, std) = (stats.mean()?, stats.std().filter(|&std| std > 0.0)?);
                Some((stats.max()? - mean).max(mean - stats.min()?) / std)
            }
            Self::Kurtosis => stats?.kurtosis(),
        }
    }

    /// A number of it as text.
    #[must_use]
    pub fn written(self, value: f64) -> String {
        match self {
            Self::BitsPerWeight => significant(value),
            Self::Outliers => percent(value),
            Self::Farthest => format!("{}{THIN_SPACE}σ", significant(value)),
            Self::Std | Self::AbsMax | Self::Kurtosis => real(value),
        }
    }

    /// How far a number is between the least and the largest. Sizes are told apart by their ratio, the rest by their difference.
    #[must_use]
    pub fn place(self, value: f64, [least, largest]: [f64; 2]) -> f64 {
        let [value, least, largest] = [value, least, largest].map(|x| self.forward(x));
        if largest > least { ((value - least) / (largest - least)).clamp(0.0, 1.0) } else { 0.5 }
    }

    /// The number at a place.
    #[must_use]
    pub fn at(self, place: f64, [least, largest]: [f64; 2]) -> f64 {
        let [low, high] = [least, largest].map(|x| self.forward(x));
        self.backward(low + place * (high - low))
    }

    /// Whether equal ratios are equal steps.
    #[must_use]
    pub const fn is_logarithmic(self) -> bool {
        matches!(self, Self::Std | Self::AbsMax | Self::Farthest | Self::Kurtosis | Self::BitsPerWeight)
    }

    fn forward(self, x: f64) -> f64 {
        match self {
            Self::Outliers => x.max(0.0).sqrt(),
            // A kurtosis is never below −2 here.
            Self::Kurtosis => (x + 3.0).max(1.0).ln(),
            _ => x.max(f64::from(f32::MIN_POSITIVE)).ln(),
        }
    }

    fn backward(self, y: f64) -> f64 {
        match self {
            Self::Outliers => y * y,
            Self::Kurtosis => y.exp() - 3.0,
            _ => y.exp(),
        }
    }
}
