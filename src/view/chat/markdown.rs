//! Blocks on the screen. Markdown is inert: no image is loaded, no file is opened, and only links to the web can be followed.

use egui::output::OutputCommand;
use egui::text::{LayoutJob, TextFormat};
use egui::{FontId, Frame, Label, Margin, ScrollArea, Shape, TextWrapMode, Ui};
use egui_commonmark::{CommonMarkCache, CommonMarkViewer};

use super::blocks::{Block, Piece, Reading, cut, extend};
use super::flow::Flow;
use super::inert::may_open;
use super::pieces::append_exact;
use crate::view::{icons, theme, widgets};

/// Space between two blocks.
const BETWEEN: f32 = 10.0;

/// A message as it was cut and measured. Only what was appended is cut again.
#[derive(Default)]
pub struct Document {
    key: Option<(usize, u64)>,
    pieces: Vec<Piece>,
    flow: Flow,
    cache: CommonMarkCache,
}

impl Document {
    /// Draws `text`.
    pub fn ui(&mut self, ui: &mut Ui, text: &str, reading: Reading) {
        self.take_over(text, reading);
        let Self { pieces, flow, cache, .. } = self;
        flow.begin(ui.available_width(), pieces.len());
        let gap = BETWEEN;
        for (i, piece) in pieces.iter().enumerate() {
            // pieces of one code block stand without a gap
            let continues = matches!(&piece.block, Block::Code { first: false, .. });
            ui.spacing_mut().item_spacing.y = gap;
            if continues {
                ui.add_space(-gap);
            }
            flow.row(ui, i, |ui| block(ui, &piece.block, cache));
        }
    }

    fn take_over(&mut self, text: &str, reading: Reading) {
        let key = (text.len(), hash(text));
        if self.key == Some(key) {
            return;
        }
        let known = self.key.filter(|&(len, hashed)| text.is_char_boundary(len) && len < text.len() && hash(&text[..len]) == hashed);
        let kept = if known.is_some() {
            extend(&mut self.pieces, text, reading)
        } else {
            (self.pieces, self.flow) = (cut(text, reading), Flow::default());
            0
        };
        for row in kept..self.pieces.len() {
            self.flow.forget(row);
        }
        self.key = Some(key);
    }
}

fn hash(text: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

fn block(ui: &mut Ui, block: &Block, cache: &mut CommonMarkCache) {
    match block {
        Block::Prose(text) => prose(ui, text, cache),
        Block::Plain(text) => {
            ui.add(Label::new(text).wrap_mode(TextWrapMode::Wrap));
        }
        Block::Quote(blocks) => quote(ui, blocks, cache),
        Block::Code { language, text, whole, first } => code(ui, language, text, whole, *first),
    }
}

fn prose(ui: &mut Ui, text: &str, cache: &mut CommonMarkCache) {
    let palette = theme::palette(ui);
    ui.scope(|ui| {
        // egui has one weight per family: what is strong is found by its colour and struck twice
        ui.visuals_mut().widgets.noninteractive.fg_stroke.color = theme::mix(palette.surface, palette.ink, 0.94);
        ui.style_mut().url_in_tooltip = true;
        ui.spacing_mut().item_spacing.y = 6.0;
        ui.spacing_mut().interact_size.y = ui.text_style_height(&egui::TextStyle::Body) + 3.0;
        let from = ui.painter().add(Shape::Noop);
        CommonMarkViewer::new().explicit_image_uri_scheme(true).show(ui, cache, text);
        let layer = ui.layer_id();
        let strong = ui.visuals().strong_text_color();
        // letters are placed on whole pixels
        let shift = (ui.pixels_per_point() * 0.5).round().max(1.0) / ui.pixels_per_point();
        ui.ctx().graphics_mut(|graphics| {
            let list = graphics.entry(layer);
            for i in from.0 + 1..list.next_idx().0 {
                list.mutate_shape(egui::layers::ShapeIdx(i), |clipped| {
                    if let Shape::Text(text) = &clipped.shape
                        && text.galley.job.sections.iter().any(|section| section.format.color == strong)
                    {
                        let mut again = text.clone();
                        again.pos.x += shift;
                        clipped.shape = Shape::Vec(vec![clipped.shape.clone(), Shape::Text(again)]);
                    }
                });
            }
        });
    });
    ui.ctx().output_mut(|output| {
        output.commands.retain(|command| !matches!(command, OutputCommand::OpenUrl(open) if !may_open(&open.url)));
    });
}

fn quote(ui: &mut Ui, blocks: &[Block], cache: &mut CommonMarkCache) {
    let inner = Frame::new().inner_margin(Margin { left: 14, ..Margin::ZERO }).show(ui, |ui| {
        for (i, inner) in blocks.iter().enumerate() {
            ui.push_id(i, |ui| block(ui, inner, cache));
        }
    });
    let rect = inner.response.rect;
    ui.painter().vline(rect.left() + 2.0, rect.y_range(), egui::Stroke::new(2.0, theme::palette(ui).control_pressed()));
}

fn code(ui: &mut Ui, language: &str, text: &str, whole: &str, first: bool) {
    let fill = ui.visuals().code_bg_color;
    let margin = Margin { left: 12, right: 6, top: if first { 4 } else { 0 }, bottom: 8 };
    Frame::new().fill(fill).corner_radius(theme::CORNER).inner_margin(margin).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = 0.0;
        if first {
            ui.horizontal(|ui| {
                widgets::small(ui, if language.is_empty() { "code" } else { language });
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| copy(ui, "Copy code", whole));
            });
        }
        ScrollArea::horizontal().auto_shrink([false, true]).show(ui, |ui| {
            let format =
                TextFormat { font_id: FontId::monospace(13.0), color: theme::ink(ui), line_height: Some(19.0), ..TextFormat::default() };
            let mut job = LayoutJob::default();
            append_exact(&mut job, text, &format);
            ui.add(Label::new(job).wrap_mode(TextWrapMode::Extend));
            ui.add_space(2.0);
        });
    });
}

/// A sign that puts `text` on the clipboard and shows that it did as long as the pointer stays.
pub fn copy(ui: &mut Ui, name: &str, text: &str) {
    let done_id = ui.scope_id().with((name, "copied"));
    let done = ui.data(|data| data.get_temp::<bool>(done_id)).unwrap_or_default();
    let response = widgets::icon_button(ui, if done { icons::CHECK } else { icons::COPY }, if done { "Copied" } else { name });
    if response.clicked() {
        ui.ctx().copy_text(text.to_owned());
    }
    let done = response.clicked() || done && (response.hovered() || response.has_focus());
    ui.data_mut(|data| data.insert_temp(done_id, done));
}
