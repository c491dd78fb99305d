//! The answer that is streaming, piece by piece in a file beside its chat, so that a killed process loses nothing that was given here.
//!
//! A line of JSON each: a head that says which message of which model follows, then the pieces of its text. The file is locked by the
//! process that writes it; a journal that nobody holds was left behind. A last line without its end was never acknowledged.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::atomic;
use super::chat::{Chat, Metrics, Role, Turn};
use super::chat_file::VERSION;

/// The longest journal that is read or written.
pub(super) const LIMIT: u64 = super::chat_file::LIMIT;
/// The most time between two waits for the disk: what a power loss may cost.
const SYNC_EVERY: Duration = Duration::from_millis(500);

/// A journal that is being written.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    /// Locked; made with the first piece.
    file: Option<File>,
    /// The message it writes now.
    turn: usize,
    /// Bytes of whole lines.
    len: u64,
    /// Lines that could not be written yet.
    pending: Vec<u8>,
    /// When the first byte came that is not on the disk for certain.
    unsynced: Option<Instant>,
    /// Whether the folder knows the file for certain.
    is_listed: bool,
}

/// The text of one message, out of a journal that was left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Streamed {
    /// Index of the message in its chat.
    pub turn: usize,
    /// The model that was answering.
    pub model: String,
    /// Bytes of the message that were there before the first piece.
    pub base: usize,
    /// The pieces, joined.
    pub text: String,
}

/// A line of the file: a head has `turn`, a piece has `text`.
#[derive(Debug, Serialize, Deserialize)]
struct Line<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    turn: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<std::borrow::Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<std::borrow::Cow<'a, str>>,
}

impl Journal {
    /// An empty journal that will lie at `path`.
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path, file: None, turn: usize::MAX, len: 0, pending: Vec::new(), unsynced: None, is_listed: false }
    }

    /// Where it lies.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The index of the message it writes.
    pub(super) const fn turn(&self) -> usize {
        self.turn
    }

    /// Follows its chat to another name.
    pub(super) fn rename(&mut self, path: &Path) -> io::Result<()> {
        if self.file.is_some() {
            std::fs::rename(&self.path, path)?;
        }
        path.clone_into(&mut self.path);
        self.is_listed = false;
        Ok(())
    }

    /// Says that the pieces from here on belong to message `turn`, which has `base` bytes already.
    pub(super) fn begin(&mut self, turn: usize, model: &str, base: usize) -> io::Result<()> {
        self.turn = turn;
        self.queue(&Line { version: Some(VERSION), turn: Some(turn), model: Some(model.into()), base: Some(base), text: None })
    }

    /// Adds a piece. When it returns well, the system has all pieces so far, and the disk those older than half a second.
    /// When it fails, the piece is kept and written with the next one.
    pub(super) fn add(&mut self, text: &str) -> io::Result<()> {
        self.queue(&Line { version: None, turn: None, model: None, base: None, text: Some(text.into()) })?;
        if self.len + self.pending.len() as u64 > LIMIT {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the answer is too long"));
        }
        self.write()?;
        self.sync()
    }

    /// Waits for the disk if something has waited for half a second.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if self.unsynced.is_none_or(|since| since.elapsed() < SYNC_EVERY) {
            return Ok(());
        }
        if let Some(file) = &self.file {
            file.sync_data()?;
        }
        self.unsynced = None;
        if !self.is_listed {
            atomic::sync_folder(self.path.parent().unwrap_or(Path::new(".")))?;
            self.is_listed = true;
        }
        Ok(())
    }

    fn queue(&mut self, line: &Line<'_>) -> io::Result<()> {
        serde_json::to_writer(&mut self.pending, line)?;
        self.pending.push(b'\n');
        Ok(())
    }

    /// Writes the pending lines behind the whole ones, over what an earlier failure left.
    fn write(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(create(&self.path)?),
        };
        let written = file.seek(SeekFrom::Start(self.len)).and_then(|_| file.write_all(&self.pending));
        if let Err(error) = written {
            file.set_len(self.len).ok();
            return Err(error);
        }
        self.len += self.pending.len() as u64;
        self.pending.clear();
        self.unsynced.get_or_insert_with(Instant::now);
        Ok(())
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.file.as_ref().map(super::lock::release);
    }
}

/// An empty file, locked, that only this person may read. It has its name only once it is locked, so that nobody takes it for left behind.
fn create(path: &Path) -> io::Result<File> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let unnamed = tempfile::Builder::new().prefix(atomic::TEMPORARY_PREFIX).suffix(atomic::TEMPORARY_SUFFIX).tempfile_in(folder)?;
    super::lock::held_elsewhere(unnamed.as_file());
    Ok(unnamed.persist(path)?)
}

/// What a journal that was left behind says, and what is wrong with it if something is.
pub(super) fn decode(bytes: &[u8]) -> (Vec<Streamed>, Option<String>) {
    let mut streamed: Vec<Streamed> = Vec::new();
    let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    for (n, line) in bytes.get(..whole).unwrap_or_default().split_inclusive(|&byte| byte == b'\n').enumerate() {
        let line: Line<'_> = match serde_json::from_slice(line) {
            Ok(line) => line,
            Err(error) => return (streamed, Some(format!("line {}: expected a piece of an answer, found: {error}", n + 1))),
        };
        match line {
            Line { version: Some(version), .. } if version != VERSION => {
                return (streamed, Some(format!("line {}: \"version\" is {version}, expected {VERSION}", n + 1)));
            }
            Line { turn: Some(turn), model, base, .. } => {
                let model = model.unwrap_or_default().into_owned();
                streamed.push(Streamed { turn, model, base: base.unwrap_or_default(), text: String::new() });
            }
            Line { text: Some(text), .. } => match streamed.last_mut() {
                Some(last) => last.text.push_str(&text),
                None => return (streamed, Some(format!("line {}: expected the number of a message, found text", n + 1))),
            },
            Line { .. } => return (streamed, Some(format!("line {}: neither a message nor a piece of one", n + 1))),
        }
    }
    (streamed, None)
}

/// Brings what streamed into the chat as an interrupted answer. A message that has an end is newer than its journal and stays.
pub(super) fn merge(chat: &mut Chat, streamed: Streamed) {
    let Streamed { turn, model, base, text } = streamed;
    match chat.turns.get_mut(turn) {
        Some(open) if open.is_open() => {
            let whole = open.text.get(..base).unwrap_or_default().to_owned() + &text;
            if whole.len() > open.text.len() {
                open.text = whole;
            }
            open.model.get_or_insert(model);
            open.metrics = Some(Metrics::INTERRUPTED);
        }
        Some(ended) if ended.role == Role::Assistant => {}
        _ if text.is_empty() => {}
        _ => chat.turns.push(Turn { role: Role::Assistant, text, model: Some(model), metrics: Some(Metrics::INTERRUPTED) }),
    }
}
