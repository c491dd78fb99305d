//! What can be pressed: the one primary action, ordinary and quiet buttons, and signs with names.

use egui::{Button, Response, RichText, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, vec2};

use super::text::paint_icon;
use crate::view::icons::Icon;
use crate::view::{fonts, theme};

/// An ordinary button.
pub fn button(ui: &mut Ui, icon: Option<Icon>, text: &str) -> Response {
    add(ui, icon, text, None)
}

/// The primary action: at most one a page.
pub fn primary(ui: &mut Ui, icon: Option<Icon>, text: &str) -> Response {
    let palette = theme::palette(ui);
    ui.scope(|ui| {
        let widgets = &mut ui.visuals_mut().widgets;
        for (state, share) in [(&mut widgets.inactive, 0.0), (&mut widgets.hovered, 0.12), (&mut widgets.active, 0.2)] {
            state.weak_bg_fill = theme::mix(palette.accent, palette.ink, share);
            state.fg_stroke.color = palette.on_accent;
        }
        widgets.active.bg_stroke = Stroke::new(2.0, palette.ink);
        add(ui, icon, text, None)
    })
    .inner
}

/// A button for what cannot be taken back.
pub fn danger(ui: &mut Ui, icon: Option<Icon>, text: &str) -> Response {
    let color = theme::palette(ui).danger;
    add(ui, icon, text, Some(color))
}

/// A button without a face until it is pointed at.
pub fn quiet(ui: &mut Ui, icon: Option<Icon>, text: &str) -> Response {
    ui.scope(|ui| {
        ui.visuals_mut().widgets.inactive.weak_bg_fill = egui::Color32::TRANSPARENT;
        ui.spacing_mut().button_padding.x = theme::GRID;
        add(ui, icon, text, None)
    })
    .inner
}

/// Words that lead somewhere else in the app.
pub fn link(ui: &mut Ui, text: &str) -> Response {
    ui.link(RichText::new(text))
}

fn add(ui: &mut Ui, icon: Option<Icon>, text: &str, color: Option<egui::Color32>) -> Response {
    let mut atoms = egui::Atoms::default();
    let colored = |text: RichText| color.map_or_else(|| text.clone(), |color| text.clone().color(color));
    if let Some(icon) = icon {
        atoms.push_right(colored(RichText::new(icon.unicode().to_string()).family(fonts::icons()).size(16.0)));
    }
    atoms.push_right(colored(RichText::new(text)));
    let response = ui.add(Button::new(atoms).min_size(vec2(0.0, theme::CONTROL)).wrap_mode(egui::TextWrapMode::Extend));
    let enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, text));
    response
}

/// A sign that can be pressed; its name is its tooltip.
pub fn icon_button(ui: &mut Ui, icon: Icon, name: &str) -> Response {
    sign(ui, icon, name, None)
}

/// A sign that is on or off.
pub fn icon_toggle(ui: &mut Ui, icon: Icon, name: &str, on: bool) -> Response {
    sign(ui, icon, name, Some(on))
}

fn sign(ui: &mut Ui, icon: Icon, name: &str, on: Option<bool>) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(theme::CONTROL, theme::CONTROL), Sense::click());
    let enabled = ui.is_enabled();
    response.widget_info(|| match on {
        None => WidgetInfo::labeled(Role::Button, enabled, name),
        Some(on) => WidgetInfo::selected(Role::Button, enabled, on, name),
    });
    if ui.is_rect_visible(rect) {
        let palette = theme::palette(ui);
        let fill = match (response.is_pointer_button_down_on(), response.hovered(), on) {
            (true, ..) => palette.control_pressed(),
            (_, true, _) => palette.control_hovered(),
            (_, _, Some(true)) => palette.control(),
            _ => egui::Color32::TRANSPARENT,
        };
        ui.painter().rect_filled(rect, theme::CORNER, fill);
        if response.has_focus() {
            ui.painter().rect_stroke(rect, theme::CORNER, theme::focus(ui), StrokeKind::Inside);
        }
        let color = if on == Some(true) || response.hovered() { palette.ink } else { palette.secondary };
        paint_icon(ui, rect, icon, color, 16.0);
    }
    response.on_hover_text(name)
}
