//! How far something is, in words and as a bar, and how to stop it.

use egui::{Rect, Role, Sense, Ui, WidgetInfo, vec2};

use super::button::button;
use super::text::note;
use crate::view::theme;

/// Draws the bar with `words` above it; `share` is `None` while nobody knows how much there is. Returns whether *Cancel* was pressed;
/// `cancel` names that button and is left out if empty.
pub fn progress(ui: &mut Ui, name: &str, share: Option<f32>, words: &str, cancel: &str) -> bool {
    let mut cancelled = false;
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = 4.0;
        ui.horizontal(|ui| {
            ui.set_min_height(theme::CONTROL);
            if cancel.is_empty() {
                note(ui, words);
                return;
            }
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                cancelled = button(ui, None, cancel).clicked();
                ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| note(ui, words));
            });
        });
        bar(ui, name, share);
    });
    cancelled
}

fn bar(ui: &mut Ui, name: &str, share: Option<f32>) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 6.0), Sense::hover());
    let share = share.map(|share| share.clamp(0.0, 1.0));
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::ProgressIndicator, true, name);
        info.value = share.map(f64::from);
        info
    });
    let palette = theme::palette(ui);
    ui.painter().rect_filled(rect, 3.0, theme::mix(palette.surface, palette.ink, 0.14));
    match share {
        Some(share) if share > 0.0 => {
            let done = Rect::from_min_size(rect.min, vec2((rect.width() * share).max(6.0), rect.height()));
            ui.painter().rect_filled(done, 3.0, palette.accent);
        }
        Some(_) => {}
        // nobody knows how much there is: still hatching instead of motion
        None => super::bar::hatch(ui, rect, palette.accent),
    }
}
