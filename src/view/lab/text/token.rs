//! One place of the text: what the reference expected there and what the candidate does, side by side, and what really came.

use egui::{Align2, Rect, RichText, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use super::super::scale;
use super::page::{Place, difference};
use crate::engine::cut::Token;
use crate::lab::advice::nats;
use crate::lab::row::Ranked;
use crate::state::lab::Results;
use crate::units::percent;
use crate::view::chat::inert::inert;
use crate::view::{theme, widgets};

/// Characters before a place that are shown with it.
const BEFORE: usize = 160;

/// Both distributions at a place.
pub fn ui(ui: &mut Ui, results: &Results, run: usize, place: Place) {
    let Some(found) = difference(results, run, place) else {
        widgets::note(ui, "This token is not measured yet for this candidate.");
        return;
    };
    let Some(tokens) = results.chunks.get(place.chunk) else { return };
    let Some(came) = tokens.get(place.token) else { return };
    widgets::section(ui, "What comes next");
    let color = theme::secondary(ui);
    let before = before(tokens, place.token);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        ui.label(RichText::new(format!("…{before}")).color(color));
        let ground = scale::color(theme::palette(ui), found.kld);
        ui.label(RichText::new(visible(&came.text)).background_color(ground));
    });
    let probability = |nll: f64| percent((-nll).exp());
    let figures = format!(
        "KL {} nats; what came: {} by the reference, {} here",
        nats(found.kld),
        probability(found.reference_nll),
        probability(found.nll)
    );
    widgets::small(ui, figures);
    let expected = place.token.checked_sub(1 + results.half).and_then(|i| results.expected.get(&place.chunk)?.get(i));
    let name = widgets::shortened(&results.runs[run].candidate.name, 22);
    ui.columns(2, |columns| {
        let [left, right] = columns else { return };
        match expected {
            Some(expected) => ranks(left, results, "Reference", &expected.top, came.id),
            None => {
                widgets::note(left, "What the reference expected here was not kept.");
            }
        }
        ranks(right, results, &name, &found.top, came.id);
    });
}

/// The most probable tokens with their probabilities.
fn ranks(ui: &mut Ui, results: &Results, title: &str, top: &[Ranked], came: u32) {
    ui.spacing_mut().item_spacing.y = 0.0;
    ui.label(RichText::new(title).text_style(theme::strong()));
    let most = top.first().map_or(1.0, |ranked| ranked.1.exp()).max(1e-6);
    for &(token, ln) in top {
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 20.0), Sense::hover());
        let share = ln.exp();
        let words = visible(results.piece(token));
        let is_it = token == came;
        let mark = if is_it { ", what came" } else { "" };
        response.widget_info(|| WidgetInfo::labeled(Role::Row, true, format!("{words} {}{mark}", percent(share.into()))));
        let palette = theme::palette(ui);
        let bar = Rect::from_min_max(
            rect.min + vec2(0.0, 1.0),
            pos2(rect.left() + rect.width() * (share / most).clamp(0.0, 1.0), rect.bottom() - 1.0),
        );
        let fill = if is_it { theme::mix(palette.surface, palette.ink, 0.28) } else { theme::mix(palette.surface, palette.ink, 0.11) };
        ui.painter().rect_filled(bar, 2.0, fill);
        let mono = theme::small_mono().resolve(ui.style());
        let number = ui.painter().layout_no_wrap(percent(share.into()), mono.clone(), palette.secondary);
        let width = number.size().x;
        ui.painter().galley(pos2(rect.right() - width - 2.0, rect.center().y - number.size().y / 2.0), number, palette.secondary);
        let painter = ui.painter_at(rect.with_max_x(rect.right() - width - 8.0));
        let words = if is_it { format!("▸{words}") } else { words };
        painter.text(rect.left_center() + vec2(4.0, 0.0), Align2::LEFT_CENTER, words, mono, palette.ink);
        if is_it {
            response.on_hover_text("what really came in the text");
        }
    }
}

/// A place in the list; whether it was clicked.
pub fn row(ui: &mut Ui, results: &Results, place: Place, kld: f64, chosen: bool) -> bool {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), theme::ROW), Sense::click());
    let Some(tokens) = results.chunks.get(place.chunk) else { return false };
    let Some(came) = tokens.get(place.token) else { return false };
    let words = visible(&came.text);
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, chosen, format!("Go to {words}, KL {} nats", nats(kld))));
    if !ui.is_rect_visible(rect) {
        return response.clicked();
    }
    let palette = theme::palette(ui);
    if chosen || response.hovered() {
        ui.painter().rect_filled(rect, 4.0, if chosen { palette.selected() } else { palette.control() });
    }
    if response.has_focus() {
        ui.painter().rect_stroke(rect, 4.0, theme::focus(ui), egui::StrokeKind::Inside);
    }
    let mono = theme::small_mono().resolve(ui.style());
    let number = Rect::from_min_max(rect.min, pos2(rect.left() + 52.0, rect.bottom()));
    ui.painter().text(number.right_center(), Align2::RIGHT_CENTER, nats(kld), mono, palette.secondary);
    let inner = Rect::from_min_max(pos2(number.right() + 10.0, rect.top()), rect.right_bottom() - vec2(4.0, 0.0));
    let font = egui::TextStyle::Body.resolve(ui.style());
    let token = ui.painter().layout_no_wrap(words, font.clone(), palette.ink);
    let context = one_line(&before(tokens, place.token));
    let context = ui.painter().layout_no_wrap(context, font, palette.secondary);
    // The end of what stands before it is what tells where it is.
    let room = (inner.width() - token.size().x).clamp(0.0, context.size().x);
    let painter = ui.painter_at(Rect::from_min_max(inner.min, pos2(inner.left() + room, inner.bottom())));
    let y = rect.center().y - context.size().y / 2.0;
    painter.galley(pos2(inner.left() + room - context.size().x, y), context, palette.secondary);
    let at = pos2(inner.left() + room, y);
    let painter = ui.painter_at(inner);
    painter.rect_filled(Rect::from_min_size(at, token.size()), 2.0, scale::color(palette, kld));
    painter.galley(at, token, palette.ink);
    response.clicked()
}

/// The text before a token.
fn before(tokens: &[Token], at: usize) -> String {
    let mut start = at;
    let mut length = 0;
    while start > 0 && length < BEFORE {
        start -= 1;
        length += tokens[start].text.chars().count();
    }
    let text: String = tokens[start..at].iter().map(|token| token.text.as_str()).collect();
    let cut = text.chars().count().saturating_sub(BEFORE);
    inert(&text.chars().skip(cut).collect::<String>()).into_owned()
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { '↵' } else { c }).collect()
}

/// A token with its white space as signs.
fn visible(text: &str) -> String {
    let signs: String = text
        .chars()
        .map(|c| match c {
            '\n' => '↵',
            '\r' => '␍',
            '\t' => '→',
            c => c,
        })
        .collect();
    let signs = if signs.trim().is_empty() { signs.replace(' ', "·") } else { signs };
    inert(&signs).into_owned()
}
