//! The block that holds a value: its bytes by field, the bits of the value, its scales, its code, and all codes of its group.
#![expect(clippy::cast_precision_loss, reason = "places of a few cells on the screen")]

use egui::{Color32, Rect, RichText, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};

use super::facts::meaning;
use super::formula::{binary, formula};
use super::{copyable, section};
use crate::message::browse::{Block, Subject};
use crate::state::State;
use crate::units::{digits, grouped, real};
use crate::view::{icons, theme, widgets};

/// The height of a row of bytes or codes.
const CELL: f32 = 18.0;
/// The room for a word before what is told of it.
const LEAD: f32 = 64.0;
/// The room that offsets have before a row of bytes.
const OFFSET: f32 = 30.0;

pub(super) fn ui(ui: &mut Ui, state: &State, subject: &Subject) {
    section(ui, "Block");
    let none = |ui: &mut Ui| {
        widgets::note(ui, "Click a value in the picture to see its block.");
    };
    widgets::slot(
        ui,
        &state.browsing.block,
        none,
        |ui, ()| drop(widgets::note(ui, "Reading the block")),
        |ui, block| of(ui, block, subject),
    );
}

/// The block that is here.
fn of(ui: &mut Ui, block: &Block, subject: &Subject) {
    let parts = &block.parts;
    let value = parts.values.get(block.index).copied().unwrap_or(f32::NAN);
    // Rows may be drawn in another order than their own.
    let drawn = block.at[0];
    let row = subject.rows.as_ref().and_then(|rows| rows.get(drawn)).map_or(drawn, |&row| row as usize);
    let [row, col] = [row, block.first + block.index].map(|n| grouped(n as u64));
    ui.horizontal(|ui| {
        ui.set_min_height(theme::ROW);
        widgets::small(ui, format!("row {row}, column {col}"));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            copyable(ui, "Value", &real(value.into()), &digits(value.into()));
        });
    });
    let weights = if parts.values.len() == 1 { "1 weight".to_owned() } else { format!("{} weights", parts.values.len()) };
    let words = format!("{weights} of {} in {} bytes at byte {}", parts.dtype.name(), block.bytes.len(), grouped(block.offset));
    ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
        if widgets::icon_button(ui, icons::COPY, "Copy the block's bytes as hex").clicked() {
            ui.ctx().copy_text(block.bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" "));
        }
        ui.with_layout(egui::Layout::top_down(egui::Align::Min), |ui| widgets::small(ui, words));
    });
    bytes(ui, block);
    fields(ui, block);
    bits(ui, block);
    ui.spacing_mut().item_spacing.y = 0.0;
    for line in formula(parts, block.index) {
        let result = line.result.as_ref().map_or_else(String::new, |result| format!(" = {result}"));
        let text = RichText::new(format!("{}{result}", line.text)).text_style(theme::small_mono());
        told(ui, line.word, |ui| ui.add(egui::Label::new(text).wrap()));
    }
    ui.spacing_mut().item_spacing.y = 4.0;
    codes(ui, block);
}

/// A word and what is told of it.
fn told<R>(ui: &mut Ui, word: &str, contents: impl FnOnce(&mut Ui) -> R) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        widgets::lead(ui, LEAD, word);
        contents(ui);
    });
}

/// The hue of a field by what it holds; a word stands beside it in the legend.
fn hue(palette: &theme::Palette, field: &str) -> Color32 {
    let at = match meaning(field) {
        "codes" | "value" => 0,
        "scale" | "scales" => 1,
        "high bits of codes" | "signs" | "signs and scales" => 2,
        "minimum" | "scale of the minima" => 3,
        _ => 4,
    };
    palette.parts[at]
}

fn field_of(block: &Block, byte: usize) -> &'static str {
    block.parts.fields.iter().find(|field| field.bytes.contains(&byte)).map_or("", |field| field.name)
}

fn bytes(ui: &mut Ui, block: &Block) {
    let each = if ui.available_width() >= OFFSET + 16.0 * 17.0 { 16 } else { 8 };
    let width = ((ui.available_width() - OFFSET) / each as f32).min(24.0);
    let rows = block.bytes.len().div_ceil(each);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), CELL * rows as f32), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, format!("{} bytes of the block in hex", block.bytes.len())));
    let palette = theme::palette(ui);
    let font = theme::small_mono().resolve(ui.style());
    let painter = ui.painter_at(rect);
    let cell = |at: usize| {
        let corner = pos2(rect.left() + OFFSET + (at % each) as f32 * width, rect.top() + (at / each) as f32 * CELL);
        Rect::from_min_size(corner, vec2(width, CELL))
    };
    for row in 0..rows {
        let place = pos2(rect.left(), rect.top() + (row as f32 + 0.5) * CELL);
        painter.text(place, egui::Align2::LEFT_CENTER, format!("{:3}", row * each), font.clone(), palette.secondary);
    }
    for (at, byte) in block.bytes.iter().enumerate() {
        let place = cell(at);
        let fill = theme::mix(palette.surface, hue(palette, field_of(block, at)), 0.32);
        painter.rect_filled(place.shrink2(vec2(0.5, 1.0)), 2.0, fill);
        painter.text(place.center(), egui::Align2::CENTER_CENTER, format!("{byte:02x}"), font.clone(), palette.ink);
        if block.bits.iter().any(|(held, _)| *held == at) {
            painter.rect_stroke(place.shrink2(vec2(0.5, 1.0)), 2.0, Stroke::new(1.5, palette.accent), StrokeKind::Inside);
        }
    }
    let pointed = response.hover_pos().and_then(|pointer| (0..block.bytes.len()).find(|&at| cell(at).contains(pointer)));
    if let Some(at) = pointed {
        let byte = block.bytes[at];
        let field = field_of(block, at);
        let mask = block.bits.iter().filter(|(held, _)| *held == at).fold(0, |all, (_, mask)| all | mask);
        let held = if mask == 0 { String::new() } else { format!("\nbits of the value: {}", marked(byte, mask)) };
        let told = format!("byte {at}: {byte:02x} = {} = {byte}\n{field}: {}{held}", binary(byte.into(), 8), meaning(field));
        response.on_hover_text_at_pointer(RichText::new(told).text_style(theme::small_mono()));
    }
}

fn fields(ui: &mut Ui, block: &Block) {
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(6.0, 2.0);
        for field in &block.parts.fields {
            let color = hue(theme::palette(ui), field.name);
            widgets::swatch(ui, color);
            let words = format!("{} ({})", meaning(field.name), field.name);
            widgets::small(ui, words).on_hover_text(format!("bytes {} to {}", field.bytes.start, field.bytes.end.saturating_sub(1)));
            ui.add_space(4.0);
        }
    });
}

/// The bits of a byte of which those outside the mask are dots.
fn marked(byte: u8, mask: u8) -> String {
    let bit = |n: u8| match (mask >> n & 1, byte >> n & 1) {
        (0, _) => '·',
        (_, 0) => '0',
        _ => '1',
    };
    (0..8).rev().map(bit).collect()
}

/// The bytes that hold bits of the value, those bits strong.
fn bits(ui: &mut Ui, block: &Block) {
    if block.bits.is_empty() {
        return;
    }
    let mut held: Vec<(usize, u8)> = Vec::new();
    for &(at, mask) in &block.bits {
        match held.iter_mut().find(|(byte, _)| *byte == at) {
            Some((_, all)) => *all |= mask,
            None => held.push((at, mask)),
        }
    }
    told(ui, "Bits", |ui| {
        for (at, mask) in held {
            let Some(&byte) = block.bytes.get(at) else { continue };
            let palette = theme::palette(ui);
            let font = theme::small_mono().resolve(ui.style());
            let mut job = egui::text::LayoutJob::default();
            job.append(&format!("{at}:"), 0.0, egui::TextFormat::simple(font.clone(), palette.secondary));
            for n in (0..8).rev() {
                let bit = if byte >> n & 1 == 1 { "1" } else { "0" };
                let is_held = mask >> n & 1 == 1;
                let mut format = egui::TextFormat::simple(font.clone(), if is_held { palette.ink } else { palette.secondary });
                if is_held {
                    format.background = palette.selected();
                    format.underline = Stroke::new(1.5, palette.accent);
                }
                job.append(bit, if n == 7 { 4.0 } else { 0.0 }, format);
            }
            let words = format!("byte {at}, bits of the value: {}", marked(byte, mask));
            let response = ui.label(job);
            response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &words));
            response.on_hover_text(words);
        }
    });
}

/// The codes of the value's group, coloured by their values.
fn codes(ui: &mut Ui, block: &Block) {
    let parts = &block.parts;
    let len = parts.group_len.max(1);
    let first = block.index / len * len;
    let codes = parts.codes.get(first..(first + len).min(parts.codes.len())).unwrap_or_default();
    if codes.is_empty() {
        return;
    }
    let groups = parts.values.len().div_ceil(len);
    let what = if parts.entry_len > 0 { "Levels" } else { "Codes" };
    ui.horizontal(|ui| {
        widgets::term(ui, what);
        if groups > 1 {
            widgets::small(ui, format!("of group {} of {groups}", first / len));
        }
    });
    let each = if codes.len().is_multiple_of(16) && !codes.len().is_multiple_of(8) { 16 } else { 8 };
    let width = ui.available_width() / each as f32;
    let rows = codes.len().div_ceil(each);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), CELL * rows as f32), Sense::hover());
    let list: Vec<String> = codes.iter().map(ToString::to_string).collect();
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, format!("codes of the group: {}", list.join(" "))));
    let palette = theme::palette(ui);
    let font = theme::small_mono().resolve(ui.style());
    let painter = ui.painter_at(rect);
    let most = parts.values[first..(first + len).min(parts.values.len())].iter().fold(0.0_f32, |most, value| most.max(value.abs()));
    let cell = |at: usize| {
        let corner = pos2(rect.left() + (at % each) as f32 * width, rect.top() + (at / each) as f32 * CELL);
        Rect::from_min_size(corner, vec2(width, CELL)).shrink(0.5)
    };
    for (at, code) in codes.iter().enumerate() {
        let value = parts.values.get(first + at).copied().unwrap_or(f32::NAN);
        let fill = palette.signed_value(if most > 0.0 { value / most } else { value });
        painter.rect_filled(cell(at), 2.0, fill);
        painter.text(cell(at).center(), egui::Align2::CENTER_CENTER, code.to_string(), font.clone(), palette.ink_on(fill));
        if first + at == block.index {
            painter.rect_stroke(cell(at), 2.0, Stroke::new(2.0, palette.accent), StrokeKind::Inside);
        }
    }
    let pointed = response.hover_pos().and_then(|pointer| (0..codes.len()).find(|&at| cell(at).contains(pointer)));
    if let Some(at) = pointed {
        let value = parts.values.get(first + at).copied().unwrap_or(f32::NAN);
        let bits = usize::from(parts.bits);
        let code = codes[at];
        let stored = if parts.entry_len > 0 || bits == 0 { String::new() } else { format!(" = {}", binary(code, bits)) };
        let told = format!("column {}\ncode {code}{stored}\nvalue {}", grouped((block.first + first + at) as u64), digits(value.into()));
        response.on_hover_text_at_pointer(RichText::new(told).text_style(theme::small_mono()));
    }
}
