//! What colours mean, in numbers, and how near one is.

use egui::{Align, Align2, Layout, Mesh, Rect, Shape, Ui, pos2, vec2};

use super::camera::MatrixCamera;
use super::map::Tint;
use super::paint::Paint;
use crate::inspect::Model;
use crate::inspect::pyramid::Reduce;
use crate::state::browse::Browsing;
use crate::units::{count, percent, significant};
use crate::view::theme::{self, Palette};
use crate::view::widgets;

/// Its height below the picture.
pub const HEIGHT: f32 = 44.0;
/// The width of the bar of colours.
const BAR: f32 = 168.0;
/// Steps of the bar.
const STEPS: usize = 48;

/// The legend of the map.
pub fn map(ui: &mut Ui, tint: Tint, largest: f64, words: &str) {
    line(ui, words, |ui, bar, palette| match tint {
        Tint::Bits => {
            // From 2 to 32 bits in steps of a doubling.
            gradient(ui, bar, |share| palette.bits_per_weight(2.0_f64.powf(f64::from(share).mul_add(4.0, 1.0))));
            for (n, bits) in [2, 4, 8, 16, 32].into_iter().enumerate() {
                #[expect(clippy::cast_precision_loss, reason = "five marks")]
                mark(ui, bar, n as f32 / 4.0, &bits.to_string());
            }
        }
        Tint::Std | Tint::AbsMax | Tint::Kurtosis => {
            gradient(ui, bar, |share| palette.magnitude(share));
            mark(ui, bar, 0.0, "0");
            mark(ui, bar, 0.5, &significant(largest / 4.0));
            mark(ui, bar, 1.0, &significant(largest));
        }
    });
}

/// The legend of a matrix.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "words for a person")]
pub fn matrix(ui: &mut Ui, camera: &MatrixCamera, view: Rect, browsing: &Browsing, paint: Option<Paint>, reduce: Reduce, model: &Model) {
    let [cols, rows] = camera.seen(view);
    let seen = (cols[1] - cols[0]) as u64 * (rows[1] - rows[0]) as u64;
    let cell = camera.cell(view);
    let many = |points: f64| if points >= 1.0 { 1 } else { (1.0 / points).round() as u64 };
    let for_each = match (many(cell[0]), many(cell[1])) {
        (1, 1) => "every value is drawn".to_owned(),
        (across, down) => {
            let what = match reduce {
                Reduce::Mean => "mean",
                Reduce::AbsMax => "largest magnitude",
                Reduce::SignedExtreme => "farthest from zero",
            };
            format!("{what} of {down} × {across}")
        }
    };
    let read = browsing.picture.as_ref().map_or(0.0, |picture| picture.share_read());
    let partly = if read < 1.0 { format!(" · {} read", percent(read)) } else { String::new() };
    #[expect(clippy::cast_precision_loss, reason = "for a person to read")]
    let nearness = model.parameters as f64 / (seen.max(1) as f64);
    let words = format!("{for_each}{partly} · {} in view · × {}", count(seen), magnified(nearness));
    line(ui, &words, |ui, bar, palette| {
        let Some(paint) = paint else { return };
        let end = significant(f64::from(paint.end));
        if paint.reduce == Reduce::AbsMax {
            gradient(ui, bar, |share| palette.magnitude(share));
            mark(ui, bar, 0.0, "0");
        } else {
            gradient(ui, bar, |share| palette.signed_value(share.mul_add(2.0, -1.0)));
            mark(ui, bar, 0.0, &format!("−{end}"));
            mark(ui, bar, 0.5, "0");
        }
        mark(ui, bar, 1.0, &end);
    });
}

/// A magnification: `1,200` or `3.1 · 10⁹`.
fn magnified(times: f64) -> String {
    if times < 100_000.0 {
        return significant(times);
    }
    let power = times.log10().floor();
    #[expect(clippy::cast_possible_truncation, reason = "a small number")]
    let digits: String =
        (power as i32).to_string().chars().filter_map(|digit| "⁰¹²³⁴⁵⁶⁷⁸⁹".chars().nth(digit.to_digit(10)? as usize)).collect();
    format!("{:.1} · 10{digits}", times / 10.0_f64.powf(power))
}

fn line(ui: &mut Ui, words: &str, bar: impl FnOnce(&Ui, Rect, &Palette)) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT), egui::Sense::hover());
    let place = Rect::from_min_size(pos2(rect.left() + 36.0, rect.top() + 10.0), vec2(BAR, 8.0));
    bar(ui, place, theme::palette(ui));
    let right = Rect::from_min_max(pos2(place.right() + 32.0, rect.top()), rect.max - vec2(12.0, 0.0));
    widgets::cell(ui, right, Layout::right_to_left(Align::Center), |ui| {
        widgets::small(ui, words);
    });
}

#[expect(clippy::cast_precision_loss, reason = "a few steps")]
fn gradient(ui: &Ui, bar: Rect, color: impl Fn(f32) -> egui::Color32) {
    let mut mesh = Mesh::default();
    for step in 0..=STEPS {
        let share = step as f32 / STEPS as f32;
        let x = bar.left() + bar.width() * share;
        mesh.colored_vertex(pos2(x, bar.top()), color(share));
        mesh.colored_vertex(pos2(x, bar.bottom()), color(share));
        if step > 0 {
            let n = u32::try_from(2 * step).unwrap_or(0);
            mesh.add_triangle(n - 2, n - 1, n);
            mesh.add_triangle(n - 1, n, n + 1);
        }
    }
    ui.painter().add(Shape::mesh(mesh));
}

fn mark(ui: &Ui, bar: Rect, share: f32, words: &str) {
    let color = theme::secondary(ui);
    let at = pos2(bar.left() + bar.width() * share, bar.bottom() + 3.0);
    ui.painter().text(at, Align2::CENTER_TOP, words, theme::small_mono().resolve(ui.style()), color);
}
