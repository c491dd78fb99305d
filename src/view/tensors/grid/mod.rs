//! The whole model as a grid, layers by roles, coloured by a statistic.

pub mod scale;

use std::sync::Arc;

use egui::{Color32, ComboBox, Ui};

use crate::error::Error;
use crate::file::text;
use crate::inspect::Model;
use crate::inspect::stats::Stats;
use crate::state::browse::{Browsing, Wish};
use crate::state::{Action, Slot, State};
use crate::units::{digits, grouped, percent};
use crate::view::layers::{self, Coloured};
use crate::view::{Actions, icons, picture, theme, widgets};

pub use crate::inspect::grid::Measure;
pub use crate::view::layers::Places;

/// The grid; keeps what it is coloured by.
#[derive(Default)]
pub struct Grid {
    model: Option<Arc<Model>>,
    places: Places,
    measure: Measure,
}

/// What the cells of a frame have in common.
struct Scale<'a> {
    model: &'a Model,
    browsing: &'a Browsing,
    measure: Measure,
    /// The least and the largest number known.
    range: Option<[f64; 2]>,
}

impl Grid {
    /// Draws controls, grid and legend into what is left.
    pub fn ui(&mut self, ui: &mut Ui, state: &State, model: &Arc<Model>, actions: &mut Actions) {
        if !self.model.as_ref().is_some_and(|known| Arc::ptr_eq(known, model)) {
            *self = Self { model: Some(Arc::clone(model)), places: Places::of(model), measure: self.measure };
        }
        egui::Frame::new().inner_margin(egui::Margin::symmetric(12, 4)).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 4.0;
            self.controls(ui, state, model, actions);
            let scale = Scale::of(model, &state.browsing, self.measure);
            let name = format!("{} layers by roles, {}", model.label(), self.measure.name());
            let clicked = picture::savable(ui, &name, |ui| layers::ui(ui, &self.places, &scale));
            if let Some(tensor) = clicked {
                actions.push(Action::Browse(Wish::Tensor(Some(tensor))));
            }
        });
    }

    fn controls(&mut self, ui: &mut Ui, state: &State, model: &Model, actions: &mut Actions) {
        ui.horizontal_wrapped(|ui| {
            let label = widgets::small(ui, "Colour by");
            let combo = ComboBox::from_id_salt("colour by").width(160.0).selected_text(self.measure.name());
            let chosen = combo.show_ui(ui, |ui| {
                for measure in Measure::ALL {
                    ui.selectable_value(&mut self.measure, measure, measure.name());
                }
            });
            widgets::help(chosen.response.labelled_by(label.id), self.measure.name());
            if self.measure.depth().is_none() {
                return;
            }
            let (counted, all) = (state.browsing.counted.len(), model.file.tensors.len());
            if state.browsing.survey.job().is_none() && counted < all {
                let name = if counted == 0 { "Count all tensors" } else { "Count the rest" };
                if widgets::button(ui, Some(icons::START), name).clicked() {
                    actions.push(Action::Browse(Wish::Survey));
                }
                widgets::small(ui, format!("{} of {} counted", grouped(counted as u64), grouped(all as u64)));
            }
        });
        match &state.browsing.survey {
            Slot::Busy { progress, .. } if self.measure.depth().is_some() => {
                let counted = grouped(state.browsing.counted.len() as u64);
                let words = format!("{counted} of {} tensors counted, {}", grouped(model.file.tensors.len() as u64), percent(*progress));
                #[expect(clippy::cast_possible_truncation, reason = "a share between 0 and 1")]
                if widgets::progress(ui, "Counting all tensors", Some(*progress as f32), &words, "Stop") {
                    actions.push(Action::Browse(Wish::StopSurvey));
                }
            }
            Slot::Failed(error) => widgets::failure(ui, error),
            _ => {}
        }
    }
}

impl<'a> Scale<'a> {
    fn of(model: &'a Model, browsing: &'a Browsing, measure: Measure) -> Self {
        let mut scale = Self { model, browsing, measure, range: None };
        let known = (0..model.file.tensors.len()).filter_map(|tensor| scale.known(tensor)).filter(|value| value.is_finite());
        scale.range = known.fold(None, |range, value| {
            let [least, largest] = range.unwrap_or([value; 2]);
            Some([f64::min(least, value), f64::max(largest, value)])
        });
        if measure == Measure::BitsPerWeight {
            scale.range = Some([2.0, 32.0]);
        }
        scale
    }

    fn stats(&self, tensor: usize) -> Option<&'a Result<Arc<Stats>, Error>> {
        self.browsing.counted.get(&tensor)
    }

    fn known(&self, tensor: usize) -> Option<f64> {
        let stats = self.stats(tensor).and_then(|stats| stats.as_deref().ok());
        self.measure.of(&self.model.file.tensors[tensor], stats)
    }
}

impl Coloured for Scale<'_> {
    fn measure(&self) -> &str {
        self.measure.name()
    }

    fn name(&self, tensor: usize) -> String {
        text::shown(&self.model.file.tensors[tensor].name, 120)
    }

    fn value(&self, tensor: usize) -> Option<f64> {
        self.known(tensor)
    }

    fn told(&self, tensor: usize) -> (String, String) {
        match (self.known(tensor), self.stats(tensor)) {
            (Some(value), _) => (scale::written(self.measure, value), digits(value)),
            (None, Some(Err(error))) => (error.to_string(), String::new()),
            (None, Some(Ok(stats))) if stats.histogram.is_none() => ("known after a look at the tensor".to_owned(), String::new()),
            (None, Some(Ok(_))) => ("all values are equal".to_owned(), String::new()),
            (None, None) if self.measure.depth().is_some() => ("not counted".to_owned(), String::new()),
            (None, None) => ("not known".to_owned(), String::new()),
        }
    }

    fn has_failed(&self, tensor: usize) -> bool {
        matches!(self.stats(tensor), Some(Err(_)))
    }

    fn chosen(&self) -> Option<usize> {
        self.browsing.tensor()
    }

    fn color(&self, palette: &theme::Palette, value: f64) -> Color32 {
        match (self.measure, self.range) {
            (Measure::BitsPerWeight, _) => palette.bits_per_weight(value),
            #[expect(clippy::cast_possible_truncation, reason = "a share between 0 and 1")]
            (measure, Some(range)) => palette.magnitude(scale::place(measure, value, range) as f32),
            (_, None) => palette.surface,
        }
    }

    fn at(&self, place: f64) -> Option<(f64, String)> {
        let value = scale::at(self.measure, place, self.range?);
        Some((value, scale::written(self.measure, value)))
    }

    fn scale(&self) -> &str {
        scale::scale(self.measure)
    }

    fn nothing(&self) -> &'static str {
        "Nothing is counted yet."
    }
}
