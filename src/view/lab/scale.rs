//! KL divergence as a place on a logarithmic scale, as a colour, and as words.

use std::ops::RangeInclusive;

use egui::{Align2, Color32, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use crate::lab::advice::nats;
use crate::view::theme;

/// KL between which a word's colour changes, in nats.
pub const SHOWN: RangeInclusive<f64> = 0.003..=3.0;

/// Where a KL stands between the ends, 0 to 1.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "a share between 0 and 1")]
pub fn share(kld: f64) -> f32 {
    let (low, high) = (SHOWN.start().ln(), SHOWN.end().ln());
    (((kld.max(1e-12).ln() - low) / (high - low)).clamp(0.0, 1.0)) as f32
}

/// The colour behind a word.
#[must_use]
pub fn color(palette: &theme::Palette, kld: f64) -> Color32 {
    palette.divergence(share(kld))
}

/// The scale with its numbers.
pub fn legend(ui: &mut Ui, width: f32) {
    const MARKS: [f64; 4] = [0.003, 0.03, 0.3, 3.0];
    let (rect, response) = ui.allocate_exact_size(vec2(width, 28.0), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, "colours from 0.003 to 3 nats of KL divergence"));
    let palette = theme::palette(ui);
    let bar = Rect::from_min_max(pos2(rect.left(), rect.top()), pos2(rect.right(), rect.top() + 10.0));
    let steps = 48_u8;
    for step in 0..steps {
        let (from, to) = (f32::from(step) / f32::from(steps), f32::from(step + 1) / f32::from(steps));
        let x = |share: f32| bar.left() + bar.width() * share;
        ui.painter().rect_filled(
            Rect::from_min_max(pos2(x(from), bar.top()), pos2(x(to) + 0.5, bar.bottom())),
            0.0,
            palette.divergence(from),
        );
    }
    ui.painter().rect_stroke(bar, 0.0, theme::hairline(ui), egui::StrokeKind::Inside);
    let font = theme::small_mono().resolve(ui.style());
    for (i, mark) in MARKS.into_iter().enumerate() {
        let align = match i {
            0 => Align2::LEFT_BOTTOM,
            3 => Align2::RIGHT_BOTTOM,
            _ => Align2::CENTER_BOTTOM,
        };
        let x = bar.left() + bar.width() * share(mark);
        let words = if i == 3 { format!("{mark} nats") } else { mark.to_string() };
        ui.painter().text(pos2(x, rect.bottom()), align, words, font.clone(), palette.secondary);
    }
    response.on_hover_text(format!("KL divergence of each token, from {} nats and below to {} and above", nats(0.003), nats(3.0)));
}
