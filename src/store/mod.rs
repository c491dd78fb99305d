//! What a person wrote and chose, on disk: chats, the answer that is streaming, settings.
//!
//! Synchronous; the store lane calls it. A chat is one JSON file that is replaced in one step ([`chat`] is its content), settings are
//! another ([`settings`]). Whatever lies on the disk, [`Store::open`] and [`Store::restore`] come back: what cannot be read is set aside
//! and told, never written over. Several Ponders may share a folder: a chat that another one changed is saved beside it, as a copy.
//! Which chats there are, and what changed in them, the state knows; nothing here decides when to save.

mod atomic;
pub mod chat;
mod chat_file;
mod fields;
mod folder;
mod journal;
mod lock;
mod restore;
pub mod settings;
mod settings_file;

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

use self::atomic::{OnDisk, Print, Unread};
use self::chat::{Chat, ChatId};
use self::folder::Folder;
use self::journal::Journal;
use self::lock::{Presence, WriteLock};
use self::settings::Settings;
use crate::error::{Error, Result};

pub use self::restore::Restored;

/// How often one chat is saved under yet another name in one run.
const MOST_COPIES: u32 = 1000;

/// The settings for the window to open with, before there is a store; their defaults where they cannot be read. [`Store::restore`]
/// tells what is wrong with them.
#[must_use]
pub fn peek_settings(data: &Path) -> Settings {
    let path = data.join("settings.json");
    let small = fs::metadata(&path).is_ok_and(|found| found.is_file() && found.len() <= settings_file::LIMIT);
    let bytes = if small { fs::read(&path).unwrap_or_default() } else { Vec::new() };
    settings_file::decode(&bytes).map(|decoded| decoded.settings).unwrap_or_default()
}

/// Chats and settings on disk. One per process; dropping it keeps the journals for the next start.
#[derive(Debug)]
pub struct Store {
    folder: Folder,
    settings_path: PathBuf,
    /// Names this store among those that use the folder now.
    instance: String,
    _presence: Presence,
    write_lock: WriteLock,
    /// The chat files as this store last read or wrote them.
    known: BTreeMap<ChatId, Known>,
    /// Under which id a chat is saved since another process changed its file.
    copies: BTreeMap<ChatId, ChatId>,
    journals: BTreeMap<ChatId, Journal>,
    /// What was deleted by this store; `None` for chats that had no file.
    deleted: BTreeMap<ChatId, Option<Known>>,
    /// The settings as this store last read or wrote them.
    settings_seen: Map<String, Value>,
    problems: Vec<Error>,
}

/// A chat's file.
#[derive(Debug, Clone, Copy)]
struct Known {
    print: Print,
    /// Whether it may be replaced: false for a later version and while another process streams into it.
    is_ours: bool,
    /// The message that has no end yet, if it is the last: its index and its length in bytes.
    open: Option<(usize, usize)>,
}

impl Known {
    fn new(print: Print, chat: &Chat) -> Self {
        let open = chat.turns.last().filter(|turn| turn.is_open()).map(|turn| (chat.turns.len() - 1, turn.text.len()));
        Self { print, is_ours: true, open }
    }
}

impl Store {
    /// Opens the store in the folder `data`, made if it is not there. Removes for good what was deleted before. Never fails: what went
    /// wrong is told by [`Store::restore`], and saving says it again.
    #[must_use]
    pub fn open(data: &Path) -> Self {
        let folder = Folder::below(data);
        let mut problems = Vec::new();
        if let Err(error) = make_folder(&folder.deleted) {
            problems.push(atomic::write_failed(&folder.deleted, &error));
        }
        let mut left = Vec::new();
        let (presence, is_alone) = lock::enter(&data.join("instances.lock"), || left = folder.purge());
        problems.extend(left.iter().map(|(path, error)| Error::store(path, format!("deleted, but could not be removed: {error}"))));
        if !is_alone {
            problems.push(Error::store(data, "another Ponder is open on these chats; a chat that both change is kept twice"));
        }
        Self {
            folder,
            settings_path: data.join("settings.json"),
            instance: instance(),
            _presence: presence,
            write_lock: WriteLock::new(&data.join("write.lock")),
            known: BTreeMap::new(),
            copies: BTreeMap::new(),
            journals: BTreeMap::new(),
            deleted: BTreeMap::new(),
            settings_seen: Map::new(),
            problems,
        }
    }

    /// What was noticed since the last call and is not the error of a call: a chat that is now saved as a copy, a file set aside.
    pub fn take_problems(&mut self) -> Vec<Error> {
        std::mem::take(&mut self.problems)
    }

    /// Writes a chat; when it returns, the chat outlives a power loss. Ends the chat's journal unless its answer goes on (the last message
    /// is the model's and has no metrics). A chat without messages and draft has no file.
    ///
    /// # Errors
    /// [`Error::Store`]; the version saved before is intact then.
    pub fn save_chat(&mut self, chat: &Chat) -> Result<()> {
        let turn = self.write_lock.turn();
        self.deleted.remove(&chat.id);
        let id = self.saved_as(&chat.id);
        if chat.is_empty() {
            return self.remove_empty(&chat.id, &id);
        }
        if turn.is_some() && self.may_write(&id) {
            if id == chat.id {
                self.write(chat)?;
            } else {
                self.write(&copy(chat, id))?;
            }
        } else {
            self.save_copy(chat, &id)?;
        }
        let goes_on = chat.turns.last().is_some_and(chat::Turn::is_open);
        if self.journals.get(&chat.id).is_some_and(|journal| !goes_on || journal.turn() + 1 != chat.turns.len()) {
            self.end_journal(&chat.id);
        }
        Ok(())
    }

    /// Adds a piece to the answer that streams into message `turn` of a chat. When it returns, a killed process has lost nothing, and a
    /// power loss half a second at most. The chat was saved before, with that message open (no metrics); what it held stays in front.
    ///
    /// # Errors
    /// [`Error::Store`]; the piece is kept and written with the next one.
    pub fn journal(&mut self, chat: &ChatId, text: &str, turn: usize, model: &str) -> Result<()> {
        if self.deleted.contains_key(chat) {
            return Ok(());
        }
        let id = self.saved_as(chat);
        let open = self.known.get(&id).and_then(|known| known.open);
        let path = self.folder.journal(&id, &self.instance);
        let journal = self.journals.entry(chat.clone()).or_insert_with(|| Journal::new(path));
        if journal.turn() != turn {
            let base = open.filter(|(open, _)| *open == turn).map_or(0, |(_, len)| len);
            journal.begin(turn, model, base).map_err(|error| atomic::write_failed(journal.path(), &error))?;
        }
        journal.add(text).map_err(|error| atomic::write_failed(journal.path(), &error))
    }

    /// Waits for the disk where a journal's last pieces are older than half a second. To be called now and then while no piece comes.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn sync(&mut self) -> Result<()> {
        for journal in self.journals.values_mut() {
            journal.sync().map_err(|error| atomic::write_failed(journal.path(), &error))?;
        }
        Ok(())
    }

    /// Puts a chat aside. [`Store::restore_chat`] brings it back until the next start removes it for good.
    ///
    /// # Errors
    /// [`Error::Store`], also if another process changed the chat; it is still there then.
    pub fn delete_chat(&mut self, chat: &ChatId) -> Result<()> {
        let turn = self.write_lock.turn();
        let id = self.saved_as(chat);
        let path = self.folder.chat(&id);
        let known = self.known.get(&id).copied();
        let on_disk = match known {
            Some(known) => known.print.compare(&path),
            None if is_missing(&path) => OnDisk::Missing,
            None => OnDisk::Changed,
        };
        match on_disk {
            OnDisk::Same if turn.is_some() => {
                let aside = self.folder.deleted(&id);
                make_folder(&self.folder.deleted)
                    .and_then(|()| fs::rename(&path, &aside))
                    .and_then(|()| atomic::sync_folder(&self.folder.path))
                    .map_err(|error| atomic::write_failed(&aside, &error))?;
            }
            OnDisk::Missing => {}
            OnDisk::Same | OnDisk::Changed => {
                return Err(Error::store(
                    &path,
                    "another Ponder changed this chat; it is not deleted. Start Ponder again to see it as it is now",
                ));
            }
        }
        self.end_journal(chat);
        self.known.remove(&id);
        self.deleted.insert(chat.clone(), known.filter(|_| on_disk == OnDisk::Same));
        Ok(())
    }

    /// Brings a deleted chat back as it was.
    ///
    /// # Errors
    /// [`Error::Store`] if its file is no longer there or cannot be moved.
    pub fn restore_chat(&mut self, chat: &ChatId) -> Result<()> {
        let id = self.saved_as(chat);
        let (aside, path) = (self.folder.deleted(&id), self.folder.chat(&id));
        let had_file = self.deleted.get(chat).is_none_or(Option::is_some);
        if had_file && is_missing(&path) {
            fs::rename(&aside, &path)
                .and_then(|()| atomic::sync_folder(&self.folder.path))
                .map_err(|error| Error::store(&aside, format!("the chat could not be brought back: {error}")))?;
        }
        if let Some(Some(known)) = self.deleted.remove(chat) {
            self.known.insert(id, known);
        }
        Ok(())
    }

    /// Writes the settings. Keys of a later Ponder stay, and so do fields that another process set and this one did not.
    ///
    /// # Errors
    /// [`Error::Store`]; the old file is intact then. Always if a later Ponder wrote the file.
    pub fn save_settings(&mut self, settings: &Settings) -> Result<()> {
        let path = self.settings_path.clone();
        let failed = |why: String| Error::store(&path, why);
        let new = settings_file::to_object(settings).map_err(failed)?;
        let Some(_turn) = self.write_lock.turn() else {
            return Err(failed("another Ponder is writing and does not end; close it and change a setting again".to_owned()));
        };
        let mut before = Vec::new();
        let on_disk = match atomic::read(&path, settings_file::LIMIT) {
            Ok((bytes, _)) => {
                before = bytes;
                settings_file::object(&before)
            }
            Err(Unread::Missing) => Ok(Map::new()),
            Err(Unread::TooLong(len)) => Err(restore::too_long(len, settings_file::LIMIT)),
            Err(Unread::Refused(error)) => return Err(atomic::write_failed(&path, &error)),
        };
        let on_disk = match on_disk {
            Ok(object) => object,
            Err(why) => {
                let problem = restore::set_aside(&path, &why)?;
                self.problems.push(problem);
                Map::new()
            }
        };
        if let Some(version) = settings_file::newer(&on_disk) {
            return Err(failed(format!(
                "written by a later Ponder (version {version}) and left as it is; this change ends with the window"
            )));
        }
        let bytes = settings_file::encode(on_disk, &self.settings_seen, &new).map_err(failed)?;
        if bytes != before {
            atomic::replace(&path, &bytes)?;
        }
        self.settings_seen = new;
        Ok(())
    }

    /// The id in whose file a chat lies.
    fn saved_as(&self, chat: &ChatId) -> ChatId {
        self.copies.get(chat).unwrap_or(chat).clone()
    }

    /// Whether the file of `id` is missing or as this store last saw it.
    fn may_write(&self, id: &ChatId) -> bool {
        let path = self.folder.chat(id);
        match self.known.get(id) {
            None => !exists(&path),
            Some(known) => match known.print.compare(&path) {
                OnDisk::Missing => true,
                OnDisk::Same => known.is_ours,
                OnDisk::Changed => false,
            },
        }
    }

    fn write(&mut self, chat: &Chat) -> Result<()> {
        let path = self.folder.chat(&chat.id);
        let bytes = chat_file::encode(chat).map_err(|why| Error::store(&path, why))?;
        if self.known.get(&chat.id).is_some_and(|known| known.print.is_of(&bytes) && known.print.compare(&path) == OnDisk::Same) {
            return Ok(());
        }
        make_folder(&self.folder.path).map_err(|error| atomic::write_failed(&path, &error))?;
        let print = atomic::replace(&path, &bytes)?;
        self.known.insert(chat.id.clone(), Known::new(print, chat));
        Ok(())
    }

    /// Saves a chat whose file another process changed under the first free id and stays with that.
    fn save_copy(&mut self, chat: &Chat, saved_as: &ChatId) -> Result<()> {
        let stem = folder::stem(&chat.id);
        let mut id = ChatId(format!("{stem}-copy-{}", self.instance));
        for n in 2..=MOST_COPIES {
            if !exists(&self.folder.chat(&id)) {
                break;
            }
            id = ChatId(format!("{stem}-copy-{}-{n}", self.instance));
        }
        self.write(&copy(chat, id.clone()))?;
        let (theirs, ours) = (self.folder.chat(saved_as), self.folder.chat(&id));
        self.problems.push(Error::store(
            &theirs,
            format!("another Ponder wrote this chat; it is left as it is, and yours is saved as {}", ours.display()),
        ));
        let beside = self.folder.journal(&id, &self.instance);
        if let Some(journal) = self.journals.get_mut(&chat.id)
            && let Err(error) = journal.rename(&beside)
        {
            self.problems.push(atomic::write_failed(&beside, &error));
        }
        self.copies.insert(chat.id.clone(), id);
        Ok(())
    }

    fn remove_empty(&mut self, chat: &ChatId, id: &ChatId) -> Result<()> {
        self.end_journal(chat);
        let path = self.folder.chat(id);
        let Some(known) = self.known.remove(id) else { return Ok(()) };
        if !known.is_ours || known.print.compare(&path) != OnDisk::Same {
            return Ok(());
        }
        fs::remove_file(&path).and_then(|()| atomic::sync_folder(&self.folder.path)).map_err(|error| atomic::write_failed(&path, &error))
    }

    /// Forgets the journal of a chat. One that cannot be removed is recognized as old at the next start.
    fn end_journal(&mut self, chat: &ChatId) {
        if let Some(journal) = self.journals.remove(chat) {
            let path = journal.path().to_owned();
            drop(journal);
            fs::remove_file(path).ok();
        }
    }
}

/// The chat as it is saved beside the one of the same name.
fn copy(chat: &Chat, id: ChatId) -> Chat {
    Chat { id, title: format!("{} (copy)", chat.title).trim_start().to_owned(), ..chat.clone() }
}

/// Makes a folder and those above it; only this person may look into it.
fn make_folder(path: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Whether there is certainly no such file.
fn is_missing(path: &Path) -> bool {
    path.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

/// A name that no other open store has.
fn instance() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!("{:x}-{now:x}-{:x}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}
