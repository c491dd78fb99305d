//! Byte pair encoding: words are merged by the file's list of merges, best first, as llama.cpp does it.
//!
//! Most vocabularies write bytes in GPT-2's alphabet; a few hold plain text and fall back to `<0xE2>` for what they lack.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;

use super::index::TextIndex;
use super::merge::{Merger, NO_TOKEN, Symbol};
use super::{byte_tokens, pieces};
use crate::engine::pretokenizer::PreTokenizer;
use crate::engine::vocabulary::{TokenKind, Vocabulary, split_merge};
use crate::error::{Error, Result};

/// A word longer than this many bytes is merged in pieces, so that no text takes unbounded time or memory.
const LONGEST_WORD: usize = 1 << 20;
/// Pre-tokenizers of vocabularies in plain text whose spaces are written `▁`.
const ESCAPED: [&str; 3] = ["gemma4", "granite-embed-multi-311m", "sarvam-moe"];

/// See the module.
#[derive(Debug)]
pub struct BytePair {
    index: TextIndex,
    /// For two tokens: rank of their merge, and what they become.
    merges: HashMap<(u32, u32), (u32, u32)>,
    words: PreTokenizer,
    /// The token of each byte.
    bytes: Box<[Option<u32>; 256]>,
    /// Whether words are written in GPT-2's alphabet before merging.
    byte_level: bool,
    /// Whether spaces are written `▁`.
    escaped: bool,
    /// Byte to character of that alphabet.
    alphabet: [char; 256],
}

impl BytePair {
    /// Whether the pre-tokenizer `pre` belongs to a vocabulary in GPT-2's byte alphabet.
    pub fn is_byte_level(pre: &str) -> bool {
        !ESCAPED.contains(&pre) && pre != "whitespace"
    }

    /// Takes the merges out of `vocabulary` and tells it what is odd about them.
    ///
    /// # Errors
    /// As [`PreTokenizer::new`].
    pub fn new(vocabulary: &mut Vocabulary) -> Result<Self> {
        let words = PreTokenizer::new(&vocabulary.pre)?;
        vocabulary.warnings.extend(words.warning.clone());
        let index = TextIndex::new(&vocabulary.tokens);
        let merges = merges_of(vocabulary, &index);
        let byte_level = Self::is_byte_level(&vocabulary.pre);
        let alphabet = byte_alphabet();
        let bytes = if byte_level {
            Box::new(alphabet.map(|c| index.find(&vocabulary.tokens, c.encode_utf8(&mut [0; 4]))))
        } else {
            byte_tokens(&index, &vocabulary.tokens)
        };
        let escaped = ESCAPED.contains(&vocabulary.pre.as_str());
        Ok(Self { index, merges, words, bytes, byte_level, escaped, alphabet })
    }

    /// Adds the tokens of `text` to `ids`.
    ///
    /// # Errors
    /// `Error::Cancelled` when `go_on` says no.
    pub fn encode(&self, vocabulary: &Vocabulary, text: &str, ids: &mut Vec<u32>, go_on: &dyn Fn() -> bool) -> Result<()> {
        let escaped;
        let text = if self.escaped {
            escaped = text.replace(' ', "▁");
            &escaped
        } else {
            text
        };
        let mut merger = Merger::default();
        let mut written = String::new();
        let mut bytes = 0;
        for word in self.words.split(text, go_on).ok_or(Error::Cancelled)? {
            for piece in pieces(text, word, LONGEST_WORD, !self.byte_level) {
                bytes += piece.len();
                if bytes > 1 << 14 {
                    bytes = 0;
                    if !go_on() {
                        return Err(Error::Cancelled);
                    }
                }
                if let Some(id) = self.whole_word(vocabulary, text, &piece, &mut written) {
                    ids.push(id);
                    continue;
                }
                merger.clear();
                self.split(vocabulary, text, piece.clone(), &mut merger);
                let joined = |left: &Symbol, right: &Symbol| self.merges.get(&(left.id, right.id)).copied();
                merger.run(&joined, go_on)?;
                for symbol in merger.symbols() {
                    if symbol.id != NO_TOKEN {
                        ids.push(symbol.id);
                    } else if !self.byte_level {
                        let start = piece.start + symbol.start as usize;
                        let unknown = &text.as_bytes()[start..start + symbol.len as usize];
                        ids.extend(unknown.iter().filter_map(|&byte| self.bytes[usize::from(byte)]));
                    }
                }
            }
        }
        Ok(())
    }

    /// The bytes of an ordinary token's text.
    pub fn bytes_of(&self, text: &str) -> Vec<u8> {
        if !self.byte_level {
            return if self.escaped { text.replace('▁', " ").into_bytes() } else { text.as_bytes().to_vec() };
        }
        alphabet_bytes(text)
    }

    /// The token that a whole word is, where the pre-tokenizer lets that go before merging.
    fn whole_word(&self, vocabulary: &Vocabulary, text: &str, piece: &Range<usize>, written: &mut String) -> Option<u32> {
        let newlines = vocabulary.pre == "gemma4" && text.as_bytes()[piece.clone()].iter().all(|&byte| byte == b'\n');
        if !self.words.ignore_merges && !newlines {
            return None;
        }
        let word = if self.byte_level {
            written.clear();
            written.extend(text.as_bytes()[piece.clone()].iter().map(|&byte| self.alphabet[usize::from(byte)]));
            written.as_str()
        } else {
            &text[piece.clone()]
        };
        let structural = |id: &u32| matches!(vocabulary.kind(*id), TokenKind::Control | TokenKind::Unknown);
        self.index.find(&vocabulary.tokens, word).filter(|id| !structural(id))
    }

    /// The symbols a word begins with: bytes, or characters.
    fn split(&self, vocabulary: &Vocabulary, text: &str, piece: Range<usize>, merger: &mut Merger) {
        if self.byte_level {
            for &byte in &text.as_bytes()[piece] {
                merger.push(self.bytes[usize::from(byte)].unwrap_or(NO_TOKEN), 1);
            }
        } else {
            let mut buffer = [0; 4];
            for c in text[piece].chars() {
                let id = self.index.find(&vocabulary.tokens, c.encode_utf8(&mut buffer));
                merger.push(id.unwrap_or(NO_TOKEN), c.len_utf8());
            }
        }
    }
}

/// The bytes that a text in GPT-2's alphabet stands for; characters outside it stand for themselves.
pub fn alphabet_bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        match byte_of(c) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

/// The other bytes follow from U+0100 on, in their order: 0 to 32, 127 to 160, 173.
fn byte_of(c: char) -> Option<u8> {
    let code = u32::from(c);
    match code {
        0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff => u8::try_from(code).ok(),
        0x100..=0x120 => u8::try_from(code - 0x100).ok(),
        0x121..=0x142 => u8::try_from(code - 0x121 + 0x7f).ok(),
        0x143 => Some(0xad),
        _ => None,
    }
}

/// Merges whose halves or whole are no tokens, or would be control tokens, cannot be applied and are left out with a warning.
fn merges_of(vocabulary: &mut Vocabulary, index: &TextIndex) -> HashMap<(u32, u32), (u32, u32)> {
    let mut merges = HashMap::with_capacity(vocabulary.merges.len());
    let find = |text: &str| index.find(&vocabulary.tokens, text);
    let mut whole = String::new();
    for (rank, merge) in (0_u32..).zip(&vocabulary.merges) {
        let Some((left, right)) = split_merge(merge) else { continue };
        whole.clear();
        whole.push_str(left);
        whole.push_str(right);
        if let (Some(left), Some(right), Some(id)) = (find(left), find(right), find(&whole))
            && !matches!(vocabulary.kind(id), TokenKind::Control | TokenKind::Unknown)
            && let Entry::Vacant(place) = merges.entry((left, right))
        {
            place.insert((rank, id));
        }
    }
    let lost = vocabulary.merges.len() - merges.len();
    if lost > 0 {
        vocabulary.warnings.push(format!("key `tokenizer.ggml.merges`: {lost} entries repeat or make no token and are left out"));
    }
    vocabulary.merges = Vec::new();
    merges
}

/// GPT-2's way to write any byte as a visible character: printable Latin-1 is itself, the rest follows from U+0100 on.
fn byte_alphabet() -> [char; 256] {
    let mut next = 0x100;
    std::array::from_fn(|byte| {
        let code = u32::try_from(byte).unwrap_or_default();
        let c = if matches!(code, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff) {
            code
        } else {
            next += 1;
            next - 1
        };
        char::from_u32(c).unwrap_or_default()
    })
}
