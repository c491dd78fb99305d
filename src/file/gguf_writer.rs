//! Writes the header of a GGUF file (version 3): the metadata of another file with some keys changed, and a list of tensors.
//!
//! Metadata is copied byte for byte, so nothing is lost that the reader does not keep. The tensors' data is the caller's to append, each
//! padded as [`Header::padding`] says.

use crate::error::{Error, Result};
use crate::file::metadata::{Entry, ValueKind};
use crate::file::source::{Source, Stream};
use crate::file::{DType, Format, ModelFile, Value, gguf, limits};
use crate::units::{Bytes, grouped};

/// The alignment of tensor data where the file doesn't state one.
const ALIGNMENT: u64 = 32;

/// Keys of split files, which say nothing of one that is whole.
const SPLIT: [&str; 3] = ["split.no", "split.count", "split.tensors.count"];

/// A tensor that is to be written.
#[derive(Debug, Clone, Copy)]
pub struct NewTensor<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its dimensions, the contiguous one last.
    pub shape: &'a [u64],
    /// Its type.
    pub dtype: DType,
    /// The length of its data.
    pub bytes: Bytes,
}

/// A header, and where the data comes.
#[derive(Debug)]
pub struct Header {
    /// Everything before the first tensor's data.
    pub bytes: Vec<u8>,
    alignment: u64,
    /// The length of the file.
    pub total: Bytes,
}

impl Header {
    /// The header of a file with the metadata of `file`, where `changes` replace or follow what it has, and these tensors.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for metadata that cannot be copied; [`Error::Format`] where the file changed.
    pub fn new(file: &ModelFile, changes: &[(&str, u32)], tensors: &[NewTensor<'_>]) -> Result<Self> {
        let Format::Gguf { version } = file.format;
        if version < 2 {
            return Err(Error::unsupported(file.path.display().to_string(), "its metadata is of GGUF version 1, which cannot be copied"));
        }
        let entries = file.metadata.entries();
        let mut metadata = Vec::new();
        let mut kept = 0_u64;
        for (i, entry) in entries.iter().enumerate() {
            if SPLIT.contains(&entry.key.as_str()) || changes.iter().any(|(key, _)| *key == entry.key) {
                continue;
            }
            copy_entry(file, entry, entries.get(i + 1), &mut metadata)?;
            kept += 1;
        }
        for (key, value) in changes {
            text(key, &mut metadata);
            metadata.extend(4_u32.to_le_bytes());
            metadata.extend(value.to_le_bytes());
            kept += 1;
        }
        let alignment = file.metadata.u64("general.alignment").unwrap_or(ALIGNMENT).max(1);
        let mut bytes = Vec::with_capacity(metadata.len() + 64 * tensors.len());
        bytes.extend(gguf::MAGIC);
        bytes.extend(3_u32.to_le_bytes());
        bytes.extend((tensors.len() as u64).to_le_bytes());
        bytes.extend(kept.to_le_bytes());
        bytes.append(&mut metadata);
        let mut offset = 0_u64;
        for tensor in tensors {
            text(tensor.name, &mut bytes);
            bytes.extend(u32::try_from(tensor.shape.len()).unwrap_or(u32::MAX).to_le_bytes());
            tensor.shape.iter().rev().for_each(|dim| bytes.extend(dim.to_le_bytes()));
            bytes.extend(number(tensor.dtype)?.to_le_bytes());
            bytes.extend(offset.to_le_bytes());
            offset = offset.saturating_add(tensor.bytes.0).next_multiple_of(alignment);
        }
        bytes.resize(bytes.len().next_multiple_of(usize::try_from(alignment).unwrap_or(1)), 0);
        let total = Bytes((bytes.len() as u64).saturating_add(offset));
        Ok(Self { bytes, alignment, total })
    }

    /// Zeros that follow a tensor's data of this length.
    #[must_use]
    pub fn padding(&self, data: Bytes) -> Vec<u8> {
        let zeros = data.0.next_multiple_of(self.alignment) - data.0;
        vec![0; usize::try_from(zeros).unwrap_or(0)]
    }
}

/// ggml's number of a type.
fn number(dtype: DType) -> Result<u32> {
    (0..64)
        .find(|&id| DType::from_ggml(id) == dtype && !matches!(dtype, DType::Unknown(_)))
        .ok_or_else(|| Error::unsupported(dtype.name(), "a tensor of an unknown type cannot be copied: its length is not known"))
}

fn text(text: &str, out: &mut Vec<u8>) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

/// Appends an entry as it stands in its file: up to the next one, or to where its value ends.
fn copy_entry(file: &ModelFile, entry: &Entry, next: Option<&Entry>, out: &mut Vec<u8>) -> Result<()> {
    let source = file.source(0)?;
    let end = match next {
        Some(next) => next.offset,
        None => end_of(source, entry)?,
    };
    let len = end.saturating_sub(entry.offset);
    if len > limits::STRING_BYTES {
        let what = format!("key `{}` of {}", entry.key, source.path.display());
        return Err(Error::unsupported(what, format!("it has {} bytes, too many to be copied", grouped(len))));
    }
    let mut stream = Stream::new(source, entry.offset);
    out.extend(stream.take(len, &"the metadata")?);
    Ok(())
}

/// Where an entry's value ends.
fn end_of(source: &Source, entry: &Entry) -> Result<u64> {
    let mut stream = Stream::new(source, entry.offset);
    let what = "the last key";
    let key = stream.u64(&what)?;
    stream.skip(key, &what)?;
    stream.u32(&what)?;
    match &entry.value {
        Value::Array(_) => skip_array(&mut stream)?,
        value => skip_value(&mut stream, value.kind())?,
    }
    Ok(stream.position())
}

fn skip_value(stream: &mut Stream<'_>, kind: ValueKind) -> Result<()> {
    let what = "a value";
    match kind.bytes() {
        Some(bytes) => stream.skip(bytes, &what),
        None if kind == ValueKind::Array => skip_array(stream),
        None => {
            let len = stream.u64(&what)?;
            stream.skip(len, &what)
        }
    }
}

/// Arrays were read once, so their nesting and lengths are known to be sound.
fn skip_array(stream: &mut Stream<'_>) -> Result<()> {
    let what = "an array";
    let kind = stream.u32(&what)?;
    let len = stream.u64(&what)?;
    let kind = gguf::kind(kind).ok_or_else(|| Error::Internal("an array's kind changed while it was copied".into()))?;
    match kind.bytes() {
        Some(bytes) => stream.skip(bytes.saturating_mul(len), &what),
        None => (0..len).try_for_each(|_| skip_value(stream, kind)),
    }
}
