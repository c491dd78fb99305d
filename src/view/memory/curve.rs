//! What a model takes at each context, stacked by part, against what the machine can give.

use std::fmt::Write as _;
use std::sync::Arc;

use egui::{Role, Ui, WidgetInfo};
use egui_plot::{HLine, HoverPosition, Line, LineStyle, Plot, PlotPoints, VLine};

use super::live::{bytes, powers_of_two};
use crate::inspect::Model;
use crate::memory::plan::{Choice, Plan, curve};
use crate::memory::{Part, Parts};
use crate::units::grouped;
use crate::view::{picture, theme};

/// The parts that stay allocated, the lowest first.
const STACK: [Part; 4] = [Part::Weights, Part::KvCache, Part::Activations, Part::Tokenizer];

/// The curve of one model, computed once for each choice.
#[derive(Debug, Default)]
pub struct Curve {
    key: Option<(usize, Choice)>,
    points: Vec<(usize, Parts)>,
}

impl Curve {
    /// Draws it.
    pub fn ui(&mut self, ui: &mut Ui, model: &Arc<Model>, plan: &Plan) {
        // the curve covers all contexts, so moving the context does not change it
        let choice = Choice { context: 0, ..plan.choice };
        let key = (Arc::as_ptr(model).addr(), choice);
        if self.key != Some(key) {
            self.key = Some(key);
            let trained = model.spec.as_ref().map_or(0, |spec| spec.n_ctx_train);
            self.points = curve(model, plan.choice, trained.max(plan.choice.context).max(1));
        }
        let palette = theme::palette(ui);
        let (hairline, ink, secondary) = (palette.hairline(), palette.ink, palette.secondary);
        let highest = self.points.last().map_or(1.0, |(_, parts)| sum(parts, STACK.len()));
        let available = plan.available.as_f64();
        let points = &self.points;
        let plot = Plot::new("curve by context")
            .height(200.0)
            .allow_drag(false)
            .allow_zoom(false)
            .allow_scroll(false)
            .allow_boxed_zoom(false)
            .show_background(false)
            .grid_color(hairline)
            .grid_fade(0.0)
            .include_y(0.0)
            .include_y(highest * 1.1)
            .set_margin_fraction(egui::vec2(0.01, 0.0))
            .y_axis_min_width(76.0)
            .x_grid_spacer(powers_of_two)
            .y_grid_spacer(powers_of_two)
            .y_axis_formatter(|mark, _| bytes(mark.value).in_memory())
            .x_axis_formatter(|mark, _| if mark.value < 0.0 { String::new() } else { grouped(bytes(mark.value).0) })
            .label_formatter(|position| hovered(position, points));
        let response = picture::savable(ui, "memory by context", |ui| {
            plot.show(ui, |plot| {
                for n in (1..=STACK.len()).rev() {
                    let part = STACK[n - 1];
                    let line: Vec<[f64; 2]> = points.iter().map(|(context, parts)| [bytes_f64(*context), sum(parts, n)]).collect();
                    let color = palette.part(part);
                    plot.line(Line::new(part.word(), PlotPoints::from(line)).color(color).width(1.0).fill(0.0).fill_alpha(1.0));
                }
                plot.vline(VLine::new("context", bytes_f64(plan.choice.context)).color(ink).width(1.0).style(LineStyle::dashed_dense()));
                if available <= highest * 1.1 {
                    plot.hline(HLine::new("available", available).color(secondary).width(1.5));
                }
            })
        });
        let words = format!("memory by context, {} tokens chosen, {} in all", grouped(plan.choice.context as u64), plan.total);
        response.response.widget_info(|| WidgetInfo::labeled(Role::Image, true, words.clone()));
    }
}

/// The lowest `n` parts of the stack together.
fn sum(parts: &Parts, n: usize) -> f64 {
    STACK[..n].iter().filter_map(|&part| parts.get(part)).map(crate::units::Bytes::as_f64).sum()
}

fn hovered(position: &HoverPosition<'_>, points: &[(usize, Parts)]) -> Option<String> {
    let HoverPosition::NearDataPoint { plot_name, position, .. } = position else { return None };
    if matches!(*plot_name, "context" | "available") {
        return Some((*plot_name).to_owned());
    }
    let (context, parts) =
        points.iter().min_by(|a, b| (bytes_f64(a.0) - position.x).abs().total_cmp(&(bytes_f64(b.0) - position.x).abs()))?;
    let mut words = format!("{} tokens, planned", grouped(*context as u64));
    for part in STACK {
        if let Some(bytes) = parts.get(part) {
            let _ = write!(words, "\n{}: {bytes} ({})", part.word(), bytes.exact());
        }
    }
    Some(words)
}

#[expect(clippy::cast_precision_loss, reason = "contexts are far below 2^53")]
const fn bytes_f64(n: usize) -> f64 {
    n as f64
}
