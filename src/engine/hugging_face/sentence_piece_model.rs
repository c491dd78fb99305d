//! `tokenizer.model`: `SentencePiece`'s own file, a protobuf message of pieces with scores and kinds, and of how text is normalized.
//!
//! Only the fields that tokenizing needs are read; all others are passed over. Left out: models of words and of characters.

use std::path::Path;

use super::config::Config;
use crate::engine::vocabulary::Parts;
use crate::error::{Error, Result};

/// `SentencePiece`'s numbers for kinds of models.
const UNIGRAM: u64 = 1;
const BPE: u64 = 2;
/// More added tokens than this are no tokenizer's.
const MOST_ADDED: usize = 1 << 20;

/// The vocabulary in the `bytes` of the file at `path`.
///
/// # Errors
/// `Error::Format` with the offset where it is no such message; `Error::Unsupported` for models of words and characters.
pub fn parts(path: &Path, bytes: &[u8], config: &Config) -> Result<Parts> {
    let mut parts = Parts { kinds: Some(Vec::new()), scores: Some(Vec::new()), ..Parts::default() };
    let mut kind = UNIGRAM;
    let mut ids = [("unknown", Some(0)), ("bos", Some(1)), ("eos", Some(2)), ("padding", None)];
    parts.add_space_prefix = Some(true);
    parts.remove_extra_whitespaces = Some(true);
    for field in (Message { path, bytes, offset: 0 }) {
        let (number, value) = field?;
        match (number, value) {
            (1, Field::Bytes(piece)) => take_piece(piece, &mut parts)?,
            (2, Field::Bytes(trainer)) => {
                for field in trainer {
                    match field? {
                        (3, Field::Number(number)) => kind = number,
                        // -1, written as a 64-bit number, says that there is none
                        (number @ 40..=43, Field::Number(id)) => {
                            let place = usize::try_from(number - 40).unwrap_or_default();
                            ids[place].1 = u32::try_from(id).ok();
                        }
                        _ => {}
                    }
                }
            }
            (3, Field::Bytes(normalizer)) => {
                for field in normalizer {
                    match field? {
                        (2, Field::Bytes(charsmap)) => parts.charsmap = charsmap.bytes.to_vec(),
                        (3, Field::Number(flag)) => parts.add_space_prefix = Some(flag != 0),
                        (4, Field::Number(flag)) => parts.remove_extra_whitespaces = Some(flag != 0),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    parts.model = match kind {
        UNIGRAM => "t5".into(),
        BPE => "llama".into(),
        _ => {
            let why = "it cuts text into words or characters; SentencePiece's unigram and BPE can be used";
            return Err(Error::unsupported(format!("tokenizer `{}`", path.display()), why));
        }
    };
    parts.special = ids.into_iter().filter_map(|(name, id)| Some((name.to_owned(), u64::from(id?)))).collect();
    add_tokens(path, &mut parts, config)?;
    let id_of = |text: Option<&str>| text.and_then(|text| parts.tokens.iter().position(|token| token == text));
    for (name, key) in [("bos_token", "bos"), ("eos_token", "eos")] {
        if let Some(id) = id_of(config.token(name)) {
            parts.special.retain(|(other, _)| other != key);
            parts.special.push((key.into(), id as u64));
        }
    }
    parts.add_bos = Some(config.add_bos.unwrap_or(kind == BPE));
    parts.add_eos = Some(config.add_eos.unwrap_or(kind == UNIGRAM));
    parts.chat_template.clone_from(&config.chat_template);
    Ok(parts)
}

fn take_piece(piece: Message<'_>, parts: &mut Parts) -> Result<()> {
    let (path, offset) = (piece.path, piece.offset);
    let (mut text, mut score, mut kind) = (String::new(), 0.0, 1);
    for field in piece {
        match field? {
            (1, Field::Bytes(bytes)) => {
                let wrong = |error: std::str::Utf8Error| Error::format(path, format!("offset {offset}"), "UTF-8", error.to_string());
                std::str::from_utf8(bytes.bytes).map_err(wrong)?.clone_into(&mut text);
            }
            (2, Field::Word(bits)) => score = f32::from_bits(bits),
            (3, Field::Number(number)) => kind = i64::try_from(number).unwrap_or_default(),
            _ => {}
        }
    }
    parts.tokens.push(text);
    parts.scores.get_or_insert_default().push(score);
    parts.kinds.get_or_insert_default().push(kind);
    Ok(())
}

/// Tokens that the folder's other files add or describe.
fn add_tokens(path: &Path, parts: &mut Parts, config: &Config) -> Result<()> {
    let count = parts.tokens.len();
    let (Some(kinds), Some(scores)) = (&mut parts.kinds, &mut parts.scores) else { return Ok(()) };
    for (&id, added) in &config.added {
        let id = id as usize;
        if id >= count + MOST_ADDED {
            return Err(Error::format(path, "added tokens", format!("ids below {}", count + MOST_ADDED), format!("id {id}")));
        }
        if id >= parts.tokens.len() {
            parts.tokens.resize(id + 1, String::new());
            kinds.resize(id + 1, 5);
            scores.resize(id + 1, 0.0);
        }
        parts.tokens[id].clone_from(&added.content);
        // unknown stays unknown
        if kinds[id] != 2 {
            kinds[id] = if added.special { 3 } else { 4 };
        }
    }
    Ok(())
}

/// A message not yet read: its bytes, and where they stand in the file.
struct Message<'b> {
    path: &'b Path,
    bytes: &'b [u8],
    offset: usize,
}

/// A value of one of protobuf's wire types; 64-bit words are passed over.
enum Field<'b> {
    Number(u64),
    Bytes(Message<'b>),
    Word(u32),
    Other,
}

impl<'b> Message<'b> {
    fn fault(&self, expected: &str) -> Error {
        Error::format(self.path, format!("offset {}", self.offset), expected, "something else, or the end of the file")
    }

    fn take(&mut self, count: usize) -> Result<&'b [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or_else(|| self.fault(&format!("{count} more bytes")))?;
        self.bytes = rest;
        self.offset += count;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(self.fault("a number of at most ten bytes"))
    }

    fn field(&mut self) -> Result<(u64, Field<'b>)> {
        let tag = self.number()?;
        let value = match tag & 7 {
            0 => Field::Number(self.number()?),
            1 => self.take(8).map(|_| Field::Other)?,
            2 => {
                let length = usize::try_from(self.number()?).unwrap_or(usize::MAX);
                let offset = self.offset;
                Field::Bytes(Message { path: self.path, bytes: self.take(length)?, offset })
            }
            5 => Field::Word(u32::from_le_bytes(self.take(4)?.first_chunk().copied().unwrap_or_default())),
            _ => return Err(self.fault("a protobuf field (this is no SentencePiece model)")),
        };
        Ok((tag >> 3, value))
    }
}

impl<'b> Iterator for Message<'b> {
    type Item = Result<(u64, Field<'b>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.bytes.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.bytes = &[];
        }
        Some(field)
    }
}
