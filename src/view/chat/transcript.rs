//! The messages of a chat, oldest first. Those out of sight cost nothing; the view follows the newest until one scrolls up.

use egui::{Align, Align2, Rect, ScrollArea, Ui, pos2, vec2};

use super::flow::Flow;
use super::markdown::Document;
use super::turn::{self, Place};
use crate::state::{Action, State};
use crate::store::chat::{ChatId, Role};
use crate::view::{Actions, icons, theme, widgets};

/// The longest line that is comfortable to read, in points.
pub const WIDEST: f32 = 760.0;
/// Scrolled up further than this, a way back is offered.
const NEAR: f32 = 48.0;

/// What the screen keeps of the chat that is shown.
#[derive(Default)]
pub struct Transcript {
    chat: Option<ChatId>,
    documents: Vec<Document>,
    lengths: Vec<(usize, bool)>,
    flow: Flow,
    jump: bool,
}

impl Transcript {
    /// Draws the current chat's messages.
    pub fn ui(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        let chat = state.chats.current();
        if self.chat.as_ref() != Some(&chat.id) {
            let lengths = vec![(0, false); chat.turns.len()];
            *self = Self { chat: Some(chat.id.clone()), lengths, ..Self::default() };
        }
        self.follow(state);
        let scroll = ScrollArea::vertical().id_salt(("transcript", &chat.id.0)).auto_shrink(false).stick_to_bottom(true);
        let shown = scroll.show(ui, |ui| column(ui, |ui| self.turns(ui, state, actions)));
        let below = shown.content_size.y - shown.inner_rect.height() - shown.state.clamped_offset().y;
        if below > NEAR && self.to_newest(ui, shown.inner_rect) {
            self.jump = true;
            ui.ctx().request_repaint();
        }
    }

    /// Notes what changed since the last frame.
    fn follow(&mut self, state: &State) {
        let turns = &state.chats.current().turns;
        self.jump |= turns.len() > self.lengths.len() && turns.last().is_some_and(|turn| turn.role == Role::User);
        self.documents.resize_with(turns.len(), Document::default);
        self.lengths.resize(turns.len(), (0, false));
        for (i, turn) in turns.iter().enumerate() {
            let length = (turn.text.len(), turn.metrics.is_some());
            if self.lengths[i] != length {
                self.lengths[i] = length;
                self.flow.forget(i);
            }
        }
    }

    fn turns(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        let turns = &state.chats.current().turns;
        let Self { documents, flow, .. } = self;
        ui.spacing_mut().item_spacing.y = theme::GRID;
        flow.begin(ui.available_width(), turns.len());
        ui.add_space(theme::GRID);
        for (i, (turn, document)) in turns.iter().zip(documents).enumerate() {
            let last = i + 1 == turns.len();
            let answering = state.answering_here().filter(|_| last && turn.role == Role::Assistant);
            let place = Place { last, answering, can_answer: state.can_answer() };
            if last {
                flow.forget(i);
            }
            flow.row(ui, i, |ui| turn::turn(ui, turn, document, place, actions));
        }
        if turns.last().is_some_and(|turn| turn.role == Role::User) {
            self.unanswered(ui, state, actions);
        }
        ui.add_space(theme::GRID * 2.0);
        if std::mem::take(&mut self.jump) {
            ui.scroll_to_cursor_animation(Some(Align::BOTTOM), egui::style::ScrollAnimation::none());
        }
    }

    /// The last message has no answer: it is coming, or there was none.
    #[expect(clippy::unused_self, reason = "belongs to the transcript")]
    fn unanswered(&self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        if let Some(answering) = state.answering_here() {
            widgets::small(ui, turn::progress(answering));
        } else if state.can_answer() {
            ui.horizontal(|ui| {
                widgets::note(ui, "No answer yet.");
                if widgets::button(ui, Some(icons::AGAIN), "Answer now").clicked() {
                    actions.push(Action::Regenerate);
                }
            });
        }
    }

    #[expect(clippy::unused_self, reason = "belongs to the transcript")]
    fn to_newest(&self, ui: &mut Ui, inside: Rect) -> bool {
        let size = vec2(150.0, theme::CONTROL);
        let rect = Align2::CENTER_BOTTOM.anchor_size(pos2(inside.center().x, inside.bottom() - theme::GRID), size);
        let builder = egui::UiBuilder::new().max_rect(rect).layout(egui::Layout::centered_and_justified(egui::Direction::TopDown));
        let palette = theme::palette(ui);
        ui.scope_builder(builder, |ui| {
            ui.painter().rect_filled(rect.expand(1.0), theme::CORNER, palette.surface);
            widgets::button(ui, Some(icons::NEWEST), "Jump to latest").clicked()
        })
        .inner
    }
}

/// A column of comfortable width in the middle.
pub fn column<R>(ui: &mut Ui, add: impl FnOnce(&mut Ui) -> R) -> R {
    let available = ui.available_rect_before_wrap();
    let width = (available.width() - 2.0 * theme::GRID * 2.0).min(WIDEST);
    let left = available.left() + (available.width() - width) / 2.0;
    let rect = Rect::from_min_size(pos2(left.round(), available.top()), vec2(width, available.height()));
    let builder = egui::UiBuilder::new().max_rect(rect).layout(egui::Layout::top_down(Align::Min));
    ui.scope_builder(builder, add).inner
}
