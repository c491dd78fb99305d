//! Pictures can be taken away: a sign in the corner of one saves what is drawn there, pixel for pixel, as PNG.
//!
//! The pixels are those of the window, so whatever a picture shows needs no second way to be drawn. The sign is not on them.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use egui::{ColorImage, Context, Id, Rect, Role, Sense, StrokeKind, Ui, WidgetInfo, vec2};

use super::{icons, theme, widgets};
use crate::file::png::Pixels;

/// How far the sign is from the corner.
const INSET: f32 = 4.0;

/// A picture on its way from the screen.
#[derive(Default)]
enum Shot {
    #[default]
    None,
    /// To be taken at the end of the next frame, when the sign is gone.
    Wanted(Frame),
    /// The screen was asked for its pixels.
    Asked(Frame, Arc<OnceLock<Arc<ColorImage>>>),
}

/// What is cut out of the window, in points, and its name.
struct Frame {
    rect: Rect,
    name: String,
}

/// One for a context.
#[derive(Clone, Default)]
struct Camera(Arc<Mutex<Shot>>);

impl Camera {
    fn of(ctx: &Context) -> Self {
        ctx.data_mut(|data| data.get_temp_mut_or_default::<Self>(Id::unique("camera")).clone())
    }

    fn with<R>(&self, act: impl FnOnce(&mut Shot) -> R) -> R {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Offers to save what is drawn in `rect`, under a name in words: the sign shows while the picture is pointed at or the sign has the focus.
pub fn can_be_saved(ui: &Ui, rect: Rect, name: &str) {
    let side = vec2(theme::CONTROL, theme::CONTROL);
    let sign = Rect::from_min_size(rect.right_top() + vec2(-INSET - side.x, INSET), side);
    let response = ui.interact(sign, ui.scope_id().with(("save picture", name)), Sense::click());
    let words = format!("Save picture: {name}");
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &words));
    let camera = Camera::of(ui.ctx());
    if response.clicked() {
        camera.with(|shot| *shot = Shot::Wanted(Frame { rect: rect.intersect(ui.clip_rect()), name: name.to_owned() }));
        ui.ctx().request_repaint();
        return;
    }
    let shows = response.has_focus() || ui.rect_contains_pointer(rect);
    if !shows || !camera.with(|shot| matches!(shot, Shot::None)) {
        return;
    }
    let palette = theme::palette(ui);
    let fill = if response.hovered() { palette.control_hovered() } else { palette.raised };
    ui.painter().rect_filled(sign, theme::CORNER, fill);
    if response.has_focus() {
        ui.painter().rect_stroke(sign, theme::CORNER, theme::focus(ui), StrokeKind::Inside);
    }
    let ink = if response.hovered() { palette.ink } else { palette.secondary };
    widgets::paint_icon(ui, sign, icons::DOWNLOAD, ink, 16.0);
    response.on_hover_text("Save this picture as PNG…");
}

/// Draws a picture that can be saved: all of what `draw` adds.
pub fn savable<R>(ui: &mut Ui, name: &str, draw: impl FnOnce(&mut Ui) -> R) -> R {
    let drawn = ui.scope(draw);
    can_be_saved(ui, drawn.response.rect, name);
    drawn.inner
}

/// To be called when everything was drawn: asks the screen for what is wished, and gives the picture when it is there.
pub fn taken(ctx: &Context) -> Option<(String, Pixels)> {
    Camera::of(ctx).with(|shot| match std::mem::take(shot) {
        Shot::None => None,
        Shot::Wanted(frame) => {
            let image = Arc::new(OnceLock::new());
            let (there, screen) = (Arc::clone(&image), ctx.clone());
            ctx.request_screenshot(move |pixels| {
                let _first = there.set(pixels);
                screen.request_repaint();
            });
            *shot = Shot::Asked(frame, image);
            None
        }
        Shot::Asked(frame, image) => {
            if let Some(window) = image.get() {
                return cut(window, frame.rect, ctx.pixels_per_point()).map(|pixels| (frame.name, pixels));
            }
            // A screen that cannot tell its pixels has let go of the request.
            if Arc::strong_count(&image) > 1 {
                *shot = Shot::Asked(frame, image);
            }
            None
        }
    })
}

/// The part of a window's pixels that lies in a rectangle of points; `None` where there is none.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded, and held inside the window")]
fn cut(window: &ColorImage, rect: Rect, pixels_per_point: f32) -> Option<Pixels> {
    let edge = |points: f32, end: usize| ((points * pixels_per_point).round().max(0.0) as usize).min(end);
    let [width, height] = window.size;
    let (left, right) = (edge(rect.left(), width), edge(rect.right(), width));
    let (top, bottom) = (edge(rect.top(), height), edge(rect.bottom(), height));
    let rows = (top..bottom).map(|row| &window.pixels[row * width + left..row * width + right.max(left)]);
    let rgb: Vec<u8> = rows.flatten().flat_map(|pixel| [pixel.r(), pixel.g(), pixel.b()]).collect();
    let (width, height) = (u32::try_from(right.checked_sub(left)?).ok()?, u32::try_from(bottom.checked_sub(top)?).ok()?);
    (!rgb.is_empty()).then_some(Pixels { width, height, rgb })
}
