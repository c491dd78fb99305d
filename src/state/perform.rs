//! What a wish changes, and the order it becomes.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Action, Answering, Loaded, Loading, Page, Phase, Slot, State, Tone};
use crate::engine::session::Input;
use crate::engine::template::{Message, Role as TemplateRole};
use crate::memory::plan;
use crate::message::{Command, Generate, Load, Order};
use crate::store::chat::{Chat, ChatId, Mode, Role, Turn};
use crate::units::Bytes;

/// Recent files that are kept.
const RECENT: usize = 20;

impl State {
    /// Turns a wish into at most one order.
    pub fn perform(&mut self, action: Action) -> Option<Order> {
        match action {
            Action::Go(page) => self.page = page,
            Action::Pick => return self.pick(),
            Action::Open { path, load } => return Some(self.open(path, load)),
            Action::Scan => return self.scan(),
            Action::GetStarter => return self.get_starter(),
            Action::CancelFetch => return self.stop(self.starter.job()),
            Action::SetContext(context) => self.choose(|choice| choice.context = context),
            Action::SetKv(kv) => self.choose(|choice| choice.kv = kv),
            Action::Load { anyway } => return self.load(anyway),
            Action::CancelLoad => return self.stop(self.loading.job()),
            Action::Unload => return self.unload(),
            Action::NewChat | Action::OpenChat(_) | Action::DeleteChat(_) | Action::UndoDelete => return self.switch_chat(action),
            Action::RenameChat(id, title) => {
                self.chats.edit(&id, self.now, |chat| title.trim().clone_into(&mut chat.title));
            }
            Action::Draft(text) => self.edit_current(|chat| chat.draft = text),
            Action::SetSystem(text) => self.edit_current(|chat| chat.system = text),
            Action::SetSampling(sampling) => self.edit_current(|chat| chat.sampling = sampling.clamped()),
            Action::SetMode(mode) => self.edit_current(|chat| chat.mode = mode),
            Action::Send => return self.send(),
            Action::Answer(id) => return self.answer(&id),
            Action::Regenerate => return self.regenerate(),
            Action::Stop => return self.stop_answer(),
            Action::ShowPrompt => return self.show_prompt(),
            Action::HidePrompt => self.prompt = Slot::Empty,
            Action::UseFallbackTemplate(on) => self.fallback_template = on,
            Action::SaveDirty => return self.save_dirty(),
            Action::ForgetRecent(path) => self.set(|settings| settings.recent.retain(|other| *other != path)),
            Action::SetTheme(theme) => self.set(|settings| settings.theme = theme),
            Action::SetScale(scale) => self.set(|settings| settings.scale = scale.clamp(0.5, 3.0)),
            Action::SetThreads(threads) => {
                self.set(|settings| settings.threads = threads);
                let threads = self.threads();
                self.choose(|choice| choice.threads = threads);
            }
            Action::AddFolder(folder) => {
                self.set(|settings| {
                    if !settings.model_folders.contains(&folder) {
                        settings.model_folders.push(folder);
                    }
                });
                return self.scan();
            }
            Action::RemoveFolder(folder) => {
                self.set(|settings| settings.model_folders.retain(|other| *other != folder));
                return self.scan();
            }
            Action::SetSidePanelWidth(width) => self.set(|settings| settings.side_panel_width = width),
            Action::SetChatListWidth(width) => self.set(|settings| settings.chat_list_width = width),
            Action::SetWindow(window) => self.set(|settings| settings.window = Some(window)),
            Action::Dismiss(id) => self.notices.dismiss(id),
        }
        None
    }

    fn order(&mut self, command: Command) -> Order {
        Order { job: self.next_job(), command }
    }

    fn set(&mut self, change: impl FnOnce(&mut crate::store::settings::Settings)) {
        let before = self.settings.clone();
        change(&mut self.settings);
        self.settings_dirty |= self.settings != before;
    }

    fn edit_current(&mut self, change: impl FnOnce(&mut Chat)) {
        let id = self.chats.current().id.clone();
        self.chats.edit(&id, self.now, change);
    }

    /// Reads chats and settings: the first order of all.
    pub fn restore(&mut self) -> Order {
        let order = self.order(Command::Restore);
        self.restored = Slot::Busy { job: order.job, progress: () };
        order
    }

    /// Asks the desktop whether it is dark.
    pub fn ask_theme(&mut self) -> Order {
        let order = self.order(Command::AskTheme);
        self.asking_theme = Some(order.job);
        order
    }

    fn pick(&mut self) -> Option<Order> {
        if self.picking.is_some() {
            return None;
        }
        let order = self.order(Command::Pick);
        self.picking = Some(order.job);
        Some(order)
    }

    fn open(&mut self, path: PathBuf, load: bool) -> Order {
        let order = self.order(Command::Inspect(path.clone()));
        self.opened = Slot::Busy { job: order.job, progress: path };
        self.load_when_open = load;
        self.page = Page::Model;
        order
    }

    /// Notes a file at the head of the recent ones.
    pub(super) fn remember(&mut self, path: PathBuf) {
        self.set(|settings| {
            settings.recent.retain(|other| *other != path);
            settings.recent.insert(0, path);
            settings.recent.truncate(RECENT);
        });
    }

    fn scan(&mut self) -> Option<Order> {
        if self.found.job().is_some() {
            return None;
        }
        let order = self.order(Command::Scan { folders: self.settings.model_folders.clone(), recent: self.settings.recent.clone() });
        self.found = Slot::Busy { job: order.job, progress: () };
        Some(order)
    }

    fn get_starter(&mut self) -> Option<Order> {
        if self.starter.job().is_some() {
            return None;
        }
        let order = self.order(Command::Fetch);
        self.starter = Slot::Busy { job: order.job, progress: None };
        Some(order)
    }

    fn stop(&mut self, job: Option<crate::message::JobId>) -> Option<Order> {
        let job = job?;
        Some(self.order(Command::Stop(job)))
    }

    fn choose(&mut self, change: impl FnOnce(&mut plan::Choice)) {
        let machine = self.planning_machine();
        if let Some(opened) = self.opened.ready_mut()
            && let Ok(plan) = &opened.plan
        {
            let mut choice = plan.choice;
            change(&mut choice);
            opened.plan = plan::plan(&opened.model, choice, &machine);
        }
    }

    fn load(&mut self, anyway: bool) -> Option<Order> {
        if self.loading.job().is_some() || self.answering.is_some() {
            return None;
        }
        let opened = self.opened.ready()?;
        let plan = opened.plan.as_ref().ok()?.clone();
        let (model, name, total) = (Arc::clone(&opened.model), opened.model.name(), plan.parts.weights.unwrap_or_default());
        let order = self.order(Command::Load(Box::new(Load { model: Arc::clone(&model), plan: plan.clone(), anyway })));
        self.loading = Slot::Busy { job: order.job, progress: Loading { name, done: Bytes(0), total } };
        self.promised = Some((model, plan));
        Some(order)
    }

    fn unload(&mut self) -> Option<Order> {
        if self.answering.is_some() || self.unloading.is_some() {
            return None;
        }
        let id = self.loaded.as_ref()?.receipt.id;
        let order = self.order(Command::Unload(id));
        self.unloading = Some(order.job);
        Some(order)
    }

    fn switch_chat(&mut self, action: Action) -> Option<Order> {
        self.prompt = Slot::Empty;
        let order = match action {
            Action::NewChat => {
                self.chats.start(self.now);
                self.page = Page::Chat;
                None
            }
            Action::OpenChat(id) => {
                self.chats.open(&id);
                self.page = Page::Chat;
                None
            }
            Action::DeleteChat(id) => self.delete_chat(id),
            _ => self.chats.undo_delete().map(|id| self.order(Command::RestoreChat(id))),
        };
        self.context_used = 0;
        order
    }

    fn delete_chat(&mut self, id: ChatId) -> Option<Order> {
        if self.answering.as_ref().is_some_and(|answering| answering.chat == id) {
            self.notices.push(Tone::Info, "Stop the answer first, then delete its chat.", None, self.now);
            return None;
        }
        let title = self.chats.get(&id).map(|chat| chat.title.clone())?;
        if !self.chats.delete(&id, self.now) {
            return None;
        }
        let title = if title.is_empty() { "Untitled chat" } else { &title };
        self.notices.push(Tone::Info, format!("Deleted \u{201c}{title}\u{201d}."), Some(("Undo", Action::UndoDelete)), self.now);
        Some(self.order(Command::DeleteChat(id)))
    }

    /// The person's message goes to disk first; [`Action::Answer`] follows when it is there.
    fn send(&mut self) -> Option<Order> {
        let chat = self.chats.current();
        let text = chat.draft.clone();
        if text.trim().is_empty() || !self.can_answer() {
            return None;
        }
        let id = chat.id.clone();
        self.chats.say(&id, text, self.now);
        self.save_then_answer(id)
    }

    fn regenerate(&mut self) -> Option<Order> {
        if !self.can_answer() {
            return None;
        }
        let id = self.chats.current().id.clone();
        let ready = self.chats.edit(&id, self.now, |chat| {
            if chat.turns.last().is_some_and(|turn| turn.role == Role::Assistant) {
                chat.turns.pop();
            }
            !chat.turns.is_empty()
        });
        if ready == Some(true) { self.save_then_answer(id) } else { None }
    }

    fn save_then_answer(&mut self, id: ChatId) -> Option<Order> {
        self.prompt = Slot::Empty;
        let chat = self.chats.get(&id)?.clone();
        self.chats.written(&id);
        let order = self.order(Command::SaveChat(Box::new(chat)));
        self.answering = Some(Answering { job: order.job, chat: id, phase: Phase::Saving, stopping: false });
        Some(order)
    }

    fn answer(&mut self, id: &ChatId) -> Option<Order> {
        let Loaded { model, receipt, .. } = self.loaded.as_ref()?;
        let (model_id, label) = (receipt.id, model.label());
        let chat = self.chats.get(id)?;
        let (input, sampling, turn) = (input(chat, self.fallback_template), chat.sampling.clone(), chat.turns.len());
        self.chats.edit(id, self.now, |chat| {
            chat.turns.push(Turn { role: Role::Assistant, text: String::new(), model: Some(label.clone()), metrics: None });
        });
        self.chats.written(id);
        let generate = Generate { model: model_id, chat: id.clone(), turn, label, input, sampling };
        let order = self.order(Command::Generate(Box::new(generate)));
        self.answering = Some(Answering { job: order.job, chat: id.clone(), phase: Phase::Waiting, stopping: false });
        Some(order)
    }

    fn stop_answer(&mut self) -> Option<Order> {
        let answering = self.answering.as_mut()?;
        answering.stopping = true;
        let job = answering.job;
        // While the message is being saved there is nothing to stop yet: the answer is not ordered at all.
        if answering.phase == Phase::Saving { None } else { self.stop(Some(job)) }
    }

    fn show_prompt(&mut self) -> Option<Order> {
        let model = self.loaded.as_ref()?.receipt.id;
        let mut chat = self.chats.current().clone();
        if self.answering_here().is_some() || chat.turns.last().is_some_and(|turn| turn.role == Role::Assistant && chat.draft.is_empty()) {
            // What the last answer was made from.
            chat.turns.pop();
        } else if !chat.draft.trim().is_empty() {
            let text = std::mem::take(&mut chat.draft);
            chat.turns.push(Turn { role: Role::User, text, model: None, metrics: None });
        }
        let order = self.order(Command::ShowPrompt { model, input: input(&chat, self.fallback_template) });
        self.prompt = Slot::Busy { job: order.job, progress: () };
        Some(order)
    }

    fn save_dirty(&mut self) -> Option<Order> {
        if self.restored.ready().is_none() || self.saving.is_some() {
            return None;
        }
        let command = if let Some(chat) = self.chats.take_dirty() {
            Command::SaveChat(Box::new(chat))
        } else if std::mem::take(&mut self.settings_dirty) {
            Command::SaveSettings(Box::new(self.settings.clone()))
        } else {
            return None;
        };
        let order = self.order(command);
        self.saving = Some(order.job);
        Some(order)
    }
}

/// What the model is to be told for the next turn of a chat.
fn input(chat: &Chat, fallback_template: bool) -> Input {
    match chat.mode {
        Mode::Completion => Input::Completion(chat.turns.iter().map(|turn| turn.text.as_str()).collect()),
        Mode::Chat => {
            let system = (!chat.system.trim().is_empty()).then(|| Message { role: TemplateRole::System, content: chat.system.clone() });
            let turns = chat.turns.iter().map(|turn| Message {
                role: match turn.role {
                    Role::User => TemplateRole::User,
                    Role::Assistant => TemplateRole::Assistant,
                },
                content: turn.text.clone(),
            });
            Input::Chat { messages: system.into_iter().chain(turns).collect(), fallback_template }
        }
    }
}
