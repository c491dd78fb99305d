//! What the file is, in numbers: dimensions, storage types, and where its bytes are.

use egui::{RichText, Ui, vec2};

use crate::inspect::Model;
use crate::inspect::mix::Share;
use crate::units::{Bytes, count, grouped, percent, significant};
use crate::view::widgets::Segment;
use crate::view::{theme, widgets};

/// The sections of facts.
pub fn ui(ui: &mut Ui, model: &Model) {
    ui.add_space(16.0);
    widgets::section(ui, "What it is");
    dimensions(ui, model);
    ui.add_space(16.0);
    widgets::section(ui, "Storage");
    storage(ui, model);
    ui.add_space(16.0);
    widgets::section(ui, "Where the bytes are");
    parts(ui, model);
}

/// A fact: its word, its value, the exact value where that says more.
type Fact = (&'static str, String, String);

/// What is known of the model's shape; what cannot run is told as far as its metadata goes.
#[must_use]
pub fn list(model: &Model) -> Vec<Fact> {
    let plain = |word: &'static str, n: usize| (word, grouped(n as u64), String::new());
    let mut facts: Vec<Fact> = vec![("Parameters", count(model.parameters), grouped(model.parameters))];
    if let Ok(spec) = &model.spec {
        facts.push(plain("Layers", spec.n_layers));
        facts.push(("Heads", format!("{} / {}", spec.n_heads, spec.n_kv_heads), "queries / keys and values".to_owned()));
        facts.push(plain("Width", spec.n_embd));
        facts.push(plain("Feed-forward", spec.n_ff));
        facts.push(plain("Context", spec.n_ctx_train));
        facts.push(plain("Vocabulary", spec.n_vocab));
    } else {
        let architecture = model.architecture().unwrap_or_default();
        for (word, key) in [("Layers", "block_count"), ("Width", "embedding_length"), ("Context", "context_length")] {
            if let Some(n) = model.source().metadata.u64(&format!("{architecture}.{key}")) {
                facts.push((word, grouped(n), String::new()));
            }
        }
    }
    facts.push(("Tensors", grouped(model.file.tensors.len() as u64), String::new()));
    let place = if model.file.folder.is_some() { "in the folder" } else { "in the file" };
    let template = if model.has_template() { place } else { "none" };
    facts.push(("Chat template", template.to_owned(), String::new()));
    facts.push(("Size on disk", model.file.bytes.on_disk(), model.file.bytes.exact()));
    if let Some(bits) = model.bits_per_weight() {
        facts.push(("Bits per weight", significant(bits), format!("{} tensor data", model.tensor_bytes().exact())));
    }
    facts
}

fn dimensions(ui: &mut Ui, model: &Model) {
    let facts = list(model);
    let columns = if ui.available_width() > 480.0 { 2 } else { 1 };
    let rows = facts.len().div_ceil(columns);
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing = vec2(32.0, 0.0);
        ui.columns(columns, |columns| {
            for (column, facts) in columns.iter_mut().zip(facts.chunks(rows)) {
                column.spacing_mut().item_spacing = vec2(theme::GRID, 0.0);
                for (word, value, exact) in facts {
                    widgets::row_fact(column, word, value, exact);
                }
            }
        });
    });
}

/// The storage types with their share of the bytes: darker is more bits in light, lighter is more bits in dark.
fn storage(ui: &mut Ui, model: &Model) {
    let palette = theme::palette(ui);
    let color = |share: &Share| share.dtype.bits_per_weight().map_or(palette.secondary, |bits| palette.bits_per_weight(bits));
    let segments: Vec<Segment> = model
        .mix
        .iter()
        .map(|share| Segment {
            name: share.dtype.name().into_owned(),
            color: color(share),
            bytes: share.bytes,
            hatched: share.dtype.block_len().is_none(),
        })
        .collect();
    widgets::stacked_bar(ui, "in the file", &segments, model.tensor_bytes(), None, 20.0);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        for share in &model.mix {
            widgets::swatch(ui, color(share));
            let name = share.dtype.name();
            widgets::help(ui.label(RichText::new(&*name).text_style(theme::small_mono())), &name);
            let exact = format!("{} in {} tensors", share.bytes.exact(), grouped(share.tensors as u64));
            ui.label(RichText::new(percent(share.share)).text_style(theme::small_mono()).color(palette.secondary)).on_hover_text(exact);
            ui.add_space(12.0);
        }
    });
}

/// The file's parts as bars on one scale.
fn parts(ui: &mut Ui, model: &Model) {
    let most = model.parts.iter().map(|part| part.bytes).max().unwrap_or_default();
    let all = model.tensor_bytes().as_f64().max(1.0);
    let color = theme::part(ui, crate::memory::Part::Weights);
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        for part in &model.parts {
            ui.horizontal(|ui| {
                ui.set_min_height(theme::ROW);
                widgets::lead(ui, 132.0, part.name);
                let bar = (ui.available_width() - 176.0).max(40.0);
                bar_of(ui, bar, part.bytes, most, color);
                let exact = format!("{} in {} tensors", part.bytes.exact(), grouped(part.tensors as u64));
                widgets::number(ui, format!("{}  {:>7}", part.bytes.on_disk(), percent(part.bytes.as_f64() / all)), &exact);
            });
        }
    });
}

#[expect(clippy::cast_possible_truncation, reason = "a share between 0 and 1")]
fn bar_of(ui: &mut Ui, width: f32, bytes: Bytes, most: Bytes, color: egui::Color32) {
    let (rect, _) = ui.allocate_exact_size(vec2(width, theme::ROW), egui::Sense::hover());
    let share = if most.0 == 0 { 0.0 } else { (bytes.as_f64() / most.as_f64()) as f32 };
    let bar = egui::Rect::from_min_size(rect.left_center() - vec2(0.0, 4.0), vec2((rect.width() * share).max(1.0), 8.0));
    ui.painter().rect_filled(bar, 2.0, color);
}
