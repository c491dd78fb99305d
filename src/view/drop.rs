//! Files that are dragged over the window: what letting go will do, and doing it.

use std::path::Path;

use egui::{Align2, FontId, Id, LayerId, Order, Stroke, Ui, vec2};

use super::{Actions, fonts, icons, theme};
use crate::state::{Action, Page, lab};

/// Draws the overlay while files hover and opens what is dropped: the first file, for a split model names its siblings itself. In the
/// lab all of them are compared.
pub fn ui(ui: &Ui, page: Page, actions: &mut Actions) {
    let (hovered, dropped) = ui.input(|input| {
        let hovered = input.raw.hovered_files.first().map(|file| (file.path.clone(), input.raw.hovered_files.len()));
        (hovered, input.raw.dropped_files.iter().map(|file| file.path().to_owned()).collect::<Vec<_>>())
    });
    let mut dropped = dropped.into_iter().filter(|path| !path.as_os_str().is_empty());
    if page == Page::Lab {
        let paths: Vec<_> = dropped.collect();
        if !paths.is_empty() {
            actions.push(Action::Lab(lab::Wish::Add(paths)));
        }
    } else if let Some(path) = dropped.next() {
        actions.push(Action::Open { path, load: false });
    }
    if let Some((path, count)) = hovered {
        overlay(ui, path.as_deref(), count, page);
    }
}

fn overlay(ui: &Ui, path: Option<&Path>, count: usize, page: Page) {
    let palette = theme::palette(ui);
    let painter = ui.ctx().layer_painter(LayerId::new(Order::Tooltip, Id::unique("drop overlay")));
    let screen = ui.ctx().content_rect();
    painter.rect_filled(screen, 0.0, palette.surface.gamma_multiply(0.92));
    let frame = screen.shrink(24.0);
    let corners = [frame.left_top(), frame.right_top(), frame.right_bottom(), frame.left_bottom(), frame.left_top()];
    painter.extend(egui::Shape::dashed_line(&corners, Stroke::new(2.0, palette.accent), 8.0, 6.0));
    let center = screen.center();
    let told = if page == Page::Lab { "Drop to compare in the lab".to_owned() } else { words(path, count) };
    let icon = icons::DROP.unicode();
    painter.text(center - vec2(0.0, 40.0), Align2::CENTER_CENTER, icon, FontId::new(32.0, fonts::icons()), palette.secondary);
    painter.text(center, Align2::CENTER_CENTER, told, FontId::new(16.0, fonts::semibold()), palette.ink);
    let note = "Only its header is read. Nothing is loaded or copied.";
    painter.text(center + vec2(0.0, 28.0), Align2::CENTER_CENTER, note, FontId::proportional(14.0), palette.secondary);
}

/// What letting go will do.
#[must_use]
pub fn words(path: Option<&Path>, count: usize) -> String {
    let name = path.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    match name {
        _ if count > 1 => format!("Drop to see what the first of {count} files is"),
        Some(name) => format!("Drop to see what {} is", super::widgets::shortened(&name, 48)),
        None => "Drop to see what this file is".to_owned(),
    }
}
