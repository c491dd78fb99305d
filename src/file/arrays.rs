//! Metadata arrays in full, read again from the file when someone needs them: a tokenizer's tokens, scores and merges.

use crate::error::{Error, Result};
use crate::file::metadata::{Array, ValueKind};
use crate::file::source::{Source, Stream};
use crate::file::{Format, ModelFile, limits, text};
use crate::units::{Bytes, grouped};

/// Bytes of numbers that are read at a time: whole elements of every width.
const CHUNK: u64 = 4096;

impl ModelFile {
    /// The strings of the array `key`.
    ///
    /// # Errors
    /// [`Error::Format`] where the key is missing or is no array of strings, or with the index of a string that isn't UTF-8.
    pub fn strings(&self, key: &str) -> Result<Vec<String>> {
        let mut strings = Vec::new();
        self.each_string(key, &mut strings, |source, n, bytes| {
            String::from_utf8(bytes).map_err(|error| {
                let (shown, _) = text::utf8(error.into_bytes());
                Error::format(&source.path, element(key, n), "UTF-8", format!("`{}`", text::shown(&shown, 60)))
            })
        })?;
        Ok(strings)
    }

    /// The strings of the array `key` as bytes, which need not be UTF-8.
    ///
    /// # Errors
    /// [`Error::Format`] where the key is missing or is no array of strings.
    pub fn byte_strings(&self, key: &str) -> Result<Vec<Vec<u8>>> {
        let mut strings = Vec::new();
        self.each_string(key, &mut strings, |_, _, bytes| Ok(bytes))?;
        Ok(strings)
    }

    /// The integers of the array `key`, of any width; truth values are 0 and 1.
    ///
    /// # Errors
    /// [`Error::Format`] where the key is missing or is no array of integers, or with the index of a number above 2^63 - 1.
    pub fn integers(&self, key: &str) -> Result<Vec<i64>> {
        self.numbers(key, "an array of integers", |kind, bytes| match kind {
            ValueKind::U8 | ValueKind::Bool => Some(Ok(u8::from_le_bytes(fixed(bytes)).into())),
            ValueKind::I8 => Some(Ok(i8::from_le_bytes(fixed(bytes)).into())),
            ValueKind::U16 => Some(Ok(u16::from_le_bytes(fixed(bytes)).into())),
            ValueKind::I16 => Some(Ok(i16::from_le_bytes(fixed(bytes)).into())),
            ValueKind::U32 => Some(Ok(u32::from_le_bytes(fixed(bytes)).into())),
            ValueKind::I32 => Some(Ok(i32::from_le_bytes(fixed(bytes)).into())),
            ValueKind::I64 => Some(Ok(i64::from_le_bytes(fixed(bytes)))),
            ValueKind::U64 => {
                let n = u64::from_le_bytes(fixed(bytes));
                Some(i64::try_from(n).map_err(|_too_large| n.to_string()))
            }
            _ => None,
        })
    }

    /// The numbers of the array `key` of F32 or F64, as F32.
    ///
    /// # Errors
    /// [`Error::Format`] where the key is missing or is no array of floating-point numbers.
    pub fn floats(&self, key: &str) -> Result<Vec<f32>> {
        self.numbers(key, "an array of floating-point numbers", |kind, bytes| match kind {
            ValueKind::F32 => Some(Ok(f32::from_le_bytes(fixed(bytes)))),
            #[expect(clippy::cast_possible_truncation, reason = "said in the docstring")]
            ValueKind::F64 => Some(Ok(f64::from_le_bytes(fixed(bytes)) as f32)),
            _ => None,
        })
    }

    fn each_string<T>(&self, key: &str, out: &mut Vec<T>, take: impl Fn(&Source, u64, Vec<u8>) -> Result<T>) -> Result<()> {
        let array = self.array(key, "an array of strings", |kind| kind == ValueKind::String)?;
        let source = self.source(array.shard)?;
        // Arrays of other formats' files are made by the program, as the newest version has them.
        let version = if let Format::Gguf { version } = self.format { version } else { 3 };
        let mut stream = Stream::new(source, array.offset);
        let width = if version > 1 { 8 } else { 4 };
        check_room(source, key, array, width)?;
        out.reserve_exact(usize::try_from(array.len).unwrap_or(0));
        let what = format_args!("the elements of `{key}`");
        for n in 0..array.len {
            let len = if version > 1 { stream.u64(&what)? } else { stream.u32(&what)?.into() };
            if len > limits::STRING_BYTES {
                let expected = format!("a string of at most {} (Ponder's limit)", Bytes(limits::STRING_BYTES));
                return Err(Error::format(&source.path, element(key, n), expected, Bytes(len).to_string()));
            }
            out.push(take(source, n, stream.take(len, &what)?)?);
        }
        Ok(())
    }

    /// Every element of an array of fixed-size values; `value` gives `None` for a kind that isn't wanted, `Err` for a value that isn't.
    fn numbers<T>(&self, key: &str, wanted: &str, value: impl Fn(ValueKind, &[u8]) -> Option<Result<T, String>>) -> Result<Vec<T>> {
        let array = self.array(key, wanted, |kind| kind.bytes().is_some() && value(kind, &[0; 8]).is_some())?;
        let source = self.source(array.shard)?;
        let width = array.kind.bytes().unwrap_or(1);
        check_room(source, key, array, width)?;
        let mut numbers = Vec::with_capacity(usize::try_from(array.len).unwrap_or(0));
        let mut stream = Stream::new(source, array.offset);
        let what = format_args!("the elements of `{key}`");
        let mut left = array.len * width;
        while left > 0 {
            let bytes = stream.take(left.min(CHUNK), &what)?;
            left -= bytes.len() as u64;
            for element_bytes in bytes.chunks_exact(usize::try_from(width).unwrap_or(1)) {
                match value(array.kind, element_bytes) {
                    Some(Ok(number)) => numbers.push(number),
                    Some(Err(found)) => {
                        return Err(Error::format(&source.path, element(key, numbers.len() as u64), "a number below 2^63", found));
                    }
                    None => return Err(Error::Internal(format!("kind of `{key}` changed while it was read"))),
                }
            }
        }
        Ok(numbers)
    }

    fn array(&self, key: &str, wanted: &str, fits: impl Fn(ValueKind) -> bool) -> Result<&Array> {
        let fault = |found: String| Error::format(&self.path, format!("key `{}`", text::shown(key, 80)), wanted, found);
        let value = self.metadata.get(key).ok_or_else(|| fault("no such key".to_owned()))?;
        value.as_array().filter(|array| fits(array.kind)).ok_or_else(|| fault(value.described()))
    }
}

/// Fails where the file isn't as long any more as the array was found to be.
fn check_room(source: &Source, key: &str, array: &Array, least: u64) -> Result<()> {
    if source.written() || array.len > source.len.saturating_sub(array.offset) / least {
        return Err(source.changed(format!("key `{}`", text::shown(key, 80))));
    }
    Ok(())
}

/// The first `N` bytes; zeros where there are fewer.
fn fixed<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.first_chunk().copied().unwrap_or([0; N])
}

/// A place within an array, for an error.
fn element(key: &str, n: u64) -> String {
    format!("key `{}`, element {}", text::shown(key, 80), grouped(n))
}
