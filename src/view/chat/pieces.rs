//! A long text in runs of different kinds, cut at ends of lines into parts that are laid out once and skipped when out of sight.

use egui::text::{LayoutJob, LayoutSection, TextFormat};
use egui::{Color32, FontId, Label, Ui};

use super::flow::Flow;
use super::inert::inert;

/// Bytes after which a part ends with the line, and at which it ends anyhow.
const PART: usize = 1 << 10;
const LONGEST: usize = 4 << 10;

/// How a run looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// Of the letters.
    pub color: Color32,
    /// Behind them; transparent for none.
    pub background: Color32,
}

/// The parts of a text.
#[derive(Debug, Default)]
pub struct Pieces {
    parts: Vec<Vec<(String, usize)>>,
    size: usize,
    flow: Flow,
}

impl Pieces {
    /// The parts of these runs; the number of a run says which look it has.
    pub fn new<'t>(runs: impl Iterator<Item = (&'t str, usize)>) -> Self {
        let mut pieces = Self { parts: vec![Vec::new()], ..Self::default() };
        for (text, look) in runs {
            for line in inert(text).split_inclusive('\n') {
                pieces.line(line, look);
            }
        }
        pieces
    }

    /// The same parts measured before, where they did not change.
    #[must_use]
    pub fn after(mut self, before: Self) -> Self {
        let same = self.parts.iter().zip(&before.parts).take_while(|(a, b)| a == b).count();
        self.flow = before.flow;
        for row in same..self.parts.len().max(before.parts.len()) {
            self.flow.forget(row);
        }
        self
    }

    fn line(&mut self, line: &str, look: usize) {
        let mut rest = line;
        while !rest.is_empty() {
            let limit = (0..=rest.len().min(LONGEST)).rev().find(|&i| rest.is_char_boundary(i)).unwrap_or(rest.len());
            let (now, after) = rest.split_at(limit.max(1).min(rest.len()));
            rest = after;
            self.size += now.len();
            let ends = self.size >= LONGEST || self.size >= PART && now.ends_with('\n');
            // the gap between two parts is the end of the line
            let shown = if ends { now.strip_suffix('\n').unwrap_or(now) } else { now };
            if let Some(part) = self.parts.last_mut() {
                part.push((shown.to_owned(), look));
            }
            if ends {
                self.size = 0;
                self.parts.push(Vec::new());
            }
        }
    }

    /// Draws the text.
    pub fn ui(&mut self, ui: &mut Ui, font: &FontId, line_height: f32, looks: &[Look]) {
        ui.spacing_mut().item_spacing.y = 0.0;
        self.flow.begin(ui.available_width(), self.parts.len());
        for (i, part) in self.parts.iter().enumerate().filter(|(_, part)| !part.is_empty()) {
            self.flow.row(ui, i, |ui| {
                let mut job = LayoutJob::default();
                for (text, look) in part {
                    let Some(look) = looks.get(*look) else { continue };
                    let (color, background) = (look.color, look.background);
                    let format = TextFormat {
                        font_id: font.clone(),
                        line_height: Some(line_height),
                        color,
                        background,
                        expand_bg: 1.0,
                        ..TextFormat::default()
                    };
                    append_exact(&mut job, text, &format);
                }
                ui.add(Label::new(job).wrap());
            });
        }
    }
}

/// Appends text so that signs are seen as they stand: the mono font would draw `<|` and `!=` as one sign if they were shaped together.
pub fn append_exact(job: &mut LayoutJob, text: &str, format: &TextFormat) {
    let mut start = 0;
    let bytes = text.as_bytes();
    let ends = (1..bytes.len()).filter(|&i| bytes[i - 1].is_ascii_punctuation() && bytes[i].is_ascii_punctuation());
    for end in ends.chain([text.len()]) {
        let from = job.text.len();
        job.text.push_str(&text[start..end]);
        let byte_range = from.into()..job.text.len().into();
        job.sections.push(LayoutSection { leading_space: 0.0, byte_range, format: format.clone() });
        start = end;
    }
}
