//! The map of the file: part, layer, role, tensor, each as large as its bytes.

use egui::{Align2, Color32, Painter, Rect, StrokeKind, TextStyle, Ui, pos2, vec2};

use super::camera::MapCamera;
use crate::file::text;
use crate::inspect::Model;
use crate::inspect::browse::treemap::{Meaning, Region, Treemap};
use crate::inspect::roles;
use crate::inspect::stats::Stats;
use crate::state::browse::Browsing;
use crate::view::theme::{self, Palette};

/// Areas smaller than this are drawn as part of what they are in.
const SMALLEST: f32 = 2.0;
/// The strip at the top of an area that carries its name while what is in it is drawn below.
const HEAD: f32 = 16.0;

/// What the colours of the map mean.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tint {
    /// Bits per weight of the storage type.
    #[default]
    Bits,
    /// The standard deviation of the values.
    Std,
    /// The largest magnitude.
    AbsMax,
    /// How heavy the tails are.
    Kurtosis,
}

impl Tint {
    /// All, with their words.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Bits, "bits per weight"),
        (Self::Std, "standard deviation"),
        (Self::AbsMax, "largest magnitude"),
        (Self::Kurtosis, "kurtosis"),
    ];

    /// Whether all values have to be counted for it.
    #[must_use]
    pub const fn needs_counting(self) -> bool {
        !matches!(self, Self::Bits)
    }

    fn of(self, stats: &Stats) -> f64 {
        match self {
            Self::Bits => 0.0,
            Self::Std => stats.std().unwrap_or(0.0),
            Self::AbsMax => stats.abs_max().map_or(0.0, f64::from),
            Self::Kurtosis => stats.kurtosis().unwrap_or(0.0).max(0.0),
        }
    }
}

/// What the map is drawn from.
pub struct Map<'a> {
    /// The file.
    pub model: &'a Model,
    /// Its areas.
    pub areas: &'a Treemap,
    /// What was counted.
    pub browsing: &'a Browsing,
    /// What colours mean.
    pub tint: Tint,
    /// The tensor that is chosen.
    pub chosen: Option<usize>,
}

impl Map<'_> {
    /// Draws what is seen. `inside` draws into the area of the tensor that is chosen.
    pub fn draw(&self, ui: &Ui, view: Rect, camera: &MapCamera, inside: &mut dyn FnMut(&Painter, Rect)) {
        let painter = ui.painter().with_clip_rect(view);
        let palette = theme::palette(ui);
        let largest = self.largest();
        let mut at = 0;
        while let Some(region) = self.areas.regions().get(at) {
            let place = camera.place(view, self.areas.height(), &region.area);
            if !place.intersects(view) || place.width() < SMALLEST || place.height() < SMALLEST {
                at = region.end;
                continue;
            }
            at += 1;
            match region.meaning {
                Meaning::Tensor(tensor) => {
                    let place = place.shrink(gap(place));
                    let fill = self.color(palette, tensor, largest);
                    painter.rect_filled(place, 1.0, fill);
                    if self.chosen == Some(tensor) {
                        inside(&painter, place);
                    }
                    self.label(ui, &painter, view, place, region, fill);
                    if self.chosen == Some(tensor) {
                        painter.rect_stroke(place, 1.0, (2.0, palette.accent), StrokeKind::Inside);
                    }
                }
                // Where an area is too small for what is in it to be told apart, it has one colour.
                _ if place.width() < 3.0 * SMALLEST || place.height() < 3.0 * SMALLEST => {
                    painter.rect_filled(place.shrink(0.5), 0.0, palette.control_pressed());
                    at = region.end;
                }
                _ => {}
            }
        }
        for region in self.areas.regions().iter().filter(|region| !matches!(region.meaning, Meaning::Tensor(_))) {
            let place = camera.place(view, self.areas.height(), &region.area);
            if place.intersects(view) && place.width() > 40.0 && place.height() > 24.0 && region.depth < 2 {
                painter.rect_stroke(place, 0.0, (if region.depth == 0 { 3.0 } else { 1.5 }, palette.surface), StrokeKind::Middle);
            }
        }
        self.layers(ui, &painter, view, camera);
    }

    /// The layers' numbers, over what is in them.
    fn layers(&self, ui: &Ui, painter: &Painter, view: Rect, camera: &MapCamera) {
        let palette = theme::palette(ui);
        for region in self.areas.regions() {
            let Meaning::Layer(layer) = region.meaning else { continue };
            let place = camera.place(view, self.areas.height(), &region.area);
            // Near enough, the tensors' own names are read.
            if !place.intersects(view) || place.width() < 26.0 || place.height() < 18.0 || place.width() > view.width() * 0.8 {
                continue;
            }
            let font = TextStyle::Small.resolve(ui.style());
            let galley = painter.layout_no_wrap(format!("{layer}"), font, palette.ink);
            let chip = Rect::from_min_size(place.min + vec2(3.0, 3.0), galley.size() + vec2(6.0, 2.0));
            painter.rect_filled(chip, 3.0, palette.surface.gamma_multiply(0.8));
            painter.galley(chip.min + vec2(3.0, 1.0), galley, palette.ink);
        }
    }

    fn label(&self, ui: &Ui, painter: &Painter, view: Rect, place: Rect, region: &Region, fill: Color32) {
        let Meaning::Tensor(tensor) = region.meaning else { return };
        let seen = place.intersect(view);
        if seen.width() < 56.0 || seen.height() < HEAD {
            return;
        }
        let palette = theme::palette(ui);
        let info = &self.model.file.tensors[tensor];
        let name = roles::in_layer(&info.name).map_or(info.name.as_str(), |(_, rest)| rest);
        let has_picture = self.chosen == Some(tensor) && self.browsing.picture.is_some();
        let ink = if has_picture { palette.ink } else { palette.ink_on(fill) };
        let mut job = egui::text::LayoutJob::simple_singleline(text::shown(name, 80), TextStyle::Small.resolve(ui.style()), ink);
        job.wrap = egui::text::TextWrapping { break_anywhere: true, ..egui::text::TextWrapping::truncate_at_width(seen.width() - 8.0) };
        let galley = painter.layout_job(job);
        let in_layer = roles::layer(&info.name).is_some() && place.width() < view.width() * 0.8;
        // The layer's number stands at the top of its area.
        let at = if in_layer && seen.height() > 2.0 * HEAD { seen.min + vec2(4.0, HEAD + 2.0) } else { seen.min + vec2(4.0, 2.0) };
        if has_picture {
            painter.rect_filled(Rect::from_min_size(at, galley.size()).expand(2.0), 2.0, palette.surface.gamma_multiply(0.8));
        }
        painter.galley(at, galley, ink);
        if seen.width() > 90.0 && seen.height() > 3.2 * HEAD {
            let words = format!("{} · {}", info.dtype.name(), region.bytes.on_disk());
            let at = pos2(seen.left() + 4.0, at.y + HEAD - 1.0);
            if !has_picture {
                painter.text(at, Align2::LEFT_TOP, words, theme::small_mono().resolve(ui.style()), ink);
            }
        }
    }

    /// The colour of a tensor.
    #[must_use]
    pub fn color(&self, palette: &Palette, tensor: usize, largest: f64) -> Color32 {
        let unknown = palette.control();
        if self.tint == Tint::Bits {
            let bits = self.model.file.tensors[tensor].dtype.bits_per_weight();
            return bits.map_or(unknown, |bits| palette.bits_per_weight(bits));
        }
        match self.browsing.counted.get(&tensor) {
            #[expect(clippy::cast_possible_truncation, reason = "a share between 0 and 1")]
            Some(Ok(stats)) if largest > 0.0 => palette.magnitude((self.tint.of(stats) / largest).sqrt() as f32),
            _ => unknown,
        }
    }

    /// The largest of what colours mean; the map's legend ends there.
    #[must_use]
    pub fn largest(&self) -> f64 {
        if self.tint == Tint::Bits {
            return 32.0;
        }
        self.browsing.counted.values().flatten().map(|stats| self.tint.of(stats)).filter(|value| value.is_finite()).fold(0.0, f64::max)
    }
}

/// The line of surface around a tensor: thinner where areas are small.
fn gap(place: Rect) -> f32 {
    if place.width().min(place.height()) > 24.0 { 1.0 } else { 0.5 }
}
