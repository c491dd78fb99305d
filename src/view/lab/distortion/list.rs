//! The tensors as a ranked list, the worst first or by any column; those on the screen are drawn.

use std::cmp::Ordering;
use std::sync::Arc;

use egui::{Align2, Rect, Role, ScrollArea, Sense, StrokeKind, Ui, WidgetInfo, pos2, vec2};

use crate::file::text;
use crate::inspect::Model;
use crate::inspect::browse::natural;
use crate::lab::distortion::Distortion;
use crate::state::make::Distorted;
use crate::state::side::Who;
use crate::units::{Bytes, percent, real};
use crate::view::{theme, widgets};

/// What rows are sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum By {
    Name,
    Type,
    Bytes,
    Rmse,
    #[default]
    Relative,
    Cosine,
}

/// A column: its head, its width (0 for what is left), and from which width of the list on it is drawn.
struct Column {
    by: By,
    name: &'static str,
    width: f32,
    from: f32,
}

const COLUMNS: [Column; 6] = [
    Column { by: By::Name, name: "Tensor", width: 0.0, from: 0.0 },
    Column { by: By::Type, name: "Type", width: 92.0, from: 300.0 },
    Column { by: By::Bytes, name: "Bytes", width: 66.0, from: 440.0 },
    Column { by: By::Rmse, name: "RMSE", width: 72.0, from: 540.0 },
    Column { by: By::Relative, name: "Relative", width: 66.0, from: 0.0 },
    Column { by: By::Cosine, name: "Cosine", width: 72.0, from: 380.0 },
];
const GAP: f32 = 8.0;

/// The list; keeps its order for as long as nothing changes.
pub struct List {
    by: By,
    descending: bool,
    /// Places in the reference.
    rows: Vec<usize>,
    of: Option<(usize, usize, By, bool)>,
}

impl Default for List {
    fn default() -> Self {
        Self { by: By::default(), descending: true, rows: Vec::new(), of: None }
    }
}

/// What a row is drawn of.
#[derive(Clone, Copy)]
struct Rows<'a> {
    model: &'a Model,
    who: &'a Who,
    distorted: &'a Distorted,
    places: &'a [Option<usize>],
}

impl Rows<'_> {
    fn at(&self, tensor: usize) -> Option<&Distortion> {
        self.distorted.tensors.get((*self.places.get(tensor)?)?)
    }

    /// What it takes in the candidate.
    fn bytes(&self, tensor: usize) -> Bytes {
        let name = &self.model.file.tensors[tensor].name;
        let made = self.who.0.mix.tensors.get(tensor).filter(|assigned| assigned.name == *name);
        let other = || self.who.0.model.file.tensor(name).map(|info| info.bytes);
        made.map(|assigned| assigned.bytes).or_else(other).unwrap_or_default()
    }
}

impl List {
    /// Draws head and rows; the tensor that was pressed.
    pub fn ui(
        &mut self,
        ui: &mut Ui,
        model: &Model,
        who: &Who,
        distorted: &Distorted,
        places: &[Option<usize>],
        chosen: Option<usize>,
    ) -> Option<usize> {
        let rows = Rows { model, who, distorted, places };
        self.sort(rows);
        self.head(ui);
        ui.spacing_mut().item_spacing.y = 0.0;
        let mut pressed = None;
        let area = ScrollArea::vertical().id_salt("worst tensors").auto_shrink(false);
        area.show_rows(ui, theme::ROW, self.rows.len(), |ui, range| {
            for &tensor in &self.rows[range] {
                if row(ui, rows, tensor, chosen == Some(tensor)) {
                    pressed = Some(tensor);
                }
            }
        });
        pressed
    }

    /// Sorts the rows anew where something has changed.
    fn sort(&mut self, rows: Rows<'_>) {
        let address = Arc::as_ptr(&rows.distorted.tensors).cast::<Distortion>().addr();
        let key = (address, rows.distorted.tensors.len(), self.by, self.descending);
        if self.of == Some(key) {
            return;
        }
        self.rows = (0..rows.places.len()).filter(|&tensor| rows.at(tensor).is_some()).collect();
        let (by, descending) = (self.by, self.descending);
        self.rows.sort_by(|&a, &b| {
            let order = compare(rows, by, a, b);
            let order = if descending { order.reverse() } else { order };
            order.then(a.cmp(&b))
        });
        self.of = Some(key);
    }

    fn head(&mut self, ui: &mut Ui) {
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), theme::ROW), Sense::hover());
        for (column, place) in places(rect) {
            let on = self.by == column.by;
            let response = ui.interact(place, ui.scope_id().with(("sort tensors", column.name)), Sense::click());
            let name = format!("Sort tensors by {}", column.name.to_lowercase());
            response.widget_info(|| WidgetInfo::selected(Role::ColumnHeader, true, on, &name));
            let palette = theme::palette(ui);
            let color = if on || response.hovered() { palette.ink } else { palette.secondary };
            let sign = match (on, self.descending) {
                (false, _) => "",
                (true, true) => " ↓",
                (true, false) => " ↑",
            };
            let (align, anchor) = anchor(column, place);
            ui.painter().text(anchor, align, format!("{}{sign}", column.name), egui::TextStyle::Small.resolve(ui.style()), color);
            if response.has_focus() {
                ui.painter().rect_stroke(place, 2.0, theme::focus(ui), StrokeKind::Outside);
            }
            if response.clicked() {
                self.descending = if on { !self.descending } else { !matches!(column.by, By::Name | By::Type | By::Cosine) };
                self.by = column.by;
                ui.ctx().request_repaint();
            }
            widgets::help(response, column.name);
        }
        ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, theme::hairline(ui));
    }
}

fn compare(rows: Rows<'_>, by: By, a: usize, b: usize) -> Ordering {
    let figure = |at: usize| {
        rows.at(at).map_or(0.0, |distortion| match by {
            By::Rmse => distortion.rmse,
            By::Cosine => distortion.cosine,
            _ => distortion.relative_rmse,
        })
    };
    let tensors = &rows.model.file.tensors;
    match by {
        By::Name => natural::compare(&tensors[a].name, &tensors[b].name),
        By::Type => rows.at(a).map(|a| a.dtype).cmp(&rows.at(b).map(|b| b.dtype)),
        By::Bytes => rows.bytes(a).cmp(&rows.bytes(b)),
        By::Rmse | By::Relative | By::Cosine => figure(a).total_cmp(&figure(b)),
    }
}

fn anchor(column: &Column, place: Rect) -> (Align2, egui::Pos2) {
    if matches!(column.by, By::Name | By::Type) {
        (Align2::LEFT_CENTER, place.left_center())
    } else {
        (Align2::RIGHT_CENTER, place.right_center())
    }
}

/// The columns that there is room for, and where.
fn places(row: Rect) -> Vec<(&'static Column, Rect)> {
    let row = row.shrink2(vec2(4.0, 0.0));
    let shown: Vec<&Column> = COLUMNS.iter().filter(|column| row.width() >= column.from).collect();
    let taken: f32 = shown.iter().filter(|column| column.width > 0.0).map(|column| column.width + GAP).sum();
    let mut left = row.left();
    let mut all = Vec::with_capacity(shown.len());
    for column in shown {
        let width = if column.width > 0.0 { column.width } else { (row.width() - taken).max(0.0) };
        all.push((column, Rect::from_min_max(pos2(left, row.top()), pos2(left + width, row.bottom()))));
        left += width + GAP;
    }
    all
}

/// Draws a tensor; whether it was pressed.
fn row(ui: &mut Ui, rows: Rows<'_>, tensor: usize, chosen: bool) -> bool {
    let Some(distortion) = rows.at(tensor) else { return false };
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), theme::ROW), Sense::click());
    let info = &rows.model.file.tensors[tensor];
    let name = text::shown(&info.name, 200);
    let types = format!("{} → {}", info.dtype.name(), distortion.dtype.name());
    let moved = if distortion.rmse == 0.0 { "kept as it is".to_owned() } else { percent(distortion.relative_rmse) };
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, chosen, format!("{name}, {types}: {moved}")));
    let palette = theme::palette(ui);
    if chosen || response.hovered() {
        ui.painter().rect_filled(rect, 4.0, if chosen { palette.selected() } else { palette.control() });
    }
    if response.has_focus() {
        ui.painter().rect_stroke(rect, 4.0, theme::focus(ui), StrokeKind::Inside);
    }
    let mono = theme::small_mono().resolve(ui.style());
    for (column, place) in places(rect) {
        let painter = ui.painter_at(place.expand(1.0));
        let is_other = distortion.rmse > 0.0;
        let words = match column.by {
            By::Name => {
                let mut job =
                    egui::text::LayoutJob::simple_singleline(name.clone(), egui::TextStyle::Body.resolve(ui.style()), palette.ink);
                job.wrap = egui::text::TextWrapping { break_anywhere: true, ..egui::text::TextWrapping::truncate_at_width(place.width()) };
                let galley = painter.layout_job(job);
                painter.galley(pos2(place.left(), place.center().y - galley.size().y / 2.0), galley, palette.ink);
                continue;
            }
            By::Type => types.clone(),
            By::Bytes => rows.bytes(tensor).on_disk(),
            By::Rmse if is_other => real(distortion.rmse),
            By::Relative if is_other => percent(distortion.relative_rmse),
            By::Cosine if is_other => format!("{:.5}", distortion.cosine),
            By::Rmse | By::Relative | By::Cosine => "–".to_owned(),
        };
        let (align, anchor) = anchor(column, place);
        let color = if column.by == By::Relative { palette.ink } else { palette.secondary };
        painter.text(anchor, align, words, mono.clone(), color);
    }
    response.clicked()
}
