//! Reads the header of one GGUF file (versions 1 to 3, little-endian): metadata and tensor entries.
//!
//! The format's description is ggml's `docs/gguf.md`. Every count and length is held against the bytes that are left before anything
//! is allocated; arrays stay in the file. Joining split files is `shards`' work, the tensors' places are `layout`'s.

use std::fmt::Display;

use crate::error::{Error, Result};
use crate::file::metadata::{Array, Entry, Value, ValueKind};
use crate::file::notices::Notices;
use crate::file::source::{Source, Stream};
use crate::file::{DType, TensorInfo, limits, text};
use crate::units::{Bytes, grouped};

/// The first four bytes.
pub(crate) const MAGIC: &[u8; 4] = b"GGUF";
/// The length of what precedes the metadata in versions 2 and 3.
const FIXED: u64 = 24;
/// The alignment of tensor data where the file doesn't state one.
const ALIGNMENT: u64 = 32;

/// What one file's header says.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) version: u32,
    pub(crate) entries: Vec<Entry>,
    /// In file order; offsets relative to `data_start`, nothing known of their sizes yet.
    pub(crate) tensors: Vec<TensorInfo>,
    pub(crate) data_start: u64,
    pub(crate) alignment: u64,
}

/// Reads the header of the `shard`-th file of a set.
///
/// # Errors
/// [`Error::Format`] with the byte, and the key or tensor, where the header contradicts itself or the file's length.
pub(crate) fn read(source: &Source, shard: usize, notices: &mut Notices) -> Result<Header> {
    if source.len < FIXED {
        return Err(Error::format(
            &source.path,
            "byte 0",
            "a GGUF header",
            format!("a file that ends too soon: the header needs {FIXED} bytes, has {}", source.len),
        ));
    }
    let mut stream = Stream::new(source, 4);
    let version = stream.u32(&"the version")?;
    let wide = match version {
        1 => false,
        2 | 3 => true,
        0x0100_0000 | 0x0200_0000 | 0x0300_0000 => {
            return Err(fault(
                source,
                "byte 4",
                "a little-endian file",
                format!("version {} in big-endian order; convert it for this machine", version >> 24),
            ));
        }
        other => return Err(fault(source, "byte 4", "GGUF version 1, 2 or 3", format!("version {other}"))),
    };
    Reader { stream, source, wide, shard, previews: limits::PREVIEWS, notices }.header(version)
}

fn fault(source: &Source, at: impl Into<String>, expected: impl Into<String>, found: impl Into<String>) -> Error {
    Error::format(&source.path, at, expected, found)
}

struct Reader<'a> {
    stream: Stream<'a>,
    source: &'a Source,
    /// Lengths and dimensions have 64 bits (since version 2) instead of 32.
    wide: bool,
    shard: usize,
    /// How many values previews may still keep.
    previews: usize,
    notices: &'a mut Notices,
}

impl Reader<'_> {
    fn header(mut self, version: u32) -> Result<Header> {
        let at_tensors = self.stream.position();
        let n_tensors = self.length(&"the number of tensors")?;
        let at_entries = self.stream.position();
        let n_entries = self.length(&"the number of metadata entries")?;
        let width = if self.wide { 8 } else { 4 };
        // A key has a byte at least, a tensor may lack name and dimensions.
        self.check_count(at_entries, "metadata entries", n_entries, width + 1 + 4 + 1, limits::ENTRIES)?;
        self.check_count(at_tensors, "tensors", n_tensors, width + 4 + 4 + 8, limits::TENSORS)?;

        let mut entries = Vec::with_capacity(capacity(n_entries));
        for n in 0..n_entries {
            entries.push(self.entry(n)?);
        }
        let alignment = self.alignment(&entries)?;
        self.check_count(at_tensors, "tensors", n_tensors, width + 4 + 4 + 8, limits::TENSORS)?;
        let mut tensors = Vec::with_capacity(capacity(n_tensors));
        for n in 0..n_tensors {
            tensors.push(self.tensor(n)?);
        }
        let data_start = self.stream.position().next_multiple_of(alignment);
        Ok(Header { version, entries, tensors, data_start, alignment })
    }

    /// A count must be below its limit, and its items must fit in the bytes that are left.
    fn check_count(&self, at: u64, what: &str, count: u64, least: u64, limit: u64) -> Result<()> {
        let left = self.stream.left();
        if count > left / least {
            let expected = format!("at most {} {what}, for the {} bytes that are left", grouped(left / least), grouped(left));
            return Err(self.fault(format!("byte {at}"), expected, grouped(count)));
        }
        if count > limit {
            return Err(self.fault(format!("byte {at}"), format!("at most {} {what} (Ponder's limit)", grouped(limit)), grouped(count)));
        }
        Ok(())
    }

    fn entry(&mut self, n: u64) -> Result<Entry> {
        let offset = self.stream.position();
        let key = self.name(&format_args!("the key of metadata entry {n}"))?;
        if key.is_empty() {
            return Err(self.fault(format!("byte {offset}"), format!("a key for metadata entry {n}"), "an empty one"));
        }
        if key.contains('\0') {
            self.notices.block(|| format!("the key `{}` at byte {offset} contains a NUL character", text::shown(&key, 80)));
        }
        let kind = self.kind(&key)?;
        let value = self.value(kind, &key, 0)?;
        if self.stream.fetched > limits::METADATA_BYTES {
            let expected = format!("metadata below {} (Ponder's limit)", Bytes(limits::METADATA_BYTES));
            return Err(self.fault(place(self.stream.position(), &key), expected, "more"));
        }
        Ok(Entry { key, value, offset })
    }

    /// A key or a tensor's name.
    fn name(&mut self, what: &dyn Display) -> Result<String> {
        let at = self.stream.position();
        let len = self.length(&format_args!("the length of {what}"))?;
        if len > limits::NAME_BYTES {
            let expected = format!("at most {} bytes for {what}", grouped(limits::NAME_BYTES));
            return Err(self.fault(format!("byte {at}"), expected, grouped(len)));
        }
        let (name, valid) = text::utf8(self.stream.take(len, what)?);
        if !valid {
            self.notices.warn(|| format!("the name `{}` at byte {at} isn't UTF-8", text::shown(&name, 80)));
        }
        Ok(name)
    }

    fn kind(&mut self, key: &str) -> Result<ValueKind> {
        let at = self.stream.position();
        let id = self.stream.u32(&format_args!("the type of `{key}`"))?;
        kind(id).ok_or_else(|| self.fault(place(at, key), "a value type from 0 to 12", id.to_string()))
    }

    fn value(&mut self, kind: ValueKind, key: &str, depth: u32) -> Result<Value> {
        let what = format_args!("the value of `{key}`");
        Ok(match kind {
            ValueKind::U8 => Value::U8(u8::from_le_bytes(self.stream.bytes(&what)?)),
            ValueKind::I8 => Value::I8(i8::from_le_bytes(self.stream.bytes(&what)?)),
            ValueKind::U16 => Value::U16(u16::from_le_bytes(self.stream.bytes(&what)?)),
            ValueKind::I16 => Value::I16(i16::from_le_bytes(self.stream.bytes(&what)?)),
            ValueKind::U32 => Value::U32(u32::from_le_bytes(self.stream.bytes(&what)?)),
            ValueKind::I32 => Value::I32(i32::from_le_bytes(self.stream.bytes(&what)?)),
            ValueKind::F32 => Value::F32(f32::from_le_bytes(self.stream.bytes(&what)?)),
            ValueKind::U64 => Value::U64(u64::from_le_bytes(self.stream.bytes(&what)?)),
            ValueKind::I64 => Value::I64(i64::from_le_bytes(self.stream.bytes(&what)?)),
            ValueKind::F64 => Value::F64(f64::from_le_bytes(self.stream.bytes(&what)?)),
            ValueKind::Bool => self.truth(key)?,
            ValueKind::String => self.string(key)?,
            ValueKind::Array => Value::Array(self.array(key, depth)?),
        })
    }

    /// A truth value; a byte other than 0 and 1 is kept as the number it is.
    fn truth(&mut self, key: &str) -> Result<Value> {
        let at = self.stream.position();
        let [byte] = self.stream.bytes(&format_args!("the value of `{key}`"))?;
        Ok(match byte {
            0 => Value::Bool(false),
            1 => Value::Bool(true),
            other => {
                self.notices.warn(|| format!("`{}` at byte {at} is neither true nor false: {other}", text::shown(key, 80)));
                Value::U8(other)
            }
        })
    }

    fn string(&mut self, key: &str) -> Result<Value> {
        let at = self.stream.position();
        let len = self.length(&format_args!("the length of `{key}`"))?;
        if len > limits::STRING_BYTES && len <= self.stream.left() {
            let expected = format!("a string of at most {} (Ponder's limit)", Bytes(limits::STRING_BYTES));
            return Err(self.fault(place(at, key), expected, Bytes(len).to_string()));
        }
        let (string, valid) = text::utf8(self.stream.take(len, &format_args!("the value of `{key}`"))?);
        if !valid {
            self.notices.warn(|| format!("`{}` at byte {at} isn't UTF-8", text::shown(key, 80)));
        }
        Ok(Value::String(string))
    }

    fn array(&mut self, key: &str, depth: u32) -> Result<Array> {
        let at = self.stream.position();
        if depth >= limits::NESTING {
            return Err(self.fault(place(at, key), format!("at most {} arrays in one another", limits::NESTING), "more"));
        }
        let kind = self.kind(key)?;
        let at = self.stream.position();
        let len = self.length(&format_args!("the length of `{key}`"))?;
        let offset = self.stream.position();
        let width = if self.wide { 8 } else { 4 };
        let least = kind.bytes().unwrap_or(if kind == ValueKind::Array { 4 + width } else { width });
        if len > self.stream.left() / least {
            let expected = format!("at most {} elements, for the {} bytes that are left", self.stream.left() / least, self.stream.left());
            return Err(self.fault(place(at, key), expected, grouped(len)));
        }
        let kept = len.min(limits::PREVIEW as u64).min(self.previews as u64);
        self.previews -= capacity(kept);
        let mut preview = Vec::with_capacity(capacity(kept));
        for _ in 0..kept {
            preview.push(if kind == ValueKind::String { self.element(key)? } else { self.value(kind, key, depth + 1)? });
        }
        let rest = len - kept;
        let what = format_args!("the elements of `{key}`");
        match (kind, kind.bytes()) {
            (_, Some(bytes)) => self.stream.skip(rest * bytes, &what)?,
            (ValueKind::String, _) => {
                for _ in 0..rest {
                    let len = self.length(&what)?;
                    self.stream.skip(len, &what)?;
                }
            }
            _ => {
                for _ in 0..rest {
                    self.array(key, depth + 1)?;
                }
            }
        }
        Ok(Array { kind, len, shard: self.shard, offset, preview })
    }

    /// A string of an array's preview, cut where it is long.
    fn element(&mut self, key: &str) -> Result<Value> {
        let what = format_args!("the elements of `{key}`");
        let len = self.length(&what)?;
        let kept = len.min(limits::PREVIEW_STRING as u64);
        let mut bytes = self.stream.take(kept, &what)?;
        self.stream.skip(len - kept, &what)?;
        if kept < len
            && let Err(error) = std::str::from_utf8(&bytes)
            && error.error_len().is_none()
        {
            bytes.truncate(error.valid_up_to());
        }
        Ok(Value::String(text::utf8(bytes).0))
    }

    fn alignment(&self, entries: &[Entry]) -> Result<u64> {
        let Some(entry) = entries.iter().find(|entry| entry.key == "general.alignment") else { return Ok(ALIGNMENT) };
        match entry.value {
            Value::U32(n) if n.is_power_of_two() && u64::from(n) <= limits::ALIGNMENT => Ok(n.into()),
            ref other => {
                let expected = format!("a u32 that is a power of two up to {}", grouped(limits::ALIGNMENT));
                Err(self.fault(place(entry.offset, &entry.key), expected, other.described()))
            }
        }
    }

    fn tensor(&mut self, n: u64) -> Result<TensorInfo> {
        let at = self.stream.position();
        let name = self.name(&format_args!("the name of tensor {n}"))?;
        if name.is_empty() {
            self.notices.warn(|| format!("tensor {n} at byte {at} has no name"));
        }
        if name.len() >= limits::LLAMA_CPP_NAME {
            self.notices.warn(|| {
                format!(
                    "the name `{}` has {} bytes; llama.cpp refuses names of 64 and more",
                    text::shown(&name, 80),
                    grouped(name.len() as u64)
                )
            });
        }
        let what = format_args!("the entry of tensor `{name}`");
        let at = self.stream.position();
        let n_dims = self.stream.u32(&what)?;
        if n_dims > limits::GGUF_DIMS {
            let place = format!("byte {at}, tensor `{}`", text::shown(&name, 80));
            return Err(self.fault(place, format!("at most {} dimensions", limits::GGUF_DIMS), grouped(n_dims.into())));
        }
        let mut shape = Vec::with_capacity(n_dims as usize);
        for _ in 0..n_dims {
            shape.push(self.length(&what)?);
        }
        // The file has the contiguous dimension first.
        shape.reverse();
        let dtype = DType::from_ggml(self.stream.u32(&what)?);
        let offset = self.stream.u64(&what)?;
        Ok(TensorInfo { name, shape, dtype, shard: self.shard, offset, bytes: Bytes(0), problem: None })
    }

    /// A count or length: 64 bits since version 2, 32 before.
    fn length(&mut self, what: &dyn Display) -> Result<u64> {
        if self.wide { self.stream.u64(what) } else { self.stream.u32(what).map(u64::from) }
    }

    fn fault(&self, at: impl Into<String>, expected: impl Into<String>, found: impl Into<String>) -> Error {
        fault(self.source, at, expected, found)
    }
}

/// A place in the metadata, for an error.
fn place(at: u64, key: &str) -> String {
    format!("byte {at}, key `{}`", text::shown(key, 80))
}

/// A count that was held against the file's length, as a capacity.
fn capacity(count: u64) -> usize {
    usize::try_from(count).unwrap_or(0)
}

/// The kind with this number.
pub(crate) const fn kind(id: u32) -> Option<ValueKind> {
    Some(match id {
        0 => ValueKind::U8,
        1 => ValueKind::I8,
        2 => ValueKind::U16,
        3 => ValueKind::I16,
        4 => ValueKind::U32,
        5 => ValueKind::I32,
        6 => ValueKind::F32,
        7 => ValueKind::Bool,
        8 => ValueKind::String,
        9 => ValueKind::Array,
        10 => ValueKind::U64,
        11 => ValueKind::I64,
        12 => ValueKind::F64,
        _ => return None,
    })
}
