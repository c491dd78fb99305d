//! A file that comes to its place whole, or not at all: written under another name beside it, and renamed when nothing is missing.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// How the names of unfinished files begin and end.
const PREFIX: &str = ".ponder-";
const SUFFIX: &str = ".part";

/// What will be the file at a path. Dropped before it is finished, it leaves nothing behind.
#[derive(Debug)]
pub struct Replacement {
    path: PathBuf,
    folder: PathBuf,
    part: tempfile::NamedTempFile,
}

impl Replacement {
    /// Begins a file that will be at `path`. What is there stays until [`Self::finish`].
    ///
    /// # Errors
    /// [`Error::Store`] where nothing can be written in the folder, or `path` is one.
    pub fn begin(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Err(Error::store(path, "is a folder; give the name that the file shall have in it"));
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX).suffix(SUFFIX);
        // As any file that a program writes; temporary ones are private otherwise.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let part = builder.tempfile_in(folder).map_err(|error| failed(path, &error))?;
        Ok(Self { path: path.to_owned(), folder: folder.to_owned(), part })
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// [`Error::Store`], saying what can be done: above all a full disk.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.part.write_all(bytes).map_err(|error| failed(&self.path, &error))
    }

    /// Makes it the file at its path, in one step.
    ///
    /// # Errors
    /// [`Error::Store`]; what was there is untouched then.
    pub fn finish(self) -> Result<()> {
        let Self { path, folder, part } = self;
        part.as_file().sync_all().map_err(|error| failed(&path, &error))?;
        part.persist(&path).map_err(|error| failed(&path, &error.error))?;
        sync_folder(&folder).map_err(|error| failed(&path, &error))
    }
}

/// Makes the rename last through a power loss, where the system can do that.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(not(unix)) {
        return Ok(());
    }
    match File::open(folder)?.sync_all() {
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        result => result,
    }
}

/// Whether both paths lead to one file.
#[must_use]
pub fn is_same_file(a: &Path, b: &Path) -> bool {
    matches!((fs::canonicalize(a), fs::canonicalize(b)), (Ok(a), Ok(b)) if a == b)
}

fn failed(path: &Path, error: &io::Error) -> Error {
    let advice = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => "free some space on this disk, or choose another",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => "choose a folder in which you may write",
        ErrorKind::NotFound | ErrorKind::NotADirectory => "make sure that the folder exists",
        _ => "check the disk",
    };
    Error::store(path, format!("could not be written: {error}; {advice}. Nothing unfinished is left there"))
}
