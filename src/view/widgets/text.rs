//! Words and numbers: headings, secondary text, right-aligned figures, and terms that explain themselves.

use egui::{Align, Color32, Layout, Response, RichText, Sense, TextStyle, TextWrapMode, Tooltip, Ui, pos2, vec2};

use crate::view::icons::Icon;
use crate::view::{fonts, glossary, theme};

/// The title of a page.
pub fn page_title(ui: &mut Ui, text: &str) -> Response {
    ui.add_space(theme::GRID);
    heading(ui, text)
}

/// 22 points.
pub fn heading(ui: &mut Ui, text: &str) -> Response {
    ui.add(egui::Label::new(RichText::new(text).text_style(TextStyle::Heading)).wrap_mode(TextWrapMode::Truncate))
}

/// The head of a section, with the help of the glossary if the title is in it.
pub fn section(ui: &mut Ui, text: &str) -> Response {
    let response = ui.label(RichText::new(text).text_style(theme::section()));
    help(response, text)
}

/// Body text in ink that wraps.
pub fn ink_label(ui: &mut Ui, text: impl Into<String>) -> Response {
    ui.add(egui::Label::new(RichText::new(text)).wrap())
}

/// Secondary text that wraps.
pub fn note(ui: &mut Ui, text: impl Into<String>) -> Response {
    let color = theme::secondary(ui);
    ui.add(egui::Label::new(RichText::new(text).color(color)).wrap())
}

/// Secondary text of 12 points.
pub fn small(ui: &mut Ui, text: impl Into<String>) -> Response {
    let color = theme::secondary(ui);
    ui.label(RichText::new(text).color(color).text_style(TextStyle::Small))
}

/// A number in its line.
pub fn mono(ui: &mut Ui, text: impl Into<String>) -> Response {
    ui.label(RichText::new(text).monospace())
}

/// A number at the right end of the space that is left, with what stands behind it on hover.
pub fn number(ui: &mut Ui, text: impl Into<String>, exact: &str) -> Response {
    let text = RichText::new(text).monospace();
    let response = ui.with_layout(Layout::right_to_left(Align::Center), |ui| ui.label(text)).inner;
    if exact.is_empty() { response } else { response.on_hover_text(RichText::new(exact).monospace()) }
}

/// A sign beside text, without a meaning of its own for screen readers.
pub fn icon(ui: &mut Ui, icon: Icon, color: Color32) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(16.0, 16.0), Sense::hover());
    paint_icon(ui, rect, icon, color, 16.0);
    response
}

/// Paints a sign into the middle of `rect`.
pub fn paint_icon(ui: &Ui, rect: egui::Rect, icon: Icon, color: Color32, size: f32) {
    let font = egui::FontId::new(size, fonts::icons());
    ui.painter().text(rect.center(), egui::Align2::CENTER_CENTER, icon.unicode(), font, color);
}

/// Help on hover and, for what takes the keyboard, on focus: the glossary's sentence for `term`.
#[expect(clippy::must_use_candidate, reason = "the help is the point, the response a convenience")]
pub fn help(response: Response, term: &str) -> Response {
    let Some(sentence) = glossary::explain(term) else { return response };
    if response.has_focus() && !response.hovered() {
        Tooltip::for_widget(&response).show(|ui| ui.label(sentence));
    }
    response.on_hover_text(sentence)
}

/// A word with a dotted line below that explains itself. A word that is not in the glossary is plain secondary text.
pub fn term(ui: &mut Ui, word: &str) -> Response {
    let color = theme::secondary(ui);
    if glossary::explain(word).is_none() {
        return ui.label(RichText::new(word).color(color));
    }
    let label = egui::Label::new(RichText::new(word).color(color)).selectable(false).sense(Sense::focusable_noninteractive());
    let response = ui.add(label);
    let (left, right, y) = (response.rect.left(), response.rect.right(), response.rect.bottom() - 0.5);
    let stroke =
        if response.has_focus() { theme::focus(ui) } else { egui::Stroke::new(1.0, theme::mix(theme::palette(ui).surface, color, 0.6)) };
    ui.painter().extend(egui::Shape::dotted_line(&[pos2(left, y), pos2(right, y)], stroke.color, 3.0, stroke.width * 0.6));
    help(response.on_hover_cursor(egui::CursorIcon::Help), word)
}

/// A fact: a term at the left, its value in mono at the right, the exact value on hover.
pub fn row_fact(ui: &mut Ui, word: &str, value: impl Into<String>, exact: &str) -> Response {
    ui.horizontal(|ui| {
        ui.set_min_height(theme::ROW);
        term(ui, word);
        number(ui, value, exact)
    })
    .inner
}

/// A field for one line of text with an accessible name and a hint.
pub fn field(ui: &mut Ui, name: &str, hint: &str, text: &mut String, width: f32) -> Response {
    let edit = egui::TextEdit::singleline(text).hint_text(hint).desired_width(width).margin(egui::Margin::symmetric(8, 5));
    ui.add(edit).accessible_name(name)
}

/// A name cut in its middle to at most `most` characters, so that its ending still tells what it is.
#[must_use]
pub fn shortened(name: &str, most: usize) -> String {
    let length = name.chars().count();
    if length <= most {
        return name.to_owned();
    }
    let end = most / 3;
    let head: String = name.chars().take(most - end - 1).collect();
    let tail: String = name.chars().skip(length - end).collect();
    format!("{head}…{tail}")
}

/// Draws into a place that was allocated before, without moving what comes next.
pub fn cell(ui: &mut Ui, place: egui::Rect, layout: Layout, contents: impl FnOnce(&mut Ui)) {
    let mut child = ui.new_child(egui::UiBuilder::new().max_rect(place).layout(layout));
    child.shrink_clip_rect(place.expand2(vec2(2.0, 2.0)));
    child.style_mut().wrap_mode = Some(TextWrapMode::Truncate);
    contents(&mut child);
}

/// Words in a column of their own, this wide.
pub fn lead(ui: &mut Ui, width: f32, words: &str) {
    let (place, _) = ui.allocate_exact_size(vec2(width, theme::ROW), Sense::hover());
    cell(ui, place, Layout::left_to_right(Align::Center), |ui| {
        term(ui, words);
    });
}

/// A column in the middle of the page, at most `widest`, with at least 24 points at both sides.
pub fn column<R>(ui: &mut Ui, widest: f32, contents: impl FnOnce(&mut Ui) -> R) -> R {
    let side = ((ui.available_width() - widest) / 2.0).max(24.0);
    let width = (ui.available_width() - 2.0 * side).max(0.0);
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        ui.add_space(side);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.x = theme::GRID;
            ui.set_width(width);
            contents(ui)
        })
        .inner
    })
    .inner
}
