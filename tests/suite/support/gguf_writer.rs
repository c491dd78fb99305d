//! Writes GGUF files for tests: honest ones by default, lying ones on request. Shares no code with the reader.
//!
//! ```ignore
//! let bytes = GgufBuilder::new()
//!     .kv("general.architecture", "llama")
//!     .kv("tokenizer.ggml.scores", vec![0.0_f32, 1.0])
//!     .f32_tensor("output_norm.weight", &[64], &[1.0; 64])
//!     .bytes();
//! ```

use std::path::Path;

/// ggml's numbers of the types that tests write.
pub mod ggml {
    pub const F32: u32 = 0;
    pub const F16: u32 = 1;
    pub const Q4_0: u32 = 2;
    pub const Q4_1: u32 = 3;
    pub const Q5_0: u32 = 6;
    pub const Q5_1: u32 = 7;
    pub const Q8_0: u32 = 8;
    pub const Q2_K: u32 = 10;
    pub const Q3_K: u32 = 11;
    pub const Q4_K: u32 = 12;
    pub const Q5_K: u32 = 13;
    pub const Q6_K: u32 = 14;
    pub const IQ4_NL: u32 = 20;
    pub const IQ4_XS: u32 = 23;
    pub const BF16: u32 = 30;
    pub const MXFP4: u32 = 39;
    pub const I8: u32 = 24;
}

/// A metadata value as it is written: its type's number and its bytes.
#[derive(Debug, Clone)]
pub enum Kv {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    F32(f32),
    Bool(bool),
    Str(Vec<u8>),
    U64(u64),
    I64(i64),
    F64(f64),
    /// Elements of one kind; the number is the elements' type (needed when there are none).
    Array(u32, Vec<Kv>),
    /// Any type number, followed by any bytes.
    Raw(u32, Vec<u8>),
}

impl Kv {
    fn id(&self) -> u32 {
        match self {
            Self::U8(_) => 0,
            Self::I8(_) => 1,
            Self::U16(_) => 2,
            Self::I16(_) => 3,
            Self::U32(_) => 4,
            Self::I32(_) => 5,
            Self::F32(_) => 6,
            Self::Bool(_) => 7,
            Self::Str(_) => 8,
            Self::Array(..) => 9,
            Self::U64(_) => 10,
            Self::I64(_) => 11,
            Self::F64(_) => 12,
            Self::Raw(id, _) => *id,
        }
    }

    fn write(&self, wide: bool, out: &mut Vec<u8>) {
        match self {
            Self::U8(n) => out.push(*n),
            Self::I8(n) => out.extend(n.to_le_bytes()),
            Self::U16(n) => out.extend(n.to_le_bytes()),
            Self::I16(n) => out.extend(n.to_le_bytes()),
            Self::U32(n) => out.extend(n.to_le_bytes()),
            Self::I32(n) => out.extend(n.to_le_bytes()),
            Self::F32(x) => out.extend(x.to_le_bytes()),
            Self::Bool(b) => out.push(u8::from(*b)),
            Self::Str(s) => string(s, wide, out),
            Self::U64(n) => out.extend(n.to_le_bytes()),
            Self::I64(n) => out.extend(n.to_le_bytes()),
            Self::F64(x) => out.extend(x.to_le_bytes()),
            Self::Array(id, items) => {
                out.extend(id.to_le_bytes());
                length(items.len() as u64, wide, out);
                for item in items {
                    item.write(wide, out);
                }
            }
            Self::Raw(_, bytes) => out.extend(bytes),
        }
    }
}

macro_rules! from {
    ($($from:ty => $variant:ident, $id:literal;)*) => {$(
        impl From<$from> for Kv {
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        }
        impl From<Vec<$from>> for Kv {
            fn from(values: Vec<$from>) -> Self {
                Self::Array($id, values.into_iter().map(Kv::from).collect())
            }
        }
    )*};
}

from! {
    u8 => U8, 0;
    i8 => I8, 1;
    u16 => U16, 2;
    i16 => I16, 3;
    u32 => U32, 4;
    i32 => I32, 5;
    f32 => F32, 6;
    bool => Bool, 7;
    &str => Str, 8;
    String => Str, 8;
    u64 => U64, 10;
    i64 => I64, 11;
    f64 => F64, 12;
}

#[derive(Debug, Clone)]
struct Tensor {
    name: Vec<u8>,
    n_dims: u32,
    /// In the file's order: contiguous first.
    dims: Vec<u64>,
    id: u32,
    /// The offset that is written; the true one if none.
    claimed: Option<u64>,
    data: Vec<u8>,
}

/// Builds a file; every method returns the builder.
#[derive(Debug, Clone)]
pub struct GgufBuilder {
    magic: [u8; 4],
    version: u32,
    alignment: usize,
    entries: Vec<(Vec<u8>, Kv)>,
    tensors: Vec<Tensor>,
    n_entries: Option<u64>,
    n_tensors: Option<u64>,
}

impl GgufBuilder {
    /// An empty file of version 3.
    pub fn new() -> Self {
        Self { magic: *b"GGUF", version: 3, alignment: 32, entries: Vec::new(), tensors: Vec::new(), n_entries: None, n_tensors: None }
    }

    /// Another version; 1 has lengths of 32 bits.
    pub fn version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    /// A metadata entry. Numbers, truth values, strings and vectors of them are what their Rust type says.
    pub fn kv(self, key: &str, value: impl Into<Kv>) -> Self {
        self.raw_kv(key.as_bytes(), value)
    }

    /// A metadata entry whose key may be any bytes.
    pub fn raw_kv(mut self, key: &[u8], value: impl Into<Kv>) -> Self {
        self.entries.push((key.to_vec(), value.into()));
        self
    }

    /// Sets an entry that may be there already.
    pub fn set(mut self, key: &str, value: impl Into<Kv>) -> Self {
        let value = value.into();
        match self.entries.iter_mut().find(|(known, _)| known == key.as_bytes()) {
            Some(entry) => entry.1 = value,
            None => self.entries.push((key.as_bytes().to_vec(), value)),
        }
        self
    }

    /// Takes an entry away.
    pub fn without(mut self, key: &str) -> Self {
        self.entries.retain(|(known, _)| known != key.as_bytes());
        self
    }

    /// Takes a tensor away.
    pub fn without_tensor(mut self, name: &str) -> Self {
        self.tensors.retain(|tensor| tensor.name != name.as_bytes());
        self
    }

    /// The alignment that the data is written with, stated in the metadata.
    pub fn align(mut self, alignment: u32) -> Self {
        self.alignment = alignment as usize;
        self.kv("general.alignment", alignment)
    }

    /// A tensor with its data; `shape` is row-major, as numpy has it.
    pub fn tensor(mut self, name: &str, shape: &[u64], ggml_type: u32, data: impl Into<Vec<u8>>) -> Self {
        self.tensors.push(Tensor {
            name: name.as_bytes().to_vec(),
            n_dims: u32::try_from(shape.len()).unwrap(),
            dims: shape.iter().rev().copied().collect(),
            id: ggml_type,
            claimed: None,
            data: data.into(),
        });
        self
    }

    /// A tensor of F32.
    pub fn f32_tensor(self, name: &str, shape: &[u64], values: &[f32]) -> Self {
        assert_eq!(shape.iter().product::<u64>(), values.len() as u64, "{name}");
        self.tensor(name, shape, ggml::F32, values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>())
    }

    /// A tensor entry that claims this offset and brings no data.
    pub fn tensor_at(mut self, name: &str, shape: &[u64], ggml_type: u32, offset: u64) -> Self {
        self = self.tensor(name, shape, ggml_type, Vec::new());
        self.tensors.last_mut().unwrap().claimed = Some(offset);
        self
    }

    /// A tensor entry in which any number of dimensions is claimed; `dims` are written as they are.
    pub fn raw_tensor(mut self, name: &[u8], n_dims: u32, dims: &[u64], ggml_type: u32, offset: u64) -> Self {
        let (name, dims) = (name.to_vec(), dims.to_vec());
        self.tensors.push(Tensor { name, n_dims, dims, id: ggml_type, claimed: Some(offset), data: Vec::new() });
        self
    }

    /// The number of metadata entries that the header claims.
    pub fn claim_entries(mut self, n: u64) -> Self {
        self.n_entries = Some(n);
        self
    }

    /// The number of tensors that the header claims.
    pub fn claim_tensors(mut self, n: u64) -> Self {
        self.n_tensors = Some(n);
        self
    }

    /// The file.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = self.header();
        if self.tensors.iter().any(|tensor| !tensor.data.is_empty()) {
            pad(&mut out, self.alignment);
        }
        for (n, tensor) in self.tensors.iter().enumerate() {
            out.extend(&tensor.data);
            if n + 1 < self.tensors.len() {
                pad(&mut out, self.alignment);
            }
        }
        out
    }

    /// The file up to the end of the tensor entries, without padding.
    pub fn header(&self) -> Vec<u8> {
        let wide = self.version != 1;
        let mut out = self.magic.to_vec();
        out.extend(self.version.to_le_bytes());
        length(self.n_tensors.unwrap_or(self.tensors.len() as u64), wide, &mut out);
        length(self.n_entries.unwrap_or(self.entries.len() as u64), wide, &mut out);
        for (key, value) in &self.entries {
            string(key, wide, &mut out);
            out.extend(value.id().to_le_bytes());
            value.write(wide, &mut out);
        }
        let mut offset = 0;
        for tensor in &self.tensors {
            string(&tensor.name, wide, &mut out);
            out.extend(tensor.n_dims.to_le_bytes());
            for &dim in &tensor.dims {
                length(dim, wide, &mut out);
            }
            out.extend(tensor.id.to_le_bytes());
            out.extend(tensor.claimed.unwrap_or(offset).to_le_bytes());
            offset = (offset + tensor.data.len() as u64).next_multiple_of(self.alignment as u64);
        }
        out
    }

    /// Writes the file.
    pub fn write(&self, path: &Path) {
        std::fs::write(path, self.bytes()).unwrap();
    }
}

fn pad(out: &mut Vec<u8>, alignment: usize) {
    out.resize(out.len().next_multiple_of(alignment), 0);
}

fn length(n: u64, wide: bool, out: &mut Vec<u8>) {
    if wide {
        out.extend(n.to_le_bytes());
    } else {
        out.extend(u32::try_from(n).unwrap().to_le_bytes());
    }
}

fn string(bytes: &[u8], wide: bool, out: &mut Vec<u8>) {
    length(bytes.len() as u64, wide, out);
    out.extend(bytes);
}
