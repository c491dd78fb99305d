//! Memory against context as stacked areas, with the machine's ceiling and the chosen context. The figures are the plan's.

use std::sync::Arc;

use egui::{Stroke, Ui};
use egui_plot::{AxisHints, FilledArea, HLine, HoverPosition, LineStyle, Plot, VLine};

use crate::inspect::Model;
use crate::memory::plan::{self, Choice, KvDtype, Plan};
use crate::memory::{Part, Parts};
use crate::units::{Bytes, count};
use crate::view::{picture, theme};

/// The curve of the model that was drawn last.
#[derive(Default)]
pub struct Curve {
    drawn: Option<Drawn>,
}

struct Drawn {
    model: Arc<Model>,
    kv: KvDtype,
    upto: usize,
    points: Vec<(usize, Parts)>,
}

impl Curve {
    /// Draws the curve up to `longest`, or to four times the choice where that is much less, so that the choice can be seen.
    pub fn ui(&mut self, ui: &mut Ui, model: &Arc<Model>, plan: &Plan, longest: usize) {
        let upto = longest.min(plan.choice.context.saturating_mul(4).max(8_192)).max(plan::KV_BLOCK_TOKENS);
        let points = self.points(model, plan.choice, upto);
        let stack = stack(points);
        let highest = stack.last().and_then(|layer| layer.high.last()).copied().unwrap_or(1.0);
        let ceiling = plan.available.as_f64();
        let palette = theme::palette(ui);
        let xs: Vec<f64> = points.iter().map(|(context, _)| position(*context)).collect();
        let ceiling_seen = ceiling < highest * 2.5;
        let top = if ceiling_seen { ceiling.max(highest) * 1.12 } else { highest * 1.25 };
        let grid = palette.hairline();
        let step = nice_step(top);
        let font = theme::small_mono().resolve(ui.style());
        // labels stand far enough apart by our own spacing, so none of them needs to fade
        let axis = |hints: AxisHints<'static>| {
            hints.tick_label_font(font.clone()).tick_label_color(palette.secondary).label_spacing(egui::Rangef::new(8.0, 16.0))
        };

        let plot = Plot::new("memory against context")
            .height(168.0)
            .width(ui.available_width() - 12.0)
            .set_margin_fraction(egui::Vec2::ZERO)
            .show_background(false)
            .allow_zoom(false)
            .allow_drag(false)
            .allow_scroll(false)
            .allow_boxed_zoom(false)
            .allow_axis_zoom_drag(false)
            .allow_double_click_reset(false)
            .show_crosshair(false)
            .grid_color(grid)
            .grid_fade(0.0)
            .default_x_bounds(0.0, position(upto))
            .default_y_bounds(0.0, top)
            .sense(egui::Sense::hover())
            .x_grid_spacer(move |_| marks(position(upto) / 4.0, position(upto)))
            .y_grid_spacer(move |_| marks(step, top))
            .custom_x_axes(vec![axis(AxisHints::new_x()).formatter(|mark, _| context_words(mark.value))])
            .custom_y_axes(vec![axis(AxisHints::new_y()).min_thickness(64.0).formatter(|mark, _| bytes_words(mark.value))])
            .reset()
            .label_formatter(hover(points));
        picture::savable(ui, "memory against context", |ui| {
            plot.show(ui, |plot| {
                for layer in &stack {
                    let area = FilledArea::new(layer.part.word(), &xs, &layer.low, &layer.high).fill_color(palette.part(layer.part));
                    plot.add(area.stroke(Stroke::new(1.0, palette.raised)).allow_hover(false));
                }
                if ceiling_seen {
                    let line = HLine::new("available", ceiling).stroke(Stroke::new(1.5, palette.danger)).style(LineStyle::dashed_dense());
                    plot.hline(line.allow_hover(false));
                }
                let chosen = VLine::new("chosen", position(plan.choice.context)).stroke(Stroke::new(1.5, palette.ink));
                plot.vline(chosen.allow_hover(false));
            })
        });
    }

    fn points(&mut self, model: &Arc<Model>, choice: Choice, upto: usize) -> &[(usize, Parts)] {
        let fresh = |drawn: &Drawn| Arc::ptr_eq(&drawn.model, model) && drawn.kv == choice.kv && drawn.upto == upto;
        if !self.drawn.as_ref().is_some_and(fresh) {
            let points = plan::curve(model, choice, upto);
            self.drawn = Some(Drawn { model: Arc::clone(model), kv: choice.kv, upto, points });
        }
        self.drawn.as_ref().map_or(&[], |drawn| &drawn.points)
    }
}

/// One part's area over all points.
struct Layer {
    part: Part,
    low: Vec<f64>,
    high: Vec<f64>,
}

/// The parts on top of each other; staging is gone once the model is loaded.
fn stack(points: &[(usize, Parts)]) -> Vec<Layer> {
    let mut floor = vec![0.0; points.len()];
    let mut layers = Vec::new();
    for part in [Part::Weights, Part::Tokenizer, Part::Activations, Part::KvCache] {
        let height = |parts: &Parts| parts.get(part).unwrap_or_default().as_f64();
        let high: Vec<f64> = floor.iter().zip(points).map(|(low, (_, parts))| low + height(parts)).collect();
        layers.push(Layer { part, low: floor, high: high.clone() });
        floor = high;
    }
    layers
}

fn hover(points: &[(usize, Parts)]) -> impl Fn(&HoverPosition<'_>) -> Option<String> + '_ {
    |position| {
        let (HoverPosition::NearDataPoint { position, .. } | HoverPosition::Elsewhere { position }) = position;
        let nearest = points
            .iter()
            .min_by(|(a, _), (b, _)| (self::position(*a) - position.x).abs().total_cmp(&(self::position(*b) - position.x).abs()))?;
        let (context, parts) = nearest;
        let part = |part: Part| parts.get(part).map(|bytes| format!("\n{}: {bytes}", part.word())).unwrap_or_default();
        let all = parts.sum() - parts.staging.unwrap_or_default();
        let lines: String = [Part::KvCache, Part::Activations, Part::Tokenizer, Part::Weights].map(part).concat();
        Some(format!("context {}: {all} planned{lines}", crate::units::grouped(*context as u64)))
    }
}

fn marks(step: f64, top: f64) -> Vec<egui_plot::GridMark> {
    let mark = |i: u32| egui_plot::GridMark { value: f64::from(i) * step, step_size: step };
    (0..=8).map(mark).take_while(|mark| mark.value <= top * 1.001).collect()
}

/// A power of two that divides `top` into two to four.
fn nice_step(top: f64) -> f64 {
    let rough = (top / 3.0).max(1024.0);
    rough.log2().round().exp2()
}

#[expect(clippy::cast_precision_loss, reason = "contexts are at most a million")]
const fn position(context: usize) -> f64 {
    context as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive and far below 2^53")]
fn context_words(value: f64) -> String {
    count(value.round().max(0.0) as u64)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive and far below 2^63")]
fn bytes_words(value: f64) -> String {
    if value <= 0.0 {
        return String::new();
    }
    Bytes(value.round().max(0.0) as u64).in_memory()
}
