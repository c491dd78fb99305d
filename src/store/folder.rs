//! The folder of the chats: which file belongs to which chat, and what else may lie there. Reads names only.
//!
//! `STEM.json` is a chat, `STEM.INSTANCE.journal` the answer that one running Ponder streams into it, `….damaged-N` a file that was set
//! aside, `deleted/STEM.json` a chat that can still be brought back.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::atomic::{TEMPORARY_PREFIX, TEMPORARY_SUFFIX};
use super::chat::ChatId;

/// The longest id that is a file name as it is, in bytes; leaves room for what is added, within 255.
const LONGEST_STEM: usize = 120;
/// How many characters of an id that is no file name are still seen in the name of its file.
const SEEN: usize = 40;
/// Names that Windows keeps for devices.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// The folder with the chats and the one with the deleted ones.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    /// Where the chats lie.
    pub path: PathBuf,
    /// Where the deleted ones wait for the next start.
    pub deleted: PathBuf,
}

/// What lies in the folder, sorted by name.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Stems and paths of chat files.
    pub chats: Vec<(String, PathBuf)>,
    /// Stems of chats and paths of their journals.
    pub journals: Vec<(String, PathBuf)>,
    /// Files named like chats that cannot be, as no chat has such a name.
    pub foreign: Vec<PathBuf>,
}

/// The name of the chat's file without its ending: the id where that is a safe name everywhere, else made from it.
pub(super) fn stem(id: &ChatId) -> String {
    if is_plain(&id.0) {
        return id.0.clone();
    }
    let seen: String = id.0.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).take(SEEN).collect();
    let digest = Sha256::digest(id.0.as_bytes()).iter().take(8).fold(0_u64, |sum, &byte| (sum << 8) | u64::from(byte));
    format!("{seen}-{digest:016x}")
}

/// Whether a text is one file name on every system, and visible.
fn is_plain(text: &str) -> bool {
    let is_device = || {
        let base = text.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
        let port = base.strip_prefix("com").or_else(|| base.strip_prefix("lpt"));
        DEVICES.contains(&base.as_str()) || port.is_some_and(|number| number.chars().count() == 1)
    };
    !text.is_empty()
        && text.len() <= LONGEST_STEM
        && !text.starts_with(['.', ' '])
        && !text.ends_with(['.', ' '])
        && !text.contains(|c: char| c.is_control() || r#"/\:*?"<>|"#.contains(c))
        && !is_device()
}

impl Folder {
    /// The chats below the data folder.
    pub(super) fn below(data: &Path) -> Self {
        let path = data.join("chats");
        Self { deleted: path.join("deleted"), path }
    }

    /// The file of a chat.
    pub(super) fn chat(&self, id: &ChatId) -> PathBuf {
        self.path.join(format!("{}.json", stem(id)))
    }

    /// The file of a chat that was deleted.
    pub(super) fn deleted(&self, id: &ChatId) -> PathBuf {
        self.deleted.join(format!("{}.json", stem(id)))
    }

    /// The journal of a chat by one instance, whose name has no dot.
    pub(super) fn journal(&self, id: &ChatId, instance: &str) -> PathBuf {
        self.path.join(format!("{}.{instance}.journal", stem(id)))
    }

    /// What lies in the folder.
    pub(super) fn list(&self) -> io::Result<Listing> {
        let mut listing = Listing::default();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let (path, name) = (entry.path(), entry.file_name());
            let lossy = name.to_string_lossy();
            if lossy.starts_with('.') {
                continue;
            }
            if let Some(stem) = lossy.strip_suffix(".json") {
                if name.to_str().is_some() && is_plain(stem) {
                    listing.chats.push((stem.to_owned(), path));
                } else {
                    listing.foreign.push(path);
                }
            } else if let Some((stem, _instance)) = lossy.strip_suffix(".journal").and_then(|rest| rest.rsplit_once('.')) {
                listing.journals.push((stem.to_owned(), path));
            }
        }
        listing.chats.sort();
        listing.journals.sort();
        listing.foreign.sort();
        Ok(listing)
    }

    /// Removes for good what was deleted in an earlier run, with what was set aside of it, and what killed processes left half written.
    /// Only for a process that is alone on the folder. Returns what could not be removed.
    pub(super) fn purge(&self) -> Vec<(PathBuf, io::Error)> {
        let mut failed = Vec::new();
        let mut remove = |path: PathBuf| match fs::remove_file(&path) {
            Ok(()) => true,
            Err(error) => {
                failed.push((path, error));
                false
            }
        };
        let mut purged = Vec::new();
        for (name, path) in names(&self.deleted) {
            if remove(path) {
                purged.push(format!("{}.", name.strip_suffix(".json").unwrap_or(&name)));
            }
        }
        purged.sort();
        let was_purged = |name: &str| {
            name.match_indices('.')
                .any(|(dot, _)| name.get(..=dot).is_some_and(|start| purged.binary_search_by(|stem| stem.as_str().cmp(start)).is_ok()))
        };
        let data = self.path.parent().map(names).unwrap_or_default();
        for (name, path) in names(&self.path).into_iter().chain(data) {
            if is_temporary(&name) || (name.contains(".damaged-") && was_purged(&name)) {
                remove(path);
            }
        }
        failed
    }
}

/// Whether it is a file that was being written when its process was killed.
pub(super) fn is_temporary(name: &str) -> bool {
    name.starts_with(TEMPORARY_PREFIX) && name.ends_with(TEMPORARY_SUFFIX)
}

/// Names and paths of the files in a folder; none if it cannot be read.
pub(super) fn names(folder: &Path) -> Vec<(String, PathBuf)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_dir()))
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
        .collect()
}
