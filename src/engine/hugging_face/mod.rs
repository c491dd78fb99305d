//! The tokenizer of a Hugging Face folder: `tokenizer.json` (or `tokenizer.model`) and what the files beside it say about special
//! tokens, the end of an answer and the chat template. The result is the same as from a GGUF file, and is used the same way.
//!
//! Left out: weights and what `config.json` says of them, which `inspect` makes a decoder's spec of. Nothing in a folder is executed.

mod config;
mod sentence_piece_model;
mod tokenizer_json;

use std::io::Read as _;
use std::path::Path;

use config::Config;

use super::tokenizer::Tokenizer;
use super::vocabulary::Vocabulary;
use crate::error::{Error, Result};
use crate::units::Bytes;

/// The largest tokenizer file that is read.
const LARGEST_TOKENIZER: u64 = 256 << 20;
/// The largest of the files beside it.
const LARGEST_CONFIG: u64 = 16 << 20;

/// Whether a folder holds a tokenizer that [`tokenizer`] reads.
#[must_use]
pub fn has_tokenizer(folder: &Path) -> bool {
    ["tokenizer.json", "tokenizer.model"].iter().any(|name| folder.join(name).is_file())
}

/// The tokenizer of a folder.
///
/// # Errors
/// `Error::Open` where there is neither file; `Error::Format` or `Error::Engine` naming what is wrong in one; `Error::Unsupported`.
pub fn tokenizer(folder: &Path) -> Result<Tokenizer> {
    let config = Config::read(folder)?;
    let json = folder.join("tokenizer.json");
    if let Some(bytes) = read(&json, LARGEST_TOKENIZER)? {
        return tokenizer_json::tokenizer(&json, &bytes, &config);
    }
    let model = folder.join("tokenizer.model");
    if let Some(bytes) = read(&model, LARGEST_TOKENIZER)? {
        let parts = sentence_piece_model::parts(&model, &bytes, &config)?;
        return Tokenizer::new(Vocabulary::new(&model, parts)?);
    }
    Err(Error::open(&json, "there is no tokenizer.json and no tokenizer.model in this folder; download one of them beside the weights"))
}

/// The bytes of a file; nothing if there is none.
fn read(path: &Path, largest: u64) -> Result<Option<Vec<u8>>> {
    if !path.is_file() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| Error::open(path, error))?;
    file.take(largest + 1).read_to_end(&mut bytes).map_err(|error| Error::open(path, error))?;
    if bytes.len() as u64 > largest {
        return Err(Error::format(path, "length", format!("at most {} (Ponder's limit)", Bytes(largest)), "more"));
    }
    Ok(Some(bytes))
}
