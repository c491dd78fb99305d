//! The grid's numbers: the error of a tensor as a share of its own spread, told apart by ratio.

use egui::Color32;

use super::Measured;
use crate::file::text;
use crate::inspect::Model;
use crate::state::make::Distorted;
use crate::units::{digits, percent};
use crate::view::layers::Coloured;
use crate::view::theme;

/// What the cells of a frame have in common.
pub struct Scale<'a> {
    pub model: &'a Model,
    pub distorted: &'a Distorted,
    pub measured: &'a Measured,
    pub chosen: Option<usize>,
}

impl Coloured for Scale<'_> {
    fn measure(&self) -> &'static str {
        "RMSE relative to the tensor's spread"
    }

    fn name(&self, tensor: usize) -> String {
        text::shown(&self.model.file.tensors[tensor].name, 120)
    }

    fn value(&self, tensor: usize) -> Option<f64> {
        self.measured.get(self.distorted, tensor).map(|distortion| distortion.relative_rmse)
    }

    fn told(&self, tensor: usize) -> (String, String) {
        match self.measured.get(self.distorted, tensor) {
            Some(distortion) if distortion.rmse == 0.0 => (format!("kept as it is, {}", distortion.dtype.name()), String::new()),
            Some(distortion) => {
                (format!("{} in {}", percent(distortion.relative_rmse), distortion.dtype.name()), digits(distortion.relative_rmse))
            }
            None if self.distorted.whole => ("not in the candidate".to_owned(), String::new()),
            None => ("not measured yet".to_owned(), String::new()),
        }
    }

    fn has_failed(&self, _tensor: usize) -> bool {
        false
    }

    fn chosen(&self) -> Option<usize> {
        self.chosen
    }

    fn color(&self, palette: &theme::Palette, value: f64) -> Color32 {
        let Some([least, largest]) = self.measured.range else { return palette.hairline() };
        // What is kept as it is has no colour of the map.
        if value == 0.0 {
            return palette.hairline();
        }
        let share = if largest > least { (value / least).ln() / (largest / least).ln() } else { 0.5 };
        #[expect(clippy::cast_possible_truncation, reason = "a share between 0 and 1")]
        palette.magnitude(share as f32)
    }

    fn at(&self, place: f64) -> Option<(f64, String)> {
        let [least, largest] = self.measured.range?;
        let value = least * (largest / least).powf(place);
        Some((value, percent(value)))
    }

    fn scale(&self) -> &'static str {
        "log scale; plain: kept as it is"
    }

    fn nothing(&self) -> &'static str {
        if self.distorted.whole { "Every tensor is kept as it is." } else { "Nothing is measured yet." }
    }
}
