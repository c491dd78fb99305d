//! Nothing here yet, or it failed: what will be there and the action that brings it.

use egui::{RichText, Ui};

use super::button::primary;
use super::text::{icon, note};
use crate::error::Error;
use crate::view::icons::{self, Icon};
use crate::view::theme;

/// Says what will be there and offers the action that brings it. Returns whether it was pressed.
pub fn empty(ui: &mut Ui, sign: Icon, title: &str, words: &str, action: Option<&str>) -> bool {
    let mut pressed = false;
    ui.vertical_centered(|ui| {
        ui.add_space((ui.available_height() * 0.28).clamp(theme::GRID * 2.0, 200.0));
        let color = theme::secondary(ui);
        ui.label(RichText::new(sign.unicode().to_string()).family(crate::view::fonts::icons()).size(32.0).color(color));
        ui.label(RichText::new(title).text_style(theme::section()));
        ui.set_max_width(420.0);
        note(ui, words);
        ui.add_space(theme::GRID);
        if let Some(action) = action {
            pressed = primary(ui, None, action).clicked();
        }
    });
    pressed
}

/// Shows an error where the thing would have been.
pub fn failure(ui: &mut Ui, error: &Error) {
    ui.horizontal_top(|ui| {
        let color = theme::palette(ui).danger;
        icon(ui, icons::ERROR, color);
        ui.add(egui::Label::new(error.to_string()).wrap());
    });
}
