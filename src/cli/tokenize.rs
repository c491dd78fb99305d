//! `ponder tokenize`: a text as the model's tokens.

use std::path::Path;

use serde_json::json;

use super::args::Tokenize as Args;
use super::{go_on, prepare, show};
use crate::engine::hugging_face;
use crate::engine::tokenizer::{Special, Tokenizer};
use crate::error::Result;

pub fn run(args: &Args) -> Result<()> {
    let tokenizer = tokenizer(&args.target.file)?;
    let special = if args.special { Special::Parse } else { Special::Plain };
    let ids = tokenizer.encode_while(&prepare::text(&args.text_file)?, special, &go_on)?;
    let ids = tokenizer.with_ends(ids);
    let text = || ids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    show(args.target.json, &json!({ "tokens": ids }), text)
}

/// The tokenizer of a model file, or of a folder with a `tokenizer.json` (or that file itself).
fn tokenizer(path: &Path) -> Result<Tokenizer> {
    let is_tokenizer = path.file_name().is_some_and(|name| name == "tokenizer.json" || name == "tokenizer.model");
    let folder = if is_tokenizer { path.parent() } else { Some(path) };
    match folder.filter(|folder| hugging_face::has_tokenizer(folder)) {
        Some(folder) => hugging_face::tokenizer(folder),
        None => Tokenizer::of(&prepare::open(path)?),
    }
}
