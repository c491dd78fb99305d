//! The directory of a zip archive whose members are stored as they are, which is how `PyTorch` writes checkpoints: where each member lies.
//!
//! Nothing is unpacked, no path is made of a name, and only the directory at the end is read.

use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::file::source::Source;
use crate::file::{limits, text};
use crate::units::{Bytes, grouped};

/// The longest end of an archive: its record and a comment.
const LONGEST_END: u64 = 22 + 65_535;
/// A member's entry without its name.
const ENTRY: usize = 46;

/// A member.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    /// Where its own header starts.
    header: u64,
    /// Its length.
    pub(super) len: u64,
    method: u16,
    encrypted: bool,
    /// Its checksum.
    pub(super) crc: u32,
}

/// An archive's members by name.
#[derive(Debug)]
pub(super) struct Archive<'a> {
    source: &'a Source,
    members: HashMap<String, Member>,
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2).map(|b| u16::from_le_bytes([b[0], b[1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|b| u32::from_le_bytes(*b))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|b| u64::from_le_bytes(*b))
}

impl<'a> Archive<'a> {
    /// Reads the directory.
    ///
    /// # Errors
    /// [`Error::Format`] with the byte that contradicts the format.
    pub(super) fn read(source: &'a Source) -> Result<Self> {
        let (count, len, start) = end(source)?;
        let fault = |at: u64, expected: String, found: String| Error::format(&source.path, format!("byte {at}"), expected, found);
        if len > limits::ZIP_DIRECTORY {
            return Err(fault(
                start,
                format!("a directory of at most {} (Ponder's limit)", Bytes(limits::ZIP_DIRECTORY)),
                Bytes(len).to_string(),
            ));
        }
        let bytes = read(source, start, len, "the archive's directory")?;
        let mut members = HashMap::new();
        let mut at = 0;
        while at < bytes.len() {
            let place = start + at as u64;
            let broken = || fault(place, "an entry of the archive's directory".into(), "something else".into());
            let entry = bytes.get(at..at + ENTRY).filter(|entry| entry.starts_with(b"PK\x01\x02")).ok_or_else(broken)?;
            let field = |offset| u16_at(entry, offset).map(usize::from).ok_or_else(broken);
            let (name_len, extra_len, comment_len) = (field(28)?, field(30)?, field(32)?);
            let name = bytes.get(at + ENTRY..at + ENTRY + name_len).ok_or_else(broken)?;
            let extra = bytes.get(at + ENTRY + name_len..at + ENTRY + name_len + extra_len).ok_or_else(broken)?;
            let name = String::from_utf8(name.to_vec()).map_err(|_other| fault(place, "a name in UTF-8".into(), "other bytes".into()))?;
            let member = member(entry, extra).ok_or_else(broken)?;
            if members.len() == limits::ZIP_MEMBERS {
                return Err(fault(
                    place,
                    format!("at most {} members (Ponder's limit)", grouped(limits::ZIP_MEMBERS as u64)),
                    "more".into(),
                ));
            }
            if members.contains_key(&name) {
                return Err(fault(place, "each member once".into(), format!("`{}` twice", text::shown(&name, 80))));
            }
            members.insert(name, member);
            at += ENTRY + name_len + extra_len + comment_len;
        }
        if members.len() as u64 != count {
            return Err(fault(start, format!("{} members", grouped(count)), grouped(members.len() as u64)));
        }
        Ok(Self { source, members })
    }

    /// The member of this name.
    pub(super) fn get(&self, name: &str) -> Option<&Member> {
        self.members.get(name)
    }

    /// The names that end so.
    pub(super) fn ending(&self, ending: &str) -> Vec<&str> {
        let mut names: Vec<&str> = self.members.keys().map(String::as_str).filter(|name| name.ends_with(ending)).collect();
        names.sort_unstable();
        names
    }

    /// Where a member's bytes start in the file.
    ///
    /// # Errors
    /// [`Error::Format`] for one that is packed or encrypted, or lies past the end; [`Error::Open`].
    pub(super) fn place(&self, name: &str, member: &Member) -> Result<u64> {
        let shown = text::shown(name, 80);
        let fault = |expected: &str, found: String| Err(Error::format(&self.source.path, format!("member `{shown}`"), expected, found));
        if member.encrypted || member.method != 0 {
            let found =
                if member.encrypted { "one that is encrypted".into() } else { format!("one that is packed (method {})", member.method) };
            return fault("a member that is stored as it is, as PyTorch writes them", found);
        }
        let head = read(self.source, member.header, 30, "a member's header")?;
        let (Some(name_len), Some(extra_len), true) = (u16_at(&head, 26), u16_at(&head, 28), head.starts_with(b"PK\x03\x04")) else {
            return fault("its header where the directory says", "something else".into());
        };
        let start = member.header + 30 + u64::from(name_len) + u64::from(extra_len);
        match start.checked_add(member.len) {
            Some(end) if end <= self.source.len => Ok(start),
            _ => fault("its bytes in the file", format!("{} bytes from byte {}, past the end", grouped(member.len), grouped(start))),
        }
    }

    /// A member's bytes, at most `most`, held against their checksum.
    ///
    /// # Errors
    /// As [`Self::place`]; [`Error::Format`] for one that is longer, or damaged.
    pub(super) fn bytes(&self, name: &str, member: &Member, most: u64) -> Result<Vec<u8>> {
        let at = || format!("member `{}`", text::shown(name, 80));
        if member.len > most {
            return Err(Error::format(
                &self.source.path,
                at(),
                format!("at most {} (Ponder's limit)", Bytes(most)),
                Bytes(member.len).to_string(),
            ));
        }
        let bytes = read(self.source, self.place(name, member)?, member.len, name)?;
        let found = checksum(&bytes);
        if found == member.crc {
            return Ok(bytes);
        }
        Err(Error::format(&self.source.path, at(), format!("the checksum {:08x}", member.crc), format!("{found:08x} (damaged?)")))
    }
}

/// CRC-32 as zip archives have it: reflected, with the polynomial `0x04c11db7`.
fn checksum(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut n = 0;
        while n < 256 {
            #[expect(clippy::cast_possible_truncation, reason = "below 256")]
            let (mut crc, mut bit) = (n as u32, 0);
            while bit < 8 {
                crc = if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
                bit += 1;
            }
            table[n] = crc;
            n += 1;
        }
        table
    };
    !bytes.iter().fold(u32::MAX, |crc, &byte| TABLE[usize::from(crc.to_le_bytes()[0] ^ byte)] ^ (crc >> 8))
}

/// An entry of the directory, with 64-bit sizes where it has them.
fn member(entry: &[u8], extra: &[u8]) -> Option<Member> {
    const WIDE: u32 = u32::MAX;
    let (packed, len, header) = (u32_at(entry, 20)?, u32_at(entry, 24)?, u32_at(entry, 42)?);
    let mut wide = extra;
    let mut fields: &[u8] = &[];
    while let (Some(kind), Some(size)) = (u16_at(wide, 0), u16_at(wide, 2)) {
        let body = wide.get(4..4 + usize::from(size))?;
        if kind == 1 {
            fields = body;
        }
        wide = &wide[4 + usize::from(size)..];
    }
    // Those that do not fit follow in this order.
    let mut next = |narrow: u32| {
        if narrow != WIDE {
            return Some(u64::from(narrow));
        }
        let value = u64_at(fields, 0)?;
        fields = &fields[8..];
        Some(value)
    };
    let (len, packed, header) = (next(len)?, next(packed)?, next(header)?);
    let method = u16_at(entry, 10)?;
    (method != 0 || packed == len).then_some(())?;
    Some(Member { header, len, method, encrypted: u16_at(entry, 8)? & 1 != 0, crc: u32_at(entry, 16)? })
}

/// How many members there are, and length and place of the directory.
fn end(source: &Source) -> Result<(u64, u64, u64)> {
    let from = source.len.saturating_sub(LONGEST_END);
    let tail = read(source, from, source.len - from, "the archive's end")?;
    let fault = |found: &str| {
        let expected = "the end of a zip archive";
        Error::format(&source.path, "the end", expected, format!("{found} (download incomplete?)"))
    };
    let at = (0..tail.len().saturating_sub(21)).rev().find(|&at| tail[at..].starts_with(b"PK\x05\x06")).ok_or_else(|| fault("none"))?;
    let record = &tail[at..];
    let narrow = || Some((u64::from(u16_at(record, 10)?), u64::from(u32_at(record, 12)?), u64::from(u32_at(record, 16)?)));
    let found = narrow().ok_or_else(|| fault("half of it"))?;
    let wide = at.checked_sub(20).map(|at| &tail[at..]).filter(|locator| locator.starts_with(b"PK\x06\x07"));
    let (count, len, start) = match wide.and_then(|locator| u64_at(locator, 8)) {
        None => found,
        Some(place) => {
            let record = read(source, place, 56, "the end of a large archive")?;
            let wide = || Some((u64_at(&record, 32)?, u64_at(&record, 40)?, u64_at(&record, 48)?));
            wide().filter(|_| record.starts_with(b"PK\x06\x06")).ok_or_else(|| fault("something else"))?
        }
    };
    Ok((count, len, start))
}

/// `len` bytes, which are `what`; nothing is allocated before the file is known to have them.
fn read(source: &Source, at: u64, len: u64, what: &str) -> Result<Vec<u8>> {
    let fault = || {
        let expected = format!("{} bytes of {}", grouped(len), text::shown(what, 80));
        Error::format(&source.path, format!("byte {at}"), expected, "the end of the file (download incomplete?)")
    };
    if at.checked_add(len).is_none_or(|end| end > source.len) {
        return Err(fault());
    }
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
    match source.read_at(at, &mut bytes).map_err(|error| Error::open(&source.path, error))? {
        n if n == bytes.len() => Ok(bytes),
        _ => Err(fault()),
    }
}
