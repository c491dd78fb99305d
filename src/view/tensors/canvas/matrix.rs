//! A matrix: its picture, over it the tiles of what is near, over these numbers, and at last the bits of one.

use egui::{Align2, Color32, FontId, Mesh, Painter, Rect, Shape, StrokeKind, Ui, pos2};

use super::camera::MatrixCamera;
use super::paint::{Paint, Textures};
use crate::inspect::pyramid::{Reduce, TILE, TileKey};
use crate::message::browse::Block;
use crate::state::browse::{Browsing, Wish};
use crate::view::theme;

/// Cells of at least this size have their number in them.
const NUMBERED: [f64; 2] = [52.0, 16.0];
/// Cells of at least this size have their bits in them.
const WITH_BITS: [f64; 2] = [150.0, 84.0];
/// Tiles that are asked for at a time.
const MOST_TILES: usize = 96;

/// Draws what is seen of the matrix, and answers what is missing.
pub fn draw(ui: &Ui, view: Rect, camera: &MatrixCamera, browsing: &Browsing, textures: &mut Textures, paint: Paint) -> Option<Wish> {
    let painter = ui.painter().with_clip_rect(view);
    let picture = browsing.picture.as_ref()?;
    textures.begin(browsing.generation, paint);
    image(&painter, textures.picture(ui, picture), camera.all(view), full());

    let cell = camera.cell(view);
    let shifts = [shift(cell[1]), shift(cell[0])];
    let [row_shift, col_shift] = [shifts[0].min(picture.shifts()[0]), shifts[1].min(picture.shifts()[1])];
    let mut missing = Vec::new();
    if [row_shift, col_shift] != picture.shifts() || picture.share_read() < 1.0 {
        for key in keys(camera, view, row_shift, col_shift) {
            match browsing.tiles.get(&key) {
                Some(tile) => {
                    let place = place(camera, view, key, [tile.rows, tile.cols]);
                    image(&painter, textures.tile(ui, tile), place, full());
                }
                None => missing.push(key),
            }
        }
    }
    if cell[0] >= NUMBERED[0] && cell[1] >= NUMBERED[1] {
        numbers(ui, &painter, view, camera, browsing, paint);
    }
    if let Some(block) = browsing.block.ready() {
        outline(ui, &painter, view, camera, block);
    }
    missing.truncate(MOST_TILES);
    (!missing.is_empty()).then_some(Wish::Tiles(missing))
}

/// The value of a row and column, where its tile is here.
#[must_use]
pub fn value(browsing: &Browsing, [row, col]: [usize; 2]) -> Option<f32> {
    let key = key_of([row, col]);
    let tile = browsing.tiles.get(&key)?;
    tile.texel(row % TILE, col % TILE, Reduce::SignedExtreme)
}

/// The tile of single values that holds one.
#[must_use]
pub fn key_of([row, col]: [usize; 2]) -> TileKey {
    let number = |n: usize| u32::try_from(n / TILE).unwrap_or(u32::MAX);
    TileKey { row_shift: 0, col_shift: 0, row: number(row), col: number(col) }
}

/// How many values, as a power of two, stand for a point where one takes so many points.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 40")]
fn shift(points: f64) -> u8 {
    (-points.log2()).floor().clamp(0.0, 40.0) as u8
}

/// The tiles on the screen, those in the middle first.
fn keys(camera: &MatrixCamera, view: Rect, row_shift: u8, col_shift: u8) -> Vec<TileKey> {
    let [cols, rows] = camera.seen(view);
    let range = |[first, end]: [usize; 2], shift: u8| {
        let span = TILE << shift;
        first / span..end.div_ceil(span)
    };
    let (rows, cols) = (range(rows, row_shift), range(cols, col_shift));
    let middle = [rows.start + rows.end, cols.start + cols.end];
    let mut keys: Vec<(usize, TileKey)> = Vec::new();
    for row in rows.take(64) {
        for col in cols.clone().take(64) {
            let far = (2 * row + 1).abs_diff(middle[0]) + (2 * col + 1).abs_diff(middle[1]);
            let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            keys.push((far, TileKey { row_shift, col_shift, row: number(row), col: number(col) }));
        }
    }
    keys.sort_by_key(|(far, _)| *far);
    keys.into_iter().map(|(_, key)| key).collect()
}

/// Where a tile with so many texels is on the screen.
#[expect(clippy::cast_precision_loss, reason = "no matrix has 2⁵² rows")]
fn place(camera: &MatrixCamera, view: Rect, key: TileKey, texels: [usize; 2]) -> Rect {
    let at = |n: usize, tile: u32, shift: u8| ((tile as usize * TILE + n) << shift) as f64;
    let min = camera.place(view, [at(0, key.col, key.col_shift), at(0, key.row, key.row_shift)]);
    let max = camera.place(view, [at(texels[1], key.col, key.col_shift), at(texels[0], key.row, key.row_shift)]);
    // The last texel of a row may stand for fewer values than the others.
    Rect::from_min_max(min, max).intersect(camera.all(view))
}

const fn full() -> Rect {
    Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0))
}

fn image(painter: &Painter, texture: egui::TextureId, place: Rect, uv: Rect) {
    let mut mesh = Mesh::with_texture(texture);
    mesh.add_rect_with_uv(place, uv, theme::AS_IT_IS);
    painter.add(Shape::mesh(mesh));
}

/// The numbers in the cells.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "cells on the screen")]
fn numbers(ui: &Ui, painter: &Painter, view: Rect, camera: &MatrixCamera, browsing: &Browsing, paint: Paint) {
    let palette = theme::palette(ui);
    let cell = camera.cell(view);
    let size = (cell[1] * 0.45).clamp(9.0, 40.0).min(cell[0] / 7.0) as f32;
    let [cols, rows] = camera.seen(view);
    for row in rows[0]..rows[1] {
        for col in cols[0]..cols[1] {
            let Some(value) = value(browsing, [row, col]) else { continue };
            let min = camera.place(view, [col as f64, row as f64]);
            let max = camera.place(view, [col as f64 + 1.0, row as f64 + 1.0]);
            // Of a cell that is larger than the screen, what is seen.
            let place = Rect::from_min_max(min, max).intersect(view);
            let ink = palette.ink_on(paint.color(palette, value));
            let block = browsing.block.ready().filter(|block| holds(block, [row, col]));
            let with_bits = cell[0] >= WITH_BITS[0] && cell[1] >= WITH_BITS[1];
            let middle = if with_bits && block.is_some() { place.center() - egui::vec2(0.0, place.height() * 0.2) } else { place.center() };
            let painter = &painter.with_clip_rect(place);
            painter.text(middle, Align2::CENTER_CENTER, written(value), FontId::monospace(size), ink);
            if let Some(block) = block.filter(|_| with_bits) {
                bits(painter, place, block, col, ink, size * 0.5);
            }
        }
    }
}

/// A number as short as it can be said without a lie.
#[must_use]
pub fn written(value: f32) -> String {
    let magnitude = value.abs();
    if value == 0.0 {
        "0".to_owned()
    } else if (0.001..10_000.0).contains(&magnitude) {
        let decimals = if magnitude >= 100.0 {
            1
        } else if magnitude >= 1.0 {
            3
        } else {
            5
        };
        format!("{value:.decimals$}")
    } else {
        format!("{value:.2e}")
    }
}

/// Whether a block holds the value at a row and column.
fn holds(block: &Block, [row, col]: [usize; 2]) -> bool {
    row == block.at[0] && (block.first..block.first + block.parts.values.len()).contains(&col)
}

/// Code, scale and formula of a value below its number, and where its bits are.
fn bits(painter: &Painter, place: Rect, block: &Block, col: usize, ink: Color32, size: f32) {
    let parts = &block.parts;
    let index = col - block.first;
    let mut lines = Vec::new();
    if let Some(&code) = parts.codes.get(index) {
        let group = index.checked_div(parts.group_len).unwrap_or(0);
        let digits = usize::from(parts.bits);
        lines.push(format!("code {code} = {:0digits$b}", code.unsigned_abs()));
        if let Some(scale) = parts.scales.get(group) {
            let offset = parts.offsets.get(group).filter(|&&offset| offset != 0.0);
            let offset =
                offset.map_or_else(String::new, |offset| format!(" {} {}", if *offset < 0.0 { "−" } else { "+" }, written(offset.abs())));
            lines.push(format!("× {}{offset}", written(*scale)));
        }
    }
    if col == block.at[1] {
        for &(byte, mask) in &block.bits {
            let shown: String = (0..8)
                .rev()
                .map(|bit| {
                    if mask & 1 << bit == 0 {
                        '·'
                    } else if block.bytes[byte] & 1 << bit == 0 {
                        '0'
                    } else {
                        '1'
                    }
                })
                .collect();
            lines.push(format!("byte {byte} = {:02x} {shown}", block.bytes[byte]));
        }
    }
    let size = size.clamp(9.0, 22.0);
    let top = place.center().y + place.height() * 0.02;
    for (n, line) in lines.into_iter().enumerate() {
        #[expect(clippy::cast_precision_loss, reason = "a few lines")]
        let y = (n as f32).mul_add(size * 1.25, top);
        painter.text(pos2(place.center().x, y), Align2::CENTER_TOP, line, FontId::monospace(size), ink);
    }
}

/// The block around the value that was chosen, and the value in it.
#[expect(clippy::cast_precision_loss, reason = "no matrix has 2⁵² rows")]
fn outline(ui: &Ui, painter: &Painter, view: Rect, camera: &MatrixCamera, block: &Block) {
    let palette = theme::palette(ui);
    let around = |first: usize, len: usize| {
        let min = camera.place(view, [first as f64, block.at[0] as f64]);
        let max = camera.place(view, [(first + len) as f64, block.at[0] as f64 + 1.0]);
        Rect::from_min_max(min, max).expand(1.0)
    };
    painter.rect_stroke(around(block.first, block.parts.values.len()), 1.0, (1.0, palette.accent), StrokeKind::Outside);
    painter.rect_stroke(around(block.at[1], 1), 1.0, (2.0, palette.accent), StrokeKind::Outside);
}
