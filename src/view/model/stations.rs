//! The way of a weight from the disk to a token, with the number's type at each station. The types are the kernels' own table.

use egui::{RichText, Ui, vec2};

use crate::inspect::Model;
use crate::kernels::precision::{self, Precision};
use crate::units::percent;
use crate::view::icons::{self, Icon};
use crate::view::{theme, widgets};

/// Storage types that are shown; the rest is a few per mille at most.
const SHOWN: usize = 5;

/// A storage type on its way.
#[derive(Debug, Clone, PartialEq)]
pub struct Station {
    /// The type in the file.
    pub storage: String,
    /// Its share of the bytes.
    pub share: f64,
    /// How it is computed; `None` where there is no kernel.
    pub precision: Option<Precision>,
}

/// The storage types of a file, the largest share first, each as its largest tensor is computed.
#[must_use]
pub fn of(model: &Model) -> Vec<Station> {
    let largest = |dtype| model.file.tensors.iter().filter(|tensor| tensor.dtype == dtype).max_by_key(|tensor| tensor.bytes);
    let station = |share: &crate::inspect::mix::Share| Station {
        storage: share.dtype.name().into_owned(),
        share: share.share,
        precision: largest(share.dtype).and_then(precision::of),
    };
    model.mix.iter().take(SHOWN).map(station).collect()
}

/// The section.
pub fn ui(ui: &mut Ui, stations: &[Station]) {
    ui.add_space(16.0);
    widgets::section(ui, "From disk to token");
    let heads: [(Icon, &str, &str); 4] = [
        (icons::FILE, "disk", "How the weights are stored in the file."),
        (icons::MEMORY, "memory", "How they are kept in memory once loaded: no second copy, no widening."),
        (icons::PROCESSOR, "kernel", "What multiplies them with the activations, and what the activations are rounded to first."),
        (icons::TOKEN, "token", "What the products are summed in on the way to the next token's logits."),
    ];
    let width = ui.available_width();
    // the kernel's name is the longest
    let widths = [0.2, 0.16, 0.38, 0.26].map(|share| share * width);
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing = vec2(0.0, 0.0);
        row(ui, &widths, |ui, column| {
            let (sign, word, help) = heads[column];
            let color = theme::secondary(ui);
            widgets::icon(ui, sign, color);
            ui.add_space(6.0);
            let arrow = if column + 1 < heads.len() { "  →" } else { "" };
            ui.label(RichText::new(format!("{word}{arrow}")).color(color)).on_hover_text(help);
        });
        for station in stations {
            row(ui, &widths, |ui, column| cell(ui, station, column));
        }
    });
}

fn cell(ui: &mut Ui, station: &Station, column: usize) {
    let mono = |text: &str| RichText::new(text).text_style(theme::small_mono());
    let color = theme::secondary(ui);
    match (&station.precision, column) {
        (_, 0) => {
            widgets::help(ui.label(mono(&station.storage)), &station.storage);
            ui.add_space(8.0);
            ui.label(mono(&percent(station.share)).color(color));
        }
        (Some(precision), 1) => {
            ui.label(mono(precision.resident));
        }
        (Some(precision), 2) => {
            ui.label(mono(precision.kernel)).on_hover_text(format!("activations as {}", precision.compute));
        }
        (Some(precision), _) => {
            ui.label(mono(precision.accumulate));
        }
        (None, 2) => {
            ui.label(RichText::new("no kernel yet").color(theme::palette(ui).danger));
        }
        (None, _) => {
            ui.label(mono("–").color(color));
        }
    }
}

fn row(ui: &mut Ui, widths: &[f32; 4], mut contents: impl FnMut(&mut Ui, usize)) {
    ui.horizontal(|ui| {
        for (column, &width) in widths.iter().enumerate() {
            let (rect, _) = ui.allocate_exact_size(vec2(width, theme::ROW), egui::Sense::hover());
            let layout = egui::Layout::left_to_right(egui::Align::Center);
            widgets::cell(ui, rect.with_max_x(rect.right() - 8.0), layout, |ui| contents(ui, column));
        }
    });
}
