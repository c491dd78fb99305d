//! The keys of the app: one table that the app listens to and that `?` shows.

use egui::{Frame, Key, KeyboardShortcut, ModifierNames, Modifiers, RichText, Ui};

use super::{theme, widgets};
use crate::state::{Action, Page, State};

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    /// Show a page.
    Go(Page),
    /// Choose a file.
    OpenFile,
    /// Open the list of models in the top bar.
    PickModel,
    /// Start a conversation.
    NewChat,
    /// Delete the conversation that is shown; it can be brought back.
    DeleteChat,
    /// Show the exact prompt.
    ShowPrompt,
    /// Larger, smaller, as the system says.
    Zoom(i8),
    /// Show the list of keys.
    List,
}

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Shortcut {
    /// The keys, any of which will do.
    pub keys: &'static [KeyboardShortcut],
    /// What it does, in words.
    pub words: &'static str,
    /// What it does.
    pub does: Does,
}

const fn ctrl(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::COMMAND, key)
}

const fn ctrl_shift(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::COMMAND.plus(Modifiers::SHIFT), key)
}

const fn row(keys: &'static [KeyboardShortcut], words: &'static str, does: Does) -> Shortcut {
    Shortcut { keys, words, does }
}

/// All keys that work everywhere. Those with more modifiers stand before those with fewer, because a pressed Shift also matches none.
pub const TABLE: &[Shortcut] = &[
    row(&[ctrl(Key::Num1)], "Home", Does::Go(Page::Home)),
    row(&[ctrl(Key::Num2)], "Model", Does::Go(Page::Model)),
    row(&[ctrl(Key::Num3)], "Chat", Does::Go(Page::Chat)),
    row(&[ctrl(Key::Num4)], "Tensors", Does::Go(Page::Tensors)),
    row(&[ctrl(Key::Num5)], "Memory", Does::Go(Page::Memory)),
    row(&[ctrl(Key::Num6)], "Lab", Does::Go(Page::Lab)),
    row(&[ctrl(Key::Num7), ctrl(Key::Comma)], "Settings", Does::Go(Page::Settings)),
    row(&[ctrl_shift(Key::O), ctrl(Key::N)], "New chat", Does::NewChat),
    row(&[ctrl_shift(Key::D)], "Delete this chat (can be undone)", Does::DeleteChat),
    row(&[ctrl_shift(Key::P)], "Show the exact prompt", Does::ShowPrompt),
    row(&[ctrl(Key::O)], "Open a model file", Does::OpenFile),
    row(&[ctrl(Key::L)], "Choose a model", Does::PickModel),
    row(&[ctrl(Key::Plus), ctrl(Key::Equals)], "Larger", Does::Zoom(1)),
    row(&[ctrl(Key::Minus)], "Smaller", Does::Zoom(-1)),
    row(&[ctrl(Key::Num0)], "Normal size", Does::Zoom(0)),
    row(
        &[KeyboardShortcut::new(Modifiers::NONE, Key::Questionmark), KeyboardShortcut::new(Modifiers::NONE, Key::F1)],
        "This list",
        Does::List,
    ),
];

/// Keys that belong to a place on the screen, for the list only.
const ELSEWHERE: &[(&str, &str)] = &[
    ("Enter", "Send the message"),
    ("Shift+Enter", "New line in the message"),
    ("Esc", "Close what is open, else stop the answer"),
    ("Tab", "To the next control"),
];

/// What was pressed, taken out of the input. Keys without modifiers are left to whoever has the focus.
#[must_use]
pub fn pressed(ui: &Ui) -> Option<Does> {
    let typing = ui.ctx().egui_wants_keyboard_input();
    ui.input_mut(|input| {
        let mut hit =
            |shortcut: &Shortcut| shortcut.keys.iter().any(|keys| !(typing && keys.modifiers.is_none()) && input.consume_shortcut(keys));
        TABLE.iter().find(|shortcut| hit(shortcut)).map(|shortcut| shortcut.does)
    })
}

/// The wish behind a key, for those that are one.
#[must_use]
pub fn action(does: Does, state: &State) -> Option<Action> {
    Some(match does {
        Does::Go(page) => Action::Go(page),
        Does::OpenFile => Action::Pick,
        Does::NewChat => Action::NewChat,
        Does::DeleteChat if state.page == Page::Chat => Action::DeleteChat(state.chats.current().id.clone()),
        Does::ShowPrompt if state.page == Page::Chat => Action::ShowPrompt,
        Does::Zoom(0) => Action::SetScale(1.0),
        Does::Zoom(step) => Action::SetScale((state.settings.scale + 0.1 * f32::from(step)).clamp(0.7, 2.0)),
        Does::DeleteChat | Does::ShowPrompt | Does::PickModel | Does::List => return None,
    })
}

/// The first key of an action as it is written on this system.
#[must_use]
pub fn written(ui: &Ui, does: Does) -> String {
    let row = TABLE.iter().find(|shortcut| shortcut.does == does);
    row.map_or_else(String::new, |row| keys_written(ui, row.keys[0]))
}

/// The list of keys, over the page. Returns whether it is to be closed.
#[must_use]
pub fn list(ui: &Ui) -> bool {
    let frame = Frame::popup(ui.style()).inner_margin(16);
    let modal = egui::Modal::new(egui::Id::unique("shortcuts")).frame(frame).show(ui.ctx(), |ui| {
        ui.set_width(420.0);
        let mut close = false;
        ui.horizontal(|ui| {
            widgets::heading(ui, "Keyboard");
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                close = widgets::icon_button(ui, super::icons::CLOSE, "Close").clicked();
            });
        });
        let height = ui.ctx().content_rect().height() - 160.0;
        egui::ScrollArea::vertical().max_height(height).min_scrolled_height(height).show(ui, |ui| {
            for shortcut in TABLE {
                let keys: Vec<String> = shortcut.keys.iter().map(|&keys| keys_written(ui, keys)).collect();
                key_row(ui, shortcut.words, &keys.join("  or  "));
            }
            for (keys, words) in ELSEWHERE {
                key_row(ui, words, keys);
            }
        });
        close
    });
    modal.inner || modal.should_close()
}

/// Keys as they are written on this system, signs as signs: `Ctrl+,`.
fn keys_written(ui: &Ui, keys: KeyboardShortcut) -> String {
    let is_mac = ui.ctx().os().is_mac();
    let modifiers = ModifierNames::NAMES.format(&keys.modifiers, is_mac);
    let key = keys.logical_key.symbol_or_name();
    if modifiers.is_empty() { key.to_owned() } else { format!("{modifiers}+{key}") }
}

fn key_row(ui: &mut Ui, words: &str, keys: &str) {
    ui.horizontal(|ui| {
        ui.set_min_height(theme::ROW);
        ui.label(words);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.label(RichText::new(keys).text_style(theme::small_mono()).color(theme::secondary(ui)));
        });
    });
}
