//! Typed access to an architecture's metadata keys, with errors that name the key, what it should be and what it is.

use crate::error::{Error, Result};
use crate::file::{Format, ModelFile, Value, text};
use crate::inspect::hugging_face;

/// The keys of one architecture: `block_count` means `llama.block_count`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keys<'a> {
    pub(crate) file: &'a ModelFile,
    pub(crate) architecture: &'a str,
}

impl<'a> Keys<'a> {
    /// Whether they stand in a GGUF file; elsewhere they follow from a configuration.
    pub(crate) const fn is_gguf(&self) -> bool {
        matches!(self.file.format, Format::Gguf { .. })
    }

    /// A key's full name.
    pub(crate) fn full(&self, key: &str) -> String {
        format!("{}.{key}", self.architecture)
    }

    fn value(&self, key: &str) -> Option<&'a Value> {
        self.file.metadata.get(&self.full(key))
    }

    /// The error of a key that is not as it should be.
    pub(crate) fn fault(&self, key: &str, expected: impl Into<String>) -> Error {
        if let (Some(folder), Some(field)) = (&self.file.folder, hugging_face::field(key))
            && !self.is_gguf()
        {
            let found = self.value(key).map_or_else(|| "nothing".to_owned(), ToString::to_string);
            return Error::format(&folder.config_path(), format!("`{field}`"), expected, found);
        }
        let found = self.value(key).map_or_else(|| "no such key".to_owned(), Value::described);
        Error::format(&self.file.path, format!("key `{}`", text::shown(&self.full(key), 80)), expected, found)
    }

    /// A count, if the key is there.
    pub(crate) fn count(&self, key: &str) -> Result<Option<usize>> {
        self.value(key)
            .map(|value| {
                let count = value.as_u64().and_then(|n| usize::try_from(n).ok());
                count.ok_or_else(|| self.fault(key, "a whole number that isn't negative"))
            })
            .transpose()
    }

    /// A count of one at least; an error where the key is missing.
    pub(crate) fn positive(&self, key: &str) -> Result<usize> {
        self.count(key)?.filter(|&n| n > 0).ok_or_else(|| self.fault(key, "a whole number above 0"))
    }

    /// A finite number above zero, if the key is there.
    pub(crate) fn real(&self, key: &str) -> Result<Option<f64>> {
        self.value(key)
            .map(|value| value.as_f64().filter(|x| x.is_finite() && *x > 0.0).ok_or_else(|| self.fault(key, "a finite number above 0")))
            .transpose()
    }

    /// Whether the key is there and is zero.
    pub(crate) fn is_zero(&self, key: &str) -> bool {
        self.value(key).and_then(Value::as_f64) == Some(0.0)
    }

    /// A finite number above zero, if the key is there and isn't zero.
    pub(crate) fn real_or_zero(&self, key: &str) -> Result<Option<f64>> {
        if self.is_zero(key) { Ok(None) } else { self.real(key) }
    }

    /// A truth value, if the key is there.
    pub(crate) fn truth(&self, key: &str) -> Result<Option<bool>> {
        self.value(key).map(|value| value.as_bool().ok_or_else(|| self.fault(key, "a truth value"))).transpose()
    }

    /// An array of truth values, if the key is an array.
    pub(crate) fn truths(&self, key: &str) -> Result<Option<Vec<bool>>> {
        let Some(array) = self.value(key).and_then(Value::as_array) else { return Ok(None) };
        // More layers than any file has tensors for; what follows is not read.
        if array.len > 65_536 {
            return Err(self.fault(key, "one truth value per layer"));
        }
        self.file.integers(&self.full(key)).map(|values| Some(values.into_iter().map(|value| value != 0).collect()))
    }

    /// A string, if the key is there.
    pub(crate) fn string(&self, key: &str) -> Result<Option<&'a str>> {
        self.value(key).map(|value| value.as_str().ok_or_else(|| self.fault(key, "a string"))).transpose()
    }
}
