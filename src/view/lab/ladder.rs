//! The quant slider: the measured candidates on one rail, the largest at the left.

use egui::{Key, Rect, Role, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};

use crate::file::text;
use crate::state::lab::Results;
use crate::view::theme;

/// The radius of the handle.
const HANDLE: f32 = 8.0;

/// Draws the slider; the run that was chosen, if another one was.
pub fn ui(ui: &mut Ui, results: &Results) -> Option<usize> {
    let runs = results.by_size();
    let looked_at = results.looked_at();
    let now = runs.iter().position(|run| Some(*run) == looked_at).unwrap_or(0);
    let last = runs.len().checked_sub(1)?;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 44.0), Sense::click_and_drag());
    let name = |at: usize| text::shown(&results.runs[runs[at]].candidate.name, 40);
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::Slider, true, format!("Quantization: {}", name(now)));
        #[expect(clippy::cast_precision_loss, reason = "a few candidates")]
        let value = now as f64;
        info.value = Some(value);
        info
    });
    let rail = rect.x_range().shrink(HANDLE + 4.0);
    #[expect(clippy::cast_precision_loss, reason = "a few candidates")]
    let x = |at: usize| if last == 0 { rail.center() } else { rail.min + rail.span() * at as f32 / last as f32 };
    let mut chosen = now;
    if (response.dragged() || response.clicked())
        && let Some(pointer) = response.interact_pointer_pos()
    {
        chosen = (0..=last).min_by(|&a, &b| (x(a) - pointer.x).abs().total_cmp(&(x(b) - pointer.x).abs())).unwrap_or(now);
        response.request_focus();
    }
    if response.has_focus() {
        let (left, right) = ui.input_mut(|input| {
            let none = egui::Modifiers::NONE;
            (
                input.consume_key(none, Key::ArrowLeft) || input.consume_key(none, Key::ArrowDown),
                input.consume_key(none, Key::ArrowRight) || input.consume_key(none, Key::ArrowUp),
            )
        });
        chosen = if left {
            now.saturating_sub(1)
        } else if right {
            (now + 1).min(last)
        } else {
            chosen
        };
        // The arrows move the handle and not the focus.
        let filter = egui::EventFilter { horizontal_arrows: true, vertical_arrows: true, ..Default::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
    }
    paint(ui, rect, last, chosen, &x, &name, response.has_focus() || response.hovered());
    (chosen != now).then(|| runs[chosen])
}

fn paint(ui: &Ui, rect: Rect, last: usize, chosen: usize, x: &dyn Fn(usize) -> f32, name: &dyn Fn(usize) -> String, focus: bool) {
    let palette = theme::palette(ui);
    let painter = ui.painter();
    let y = rect.top() + HANDLE + 4.0;
    painter.hline(x(0)..=x(last), y, Stroke::new(4.0, theme::mix(palette.surface, palette.ink, 0.24)));
    let small = theme::small_mono().resolve(ui.style());
    let mut free = f32::NEG_INFINITY;
    let chosen_width = painter.layout_no_wrap(name(chosen), small.clone(), palette.ink).size().x;
    let place = |at: usize, width: f32| (x(at) - width / 2.0).clamp(rect.left(), (rect.right() - width).max(rect.left()));
    let around = place(chosen, chosen_width) - 10.0..=place(chosen, chosen_width) + chosen_width + 10.0;
    for at in 0..=last {
        painter.circle_filled(pos2(x(at), y), 3.5, palette.secondary);
        let color = if at == chosen { palette.ink } else { palette.secondary };
        let galley = painter.layout_no_wrap(name(at), small.clone(), color);
        let left = place(at, galley.size().x);
        let right = left + galley.size().x;
        let hidden = at != chosen && (left < free || (left < *around.end() && right > *around.start()));
        if !hidden {
            painter.galley(pos2(left, rect.bottom() - galley.size().y), galley, color);
            free = right + 10.0;
        }
    }
    let center = pos2(x(chosen), y);
    painter.circle_filled(center, HANDLE, palette.accent);
    if focus {
        painter.circle_stroke(center, HANDLE + 3.0, theme::focus(ui));
    }
}
