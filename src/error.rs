//! What can go wrong, by the stage at which it does.
//!
//! An error is made where the facts are known and shown once. Its text names the file, the place, what was expected and what was
//! found; where the person can do something, it says what. No variant carries another crate's error type: the text is enough for
//! the screen, and `Clone` lets an error travel in an event.

use std::path::{Path, PathBuf};

use crate::units::Bytes;

/// The result of everything that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure, by stage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The file could not be opened or read at all (missing, no permission, not a regular file).
    #[error("{}: {reason}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the operating system said, or what was found instead of a file.
        reason: String,
    },
    /// The file was read and its content contradicts its format.
    #[error("{}: {at}: expected {expected}, found {found}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The place: "byte 16", "key `general.alignment`", "tensor `blk.0.attn_q.weight`".
        at: String,
        /// What the format asks for there.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// The file is sound, but Ponder cannot do this with it.
    #[error("{what}: {why}")]
    Unsupported {
        /// The thing that is not supported: a file, an architecture, a tensor type.
        what: String,
        /// Why, and what can be done instead.
        why: String,
    },
    /// It would not fit in memory.
    #[error("{part} needs {need}, {have} is there; {advice}")]
    OverBudget {
        /// The part that is to blame.
        part: String,
        /// What the plan asks for in total.
        need: Bytes,
        /// What the machine has.
        have: Bytes,
        /// What would fit.
        advice: String,
    },
    /// The model ran and something in it failed (tokenizer, template, arithmetic, context).
    #[error("{0}")]
    Engine(String),
    /// A download failed; the text lists what was tried.
    #[error("{0}")]
    Fetch(String),
    /// Chats or settings could not be read or written.
    #[error("{}: {reason}", path.display())]
    Store {
        /// The file or folder.
        path: PathBuf,
        /// What failed.
        reason: String,
    },
    /// The person stopped it.
    #[error("stopped")]
    Cancelled,
    /// A defect in Ponder (a panic in a job, a broken promise between modules).
    #[error("internal error: {0}")]
    Internal(String),
}

impl Error {
    /// The file could not be opened or read.
    #[expect(clippy::needless_pass_by_value, reason = "callers hand over the system's error")]
    pub fn open(path: &Path, reason: impl ToString) -> Self {
        Self::Open { path: path.to_owned(), reason: reason.to_string() }
    }

    /// The file contradicts its format `at` this place.
    pub fn format(path: &Path, at: impl Into<String>, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Format { path: path.to_owned(), at: at.into(), expected: expected.into(), found: found.into() }
    }

    /// Ponder cannot do this, and why.
    pub fn unsupported(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Unsupported { what: what.into(), why: why.into() }
    }

    /// Chats or settings could not be read or written.
    #[expect(clippy::needless_pass_by_value, reason = "callers hand over the system's error")]
    pub fn store(path: &Path, reason: impl ToString) -> Self {
        Self::Store { path: path.to_owned(), reason: reason.to_string() }
    }
}
