//! The tensors as rows: a tree of modules or a flat list, filtered as one types, sorted by any column. Only rows on the screen are drawn.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use egui::{Align2, Key, Modifiers, Rect, Response, RichText, Role, ScrollArea, Sense, Ui, WidgetInfo, pos2, vec2};

use super::columns::{self, Shown};
use crate::file::text;
use crate::inspect::browse::filter::Filter;
use crate::inspect::browse::tree::{Arrangement, Row, Tree};
use crate::inspect::stats::Stats;
use crate::inspect::{Model, table};
use crate::state::browse::Browsing;
use crate::units::{Bytes, grouped};
use crate::view::{icons, theme, widgets};

/// How far what is in a module stands to the right of it.
const INDENT: f32 = 14.0;
/// Rows that the keys Page up and Page down move by.
const PAGE: isize = 16;

/// The list; keeps what is open, sorted and selected.
#[derive(Default)]
pub struct TensorList {
    model: Option<Arc<Model>>,
    tree: Tree,
    rows: Vec<Row>,
    arrangement: Arrangement,
    typed: String,
    filter: Filter,
    /// Why the words typed last are no filter; the one before stays.
    mistake: Option<String>,
    /// Modules that are open, by path.
    open: HashSet<String>,
    selected: BTreeSet<usize>,
    /// The row that the keyboard is at.
    at: Option<usize>,
    /// The tensor that was shown last: when another one is, its row is brought into view.
    shown: Option<usize>,
    stale: bool,
}

/// What was done in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Did {
    /// A tensor was chosen.
    Chose(usize),
    /// Several were: none of them is to be shown alone.
    ChoseSeveral,
}

impl TensorList {
    /// What a copy takes: what is selected, where that is several; else all that is listed, in the order of the list.
    fn taken(&self, model: &Arc<Model>) -> Vec<usize> {
        if self.selected.len() > 1 {
            return self.selected.iter().copied().collect();
        }
        let passes = |tensor: usize| self.passes(model, tensor);
        let flat = Arrangement { flat: true, ..self.arrangement };
        self.tree.rows(model, flat, &|_| true, &passes).iter().filter_map(|row| self.tree.node(row.node).tensor).collect()
    }

    /// Draws filter, head and rows.
    #[expect(clippy::cast_precision_loss, reason = "rows of a list")]
    pub fn ui(&mut self, ui: &mut Ui, model: &Arc<Model>, browsing: &Browsing) -> Option<Did> {
        let chosen = browsing.tensor();
        if !self.model.as_ref().is_some_and(|known| Arc::ptr_eq(known, model)) {
            self.take(model);
        }
        self.filter_field(ui, browsing);
        let columns = columns::fitting(ui.available_width());
        self.head(ui, &columns);
        if std::mem::take(&mut self.stale) {
            let is_filtered = !self.filter.is_empty();
            let is_open = |node: &crate::inspect::browse::tree::Node| is_filtered || self.open.contains(&node.path);
            self.rows = self.tree.rows(model, self.arrangement, &is_open, &|tensor| self.passes(model, tensor));
            self.at = None;
        }
        let to_be_seen = (chosen != self.shown).then(|| self.reveal(model, chosen)).flatten();
        self.shown = chosen;
        let did = self.keys(ui);
        let mut area = ScrollArea::vertical().id_salt("tensors").auto_shrink(false);
        if let Some(row) = to_be_seen {
            let height = ui.available_height();
            area = area.vertical_scroll_offset((row as f32 * theme::ROW - height / 2.0).max(0.0));
        }
        ui.spacing_mut().item_spacing.y = 0.0;
        let mut clicked = None;
        area.show_rows(ui, theme::ROW, self.rows.len(), |ui, range| {
            for at in range {
                if self.row(ui, model, &columns, at, browsing) {
                    clicked = Some(at);
                }
            }
            if self.rows.is_empty() {
                widgets::note(ui, if model.file.tensors.is_empty() { "The file has no tensors." } else { "No tensor passes the filter." });
            }
        });
        clicked.and_then(|at| self.click(ui, at)).or(did)
    }

    fn take(&mut self, model: &Arc<Model>) {
        *self =
            Self { model: Some(Arc::clone(model)), tree: Tree::of(model), arrangement: self.arrangement, stale: true, ..Self::default() };
        if model.file.tensors.len() <= 32 {
            self.arrangement.flat = true;
        }
    }

    fn passes(&self, model: &Model, tensor: usize) -> bool {
        self.filter.passes(&model.file.tensors[tensor], model.roles[tensor])
    }

    fn filter_field(&mut self, ui: &mut Ui, browsing: &Browsing) {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            let flat = self.arrangement.flat;
            let words = if flat { "Show as a tree" } else { "Show as a flat list" };
            let width = ui.available_width() - 2.0 * (theme::CONTROL + 4.0);
            let response = widgets::field(ui, "Filter tensors", "Filter", &mut self.typed, width - 16.0);
            if response.changed() {
                match Filter::parse(&self.typed) {
                    Ok(filter) => (self.filter, self.mistake) = (filter, None),
                    Err(mistake) => self.mistake = Some(mistake),
                }
                self.stale = true;
            }
            response.on_hover_text(
                "Words that all must hold, such as attn_q, blk.*.ffn_*, dtype:q4_k, role:norm, layer:3-7, size>1MB; -word turns one round.",
            );
            if widgets::icon_toggle(ui, icons::FLAT, words, flat).clicked() {
                self.arrangement.flat = !flat;
                self.stale = true;
            }
            if widgets::icon_button(ui, icons::COPY, "Copy these tensors as CSV").clicked()
                && let Some(model) = &self.model
            {
                ui.ctx().copy_text(table::csv(model, self.taken(model), &known(browsing)));
            }
        });
        if let Some(mistake) = &self.mistake {
            widgets::small(ui, mistake);
        }
    }

    fn head(&mut self, ui: &mut Ui, columns: &[Shown]) {
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), theme::ROW), Sense::hover());
        for (column, place) in columns::places(columns, rect) {
            let on = self.arrangement.by == column.by;
            let name = format!("Sort by {}", column.name.to_lowercase());
            let response = ui.interact(place, ui.scope_id().with(("sort", column.name)), Sense::click());
            response.widget_info(|| WidgetInfo::selected(Role::ColumnHeader, true, on, &name));
            let palette = theme::palette(ui);
            let color = if on || response.hovered() { palette.ink } else { palette.secondary };
            let sign = if !on {
                ""
            } else if self.arrangement.descending {
                " ↓"
            } else {
                " ↑"
            };
            let (align, anchor) =
                if column.right { (Align2::RIGHT_CENTER, place.right_center()) } else { (Align2::LEFT_CENTER, place.left_center()) };
            ui.painter().text(anchor, align, format!("{}{sign}", column.name), egui::TextStyle::Small.resolve(ui.style()), color);
            if response.has_focus() {
                ui.painter().rect_stroke(place, 2.0, theme::focus(ui), egui::StrokeKind::Outside);
            }
            if response.clicked() {
                let descending = if on { !self.arrangement.descending } else { column.right };
                self.arrangement = Arrangement { by: column.by, descending, ..self.arrangement };
                self.stale = true;
            }
            widgets::help(response, column.name);
        }
        let line = rect.bottom() - 0.5;
        ui.painter().hline(rect.x_range(), line, theme::hairline(ui));
    }

    /// Opens the modules around a tensor and finds its row.
    fn reveal(&mut self, model: &Arc<Model>, chosen: Option<usize>) -> Option<usize> {
        let chosen = chosen?;
        if !self.selected.contains(&chosen) {
            self.selected = BTreeSet::from([chosen]);
        }
        let closed: Vec<String> =
            self.tree.around(chosen).iter().filter(|node| !self.open.contains(&node.path)).map(|node| node.path.clone()).collect();
        if !self.arrangement.flat && !closed.is_empty() {
            self.open.extend(closed);
            let is_open = |node: &crate::inspect::browse::tree::Node| self.open.contains(&node.path);
            self.rows = self.tree.rows(model, self.arrangement, &is_open, &|tensor| self.passes(model, tensor));
        }
        let row = self.rows.iter().position(|row| self.tree.node(row.node).tensor == Some(chosen));
        self.at = row;
        row
    }

    #[expect(clippy::cast_precision_loss, reason = "a few levels")]
    fn row(&self, ui: &mut Ui, model: &Model, columns: &[Shown], at: usize, browsing: &Browsing) -> bool {
        let chosen = browsing.tensor();
        let row = &self.rows[at];
        let node = self.tree.node(row.node);
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), theme::ROW), Sense::click());
        let name = text::shown(&node.path, 200);
        let is_selected = node.tensor.is_some_and(|tensor| self.selected.contains(&tensor));
        let size = row.total.bytes.on_disk();
        response.widget_info(|| match node.tensor {
            Some(_) => WidgetInfo::selected(Role::TreeItem, true, is_selected, format!("{name}, {size}")),
            None => WidgetInfo::selected(Role::TreeItem, true, row.open, format!("{name}, {} tensors, {size}", row.total.tensors)),
        });
        let palette = theme::palette(ui);
        let is_here = self.at == Some(at);
        if is_selected || response.hovered() {
            let fill = if is_selected { palette.selected() } else { palette.control() };
            ui.painter().rect_filled(rect, 4.0, fill);
        }
        if is_here && ui.memory(|memory| memory.has_focus(list_id())) || response.has_focus() {
            ui.painter().rect_stroke(rect, 4.0, theme::focus(ui), egui::StrokeKind::Inside);
        }
        let depth = if self.arrangement.flat { 0 } else { node.depth };
        for (column, place) in columns::places(columns, rect) {
            if column.right || column.by != crate::inspect::browse::tree::Column::Name {
                let words = columns::cell(column.by, model, node.tensor, &row.total);
                let (align, anchor) =
                    if column.right { (Align2::RIGHT_CENTER, place.right_center()) } else { (Align2::LEFT_CENTER, place.left_center()) };
                ui.painter_at(place.expand(1.0)).text(anchor, align, words, theme::small_mono().resolve(ui.style()), palette.secondary);
                continue;
            }
            let mut left = place.left() + depth as f32 * INDENT;
            if !self.arrangement.flat {
                if node.tensor.is_none() {
                    let sign = if row.open { icons::DOWN } else { icons::RIGHT };
                    let place = Rect::from_min_size(pos2(left, place.top()), vec2(14.0, theme::ROW));
                    widgets::paint_icon(ui, place, sign, palette.secondary, 14.0);
                }
                left += 16.0;
            }
            let label = if self.arrangement.flat { &node.path } else { &node.label };
            let ink = if chosen.is_some() && node.tensor == chosen { palette.accent } else { palette.ink };
            Self::name(
                ui,
                Rect::from_min_max(pos2(left, place.top()), place.max),
                &text::shown(label, 200),
                node.tensor.is_none().then_some(row.total.tensors),
                ink,
            );
        }
        if response.hovered() {
            let hover = hover_text(model, node.tensor, &name, row.total.bytes);
            response.clone().on_hover_text(RichText::new(hover).text_style(theme::small_mono()));
        }
        if let Some(tensor) = node.tensor {
            menu(&response, model, tensor, browsing);
        }
        response.clicked()
    }

    /// A name cut at its end, and behind it how many tensors a module has.
    fn name(ui: &Ui, place: Rect, name: &str, tensors: Option<usize>, ink: egui::Color32) {
        let font = egui::TextStyle::Body.resolve(ui.style());
        let mut job = egui::text::LayoutJob::simple_singleline(name.to_owned(), font, ink);
        if let Some(tensors) = tensors {
            let color = theme::secondary(ui);
            job.append(&grouped(tensors as u64), 8.0, egui::TextFormat::simple(egui::TextStyle::Small.resolve(ui.style()), color));
        }
        job.wrap = egui::text::TextWrapping { break_anywhere: true, ..egui::text::TextWrapping::truncate_at_width(place.width()) };
        let galley = ui.painter().layout_job(job);
        let top = place.center().y - galley.size().y / 2.0;
        ui.painter().galley(pos2(place.left(), top), galley, ink);
    }

    fn click(&mut self, ui: &Ui, at: usize) -> Option<Did> {
        let before = self.at.replace(at);
        ui.memory_mut(|memory| memory.request_focus(list_id()));
        let node = self.tree.node(self.rows[at].node);
        let Some(tensor) = node.tensor else {
            if !self.open.remove(&node.path) {
                self.open.insert(node.path.clone());
            }
            self.stale = true;
            ui.ctx().request_repaint();
            return None;
        };
        let modifiers = ui.input(|input| input.modifiers);
        if modifiers.command {
            if !self.selected.remove(&tensor) {
                self.selected.insert(tensor);
            }
        } else if let Some(before) = before.filter(|_| modifiers.shift) {
            let range = before.min(at)..=before.max(at);
            self.selected.extend(self.rows[range].iter().filter_map(|row| self.tree.node(row.node).tensor));
        } else {
            self.selected = BTreeSet::from([tensor]);
        }
        Some(if self.selected.len() == 1 && self.selected.contains(&tensor) { Did::Chose(tensor) } else { Did::ChoseSeveral })
    }

    /// The arrow keys, while the list has the focus.
    fn keys(&mut self, ui: &mut Ui) -> Option<Did> {
        let anchor = Rect::from_min_size(ui.cursor().min, vec2(ui.available_width(), 1.0));
        let response = ui.interact(anchor, list_id(), Sense::focusable_noninteractive());
        response.widget_info(|| WidgetInfo::labeled(Role::Tree, true, "Tensors"));
        if !response.has_focus() || self.rows.is_empty() {
            return None;
        }
        ui.memory_mut(|memory| {
            let filter = egui::EventFilter { horizontal_arrows: true, vertical_arrows: true, ..Default::default() };
            memory.set_focus_lock_filter(list_id(), filter);
        });
        let mut step = 0;
        let mut turn = None;
        ui.input_mut(|input| {
            for (key, by) in [(Key::ArrowDown, 1), (Key::ArrowUp, -1), (Key::PageDown, PAGE), (Key::PageUp, -PAGE)] {
                step += by * isize::try_from(input.count_and_consume_key(Modifiers::NONE, key)).unwrap_or(0);
            }
            for (key, open) in [(Key::ArrowRight, true), (Key::ArrowLeft, false)] {
                if input.consume_key(Modifiers::NONE, key) {
                    turn = Some(open);
                }
            }
        });
        let at = self.at.unwrap_or(0);
        if let Some(open) = turn {
            let node = self.tree.node(self.rows[at.min(self.rows.len() - 1)].node);
            if node.tensor.is_none() && self.open.contains(&node.path) != open {
                if !self.open.remove(&node.path) {
                    self.open.insert(node.path.clone());
                }
                self.stale = true;
                ui.ctx().request_repaint();
            }
        }
        if step == 0 {
            return None;
        }
        let next = at.saturating_add_signed(step).min(self.rows.len() - 1);
        self.at = Some(next);
        let tensor = self.tree.node(self.rows[next].node).tensor?;
        self.selected = BTreeSet::from([tensor]);
        Some(Did::Chose(tensor))
    }
}

/// What has the keyboard's focus when the arrow keys move in the list.
fn list_id() -> egui::Id {
    egui::Id::unique("tensor list")
}

fn hover_text(model: &Model, tensor: Option<usize>, name: &str, bytes: Bytes) -> String {
    let Some(tensor) = tensor else { return format!("{name}\n{}", bytes.exact()) };
    let info = &model.file.tensors[tensor];
    let problem = info.problem.as_ref().map(|problem| format!("\n{problem}")).unwrap_or_default();
    format!("{name}\n{} {}\n{}{problem}", columns::shape(&info.shape), info.dtype.name(), bytes.exact())
}

/// What is known of each tensor.
fn known<'a>(browsing: &'a Browsing) -> impl Fn(usize) -> Option<&'a Stats> {
    |tensor| browsing.counted.get(&tensor)?.as_deref().ok()
}

fn menu(response: &Response, model: &Model, tensor: usize, browsing: &Browsing) {
    response.context_menu(|ui| {
        let info = &model.file.tensors[tensor];
        if ui.button("Copy name").clicked() {
            ui.ctx().copy_text(info.name.clone());
            ui.close();
        }
        if ui.button("Copy row as CSV").clicked() {
            ui.ctx().copy_text(table::csv(model, [tensor], &known(browsing)));
            ui.close();
        }
    });
}
