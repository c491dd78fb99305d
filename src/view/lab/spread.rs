//! How KL is spread over the tokens: one large histogram, and the ladder as small ones with the same axes.

use egui::{Align2, Rect, Response, Role, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};

use crate::file::text;
use crate::lab::advice::nats;
use crate::lab::statistics::Histogram;
use crate::state::lab::{Measured, Results};
use crate::units::{grouped, percent};
use crate::view::{picture, theme, widgets};

/// The size of a small one.
const SMALL: egui::Vec2 = vec2(148.0, 78.0);
/// Between these the axis runs, in powers of ten: below and above there is next to nothing.
const DECADES: [f64; 2] = [-6.0, 1.0];

/// The ladder as small multiples, the largest first; the run that was clicked.
pub fn multiples(ui: &mut Ui, results: &Results) -> Option<usize> {
    let runs = results.by_size();
    if runs.is_empty() {
        return None;
    }
    widgets::section(ui, "KL per token");
    widgets::small(ui, "how many tokens diverge how much, from 1e-6 to 10 nats; the line is the mean");
    let looked_at = results.looked_at();
    let mut clicked = None;
    picture::savable(ui, "KL per token, the ladder", |ui| {
        ui.spacing_mut().item_spacing = vec2(12.0, 8.0);
        ui.horizontal_wrapped(|ui| {
            for run in runs {
                if small(ui, &results.runs[run], results, looked_at == Some(run)).clicked() {
                    clicked = Some(run);
                }
            }
        });
    });
    clicked
}

fn small(ui: &mut Ui, run: &Measured, results: &Results, chosen: bool) -> Response {
    let (rect, response) = ui.allocate_exact_size(SMALL, Sense::click());
    let name = text::shown(&run.candidate.name, 22);
    let Some((histogram, summary)) = run.histogram.as_ref().zip(run.summary.as_ref()) else { return response };
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, chosen, format!("KL per token of {name}")));
    if !ui.is_rect_visible(rect) {
        return response;
    }
    let palette = theme::palette(ui);
    let fill = if chosen { palette.selected() } else { theme::mix(palette.surface, palette.ink, 0.03) };
    ui.painter().rect_filled(rect, theme::CORNER, fill);
    if response.has_focus() {
        ui.painter().rect_stroke(rect, theme::CORNER, theme::focus(ui), egui::StrokeKind::Inside);
    }
    let mono = theme::small_mono().resolve(ui.style());
    ui.painter().text(rect.left_top() + vec2(6.0, 4.0), Align2::LEFT_TOP, &name, mono.clone(), palette.ink);
    ui.painter().text(rect.right_top() + vec2(-6.0, 4.0), Align2::RIGHT_TOP, nats(summary.kld.mean), mono, palette.secondary);
    let area = Rect::from_min_max(rect.left_top() + vec2(6.0, 22.0), rect.right_bottom() - vec2(6.0, 5.0));
    bars(ui, area, histogram, results, summary.kld.mean, chosen);
    response.on_hover_text(format!(
        "{}: mean {}, median {}, 99 % {} nats over {} tokens",
        run.candidate.name,
        nats(summary.kld.mean),
        nats(summary.kld.median),
        nats(summary.kld.p99),
        summary.positions
    ))
}

/// Where a KL stands on the axis.
#[expect(clippy::cast_possible_truncation, reason = "a place on the screen")]
fn x(area: Rect, kld: f64) -> f32 {
    let share = (kld.max(1e-12).log10() - DECADES[0]) / (DECADES[1] - DECADES[0]);
    area.left() + area.width() * share.clamp(0.0, 1.0) as f32
}

#[expect(clippy::cast_precision_loss, reason = "counts of tokens")]
fn bars(ui: &Ui, area: Rect, histogram: &Histogram, results: &Results, mean: f64, strong: bool) {
    let palette = theme::palette(ui);
    let painter = ui.painter();
    if let Some(floor) = results.noise_floor() {
        let band = Rect::from_min_max(area.min, pos2(x(area, floor.kld.mean), area.bottom()));
        painter.rect_filled(band, 0.0, theme::mix(palette.surface, palette.ink, 0.08));
    }
    let most = histogram.counts.iter().copied().max().unwrap_or(0).max(1) as f32;
    let color = if strong { palette.ink } else { palette.secondary };
    for (bin, &count) in histogram.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let (left, right) = (x(area, histogram.edges[bin]), x(area, histogram.edges[bin + 1]));
        if right - left < 0.1 {
            continue;
        }
        let top = area.bottom() - (area.height() * count as f32 / most).max(1.0);
        painter.rect_filled(Rect::from_min_max(pos2(left + 0.25, top), pos2(right - 0.25, area.bottom())), 0.0, color);
    }
    painter.hline(area.x_range(), area.bottom(), theme::hairline(ui));
    painter.vline(x(area, mean), area.y_range(), Stroke::new(1.5, palette.signed[1]));
}

/// The histogram of a run, with its numbers.
pub fn histogram(ui: &mut Ui, run: &Measured, results: &Results) {
    let Some((histogram, summary)) = run.histogram.as_ref().zip(run.summary.as_ref()) else { return };
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 132.0), Sense::hover());
    let kld = summary.kld;
    let words = format!(
        "histogram of KL per token of {}: median {}, mean {}, 99 % below {}, largest {} nats",
        run.candidate.name,
        nats(kld.median),
        nats(kld.mean),
        nats(kld.p99),
        nats(kld.max)
    );
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &words));
    if !ui.is_rect_visible(rect) {
        return;
    }
    let palette = theme::palette(ui);
    let area = Rect::from_min_max(rect.left_top() + vec2(0.0, 4.0), rect.right_bottom() - vec2(0.0, 18.0));
    bars(ui, area, histogram, results, kld.mean, false);
    let mono = theme::small_mono().resolve(ui.style());
    for decade in -6..=1_i32 {
        let value = 10.0_f64.powi(decade);
        let at = x(area, value);
        let align = match decade {
            -6 => Align2::LEFT_BOTTOM,
            1 => Align2::RIGHT_BOTTOM,
            _ => Align2::CENTER_BOTTOM,
        };
        ui.painter().vline(at, area.bottom()..=area.bottom() + 3.0, theme::hairline(ui));
        let words = if decade >= -2 { value.to_string() } else { format!("1e{decade}") };
        ui.painter().text(pos2(at, rect.bottom()), align, words, mono.clone(), palette.secondary);
    }
    for value in [kld.median, kld.p99] {
        ui.painter().vline(x(area, value), area.y_range(), Stroke::new(1.0, palette.ink));
    }
    picture::can_be_saved(ui, rect, &format!("KL per token of {}", run.candidate.name));
    if let Some(pointer) = response.hover_pos() {
        let bin = (0..histogram.counts.len()).find(|&bin| pointer.x < x(area, histogram.edges[bin + 1]));
        if let Some(bin) = bin {
            #[expect(clippy::cast_precision_loss, reason = "counts of tokens")]
            let share = histogram.counts[bin] as f64 / summary.positions.max(1) as f64;
            let told = format!(
                "{} to {} nats\n{} tokens, {}\n\nmean {} (red), median {}, 99 % {}",
                nats(histogram.edges[bin]),
                nats(histogram.edges[bin + 1]),
                grouped(histogram.counts[bin] as u64),
                percent(share),
                nats(kld.mean),
                nats(kld.median),
                nats(kld.p99)
            );
            response.on_hover_text_at_pointer(egui::RichText::new(told).monospace());
        }
    }
}
