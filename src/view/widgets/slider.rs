//! A number to be moved: its name, its value large enough to read and to type, and the rail below.

use std::ops::RangeInclusive;

use egui::{DragValue, Layout, Response, Ui};

use super::text::term;
use crate::view::theme;

/// How positions on the rail become values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Equal steps.
    Linear,
    /// Equal factors; zero is the left end if the range has it.
    Logarithmic,
}

/// Changes `value` and says whether it did. Typing is free within the range; the rail snaps as `snap` says. `decimals` are shown.
pub fn slider(
    ui: &mut Ui,
    name: &str,
    value: &mut f64,
    range: RangeInclusive<f64>,
    scale: Scale,
    decimals: usize,
    snap: impl Fn(f64) -> f64,
) -> Response {
    let mut typed = *value;
    let top = ui.horizontal(|ui| {
        let label = term(ui, name);
        ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
            let speed = (range.end() - range.start()) / 400.0;
            let drag = DragValue::new(&mut typed).range(range.clone()).speed(speed).fixed_decimals(decimals);
            let drag = if decimals == 0 { drag.custom_formatter(|value, _| grouped(value)).custom_parser(parse_grouped) } else { drag };
            ui.add(drag).labelled_by(label.id)
        })
        .inner
    });
    let mut slid = *value;
    ui.scope(|ui| {
        ui.spacing_mut().slider_width = ui.available_width() - ui.spacing().item_spacing.x;
        let accent = theme::accent(ui);
        ui.visuals_mut().selection.bg_fill = accent;
        let widgets = &mut ui.visuals_mut().widgets;
        let rail = widgets.inactive.bg_fill;
        for state in [&mut widgets.hovered, &mut widgets.active] {
            state.bg_fill = rail;
        }
        let slider = egui::Slider::new(&mut slid, range).logarithmic(scale == Scale::Logarithmic).show_value(false);
        let rail = ui.add(slider).accessible_name(format!("{name}, rail"));
        let mut response = top.inner.clone() | rail.clone();
        if top.inner.changed() {
            *value = typed;
        } else if rail.changed() {
            *value = snap(slid);
            response.mark_changed();
        }
        response
    })
    .inner
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts are positive and far below 2^53")]
fn grouped(value: f64) -> String {
    crate::units::grouped(value.round().max(0.0) as u64)
}

fn parse_grouped(text: &str) -> Option<f64> {
    text.chars().filter(|c| !matches!(c, ',' | ' ' | '\u{2009}')).collect::<String>().parse().ok()
}

/// The nearest power of two if it is within 4 %, else the nearest multiple of `step`.
#[must_use]
pub fn snap_to_power_of_two(value: f64, step: f64) -> f64 {
    let power = value.max(1.0).log2().round().exp2();
    if (value / power - 1.0).abs() < 0.04 { power } else { (value / step).round().max(1.0) * step }
}
