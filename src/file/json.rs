//! Reads JSON that a header or an index is written in: one value after another, with the byte of whatever is wrong.
//!
//! Nothing is built that the caller doesn't ask for, nothing recurses, and what a caller passes over may be nested to
//! [`limits::JSON_NESTING`]. Numbers are integers that aren't negative; these files have no others.

use std::borrow::Cow;
use std::path::Path;

use crate::error::{Error, Result};
use crate::file::{limits, text};

/// A place in a JSON text.
#[derive(Debug)]
pub(crate) struct Json<'a> {
    path: &'a Path,
    bytes: &'a [u8],
    at: usize,
    /// Where the text starts in its file.
    start: u64,
}

impl<'a> Json<'a> {
    /// The beginning of `bytes`, which start at byte `start` of the file.
    ///
    /// # Errors
    /// [`Error::Format`] with the byte that isn't UTF-8.
    pub(crate) fn new(path: &'a Path, bytes: &'a [u8], start: u64) -> Result<Self> {
        let json = Self { path, bytes, at: 0, start };
        match std::str::from_utf8(bytes) {
            Ok(_) => Ok(json),
            Err(error) => Err(Self { at: error.valid_up_to(), ..json }.fault("UTF-8", "another byte")),
        }
    }

    /// The next byte's place in the file.
    pub(crate) const fn position(&self) -> u64 {
        self.start + self.at as u64
    }

    /// The error of finding something else here.
    pub(crate) fn fault(&self, expected: impl Into<String>, found: impl Into<String>) -> Error {
        Error::format(self.path, format!("byte {}", self.position()), expected, found)
    }

    /// The error of what stands here.
    fn expected(&self, expected: &str) -> Error {
        let rest = &self.bytes[self.at..];
        let found = match std::str::from_utf8(&rest[..rest.len().min(24)]) {
            _ if rest.is_empty() => "the end".to_owned(),
            Ok(start) => format!("`{}`", text::shown(start, 16)),
            Err(error) => format!("`{}`", text::shown(&String::from_utf8_lossy(&rest[..error.valid_up_to()]), 16)),
        };
        self.fault(expected, found)
    }

    fn peek(&mut self) -> Option<u8> {
        let rest = &self.bytes[self.at..];
        let blank = rest.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r')).count();
        self.at += blank;
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    /// Enters an object.
    pub(crate) fn object(&mut self) -> Result<()> {
        if self.take(b'{') { Ok(()) } else { Err(self.expected("an object `{`")) }
    }

    /// The next key of the object that was entered, `None` at its end; `first` is made false.
    pub(crate) fn key(&mut self, first: &mut bool) -> Result<Option<Cow<'a, str>>> {
        if self.take(b'}') {
            return Ok(None);
        }
        if !std::mem::replace(first, false) && !self.take(b',') {
            return Err(self.expected("`,` or `}`"));
        }
        let key = self.string()?;
        if self.take(b':') { Ok(Some(key)) } else { Err(self.expected("`:`")) }
    }

    /// Enters an array.
    pub(crate) fn array(&mut self) -> Result<()> {
        if self.take(b'[') { Ok(()) } else { Err(self.expected("an array `[`")) }
    }

    /// Whether the array that was entered goes on; `first` is made false.
    pub(crate) fn element(&mut self, first: &mut bool) -> Result<bool> {
        if self.take(b']') {
            return Ok(false);
        }
        if !std::mem::replace(first, false) && !self.take(b',') {
            return Err(self.expected("`,` or `]`"));
        }
        Ok(true)
    }

    /// An integer that isn't negative.
    pub(crate) fn integer(&mut self) -> Result<u64> {
        const EXPECTED: &str = "an integer from 0 to 2^64 - 1";
        self.peek();
        let digits = self.bytes[self.at..].iter().take_while(|b| b.is_ascii_digit()).count();
        let after = self.bytes.get(self.at + digits);
        let number = std::str::from_utf8(&self.bytes[self.at..self.at + digits]).ok().and_then(|digits| digits.parse().ok());
        match number {
            Some(number) if !matches!(after, Some(b'.' | b'e' | b'E')) => {
                self.at += digits;
                Ok(number)
            }
            _ => Err(self.expected(EXPECTED)),
        }
    }

    /// A string.
    pub(crate) fn string(&mut self) -> Result<Cow<'a, str>> {
        if !self.take(b'"') {
            return Err(self.expected("a string"));
        }
        let start = self.at;
        let plain = self.bytes[start..].iter().position(|&b| b == b'"' || b == b'\\' || b < 0x20);
        let end = start + plain.unwrap_or(self.bytes.len() - start);
        self.at = end;
        let text = |bytes: &'a [u8]| std::str::from_utf8(bytes).map_err(|error| Error::Internal(error.to_string()));
        if self.bytes.get(end) == Some(&b'"') {
            self.at += 1;
            return Ok(Cow::Borrowed(text(&self.bytes[start..end])?));
        }
        let mut owned = text(&self.bytes[start..end])?.to_owned();
        loop {
            let rest = &self.bytes[self.at..];
            let plain = rest.iter().position(|&b| b == b'"' || b == b'\\' || b < 0x20).unwrap_or(rest.len());
            owned.push_str(text(&rest[..plain])?);
            self.at += plain;
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(owned));
                }
                Some(b'\\') => owned.push(self.escape()?),
                _ => return Err(self.expected("the end of a string")),
            }
        }
    }

    fn escape(&mut self) -> Result<char> {
        let c = match self.bytes.get(self.at + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.escaped_unit(),
            _ => return Err(self.expected("an escape")),
        };
        self.at += 2;
        Ok(c)
    }

    /// `\u` with four digits; a pair of them where the first is half a character. A half that stands alone is replaced.
    fn escaped_unit(&mut self) -> Result<char> {
        let unit = |at: usize| {
            let digits = self.bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
            u16::from_str_radix(std::str::from_utf8(digits).ok().filter(|d| !d.starts_with('+'))?, 16).ok()
        };
        let Some(first) = unit(self.at) else { return Err(self.expected("four hexadecimal digits")) };
        let second = unit(self.at + 6).filter(|second| (0xd800..0xdc00).contains(&first) && (0xdc00..0xe000).contains(second));
        self.at += if second.is_some() { 12 } else { 6 };
        let units = [first, second.unwrap_or(0)];
        let c = char::decode_utf16(units[..=usize::from(second.is_some())].iter().copied()).next();
        Ok(c.and_then(std::result::Result::ok).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    /// Passes over a value of any kind. What is within it is held against brackets and strings only.
    pub(crate) fn skip(&mut self) -> Result<()> {
        let mut depth = 0_u32;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.string()?;
                }
                Some(b'{' | b'[') => {
                    if depth == limits::JSON_NESTING {
                        return Err(self.fault(format!("at most {} values in one another", limits::JSON_NESTING), "more"));
                    }
                    depth += 1;
                    self.at += 1;
                    continue;
                }
                Some(b'}' | b']') if depth > 0 => {
                    depth -= 1;
                    self.at += 1;
                }
                Some(b',' | b':') if depth > 0 => {
                    self.at += 1;
                    continue;
                }
                Some(b'0'..=b'9' | b'-' | b'a'..=b'z') => {
                    let word = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.');
                    self.at += self.bytes[self.at..].iter().take_while(word).count();
                }
                _ => return Err(self.expected("a value")),
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// Fails where anything but blanks follows.
    pub(crate) fn end(&mut self) -> Result<()> {
        if self.peek().is_none() { Ok(()) } else { Err(self.expected("the end")) }
    }
}
