//! Data opened for positional reads, a file's or the program's own, and a stream over its header that holds one small window.
//!
//! Nothing here knows a format. What isn't a regular file (pipe, device, socket) is refused before it is opened, so that nothing hangs.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::{Error, Result};
use crate::file::text;
use crate::units::grouped;

/// Open data that is read by position.
#[derive(Debug)]
pub(crate) struct Source {
    /// Where it is, as errors name it.
    pub(crate) path: PathBuf,
    pub(crate) len: u64,
    data: Data,
}

/// Where the bytes are.
enum Data {
    /// In a file, with what identified it when it was opened.
    File(File, Identity),
    /// In the program's memory; nothing can change them.
    Memory(Cow<'static, [u8]>),
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(_, identity) => identity.fmt(f),
            Self::Memory(bytes) => write!(f, "{} bytes in memory", bytes.len()),
        }
    }
}

/// What tells one state of a file from another without reading it.
#[derive(Debug, PartialEq, Eq)]
struct Identity {
    len: u64,
    modified: Option<SystemTime>,
    /// Device and inode, where the platform has them.
    node: Option<(u64, u64)>,
}

impl Identity {
    fn of(metadata: &fs::Metadata) -> Self {
        #[cfg(unix)]
        let node = {
            use std::os::unix::fs::MetadataExt as _;
            Some((metadata.dev(), metadata.ino()))
        };
        #[cfg(not(unix))]
        let node = None;
        Self { len: metadata.len(), modified: metadata.modified().ok(), node }
    }
}

impl Source {
    /// Opens a regular file.
    ///
    /// # Errors
    /// [`Error::Open`] for what is missing, forbidden, or no regular file.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let refused = |error: io::Error| Error::open(path, error);
        let kind = fs::metadata(path).map_err(refused)?.file_type();
        if !kind.is_file() {
            return Err(Error::open(path, format!("is {}, not a file", named(kind))));
        }
        let file = File::open(path).map_err(refused)?;
        let metadata = file.metadata().map_err(refused)?;
        Ok(Self { path: path.to_owned(), len: metadata.len(), data: Data::File(file, Identity::of(&metadata)) })
    }

    /// Bytes of the program, or that it made; errors name them `name`.
    pub(crate) fn memory(name: &str, bytes: impl Into<Cow<'static, [u8]>>) -> Self {
        let bytes = bytes.into();
        Self { path: PathBuf::from(name), len: bytes.len() as u64, data: Data::Memory(bytes) }
    }

    /// Reads at `offset` until `buf` is full or the data ends; how many bytes that were.
    pub(crate) fn read_at(&self, mut offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let file = match &self.data {
            Data::File(file, _) => file,
            Data::Memory(bytes) => {
                let from = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
                let n = from.len().min(buf.len());
                buf[..n].copy_from_slice(&from[..n]);
                return Ok(n);
            }
        };
        let mut filled = 0;
        while filled < buf.len() {
            match read_some_at(file, &mut buf[filled..], offset) {
                Ok(0) => break,
                Ok(n) => {
                    filled += n;
                    offset += n as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    /// The first bytes of the file, `limit` at most.
    pub(crate) fn head(&self, limit: usize) -> Result<Vec<u8>> {
        let mut head = vec![0; limit.min(usize::try_from(self.len).unwrap_or(limit))];
        let filled = self.read_at(0, &mut head).map_err(|error| Error::open(&self.path, error))?;
        head.truncate(filled);
        Ok(head)
    }

    /// Whether the open file was written to since it was opened.
    pub(crate) fn written(&self) -> bool {
        match &self.data {
            Data::File(file, identity) => file.metadata().map_or(true, |now| Identity::of(&now) != *identity),
            Data::Memory(_) => false,
        }
    }

    /// What it was when it was opened, as a text that no other file has.
    pub(crate) fn identity(&self) -> String {
        match &self.data {
            Data::File(_, identity) => format!("{}\0{identity:?}", self.path.display()),
            Data::Memory(bytes) => format!("{}\0{} bytes in memory", self.path.display(), bytes.len()),
        }
    }

    /// Fails when the path no longer leads to what was opened.
    pub(crate) fn check_unchanged(&self) -> Result<()> {
        let Data::File(_, identity) = &self.data else { return Ok(()) };
        let now =
            fs::metadata(&self.path).map_err(|error| Error::open(&self.path, format!("no longer there since it was opened: {error}")))?;
        if Identity::of(&now) == *identity { Ok(()) } else { Err(self.changed("the file")) }
    }

    /// The error of a file that isn't what was opened any more.
    pub(crate) fn changed(&self, at: impl Into<String>) -> Error {
        Error::format(&self.path, at, "what was there when it was opened", "that the file changed since it was opened; open it again")
    }
}

#[cfg(unix)]
fn read_some_at(file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buf, offset)
}

#[cfg(windows)]
fn read_some_at(file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buf, offset)
}

/// What a path that is no regular file is, for a sentence.
fn named(kind: fs::FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        if kind.is_fifo() {
            return "a named pipe";
        }
        if kind.is_socket() {
            return "a socket";
        }
        if kind.is_char_device() || kind.is_block_device() {
            return "a device";
        }
    }
    if kind.is_dir() { "a folder" } else { "something special" }
}

/// Bytes of a file that the stream holds at a time.
const WINDOW: usize = 64 << 10;

/// Reads a header from front to back.
#[derive(Debug)]
pub(crate) struct Stream<'a> {
    source: &'a Source,
    window: Vec<u8>,
    /// Where the window starts in the file.
    start: u64,
    /// The next byte, within the window.
    at: usize,
    /// Bytes read from the file so far.
    pub(crate) fetched: u64,
}

impl<'a> Stream<'a> {
    pub(crate) const fn new(source: &'a Source, start: u64) -> Self {
        Self { source, window: Vec::new(), start, at: 0, fetched: 0 }
    }

    /// The offset of the next byte.
    pub(crate) const fn position(&self) -> u64 {
        self.start + self.at as u64
    }

    /// The bytes between here and the end of the file.
    pub(crate) const fn left(&self) -> u64 {
        self.source.len.saturating_sub(self.position())
    }

    /// The next `N` bytes, which are `what`.
    pub(crate) fn bytes<const N: usize>(&mut self, what: &dyn Display) -> Result<[u8; N]> {
        if self.window.len() - self.at < N {
            self.fill(N, what)?;
        }
        let mut out = [0; N];
        out.copy_from_slice(&self.window[self.at..self.at + N]);
        self.at += N;
        Ok(out)
    }

    pub(crate) fn u32(&mut self, what: &dyn Display) -> Result<u32> {
        self.bytes(what).map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self, what: &dyn Display) -> Result<u64> {
        self.bytes(what).map(u64::from_le_bytes)
    }

    /// The next `len` bytes, which are `what`; nothing is allocated before the file is known to have them.
    pub(crate) fn take(&mut self, len: u64, what: &dyn Display) -> Result<Vec<u8>> {
        let missing = self.left() < len;
        let Some(len) = usize::try_from(len).ok().filter(|_| !missing) else { return Err(self.cut(len, what)) };
        let mut out = vec![0; len];
        let held = (self.window.len() - self.at).min(len);
        out[..held].copy_from_slice(&self.window[self.at..self.at + held]);
        self.at += held;
        if held < len {
            let position = self.position();
            let read = self.source.read_at(position, &mut out[held..]).map_err(|error| Error::open(&self.source.path, error))?;
            if held + read < len {
                return Err(self.source.changed(format!("byte {position}")));
            }
            self.fetched += read as u64;
            self.jump(position + read as u64);
        }
        Ok(out)
    }

    /// Passes over `len` bytes, which are `what`, without reading them.
    pub(crate) fn skip(&mut self, len: u64, what: &dyn Display) -> Result<()> {
        if self.left() < len {
            return Err(self.cut(len, what));
        }
        match usize::try_from(len) {
            Ok(near) if near <= self.window.len() - self.at => self.at += near,
            _ => self.jump(self.position() + len),
        }
        Ok(())
    }

    fn jump(&mut self, position: u64) {
        self.window.clear();
        self.start = position;
        self.at = 0;
    }

    /// Makes at least `need` bytes (a few) available in the window.
    fn fill(&mut self, need: usize, what: &dyn Display) -> Result<()> {
        if self.left() < need as u64 {
            return Err(self.cut(need as u64, what));
        }
        self.window.drain(..self.at);
        self.start += self.at as u64;
        self.at = 0;
        let held = self.window.len();
        self.window.resize(WINDOW, 0);
        let read = self
            .source
            .read_at(self.start + held as u64, &mut self.window[held..])
            .map_err(|error| Error::open(&self.source.path, error))?;
        self.window.truncate(held + read);
        self.fetched += read as u64;
        if self.window.len() < need {
            return Err(self.source.changed(format!("byte {}", self.start)));
        }
        Ok(())
    }

    /// The error of a file that ends before `what`.
    fn cut(&self, need: u64, what: &dyn Display) -> Error {
        let (position, left) = (self.position(), self.left());
        Error::format(
            &self.source.path,
            format!("byte {position}"),
            format!("{} bytes of {}", grouped(need), text::shown(&what.to_string(), 120)),
            format!("{} bytes before the end of the file (download incomplete?)", grouped(left)),
        )
    }
}
