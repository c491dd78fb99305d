//! `tokenizer.json`: the vocabulary it holds as plain data, and crate `tokenizers` to cut text.

use std::path::Path;

use serde_json::Value;

use super::config::Config;
use crate::engine::tokenizer::{Pipeline, Tokenizer, Writing};
use crate::engine::vocabulary::{Parts, Vocabulary};
use crate::error::{Error, Result};

/// Ids above this are no vocabulary's: the largest known has a 64th of it.
const LARGEST_ID: u32 = 1 << 24;
/// The longest text that a normalizer may put in place of something, or before all.
const LONGEST_REPLACEMENT: usize = 256;
/// What a tokenizer from such a file calls its model.
const MODEL: &str = "tokenizer.json";

/// The tokenizer in the `bytes` of the file at `path`.
///
/// # Errors
/// `Error::Engine` with what crate `tokenizers` says; `Error::Format` for ids or replacements beyond any use.
pub fn tokenizer(path: &Path, bytes: &[u8], config: &Config) -> Result<Tokenizer> {
    let json: Value = serde_json::from_slice(bytes)
        .map_err(|error| Error::format(path, format!("line {}, column {}", error.line(), error.column()), "JSON", error.to_string()))?;
    for part in ["normalizer", "pre_tokenizer"] {
        check_replacements(path, part, &json[part])?;
    }
    drop(json);
    let pipeline = Pipeline::new(bytes)?;
    let mut vocabulary = Vocabulary::new(path, parts(path, &pipeline, config)?)?;
    let size = vocabulary.len();
    vocabulary.end_of_generation.extend(config.ends.iter().copied().filter(|&id| (id as usize) < size));
    for (&id, token) in &pipeline.inner().get_added_tokens_decoder() {
        if token.lstrip {
            vocabulary.strips_left.insert(id);
        }
        if token.single_word {
            vocabulary.single_words.insert(id);
        }
        if token.rstrip {
            vocabulary.strips_right.insert(id);
        }
    }
    Ok(Tokenizer::from_pipeline(vocabulary, pipeline))
}

fn parts(path: &Path, pipeline: &Pipeline, config: &Config) -> Result<Parts> {
    let inner = pipeline.inner();
    let texts = inner.get_vocab(true);
    let count = texts.values().copied().max().map_or(0, |id| id as usize + 1);
    if count > LARGEST_ID as usize {
        return Err(Error::format(path, "added_tokens", format!("ids below {LARGEST_ID}"), format!("id {}", count - 1)));
    }
    let mut tokens = vec![String::new(); count];
    // a hole between the ids is reserved; the numbers are GGUF's
    let mut kinds = vec![5_i64; count];
    for (text, id) in texts {
        let byte = pipeline.writing == Writing::Escaped && text.len() == 6 && text.starts_with("<0x") && text.ends_with('>');
        kinds[id as usize] = if byte { 6 } else { 1 };
        tokens[id as usize] = text;
    }
    for (id, token) in inner.get_added_tokens_decoder() {
        kinds[id as usize] = if token.special { 3 } else { 4 };
    }
    let (before, behind) = pipeline.around()?;
    let named = |name: &str| config.token(name).and_then(|text| inner.token_to_id(text));
    let id_of = |key: &str, id: Option<u32>| id.map(|id| (key.to_owned(), u64::from(id)));
    let special = [
        id_of("bos", before.first().copied().or_else(|| named("bos_token")).or(config.bos)),
        id_of("eos", named("eos_token").or_else(|| config.ends.first().copied())),
        id_of("unknown", named("unk_token")),
        id_of("padding", named("pad_token")),
        id_of("seperator", behind.last().copied()),
    ];
    Ok(Parts {
        model: MODEL.into(),
        special: special.into_iter().flatten().collect(),
        add_bos: Some(!before.is_empty()),
        add_eos: Some(!behind.is_empty()),
        add_space_prefix: Some(pipeline.begins_with_space(true)?),
        chat_template: config.chat_template.clone(),
        kinds: Some(kinds),
        tokens,
        ..Parts::default()
    })
}

/// A long replacement for something short would turn a small text into an endless one.
fn check_replacements(path: &Path, at: &str, value: &Value) -> Result<()> {
    match value {
        Value::Object(fields) => fields.iter().try_for_each(|(key, field)| match field.as_str() {
            Some(text) if matches!(key.as_str(), "content" | "prepend") && text.len() > LONGEST_REPLACEMENT => {
                let expected = format!("a replacement of at most {LONGEST_REPLACEMENT} bytes");
                Err(Error::format(path, format!("{at}.{key}"), expected, format!("{} bytes", text.len())))
            }
            _ => check_replacements(path, at, field),
        }),
        Value::Array(all) => all.iter().try_for_each(|each| check_replacements(path, at, each)),
        _ => Ok(()),
    }
}
