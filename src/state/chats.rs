//! The conversations: which there are, which is shown, what changed since it was last written.

use std::collections::BTreeSet;

use crate::engine::sampler::Sampling;
use crate::store::chat::{Chat, ChatId, Mode, Role, Turn};

/// Characters of the first message that make a title.
const TITLE_CHARS: usize = 48;

/// All conversations. One is always current; an empty one is not in the list on disk.
#[derive(Debug, Clone)]
pub struct Chats {
    list: Vec<Chat>,
    current: usize,
    dirty: BTreeSet<ChatId>,
    /// Could not be written and will be tried again.
    failed: BTreeSet<ChatId>,
    deleted: Option<Chat>,
    made: u32,
}

impl Chats {
    /// What was on disk, the newest first, and a new chat on top.
    #[must_use]
    pub fn new(mut list: Vec<Chat>, now: i64) -> Self {
        list.sort_by_key(|chat| std::cmp::Reverse(chat.changed));
        let mut chats = Self { list, current: 0, dirty: BTreeSet::new(), failed: BTreeSet::new(), deleted: None, made: 0 };
        chats.start(now);
        chats
    }

    /// Adds what was on disk below what is here, the newest first. The chat that is shown stays.
    pub fn add(&mut self, mut list: Vec<Chat>) {
        list.retain(|chat| self.get(&chat.id).is_none());
        list.sort_by_key(|chat| std::cmp::Reverse(chat.changed));
        self.list.append(&mut list);
    }

    /// The chats, the newest first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Chat> {
        self.list.iter()
    }

    /// The chat that is shown.
    #[must_use]
    pub fn current(&self) -> &Chat {
        &self.list[self.current]
    }

    /// A chat by its name.
    #[must_use]
    pub fn get(&self, id: &ChatId) -> Option<&Chat> {
        self.list.iter().find(|chat| chat.id == *id)
    }

    /// Changes a chat through `change` and notes that it has to be written. `None` if there is no such chat.
    pub fn edit<R>(&mut self, id: &ChatId, now: i64, change: impl FnOnce(&mut Chat) -> R) -> Option<R> {
        let result = self.update(id, |chat| {
            chat.changed = now;
            change(chat)
        })?;
        self.failed.remove(id);
        self.dirty.insert(id.clone());
        Some(result)
    }

    /// Changes a chat without noting it: what the answer's journal writes, or what is not the person's doing.
    pub fn update<R>(&mut self, id: &ChatId, change: impl FnOnce(&mut Chat) -> R) -> Option<R> {
        self.list.iter_mut().find(|chat| chat.id == *id).map(change)
    }

    /// Shows an empty chat, taking over system prompt and sampling from the one that was shown.
    pub fn start(&mut self, now: i64) {
        let (system, sampling, mode) = self.list.get(self.current).map_or_else(
            || (String::new(), Sampling::default(), Mode::default()),
            |chat| (chat.system.clone(), chat.sampling.clone(), chat.mode),
        );
        if let Some(empty) = self.list.iter().position(Chat::is_empty) {
            self.current = empty;
            return;
        }
        self.made += 1;
        let id = ChatId(format!("{now:013}-{}-{}", std::process::id(), self.made));
        let chat = Chat { id, title: String::new(), changed: now, mode, system, sampling, draft: String::new(), turns: Vec::new() };
        self.list.insert(0, chat);
        self.current = 0;
    }

    /// Shows a chat.
    pub fn open(&mut self, id: &ChatId) {
        if let Some(place) = self.list.iter().position(|chat| chat.id == *id) {
            self.current = place;
        }
    }

    /// Takes a chat out of the list and keeps it for [`Chats::undo_delete`], unless there is nothing in it.
    pub fn delete(&mut self, id: &ChatId, now: i64) -> bool {
        let Some(place) = self.list.iter().position(|chat| chat.id == *id) else { return false };
        let chat = self.list.remove(place);
        if !chat.is_empty() {
            self.deleted = Some(chat);
        }
        self.written(id);
        if self.current > place || self.current == self.list.len() {
            self.current = self.current.saturating_sub(1);
        }
        if self.list.is_empty() {
            self.start(now);
        }
        true
    }

    /// The chat that [`Chats::undo_delete`] would bring back.
    #[must_use]
    pub const fn deleted(&self) -> Option<&Chat> {
        self.deleted.as_ref()
    }

    /// Brings back the chat deleted last and shows it.
    pub fn undo_delete(&mut self) -> Option<ChatId> {
        let chat = self.deleted.take()?;
        let id = chat.id.clone();
        let place = self.list.partition_point(|other| other.changed > chat.changed);
        self.dirty.insert(id.clone());
        self.list.insert(place, chat);
        self.current = place;
        Some(id)
    }

    /// Adds a person's message; the first gives the chat its title. A draft that says something else stays.
    pub fn say(&mut self, id: &ChatId, text: String, now: i64) {
        self.edit(id, now, |chat| {
            if chat.title.is_empty() {
                chat.title = title(&text);
            }
            if chat.draft == text {
                chat.draft.clear();
            }
            chat.turns.push(Turn { role: Role::User, text, model: None, metrics: None });
        });
        self.raise(id);
    }

    /// A chat that changed and is not being written, taken off the list of those.
    pub fn take_dirty(&mut self) -> Option<Chat> {
        while let Some(id) = self.dirty.pop_first() {
            if let Some(chat) = self.get(&id) {
                return Some(chat.clone());
            }
        }
        None
    }

    /// Takes this chat off the list of those to be written, because it is.
    pub fn written(&mut self, id: &ChatId) {
        self.dirty.remove(id);
        self.failed.remove(id);
    }

    /// A chat could not be written: it will be when it changes, or with [`Chats::retry`].
    pub fn not_written(&mut self, id: &ChatId) {
        if self.get(id).is_some() && !self.dirty.contains(id) {
            self.failed.insert(id.clone());
        }
    }

    /// Everything that could not be written is to be written again.
    pub fn retry(&mut self) {
        self.dirty.append(&mut self.failed);
    }

    /// Whether anything has to be written, failures aside.
    #[must_use]
    pub fn has_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Whether something could not be written.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        !self.failed.is_empty()
    }

    /// Moves a chat to the top of the list.
    fn raise(&mut self, id: &ChatId) {
        if let Some(place) = self.list.iter().position(|chat| chat.id == *id) {
            let current = self.current().id.clone();
            let chat = self.list.remove(place);
            self.list.insert(0, chat);
            self.open(&current);
        }
    }
}

/// The first line of a message, cut at a word.
fn title(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    if line.chars().count() <= TITLE_CHARS {
        return line.to_owned();
    }
    let cut: String = line.chars().take(TITLE_CHARS).collect();
    let end = cut.rfind(' ').filter(|&end| end > TITLE_CHARS / 2).unwrap_or(cut.len());
    format!("{}…", &cut[..end])
}
