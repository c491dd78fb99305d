//! The chat page: the list of conversations, the transcript with the message box, and the side panel. Where the window is narrow,
//! list and panel fold behind buttons.

mod blocks;
mod completion;
mod composer;
mod empty;
mod flow;
pub mod inert;
mod list;
mod markdown;
mod panel;
mod pieces;
mod prompt;
mod tokens;
mod transcript;
mod turn;

use egui::{CentralPanel, Frame, Margin, Panel, Popup, PopupCloseBehavior, Ui};

use super::{Actions, View, frame, icons, theme, widgets};
use crate::state::{Action, Slot, State};
use crate::store::chat::Mode;

pub use blocks::{Block, Piece, Reading, cut, extend};
pub use inert::{inert, may_open};

/// The page.
#[derive(Default)]
pub struct ChatPage {
    list: list::ChatList,
    transcript: transcript::Transcript,
    completion: completion::Completion,
    prompt: prompt::PromptView,
    composer: composer::Composer,
    panel: panel::SidePanel,
    panel_folded: bool,
}

impl View for ChatPage {
    fn ui(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        let (list_fits, panel_fits) = (frame::shows_chat_list(ui), frame::shows_side_panel(ui));
        let surface = theme::palette(ui).surface;
        let bare = Frame::new().fill(surface);
        if list_fits {
            let width = state.settings.chat_list_width;
            let side = Panel::left("chat list").resizable(true).default_size(width).size_range(160.0..=360.0);
            let side = side.frame(bare.inner_margin(Margin { left: 8, right: 8, top: 0, bottom: 0 }));
            let shown = side.show(ui, |ui| self.list.ui(ui, state, actions));
            keep_width(ui, width, shown.response.rect.width(), Action::SetChatListWidth, actions);
        }
        if panel_fits && !self.panel_folded {
            let width = state.settings.side_panel_width;
            let side = Panel::right("chat panel").resizable(true).default_size(width).size_range(240.0..=420.0);
            let side = side.frame(bare.inner_margin(Margin { left: 16, right: 12, top: 8, bottom: 0 }));
            let shown = side.show(ui, |ui| self.panel.ui(ui, state, actions));
            keep_width(ui, width, shown.response.rect.width(), Action::SetSidePanelWidth, actions);
        }
        Panel::bottom("composer")
            .resizable(false)
            .show_separator_line(false)
            .frame(bare.inner_margin(Margin { top: 4, bottom: 6, ..Margin::ZERO }))
            .show(ui, |ui| {
                transcript::column(ui, |ui| self.composer.ui(ui, state, actions));
            });
        CentralPanel::default().frame(bare).show(ui, |ui| {
            self.head(ui, state, actions, list_fits, panel_fits);
            self.middle(ui, state, actions);
        });
    }
}

impl ChatPage {
    /// The chat's title, and the buttons of what is folded.
    fn head(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions, list_fits: bool, panel_fits: bool) {
        let frame = Frame::new().inner_margin(Margin { left: 16, right: 12, top: 6, bottom: 2 });
        frame.show(ui, |ui| {
            ui.horizontal(|ui| {
                ui.set_min_height(theme::CONTROL);
                if !list_fits {
                    let button = widgets::icon_button(ui, icons::LEFT_PANEL, "Chats");
                    let popup = Popup::menu(&button).close_behavior(PopupCloseBehavior::CloseOnClickOutside).width(240.0);
                    popup.show(|ui| {
                        ui.set_height((ui.ctx().content_rect().height() - 160.0).clamp(160.0, 480.0));
                        if self.list.ui(ui, state, actions) {
                            ui.close();
                        }
                    });
                }
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    if panel_fits {
                        let on = !self.panel_folded;
                        if widgets::icon_toggle(ui, icons::RIGHT_PANEL, "Side panel", on).clicked() {
                            self.panel_folded = on;
                        }
                    } else {
                        let button = widgets::icon_button(ui, icons::SAMPLING, "Sampling and system prompt");
                        let popup = Popup::menu(&button).close_behavior(PopupCloseBehavior::CloseOnClickOutside).width(280.0);
                        popup.show(|ui| {
                            ui.set_height((ui.ctx().content_rect().height() - 160.0).clamp(160.0, 560.0));
                            self.panel.ui(ui, state, actions);
                        });
                    }
                    ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                        let title = &state.chats.current().title;
                        let title = if title.is_empty() { "New chat" } else { title };
                        let text = egui::RichText::new(inert(title)).text_style(theme::section());
                        ui.add(egui::Label::new(text).truncate());
                    });
                });
            });
        });
    }

    fn middle(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        let chat = state.chats.current();
        if !matches!(state.prompt, Slot::Empty) {
            self.prompt.ui(ui, state, actions);
        } else if chat.turns.is_empty() && state.answering_here().is_none() {
            empty::empty(ui, state, actions);
        } else if chat.mode == Mode::Completion {
            self.completion.ui(ui, state, actions);
        } else {
            self.transcript.ui(ui, state, actions);
        }
    }
}

/// A panel's width is kept once it was dragged.
fn keep_width(ui: &Ui, kept: f32, now: f32, action: impl FnOnce(f32) -> Action, actions: &mut Actions) {
    if (kept - now).abs() > 1.0 && ui.input(|input| input.pointer.any_released()) {
        actions.push(action(now));
    }
}
