//! The header of one safetensors file: eight bytes with its length, then JSON that names each tensor's type, shape and place.

use std::borrow::Cow;

use crate::error::{Error, Result};
use crate::file::json::Json;
use crate::file::metadata::{Entry, Value};
use crate::file::notices::Notices;
use crate::file::source::Source;
use crate::file::{DType, TensorInfo, limits, text};
use crate::units::{Bytes, grouped};

/// The length that precedes the header.
const PREFIX: u64 = 8;
/// A tensor's entry takes this many bytes at least.
const SHORTEST: usize = 48;

/// What one file's header says.
pub(super) struct Header {
    pub(super) entries: Vec<Entry>,
    /// In the header's order; offsets relative to `data_start`.
    pub(super) tensors: Vec<TensorInfo>,
    pub(super) data_start: u64,
}

/// Whether a file that begins so and is so long may be one: a length that fits, and an object.
pub(crate) fn looks_like(head: &[u8], len: u64) -> bool {
    matches!(head.split_first_chunk::<8>(), Some((length, [b'{', ..])) if u64::from_le_bytes(*length) <= len.saturating_sub(PREFIX))
}

/// Reads the header of the `shard`-th file of a set.
///
/// # Errors
/// [`Error::Format`] with the byte, for a header that contradicts itself or the file's length.
pub(super) fn read(source: &Source, shard: usize, notices: &mut Notices) -> Result<Header> {
    let fault = |at: &str, expected: String, found: String| Err(Error::format(&source.path, at, expected, found));
    let head = source.head(8)?;
    let Ok(prefix) = <[u8; 8]>::try_from(head) else {
        return fault("byte 0", "a safetensors header".to_owned(), format!("a file of {} bytes", source.len));
    };
    let len = u64::from_le_bytes(prefix);
    let left = source.len - PREFIX;
    if len > left {
        let found = format!("a header of {} bytes in a file that has {} more (download incomplete?)", grouped(len), grouped(left));
        return fault("byte 0", "a safetensors header".to_owned(), found);
    }
    if len > limits::SAFETENSORS_HEADER {
        let expected = format!("a header of at most {} bytes (Ponder's limit, and the format's)", grouped(limits::SAFETENSORS_HEADER));
        return fault("byte 0", expected, grouped(len));
    }
    if len < 2 {
        return fault("byte 0", "a header of two bytes at least".to_owned(), grouped(len));
    }
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
    let read = source.read_at(PREFIX, &mut bytes).map_err(|error| Error::open(&source.path, error))?;
    if read < bytes.len() {
        return Err(source.changed("byte 8"));
    }
    let mut reader = Reader { json: Json::new(&source.path, &bytes, PREFIX)?, source, shard, notices };
    reader.header(bytes.len(), PREFIX + len)
}

struct Reader<'a, 'n> {
    json: Json<'a>,
    source: &'a Source,
    shard: usize,
    notices: &'n mut Notices,
}

impl Reader<'_, '_> {
    fn header(&mut self, len: usize, data_start: u64) -> Result<Header> {
        let (mut entries, mut tensors) = (Vec::new(), Vec::with_capacity(len / SHORTEST));
        let mut with_metadata = false;
        let mut first = true;
        self.json.object()?;
        while let Some(name) = {
            let at = self.json.position();
            self.json.key(&mut first)?.map(|name| (at, name))
        } {
            let (at, name) = name;
            if name == "__metadata__" {
                if std::mem::replace(&mut with_metadata, true) {
                    return Err(self.fault(at, "one `__metadata__`", "a second one"));
                }
                self.metadata(&mut entries)?;
                continue;
            }
            if tensors.len() as u64 == limits::TENSORS {
                let expected = format!("at most {} tensors (Ponder's limit)", grouped(limits::TENSORS));
                return Err(self.fault(at, expected, "more"));
            }
            tensors.push(self.tensor(at, name)?);
        }
        self.json.end()?;
        tensors.shrink_to_fit();
        Ok(Header { entries, tensors, data_start })
    }

    fn metadata(&mut self, entries: &mut Vec<Entry>) -> Result<()> {
        let mut first = true;
        self.json.object()?;
        loop {
            let offset = self.json.position();
            let Some(key) = self.json.key(&mut first)? else { return Ok(()) };
            if entries.len() == limits::SAFETENSORS_ENTRIES {
                let expected = format!("at most {} entries of metadata (Ponder's limit)", grouped(limits::SAFETENSORS_ENTRIES as u64));
                return Err(self.fault(offset, expected, "more"));
            }
            self.check_name(offset, &key, "a key")?;
            let value = self.json.string()?;
            if value.len() as u64 > limits::STRING_BYTES {
                let expected = format!("a string of at most {} (Ponder's limit)", Bytes(limits::STRING_BYTES));
                return Err(self.fault(offset, expected, Bytes(value.len() as u64).to_string()));
            }
            entries.push(Entry { key: key.into_owned(), value: Value::String(value.into_owned()), offset });
        }
    }

    fn check_name(&self, at: u64, name: &str, what: &str) -> Result<()> {
        if name.len() as u64 > limits::NAME_BYTES {
            return Err(self.fault(at, format!("at most {} bytes for {what}", grouped(limits::NAME_BYTES)), grouped(name.len() as u64)));
        }
        Ok(())
    }

    fn tensor(&mut self, at: u64, name: Cow<'_, str>) -> Result<TensorInfo> {
        self.check_name(at, &name, "a tensor's name")?;
        if name.is_empty() {
            self.notices.warn(|| format!("the tensor at byte {at} has no name"));
        }
        let (mut dtype, mut shape, mut offsets) = (None, None, None);
        let shown = text::shown(&name, 80);
        let mut first = true;
        self.json.object()?;
        loop {
            let at = self.json.position();
            let Some(field) = self.json.key(&mut first)? else { break };
            let twice = match &*field {
                "dtype" => dtype.replace(self.json.string()?).is_some(),
                "shape" => shape.replace(self.numbers(limits::SAFETENSORS_DIMS)?).is_some(),
                "data_offsets" => offsets.replace(self.numbers(2)?).is_some(),
                other => {
                    let other = text::shown(other, 40);
                    return Err(self.at_tensor(at, &shown, "`dtype`, `shape` and `data_offsets`", format!("`{other}`")));
                }
            };
            if twice {
                return Err(self.at_tensor(at, &shown, "each field once", format!("`{field}` twice")));
            }
        }
        let (Some(type_name), Some(shape), Some(offsets)) = (dtype, shape, offsets) else {
            return Err(self.at_tensor(at, &shown, "`dtype`, `shape` and `data_offsets`", "less"));
        };
        let [begin, end] = offsets[..] else { return Err(self.at_tensor(at, &shown, "two offsets", grouped(offsets.len() as u64))) };
        if begin > end {
            return Err(self.at_tensor(at, &shown, "offsets in order", format!("{} to {}", grouped(begin), grouped(end))));
        }
        let known = DType::from_safetensors(&type_name);
        let dtype = known.unwrap_or(DType::Other);
        let mut tensor = TensorInfo {
            name: name.into_owned(),
            shape,
            dtype,
            shard: self.shard,
            offset: begin,
            bytes: Bytes(end - begin),
            problem: None,
        };
        if known.is_none() {
            let type_name = text::shown(&type_name, 40);
            self.notices.problem(&mut tensor, "unknown type", || format!("its type `{type_name}` isn't known"));
        }
        let asked = dtype.byte_len(tensor.row_len(), tensor.rows());
        if asked.is_some_and(|asked| asked != end - begin) && !tensor.shape.contains(&0) {
            let asked = asked.unwrap_or_default();
            self.notices.problem(&mut tensor, "shape and offsets disagree", || {
                format!("its shape asks for {} bytes, its offsets {} to {} are {}", grouped(asked), begin, end, grouped(end - begin))
            });
        }
        Ok(tensor)
    }

    /// An array of numbers.
    fn numbers(&mut self, most: usize) -> Result<Vec<u64>> {
        let mut numbers = Vec::new();
        let mut first = true;
        self.json.array()?;
        while self.json.element(&mut first)? {
            if numbers.len() == most {
                return Err(self.json.fault(format!("at most {most} numbers"), "more"));
            }
            if numbers.is_empty() {
                numbers.reserve_exact(2);
            }
            numbers.push(self.json.integer()?);
        }
        Ok(numbers)
    }

    fn at_tensor(&self, at: u64, name: &str, expected: &str, found: impl Into<String>) -> Error {
        Error::format(&self.source.path, format!("byte {at}, tensor `{name}`"), expected, found)
    }

    fn fault(&self, at: u64, expected: impl Into<String>, found: impl Into<String>) -> Error {
        Error::format(&self.source.path, format!("byte {at}"), expected, found)
    }
}
