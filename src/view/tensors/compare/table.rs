//! The pairs as rows: filtered as one types, sorted by any column, those on the screen drawn.

use std::cmp::Ordering;
use std::sync::Arc;

use egui::{Align2, Rect, Role, ScrollArea, Sense, Ui, WidgetInfo, pos2, vec2};

use super::outcome::{Outcome, summary};
use crate::file::text;
use crate::inspect::Model;
use crate::inspect::browse::natural;
use crate::inspect::diff::Pair;
use crate::state::browse::{Comparison, Wish};
use crate::units::{digits, percent, real};
use crate::view::{theme, widgets};

/// What rows are sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum By {
    #[default]
    Name,
    Status,
    Relative,
    Largest,
    Cosine,
}

/// A column: its head, its width (0 for what is left), and from which width of the table on it is drawn.
struct Column {
    by: By,
    name: &'static str,
    width: f32,
    from: f32,
}

const COLUMNS: [Column; 5] = [
    Column { by: By::Name, name: "Name", width: 0.0, from: 0.0 },
    Column { by: By::Status, name: "Status", width: 132.0, from: 0.0 },
    Column { by: By::Relative, name: "Relative RMSE", width: 104.0, from: 340.0 },
    Column { by: By::Largest, name: "Largest", width: 88.0, from: 480.0 },
    Column { by: By::Cosine, name: "Cosine", width: 80.0, from: 580.0 },
];
const GAP: f32 = 10.0;

/// The table; keeps its order for as long as nothing changes.
#[derive(Default)]
pub struct Table {
    filter: String,
    by: By,
    descending: bool,
    rows: Vec<usize>,
    summary: String,
    of: Option<Key>,
}

/// What the rows were listed by.
#[derive(PartialEq)]
struct Key {
    pairs: usize,
    compared: usize,
    filter: String,
    by: By,
    descending: bool,
}

impl Table {
    /// Draws summary, filter, head and rows; what was clicked.
    pub fn ui(&mut self, ui: &mut Ui, model: &Model, comparison: &Comparison) -> Option<Wish> {
        self.list(model, comparison);
        widgets::ink_label(ui, &self.summary);
        let width = (ui.available_width() - 16.0).min(320.0);
        widgets::field(ui, "Filter pairs", "Filter by name or status", &mut self.filter, width);
        self.head(ui);
        ui.spacing_mut().item_spacing.y = 0.0;
        let mut wish = None;
        let area = ScrollArea::vertical().id_salt("pairs").auto_shrink(false);
        area.show_rows(ui, theme::ROW, self.rows.len(), |ui, range| {
            for &at in &self.rows[range] {
                if row(ui, model, comparison, at) {
                    wish = Some(Wish::Difference(at));
                }
            }
            if self.rows.is_empty() {
                widgets::note(ui, "No tensor passes the filter.");
            }
        });
        wish
    }

    /// Lists the rows anew where something has changed.
    fn list(&mut self, model: &Model, comparison: &Comparison) {
        let key = Key {
            pairs: Arc::as_ptr(&comparison.pairs).addr(),
            compared: comparison.distances.len(),
            filter: self.filter.to_lowercase(),
            by: self.by,
            descending: self.descending,
        };
        if self.of.as_ref() == Some(&key) {
            return;
        }
        let passes = |at: usize, pair: &Pair| {
            let words = Outcome::of(model, comparison, at).word();
            key.filter.split_whitespace().all(|word| pair.name.to_lowercase().contains(word) || words.contains(word))
        };
        self.rows = comparison.pairs.iter().enumerate().filter(|(at, pair)| passes(*at, pair)).map(|(at, _)| at).collect();
        self.rows.sort_by(|&a, &b| {
            let order = compare(model, comparison, self.by, a, b);
            let order = if self.descending { order.reverse() } else { order };
            order.then(a.cmp(&b))
        });
        self.summary = summary(model, comparison);
        self.of = Some(key);
    }

    fn head(&mut self, ui: &mut Ui) {
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), theme::ROW), Sense::hover());
        for (column, place) in places(rect) {
            let is_name = column.width == 0.0;
            let on = self.by == column.by;
            let response = ui.interact(place, ui.scope_id().with(("sort pairs", column.name)), Sense::click());
            let name = format!("Sort by {}", column.name.to_lowercase());
            response.widget_info(|| WidgetInfo::selected(Role::ColumnHeader, true, on, &name));
            let palette = theme::palette(ui);
            let color = if on || response.hovered() { palette.ink } else { palette.secondary };
            let sign = match (on, self.descending) {
                (false, _) => "",
                (true, true) => " ↓",
                (true, false) => " ↑",
            };
            let (align, anchor) = if is_name || column.by == By::Status {
                (Align2::LEFT_CENTER, place.left_center())
            } else {
                (Align2::RIGHT_CENTER, place.right_center())
            };
            ui.painter().text(anchor, align, format!("{}{sign}", column.name), egui::TextStyle::Small.resolve(ui.style()), color);
            if response.has_focus() {
                ui.painter().rect_stroke(place, 2.0, theme::focus(ui), egui::StrokeKind::Outside);
            }
            if response.clicked() {
                self.descending = if on { !self.descending } else { matches!(column.by, By::Relative | By::Largest) };
                self.by = column.by;
                ui.ctx().request_repaint();
            }
            widgets::help(response, column.name);
        }
        ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, theme::hairline(ui));
    }
}

fn compare(model: &Model, comparison: &Comparison, by: By, a: usize, b: usize) -> Ordering {
    let outcome = |at| Outcome::of(model, comparison, at);
    let figure = |at: usize, absent: f64| match (outcome(at), by) {
        (Outcome::Changed(distance), By::Relative) => distance.relative_rmse,
        (Outcome::Changed(distance), By::Largest) => distance.max,
        (Outcome::Changed(distance), _) => distance.cosine,
        _ => absent,
    };
    match by {
        By::Name => natural::compare(&comparison.pairs[a].name, &comparison.pairs[b].name),
        By::Status => outcome(a).rank().cmp(&outcome(b).rank()),
        By::Relative | By::Largest => figure(a, -1.0).total_cmp(&figure(b, -1.0)),
        By::Cosine => figure(a, 2.0).total_cmp(&figure(b, 2.0)),
    }
}

/// The columns that there is room for, and where.
fn places(row: Rect) -> Vec<(&'static Column, Rect)> {
    let row = row.shrink2(vec2(6.0, 0.0));
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

/// Draws a pair; whether it was clicked and has a difference to be shown.
fn row(ui: &mut Ui, model: &Model, comparison: &Comparison, at: usize) -> bool {
    let pair = &comparison.pairs[at];
    let outcome = Outcome::of(model, comparison, at);
    let leads = matches!(outcome, Outcome::Changed(_));
    let sense = if leads { Sense::click() } else { Sense::hover() };
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), theme::ROW), sense);
    let name = text::shown(&pair.name, 200);
    let said = outcome.distance().map_or_else(String::new, |distance| format!(", {}", share(distance.relative_rmse)));
    response.widget_info(|| {
        WidgetInfo::labeled(if leads { Role::Button } else { Role::Row }, true, format!("{name}: {}{said}", outcome.word()))
    });
    let palette = theme::palette(ui);
    if leads && response.hovered() {
        ui.painter().rect_filled(rect, 4.0, palette.control());
    }
    if response.has_focus() {
        ui.painter().rect_stroke(rect, 4.0, theme::focus(ui), egui::StrokeKind::Inside);
    }
    let mono = theme::small_mono().resolve(ui.style());
    for (column, place) in places(rect) {
        let painter = ui.painter_at(place.expand(1.0));
        let figure = |value: Option<f64>, write: fn(f64) -> String| value.map_or_else(|| "–".to_owned(), write);
        let distance = outcome.distance();
        let words = match column.by {
            By::Name => {
                let color = if matches!(outcome, Outcome::Identical | Outcome::Equal) { palette.secondary } else { palette.ink };
                let mut job = egui::text::LayoutJob::simple_singleline(name.clone(), egui::TextStyle::Body.resolve(ui.style()), color);
                job.wrap = egui::text::TextWrapping { break_anywhere: true, ..egui::text::TextWrapping::truncate_at_width(place.width()) };
                let galley = painter.layout_job(job);
                painter.galley(pos2(place.left(), place.center().y - galley.size().y / 2.0), galley, color);
                continue;
            }
            By::Status => {
                let color = if matches!(outcome, Outcome::Failed(_)) { palette.danger } else { palette.ink };
                painter.text(place.left_center(), Align2::LEFT_CENTER, outcome.sign(), mono.clone(), color);
                let font = egui::TextStyle::Small.resolve(ui.style());
                painter.text(place.left_center() + vec2(16.0, 0.0), Align2::LEFT_CENTER, outcome.word(), font, palette.secondary);
                continue;
            }
            By::Relative => figure(distance.map(|distance| distance.relative_rmse), share),
            By::Largest => figure(distance.map(|distance| distance.max), real),
            By::Cosine => figure(distance.map(|distance| distance.cosine), |cosine| {
                if cosine.is_finite() { format!("{cosine:.5}").replace('-', "−") } else { "–".to_owned() }
            }),
        };
        painter.text(place.right_center(), Align2::RIGHT_CENTER, words, mono.clone(), palette.secondary);
    }
    let clicked = response.clicked();
    if response.hovered() {
        response.on_hover_text(hover(comparison, at, &name, outcome));
    }
    clicked
}

/// A share that may not be known.
fn share(of: f64) -> String {
    if of.is_finite() { percent(of) } else { "–".to_owned() }
}

fn hover(comparison: &Comparison, at: usize, name: &str, outcome: Outcome<'_>) -> String {
    let pair = &comparison.pairs[at];
    let other = pair.b.and_then(|b| comparison.other.file.tensors.get(b)).map(|info| text::shown(&info.name, 200));
    let there = other.filter(|other| other != name).map_or_else(String::new, |other| format!("\nin the other file: {other}"));
    let told = match outcome {
        Outcome::Changed(distance) => format!(
            "RMSE {}\nrelative {}\nlargest {}\ncosine {}\nClick to see the difference.",
            digits(distance.rmse),
            digits(distance.relative_rmse),
            digits(distance.max),
            digits(distance.cosine)
        ),
        Outcome::Failed(error) => error.to_string(),
        other => other.word().to_owned(),
    };
    let note = comparison.distances.get(&at).and_then(|distance| distance.as_ref().ok()?.note);
    let note = note.map_or_else(String::new, |note| format!("\nthe other file's were brought into this one's layout: {note}"));
    format!("{name}{there}{note}\n{told}")
}
