//! Quality against size and against speed: KL on a logarithmic axis, error bars, the noise floor, and the Pareto front.

use egui::{Align2, Rect, Role, Ui, Vec2, WidgetInfo, pos2, vec2};
use egui_plot::{GridInput, GridMark, Line, LineStyle, Plot, PlotPoints, PlotResponse, Points, Polygon};

use crate::file::text;
use crate::lab::advice::nats;
use crate::state::lab::{Measured, Results};
use crate::units::{Bytes, percent, significant, with_error};
use crate::view::{picture, theme, widgets};

/// What the horizontal axis is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Against {
    /// Bytes of the weights.
    #[default]
    Size,
    /// Tokens a second when answering.
    Speed,
}

/// KL below this is drawn here.
const LEAST: f64 = 1e-7;
/// A click this near to a point chooses it.
const NEAR: f32 = 18.0;
/// The radius of a point.
const RADIUS: f32 = 4.5;

/// The picture; keeps what it is drawn against.
#[derive(Default)]
pub struct Pareto {
    against: Against,
}

/// A candidate as a point: its run, its place, and the ends of its error bar.
struct Mark {
    run: usize,
    name: String,
    at: [f64; 2],
    bar: [f64; 2],
    below: bool,
    preliminary: bool,
}

impl Pareto {
    /// Draws it; the run that was clicked.
    pub fn ui(&mut self, ui: &mut Ui, results: &Results, height: f32) -> Option<usize> {
        ui.horizontal(|ui| {
            widgets::section(ui, "Quality against");
            let options = [(Against::Size, "Size"), (Against::Speed, "Speed")];
            if let Some(against) = widgets::segmented(ui, "Quality against", self.against, &options) {
                self.against = against;
            }
        });
        let marks = marks(results, self.against);
        if marks.is_empty() {
            let words = match self.against {
                Against::Size => "The first point comes after a few seconds.",
                Against::Speed => "A candidate's speed of answering is measured when it has read all of the text.",
            };
            widgets::note(ui, words);
            return None;
        }
        let chosen = results.looked_at();
        let what = if self.against == Against::Size { "quality against size" } else { "quality against speed" };
        let response = picture::savable(ui, what, |ui| {
            let response = self.plot(ui, results, &marks, height);
            names(ui, &response, &marks, chosen, results.noise_floor().is_some());
            response
        });
        let words = described(results, &marks, self.against);
        response.response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &words));
        let nearest = |pointer: egui::Pos2| {
            let distance = |mark: &Mark| response.transform.position_from_point(&mark.at.into()).distance(pointer);
            marks.iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).filter(|mark| distance(mark) <= NEAR)
        };
        let clicked = response.response.clicked().then(|| response.response.interact_pointer_pos()).flatten();
        let clicked = clicked.and_then(nearest).map(|mark| mark.run);
        if let Some(mark) = response.response.hover_pos().and_then(nearest) {
            let told = told(results, mark);
            response.response.on_hover_text_at_pointer(egui::RichText::new(told).monospace());
        }
        clicked
    }

    fn plot(&self, ui: &mut Ui, results: &Results, marks: &[Mark], height: f32) -> PlotResponse<()> {
        let palette = theme::palette(ui);
        let (hairline, secondary, ink) = (palette.hairline(), palette.secondary, palette.ink);
        let band = theme::mix(palette.surface, palette.ink, 0.06);
        let floor = results.noise_floor().map(|floor| floor.kld.mean.max(LEAST).log10());
        let of = |i: usize| marks.iter().map(move |mark| mark.at[i]);
        let bounds = |i: usize| (of(i).fold(f64::INFINITY, f64::min), of(i).fold(f64::NEG_INFINITY, f64::max));
        let (left, right) = bounds(0);
        let pad = ((right - left) * 0.12).max(right.abs() * 0.05).max(1e-9);
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for mark in marks {
            (low, high) = (low.min(mark.bar[0]), high.max(mark.bar[1]));
        }
        if let Some(floor) = floor {
            (low, high) = (low.min(floor - 0.2), high.max(floor));
        }
        let (low, high) = ((low - 0.15).max(-7.2), high + 0.2);
        let (from, to) = (left - pad, right + pad);
        let against = self.against;
        let plot = Plot::new(("pareto", against == Against::Size))
            .height(height)
            .allow_drag(false)
            .allow_zoom(false)
            .allow_scroll(false)
            .allow_boxed_zoom(false)
            .allow_double_click_reset(false)
            .show_crosshair(false)
            .show_background(false)
            .grid_color(hairline)
            .grid_fade(0.0)
            .default_x_bounds(from, to)
            .default_y_bounds(low, high)
            .set_margin_fraction(Vec2::ZERO)
            .y_axis_min_width(64.0)
            .x_grid_spacer(round_steps)
            .y_grid_spacer(decades)
            .y_axis_label("KL, nats")
            .y_axis_formatter(|mark, _| if is_decade(mark.value) { nats(10.0_f64.powf(mark.value)) } else { String::new() })
            .x_axis_formatter(move |mark, _| match against {
                Against::Size => bytes(mark.value).on_disk(),
                Against::Speed => format!("{} tok/s", significant(mark.value)),
            })
            .label_formatter(|_| None);
        plot.show(ui, |plot| {
            plot.set_plot_bounds_x(from..=to);
            plot.set_plot_bounds_y(low..=high);
            if let Some(floor) = floor {
                let area = vec![[from, low], [to, low], [to, floor], [from, floor]];
                plot.polygon(Polygon::new("noise floor", PlotPoints::from(area)).fill_color(band).width(0.0).allow_hover(false));
                let edge = vec![[from, floor], [to, floor]];
                let edge = Line::new("", PlotPoints::from(edge)).color(secondary).width(1.0).style(LineStyle::dashed_dense());
                plot.line(edge.allow_hover(false));
            }
            let front = results.front(|run| cost(run, against));
            let place = |run: &usize| marks.iter().find(|mark| mark.run == *run).map(|mark| mark.at);
            let front: Vec<[f64; 2]> = front.iter().filter_map(place).collect();
            plot.line(Line::new("Pareto front", PlotPoints::from(front)).color(secondary).width(1.5).allow_hover(false));
            for mark in marks {
                let color = if mark.below { secondary } else { ink };
                let bar = vec![[mark.at[0], mark.bar[0]], [mark.at[0], mark.bar[1]]];
                plot.line(Line::new("", PlotPoints::from(bar)).color(color).width(1.5).allow_hover(false));
                let filled = !mark.below && !mark.preliminary;
                let point = Points::new("", PlotPoints::from(vec![mark.at])).color(color).radius(RADIUS).filled(filled);
                plot.points(point.allow_hover(false));
            }
        })
    }
}

fn cost(run: &Measured, against: Against) -> Option<f64> {
    match against {
        Against::Size => Some(run.candidate.mix.bytes.as_f64()),
        // The faster the better.
        Against::Speed => run.decode.map(|speed| -speed.0),
    }
}

fn marks(results: &Results, against: Against) -> Vec<Mark> {
    let mark = |(at, run): (usize, &Measured)| {
        let kld = run.summary?.kld;
        let log = |kl: f64| kl.max(LEAST).log10();
        Some(Mark {
            run: at,
            name: text::shown(&run.candidate.name, 32),
            at: [cost(run, against)?.abs(), log(kld.mean)],
            bar: [log(kld.mean - kld.stderr), log(kld.mean + kld.stderr)],
            below: results.is_below_floor(kld.mean),
            preliminary: run.is_preliminary(),
        })
    };
    results.candidates().filter_map(mark).collect()
}

/// Names beside the points, where there is room for them, and a ring around the one that is looked at.
fn names(ui: &Ui, response: &PlotResponse<()>, marks: &[Mark], chosen: Option<usize>, has_floor: bool) {
    let palette = theme::palette(ui);
    let area = response.response.rect;
    let painter = ui.painter_at(area);
    let font = theme::small_mono().resolve(ui.style());
    let places: Vec<egui::Pos2> = marks.iter().map(|mark| response.transform.position_from_point(&mark.at.into())).collect();
    let mut taken: Vec<Rect> = places.iter().map(|place| Rect::from_center_size(*place, Vec2::splat(RADIUS * 2.0 + 2.0))).collect();
    let first = chosen.and_then(|run| marks.iter().position(|mark| mark.run == run));
    for i in first.into_iter().chain((0..marks.len()).filter(|i| Some(*i) != first)) {
        let (mark, place) = (&marks[i], places[i]);
        if Some(mark.run) == chosen {
            painter.circle_stroke(place, RADIUS + 3.5, egui::Stroke::new(2.0, palette.accent));
        }
        let color = if mark.below { palette.secondary } else { palette.ink };
        let galley = painter.layout_no_wrap(mark.name.clone(), font.clone(), color);
        let size = galley.size();
        let tries = [
            (Align2::LEFT_CENTER, vec2(10.0, 0.0)),
            (Align2::RIGHT_CENTER, vec2(-10.0, 0.0)),
            (Align2::LEFT_BOTTOM, vec2(6.0, -6.0)),
            (Align2::LEFT_TOP, vec2(6.0, 6.0)),
            (Align2::RIGHT_BOTTOM, vec2(-6.0, -6.0)),
            (Align2::RIGHT_TOP, vec2(-6.0, 6.0)),
        ];
        let free = tries
            .into_iter()
            .map(|(align, by)| align.anchor_size(place + by, size))
            .find(|rect| area.contains_rect(*rect) && taken.iter().enumerate().all(|(j, other)| j == i || !other.intersects(*rect)));
        if let Some(rect) = free {
            painter.galley(rect.min, galley, color);
            taken.push(rect);
        }
    }
    if has_floor {
        let words = "not distinguishable here: below the noise floor";
        let galley = painter.layout_no_wrap(words.to_owned(), egui::TextStyle::Small.resolve(ui.style()), palette.secondary);
        let place = pos2(area.left() + 8.0, area.bottom() - galley.size().y - 4.0);
        let rect = Rect::from_min_size(place, galley.size());
        if !taken.iter().any(|other| other.intersects(rect)) {
            painter.galley(place, galley, palette.secondary);
        }
    }
}

fn told(results: &Results, mark: &Mark) -> String {
    let run = &results.runs[mark.run];
    let Some(summary) = run.summary else { return mark.name.clone() };
    let decode = run.decode.map_or_else(String::new, |speed| format!("\n{speed} answering"));
    let below = if mark.below { "\nnot distinguishable here" } else { "" };
    let first = if mark.preliminary { "\npreliminary" } else { "" };
    format!(
        "{}\n{}, {} bits per weight\nKL {} nats over {} positions\nsame top token {}{decode}{below}{first}",
        mark.name,
        run.candidate.mix.bytes.on_disk(),
        significant(run.candidate.mix.bits_per_weight()),
        with_error(summary.kld.mean, summary.kld.stderr),
        summary.positions,
        percent(summary.top1.value),
    )
}

fn described(results: &Results, marks: &[Mark], against: Against) -> String {
    let against = if against == Against::Size { "size" } else { "speed" };
    let all: Vec<String> =
        marks.iter().filter_map(|mark| Some(format!("{} {}", mark.name, nats(results.runs[mark.run].summary?.kld.mean)))).collect();
    format!("KL against {against}: {}", all.join(", "))
}

fn is_decade(log: f64) -> bool {
    (log - log.round()).abs() < 1e-6
}

/// Lines at powers of ten and at their multiples.
#[expect(clippy::needless_pass_by_value, reason = "the plot asks for this shape")]
fn decades(input: GridInput) -> Vec<GridMark> {
    let (low, high) = input.bounds;
    if !(low.is_finite() && high.is_finite() && high - low < 20.0) {
        return Vec::new();
    }
    #[expect(clippy::cast_possible_truncation, reason = "powers of ten between 1e-8 and 1e2")]
    let decades = (low.floor() as i32)..=(high.ceil() as i32);
    let near = high - low < 1.2;
    let marks = decades.flat_map(|decade| (1..10_u8).map(move |n| (n, f64::from(decade) + f64::from(n).log10())));
    marks
        .filter(|(n, value)| (*n == 1 || near) && (low..=high).contains(value))
        .map(|(n, value)| GridMark { value, step_size: if n == 1 { 1.0 } else { 0.1 } })
        .collect()
}

/// Some five lines at round numbers.
#[expect(clippy::needless_pass_by_value, reason = "the plot asks for this shape")]
fn round_steps(input: GridInput) -> Vec<GridMark> {
    let (low, high) = input.bounds;
    let span = high - low;
    if !(span.is_finite() && span > 0.0) {
        return Vec::new();
    }
    let power = 10.0_f64.powf((span / 5.0).log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|n| n * power).find(|step| span / step <= 6.0).unwrap_or(power * 10.0);
    let first = (low / step).ceil();
    (0..8_u32)
        .map(|i| (first + f64::from(i)) * step)
        .take_while(|value| *value <= high)
        .filter(|value| *value >= 0.0)
        .map(|value| GridMark { value, step_size: step })
        .collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes of a file")]
fn bytes(value: f64) -> Bytes {
    Bytes(value.max(0.0).round() as u64)
}
