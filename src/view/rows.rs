//! A model as a row: its name, where it lies, how it is stored, its size, and whether it will fit.

use std::borrow::Cow;
use std::path::Path;

use egui::{Align, Layout, Rect, Response, RichText, Role, Sense, Ui, UiBuilder, WidgetInfo, pos2, vec2};

use super::{fit, icons, theme, widgets};
use crate::memory::plan::Fit;
use crate::pocket;
use crate::state::State;
use crate::units::Bytes;

/// What a row can tell of a file without opening it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// What a person calls it.
    pub name: String,
    /// How it is stored, as far as its name says.
    pub storage: String,
    /// Its size, where it is known.
    pub bytes: Option<Bytes>,
    /// Whether it fits, and in words.
    pub verdict: Option<(Fit, String)>,
}

/// What is known of the file at `path`.
#[must_use]
pub fn known(path: &Path, state: &State) -> Known {
    let file = path.file_name().map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy()).into_owned();
    let found = state.found.ready().and_then(|found| found.iter().find(|found| found.path == path));
    let opened = state.opened.ready().filter(|opened| opened.model.file.path == path).map(|opened| &opened.model.file);
    let bytes = found.map(|found| found.bytes).or_else(|| opened.map(|file| file.bytes));
    let name = found.map_or_else(|| file.trim_end_matches(".gguf").to_owned(), |found| found.name.clone());
    let (name, bytes) = if pocket::is(path) { (pocket::NAME.to_owned(), Some(pocket::bytes())) } else { (name, bytes) };
    let summary = state.summaries.get(path);
    let bytes = summary.map(|summary| summary.bytes).or(bytes);
    let stated = summary.and_then(|summary| summary.quantization.clone());
    let storage = stated.unwrap_or_else(|| storage_in_name(&file).unwrap_or_default().to_owned());
    let verdict = match summary {
        Some(summary) => Some(fit::planned(summary, &state.machine)),
        None => bytes.map(|bytes| fit::guess(bytes, &state.machine)),
    };
    Known { name, storage, bytes, verdict }
}

/// The storage type that a file's name ends in, as publishers write it: `Q4_K_M`, `IQ3_XS`, `BF16`.
#[must_use]
pub fn storage_in_name(file: &str) -> Option<&str> {
    let is_type = |word: &str| {
        let word = word.to_ascii_uppercase();
        let after = word.strip_prefix("IQ").or_else(|| word.strip_prefix("TQ")).or_else(|| word.strip_prefix('Q'));
        matches!(word.as_str(), "F16" | "BF16" | "F32" | "MXFP4")
            || after.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    file.split(['.', '-', ' ', ':']).rev().find(|word| is_type(word))
}

/// A row of the home page: everything that is known. The response is the row's own.
pub fn wide(ui: &mut Ui, path: &Path, state: &State, forget: Option<&mut bool>) -> Response {
    let known = known(path, state);
    let end = theme::CONTROL + 4.0;
    let response = frame(ui, &format!("Open {}", known.name), 40.0, end, |ui, rect| {
        let narrow = rect.width() < 620.0;
        let verdict = if narrow { 40.0 } else { 216.0 };
        let mut right = rect.right() - 12.0;
        if let Some((fits, words)) = &known.verdict {
            let shown = if narrow { "" } else { words };
            cell(ui, right - verdict, verdict, rect, Layout::left_to_right(Align::Center), |ui| {
                fit::verdict(ui, *fits, shown).on_hover_text(words)
            });
        }
        right -= verdict + 16.0;
        if let Some(bytes) = known.bytes {
            cell(ui, right - 84.0, 84.0, rect, Layout::right_to_left(Align::Center), |ui| {
                ui.label(RichText::new(bytes.on_disk()).text_style(theme::small_mono())).on_hover_text(bytes.exact())
            });
        }
        right -= 84.0 + 16.0;
        cell(ui, right - 72.0, 72.0, rect, Layout::left_to_right(Align::Center), |ui| {
            widgets::help(
                ui.label(RichText::new(&known.storage).text_style(theme::small_mono()).color(theme::secondary(ui))),
                &known.storage,
            )
        });
        right -= 72.0 + 16.0;
        let left = rect.left() + 12.0;
        cell(ui, left, right - left, rect, Layout::left_to_right(Align::Center), |ui| {
            let color = theme::secondary(ui);
            widgets::icon(ui, icons::FILE, color);
            ui.style_mut().wrap_mode = Some(egui::TextWrapMode::Truncate);
            ui.label(&known.name);
            if pocket::is(path) {
                ui.label(RichText::new("built in").small().color(color))
            } else if let Some(folder) = path.parent().filter(|_| ui.available_width() > 100.0) {
                ui.label(RichText::new(folder.to_string_lossy()).small().color(color))
            } else {
                ui.label("")
            }
        });
    });
    if let Some(forget) = forget {
        let place = Rect::from_center_size(
            pos2(response.rect.right() + end / 2.0 + 2.0, response.rect.center().y),
            vec2(theme::CONTROL, theme::CONTROL),
        );
        let name = format!("Forget {}", known.name);
        let mut child = ui.new_child(UiBuilder::new().max_rect(place));
        *forget = widgets::icon_button(&mut child, icons::CLOSE, &name).clicked();
    }
    response.on_hover_text(place(path))
}

/// Where a model lies, in words.
#[must_use]
pub fn place(path: &Path) -> Cow<'_, str> {
    if pocket::is(path) { Cow::Borrowed("built in: a part of this program") } else { path.to_string_lossy() }
}

/// A row of a list in a popup: name and size.
pub fn small(ui: &mut Ui, path: &Path, state: &State) -> Response {
    let known = known(path, state);
    let loaded = state.loaded.as_ref().is_some_and(|loaded| loaded.model.file.path == path);
    let name = if loaded { format!("{} (loaded)", known.name) } else { known.name.clone() };
    frame(ui, &name, 32.0, 0.0, |ui, rect| {
        let left = rect.left() + 8.0;
        cell(ui, left, rect.width() - 108.0, rect, Layout::left_to_right(Align::Center), |ui| {
            ui.style_mut().wrap_mode = Some(egui::TextWrapMode::Truncate);
            if loaded {
                let color = theme::ink(ui);
                widgets::icon(ui, icons::CHECK, color);
            }
            ui.label(&known.name)
        });
        let size = known.bytes.map_or_else(String::new, Bytes::on_disk);
        cell(ui, rect.right() - 100.0, 92.0, rect, Layout::right_to_left(Align::Center), |ui| {
            ui.label(RichText::new(size).text_style(theme::small_mono()).color(theme::secondary(ui)))
        });
    })
}

/// A row that can be pressed; `end` points at its right are left free.
fn frame(ui: &mut Ui, name: &str, height: f32, end: f32, contents: impl FnOnce(&mut Ui, Rect)) -> Response {
    let (all, _) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
    let rect = all.with_max_x(all.right() - end);
    let response = ui.interact(rect, ui.scope_id().with(("row", name, ui.next_auto_id())), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, name));
    if ui.is_rect_visible(rect) {
        let palette = theme::palette(ui);
        if response.hovered() {
            ui.painter().rect_filled(rect, theme::CORNER, palette.control());
        }
        if response.has_focus() {
            ui.painter().rect_stroke(rect, theme::CORNER, theme::focus(ui), egui::StrokeKind::Inside);
        }
        ui.style_mut().interaction.selectable_labels = false;
        contents(ui, rect);
    }
    response.on_hover_cursor(egui::CursorIcon::PointingHand)
}

fn cell(ui: &mut Ui, left: f32, width: f32, row: Rect, layout: Layout, contents: impl FnOnce(&mut Ui) -> Response) {
    let place = Rect::from_min_max(pos2(left, row.top()), pos2(left + width.max(0.0), row.bottom()));
    widgets::cell(ui, place, layout, |ui| {
        contents(ui);
    });
}
