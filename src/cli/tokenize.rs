//! `ponder tokenize`: a text as the model's tokens.

use serde_json::json;

use super::args::Tokenize as Args;
use super::{go_on, prepare, show};
use crate::engine::tokenizer::{Special, Tokenizer};
use crate::engine::vocabulary::Vocabulary;
use crate::error::Result;

pub fn run(args: &Args) -> Result<()> {
    let model = prepare::open(&args.target.file)?;
    let tokenizer = Tokenizer::new(Vocabulary::read(&model.file)?)?;
    let special = if args.special { Special::Parse } else { Special::Plain };
    let ids = tokenizer.encode_while(&prepare::text(&args.text_file)?, special, &go_on)?;
    let ids = tokenizer.with_ends(ids);
    let text = || ids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    show(args.target.json, &json!({ "tokens": ids }), text)
}
