//! Text to token ids and back: byte-level BPE on the merges of crate `tokenizers`, words cut as llama.cpp cuts them.
//!
//! Left out: `SentencePiece` and `WordPiece` (their own issue), and chat structure (`prompt`).

use std::ops::Range;

use tokenizers::Model as _;
use tokenizers::models::bpe::{BPE, Vocab};

use super::pretokenizer::PreTokenizer;
use super::vocabulary::{TokenKind, Vocabulary, split_merge};
use crate::error::{Error, Result};

/// A word longer than this many bytes is merged in pieces, so that no text takes unbounded time or memory.
const LONGEST_WORD: usize = 1 << 20;
/// Pre-tokenizers of vocabularies that are not written in the GPT-2 byte alphabet.
const RAW_TEXT: [&str; 4] = ["gemma4", "granite-embed-multi-311m", "sarvam-moe", "whitespace"];

/// Whether control tokens written out in a text count as such. User-defined tokens always do, as in llama.cpp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Special {
    /// `<|im_end|>` is that token.
    Parse,
    /// `<|im_end|>` is ten characters.
    Plain,
    /// As `Plain`, and user-defined tokens that look like marks of structure (`<|…|>`) are characters too: for what a person typed.
    Typed,
}

/// A part of a text: one special token, or text still to be cut into words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fragment {
    /// A special token, and where its text stands.
    Special(u32, Range<usize>),
    /// Ordinary text.
    Text(Range<usize>),
}

/// The tokenizer of one vocabulary.
pub struct Tokenizer {
    vocabulary: Vocabulary,
    bpe: BPE,
    words: PreTokenizer,
    /// Control, unknown and user-defined tokens, longest text first.
    special: Vec<u32>,
    /// Byte to character of the GPT-2 alphabet.
    alphabet: [char; 256],
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer").field("pre", &self.vocabulary.pre).field("tokens", &self.vocabulary.len()).finish_non_exhaustive()
    }
}

impl Tokenizer {
    /// Builds the tokenizer; what is odd about its merges and its pre-tokenizer is added to the vocabulary's warnings.
    ///
    /// # Errors
    /// `Error::Unsupported` naming the model when it is not byte-level BPE.
    pub fn new(mut vocabulary: Vocabulary) -> Result<Self> {
        let what = format!("tokenizer `{}`", vocabulary.model);
        if vocabulary.model != "gpt2" {
            return Err(Error::unsupported(what, "only byte-level BPE (`gpt2`) can be used for now; the file can still be inspected"));
        }
        if RAW_TEXT.contains(&vocabulary.pre.as_str()) {
            let why = format!("its pre-tokenizer `{}` is not byte-level; the file can still be inspected", vocabulary.pre);
            return Err(Error::unsupported(what, why));
        }
        let words = PreTokenizer::new(&vocabulary.pre)?;
        vocabulary.warnings.extend(words.warning.clone());
        let bpe = merges_of(&mut vocabulary, words.ignore_merges)?;
        let is_special = |id: &u32| matches!(vocabulary.kind(*id), TokenKind::Control | TokenKind::Unknown | TokenKind::UserDefined);
        let mut special: Vec<u32> = (0..).take(vocabulary.len()).filter(is_special).collect();
        special.sort_by_key(|&id| std::cmp::Reverse(vocabulary.text(id).map_or(0, str::len)));
        Ok(Self { vocabulary, bpe, words, special, alphabet: byte_alphabet() })
    }

    /// The vocabulary it was made from, warnings included. Its merges have moved into the tokenizer.
    #[must_use]
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// The tokens of `text`, without a begin-of-sequence token.
    ///
    /// # Errors
    /// `Error::Engine` if the merges contradict each other.
    pub fn encode(&self, text: &str, special: Special) -> Result<Vec<u32>> {
        self.encode_while(text, special, &|| true)
    }

    /// As [`encode`](Self::encode); `go_on` is asked at least once per mebibyte of text and stops it.
    ///
    /// # Errors
    /// `Error::Cancelled` when `go_on` says no, else as `encode`.
    pub fn encode_while(&self, text: &str, special: Special, go_on: &dyn Fn() -> bool) -> Result<Vec<u32>> {
        let mut ids = Vec::with_capacity(text.len() / 3);
        for fragment in self.fragments(text, &|id| self.matches(id, special), go_on)? {
            match fragment {
                Fragment::Special(id, _) => ids.push(id),
                Fragment::Text(range) => self.encode_plain(&text[range], &mut ids, go_on)?,
            }
        }
        Ok(ids)
    }

    /// `ids` with the begin-of-sequence token in front if the file asks for it and it isn't there already.
    #[must_use]
    pub fn with_bos(&self, mut ids: Vec<u32>) -> Vec<u32> {
        if let Some(bos) = self.vocabulary.bos.filter(|bos| self.vocabulary.add_bos && ids.first() != Some(bos)) {
            ids.insert(0, bos);
        }
        ids
    }

    /// The bytes a token stands for. Special tokens give their text, reserved and unknown ids nothing.
    #[must_use]
    pub fn token_bytes(&self, id: u32) -> Vec<u8> {
        let text = self.vocabulary.text(id).unwrap_or_default();
        match self.vocabulary.kind(id) {
            TokenKind::Normal => {
                let mut bytes = Vec::with_capacity(text.len());
                for c in text.chars() {
                    match self.byte_of(c) {
                        Some(byte) => bytes.push(byte),
                        None => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
                    }
                }
                bytes
            }
            TokenKind::Control | TokenKind::Unknown | TokenKind::UserDefined => text.as_bytes().to_vec(),
            TokenKind::Unused | TokenKind::Byte | TokenKind::Undefined => Vec::new(),
        }
    }

    /// The text of `ids`; control tokens are written out with `Special::Parse` and left out otherwise. What is not UTF-8 becomes U+FFFD.
    #[must_use]
    pub fn decode(&self, ids: &[u32], special: Special) -> String {
        let shown = |id: &&u32| special == Special::Parse || !matches!(self.vocabulary.kind(**id), TokenKind::Control | TokenKind::Unknown);
        let bytes: Vec<u8> = ids.iter().filter(shown).flat_map(|&id| self.token_bytes(id)).collect();
        String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }

    /// Whether a token could be mistaken for structure when a person writes its text.
    #[must_use]
    pub fn is_structural(&self, id: u32) -> bool {
        match self.vocabulary.kind(id) {
            TokenKind::Control | TokenKind::Unknown => true,
            TokenKind::UserDefined => self.vocabulary.text(id).is_some_and(|text| text.starts_with("<|") && text.ends_with("|>")),
            _ => false,
        }
    }

    /// Every token that [`is_structural`](Self::is_structural), longest text first.
    pub fn structural(&self) -> impl Iterator<Item = u32> {
        self.special.iter().copied().filter(|&id| self.is_structural(id))
    }

    /// Whether the text of token `id` counts as that token.
    pub(super) fn matches(&self, id: u32, special: Special) -> bool {
        match special {
            Special::Parse => true,
            Special::Plain => self.vocabulary.kind(id) == TokenKind::UserDefined,
            Special::Typed => !self.is_structural(id),
        }
    }

    /// Cuts `text` at the special tokens that `wanted` accepts, the longest first, as llama.cpp does.
    ///
    /// # Errors
    /// `Error::Cancelled` when `go_on` says no.
    pub fn fragments(&self, text: &str, wanted: &dyn Fn(u32) -> bool, go_on: &dyn Fn() -> bool) -> Result<Vec<Fragment>> {
        let mut fragments = vec![Fragment::Text(0..text.len())];
        let pairs = Pairs::of(text);
        for (index, &id) in self.special.iter().enumerate() {
            if index % 64 == 0 && !go_on() {
                return Err(Error::Cancelled);
            }
            let Some(token) = self.vocabulary.text(id).filter(|token| wanted(id) && pairs.may_contain(token) && text.contains(*token))
            else {
                continue;
            };
            if !go_on() {
                return Err(Error::Cancelled);
            }
            let mut finer = Vec::with_capacity(fragments.len() + 2);
            for fragment in fragments {
                let Fragment::Text(range) = fragment else {
                    finer.push(fragment);
                    continue;
                };
                let mut start = range.start;
                for (at, _) in text[range.clone()].match_indices(token) {
                    let at = at + range.start;
                    finer.push(Fragment::Text(start..at));
                    start = at + token.len();
                    finer.push(Fragment::Special(id, at..start));
                }
                finer.push(Fragment::Text(start..range.end));
            }
            finer.retain(|fragment| !matches!(fragment, Fragment::Text(range) if range.is_empty()));
            fragments = finer;
        }
        fragments.retain(|fragment| !matches!(fragment, Fragment::Text(range) if range.is_empty()));
        Ok(fragments)
    }

    /// Adds the tokens of `text`, in which no special token is looked for, to `ids`.
    ///
    /// # Errors
    /// As [`encode_while`](Self::encode_while).
    pub fn encode_plain(&self, text: &str, ids: &mut Vec<u32>, go_on: &dyn Fn() -> bool) -> Result<()> {
        let words = self.words.split(text, go_on).ok_or(Error::Cancelled)?;
        let mut written = String::new();
        let mut bytes = 0;
        for word in words {
            for piece in text.as_bytes()[word].chunks(LONGEST_WORD) {
                bytes += piece.len();
                if bytes > 1 << 14 {
                    bytes = 0;
                    if !go_on() {
                        return Err(Error::Cancelled);
                    }
                }
                written.clear();
                written.extend(piece.iter().map(|&byte| self.alphabet[usize::from(byte)]));
                let tokens = self.bpe.tokenize(&written).map_err(|error| Error::Engine(format!("tokenizer: {error}")))?;
                ids.extend(tokens.iter().map(|token| token.id));
            }
        }
        Ok(())
    }

    fn byte_of(&self, c: char) -> Option<u8> {
        match c {
            '!'..='~' | '¡'..='¬' | '®'..='ÿ' => u8::try_from(u32::from(c)).ok(),
            'Ā'..='Ń' => self.alphabet.iter().position(|&other| other == c).and_then(|byte| u8::try_from(byte).ok()),
            _ => None,
        }
    }
}

/// The merge model. Merges whose halves or whole are no tokens cannot be applied and are left out with a warning.
fn merges_of(vocabulary: &mut Vocabulary, ignore_merges: bool) -> Result<BPE> {
    let mut ids = Vocab::with_capacity(vocabulary.len());
    for (id, token) in (0..).zip(&vocabulary.tokens) {
        ids.entry(token.clone()).or_insert(id);
    }
    let mut seen = std::collections::HashSet::with_capacity(vocabulary.merges.len());
    let mut merges = Vec::with_capacity(vocabulary.merges.len());
    let mut whole = String::new();
    for (left, right) in vocabulary.merges.iter().filter_map(|merge| split_merge(merge)) {
        whole.clear();
        whole.push_str(left);
        whole.push_str(right);
        if ids.contains_key(left) && ids.contains_key(right) && ids.contains_key(&whole) && seen.insert((left, right)) {
            merges.push((left.to_owned(), right.to_owned()));
        }
    }
    let lost = vocabulary.merges.len() - merges.len();
    if lost > 0 {
        vocabulary.warnings.push(format!("key `tokenizer.ggml.merges`: {lost} entries repeat or make no token and are left out"));
    }
    drop(seen);
    vocabulary.merges = Vec::new();
    // no cache: it would live in every thread that ever tokenized, beyond the tokenizer's own life
    let bpe = BPE::builder().vocab_and_merges(ids, merges).cache_capacity(0).ignore_merges(ignore_merges).build();
    bpe.map_err(|error| Error::Engine(format!("tokenizer: {error}")))
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

/// Which pairs of neighbouring bytes a text has: most special tokens are ruled out without a search.
struct Pairs(Vec<u64>);

impl Pairs {
    fn of(text: &str) -> Self {
        let mut bits = vec![0_u64; 1024];
        for pair in text.as_bytes().windows(2) {
            let index = usize::from(pair[0]) << 8 | usize::from(pair[1]);
            bits[index / 64] |= 1 << (index % 64);
        }
        Self(bits)
    }

    fn may_contain(&self, token: &str) -> bool {
        token.as_bytes().windows(2).all(|pair| {
            let index = usize::from(pair[0]) << 8 | usize::from(pair[1]);
            self.0[index / 64] >> (index % 64) & 1 == 1
        })
    }
}
