//! The frame: rail, top bar, strip, the page between them, and what lies above. It decides what is shown where, and knows no page's
//! content.

use std::sync::Arc;

use egui::{CentralPanel, Frame, Key, Margin, Modifiers, Panel, Role, Sense, Ui, WidgetInfo, vec2};

use super::icons::{self, Icon};
use super::shortcuts::{self, Does};
use super::topbar::TopBar;
use super::{Actions, View, chat, drop, home, lab, memory, model, notices, picture, settings, strip, tensors, theme, widgets};
use crate::state::export::Wish;
use crate::state::{Action, Page, Slot, State};

/// Below this width of the window the chat list folds.
pub const CHAT_LIST_FOLDS: f32 = 1_100.0;
/// Below this width of the window a page's side panel folds.
pub const SIDE_PANEL_FOLDS: f32 = 900.0;

/// Whether there is room for the chat list.
#[must_use]
pub fn shows_chat_list(ui: &Ui) -> bool {
    ui.ctx().content_rect().width() >= CHAT_LIST_FOLDS
}

/// Whether there is room for a side panel.
#[must_use]
pub fn shows_side_panel(ui: &Ui) -> bool {
    ui.ctx().content_rect().width() >= SIDE_PANEL_FOLDS
}

/// The whole screen.
#[derive(Default)]
pub struct Root {
    topbar: TopBar,
    home: home::HomePage,
    model: model::ModelPage,
    chat: chat::ChatPage,
    tensors: tensors::TensorsPage,
    memory: memory::MemoryPage,
    lab: lab::LabPage,
    settings: settings::SettingsPage,
    keys_listed: bool,
}

impl View for Root {
    fn ui(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) {
        let inner_open = self.topbar.is_open() || egui::Popup::is_any_open(ui.ctx());
        self.keys(ui, state, actions);
        let surface = theme::palette(ui).surface;
        let bare = Frame::new().fill(surface);
        Panel::left("rail").exact_size(theme::RAIL).resizable(false).frame(bare).show(ui, |ui| rail(ui, state, actions));
        Panel::bottom("strip").exact_size(strip::HEIGHT).resizable(false).frame(bare.inner_margin(Margin::symmetric(16, 0))).show(
            ui,
            |ui| {
                strip::ui(ui, state, actions);
            },
        );
        Panel::top("topbar").exact_size(44.0).resizable(false).frame(bare.inner_margin(Margin::symmetric(16, 0))).show(ui, |ui| {
            self.topbar.ui(ui, state, actions);
        });
        CentralPanel::default().frame(bare).show(ui, |ui| match state.page {
            Page::Home => self.home.ui(ui, state, actions),
            Page::Model => self.model.ui(ui, state, actions),
            Page::Chat => self.chat.ui(ui, state, actions),
            Page::Tensors => self.tensors.ui(ui, state, actions),
            Page::Memory => self.memory.ui(ui, state, actions),
            Page::Lab => self.lab.ui(ui, state, actions),
            Page::Settings => self.settings.ui(ui, state, actions),
        });
        notices::ui(ui, state, actions);
        drop::ui(ui, state.page, actions);
        if let Some((name, pixels)) = picture::taken(ui.ctx()) {
            actions
                .push(Action::Export(Wish::Picture { name: format!("{}.png", name.replace(['/', '\\'], "_")), pixels: Arc::new(pixels) }));
        }
        if self.keys_listed {
            self.keys_listed = !shortcuts::list(ui);
        } else if !inner_open {
            escape(ui, state, actions);
        }
    }
}

impl Root {
    fn keys(&mut self, ui: &Ui, state: &State, actions: &mut Actions) {
        match shortcuts::pressed(ui) {
            Some(Does::List) => self.keys_listed = !self.keys_listed,
            Some(Does::PickModel) => self.topbar.toggle(),
            Some(Does::Go(Page::Model)) if matches!(state.opened, Slot::Empty) => {}
            Some(does) => {
                if let Some(action) = shortcuts::action(does, state) {
                    actions.push(action);
                }
            }
            None => {}
        }
    }
}

/// Esc closes the prompt's view, else stops the answer. Whatever is further in took the key before.
fn escape(ui: &Ui, state: &State, actions: &mut Actions) {
    let closes_prompt = state.page == Page::Chat && !matches!(state.prompt, Slot::Empty);
    let stops = state.answering.as_ref().is_some_and(|answering| !answering.stopping);
    if (closes_prompt || stops) && ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Escape)) {
        actions.push(if closes_prompt { Action::HidePrompt } else { Action::Stop });
    }
}

const fn sign(page: Page) -> Icon {
    match page {
        Page::Home => icons::HOME,
        Page::Model => icons::MODEL,
        Page::Chat => icons::CHAT,
        Page::Tensors => icons::TENSORS,
        Page::Memory => icons::MEMORY,
        Page::Lab => icons::LAB,
        Page::Settings => icons::SETTINGS,
    }
}

fn rail(ui: &mut Ui, state: &State, actions: &mut Actions) {
    ui.spacing_mut().item_spacing.y = 4.0;
    ui.vertical_centered(|ui| {
        ui.add_space(theme::GRID);
        for page in Page::ALL {
            let shown = match page {
                Page::Model | Page::Tensors => !matches!(state.opened, Slot::Empty),
                Page::Settings => false,
                Page::Home | Page::Chat | Page::Memory | Page::Lab => true,
            };
            if shown && rail_button(ui, page, state.page == page) {
                actions.push(Action::Go(page));
            }
        }
        ui.with_layout(egui::Layout::bottom_up(egui::Align::Center), |ui| {
            ui.add_space(theme::GRID);
            if rail_button(ui, Page::Settings, state.page == Page::Settings) {
                actions.push(Action::Go(Page::Settings));
            }
        });
    });
}

fn rail_button(ui: &mut Ui, page: Page, on: bool) -> bool {
    let (rect, response) = ui.allocate_exact_size(vec2(36.0, 36.0), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Tab, true, on, page.name()));
    let palette = theme::palette(ui);
    if on || response.hovered() {
        let fill = if on { palette.selected() } else { palette.control() };
        ui.painter().rect_filled(rect, theme::CORNER, fill);
    }
    if response.has_focus() {
        ui.painter().rect_stroke(rect, theme::CORNER, theme::focus(ui), egui::StrokeKind::Inside);
    }
    let color = match (on, response.hovered()) {
        (true, _) => palette.accent,
        (false, true) => palette.ink,
        (false, false) => palette.secondary,
    };
    widgets::paint_icon(ui, rect, sign(page), color, 20.0);
    let keys = shortcuts::written(ui, Does::Go(page));
    response.on_hover_text(format!("{}   {keys}", page.name())).clicked()
}
