//! Typed access to the fields of a `config.json`, with errors that name the field, what it should be and what it is. A field that is
//! `null` is as if it weren't there, unless someone asks.

use std::path::PathBuf;

use serde_json::Value;

use crate::error::{Error, Result};
use crate::file::text;

/// A configuration, or an object in one.
#[derive(Debug, Clone)]
pub(super) struct Config<'a> {
    pub(super) path: PathBuf,
    /// What stands before a field's name in errors: `text_config.`.
    within: String,
    json: &'a Value,
}

impl<'a> Config<'a> {
    pub(super) const fn new(path: PathBuf, json: &'a Value) -> Self {
        Self { path, within: String::new(), json }
    }

    /// The object `key`, if it is there.
    pub(super) fn object(&self, key: &str) -> Result<Option<Self>> {
        self.get(key)
            .map(|json| {
                let object = Self { path: self.path.clone(), within: format!("{}{key}.", self.within), json };
                if json.is_object() { Ok(object) } else { Err(self.fault(key, "an object")) }
            })
            .transpose()
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.json.get(key).filter(|value| !value.is_null())
    }

    /// Whether the field is there and is `null`.
    pub(super) fn is_null(&self, key: &str) -> bool {
        self.json.get(key).is_some_and(Value::is_null)
    }

    /// The error of a field that is not as it should be.
    pub(super) fn fault(&self, key: &str, expected: impl Into<String>) -> Error {
        let found = self.get(key).map_or_else(|| "nothing".to_owned(), |value| text::shown(&value.to_string(), 60));
        Error::format(&self.path, format!("`{}{key}`", self.within), expected, found)
    }

    /// The error of a field whose meaning Ponder doesn't compute.
    pub(super) fn refusal(&self, key: &str, why: &str) -> Error {
        let found = self.get(key).map_or_else(String::new, |value| format!(" {}", text::shown(&value.to_string(), 60)));
        Error::unsupported(format!("{}: `{}{key}`{found}", self.path.display(), self.within), format!("{why}; the file can be browsed"))
    }

    /// A whole number above zero, which some write with a decimal point.
    pub(super) fn count(&self, key: &str) -> Result<Option<u64>> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number below 2^53")]
        let whole = |value: &Value| value.as_f64().filter(|x| x.fract() == 0.0 && (0.0..9e15).contains(x)).map(|x| x as u64);
        let count = |value: &Value| value.as_u64().or_else(|| whole(value)).filter(|&n| n > 0);
        self.get(key).map(|value| count(value).ok_or_else(|| self.fault(key, "a whole number above 0"))).transpose()
    }

    /// A finite number.
    pub(super) fn real(&self, key: &str) -> Result<Option<f64>> {
        self.get(key).map(|value| value.as_f64().ok_or_else(|| self.fault(key, "a number"))).transpose()
    }

    /// A truth value.
    pub(super) fn truth(&self, key: &str) -> Result<Option<bool>> {
        self.get(key).map(|value| value.as_bool().ok_or_else(|| self.fault(key, "true or false"))).transpose()
    }

    /// A string.
    pub(super) fn text(&self, key: &str) -> Result<Option<&'a str>> {
        self.get(key).map(|value| value.as_str().ok_or_else(|| self.fault(key, "a string"))).transpose()
    }

    /// An array of numbers.
    pub(super) fn reals(&self, key: &str) -> Result<Option<Vec<f64>>> {
        self.array(key, "an array of numbers", Value::as_f64)
    }

    /// An array of strings.
    pub(super) fn texts(&self, key: &str) -> Result<Option<Vec<&'a str>>> {
        self.array(key, "an array of strings", Value::as_str)
    }

    fn array<T>(&self, key: &str, expected: &str, of: impl Fn(&'a Value) -> Option<T>) -> Result<Option<Vec<T>>> {
        let all = |value: &'a Value| value.as_array()?.iter().map(&of).collect::<Option<Vec<T>>>();
        self.get(key).map(|value| all(value).ok_or_else(|| self.fault(key, expected))).transpose()
    }
}
