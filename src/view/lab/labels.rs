//! The names that people know quantizations by, as chips of which any number can be chosen.

use egui::{Response, RichText, Role, Sense, StrokeKind, Ui, WidgetInfo, vec2};

use crate::lab::label::Label;
use crate::lab::mix::Recipe;
use crate::message::lab::Offer;
use crate::state::lab::Wish;
use crate::state::{Action, State};
use crate::units::significant;
use crate::view::{Actions, glossary, theme, widgets};

/// The labels that are offered: those that say something below a reference of 16 or 32 bits.
const OFFERED: [Label; 19] = [
    Label::Q8_0,
    Label::Q6K,
    Label::Q5KM,
    Label::Q5KS,
    Label::Q5K,
    Label::Q5_1,
    Label::Q5_0,
    Label::Q4KM,
    Label::Q4KS,
    Label::Q4K,
    Label::Q4_1,
    Label::Q4_0,
    Label::Iq4Nl,
    Label::Iq4Xs,
    Label::Q3KL,
    Label::Q3KM,
    Label::Q3KS,
    Label::Q3K,
    Label::Q2K,
];

/// Whether a recipe is one of the chips.
#[must_use]
pub fn is_chip(recipe: &Recipe) -> bool {
    OFFERED.into_iter().any(|label| *recipe == Recipe::of(label))
}

/// Draws the chips.
pub fn ui(ui: &mut Ui, state: &State, actions: &mut Actions) {
    let offers = state.lab.plan.as_ref().and_then(|plan| plan.offers.as_deref());
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing = vec2(4.0, 4.0);
        ui.horizontal_wrapped(|ui| {
            for label in OFFERED {
                let on = state.lab.has_label(label);
                let offer = offers.and_then(|offers| offers.iter().find(|offer| offer.label == label));
                if chip(ui, label.name(), &format!("Compare {}", label.name()), on).on_hover_text(told(label, offer)).clicked() {
                    actions.push(Action::Lab(Wish::Label(label, !on)));
                }
            }
        });
    });
    if widgets::quiet(ui, None, "Q8_0 … Q2_K").on_hover_text("Choose the nine names that people choose among").clicked() {
        actions.push(Action::Lab(Wish::Ladder));
    }
}

/// What is known of a label before it is measured.
fn told(label: Label, offer: Option<&Offer>) -> String {
    let mut words = glossary::explain(label.name()).map_or_else(String::new, |sentence| format!("{sentence}\n"));
    match offer.map(|offer| &offer.made) {
        Some(Ok((bytes, bits, really))) => {
            words.push_str(&format!("Here: {}, {} bits per weight\n{really}", bytes.on_disk(), significant(*bits)));
        }
        Some(Err(error)) => words.push_str(&error.to_string()),
        None => {}
    }
    words
}

/// A chip: on or off; `name` is for screen readers.
pub fn chip(ui: &mut Ui, words: &str, name: &str, on: bool) -> Response {
    let palette = theme::palette(ui);
    let color = if on { palette.accent } else { palette.ink };
    let text = RichText::new(words).text_style(theme::small_mono()).color(color);
    let galley = egui::WidgetText::from(text).into_galley(ui, Some(egui::TextWrapMode::Extend), f32::INFINITY, theme::small_mono());
    let (rect, response) = ui.allocate_exact_size(vec2(galley.size().x + 16.0, theme::ROW), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::CheckBox, true, on, name));
    if ui.is_rect_visible(rect) {
        let fill = match (on, response.hovered()) {
            (true, _) => palette.selected(),
            (false, true) => palette.control_hovered(),
            (false, false) => palette.control(),
        };
        ui.painter().rect_filled(rect, theme::CORNER, fill);
        if response.has_focus() {
            ui.painter().rect_stroke(rect, theme::CORNER, theme::focus(ui), StrokeKind::Inside);
        }
        ui.painter().galley(rect.center() - galley.size() / 2.0, galley, palette.ink);
    }
    response
}
