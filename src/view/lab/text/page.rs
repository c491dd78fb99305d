//! The text itself. Each chunk is laid out once for a width; which token stands where is kept, so that another candidate only means other
//! rectangles behind the same words.

use std::sync::Arc;

use egui::text::{LayoutJob, TextFormat};
use egui::{Galley, Key, Rect, Role, ScrollArea, Sense, Stroke, Ui, WidgetInfo, vec2};

use super::super::scale;
use crate::engine::cut::Token;
use crate::lab::advice::nats;
use crate::state::lab::Results;
use crate::view::chat::inert;
use crate::view::{picture, theme};

/// Room between two chunks.
const GAP: f32 = 12.0;

/// A token of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its chunk.
    pub chunk: usize,
    /// Its place in the chunk.
    pub token: usize,
}

/// A chunk as it is laid out.
struct Laid {
    galley: Arc<Galley>,
    /// The areas of the tokens, in the order of the text; one that wraps has several.
    areas: Vec<(usize, Rect)>,
}

/// See the module.
#[derive(Default)]
pub struct Page {
    laid: Vec<Laid>,
    of: Option<Layout>,
    go_to: Option<Place>,
}

/// What the chunks were laid out for.
#[derive(PartialEq)]
struct Layout {
    chunks: usize,
    half: usize,
    width: f32,
    dark: bool,
    scale: f32,
}

impl Page {
    /// Scrolls to a place in the next frame.
    pub const fn go_to(&mut self, place: Option<Place>) {
        self.go_to = place;
    }

    /// Draws it; the token that was chosen.
    pub fn ui(&mut self, ui: &mut Ui, results: &Results, run: usize, chosen: Option<Place>) -> Option<Place> {
        let mut clicked = None;
        let shown = ui.available_rect_before_wrap();
        ScrollArea::vertical().id_salt("lab text").auto_shrink(false).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = GAP;
            self.lay(ui, results);
            for chunk in 0..self.laid.len() {
                if let Some(place) = self.chunk(ui, results, run, chunk, chosen) {
                    clicked = Some(place);
                }
            }
        });
        self.go_to = None;
        picture::can_be_saved(ui, shown, &format!("text coloured by KL of {}", results.runs[run].candidate.name));
        clicked
    }

    fn lay(&mut self, ui: &Ui, results: &Results) {
        let key = Layout {
            chunks: results.chunks.as_ptr().addr(),
            half: results.half,
            width: ui.available_width(),
            dark: ui.visuals().dark_mode,
            scale: ui.pixels_per_point(),
        };
        if self.of.as_ref() == Some(&key) {
            return;
        }
        self.laid = results.chunks.iter().map(|tokens| lay(ui, tokens, results.half, key.width)).collect();
        self.of = Some(key);
    }

    fn chunk(&mut self, ui: &mut Ui, results: &Results, run: usize, chunk: usize, chosen: Option<Place>) -> Option<Place> {
        let laid = &self.laid[chunk];
        let size = vec2(ui.available_width(), laid.galley.size().y);
        let (rect, response) = ui.allocate_exact_size(size, Sense::click());
        let at = |place: Place| laid.areas.iter().find(|(token, _)| place.chunk == chunk && *token == place.token).map(|(_, area)| *area);
        if let Some(area) = self.go_to.and_then(at) {
            ui.scroll_to_rect(area.translate(rect.min.to_vec2()), Some(egui::Align::Center));
        }
        let name = format!("Text, part {} of {}, coloured by KL", chunk + 1, self.laid.len());
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &name));
        if !ui.is_rect_visible(rect) {
            return None;
        }
        let palette = theme::palette(ui);
        let painter = ui.painter().clone();
        let seen = ui.clip_rect();
        for &(token, area) in &laid.areas {
            let area = area.translate(rect.min.to_vec2());
            if area.bottom() < seen.top() || area.top() > seen.bottom() {
                continue;
            }
            if let Some(kld) = kl(results, run, chunk, token) {
                painter.rect_filled(area, 2.0, scale::color(palette, kld));
            }
            if chosen == Some(Place { chunk, token }) {
                painter.rect_stroke(area.expand(1.0), 2.0, Stroke::new(2.0, palette.accent), egui::StrokeKind::Outside);
            }
        }
        painter.galley(rect.min, Arc::clone(&laid.galley), palette.ink);
        let under = |pointer: egui::Pos2| {
            let inside = pointer - rect.min.to_vec2();
            laid.areas.iter().find(|(_, area)| area.contains(inside)).map(|(token, _)| *token)
        };
        let mut moved = None;
        if response.has_focus() {
            painter.rect_stroke(rect.expand(3.0), 4.0, theme::focus(ui), egui::StrokeKind::Inside);
            moved = stepped(ui, &response, results, run, chunk, chosen);
        }
        let clicked = response.clicked().then(|| response.interact_pointer_pos()).flatten().and_then(under);
        if let Some(token) = response.hover_pos().and_then(under) {
            response.on_hover_text_at_pointer(told(results, run, chunk, token));
        }
        clicked.filter(|token| kl(results, run, chunk, *token).is_some()).map(|token| Place { chunk, token }).or(moved)
    }
}

/// The arrow keys go to the next scored token.
fn stepped(ui: &Ui, response: &egui::Response, results: &Results, run: usize, chunk: usize, chosen: Option<Place>) -> Option<Place> {
    let none = egui::Modifiers::NONE;
    let (left, right) = ui.input_mut(|input| (input.consume_key(none, Key::ArrowLeft), input.consume_key(none, Key::ArrowRight)));
    let filter = egui::EventFilter { horizontal_arrows: true, ..Default::default() };
    ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
    let now = chosen.filter(|place| place.chunk == chunk).map(|place| place.token);
    let next = match (left, right, now) {
        (true, _, Some(token)) => token.checked_sub(1)?,
        (_, true, Some(token)) => token + 1,
        (_, true, None) => results.half + 1,
        _ => return None,
    };
    kl(results, run, chunk, next).is_some().then_some(Place { chunk, token: next })
}

/// How far the model was from the reference when this token was to come.
pub fn kl(results: &Results, run: usize, chunk: usize, token: usize) -> Option<f64> {
    Some(difference(results, run, Place { chunk, token })?.kld)
}

/// What was found where this token was to come.
pub fn difference(results: &Results, run: usize, place: Place) -> Option<&crate::lab::row::Difference> {
    let before = place.token.checked_sub(1)?;
    let run = &results.runs[run];
    match before.checked_sub(results.half) {
        Some(i) => run.at(place.chunk, i),
        None if place.chunk == 0 && run.scores.is_empty() => run.impression.as_ref()?.get(before.checked_sub(results.preview)?),
        None => None,
    }
}

fn told(results: &Results, run: usize, chunk: usize, token: usize) -> String {
    match kl(results, run, chunk, token) {
        Some(kld) => format!("KL {} nats; click for both distributions", nats(kld)),
        None if token <= results.half => "context: read, and not scored".to_owned(),
        None => "not measured yet".to_owned(),
    }
}

/// Lays a chunk out; what is not scored is of less weight.
fn lay(ui: &Ui, tokens: &[Token], half: usize, width: f32) -> Laid {
    let palette = theme::palette(ui);
    let font = egui::TextStyle::Body.resolve(ui.style());
    let format = |color| TextFormat { font_id: font.clone(), color, line_height: Some(22.0), ..TextFormat::default() };
    let mut job = LayoutJob { wrap: egui::text::TextWrapping { max_width: width - 4.0, ..Default::default() }, ..Default::default() };
    // Where each token ends, in characters.
    let mut ends = Vec::with_capacity(tokens.len());
    let mut characters = 0;
    for (at, token) in tokens.iter().enumerate() {
        let words = inert::inert(&token.text);
        characters += words.chars().count();
        ends.push(characters);
        job.append(&words, 0.0, format(if at <= half { palette.secondary } else { palette.ink }));
    }
    let galley = ui.painter().layout_job(job);
    let areas = areas(&galley, &ends);
    Laid { galley, areas }
}

/// The areas of tokens, row by row.
fn areas(galley: &Galley, ends: &[usize]) -> Vec<(usize, Rect)> {
    let mut areas: Vec<(usize, Rect)> = Vec::with_capacity(ends.len() + galley.rows.len());
    let (mut character, mut token) = (0, 0);
    for row in &galley.rows {
        let mut fresh = true;
        for glyph in &row.row.glyphs {
            while token < ends.len() && character >= ends[token] {
                token += 1;
                fresh = true;
            }
            let left = row.pos.x + glyph.pos.x;
            let area = Rect::from_min_max(
                egui::pos2(left, row.pos.y + 1.0),
                egui::pos2(left + glyph.advance_width, row.pos.y + row.row.size.y - 1.0),
            );
            match areas.last_mut() {
                Some((_, last)) if !fresh => *last = last.union(area),
                _ => areas.push((token, area)),
            }
            fresh = false;
            character += 1;
        }
        character += usize::from(row.ends_with_newline);
    }
    areas
}
