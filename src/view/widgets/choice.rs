//! One of a few.

use egui::{Response, RichText, Role, Sense, StrokeKind, Ui, WidgetInfo, vec2};

use crate::view::theme;

/// Buttons in one row of which exactly one is chosen. Returns what was clicked, if anything was. `name` stands before each option's
/// own name for screen readers.
pub fn segmented<T: Copy + PartialEq>(ui: &mut Ui, name: &str, chosen: T, options: &[(T, &str)]) -> Option<T> {
    let mut clicked = None;
    let palette = theme::palette(ui);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        for (value, words) in options {
            if segment(ui, palette, name, words, *value == chosen).clicked() {
                clicked = Some(*value);
            }
        }
    });
    clicked
}

fn segment(ui: &mut Ui, palette: &theme::Palette, name: &str, words: &str, on: bool) -> Response {
    let text = RichText::new(words).color(if on { palette.accent } else { palette.ink });
    let galley = egui::WidgetText::from(text).into_galley(ui, Some(egui::TextWrapMode::Extend), f32::INFINITY, egui::TextStyle::Button);
    let size = vec2((galley.size().x + 24.0).max(44.0), theme::CONTROL);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::selected(Role::RadioButton, enabled, on, format!("{name} {words}")));
    if ui.is_rect_visible(rect) {
        let fill = match (on, response.hovered()) {
            (true, _) => palette.selected(),
            (false, true) => palette.control_hovered(),
            (false, false) => palette.control(),
        };
        ui.painter().rect_filled(rect, theme::CORNER, fill);
        if response.has_focus() {
            ui.painter().rect_stroke(rect, theme::CORNER, theme::focus(ui), StrokeKind::Inside);
        }
        let place = rect.center() - galley.size() / 2.0;
        ui.painter().galley(place, galley, palette.ink);
    }
    response
}
