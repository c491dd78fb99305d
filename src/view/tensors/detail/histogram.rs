//! How often which value occurs, with the values that a block could hold drawn over it.
//!
//! Bins are put together so that each point of width has its exact share of them; none is left out.
#![expect(clippy::similar_names, reason = "state is what is drawn, stats what was counted")]

use egui::{Rect, Role, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};

use super::section;
use crate::inspect::stats::{Histogram, Stats};
use crate::kernels::dequantize::anatomy::BlockParts;
use crate::message::browse::{Block, What};
use crate::state::State;
use crate::units::{grouped, percent, real};
use crate::view::{picture, theme, widgets};

const HEIGHT: f32 = 128.0;
/// Standard deviations to both sides that "middle" shows.
const MIDDLE: f64 = 4.0;
/// Lines of unused values nearer to each other than this are left out.
const NEAREST: f64 = 2.5;

/// How it is drawn.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Options {
    /// Counts by their logarithm.
    log: bool,
    /// Only what lies around the mean.
    middle: bool,
}

impl Options {
    pub(super) fn ui(&mut self, ui: &mut Ui, state: &State) {
        let Some((stats, _)) = &state.browsing.stats else { return };
        let Some(histogram) = &stats.histogram else { return };
        section(ui, "Histogram");
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = vec2(theme::GRID, 4.0);
            if let Some(log) = widgets::segmented(ui, "Counts", self.log, &[(false, "Linear"), (true, "Log")]) {
                self.log = log;
            }
            if let Some(middle) = widgets::segmented(ui, "Range", self.middle, &[(false, "All"), (true, "Middle")]) {
                self.middle = middle;
            }
        });
        let range = if self.middle { middle(stats, histogram) } else { whole(histogram) };
        let is_values = state.browsing.subject.as_ref().is_some_and(|subject| matches!(subject.what, What::Values { .. }));
        let block = state.browsing.block.ready().filter(|_| is_values);
        let lines = block.map(|block| overlay(&block.parts, block.index)).unwrap_or_default();
        picture::savable(ui, "histogram", |ui| {
            self.draw(ui, stats, histogram, range, &lines);
            legend(ui, stats, histogram, range, block.map(|block| &**block), &lines);
        });
    }

    fn draw(self, ui: &mut Ui, stats: &Stats, histogram: &Histogram, range: [f64; 2], lines: &[(f64, bool)]) {
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Image, true, described(stats, range, lines)));
        let palette = theme::palette(ui);
        let painter = ui.painter_at(rect);
        painter.rect_filled(rect, 0.0, theme::mix(palette.surface, palette.ink, 0.04));
        let scale = ui.pixels_per_point();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "points of a screen")]
        let n = ((rect.width() * scale).floor().max(1.0)) as usize;
        let columns = density(&histogram.counts, places(histogram, range), n);
        let most = columns.iter().copied().fold(0.0, f64::max);
        let height = |count: f64| if self.log { count.ln_1p() / most.ln_1p() } else { count / most };
        for (at, &count) in columns.iter().enumerate() {
            if count <= 0.0 {
                continue;
            }
            #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "points of a screen")]
            let (left, top) = (rect.left() + at as f32 / scale, rect.bottom() - (height(count) as f32 * (rect.height() - 4.0)).max(1.0));
            painter.rect_filled(Rect::from_min_max(pos2(left, top), pos2(left + 1.0 / scale, rect.bottom())), 0.0, palette.secondary);
        }
        #[expect(clippy::cast_possible_truncation, reason = "points of a screen")]
        let x = |value: f64| rect.left() + ((value - range[0]) / (range[1] - range[0])) as f32 * rect.width();
        let dense = lines.len() > 1 && f64::from(rect.width()) * spacing(lines) / (range[1] - range[0]) < NEAREST;
        let strong = Stroke::new(if dense { 1.0 } else { 1.5 }, palette.accent);
        let faint = Stroke::new(1.0, theme::mix(palette.surface, palette.accent, 0.45));
        // Where there are many lines they stand below, so that the bars are seen.
        let lines_in = if dense { rect.bottom() - rect.height() / 4.0..=rect.bottom() } else { rect.top()..=rect.bottom() };
        for &(value, used) in lines {
            if used {
                painter.vline(x(value), lines_in.clone(), strong);
            } else if !dense {
                painter.vline(x(value), rect.y_range(), faint);
            }
        }
        if (range[0]..=range[1]).contains(&0.0) {
            painter.vline(x(0.0), rect.bottom() - 5.0..=rect.bottom(), Stroke::new(1.0, palette.ink));
        }
        if let Some(pointer) = response.hover_pos() {
            let share = f64::from((pointer.x - rect.left()) / rect.width());
            let told = hovered(stats, histogram, range[0] + share * (range[1] - range[0]));
            response.on_hover_text_at_pointer(egui::RichText::new(told).monospace());
        }
    }
}

/// The bins as `n` columns between two places among them: each has its exact share of the counts.
#[must_use]
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "4,096 bins")]
pub fn density(counts: &[u64], [from, to]: [f64; 2], n: usize) -> Vec<f64> {
    let width = (to - from) / n as f64;
    let column = |at: usize| {
        let (low, high) = (from + at as f64 * width, from + (at + 1) as f64 * width);
        let bins = low.max(0.0) as usize..(high.ceil().max(0.0) as usize).min(counts.len());
        bins.map(|bin| {
            let shared = (high.min(bin as f64 + 1.0) - low.max(bin as f64)).max(0.0);
            counts[bin] as f64 * shared
        })
        .sum()
    };
    (0..n).map(column).collect()
}

/// The values that the group of a block's weight could have, and which of them it has.
#[must_use]
pub fn overlay(parts: &BlockParts, index: usize) -> Vec<(f64, bool)> {
    let len = parts.group_len.max(1);
    let group = index / len;
    let grid = parts.grid(group);
    let mut used = vec![false; grid.len()];
    for &value in parts.values.iter().skip(group * len).take(len) {
        let above = grid.partition_point(|&line| line < value);
        let miss = |at: usize| grid.get(at).map_or(f32::INFINITY, |line| (line - value).abs());
        let at = if above > 0 && miss(above - 1) < miss(above) { above - 1 } else { above };
        if let Some(used) = used.get_mut(at) {
            *used = true;
        }
    }
    grid.into_iter().map(f64::from).zip(used).collect()
}

/// The smallest distance of two lines.
fn spacing(lines: &[(f64, bool)]) -> f64 {
    lines.windows(2).map(|pair| pair[1].0 - pair[0].0).fold(f64::INFINITY, f64::min)
}

fn edge(histogram: &Histogram, n: usize) -> f64 {
    histogram.bins.edge(n).into()
}

fn whole(histogram: &Histogram) -> [f64; 2] {
    [edge(histogram, 0), edge(histogram, histogram.counts.len())]
}

fn middle(stats: &Stats, histogram: &Histogram) -> [f64; 2] {
    let all = whole(histogram);
    let (Some(mean), Some(std)) = (stats.mean(), stats.std().filter(|&std| std > 0.0)) else { return all };
    [(mean - MIDDLE * std).max(all[0]), (mean + MIDDLE * std).min(all[1])]
}

/// Where values lie among the bins.
#[expect(clippy::cast_precision_loss, reason = "4,096 bins")]
fn places(histogram: &Histogram, range: [f64; 2]) -> [f64; 2] {
    let [low, high] = whole(histogram);
    let bins = histogram.counts.len() as f64;
    if high > low { range.map(|value| (value - low) / (high - low) * bins) } else { [0.0, bins] }
}

fn hovered(stats: &Stats, histogram: &Histogram, value: f64) -> String {
    let [low, high] = whole(histogram);
    let share = if high > low { (value - low) / (high - low) } else { 0.0 };
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "4,096 bins")]
    let bin = ((share * histogram.counts.len() as f64).max(0.0) as usize).min(histogram.counts.len().saturating_sub(1));
    let Some(&count) = histogram.counts.get(bin) else { return String::new() };
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let of = count as f64 / stats.moments.count.max(1) as f64;
    format!("{} to {}\n{} values, {}", real(edge(histogram, bin)), real(edge(histogram, bin + 1)), grouped(count), percent(of))
}

fn described(stats: &Stats, range: [f64; 2], lines: &[(f64, bool)]) -> String {
    let mut words = format!("histogram of {} values from {} to {}", grouped(stats.moments.count), real(range[0]), real(range[1]));
    if !lines.is_empty() {
        words = format!("{words}; {}", used(lines));
    }
    words
}

/// `11 of 16 codes used`.
fn used(lines: &[(f64, bool)]) -> String {
    let used = lines.iter().filter(|(_, used)| *used).count();
    format!("{used} of {} codes used", lines.len())
}

#[expect(clippy::float_cmp, reason = "the range is the whole one or a part of it")]
fn legend(ui: &mut Ui, stats: &Stats, histogram: &Histogram, range: [f64; 2], block: Option<&Block>, lines: &[(f64, bool)]) {
    ui.horizontal(|ui| {
        widgets::small(ui, real(range[0]));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| widgets::small(ui, real(range[1])));
    });
    if range != whole(histogram) {
        let inside: f64 = density(&histogram.counts, places(histogram, range), 1).iter().sum();
        #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
        let outside = 1.0 - inside / stats.moments.count.max(1) as f64;
        widgets::small(ui, format!("{} of the values lie further out", percent(outside.max(0.0))));
    }
    if let Some(block) = block {
        let group = block.index / block.parts.group_len.max(1);
        if lines.is_empty() {
            return;
        }
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = 6.0;
            let color = theme::accent(ui);
            widgets::swatch(ui, color);
            let of = if block.parts.scales.len() > 1 { format!("group {group} of the block: ") } else { "the block: ".to_owned() };
            widgets::help(widgets::small(ui, format!("{of}{}", used(lines))), "codes");
        });
    }
}
