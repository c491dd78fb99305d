//! What a decoder reads and no file of a folder has: arrays and small tensors that follow from the configuration.

use crate::file::metadata::Entry;
use crate::file::{Array, DType, TensorInfo, Value, ValueKind};
use crate::units::Bytes;

/// Metadata, tensors, and the bytes that they are read from.
#[derive(Debug)]
pub(super) struct Made {
    /// The shard that `bytes` are.
    shard: usize,
    pub(super) entries: Vec<Entry>,
    pub(super) tensors: Vec<TensorInfo>,
    pub(super) bytes: Vec<u8>,
}

impl Made {
    pub(super) const fn new(shard: usize) -> Self {
        Self { shard, entries: Vec::new(), tensors: Vec::new(), bytes: Vec::new() }
    }

    /// Adds a key.
    pub(super) fn set(&mut self, key: impl Into<String>, value: Value) {
        self.entries.push(Entry { key: key.into(), value, offset: 0 });
    }

    /// Adds a key with an array of truth values.
    pub(super) fn set_truths(&mut self, key: impl Into<String>, values: &[bool]) {
        let offset = self.bytes.len() as u64;
        self.bytes.extend(values.iter().map(|&value| u8::from(value)));
        let preview = values.iter().map(|&value| Value::Bool(value)).collect();
        self.set(key, Value::Array(Array { kind: ValueKind::Bool, len: values.len() as u64, shard: self.shard, offset, preview }));
    }

    /// Adds a vector.
    pub(super) fn add(&mut self, name: &str, values: &[f64]) {
        let offset = self.bytes.len() as u64;
        #[expect(clippy::cast_possible_truncation, reason = "F32 is what files have")]
        self.bytes.extend(values.iter().flat_map(|&value| (value as f32).to_le_bytes()));
        self.tensors.push(TensorInfo {
            name: name.to_owned(),
            shape: vec![values.len() as u64],
            dtype: DType::F32,
            shard: self.shard,
            offset,
            bytes: Bytes(4 * values.len() as u64),
            problem: None,
        });
    }
}
