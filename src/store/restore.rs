//! The start: everything on disk is read once, what is damaged is set aside or mended, and interrupted answers come back.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;
use std::time::UNIX_EPOCH;

use super::atomic::{self, OnDisk, Print, Unread};
use super::chat::{Chat, ChatId, Metrics};
use super::chat_file::{self, Decoded};
use super::settings::Settings;
use super::{Known, Store, journal, lock, settings_file};
use crate::error::{Error, Result};
use crate::units::Bytes;

/// The most that is read of all chats together; the rest stays on disk.
const LIMIT_OF_ALL: u64 = 1 << 30;
/// How many problems are told one by one.
const MOST_PROBLEMS: usize = 50;
/// How many damaged places of one file are named.
const MOST_PLACES: usize = 3;

/// What was on disk at the start.
#[derive(Debug, Clone, Default)]
pub struct Restored {
    /// All chats, any order; answers that were streaming when the app ended are marked interrupted.
    pub chats: Vec<Chat>,
    /// The settings, or their defaults.
    pub settings: Settings,
    /// Files that were set aside or could not be read.
    pub problems: Vec<Error>,
}

impl Store {
    /// Reads everything that is on disk. What could not be read is set aside (`….damaged-N`) and told.
    pub fn restore(&mut self) -> Restored {
        let settings = self.restore_settings();
        let chats = self.restore_chats();
        let mut problems = self.take_problems();
        if problems.len() > MOST_PROBLEMS {
            let more = problems.len() - MOST_PROBLEMS;
            problems.truncate(MOST_PROBLEMS);
            problems.push(Error::store(&self.folder.path, format!("{more} more files have problems")));
        }
        Restored { chats, settings, problems }
    }

    fn restore_settings(&mut self) -> Settings {
        let path = self.settings_path.clone();
        let (bytes, print) = match atomic::read(&path, settings_file::LIMIT) {
            Ok(read) => read,
            Err(unread) => {
                self.unread(&path, unread, settings_file::LIMIT);
                return Settings::default();
            }
        };
        let decoded = match settings_file::decode(&bytes) {
            Ok(decoded) => decoded,
            Err(why) => {
                self.set_aside(&path, &why);
                return Settings::default();
            }
        };
        self.settings_seen = settings_file::to_object(&decoded.settings).unwrap_or_default();
        if let Some(version) = decoded.newer {
            let why = format!("written by a later Ponder (version {version}): read as far as it is understood, and not changed");
            self.problems.push(Error::store(&path, why));
        } else if !decoded.damage.is_empty() && self.keep_original(&path, &bytes, &decoded.damage) {
            self.mend_settings(&path, print, &decoded);
        }
        decoded.settings
    }

    /// Writes defaults over the fields that could not be read, so that the next start does not find them again.
    fn mend_settings(&mut self, path: &Path, print: Print, decoded: &settings_file::Decoded) {
        for field in &decoded.damage {
            self.settings_seen.remove(field.split('.').next().unwrap_or(field));
        }
        let is_unchanged = print.compare(path) == OnDisk::Same;
        if is_unchanged && let Err(error) = self.save_settings(&decoded.settings) {
            self.problems.push(error);
        }
    }

    fn restore_chats(&mut self) -> Vec<Chat> {
        let listing = match self.folder.list() {
            Ok(listing) => listing,
            Err(error) => {
                if error.kind() != ErrorKind::NotFound {
                    let why = format!("the chats could not be read: {error}; allow reading this folder and start Ponder again");
                    self.problems.push(Error::store(&self.folder.path, why));
                }
                return Vec::new();
            }
        };
        for path in &listing.foreign {
            self.problems.push(Error::store(path, "no name of a chat, left as it is; give it a shorter name without special characters"));
        }
        let mut chats = BTreeMap::new();
        let (mut read, mut n_left) = (0_u64, 0_usize);
        for (stem, path) in listing.chats {
            if read > LIMIT_OF_ALL {
                n_left += 1;
            } else if let Some(chat) = self.restore_file(&stem, &path, &mut read) {
                chats.insert(stem, chat);
            }
        }
        if n_left > 0 {
            let why = format!("{n_left} chats are not shown: the others take {} already; move some elsewhere", Bytes(read).on_disk());
            self.problems.push(Error::store(&self.folder.path, why));
        }
        for (stem, path) in listing.journals {
            self.restore_journal(&stem, &path, &mut chats);
        }
        for chat in chats.values_mut() {
            if let Some(open) = chat.turns.last_mut().filter(|turn| turn.is_open()) {
                open.metrics = Some(Metrics::INTERRUPTED);
            }
        }
        chats.into_values().collect()
    }

    fn restore_file(&mut self, stem: &str, path: &Path, read: &mut u64) -> Option<Chat> {
        let (bytes, print) = match atomic::read(path, chat_file::LIMIT) {
            Ok(content) => content,
            Err(unread) => {
                self.unread(path, unread, chat_file::LIMIT);
                return None;
            }
        };
        *read += bytes.len() as u64;
        match chat_file::decode(&bytes, ChatId(stem.to_owned())) {
            Decoded::Unreadable(why) => {
                self.set_aside(path, &why);
                None
            }
            Decoded::Newer { version, chat } => {
                let seen = if chat.is_some() { "shown as far as it is understood" } else { "not shown" };
                self.problems.push(Error::store(path, format!("written by a later Ponder (version {version}): {seen}, and not changed")));
                let chat = chat?;
                self.known.insert(chat.id.clone(), Known { is_ours: false, ..Known::new(print, &chat) });
                Some(chat)
            }
            Decoded::Chat { chat, damage } => {
                let is_kept = damage.is_empty() || self.keep_original(path, &bytes, &damage);
                self.known.insert(chat.id.clone(), Known { is_ours: is_kept, ..Known::new(print, &chat) });
                if !damage.is_empty() && is_kept {
                    self.write_if_unchanged(&chat);
                }
                Some(chat)
            }
        }
    }

    /// Brings a journal that was left behind into its chat, and the chat to disk.
    fn restore_journal(&mut self, stem: &str, path: &Path, chats: &mut BTreeMap<String, Chat>) {
        if self.journals.values().any(|open| open.path() == path) || !path.is_file() {
            return;
        }
        let file = match File::options().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) => return self.unread(path, Unread::Refused(error), journal::LIMIT),
        };
        let chat_path = self.folder.path.join(format!("{stem}.json"));
        if lock::held_elsewhere(&file) {
            if let Some(known) = chats.get(stem).and_then(|chat| self.known.get_mut(&chat.id)) {
                known.is_ours = false;
            }
            return;
        }
        let is_unread = !chats.contains_key(stem) && !super::is_missing(&chat_path);
        if is_unread {
            return;
        }
        let bytes = match atomic::read_open(&file, journal::LIMIT) {
            Ok((bytes, _)) => bytes,
            Err(unread) => return self.unread(path, unread, journal::LIMIT),
        };
        let (streamed, wrong) = journal::decode(&bytes);
        let is_deleted = !super::is_missing(&self.folder.deleted.join(format!("{stem}.json")));
        let has_text = streamed.iter().any(|answer| !answer.text.is_empty());
        if chats.contains_key(stem) || (has_text && !is_deleted) {
            let chat = chats.entry(stem.to_owned()).or_insert_with(|| recovered(stem, &file));
            let before = chat.clone();
            for answer in streamed {
                journal::merge(chat, answer);
            }
            if *chat != before && !self.write_if_unchanged(chat) {
                return;
            }
        }
        if let Some(why) = wrong {
            self.set_aside(path, &why);
        } else {
            drop(file);
            fs::remove_file(path).ok();
        }
    }

    /// Writes a chat that was mended if nobody else wrote it meanwhile; whether it is on disk now.
    fn write_if_unchanged(&mut self, chat: &Chat) -> bool {
        let turn = self.write_lock.turn();
        if turn.is_none() || !self.may_write(&chat.id) {
            return false;
        }
        match self.write(chat) {
            Ok(()) => true,
            Err(error) => {
                self.problems.push(error);
                false
            }
        }
    }

    /// Copies a file that is partly damaged and says what could not be read; whether there is a copy now.
    fn keep_original(&mut self, path: &Path, bytes: &[u8], damage: &[String]) -> bool {
        let mut places: Vec<String> = damage.iter().take(MOST_PLACES).cloned().collect();
        if damage.len() > MOST_PLACES {
            places.push(format!("and {} more", damage.len() - MOST_PLACES));
        }
        let places = places.join("; ");
        let (is_kept, then) = match atomic::copy_aside(path, bytes) {
            Ok(copy) => (true, format!("The file as it was is kept as {}", copy.display())),
            Err(error) => (false, format!("The file is left as it is, as it could not be copied: {error}")),
        };
        self.problems.push(Error::store(path, format!("could not be read in part: {places}. {then}")));
        is_kept
    }

    fn set_aside(&mut self, path: &Path, why: &str) {
        let _turn = self.write_lock.turn();
        let problem = set_aside(path, why).unwrap_or_else(|error| error);
        self.problems.push(problem);
    }

    fn unread(&mut self, path: &Path, unread: Unread, limit: u64) {
        match unread {
            Unread::Missing => {}
            Unread::TooLong(len) => self.set_aside(path, &too_long(len, limit)),
            Unread::Refused(error) => self.problems.push(Error::store(path, format!("could not be read: {error}; it is left as it is"))),
        }
    }
}

/// Sets a file aside and says so; the error if it cannot be.
pub(super) fn set_aside(path: &Path, why: &str) -> Result<Error> {
    match atomic::set_aside(path) {
        Ok(aside) => Ok(Error::store(path, format!("could not be read: {why}. It is kept as {}", aside.display()))),
        Err(error) => Err(Error::store(path, format!("could not be read: {why}. It could not be set aside either: {error}"))),
    }
}

/// Why a file is not read.
pub(super) fn too_long(len: u64, limit: u64) -> String {
    format!("it has {}, expected {} at most", Bytes(len).on_disk(), Bytes(limit).on_disk())
}

/// A chat for an answer whose chat is gone.
fn recovered(stem: &str, journal: &File) -> Chat {
    let modified = journal.metadata().and_then(|metadata| metadata.modified()).ok();
    let since_1970 = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    Chat {
        title: "Recovered answer".to_owned(),
        changed: i64::try_from(since_1970.as_millis()).unwrap_or_default(),
        ..Chat::new(ChatId(stem.to_owned()))
    }
}
