//! The whole model as a grid, layers by roles, coloured by a statistic: where a layer is unlike its neighbours is seen at once.
//!
//! A cell with several tensors is divided among them. Only rows on the screen are drawn.
#![expect(clippy::cast_precision_loss, reason = "places of cells on the screen")]

pub mod scale;

use std::collections::BTreeMap;
use std::sync::Arc;

use egui::{Align, Align2, Color32, ComboBox, Layout, Rect, Role as Access, ScrollArea, Sense, StrokeKind, Ui, WidgetInfo, pos2, vec2};

use crate::error::Error;
use crate::file::text;
use crate::inspect::Model;
use crate::inspect::browse::words;
use crate::inspect::grid;
use crate::inspect::roles::Role;
use crate::inspect::stats::Stats;
use crate::state::browse::{Browsing, Wish};
use crate::state::{Action, Slot, State};
use crate::units::{digits, grouped, percent};
use crate::view::{Actions, icons, picture, theme, widgets};

pub use crate::inspect::grid::Measure;

/// The room for a layer's name.
const LEAD: f32 = 72.0;
/// The height of a row, at least and at most.
const ROWS: [f32; 2] = [16.0, 26.0];
/// Parts of a cell narrower than this are drawn as one.
const NARROWEST: f32 = 3.0;
/// The width of the bar of colours.
const BAR: f32 = 176.0;

/// Where the tensors of a file are in the grid.
#[derive(Debug, Default)]
pub struct Places {
    /// Layers, and last what is in none.
    pub rows: Vec<Option<usize>>,
    /// Roles that occur.
    pub cols: Vec<Role>,
    /// The tensors of each cell, row by row.
    pub cells: Vec<Vec<usize>>,
}

impl Places {
    /// Of a file's tensors, by their names.
    #[must_use]
    pub fn of(model: &Model) -> Self {
        let mut cells: BTreeMap<(bool, usize, Role), Vec<usize>> = BTreeMap::new();
        for cell in grid::cells(model) {
            cells.insert((cell.layer.is_none(), cell.layer.unwrap_or(0), cell.role), cell.tensors);
        }
        let mut rows: Vec<Option<usize>> = cells.keys().map(|&(outside, layer, _)| (!outside).then_some(layer)).collect();
        rows.dedup();
        let cols: Vec<Role> = Role::ALL.into_iter().filter(|role| cells.keys().any(|(.., of)| of == role)).collect();
        let mut all = Vec::with_capacity(rows.len() * cols.len());
        for row in &rows {
            all.extend(cols.iter().map(|&role| cells.remove(&(row.is_none(), row.unwrap_or(0), role)).unwrap_or_default()));
        }
        Self { rows, cols, cells: all }
    }
}

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
            picture::savable(ui, &name, |ui| self.rows(ui, &scale, actions));
        });
    }

    fn rows(&self, ui: &mut Ui, scale: &Scale<'_>, actions: &mut Actions) {
        legend(ui, scale);
        self.heads(ui);
        let height = ((ui.available_height() - theme::GRID) / self.places.rows.len().max(1) as f32).clamp(ROWS[0], ROWS[1]);
        ui.spacing_mut().item_spacing.y = 0.0;
        let area = ScrollArea::vertical().id_salt("layers by roles").auto_shrink(false);
        area.show_rows(ui, height, self.places.rows.len(), |ui, range| {
            for row in range {
                if let Some(tensor) = self.row(ui, row, height, scale) {
                    actions.push(Action::Browse(Wish::Tensor(Some(tensor))));
                }
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

    /// The columns' places in a row.
    fn columns(&self, row: Rect) -> impl Iterator<Item = Rect> {
        let n = self.places.cols.len().max(1);
        let width = (row.width() - LEAD) / n as f32;
        (0..n).map(move |at| {
            let left = row.left() + LEAD + at as f32 * width;
            Rect::from_min_max(pos2(left, row.top()), pos2(left + width, row.bottom()))
        })
    }

    fn heads(&self, ui: &mut Ui) {
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 20.0), Sense::hover());
        for (place, &role) in self.columns(rect).zip(&self.places.cols) {
            widgets::cell(ui, place, Layout::left_to_right(Align::Center), |ui| {
                widgets::small(ui, words::short(role)).on_hover_text(role.name());
            });
        }
    }

    /// Draws a row; the tensor that was clicked.
    fn row(&self, ui: &mut Ui, row: usize, height: f32, scale: &Scale<'_>) -> Option<usize> {
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
        let lead = self.places.rows[row].map_or_else(|| "outside".to_owned(), |layer| format!("layer {layer}"));
        let font = theme::small_mono().resolve(ui.style());
        ui.painter().text(rect.left_center(), Align2::LEFT_CENTER, &lead, font, theme::secondary(ui));
        let mut clicked = None;
        let cells = self.places.cells.iter().skip(row * self.places.cols.len());
        for ((place, &role), tensors) in self.columns(rect).zip(&self.places.cols).zip(cells) {
            let place = place.shrink(0.5);
            let lead = format!("{lead}, {}", words::short(role));
            let width = place.width() / tensors.len().max(1) as f32;
            if tensors.len() > 1 && width < NARROWEST {
                let largest = tensors.iter().copied().max_by(|&a, &b| scale.value(a).total_cmp(&scale.value(b)));
                let name = format!("{lead}, the largest of {} tensors", tensors.len());
                clicked = largest.filter(|&tensor| cell(ui, place, &name, tensor, scale)).or(clicked);
                continue;
            }
            for (at, &tensor) in tensors.iter().enumerate() {
                let left = place.left() + at as f32 * width;
                let part = Rect::from_min_max(pos2(left, place.top()), pos2(left + width, place.bottom()));
                if cell(ui, part, &lead, tensor, scale) {
                    clicked = Some(tensor);
                }
            }
        }
        clicked
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

    fn value(&self, tensor: usize) -> f64 {
        self.known(tensor).unwrap_or(f64::NEG_INFINITY)
    }

    fn color(&self, palette: &theme::Palette, value: f64) -> Color32 {
        match (self.measure, self.range) {
            (Measure::BitsPerWeight, _) => palette.bits_per_weight(value),
            #[expect(clippy::cast_possible_truncation, reason = "a share between 0 and 1")]
            (measure, Some(range)) => palette.magnitude(scale::place(measure, value, range) as f32),
            (_, None) => palette.surface,
        }
    }

    /// The number of a tensor in words, and why there is none.
    fn told(&self, tensor: usize) -> String {
        match (self.known(tensor), self.stats(tensor)) {
            (Some(value), _) => scale::written(self.measure, value),
            (None, Some(Err(error))) => error.to_string(),
            (None, Some(Ok(stats))) if stats.histogram.is_none() => "known after a look at the tensor".to_owned(),
            (None, Some(Ok(_))) => "all values are equal".to_owned(),
            (None, None) if self.measure.depth().is_some() => "not counted".to_owned(),
            (None, None) => "not known".to_owned(),
        }
    }
}

/// Draws a tensor's part of a cell; whether it was clicked.
fn cell(ui: &Ui, place: Rect, lead: &str, tensor: usize, scale: &Scale<'_>) -> bool {
    let response = ui.interact(place, ui.scope_id().with(("cell", tensor)), Sense::click());
    let info = &scale.model.file.tensors[tensor];
    let told = scale.told(tensor);
    let name = text::shown(&info.name, 120);
    response.widget_info(|| WidgetInfo::labeled(Access::Button, true, format!("{lead}, {name}: {told}")));
    let palette = theme::palette(ui);
    match scale.known(tensor) {
        Some(value) => {
            ui.painter().rect_filled(place, 0.0, scale.color(palette, value));
        }
        None if matches!(scale.stats(tensor), Some(Err(_))) => widgets::hatch(ui, place, palette.danger),
        None => {
            ui.painter().rect_stroke(place, 0.0, theme::hairline(ui), StrokeKind::Inside);
        }
    }
    if response.has_focus() || scale.browsing.tensor() == Some(tensor) {
        ui.painter().rect_stroke(place, 0.0, theme::focus(ui), StrokeKind::Inside);
    }
    let clicked = response.clicked();
    if response.hovered() {
        let exact = scale.known(tensor).map_or_else(String::new, |value| format!(" ({})", digits(value)));
        response.on_hover_text_at_pointer(format!("{name}\n{lead}\n{}: {told}{exact}", scale.measure.name()));
    }
    clicked
}

/// The bar of colours with its numbers.
fn legend(ui: &mut Ui, scale: &Scale<'_>) {
    let Some(range) = scale.range else {
        widgets::small(ui, "Nothing is counted yet.");
        return;
    };
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 30.0), Sense::hover());
    let palette = theme::palette(ui);
    let [low, middle, high] = [0.0, 0.5, 1.0].map(|place| scale::written(scale.measure, scale::at(scale.measure, place, range)));
    let words = format!("{} from {low} to {high}", scale.measure.name());
    response.widget_info(|| WidgetInfo::labeled(Access::Image, true, &words));
    let bar = Rect::from_min_size(rect.min + vec2(LEAD, 2.0), vec2(BAR, 8.0));
    for step in 0..64_u8 {
        let share = f32::from(step) / 64.0;
        let left = bar.left() + share * bar.width();
        let place = Rect::from_min_max(pos2(left, bar.top()), pos2(left + bar.width() / 64.0, bar.bottom()));
        let value = scale::at(scale.measure, f64::from(share), range);
        ui.painter().rect_filled(place, 0.0, scale.color(palette, value));
    }
    let font = theme::small_mono().resolve(ui.style());
    let places = [(bar.left(), Align2::LEFT_TOP), (bar.center().x, Align2::CENTER_TOP), (bar.right(), Align2::RIGHT_TOP)];
    for ((x, align), number) in places.into_iter().zip([low, middle, high]) {
        ui.painter().text(pos2(x, bar.bottom() + 2.0), align, number, font.clone(), palette.secondary);
    }
    let place = pos2(bar.right() + theme::GRID * 2.0, bar.center().y);
    let font = egui::TextStyle::Small.resolve(ui.style());
    ui.painter().text(place, Align2::LEFT_CENTER, scale::scale(scale.measure), font, palette.secondary);
}
