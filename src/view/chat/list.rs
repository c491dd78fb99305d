//! The list of conversations: newest first, grouped by day, renamed in place.

use egui::{Key, Popup, Response, RichText, Role, ScrollArea, Sense, StrokeKind, TextEdit, Ui, WidgetInfo, pos2, vec2};

use crate::state::{Action, State};
use crate::store::chat::{Chat, ChatId};
use crate::view::icons::Icon;
use crate::view::{Actions, icons, theme, widgets};

/// The height of a row, headings included.
const ROW: f32 = 30.0;
const DAY: i64 = 86_400_000;

/// What the screen keeps of the list.
#[derive(Debug, Default)]
pub struct ChatList {
    renaming: Option<(ChatId, String, bool)>,
}

enum Row<'s> {
    Heading(&'static str),
    Chat(&'s Chat),
}

impl ChatList {
    /// Draws the list. Returns whether a chat was chosen or made.
    pub fn ui(&mut self, ui: &mut Ui, state: &State, actions: &mut Actions) -> bool {
        let mut chosen = false;
        ui.add_space(theme::GRID);
        let new = widgets::button(ui, Some(icons::ADD), "New chat");
        if new
            .on_hover_text(format!(
                "New chat   {}",
                ui.ctx().format_shortcut(&egui::KeyboardShortcut::new(egui::Modifiers::COMMAND, Key::N))
            ))
            .clicked()
        {
            actions.push(Action::NewChat);
            chosen = true;
        }
        if ui.input(|input| input.key_pressed(Key::F2)) && self.renaming.is_none() {
            self.rename(state.chats.current());
        }
        let rows = rows(state);
        ui.spacing_mut().item_spacing.y = 2.0;
        ScrollArea::vertical().id_salt("chats").auto_shrink(false).show_rows(ui, ROW, rows.len(), |ui, range| {
            for row in &rows[range] {
                match row {
                    Row::Heading(words) => {
                        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
                        let place = pos2(rect.left() + theme::GRID, rect.bottom() - 6.0);
                        let font = egui::TextStyle::Small.resolve(ui.style());
                        ui.painter().text(place, egui::Align2::LEFT_BOTTOM, words, font, theme::secondary(ui));
                    }
                    Row::Chat(chat) => {
                        ui.push_id(&chat.id.0, |ui| chosen |= self.chat(ui, state, chat, actions));
                    }
                }
            }
        });
        chosen
    }

    fn rename(&mut self, chat: &Chat) {
        self.renaming = Some((chat.id.clone(), chat.title.clone(), true));
    }

    fn chat(&mut self, ui: &mut Ui, state: &State, chat: &Chat, actions: &mut Actions) -> bool {
        if self.renaming.as_ref().is_some_and(|(id, ..)| *id == chat.id) {
            self.title_field(ui, actions);
            return false;
        }
        let on = state.chats.current().id == chat.id;
        let busy = state.answering.as_ref().is_some_and(|answering| answering.chat == chat.id);
        let response = row(ui, title(chat), on, busy);
        let mut more = None;
        let menu_open = Popup::is_id_open(ui.ctx(), menu_id(chat));
        if response.contains_pointer() || response.has_focus() || menu_open || on {
            let at = response.rect.right_center() - vec2(ROW / 2.0, 0.0);
            let rect = egui::Rect::from_center_size(at, vec2(theme::CONTROL, theme::CONTROL - 4.0));
            let builder = egui::UiBuilder::new().max_rect(rect);
            more =
                Some(ui.scope_builder(builder, |ui| widgets::icon_button(ui, Icon::Ellipsis, &format!("More for {}", title(chat)))).inner);
        }
        if let Some(more) = more {
            Popup::menu(&more).id(menu_id(chat)).width(160.0).show(|ui| self.menu(ui, chat, actions));
        }
        Popup::context_menu(&response).width(160.0).show(|ui| self.menu(ui, chat, actions));
        if response.double_clicked() {
            self.rename(chat);
        } else if response.clicked() {
            actions.push(Action::OpenChat(chat.id.clone()));
            return true;
        }
        if response.has_focus() && ui.input(|input| input.key_pressed(Key::Delete)) {
            actions.push(Action::DeleteChat(chat.id.clone()));
        }
        false
    }

    fn menu(&mut self, ui: &mut Ui, chat: &Chat, actions: &mut Actions) {
        if widgets::quiet(ui, Some(icons::EDIT), "Rename").clicked() {
            self.rename(chat);
            ui.close();
        }
        if widgets::quiet(ui, Some(icons::DELETE), "Delete").clicked() {
            actions.push(Action::DeleteChat(chat.id.clone()));
            ui.close();
        }
    }

    fn title_field(&mut self, ui: &mut Ui, actions: &mut Actions) {
        let Some((id, text, fresh)) = &mut self.renaming else { return };
        let edit = TextEdit::singleline(text).desired_width(f32::INFINITY).margin(egui::Margin::symmetric(8, 5)).char_limit(200);
        let response = ui.add(edit).accessible_name("Title");
        if std::mem::take(fresh) {
            response.request_focus();
            return;
        }
        if response.lost_focus() {
            if !ui.input_mut(|input| input.consume_key(egui::Modifiers::NONE, Key::Escape)) && !text.trim().is_empty() {
                actions.push(Action::RenameChat(id.clone(), text.clone()));
            }
            self.renaming = None;
        }
    }
}

fn menu_id(chat: &Chat) -> egui::Id {
    egui::Id::unique(("chat menu", &chat.id.0))
}

fn title(chat: &Chat) -> &str {
    if chat.title.is_empty() { "New chat" } else { &chat.title }
}

fn row(ui: &mut Ui, title: &str, on: bool, busy: bool) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, on, format!("Chat: {title}")));
    let palette = theme::palette(ui);
    if on || response.hovered() {
        ui.painter().rect_filled(rect, theme::CORNER, if on { palette.selected() } else { palette.control() });
    }
    if response.has_focus() {
        ui.painter().rect_stroke(rect, theme::CORNER, theme::focus(ui), StrokeKind::Inside);
    }
    let left = rect.left() + theme::GRID;
    if busy {
        ui.painter().circle_filled(pos2(left + 3.0, rect.center().y), 3.0, palette.accent);
    }
    let indent = if busy { 12.0 } else { 0.0 };
    let right = if on || response.contains_pointer() { ROW + 2.0 } else { theme::GRID };
    let text = egui::WidgetText::from(RichText::new(super::inert::inert(title)).color(palette.ink));
    let width = (rect.width() - theme::GRID - indent - right).max(8.0);
    let galley = text.into_galley(ui, Some(egui::TextWrapMode::Truncate), width, egui::TextStyle::Body);
    ui.painter().galley(pos2(left + indent, rect.center().y - galley.size().y / 2.0), galley, palette.ink);
    response
}

/// The chats under the day on which they last changed, as the clock of this place counts days.
fn rows(state: &State) -> Vec<Row<'_>> {
    let today = start_of_day(state.now);
    let mut rows = Vec::with_capacity(state.chats.iter().len() + 5);
    let mut above = None;
    for chat in state.chats.iter() {
        let heading = match today - chat.changed {
            ..=0 => "Today",
            age if age <= DAY => "Yesterday",
            age if age <= 7 * DAY => "Last seven days",
            age if age <= 30 * DAY => "Last thirty days",
            _ => "Earlier",
        };
        if above != Some(heading) {
            rows.push(Row::Heading(heading));
            above = Some(heading);
        }
        rows.push(Row::Chat(chat));
    }
    rows
}

fn start_of_day(now: i64) -> i64 {
    let midnight = || jiff::Timestamp::from_millisecond(now).ok()?.to_zoned(jiff::tz::TimeZone::system()).start_of_day().ok();
    midnight().map_or(now - now.rem_euclid(DAY), |zoned| zoned.timestamp().as_millisecond())
}
