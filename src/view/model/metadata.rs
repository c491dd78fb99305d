//! All that a file says of itself, as a table to be narrowed down. Values are shown escaped and cut; nothing here reads the file again.

use egui::{RichText, ScrollArea, Ui, vec2};

use crate::file::Metadata;
use crate::inspect::Model;
use crate::units::grouped;
use crate::view::{icons, theme, widgets};

/// Rows that are seen at once.
const VISIBLE: u16 = 12;

/// The table; keeps what was typed and which rows that leaves.
#[derive(Default)]
pub struct MetadataTable {
    filter: String,
    /// The filter that `rows` was made with, and the places of the entries it lets through.
    filtered: Option<(String, Vec<usize>)>,
}

impl MetadataTable {
    /// The section.
    pub fn ui(&mut self, ui: &mut Ui, model: &Model) {
        let metadata = &model.file.metadata;
        ui.add_space(16.0);
        ui.horizontal(|ui| {
            widgets::section(ui, "Metadata");
            widgets::small(ui, format!("{} entries", grouped(metadata.len() as u64)));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let width = 200.0_f32.min(ui.available_width());
                widgets::field(ui, "Filter metadata", "filter", &mut self.filter, width);
            });
        });
        let rows = self.rows(metadata);
        if rows.is_empty() {
            widgets::note(ui, "No entry has this in its key or value.");
            return;
        }
        let height = theme::ROW * f32::from(u16::try_from(rows.len()).unwrap_or(VISIBLE).min(VISIBLE));
        ScrollArea::vertical().id_salt("metadata").max_height(height).auto_shrink([false, true]).show_rows(
            ui,
            theme::ROW,
            rows.len(),
            |ui, shown| {
                ui.spacing_mut().item_spacing.y = 0.0;
                for &place in rows.get(shown).unwrap_or_default() {
                    if let Some(entry) = metadata.entries().get(place) {
                        row(ui, &entry.key, &entry.value.to_string());
                    }
                }
            },
        );
    }

    fn rows(&mut self, metadata: &Metadata) -> &[usize] {
        if self.filtered.as_ref().is_none_or(|(filter, _)| *filter != self.filter) {
            let filter = self.filter.to_lowercase();
            let passes = |text: &str| text.to_lowercase().contains(&filter);
            let entries = metadata.entries().iter().enumerate();
            let rows = entries.filter(|(_, entry)| filter.is_empty() || passes(&entry.key) || passes(&entry.value.to_string()));
            self.filtered = Some((self.filter.clone(), rows.map(|(place, _)| place).collect()));
        }
        self.filtered.as_ref().map_or(&[], |(_, rows)| rows)
    }
}

fn row(ui: &mut Ui, key: &str, value: &str) {
    let key = crate::file::text::shown(key, 120);
    let width = ui.available_width();
    let keys = (width * 0.42).clamp(140.0, 320.0);
    let mono = |text: &str| RichText::new(text).text_style(theme::small_mono());
    ui.horizontal(|ui| {
        ui.set_height(theme::ROW);
        let color = theme::secondary(ui);
        cell(ui, keys, |ui| ui.add(egui::Label::new(mono(&key).color(color)).truncate()));
        cell(ui, width - keys - theme::ROW - 24.0, |ui| ui.add(egui::Label::new(mono(value)).truncate()));
        ui.scope(|ui| {
            if widgets::icon_button(ui, icons::COPY, &format!("Copy {key}")).clicked() {
                ui.ctx().copy_text(value.to_owned());
            }
        });
    });
}

fn cell(ui: &mut Ui, width: f32, contents: impl FnOnce(&mut Ui) -> egui::Response) {
    let layout = egui::Layout::left_to_right(egui::Align::Center);
    ui.allocate_ui_with_layout(vec2(width.max(0.0), theme::ROW), layout, |ui| {
        ui.set_width(width.max(0.0));
        contents(ui);
    });
}
