//! The live memory as strips on one time axis, each with its own scale, the plan's line and the marks of what happened.

use std::fmt::Write as _;

use egui::{Color32, Id, RichText, Role, Ui, WidgetInfo};
use egui_plot::{GridInput, GridMark, HLine, HoverPosition, Line, LineStyle, Plot, PlotPoint, PlotPoints, Text, VLine};

use super::series::decimated;
use crate::memory::history::{History, Sample};
use crate::memory::{Part, Parts};
use crate::units::{Bytes, THIN_SPACE, seconds};
use crate::view::{theme, widgets};

/// The height of a strip.
/// The monitor's interval while something runs.
const SAMPLE_SECONDS: f64 = 0.1;

const HEIGHT: f32 = 88.0;
/// Room for the numbers at the left, the same for all, so that the time axes lie above each other.
const AXIS: f32 = 76.0;
/// Marks nearer to each other than this many points share one label.
const LABEL: f32 = 64.0;

/// One line of a strip.
struct Series {
    name: &'static str,
    truth: &'static str,
    color: Color32,
    of: fn(&Sample) -> Option<Bytes>,
}

/// Draws the strips; `plan` is what the loaded model was promised to take.
pub fn strips(ui: &mut Ui, history: &History, plan: Option<&Parts>) {
    let palette = theme::palette(ui);
    let color = |part| palette.part(part);
    let parts: [(Part, Series); 3] = [
        (Part::Weights, Series { name: "weights", truth: "booked", color: color(Part::Weights), of: |sample| sample.charged.weights }),
        (Part::KvCache, Series { name: "KV cache", truth: "booked", color: color(Part::KvCache), of: |sample| sample.charged.kv_cache }),
        (
            Part::Activations,
            Series { name: "activations", truth: "allocated", color: color(Part::Activations), of: |sample| sample.counted.activations },
        ),
    ];
    for (part, series) in parts {
        strip(ui, history, series.name, &[series], plan.and_then(|plan| plan.get(part)), false);
    }
    let whole = [
        Series { name: "process", truth: "resident", color: palette.ink, of: |sample| Some(sample.resident) },
        Series { name: "process", truth: "allocated", color: palette.secondary, of: |sample| Some(sample.counted_total) },
    ];
    strip(ui, history, "process", &whole, None, true);
}

fn strip(ui: &mut Ui, history: &History, name: &str, series: &[Series], planned: Option<Bytes>, last: bool) {
    ui.add_space(4.0);
    head(ui, history, series, planned);
    let now = history.latest().map_or(0.0, |sample| sample.at);
    let points: Vec<Vec<[f64; 2]>> = series.iter().map(|series| points(history, now, series.of)).collect();
    let marks: Vec<(f64, &str)> = history.marks().map(|mark| (mark.at - now, mark.what.as_str())).collect();
    let palette = theme::palette(ui);
    let (hairline, secondary, ink) = (palette.hairline(), palette.secondary, palette.ink);
    let highest = points.iter().flatten().map(|point| point[1]).fold(planned.map_or(0.0, Bytes::as_f64), f64::max);
    let group = Id::unique("live memory");
    let labels: Vec<(String, String)> = series.iter().map(|series| (series.name.to_owned(), series.truth.to_owned())).collect();
    let plot = Plot::new(("strip", name))
        .height(if last { HEIGHT + 18.0 } else { HEIGHT })
        .link_axis(group, [true, false])
        .link_cursor(group, [true, false])
        .allow_drag([true, false])
        .allow_zoom([true, false])
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .show_axes([last, true])
        .show_background(false)
        .grid_color(hairline)
        .grid_fade(0.0)
        .include_y(0.0)
        .include_y(if highest > 0.0 { highest * 1.4 } else { 1.0 })
        .include_x(-10.0)
        .include_x(0.0)
        .set_margin_fraction(egui::vec2(0.01, 0.0))
        .y_axis_min_width(AXIS)
        .x_grid_spacer(whole_seconds)
        .y_grid_spacer(powers_of_two)
        .y_axis_formatter(|mark, _| bytes(mark.value).in_memory())
        .x_axis_formatter(|mark, range| time_label(mark.value, range))
        .label_formatter(move |position| hovered(position, &labels));
    let response = plot.show(ui, |plot| {
        let bounds = plot.plot_bounds();
        let (left, right) = (bounds.min()[0], bounds.max()[0]);
        let width = plot.response().rect.width();
        for (series, points) in series.iter().zip(&points) {
            let shown = decimated(points, (left, right), pixels(width));
            let name = format!("{}\u{1f}{}", series.name, series.truth);
            plot.line(Line::new(name, PlotPoints::from(shown)).color(series.color).width(2.0));
        }
        if let Some(planned) = planned {
            plot.hline(HLine::new("planned", planned.as_f64()).color(ink).width(1.0).style(LineStyle::dashed_dense()));
        }
        let mut free = f64::NEG_INFINITY;
        let top = bounds.max()[1];
        let label_width = (right - left) * f64::from(LABEL / width.max(1.0));
        for (at, what) in &marks {
            plot.vline(VLine::new("", *at).color(secondary).width(1.0).allow_hover(false));
            if !last && *at >= free && *at >= left {
                let text = RichText::new(*what).size(11.0).color(secondary);
                plot.text(Text::new("", PlotPoint::new(*at, top), text).anchor(egui::Align2::LEFT_TOP).allow_hover(false));
                free = at + label_width;
            }
        }
    });
    let words = described(history, name, series, planned);
    response.response.widget_info(|| WidgetInfo::labeled(Role::Image, true, words.clone()));
}

/// The parts of the strip with their newest values.
fn head(ui: &mut Ui, history: &History, series: &[Series], planned: Option<Bytes>) {
    ui.horizontal(|ui| {
        ui.set_min_height(theme::ROW);
        ui.spacing_mut().item_spacing.x = theme::GRID;
        for (i, series) in series.iter().enumerate() {
            if i == 0 {
                widgets::chip(ui, series.color, series.name);
            } else {
                widgets::swatch(ui, series.color);
            }
            widgets::help(widgets::small(ui, series.truth), series.truth);
            match history.latest().and_then(series.of) {
                Some(bytes) => widgets::mono(ui, bytes.in_memory()).on_hover_text(bytes.exact()),
                None => widgets::mono(ui, "–"),
            };
            ui.add_space(theme::GRID);
        }
        if let Some(planned) = planned {
            widgets::help(widgets::small(ui, "planned"), "planned");
            let color = theme::secondary(ui);
            ui.label(RichText::new(planned.in_memory()).monospace().color(color)).on_hover_text(planned.exact());
        }
    });
}

fn described(history: &History, name: &str, series: &[Series], planned: Option<Bytes>) -> String {
    let mut words = format!("{name} over time");
    for series in series {
        if let Some(bytes) = history.latest().and_then(series.of) {
            let _ = write!(words, ", {} now {bytes}", series.truth);
        }
    }
    if let Some(planned) = planned {
        let _ = write!(words, ", planned {planned}");
    }
    words
}

/// The samples as points. Nothing is sampled while nothing runs, so what was last seen held until just before the next sample.
fn points(history: &History, now: f64, of: fn(&Sample) -> Option<Bytes>) -> Vec<[f64; 2]> {
    let mut points: Vec<[f64; 2]> = Vec::with_capacity(history.samples().len());
    for sample in history.samples() {
        let Some(bytes) = of(sample) else { continue };
        let at = sample.at - now;
        if let Some(&[before, held]) = points.last()
            && at - before > 2.0 * SAMPLE_SECONDS
        {
            points.push([at - SAMPLE_SECONDS, held]);
        }
        points.push([at, bytes.as_f64()]);
    }
    points
}

/// The exact value under the pointer and which truth it is.
fn hovered(position: &HoverPosition<'_>, labels: &[(String, String)]) -> Option<String> {
    let HoverPosition::NearDataPoint { plot_name, position, .. } = position else { return None };
    let value = bytes(position.y);
    if *plot_name == "planned" {
        return Some(format!("planned: {value}\n{}", value.exact()));
    }
    let (name, truth) = plot_name.split_once('\u{1f}')?;
    let known = labels.iter().any(|(known, _)| known == name);
    known.then(|| format!("{name}, {truth}: {value}\n{}\n{}", value.exact(), ago(position.x)))
}

fn ago(at: f64) -> String {
    match at {
        at if at > 0.05 => String::new(),
        at if at > -0.05 => "now".to_owned(),
        at if at > -120.0 && at.fract() == 0.0 => format!("{:.0}{THIN_SPACE}s ago", -at),
        at if at > -120.0 => format!("{} ago", seconds(-at)),
        at => format!("{} ago", seconds((-at / 10.0).round() * 10.0)),
    }
}

/// The words below the axis; none where they would run into the numbers at the left.
fn time_label(at: f64, range: &std::ops::RangeInclusive<f64>) -> String {
    if at - range.start() < (range.end() - range.start()) * 0.05 { String::new() } else { ago(at) }
}

/// Up to eight lines at whole seconds or minutes.
#[expect(clippy::needless_pass_by_value, reason = "the plot asks for this shape")]
fn whole_seconds(input: GridInput) -> Vec<GridMark> {
    const STEPS: [f64; 9] = [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0];
    let (low, high) = input.bounds;
    let Some(step) = STEPS.into_iter().find(|step| (high - low) / step <= 8.0) else { return Vec::new() };
    let first = (low / step).ceil();
    (0..9_u32)
        .map(|i| (first + f64::from(i)) * step)
        .take_while(|value| *value <= high)
        .map(|value| GridMark { value, step_size: step })
        .collect()
}

/// Some three lines at whole powers of two.
#[expect(clippy::needless_pass_by_value, reason = "the plot asks for this shape")]
pub(super) fn powers_of_two(input: GridInput) -> Vec<GridMark> {
    let (low, high) = input.bounds;
    let span = high - low;
    if !(span.is_finite() && span > 0.0) {
        return Vec::new();
    }
    let step = (span / 3.0).log2().ceil().exp2().max(1.0);
    let first = (low / step).ceil();
    (0..16u32)
        .map(|i| (first + f64::from(i)) * step)
        .take_while(|value| *value <= high)
        .map(|value| GridMark { value, step_size: step })
        .collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a plot's value between 0 and the machine's memory")]
pub(super) fn bytes(value: f64) -> Bytes {
    Bytes(value.max(0.0).round() as u64)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "points on the screen")]
fn pixels(width: f32) -> usize {
    width.max(1.0) as usize
}
