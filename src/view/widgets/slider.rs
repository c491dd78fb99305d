//! A number to be moved: its name, its value large enough to read and to type, and the rail below.

use std::ops::RangeInclusive;

use egui::{DragValue, Key, Layout, Response, Role, Ui, WidgetInfo};

use super::text::term;
use crate::view::theme;

/// The radius of the handle on the rail.
const HANDLE: f32 = 7.0;

/// How positions on the rail become values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Equal steps.
    Linear,
    /// Equal factors, for ranges above zero.
    Logarithmic,
}

impl Scale {
    /// Where a value stands on the rail, 0 to 1.
    #[must_use]
    pub fn place(self, value: f64, range: &RangeInclusive<f64>) -> f64 {
        let (low, high) = (*range.start(), *range.end());
        let share = match self {
            Self::Linear => (value - low) / (high - low),
            Self::Logarithmic => (value / low).ln() / (high / low).ln(),
        };
        if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
    }

    /// The value at a place on the rail.
    #[must_use]
    pub fn value(self, place: f64, range: &RangeInclusive<f64>) -> f64 {
        let (low, high) = (*range.start(), *range.end());
        match self {
            Self::Linear => low + (high - low) * place,
            Self::Logarithmic => low * (high / low).powf(place),
        }
    }
}

/// Changes `value` within `range`; the response says whether it did. What is typed is taken as it is, the rail snaps as `snap` says.
/// `decimals` are shown.
pub fn slider(
    ui: &mut Ui,
    name: &str,
    value: &mut f64,
    range: RangeInclusive<f64>,
    scale: Scale,
    decimals: usize,
    snap: impl Fn(f64) -> f64,
) -> Response {
    let before = *value;
    let typing = typed(ui, name, value, &range, decimals);
    let mut place = scale.place(*value, &range);
    let rail = rail(ui, name, &mut place, *value);
    let mut response = typing | rail.clone();
    let snapped = |place: f64| snap(scale.value(place, &range)).clamp(*range.start(), *range.end());
    let keys = if rail.has_focus() { pressed(ui) } else { 0.0 };
    if keys != 0.0 {
        // a point on the rail may be less than a step of what is snapped to, so the next one is looked for
        let start = scale.place(before, &range);
        let places = (1..=100_u8).map(|i| start + keys * f64::from(i) / 100.0);
        let next = places.map(snapped).find(|next| (next - before).abs() > f64::EPSILON);
        *value = next.unwrap_or(before);
        response.mark_changed();
    } else if rail.changed() {
        *value = snapped(place);
        response.mark_changed();
    }
    response
}

/// The direction of the arrow keys that were pressed.
fn pressed(ui: &Ui) -> f64 {
    let key = |key| ui.input(|input| input.key_pressed(key));
    f64::from(u8::from(key(Key::ArrowRight) || key(Key::ArrowUp))) - f64::from(u8::from(key(Key::ArrowLeft) || key(Key::ArrowDown)))
}

fn typed(ui: &mut Ui, name: &str, value: &mut f64, range: &RangeInclusive<f64>, decimals: usize) -> Response {
    ui.horizontal(|ui| {
        let label = term(ui, name);
        ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
            let speed = (range.end() - range.start()) / 400.0;
            let drag = DragValue::new(value).range(range.clone()).speed(speed).fixed_decimals(decimals);
            let drag = if decimals == 0 { drag.custom_formatter(|value, _| grouped(value)).custom_parser(parse_grouped) } else { drag };
            ui.add(drag).labelled_by(label.id)
        })
        .inner
    })
    .inner
}

fn rail(ui: &mut Ui, name: &str, place: &mut f64, value: f64) -> Response {
    let palette = theme::palette(ui);
    ui.scope(|ui| {
        ui.spacing_mut().slider_width = ui.available_width();
        ui.spacing_mut().interact_size.y = HANDLE * 2.5;
        let visuals = ui.visuals_mut();
        visuals.selection.bg_fill = palette.accent;
        visuals.widgets.hovered.bg_fill = visuals.widgets.inactive.bg_fill;
        visuals.widgets.active.bg_fill = visuals.widgets.inactive.bg_fill;
        for state in [&mut visuals.widgets.inactive, &mut visuals.widgets.hovered, &mut visuals.widgets.active] {
            (state.fg_stroke, state.bg_stroke) = (egui::Stroke::NONE, egui::Stroke::NONE);
        }
        let response = ui.add(egui::Slider::new(place, 0.0..=1.0).show_value(false).step_by(0.0));
        let enabled = ui.is_enabled();
        response.widget_info(|| {
            let mut info = WidgetInfo::labeled(Role::Slider, enabled, format!("{name}, rail"));
            info.value = Some(value);
            info
        });
        #[expect(clippy::cast_possible_truncation, reason = "a share between 0 and 1")]
        let x = egui::lerp(response.rect.x_range().shrink(HANDLE), *place as f32);
        let center = egui::pos2(x, response.rect.center().y);
        ui.painter().circle_filled(center, HANDLE, palette.accent);
        if response.has_focus() || response.hovered() {
            ui.painter().circle_stroke(center, HANDLE + 3.0, theme::focus(ui));
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
