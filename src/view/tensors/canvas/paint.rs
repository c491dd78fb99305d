//! How values become colours: what stands for a cell of many values, where colours end, and the textures that are made of it.

use std::collections::HashMap;

use egui::{Color32, ColorImage, TextureHandle, TextureOptions, Ui};

use crate::inspect::pyramid::{Picture, Reduce, Tile, TileKey};
use crate::inspect::stats::Stats;
use crate::view::theme::{self, Palette};

/// Textures of tiles that are kept.
const KEPT: usize = 512;

/// Where colours end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Clip {
    /// At the largest magnitude.
    Nowhere,
    /// Where 0.1 % of the values lie beyond.
    #[default]
    Thousandth,
    /// Where 1 % do.
    Hundredth,
}

impl Clip {
    /// All, with their words.
    pub const ALL: [(Self, &'static str); 3] = [(Self::Nowhere, "max"), (Self::Thousandth, "99.9 %"), (Self::Hundredth, "99 %")];

    /// The magnitude at which colours end; what the picture has, until all values are counted.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "a value of the tensor")]
    pub fn end(self, stats: Option<&Stats>, picture: &Picture) -> f32 {
        let tail = match self {
            Self::Nowhere => None,
            Self::Thousandth => Some(0.0005),
            Self::Hundredth => Some(0.005),
        };
        let end = match (stats, tail) {
            (Some(stats), Some(tail)) => {
                let quantile = |q| stats.quantile(q).map_or(0.0, |value| value.abs() as f32);
                quantile(tail).max(quantile(1.0 - tail))
            }
            (Some(stats), None) => stats.abs_max().map_or(0.0, |most| most as f32),
            (None, _) => picture.texels(Reduce::AbsMax).into_iter().filter(|value| value.is_finite()).fold(0.0, f32::max),
        };
        if end > 0.0 && end.is_finite() { end } else { 1.0 }
    }
}

/// How values are drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Paint {
    /// What stands for many values.
    pub reduce: Reduce,
    /// The magnitude at which colours end.
    pub end: f32,
    /// In which theme.
    pub dark: bool,
}

impl Paint {
    /// The colour of a value.
    #[must_use]
    pub fn color(self, palette: &Palette, value: f32) -> Color32 {
        match self.reduce {
            Reduce::AbsMax => palette.magnitude(value.abs() / self.end),
            Reduce::Mean | Reduce::SignedExtreme => palette.signed_value(value / self.end),
        }
    }

    fn image(self, palette: &Palette, size: [usize; 2], texels: &[f32]) -> ColorImage {
        ColorImage::new(size, texels.iter().map(|&value| self.color(palette, value)).collect())
    }
}

/// The textures of what is looked at.
#[derive(Default)]
pub struct Textures {
    made_for: Option<(u64, Paint)>,
    picture: Option<(f64, TextureHandle)>,
    tiles: HashMap<TileKey, (u64, TextureHandle)>,
    frame: u64,
}

impl Textures {
    /// Begins a frame: what was made for another matrix or other colours goes.
    pub fn begin(&mut self, generation: u64, paint: Paint) {
        self.frame += 1;
        if self.made_for != Some((generation, paint)) {
            self.made_for = Some((generation, paint));
            self.picture = None;
            self.tiles.clear();
        }
        if self.tiles.len() > KEPT {
            let frame = self.frame;
            self.tiles.retain(|_, (used, _)| *used + 120 > frame);
        }
    }

    /// The picture as a texture.
    pub fn picture(&mut self, ui: &Ui, picture: &Picture) -> egui::TextureId {
        let share = picture.share_read();
        if let Some((made, texture)) = &self.picture
            && (*made - share).abs() < f64::EPSILON
        {
            return texture.id();
        }
        let [rows, cols] = picture.size();
        let paint = self.paint(ui);
        let image = paint.image(theme::palette(ui), [cols, rows], &picture.texels(paint.reduce));
        let texture = match self.picture.take() {
            Some((_, mut texture)) => {
                texture.set(image, TextureOptions::NEAREST);
                texture
            }
            None => ui.ctx().load_texture("picture of a tensor", image, TextureOptions::NEAREST),
        };
        let id = texture.id();
        self.picture = Some((share, texture));
        id
    }

    /// A tile as a texture.
    pub fn tile(&mut self, ui: &Ui, tile: &Tile) -> egui::TextureId {
        let frame = self.frame;
        if let Some((used, texture)) = self.tiles.get_mut(&tile.key) {
            *used = frame;
            return texture.id();
        }
        let paint = self.paint(ui);
        let image = paint.image(theme::palette(ui), [tile.cols, tile.rows], &tile.texels(paint.reduce));
        let texture = ui.ctx().load_texture("tile of a tensor", image, TextureOptions::NEAREST);
        let id = texture.id();
        self.tiles.insert(tile.key, (frame, texture));
        id
    }

    fn paint(&self, ui: &Ui) -> Paint {
        let dark = theme::palette(ui).dark;
        self.made_for.map_or(Paint { reduce: Reduce::SignedExtreme, end: 1.0, dark }, |(_, paint)| paint)
    }
}
