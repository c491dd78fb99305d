//! A column of rows of unknown height of which only the visible ones cost anything.
//!
//! A row that was drawn once has a known height; as long as it is out of sight its space is kept free and nothing else happens.

use egui::{Rect, Ui, vec2};

/// Rows out of sight that are measured in one frame; the rest waits for the next ones.
const MEASURED_AT_ONCE: usize = 200;
/// What a row takes until it was measured.
const ESTIMATE: f32 = 40.0;

/// The heights of the rows at one width.
#[derive(Debug, Default)]
pub struct Flow {
    width: f32,
    heights: Vec<Option<f32>>,
    budget: usize,
}

impl Flow {
    /// Prepares a frame with so many rows. Another width forgets all heights.
    pub fn begin(&mut self, width: f32, rows: usize) {
        if (self.width - width).abs() > 0.5 {
            self.width = width;
            self.heights.clear();
        }
        self.heights.resize(rows, None);
        self.budget = MEASURED_AT_ONCE;
    }

    /// Forgets the height of a row because its content changed.
    pub fn forget(&mut self, row: usize) {
        if let Some(height) = self.heights.get_mut(row) {
            *height = None;
        }
    }

    /// Draws a row, or keeps its space free if it is out of sight.
    pub fn row(&mut self, ui: &mut Ui, row: usize, draw: impl FnOnce(&mut Ui)) {
        let Some(known) = self.heights.get(row).copied() else { return };
        let size = vec2(self.width, known.unwrap_or(ESTIMATE));
        if !ui.is_rect_visible(Rect::from_min_size(ui.cursor().min, size)) {
            if known.is_some() || self.budget == 0 {
                if known.is_none() {
                    ui.ctx().request_repaint();
                }
                ui.allocate_space(size);
                return;
            }
            self.budget -= 1;
        }
        let width = self.width;
        let drawn = ui.push_id(row, |ui| {
            ui.set_width(width);
            draw(ui);
        });
        self.heights[row] = Some(drawn.response.rect.height());
    }
}
