//! What a wish changes, and the order it becomes.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Action, Loading, Page, Slot, State, Tone};
use crate::memory::plan;
use crate::message::{Command, JobId, Load, Order};
use crate::store::chat::{Chat, ChatId};
use crate::store::settings::Settings;
use crate::units::Bytes;

/// Recent files that are kept.
const RECENT: usize = 20;

impl State {
    /// Turns a wish into at most one order.
    pub fn perform(&mut self, action: Action) -> Option<Order> {
        let order = self.act(action);
        self.follow_lab();
        order
    }

    fn act(&mut self, action: Action) -> Option<Order> {
        self.welcome.notice(&action);
        match action {
            Action::Go(page) => {
                self.page = page;
                return if page == Page::Lab { self.enter_lab() } else { None };
            }
            Action::Welcome => return self.welcome(),
            Action::Pick => return self.pick(),
            Action::Open { path, load } => return Some(self.open(path, load)),
            Action::Scan => return self.scan(),
            Action::GetStarter => return self.get_starter(),
            Action::CancelFetch => return self.stop(self.starter.job()),
            Action::SetContext(context) => self.choose(|choice| choice.context = context),
            Action::SetKv(kv) => self.choose(|choice| choice.kv = kv),
            Action::SetRecode(level) => self.choose(|choice| choice.recode = level),
            Action::Load { anyway } => return self.load(anyway),
            Action::CancelLoad => return self.stop(self.loading.job()),
            Action::Unload => return self.unload(),
            Action::MeasureBandwidth => return self.measure_bandwidth(),
            Action::NewChat | Action::OpenChat(_) | Action::DeleteChat(_) | Action::UndoDelete => return self.switch_chat(action),
            Action::RenameChat(id, title) => {
                self.chats.edit(&id, self.now, |chat| title.trim().clone_into(&mut chat.title));
            }
            Action::Draft(text) => {
                self.edit_current(|chat| chat.draft = text);
                return self.follow_draft();
            }
            Action::SetSystem(text) => self.edit_current(|chat| chat.system = text),
            Action::SetSampling(sampling) => self.edit_current(|chat| chat.sampling = sampling.clamped()),
            Action::SetMode(mode) => {
                self.completes_by_default = false;
                self.edit_current(|chat| chat.mode = mode);
            }
            Action::Send => return self.send(),
            Action::Ask(text) => return self.ask(text),
            Action::AskFirst => return self.ask_first(),
            Action::Answer(id) => return self.answer(&id),
            Action::Regenerate => return self.regenerate(),
            Action::Stop => return self.stop_answer(),
            Action::ShowPrompt => return self.show_prompt(),
            Action::HidePrompt => self.prompt = Slot::Empty,
            Action::ShowTokens => return self.show_tokens(),
            Action::HideTokens => self.tokens = super::tokens::Tokens::default(),
            Action::UseFallbackTemplate(on) => {
                self.fallback_template = on;
                self.follow_template();
            }
            Action::SaveDirty => return self.save_dirty(),
            Action::ForgetRecent(path) => self.set(|settings| settings.recent.retain(|other| *other != path)),
            Action::SetTheme(theme) => self.set(|settings| settings.theme = theme),
            Action::SetScale(scale) => self.set(|settings| settings.scale = scale),
            Action::SetThreads(threads) => {
                self.set(|settings| settings.threads = threads);
                let threads = self.threads();
                self.choose(|choice| choice.threads = threads);
            }
            Action::SetPocketAtStart(on) => self.set(|settings| settings.pocket_at_start = on),
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
            Action::Browse(wish) => return self.browse(wish),
            Action::Export(wish) => return self.export(wish),
            Action::Side(wish) => return self.side(wish),
            Action::Make(wish) => return self.make(wish),
            Action::Lab(wish) => return self.experiment(wish),
            Action::Dismiss(id) => self.notices.dismiss(id),
        }
        None
    }

    pub(super) fn order(&mut self, command: Command) -> Order {
        Order { job: self.next_job(), command }
    }

    /// An order of which only a failure is of interest.
    fn chore(&mut self, command: Command) -> Order {
        let order = self.order(command);
        self.chores.insert(order.job);
        order
    }

    pub(super) fn inform(&mut self, text: impl Into<String>) {
        self.notices.push(Tone::Info, text, None, self.now);
    }

    pub(super) fn set(&mut self, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.settings.clone();
        change(&mut settings);
        let settings = settings.usable();
        if settings != self.settings {
            self.settings = settings;
            self.saving.settings_changed();
        }
    }

    fn edit_current(&mut self, change: impl FnOnce(&mut Chat)) {
        let id = self.chats.current().id.clone();
        self.chats.edit(&id, self.now, change);
    }

    /// Reads chats and settings: the first order of all.
    pub fn restore(&mut self) -> Order {
        let order = self.order(Command::Restore);
        self.settings_at_start = self.settings.clone();
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

    pub(super) fn open(&mut self, path: PathBuf, load: bool) -> Order {
        let order = self.order(Command::Inspect(path.clone()));
        self.opened = Slot::Busy { job: order.job, progress: path };
        self.load_when_open = load.then_some(order.job);
        if matches!(self.loading, Slot::Failed(_)) {
            self.loading = Slot::Empty;
        }
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
        self.scan_again = self.found.job().is_some();
        if self.scan_again {
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

    pub(super) fn stop(&mut self, job: Option<JobId>) -> Option<Order> {
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
            if let Ok(spec) = &opened.model.spec {
                choice.context = choice.context.min(spec.n_ctx_train);
            }
            opened.plan = plan::plan(&opened.model, choice, &machine);
        }
    }

    fn load(&mut self, anyway: bool) -> Option<Order> {
        let opened = self.opened.ready()?;
        let plan = opened.plan.as_ref().ok()?.clone();
        let (model, name) = (Arc::clone(&opened.model), opened.model.name());
        if let Some(loading) = self.loading.progress() {
            if self.promised.as_ref().is_some_and(|(promised, _)| Arc::ptr_eq(promised, &model)) {
                return None;
            }
            let words = format!("{} is still loading; load {name} after it.", loading.name);
            if self.gives_way(anyway) {
                return self.stop_own();
            }
            self.inform(words);
            return None;
        }
        if self.opened_is_loaded() && self.unloading.is_none() {
            self.page = Page::Chat;
            return None;
        }
        if self.answering.is_some() {
            if self.gives_way(anyway) {
                return self.stop_own();
            }
            self.inform(format!("Stop the answer first, then load {name}."));
            return None;
        }
        let total = plan.parts.weights.unwrap_or_default();
        let order = self.order(Command::Load(Box::new(Load { model: Arc::clone(&model), plan: plan.clone(), anyway })));
        self.loading = Slot::Busy { job: order.job, progress: Loading { name, done: Bytes(0), total } };
        self.promised = Some((model, plan));
        Some(order)
    }

    fn unload(&mut self) -> Option<Order> {
        let id = self.loaded.as_ref()?.receipt.id;
        if self.unloading.is_some() {
            return None;
        }
        if self.answering.is_some() {
            self.inform("Stop the answer first, then unload.");
            return None;
        }
        if let Some(loading) = self.loading.progress() {
            self.inform(format!("{} is still loading; unload after it, or cancel it.", loading.name));
            return None;
        }
        let order = self.order(Command::Unload(id));
        self.unloading = Some(order.job);
        Some(order)
    }

    fn switch_chat(&mut self, action: Action) -> Option<Order> {
        self.prompt = Slot::Empty;
        self.tokens = super::tokens::Tokens::default();
        let order = match action {
            Action::NewChat => {
                self.chats.start(self.now);
                self.follow_template();
                self.page = Page::Chat;
                None
            }
            Action::OpenChat(id) => {
                self.chats.open(&id);
                self.page = Page::Chat;
                None
            }
            Action::DeleteChat(id) => self.delete_chat(id),
            _ => {
                self.notices.withdraw(&Action::UndoDelete);
                self.chats.undo_delete().map(|id| self.chore(Command::RestoreChat(id)))
            }
        };
        self.show_context();
        order
    }

    fn delete_chat(&mut self, id: ChatId) -> Option<Order> {
        if self.answering.as_ref().is_some_and(|answering| answering.chat == id) {
            self.inform("Stop the answer first, then delete its chat.");
            return None;
        }
        let chat = self.chats.get(&id)?;
        let (title, is_empty) = (chat.title.clone(), chat.is_empty());
        if !self.chats.delete(&id, self.now) {
            return None;
        }
        if !is_empty {
            let title = if title.is_empty() { "Untitled chat" } else { &title };
            self.notices.withdraw(&Action::UndoDelete);
            self.notices.push(Tone::Info, format!("Deleted \u{201c}{title}\u{201d}."), Some(("Undo", Action::UndoDelete)), self.now);
        }
        Some(self.chore(Command::DeleteChat(id)))
    }
}
