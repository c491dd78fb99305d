//! What stands beside the weights in a Hugging Face folder, as far as it is known without them: `config.json`, and how long the
//! tokenizer's files are.
//!
//! Nothing is understood here, that is `inspect`'s work; a configuration that can't be read is told by who needs it, so that the tensors
//! are browsed all the same.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::{Error, Result};
use crate::file::limits;
use crate::file::source::Source;
use crate::units::{Bytes, grouped};

/// The name of the configuration.
const CONFIG: &str = "config.json";
/// Files that are, or hold, a chat template.
const TEMPLATES: [&str; 2] = ["chat_template.jinja", "chat_template.json"];
/// Files of a folder that stand for the model that is in it.
const COMPANIONS: &[&str] = &[
    CONFIG,
    "generation_config.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "vocab.json",
    "merges.txt",
];

/// What stands beside the weights.
#[derive(Debug, Clone)]
pub struct Folder {
    /// Where it is.
    pub path: PathBuf,
    /// `config.json`, or why it can't be read.
    pub config: Result<Value>,
    /// The length of `tokenizer.json`, or of `tokenizer.model`.
    pub tokenizer: Bytes,
    /// A chat template is in a file of its own, or named in `tokenizer_config.json`.
    pub has_template: bool,
}

impl Folder {
    /// What stands beside the file at `path`; `None` where there is no `config.json`.
    pub(crate) fn beside(path: &Path) -> Option<Self> {
        let folder = path.parent()?;
        let config = folder.join(CONFIG);
        let len = |name: &str| fs::metadata(folder.join(name)).ok().filter(fs::Metadata::is_file).map(|metadata| Bytes(metadata.len()));
        len(CONFIG)?;
        let tokenizer = len("tokenizer.json").or_else(|| len("tokenizer.model")).unwrap_or_default();
        let has_template = TEMPLATES.iter().any(|name| len(name).is_some()) || names_template(&folder.join("tokenizer_config.json"));
        Some(Self { path: folder.to_owned(), config: read(&config), tokenizer, has_template })
    }

    /// Where the configuration is.
    #[must_use]
    pub fn config_path(&self) -> PathBuf {
        self.path.join(CONFIG)
    }
}

/// Whether a `tokenizer_config.json` has a template, as far as its first mebibyte tells.
fn names_template(path: &Path) -> bool {
    const KEY: &[u8] = b"\"chat_template\"";
    let head = Source::open(path).and_then(|source| source.head(usize::try_from(limits::CONFIG_BYTES).unwrap_or(0)));
    head.is_ok_and(|head| head.windows(KEY.len()).any(|part| part == KEY))
}

/// Whether a file of this name has no weights and stands for the model in its folder.
pub(crate) fn is_companion(path: &Path) -> bool {
    path.file_name().is_some_and(|name| COMPANIONS.iter().any(|known| name == *known))
}

/// Whether a folder has a configuration.
pub(crate) fn has_config(folder: &Path) -> bool {
    folder.join(CONFIG).is_file()
}

fn read(path: &Path) -> Result<Value> {
    let source = Source::open(path)?;
    if source.len > limits::CONFIG_BYTES {
        let expected = format!("a configuration of at most {} (Ponder's limit)", Bytes(limits::CONFIG_BYTES));
        return Err(Error::format(path, "length", expected, Bytes(source.len).to_string()));
    }
    let bytes = source.head(usize::try_from(source.len).unwrap_or(0))?;
    // Every value but the first follows one of these, so that what is built stays in proportion to what is read.
    let values = bytes.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count();
    if values > limits::CONFIG_VALUES {
        let expected = format!("at most {} values (Ponder's limit)", grouped(limits::CONFIG_VALUES as u64));
        return Err(Error::format(path, "content", expected, grouped(values as u64)));
    }
    let wrong = |error: serde_json::Error| {
        Error::format(path, format!("line {}, column {}", error.line(), error.column()), "JSON", error.to_string())
    };
    let value: Value = serde_json::from_slice(&bytes).map_err(wrong)?;
    if value.is_object() { Ok(value) } else { Err(Error::format(path, "content", "an object", "another value")) }
}
