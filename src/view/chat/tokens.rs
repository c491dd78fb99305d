//! How a text is cut: each token on a ground of its own, its number on hover.

use egui::{Label, RichText, ScrollArea, Sense, TextWrapMode, Ui, WidgetInfo};

use super::flow::Flow;
use super::inert::inert;
use crate::engine::cut::Token;
use crate::memory::Part;
use crate::state::{Action, Slot, State};
use crate::units::grouped;
use crate::view::{Actions, icons, theme, widgets};

/// Tokens of a row; a line break ends one too.
const ROW: usize = 48;
/// The height of the strip above the message box; more is scrolled.
const STRIP: f32 = 132.0;
/// Bytes of a token that may be wrapped within.
const LONG: usize = 40;

/// What the screen keeps of a strip.
#[derive(Debug, Default)]
pub struct TokenStrip {
    flow: Flow,
    /// Where rows begin, and the tokens that they were cut from.
    rows: Vec<usize>,
    shown: Vec<u32>,
}

impl TokenStrip {
    /// The strip of the draft, above the message box.
    pub fn draft_ui(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        if matches!(state.tokens.asked, Slot::Empty) || state.chats.current().draft.is_empty() || state.loaded.is_none() {
            return;
        }
        let cut = &state.tokens.cut;
        ui.horizontal(|ui| {
            widgets::small(ui, format!("{} tokens", grouped(cut.len() as u64)));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if widgets::icon_button(ui, icons::CLOSE, "Close the tokens").clicked() {
                    actions.push(Action::HideTokens);
                }
            });
        });
        if let Slot::Failed(error) = &state.tokens.asked {
            widgets::failure(ui, error);
            return;
        }
        ScrollArea::vertical().id_salt("tokens of the draft").max_height(STRIP).show(ui, |ui| self.ui(ui, cut));
    }

    /// All tokens, in rows that cost nothing out of sight.
    pub fn ui(&mut self, ui: &mut Ui, cut: &[Token]) {
        if !self.shown.iter().copied().eq(cut.iter().map(|token| token.id)) {
            self.shown = cut.iter().map(|token| token.id).collect();
            self.rows = rows(cut);
            self.flow = Flow::default();
            // the panel around it takes its height in the next frame
            ui.ctx().request_repaint();
        }
        ui.spacing_mut().item_spacing = egui::vec2(1.0, 2.0);
        self.flow.begin(ui.available_width(), self.rows.len());
        for (row, &start) in self.rows.iter().enumerate() {
            let end = self.rows.get(row + 1).copied().unwrap_or(cut.len());
            self.flow.row(ui, row, |ui| {
                ui.horizontal_wrapped(|ui| {
                    for (place, token) in (start..).zip(&cut[start..end]) {
                        token_ui(ui, place, token);
                    }
                });
            });
        }
    }
}

fn rows(cut: &[Token]) -> Vec<usize> {
    let mut rows = Vec::new();
    let mut length = ROW;
    for (place, token) in cut.iter().enumerate() {
        if length >= ROW {
            rows.push(place);
            length = 0;
        }
        length = if token.text.contains('\n') { ROW } else { length + 1 };
    }
    rows
}

fn token_ui(ui: &mut Ui, place: usize, token: &Token) {
    let palette = theme::palette(ui);
    let parts = [Part::Weights, Part::KvCache, Part::Activations, Part::Staging];
    let ground = if token.special { palette.control_pressed() } else { theme::mix(palette.surface, palette.part(parts[place % 4]), 0.25) };
    let shown = visible(&token.text);
    let text = RichText::new(&shown).monospace().color(palette.ink).background_color(ground);
    let text = if token.special { text.underline() } else { text };
    // one that fits in a line goes to the next line as a whole
    let wrap = if shown.len() > LONG { TextWrapMode::Wrap } else { TextWrapMode::Extend };
    let response = ui.add(Label::new(text).wrap_mode(wrap).sense(Sense::hover()));
    let name = format!("token {}: {}", token.id, shown);
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Label, true, &name));
    response.on_hover_text(format!("token {}{}\n{:?}", token.id, if token.special { ", special" } else { "" }, token.text));
}

/// White space as signs: a strip of tokens shows what a text hides.
fn visible(text: &str) -> String {
    let signs = text.chars().map(|c| match c {
        ' ' => '·',
        '\n' => '↵',
        '\r' => '␍',
        '\t' => '→',
        c => c,
    });
    inert(&signs.collect::<String>()).into_owned()
}
