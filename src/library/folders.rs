//! Where Ponder keeps its own files: one data folder with the models, the chats and the settings in it.
//!
//! A folder is only made when something is about to be written to it.

use std::path::{Path, PathBuf, absolute};

use crate::error::{Error, Result};

/// The places of everything that Ponder writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders {
    /// The folder that holds all the others.
    pub data: PathBuf,
    /// Models that Ponder fetched, and those a person put there.
    pub models: PathBuf,
    /// One file per conversation.
    pub chats: PathBuf,
    /// Threads, theme, scale, folders.
    pub settings_file: PathBuf,
}

impl Folders {
    /// Everything under this data folder; touches nothing.
    #[must_use]
    pub fn at(data: impl Into<PathBuf>) -> Self {
        let data = data.into();
        Self { models: data.join("models"), chats: data.join("chats"), settings_file: data.join("settings.json"), data }
    }

    /// The data folder that `PONDER_HOME` names, or else the platform's own (the local one on Windows: models don't roam).
    ///
    /// # Errors
    /// [`Error::Store`] when `PONDER_HOME` is not set and the user has no home folder.
    pub fn from_process() -> Result<Self> {
        if let Some(home) = std::env::var_os("PONDER_HOME").filter(|home| !home.is_empty()) {
            let home = PathBuf::from(home);
            return Ok(Self::at(absolute(&home).unwrap_or(home)));
        }
        match directories::ProjectDirs::from("", "", "ponder") {
            Some(dirs) => Ok(Self::at(dirs.data_local_dir())),
            None => {
                Err(Error::store(Path::new("data folder"), "this user has no home folder; set PONDER_HOME to a folder for Ponder's data"))
            }
        }
    }

    /// Makes one of these folders, and those above it, if it isn't there.
    ///
    /// # Errors
    /// [`Error::Store`] with the folder and what the system says.
    pub fn create(folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder).map_err(|e| Error::store(folder, format!("this folder can't be made: {e}")))
    }
}
