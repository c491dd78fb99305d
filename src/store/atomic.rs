//! Single files: read within a bound, replaced in one step or not at all, recognized again, set aside. Knows nothing of what is in them.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};

/// How temporary files begin; what a killed process left of them is removed at the next start.
pub(super) const TEMPORARY_PREFIX: &str = ".ponder-";
/// How temporary files end.
pub(super) const TEMPORARY_SUFFIX: &str = ".tmp";
/// Where the numbers of files that were set aside end.
const MOST_SET_ASIDE: u32 = 100_000;

/// What tells one version of a file from another: the cheap marks first, the content when they differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Print {
    len: u64,
    modified: Option<SystemTime>,
    inode: u64,
    sha256: [u8; 32],
}

/// How a file on disk relates to a [`Print`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnDisk {
    /// There is none.
    Missing,
    /// It is the version of the print.
    Same,
    /// It is another version, or it cannot be told.
    Changed,
}

/// Why a file was not read.
#[derive(Debug)]
pub(super) enum Unread {
    /// It is not there.
    Missing,
    /// It is longer than the bound.
    TooLong(u64),
    /// The system refused, or it is not a regular file.
    Refused(io::Error),
}

impl Print {
    /// The print of `bytes` as they lie in the file of `metadata`.
    pub(super) fn new(metadata: &Metadata, bytes: &[u8]) -> Self {
        Self { len: metadata.len(), modified: metadata.modified().ok(), inode: inode(metadata), sha256: Sha256::digest(bytes).into() }
    }

    /// Whether the file at `path` is still this version. Reads it only if its length is right and its time is not.
    pub(super) fn compare(&self, path: &Path) -> OnDisk {
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == ErrorKind::NotFound => return OnDisk::Missing,
            Err(_) => return OnDisk::Changed,
        };
        if metadata.len() != self.len {
            return OnDisk::Changed;
        }
        if metadata.modified().ok() == self.modified && self.modified.is_some() && inode(&metadata) == self.inode {
            return OnDisk::Same;
        }
        match read(path, self.len) {
            Ok((bytes, _)) if <[u8; 32]>::from(Sha256::digest(&bytes)) == self.sha256 => OnDisk::Same,
            Err(Unread::Missing) => OnDisk::Missing,
            Ok(_) | Err(_) => OnDisk::Changed,
        }
    }

    /// Whether it is the print of these bytes.
    pub(super) fn is_of(&self, bytes: &[u8]) -> bool {
        self.len == bytes.len() as u64 && <[u8; 32]>::from(Sha256::digest(bytes)) == self.sha256
    }
}

/// The number of the file in its file system; 0 where there is no such thing.
#[cfg(unix)]
fn inode(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

/// The number of the file in its file system; 0 where there is no such thing.
#[cfg(not(unix))]
const fn inode(_: &Metadata) -> u64 {
    0
}

/// The content of a regular file of at most `limit` bytes. Never waits at a pipe, never reads more than `limit + 1` bytes.
pub(super) fn read(path: &Path, limit: u64) -> Result<(Vec<u8>, Print), Unread> {
    let refused = |error: io::Error| if error.kind() == ErrorKind::NotFound { Unread::Missing } else { Unread::Refused(error) };
    if !fs::metadata(path).map_err(refused)?.is_file() {
        return Err(Unread::Refused(io::Error::new(ErrorKind::InvalidInput, "not a regular file")));
    }
    read_open(&File::open(path).map_err(refused)?, limit)
}

/// The content of an open file from its start, at most `limit` bytes.
pub(super) fn read_open(file: &File, limit: u64) -> Result<(Vec<u8>, Print), Unread> {
    let metadata = file.metadata().map_err(Unread::Refused)?;
    if metadata.len() > limit {
        return Err(Unread::TooLong(metadata.len()));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(Unread::Refused)?;
    if bytes.len() as u64 > limit {
        return Err(Unread::TooLong(bytes.len() as u64));
    }
    let print = Print::new(&metadata, &bytes);
    Ok((bytes, print))
}

/// Puts `bytes` in the place of `path`: after a crash at any moment the file is the old one or the new one, whole.
///
/// # Errors
/// [`Error::Store`]; the old file is untouched then and the temporary one gone.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<Print> {
    let folder = path.parent().unwrap_or(Path::new("."));
    write_beside(folder, path, bytes).map_err(|error| write_failed(path, &error))
}

fn write_beside(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<Print> {
    let mut temporary = tempfile::Builder::new().prefix(TEMPORARY_PREFIX).suffix(TEMPORARY_SUFFIX).tempfile_in(folder)?;
    temporary.write_all(bytes)?;
    temporary.as_file().sync_all()?;
    let file = persist(temporary, path)?;
    sync_folder(folder)?;
    Ok(Print::new(&file.metadata()?, bytes))
}

/// Renames over the target. Where another program (a virus scanner, a backup) may hold the target for a moment, asks again.
fn persist(mut temporary: tempfile::NamedTempFile, path: &Path) -> io::Result<File> {
    let mut tries = if cfg!(windows) { 20 } else { 1 };
    loop {
        tries -= 1;
        match temporary.persist(path) {
            Ok(file) => return Ok(file),
            Err(failed) if tries > 0 && failed.error.kind() == ErrorKind::PermissionDenied => {
                temporary = failed.file;
                std::thread::sleep(std::time::Duration::from_millis(25));
            }
            Err(failed) => return Err(failed.error),
        }
    }
}

/// Makes renames in a folder last through a power loss, where the system can do that.
#[cfg(unix)]
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        result => result,
    }
}

/// Makes renames in a folder last through a power loss, where the system can do that.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same signature on all systems")]
pub(super) fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Renames a file that is no use to the first free `….damaged-N` beside it and returns the new path.
pub(super) fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let free = free_name(path)?;
    fs::rename(path, &free)?;
    Ok(free)
}

/// Keeps `bytes`, the content of the file at `path`, under the first free `….damaged-N` beside it and returns the new path.
pub(super) fn copy_aside(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let free = free_name(path)?;
    write_beside(path.parent().unwrap_or(Path::new(".")), &free, bytes)?;
    Ok(free)
}

fn free_name(path: &Path) -> io::Result<PathBuf> {
    (1..=MOST_SET_ASIDE)
        .map(|n| {
            let mut name = path.as_os_str().to_owned();
            name.push(format!(".damaged-{n}"));
            PathBuf::from(name)
        })
        .find(|free| free.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound))
        .ok_or_else(|| io::Error::new(ErrorKind::AlreadyExists, "too many damaged files of this name"))
}

/// The error of a failed write: what the system said and what a person can do.
pub(super) fn write_failed(path: &Path, error: &io::Error) -> Error {
    let advice = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => "free some space on this disk",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => "allow writing in this folder",
        ErrorKind::NotFound | ErrorKind::NotADirectory => "make sure that the folder exists",
        _ => "check the disk",
    };
    Error::store(
        path,
        format!("could not be written: {error}; {advice}. What was saved before is unchanged, the rest is kept as long as Ponder is open"),
    )
}
