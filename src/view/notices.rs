//! Messages at the top right: what happened, what to do next. When they go is the state's to decide.

use egui::{Align2, Area, Frame, Id, Margin, Order, Ui, vec2};

use super::icons::Icon;
use super::{Actions, icons, theme, widgets};
use crate::state::notice::Notice;
use crate::state::{Action, State, Tone};

/// Draws them above the page, the newest at the top.
pub fn ui(ui: &Ui, state: &State, actions: &mut Actions) {
    if state.notices.iter().len() == 0 {
        return;
    }
    let width = (ui.ctx().content_rect().width() - 96.0).clamp(200.0, 380.0);
    Area::new(Id::unique("notices")).order(Order::Foreground).anchor(Align2::RIGHT_TOP, vec2(-16.0, 52.0)).fade_in(false).show(
        ui.ctx(),
        |ui| {
            ui.set_width(width);
            ui.spacing_mut().item_spacing.y = theme::GRID;
            let notices: Vec<&Notice> = state.notices.iter().collect();
            for notice in notices.into_iter().rev() {
                card(ui, notice, actions);
            }
        },
    );
}

fn card(ui: &mut Ui, notice: &Notice, actions: &mut Actions) {
    let palette = theme::palette(ui);
    let (sign, color): (Icon, _) = match notice.tone {
        Tone::Info => (icons::INFO, palette.secondary),
        Tone::Warning => (icons::WARNING, palette.ink),
        Tone::Error => (icons::ERROR, palette.danger),
    };
    let visuals = ui.visuals();
    let frame = Frame::new().fill(palette.raised).stroke(visuals.window_stroke).corner_radius(theme::CORNER).shadow(visuals.popup_shadow);
    frame.inner_margin(Margin { left: 12, right: 6, top: 6, bottom: 8 }).show(ui, |ui| {
        ui.horizontal_top(|ui| {
            ui.vertical(|ui| {
                ui.add_space(6.0);
                widgets::icon(ui, sign, color);
            });
            let words = ui.available_width() - theme::CONTROL - theme::GRID;
            ui.vertical(|ui| {
                ui.set_width(words);
                ui.add_space(5.0);
                widgets::ink_label(ui, &notice.text);
                if let Some((label, action)) = &notice.offer
                    && widgets::button(ui, None, label).clicked()
                {
                    actions.push(action.clone());
                    actions.push(Action::Dismiss(notice.id));
                }
            });
            if widgets::icon_button(ui, icons::CLOSE, "Dismiss").clicked() {
                actions.push(Action::Dismiss(notice.id));
            }
        });
    });
}
