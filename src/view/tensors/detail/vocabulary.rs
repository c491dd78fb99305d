//! Tables whose rows are tokens: find a word's row, and the rows that are most like it.

use egui::{Align, Align2, Key, Layout, Rect, Response, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use super::{Go, section};
use crate::file::text;
use crate::message::browse::{Neighbours, RowOf};
use crate::state::browse::Wish;
use crate::state::{Action, Slot, State};
use crate::units::grouped;
use crate::view::{Actions, theme, widgets};

/// What is typed, and in which tensor.
#[derive(Debug, Default)]
pub(super) struct Words {
    tensor: Option<usize>,
    typed: String,
    /// The row that was found last: the picture follows a new one.
    shown: Option<usize>,
}

impl Words {
    pub(super) fn ui(&mut self, ui: &mut Ui, state: &State, tensor: usize, actions: &mut Actions) -> Option<Go> {
        if self.tensor != Some(tensor) {
            *self = Self { tensor: Some(tensor), ..Self::default() };
        }
        section(ui, "Words");
        let width = ui.available_width() - 16.0;
        let field = widgets::field(ui, "Find a word", "Find a word", &mut self.typed, width);
        let field = field.on_hover_text("Its first token's row, and the rows most like it");
        if field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) && !self.typed.is_empty() {
            actions.push(Action::Browse(Wish::Neighbours(RowOf::Text(self.typed.clone()))));
        }
        match &state.browsing.neighbours {
            Slot::Empty => None,
            Slot::Busy { .. } => {
                widgets::note(ui, "Comparing all rows");
                None
            }
            Slot::Failed(error) => {
                widgets::failure(ui, error);
                None
            }
            Slot::Ready(neighbours) => self.found(ui, neighbours, actions),
        }
    }

    fn found(&mut self, ui: &mut Ui, neighbours: &Neighbours, actions: &mut Actions) -> Option<Go> {
        let mut go = None;
        if self.shown.replace(neighbours.row) != Some(neighbours.row) {
            go = Some(Go::Row(neighbours.row));
        }
        let index = grouped(neighbours.row as u64);
        let name = neighbours.token.as_deref().map_or_else(|| format!("row {index}"), quoted);
        if row(ui, &name, &[(&format!("row {index}"), 100.0)], &format!("Go to {name}, row {index}")).clicked() {
            go = Some(Go::Row(neighbours.row));
        }
        widgets::term(ui, "Nearest by cosine");
        for (neighbour, token) in &neighbours.rows {
            let name = token.as_deref().map_or_else(|| format!("row {}", grouped(neighbour.row as u64)), quoted);
            let cosine = format!("{:.3}", neighbour.cosine).replace('-', "−");
            let response = row(ui, &name, &[(&cosine, 60.0)], &format!("{name}, cosine {cosine}"));
            if response.on_hover_text(format!("row {}", grouped(neighbour.row as u64))).clicked() {
                actions.push(Action::Browse(Wish::Neighbours(RowOf::Row(neighbour.row))));
                self.shown = Some(neighbour.row);
                go = Some(Go::Row(neighbour.row));
            }
        }
        go
    }
}

/// A token between quotes, so that its spaces are seen.
pub(super) fn quoted(token: &str) -> String {
    format!("\u{201c}{}\u{201d}", text::shown(token, 40))
}

/// A row that can be pressed: words at the left, figures in columns at the right.
pub(super) fn row(ui: &mut Ui, lead: &str, figures: &[(&str, f32)], name: &str) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), theme::ROW), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, name));
    let palette = theme::palette(ui);
    if response.hovered() {
        ui.painter().rect_filled(rect, theme::CORNER, palette.control());
    }
    if response.has_focus() {
        ui.painter().rect_stroke(rect, theme::CORNER, theme::focus(ui), egui::StrokeKind::Inside);
    }
    let mut right = rect.right() - 4.0;
    for (figure, width) in figures.iter().rev() {
        let font = theme::small_mono().resolve(ui.style());
        ui.painter().text(pos2(right, rect.center().y), Align2::RIGHT_CENTER, *figure, font, palette.secondary);
        right -= width;
    }
    let place = Rect::from_min_max(pos2(rect.left() + 4.0, rect.top()), pos2(right, rect.bottom()));
    widgets::cell(ui, place, Layout::left_to_right(Align::Center), |ui| {
        ui.style_mut().interaction.selectable_labels = false;
        ui.label(lead);
    });
    response.on_hover_cursor(egui::CursorIcon::PointingHand)
}
