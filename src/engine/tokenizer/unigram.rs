//! `SentencePiece` unigram (`t5`): of all ways to cut a text into tokens, the one with the highest sum of scores.

use super::charsmap::Charsmap;
use super::trie::Trie;
use crate::engine::vocabulary::{TokenKind, Vocabulary};
use crate::error::{Error, Result};

/// How much worse than the worst token the unknown one is.
const UNKNOWN_PENALTY: f32 = 10.0;
/// A normalized text longer than this many bytes is cut in pieces, so that no text takes unbounded memory.
const LONGEST_TEXT: usize = 4 << 20;

/// See the module.
#[derive(Debug)]
pub struct Unigram {
    trie: Trie,
    user_defined: Trie,
    charsmap: Charsmap,
    unknown_score: f64,
}

/// The best way to a place in the text: the last token, where it began, and all scores so far.
#[derive(Clone, Copy)]
struct Best {
    id: u32,
    from: u32,
    score: f64,
}

impl Unigram {
    /// # Errors
    /// `Error::Unsupported` where there is no unknown token.
    pub fn new(vocabulary: &mut Vocabulary) -> Result<Self> {
        if vocabulary.unk.is_none() {
            return Err(Error::unsupported("tokenizer `t5`", "the file names no token for unknown text"));
        }
        let all = || (0..).take(vocabulary.len());
        let text = |id: u32| vocabulary.text(id).unwrap_or_default();
        let usable = |id: &u32| matches!(vocabulary.kind(*id), TokenKind::Normal | TokenKind::UserDefined | TokenKind::Unused);
        let worst = all().filter(|&id| vocabulary.kind(id) == TokenKind::Normal).map(|id| vocabulary.score(id));
        let worst = worst.fold(f32::MAX, f32::min);
        Ok(Self {
            trie: Trie::new(all().filter(usable), text),
            user_defined: Trie::new(all().filter(|&id| vocabulary.kind(id) == TokenKind::UserDefined), text),
            unknown_score: f64::from(worst - UNKNOWN_PENALTY),
            charsmap: Charsmap::new(&std::mem::take(&mut vocabulary.charsmap)),
        })
    }

    /// Adds the tokens of `text` to `ids`.
    ///
    /// # Errors
    /// `Error::Cancelled` when `go_on` says no.
    pub fn encode(&self, vocabulary: &Vocabulary, text: &str, ids: &mut Vec<u32>, go_on: &dyn Fn() -> bool) -> Result<()> {
        let normalized = self.normalize(vocabulary, text);
        for piece in normalized.chunks(LONGEST_TEXT) {
            self.best_cut(vocabulary, piece, ids, go_on)?;
        }
        Ok(())
    }

    fn best_cut(&self, vocabulary: &Vocabulary, text: &[u8], ids: &mut Vec<u32>, go_on: &dyn Fn() -> bool) -> Result<()> {
        let unk = vocabulary.unk.unwrap_or_default();
        let mut best = vec![Best { id: unk, from: 0, score: f64::MIN }; text.len() + 1];
        best[0].score = 0.0;
        let mut at = 0;
        let mut characters = 0_usize;
        while at < text.len() {
            characters += 1;
            if characters.is_multiple_of(1 << 14) && !go_on() {
                return Err(Error::Cancelled);
            }
            let character = utf8_length(text[at]).min(text.len() - at);
            let so_far = best[at].score;
            let from = u32::try_from(at).unwrap_or_default();
            let mut improve = |length: usize, id: u32, score: f64| {
                if so_far + score > best[at + length].score {
                    best[at + length] = Best { id, from, score: so_far + score };
                }
            };
            let mut whole_character = false;
            for (length, id) in self.trie.prefixes(&text[at..]) {
                whole_character |= length == character;
                let user_defined = vocabulary.kind(id) == TokenKind::UserDefined;
                improve(length, id, if user_defined { 0.0 } else { f64::from(vocabulary.score(id)) });
            }
            if !whole_character {
                improve(character, unk, self.unknown_score);
            }
            at += character;
        }
        let before = ids.len();
        let mut end = text.len();
        let mut last = None;
        while end > 0 {
            let Best { id, from, .. } = best[end];
            // neighbouring unknown characters are one unknown token
            if !(id == unk && last == Some(unk)) {
                ids.push(id);
            }
            last = Some(id);
            end = from as usize;
        }
        ids[before..].reverse();
        Ok(())
    }

    /// The text as the model was trained on it: characters replaced, spaces written `▁`, merged and put in front as the file says.
    fn normalize(&self, vocabulary: &Vocabulary, text: &str) -> Vec<u8> {
        let text = text.as_bytes();
        let space = "▁".as_bytes();
        let merge = vocabulary.remove_extra_whitespaces;
        let mut out = Vec::with_capacity(text.len() * 2);
        let (mut prefixed, mut in_word) = (false, false);
        let mut at = 0;
        while at < text.len() {
            let (written, length) = self.normalize_prefix(&text[at..]);
            for &byte in written {
                if byte == b' ' {
                    in_word = false;
                    if !merge {
                        out.extend_from_slice(space);
                    }
                    continue;
                }
                if !in_word && (merge || vocabulary.add_space_prefix && !prefixed) {
                    out.extend_from_slice(space);
                    prefixed = true;
                }
                in_word = true;
                out.push(byte);
            }
            at += length;
        }
        out
    }

    /// What the beginning of `text` becomes, and how long that beginning is. Anything that leads towards a user-defined token is kept.
    fn normalize_prefix<'t>(&'t self, text: &'t [u8]) -> (&'t [u8], usize) {
        let kept = self.user_defined.shared(text);
        if kept > 0 {
            return (&text[..kept], kept);
        }
        self.charsmap.replacement(text).unwrap_or_else(|| {
            let length = utf8_length(text[0]).min(text.len());
            if std::str::from_utf8(&text[..length]).is_ok() { (&text[..length], length) } else { ("\u{fffd}".as_bytes(), 1) }
        })
    }
}

/// The length of the character that begins with `byte`; 1 where none does.
const fn utf8_length(byte: u8) -> usize {
    match byte {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xff => 4,
        _ => 1,
    }
}
