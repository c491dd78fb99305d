//! Areas that stand for bytes: coloured chips beside ink text, and bars of parts with a line of surface between them.

use egui::{Color32, Rect, Response, Role, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};

use super::text::help;
use crate::memory::{Part, Parts};
use crate::units::Bytes;
use crate::view::theme;

/// Bars of at least this height carry their names.
const LABELLED: f32 = 18.0;

/// A part of a stacked bar.
#[derive(Debug, Clone)]
pub struct Segment {
    /// Its word.
    pub name: String,
    /// What it is drawn with.
    pub color: Color32,
    /// What it stands for.
    pub bytes: Bytes,
    /// Hatched instead of filled: nobody has entered it in the books.
    pub hatched: bool,
}

/// The segments of what a truth tells, in the order in which they are always drawn; parts of nothing are left out.
#[must_use]
pub fn segments(ui: &Ui, parts: &Parts) -> Vec<Segment> {
    let told = Part::ALL.into_iter().filter_map(|part| parts.get(part).filter(|bytes| bytes.0 > 0).map(|bytes| (part, bytes)));
    told.map(|(part, bytes)| Segment { name: part.word().to_owned(), color: theme::part(ui, part), bytes, hatched: false }).collect()
}

/// A coloured square.
pub fn swatch(ui: &mut Ui, color: Color32) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(10.0, 10.0), Sense::hover());
    ui.painter().rect_filled(rect, 2.0, color);
    response
}

/// A coloured square and its words in ink.
pub fn chip(ui: &mut Ui, color: Color32, words: &str) -> Response {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        swatch(ui, color);
        help(ui.label(words), words)
    })
    .inner
}

/// The chip of a part of memory.
pub fn part_chip(ui: &mut Ui, part: Part) -> Response {
    let color = theme::part(ui, part);
    chip(ui, color, part.word())
}

/// A bar of the parts, `scale` wide in bytes, with a mark where `end` is. Pointing at a segment tells it exactly; `truth` says which
/// figures these are ("planned", "booked").
pub fn part_bar(ui: &mut Ui, truth: &str, parts: &Parts, scale: Bytes, end: Option<Bytes>, height: f32) -> Response {
    let segments = segments(ui, parts);
    stacked_bar(ui, truth, &segments, scale, end, height)
}

/// See [`part_bar`], for segments of any kind.
pub fn stacked_bar(ui: &mut Ui, truth: &str, segments: &[Segment], scale: Bytes, end: Option<Bytes>, height: f32) -> Response {
    let piece = |segment: &Segment| Piece {
        name: segment.name.clone(),
        color: segment.color,
        share: share(segment.bytes, scale),
        hatched: segment.hatched,
        told: format!("{}: {} {truth} ({})", segment.name, segment.bytes, segment.bytes.exact()),
    };
    let pieces: Vec<Piece> = segments.iter().map(piece).collect();
    share_bar(ui, &described(truth, segments), &pieces, end.map(|end| share(end, scale)), height)
}

/// A part of a bar of shares.
#[derive(Debug, Clone)]
pub struct Piece {
    /// Its word.
    pub name: String,
    /// What it is drawn with.
    pub color: Color32,
    /// Its part of the bar, between 0 and 1.
    pub share: f32,
    /// Hatched instead of filled.
    pub hatched: bool,
    /// What is told when it is pointed at.
    pub told: String,
}

/// A bar of pieces with a line of surface between them and a mark at `end`; `words` are for screen readers.
pub fn share_bar(ui: &mut Ui, words: &str, pieces: &[Piece], end: Option<f32>, height: f32) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, words));
    let palette = theme::palette(ui);
    ui.painter().rect_filled(rect, 3.0, theme::mix(palette.surface, palette.ink, 0.07));
    let place = |share: f32| rect.left() + rect.width() * share.clamp(0.0, 1.0);
    let mut before = 0.0;
    let mut pointed = None;
    for piece in pieces {
        let (left, right) = (place(before), place(before + piece.share));
        before += piece.share;
        // the line of surface between two parts; a part of less than a point is still seen
        let area = Rect::from_min_max(pos2(left, rect.top()), pos2((right - 1.0).max(left + 1.0).min(rect.right()), rect.bottom()));
        if piece.hatched {
            hatch(ui, area, piece.color);
        } else {
            ui.painter().rect_filled(area, 2.0, piece.color);
        }
        if height >= LABELLED {
            label(ui, area, piece);
        }
        if response.hover_pos().is_some_and(|pointer| (left..right).contains(&pointer.x)) {
            pointed = Some(piece);
        }
    }
    if let Some(end) = end {
        let x = place(end).clamp(rect.left() + 1.0, rect.right() - 1.0);
        ui.painter().vline(x, rect.y_range().expand(3.0), Stroke::new(2.0, palette.ink));
    }
    match pointed {
        Some(piece) => response.on_hover_text(&piece.told),
        None => response,
    }
}

/// The piece's name on it, where there is room.
fn label(ui: &Ui, area: Rect, piece: &Piece) {
    let palette = theme::palette(ui);
    let on_surface = theme::contrast(palette.surface, piece.color) > theme::contrast(palette.ink, piece.color);
    let color = if on_surface { palette.surface } else { palette.ink };
    let font = theme::small_mono().resolve(ui.style());
    let galley = ui.painter().layout_no_wrap(piece.name.clone(), font, color);
    let legible = theme::contrast(color, piece.color) >= 4.5;
    if legible && !piece.hatched && galley.size().x + 12.0 <= area.width() {
        ui.painter().galley(area.center() - galley.size() / 2.0, galley, color);
    }
}

fn described(truth: &str, segments: &[Segment]) -> String {
    let parts: Vec<String> = segments.iter().map(|segment| format!("{} {}", segment.name, segment.bytes)).collect();
    format!("{truth}: {}", parts.join(", "))
}

#[expect(clippy::cast_possible_truncation, reason = "a share between 0 and 1")]
fn share(bytes: Bytes, scale: Bytes) -> f32 {
    if scale.0 == 0 { 0.0 } else { (bytes.as_f64() / scale.as_f64()).clamp(0.0, 1.0) as f32 }
}

/// Fills an area with slanted lines.
pub fn hatch(ui: &Ui, rect: Rect, color: Color32) {
    let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
    let stroke = Stroke::new(1.5, color);
    let mut x = rect.left() - rect.height();
    while x < rect.right() {
        painter.line_segment([pos2(x, rect.bottom()), pos2(x + rect.height(), rect.top())], stroke);
        x += 5.0;
    }
}
