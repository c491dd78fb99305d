//! The tensors of a model as a grid, layers by roles, coloured by one number each: where a layer is unlike its neighbours is seen at once.
//!
//! A cell with several tensors is divided among them. Only rows on the screen are drawn. What the number is, and what it is called, is
//! told by whoever draws the grid ([`Coloured`]).
#![expect(clippy::cast_precision_loss, reason = "places of cells on the screen")]

use std::collections::BTreeMap;

use egui::{Align, Align2, Color32, Layout, Rect, Role as Access, ScrollArea, Sense, StrokeKind, Ui, WidgetInfo, pos2, vec2};

use super::{theme, widgets};
use crate::inspect::Model;
use crate::inspect::browse::words;
use crate::inspect::grid;
use crate::inspect::roles::Role;

/// The room for a layer's name.
const LEAD: f32 = 72.0;
/// The height of a row, at least and at most.
const ROWS: [f32; 2] = [16.0, 26.0];
/// Parts of a cell narrower than this are drawn as one.
const NARROWEST: f32 = 3.0;
/// The width of the bar of colours.
const BAR: f32 = 176.0;

/// The numbers of tensors, and how they look.
pub trait Coloured {
    /// What the number is called.
    fn measure(&self) -> &str;
    /// A tensor's name, as it is shown.
    fn name(&self, tensor: usize) -> String;
    /// A tensor's number, once it is known.
    fn value(&self, tensor: usize) -> Option<f64>;
    /// The number in words, or why there is none; and exactly.
    fn told(&self, tensor: usize) -> (String, String);
    /// Whether a tensor has failed.
    fn has_failed(&self, tensor: usize) -> bool;
    /// The tensor that is looked at.
    fn chosen(&self) -> Option<usize>;
    /// The colour of a number.
    fn color(&self, palette: &theme::Palette, value: f64) -> Color32;
    /// The number at a place of the bar of colours, 0 to 1, as text; `None` while none is known.
    fn at(&self, place: f64) -> Option<(f64, String)>;
    /// How numbers become places on it, in words.
    fn scale(&self) -> &str;
    /// What is said while no number is known.
    fn nothing(&self) -> &str;
}

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

/// Draws legend, heads and rows into what is left; the tensor that was clicked.
pub fn ui(ui: &mut Ui, places: &Places, coloured: &dyn Coloured) -> Option<usize> {
    legend(ui, coloured);
    heads(ui, places);
    let height = ((ui.available_height() - theme::GRID) / places.rows.len().max(1) as f32).clamp(ROWS[0], ROWS[1]);
    ui.spacing_mut().item_spacing.y = 0.0;
    let mut clicked = None;
    let area = ScrollArea::vertical().id_salt("layers by roles").auto_shrink(false);
    area.show_rows(ui, height, places.rows.len(), |ui, range| {
        for row in range {
            clicked = row_ui(ui, places, row, height, coloured).or(clicked);
        }
    });
    clicked
}

/// The columns' places in a row.
fn columns(places: &Places, row: Rect) -> impl Iterator<Item = Rect> + use<> {
    let n = places.cols.len().max(1);
    let width = (row.width() - LEAD) / n as f32;
    (0..n).map(move |at| {
        let left = row.left() + LEAD + at as f32 * width;
        Rect::from_min_max(pos2(left, row.top()), pos2(left + width, row.bottom()))
    })
}

fn heads(ui: &mut Ui, places: &Places) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 20.0), Sense::hover());
    for (place, &role) in columns(places, rect).zip(&places.cols) {
        widgets::cell(ui, place, Layout::left_to_right(Align::Center), |ui| {
            widgets::small(ui, words::short(role)).on_hover_text(role.name());
        });
    }
}

/// Draws a row; the tensor that was clicked.
fn row_ui(ui: &mut Ui, places: &Places, row: usize, height: f32, coloured: &dyn Coloured) -> Option<usize> {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
    let lead = places.rows[row].map_or_else(|| "outside".to_owned(), |layer| format!("layer {layer}"));
    let font = theme::small_mono().resolve(ui.style());
    ui.painter().text(rect.left_center(), Align2::LEFT_CENTER, &lead, font, theme::secondary(ui));
    let value = |tensor| coloured.value(tensor).unwrap_or(f64::NEG_INFINITY);
    let mut clicked = None;
    let cells = places.cells.iter().skip(row * places.cols.len());
    for ((place, &role), tensors) in columns(places, rect).zip(&places.cols).zip(cells) {
        let place = place.shrink(0.5);
        let lead = format!("{lead}, {}", words::short(role));
        let width = place.width() / tensors.len().max(1) as f32;
        if tensors.len() > 1 && width < NARROWEST {
            let largest = tensors.iter().copied().max_by(|&a, &b| value(a).total_cmp(&value(b)));
            let name = format!("{lead}, the largest of {} tensors", tensors.len());
            clicked = largest.filter(|&tensor| cell(ui, place, &name, tensor, coloured)).or(clicked);
            continue;
        }
        for (at, &tensor) in tensors.iter().enumerate() {
            let left = place.left() + at as f32 * width;
            let part = Rect::from_min_max(pos2(left, place.top()), pos2(left + width, place.bottom()));
            if cell(ui, part, &lead, tensor, coloured) {
                clicked = Some(tensor);
            }
        }
    }
    clicked
}

/// Draws a tensor's part of a cell; whether it was clicked.
fn cell(ui: &Ui, place: Rect, lead: &str, tensor: usize, coloured: &dyn Coloured) -> bool {
    let response = ui.interact(place, ui.scope_id().with(("cell", tensor)), Sense::click());
    let (told, exact) = coloured.told(tensor);
    let name = coloured.name(tensor);
    response.widget_info(|| WidgetInfo::labeled(Access::Button, true, format!("{lead}, {name}: {told}")));
    let palette = theme::palette(ui);
    match coloured.value(tensor) {
        Some(value) => {
            ui.painter().rect_filled(place, 0.0, coloured.color(palette, value));
        }
        None if coloured.has_failed(tensor) => widgets::hatch(ui, place, palette.danger),
        None => {
            ui.painter().rect_stroke(place, 0.0, theme::hairline(ui), StrokeKind::Inside);
        }
    }
    if response.has_focus() || coloured.chosen() == Some(tensor) {
        ui.painter().rect_stroke(place, 0.0, theme::focus(ui), StrokeKind::Inside);
    }
    let clicked = response.clicked();
    if response.hovered() {
        let exact = if exact.is_empty() { exact } else { format!(" ({exact})") };
        response.on_hover_text_at_pointer(format!("{name}\n{lead}\n{}: {told}{exact}", coloured.measure()));
    }
    clicked
}

/// The bar of colours with its numbers.
fn legend(ui: &mut Ui, coloured: &dyn Coloured) {
    let ends = [0.0, 0.5, 1.0].map(|place| coloured.at(place));
    let [Some((_, low)), Some((_, middle)), Some((_, high))] = ends else {
        widgets::small(ui, coloured.nothing());
        return;
    };
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 30.0), Sense::hover());
    let palette = theme::palette(ui);
    let words = format!("{} from {low} to {high}", coloured.measure());
    response.widget_info(|| WidgetInfo::labeled(Access::Image, true, &words));
    let bar = Rect::from_min_size(rect.min + vec2(LEAD, 2.0), vec2(BAR, 8.0));
    for step in 0..64_u8 {
        let share = f32::from(step) / 64.0;
        let left = bar.left() + share * bar.width();
        let place = Rect::from_min_max(pos2(left, bar.top()), pos2(left + bar.width() / 64.0, bar.bottom()));
        if let Some((value, _)) = coloured.at(f64::from(share)) {
            ui.painter().rect_filled(place, 0.0, coloured.color(palette, value));
        }
    }
    let font = theme::small_mono().resolve(ui.style());
    let places = [(bar.left(), Align2::LEFT_TOP), (bar.center().x, Align2::CENTER_TOP), (bar.right(), Align2::RIGHT_TOP)];
    for ((x, align), number) in places.into_iter().zip([low, middle, high]) {
        ui.painter().text(pos2(x, bar.bottom() + 2.0), align, number, font.clone(), palette.secondary);
    }
    let place = pos2(bar.right() + theme::GRID * 2.0, bar.center().y);
    let font = egui::TextStyle::Small.resolve(ui.style());
    ui.painter().text(place, Align2::LEFT_CENTER, coloured.scale(), font, palette.secondary);
}
