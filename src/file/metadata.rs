//! A file's metadata: typed values by key, in file order. Arrays are described and previewed; their elements stay in the file.

use std::fmt;

use crate::file::text;
use crate::units::grouped;

/// The kind of a metadata value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the variants are the types they name")]
pub enum ValueKind {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    F32,
    Bool,
    String,
    Array,
    U64,
    I64,
    F64,
}

impl ValueKind {
    /// The kind's name in messages: `u32`, `string`, `array`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::U8 => "u8",
            Self::I8 => "i8",
            Self::U16 => "u16",
            Self::I16 => "i16",
            Self::U32 => "u32",
            Self::I32 => "i32",
            Self::F32 => "f32",
            Self::Bool => "bool",
            Self::String => "string",
            Self::Array => "array",
            Self::U64 => "u64",
            Self::I64 => "i64",
            Self::F64 => "f64",
        }
    }

    /// The bytes of one value; `None` where values differ in length.
    #[must_use]
    pub const fn bytes(self) -> Option<u64> {
        match self {
            Self::U8 | Self::I8 | Self::Bool => Some(1),
            Self::U16 | Self::I16 => Some(2),
            Self::U32 | Self::I32 | Self::F32 => Some(4),
            Self::U64 | Self::I64 | Self::F64 => Some(8),
            Self::String | Self::Array => None,
        }
    }
}

/// A metadata value.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the variants are the types they name")]
pub enum Value {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    F32(f32),
    Bool(bool),
    String(String),
    U64(u64),
    I64(i64),
    F64(f64),
    Array(Array),
}

impl Value {
    /// What kind of value it is.
    #[must_use]
    pub const fn kind(&self) -> ValueKind {
        match self {
            Self::U8(_) => ValueKind::U8,
            Self::I8(_) => ValueKind::I8,
            Self::U16(_) => ValueKind::U16,
            Self::I16(_) => ValueKind::I16,
            Self::U32(_) => ValueKind::U32,
            Self::I32(_) => ValueKind::I32,
            Self::F32(_) => ValueKind::F32,
            Self::Bool(_) => ValueKind::Bool,
            Self::String(_) => ValueKind::String,
            Self::U64(_) => ValueKind::U64,
            Self::I64(_) => ValueKind::I64,
            Self::F64(_) => ValueKind::F64,
            Self::Array(_) => ValueKind::Array,
        }
    }

    /// An integer of any width that isn't negative.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::U64(n) => Some(*n),
            _ => self.as_i64().and_then(|n| u64::try_from(n).ok()),
        }
    }

    /// An integer of any width that fits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match *self {
            Self::U8(n) => Some(n.into()),
            Self::I8(n) => Some(n.into()),
            Self::U16(n) => Some(n.into()),
            Self::I16(n) => Some(n.into()),
            Self::U32(n) => Some(n.into()),
            Self::I32(n) => Some(n.into()),
            Self::I64(n) => Some(n),
            Self::U64(n) => i64::try_from(n).ok(),
            _ => None,
        }
    }

    /// A number of any kind; integers beyond 2^53 are rounded.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "said in the docstring")]
    pub fn as_f64(&self) -> Option<f64> {
        match *self {
            Self::F32(x) => Some(x.into()),
            Self::F64(x) => Some(x),
            Self::U64(n) => Some(n as f64),
            _ => self.as_i64().map(|n| n as f64),
        }
    }

    /// A truth value.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(b) => Some(*b),
            _ => None,
        }
    }

    /// A string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(s) => Some(s),
            _ => None,
        }
    }

    /// An array.
    #[must_use]
    pub const fn as_array(&self) -> Option<&Array> {
        match self {
            Self::Array(array) => Some(array),
            _ => None,
        }
    }

    /// Kind and value, for the "found" of an error: `u32 0`, `string "64"`, `array of 3 i32`.
    #[must_use]
    pub fn described(&self) -> String {
        match self {
            Self::Array(array) => format!("array of {} {}", grouped(array.len), array.kind.name()),
            Self::String(s) => format!("string \"{}\"", text::shown(s, 60)),
            other => format!("{} {other}", other.kind().name()),
        }
    }
}

/// For a screen: on one line, escaped, of bounded length.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::U8(n) => n.fmt(f),
            Self::I8(n) => n.fmt(f),
            Self::U16(n) => n.fmt(f),
            Self::I16(n) => n.fmt(f),
            Self::U32(n) => n.fmt(f),
            Self::I32(n) => n.fmt(f),
            Self::F32(x) => x.fmt(f),
            Self::Bool(b) => b.fmt(f),
            Self::String(s) => f.write_str(&text::shown(s, 200)),
            Self::U64(n) => n.fmt(f),
            Self::I64(n) => n.fmt(f),
            Self::F64(x) => x.fmt(f),
            Self::Array(array) => array.fmt(f),
        }
    }
}

/// An array: what it is and where, with its first elements.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// The kind of its elements.
    pub kind: ValueKind,
    /// How many elements it has.
    pub len: u64,
    /// The file of a split set that holds it.
    pub shard: usize,
    /// Where its first element stands, absolute in that file.
    pub offset: u64,
    /// Its first elements, 100 at most, fewer in a file with very many arrays.
    pub preview: Vec<Value>,
}

impl fmt::Display for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 8;
        f.write_str("[")?;
        for (n, value) in self.preview.iter().take(SHOWN).enumerate() {
            let comma = if n > 0 { ", " } else { "" };
            match value {
                Value::String(s) => write!(f, "{comma}\"{}\"", text::shown(s, 40))?,
                Value::Array(inner) => write!(f, "{comma}[{} {}]", grouped(inner.len), inner.kind.name())?,
                other => write!(f, "{comma}{other}")?,
            }
        }
        if self.len > self.preview.len().min(SHOWN) as u64 {
            write!(f, "{}… {} in all", if self.preview.is_empty() { "" } else { ", " }, grouped(self.len))?;
        }
        f.write_str("]")
    }
}

/// One key with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key, as stored.
    pub key: String,
    /// Its value.
    pub value: Value,
    /// Where the key stands in its file.
    pub offset: u64,
}

/// A file's metadata, in file order, found by key.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metadata {
    entries: Vec<Entry>,
    /// Positions in `entries`, sorted by key, then by position.
    by_key: Vec<u32>,
}

impl Metadata {
    pub(crate) fn new(entries: Vec<Entry>) -> Self {
        // Entries are limited to 65,536 per file, so that positions fit.
        let mut by_key: Vec<u32> = (0..).take(entries.len()).collect();
        by_key.sort_unstable_by_key(|&n| (entries[n as usize].key.as_str(), n));
        Self { entries, by_key }
    }

    /// The value of `key`; the first where a file has it twice.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        let at = self.by_key.partition_point(|&n| self.entries[n as usize].key.as_str() < key);
        let entry = &self.entries[*self.by_key.get(at)? as usize];
        (entry.key == key).then_some(&entry.value)
    }

    /// All keys with their values, in file order.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.entries.iter().map(|entry| (entry.key.as_str(), &entry.value))
    }

    /// All entries, in file order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How many entries there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The value of `key` as a non-negative integer.
    #[must_use]
    pub fn u64(&self, key: &str) -> Option<u64> {
        self.get(key)?.as_u64()
    }

    /// The value of `key` as a number.
    #[must_use]
    pub fn f64(&self, key: &str) -> Option<f64> {
        self.get(key)?.as_f64()
    }

    /// The value of `key` as a string.
    #[must_use]
    pub fn str(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }

    /// The value of `key` as a truth value.
    #[must_use]
    pub fn bool(&self, key: &str) -> Option<bool> {
        self.get(key)?.as_bool()
    }

    /// Pairs of entries that have the same key, in the order of their keys.
    pub(crate) fn duplicates(&self) -> impl Iterator<Item = (&Entry, &Entry)> {
        self.by_key
            .windows(2)
            .map(|pair| (&self.entries[pair[0] as usize], &self.entries[pair[1] as usize]))
            .filter(|(a, b)| a.key == b.key)
    }
}
