//! `SentencePiece` BPE (`llama`, `gemma`): neighbours whose text together is a token are joined, best score first; what is no token
//! falls back to bytes. Spaces are written `▁`.

use super::index::TextIndex;
use super::merge::{Merger, NO_TOKEN, Symbol};
use super::{byte_tokens, pieces};
use crate::engine::vocabulary::{TokenKind, Vocabulary};
use crate::error::Result;

/// A text longer than this many bytes is merged in pieces, so that no text takes unbounded memory.
const LONGEST_TEXT: usize = 4 << 20;

/// See the module.
#[derive(Debug)]
pub struct SentencePiece {
    index: TextIndex,
    bytes: Box<[Option<u32>; 256]>,
}

impl SentencePiece {
    /// For the tokens of `vocabulary`, which may all come out of a merge except control tokens.
    pub fn new(vocabulary: &Vocabulary) -> Self {
        let index = TextIndex::new(&vocabulary.tokens);
        let bytes = byte_tokens(&index, &vocabulary.tokens);
        Self { index, bytes }
    }

    /// Adds the tokens of `text`, which begins the whole text or follows a special token, to `ids`.
    ///
    /// # Errors
    /// `Error::Cancelled` when `go_on` says no.
    pub fn encode(&self, vocabulary: &Vocabulary, text: &str, ids: &mut Vec<u32>, go_on: &dyn Fn() -> bool) -> Result<()> {
        let mut escaped = String::with_capacity(text.len() + text.len() / 2);
        if vocabulary.add_space_prefix {
            escaped.push('▁');
        }
        for part in text.split_inclusive(' ') {
            match part.strip_suffix(' ') {
                Some(word) => escaped.extend([word, "▁"]),
                None => escaped.push_str(part),
            }
        }
        let mut merger = Merger::default();
        for piece in pieces(&escaped, 0..escaped.len(), LONGEST_TEXT, true) {
            self.encode_piece(vocabulary, &escaped[piece], &mut merger, ids, go_on)?;
        }
        Ok(())
    }

    fn encode_piece(
        &self,
        vocabulary: &Vocabulary,
        text: &str,
        merger: &mut Merger,
        ids: &mut Vec<u32>,
        go_on: &dyn Fn() -> bool,
    ) -> Result<()> {
        merger.clear();
        let mut buffer = [0; 4];
        for c in text.chars() {
            merger.push(self.token(vocabulary, c.encode_utf8(&mut buffer)).unwrap_or(NO_TOKEN), c.len_utf8());
        }
        let joined = |left: &Symbol, right: &Symbol| {
            let (start, end) = (left.start as usize, (right.start + right.len) as usize);
            let id = if end - start > self.index.longest() { None } else { self.token(vocabulary, &text[start..end]) }?;
            Some((rank(vocabulary.score(id)), id))
        };
        merger.run(&joined, go_on)?;
        for symbol in merger.symbols() {
            if symbol.id == NO_TOKEN {
                let bytes = &text.as_bytes()[symbol.start as usize..(symbol.start + symbol.len) as usize];
                ids.extend(bytes.iter().filter_map(|&byte| self.bytes[usize::from(byte)].or(vocabulary.unk)));
            } else {
                ids.push(symbol.id);
            }
        }
        Ok(())
    }

    fn token(&self, vocabulary: &Vocabulary, text: &str) -> Option<u32> {
        let structural = |id: &u32| matches!(vocabulary.kind(*id), TokenKind::Control | TokenKind::Unknown);
        self.index.find(&vocabulary.tokens, text).filter(|id| !structural(id))
    }
}

/// A number that is the smaller the higher the score; equal scores have equal ranks.
fn rank(score: f32) -> u32 {
    let bits = (score + 0.0).to_bits();
    let ascending = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
    !ascending
}
