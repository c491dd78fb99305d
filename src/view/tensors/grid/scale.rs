//! How the numbers that the grid is coloured by become text and places on the map of colours.

use crate::inspect::grid::Measure;
use crate::units::{percent, real, significant};

/// A number as text.
#[must_use]
pub fn written(measure: Measure, value: f64) -> String {
    match measure {
        Measure::BitsPerWeight => significant(value),
        Measure::OutlierShare | Measure::Sparsity => percent(value),
        Measure::Std | Measure::AbsMax | Measure::Kurtosis => real(value),
    }
}

/// How far a number is between the least and the largest. Sizes are told apart by their ratio, shares by the difference of their roots.
#[must_use]
pub fn place(measure: Measure, value: f64, [least, largest]: [f64; 2]) -> f64 {
    let [value, least, largest] = [value, least, largest].map(|x| forward(measure, x));
    if largest > least { ((value - least) / (largest - least)).clamp(0.0, 1.0) } else { 0.5 }
}

/// The number at a place.
#[must_use]
pub fn at(measure: Measure, place: f64, [least, largest]: [f64; 2]) -> f64 {
    let [low, high] = [least, largest].map(|x| forward(measure, x));
    backward(measure, low + place * (high - low))
}

/// The scale in words.
#[must_use]
pub const fn scale(measure: Measure) -> &'static str {
    match measure {
        Measure::BitsPerWeight | Measure::Std | Measure::AbsMax | Measure::Kurtosis => "log scale",
        Measure::OutlierShare | Measure::Sparsity => "root scale",
    }
}

fn forward(measure: Measure, x: f64) -> f64 {
    match measure {
        Measure::OutlierShare | Measure::Sparsity => x.max(0.0).sqrt(),
        // A kurtosis is never below −2 here.
        Measure::Kurtosis => (x + 3.0).max(1.0).ln(),
        Measure::BitsPerWeight | Measure::Std | Measure::AbsMax => x.max(f64::from(f32::MIN_POSITIVE)).ln(),
    }
}

fn backward(measure: Measure, y: f64) -> f64 {
    match measure {
        Measure::OutlierShare | Measure::Sparsity => y * y,
        Measure::Kurtosis => y.exp() - 3.0,
        Measure::BitsPerWeight | Measure::Std | Measure::AbsMax => y.exp(),
    }
}
