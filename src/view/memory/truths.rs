//! The four truths side by side: planned, booked, allocated, resident. Where one cannot tell, there is a dash and why.

use egui::{Align, Layout, RichText, Ui, vec2};

use crate::memory::history::Sample;
use crate::memory::{Part, Parts};
use crate::units::Bytes;
use crate::view::{theme, widgets};

/// The truths in the order of the columns, and why one has no figure for a part.
const TRUTHS: [(&str, &str); 4] = [
    ("planned", "Nothing is open, so nothing is planned."),
    ("booked", "Nobody enters this part in the books: it comes and goes within a step."),
    ("allocated", "The allocator counts the process and what the engine uses; it does not know this part by name."),
    ("resident", "The system tells this for the whole process only."),
];

/// Draws the table.
pub fn table(ui: &mut Ui, planned: Option<(&Parts, Bytes)>, sample: Option<&Sample>) {
    let name_width = 128.0;
    let width = ((ui.available_width() - name_width) / 4.0).clamp(64.0, 120.0);
    ui.spacing_mut().item_spacing = vec2(0.0, 0.0);
    line(ui, |ui| {
        cell(ui, name_width, true, |_| ());
        for (truth, _) in TRUTHS {
            cell(ui, width, false, |ui| {
                widgets::term(ui, truth);
            });
        }
    });
    separator(ui);
    for part in Part::ALL {
        line(ui, |ui| {
            cell(ui, name_width, true, |ui| {
                widgets::part_chip(ui, part);
            });
            let figures = [
                planned.and_then(|(parts, _)| parts.get(part)),
                sample.and_then(|sample| sample.charged.get(part)).filter(|bytes| part != Part::Activations || bytes.0 > 0),
                sample.and_then(|sample| sample.counted.get(part)),
                None,
            ];
            figures_of(ui, width, part.word(), figures);
        });
    }
    separator(ui);
    line(ui, |ui| {
        cell(ui, name_width, true, |ui| {
            ui.label(RichText::new("in all").text_style(theme::strong()));
        });
        let figures = [
            planned.map(|(_, total)| total),
            sample.map(|sample| sample.charged.sum()),
            sample.map(|sample| sample.counted_total),
            sample.map(|sample| sample.resident),
        ];
        figures_of(ui, width, "in all", figures);
    });
    line(ui, |ui| {
        cell(ui, name_width, true, |ui| {
            widgets::term(ui, "unaccounted");
        });
        let unaccounted = sample.map(|sample| sample.resident - sample.charged.sum());
        let allocated = sample.map(|sample| sample.counted_total - sample.charged.sum() - sample.counted.activations.unwrap_or_default());
        figures_of(ui, width, "unaccounted", [None, None, allocated, unaccounted]);
    });
}

fn figures_of(ui: &mut Ui, width: f32, row: &str, figures: [Option<Bytes>; 4]) {
    for ((truth, why), figure) in TRUTHS.into_iter().zip(figures) {
        cell(ui, width, false, |ui| {
            match figure {
                Some(bytes) => {
                    ui.label(RichText::new(bytes.in_memory()).monospace()).on_hover_text(format!("{row}, {truth}: {}", bytes.exact()))
                }
                None => ui.label(RichText::new("–").monospace().color(theme::secondary(ui))).on_hover_text(why),
            };
        });
    }
}

fn line(ui: &mut Ui, add: impl FnOnce(&mut Ui)) {
    ui.horizontal(add);
}

fn cell(ui: &mut Ui, width: f32, left: bool, add: impl FnOnce(&mut Ui)) {
    let layout = if left { Layout::left_to_right(Align::Center) } else { Layout::right_to_left(Align::Center) };
    ui.allocate_ui_with_layout(vec2(width, theme::ROW + 2.0), layout, |ui| {
        ui.set_min_size(vec2(width, theme::ROW + 2.0));
        add(ui);
    });
}

fn separator(ui: &mut Ui) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 5.0), egui::Sense::hover());
    ui.painter().hline(rect.x_range(), rect.center().y, theme::hairline(ui));
}
