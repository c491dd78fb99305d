//! Where one looks from: onto the map of the file, and onto a matrix. Pure geometry, in F64, because a file has 10¹¹ weights.
//!
//! On the map both axes have one scale. A matrix begins as its area on the map, however its sides compare; the nearer one comes, the
//! squarer its cells get, so that there is room for a number in them.

use egui::{Pos2, Rect, pos2};

use crate::inspect::browse::treemap::Area;

/// Points that a cell takes where cells begin to be drawn squarely.
const SMALL_CELL: f64 = 1.0;
/// Points from which they are.
const LARGE_CELL: f64 = 16.0;
/// How wide a square cell is for its height: numbers are wide.
const CELL_ASPECT: [f64; 2] = [1.6, 2.8];
/// The largest cell, in points (the mean of both sides).
const NEAREST: f64 = 420.0;

/// A look onto the map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MapCamera {
    /// The point of the map in the middle of the screen.
    pub center: [f64; 2],
    /// How much nearer than where all of it is seen.
    pub zoom: f64,
}

impl MapCamera {
    /// All of a map of this height.
    #[must_use]
    pub const fn whole(height: f64) -> Self {
        Self { center: [0.5, height / 2.0], zoom: 1.0 }
    }

    /// Points for the width of the map.
    fn scale(&self, view: Rect, height: f64) -> f64 {
        f64::from(view.width()).min(f64::from(view.height()) / height) * self.zoom
    }

    /// Where an area of the map is on the screen.
    #[must_use]
    pub fn place(&self, view: Rect, height: f64, area: &Area) -> Rect {
        let scale = self.scale(view, height);
        let at = |x: f64, y: f64| to_screen(view, [(x - self.center[0]) * scale, (y - self.center[1]) * scale]);
        Rect::from_min_max(at(area.x, area.y), at(area.x + area.width, area.y + area.height))
    }

    /// The point of the map at a place on the screen.
    #[must_use]
    pub fn point(&self, view: Rect, height: f64, at: Pos2) -> [f64; 2] {
        let scale = self.scale(view, height);
        let [x, y] = from_middle(view, at);
        [self.center[0] + x / scale, self.center[1] + y / scale]
    }

    /// Goes nearer by `factor`, the point at `at` staying where it is.
    pub fn zoom_at(&mut self, view: Rect, height: f64, at: Pos2, factor: f64) {
        let fixed = self.point(view, height, at);
        self.zoom = (self.zoom * factor).clamp(1.0, 1e12);
        let scale = self.scale(view, height);
        let [x, y] = from_middle(view, at);
        self.center = [fixed[0] - x / scale, fixed[1] - y / scale];
        self.stay(height);
    }

    /// Moves the map with the pointer.
    pub fn pan(&mut self, view: Rect, height: f64, by: egui::Vec2) {
        let scale = self.scale(view, height);
        self.center = [self.center[0] - f64::from(by.x) / scale, self.center[1] - f64::from(by.y) / scale];
        self.stay(height);
    }

    /// Looks at an area so that it fills `share` of the screen.
    #[must_use]
    pub fn onto(view: Rect, height: f64, area: &Area, share: f64) -> Self {
        let whole = Self::whole(height);
        let scale = whole.scale(view, height);
        let zoom = (f64::from(view.width()) / (area.width * scale)).min(f64::from(view.height()) / (area.height * scale)) * share;
        Self { center: [area.x + area.width / 2.0, area.y + area.height / 2.0], zoom: zoom.clamp(1.0, 1e12) }
    }

    fn stay(&mut self, height: f64) {
        if self.zoom <= 1.0 {
            *self = Self::whole(height);
        }
        self.center = [self.center[0].clamp(0.0, 1.0), self.center[1].clamp(0.0, height)];
    }
}

/// A look onto a matrix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MatrixCamera {
    /// Columns and rows.
    size: [f64; 2],
    /// Width by height of the matrix where all of it is seen.
    aspect: f64,
    /// The place in the matrix, as column and row, in the middle of the screen.
    pub center: [f64; 2],
    /// How much nearer than where all of it is seen.
    pub zoom: f64,
}

impl MatrixCamera {
    /// All of a matrix, drawn `aspect` as wide as high.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "no matrix has 2⁵² rows")]
    pub fn whole(rows: usize, cols: usize, aspect: f64) -> Self {
        let size = [cols.max(1) as f64, rows.max(1) as f64];
        Self { size, aspect: aspect.clamp(0.05, 20.0), center: size.map(|n| n / 2.0), zoom: 1.0 }
    }

    /// Draws all of it `aspect` as wide as high, as long as all of it is seen.
    pub fn fit(&mut self, aspect: f64) {
        if (self.zoom - 1.0).abs() < f64::EPSILON {
            self.aspect = aspect.clamp(0.05, 20.0);
        }
    }

    /// Points for the width and height of a value.
    #[must_use]
    pub fn cell(&self, view: Rect) -> [f64; 2] {
        let width = f64::from(view.width()).min(f64::from(view.height()) * self.aspect);
        let fit = [width / self.size[0], width / self.aspect / self.size[1]];
        let mean = (fit[0] * fit[1]).sqrt() * self.zoom;
        let stretched = fit[0] / fit[1];
        let square = stretched.clamp(CELL_ASPECT[0], CELL_ASPECT[1]);
        let near = ((mean / SMALL_CELL).log2() / (LARGE_CELL / SMALL_CELL).log2()).clamp(0.0, 1.0);
        let near = near * near * (3.0 - 2.0 * near);
        let ratio = (stretched.ln() * (1.0 - near) + square.ln() * near).exp();
        [mean * ratio.sqrt(), mean / ratio.sqrt()]
    }

    /// Where the value at a column and row begins on the screen.
    #[must_use]
    pub fn place(&self, view: Rect, [col, row]: [f64; 2]) -> Pos2 {
        let cell = self.cell(view);
        to_screen(view, [(col - self.center[0]) * cell[0], (row - self.center[1]) * cell[1]])
    }

    /// Where all of the matrix is on the screen.
    #[must_use]
    pub fn all(&self, view: Rect) -> Rect {
        Rect::from_min_max(self.place(view, [0.0, 0.0]), self.place(view, self.size))
    }

    /// Column and row at a place on the screen.
    #[must_use]
    pub fn point(&self, view: Rect, at: Pos2) -> [f64; 2] {
        let cell = self.cell(view);
        let [x, y] = from_middle(view, at);
        [self.center[0] + x / cell[0], self.center[1] + y / cell[1]]
    }

    /// Row and column of the value at a place on the screen.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "inside the matrix")]
    pub fn value_at(&self, view: Rect, at: Pos2) -> Option<[usize; 2]> {
        let [col, row] = self.point(view, at);
        let inside = (0.0..self.size[0]).contains(&col) && (0.0..self.size[1]).contains(&row);
        inside.then_some([row as usize, col as usize])
    }

    /// The columns and rows that are on the screen, as first and end.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "inside the matrix")]
    pub fn seen(&self, view: Rect) -> [[usize; 2]; 2] {
        let (min, max) = (self.point(view, view.min), self.point(view, view.max));
        [0, 1].map(|axis| {
            let first = min[axis].clamp(0.0, self.size[axis]).floor() as usize;
            let end = max[axis].clamp(0.0, self.size[axis]).ceil() as usize;
            [first, end]
        })
    }

    /// Goes nearer by `factor`, the value at `at` staying where it is.
    pub fn zoom_at(&mut self, view: Rect, at: Pos2, factor: f64) {
        let fixed = self.point(view, at);
        self.set_zoom(view, self.zoom * factor);
        let cell = self.cell(view);
        let [x, y] = from_middle(view, at);
        self.center = [fixed[0] - x / cell[0], fixed[1] - y / cell[1]];
        self.stay(view);
    }

    /// Moves the matrix with the pointer.
    pub fn pan(&mut self, view: Rect, by: egui::Vec2) {
        let cell = self.cell(view);
        self.center = [self.center[0] - f64::from(by.x) / cell[0], self.center[1] - f64::from(by.y) / cell[1]];
        self.stay(view);
    }

    /// Goes to a value so near that it can be read.
    #[expect(clippy::cast_precision_loss, reason = "no matrix has 2⁵² rows")]
    pub fn go_to(&mut self, view: Rect, [row, col]: [usize; 2]) {
        self.center = [col as f64 + 0.5, row as f64 + 0.5];
        let mean = self.cell(view).iter().product::<f64>().sqrt();
        self.set_zoom(view, self.zoom * (40.0 / mean).max(1.0));
        self.stay(view);
    }

    fn set_zoom(&mut self, view: Rect, zoom: f64) {
        let width = f64::from(view.width()).min(f64::from(view.height()) * self.aspect);
        let fit = (width / self.size[0] * width / self.aspect / self.size[1]).sqrt();
        self.zoom = zoom.clamp(0.2, (NEAREST / fit).max(1.0));
    }

    /// A matrix that is smaller than the screen stays in its middle, one that is larger covers it.
    fn stay(&mut self, view: Rect) {
        let cell = self.cell(view);
        for (axis, room) in [view.width(), view.height()].into_iter().enumerate() {
            let half = f64::from(room) / cell[axis] / 2.0;
            self.center[axis] =
                if 2.0 * half >= self.size[axis] { self.size[axis] / 2.0 } else { self.center[axis].clamp(half, self.size[axis] - half) };
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "what is far outside the screen stays outside")]
fn to_screen(view: Rect, [x, y]: [f64; 2]) -> Pos2 {
    let middle = view.center();
    pos2((f64::from(middle.x) + x) as f32, (f64::from(middle.y) + y) as f32)
}

fn from_middle(view: Rect, at: Pos2) -> [f64; 2] {
    let by = at - view.center();
    [f64::from(by.x), f64::from(by.y)]
}
