//! Text to token ids and back, as llama.cpp does it: special tokens are found first, then one algorithm cuts what lies between.
//!
//! `byte_pair` for GPT-2's descendants, `sentence_piece` for Llama's and Gemma's, `unigram` for T5's, `word_piece` for
//! BERT's; `pipeline` for a `tokenizer.json`. Left out: the tokenizers of RWKV and `PLaMo`, and chat structure (`prompt`).

mod byte_pair;
mod charsmap;
mod index;
mod merge;
mod pipeline;
mod sentence_piece;
mod special;
mod trie;
mod unigram;
mod word_piece;

use std::ops::Range;

use byte_pair::BytePair;
use index::TextIndex;
pub(super) use pipeline::{Pipeline, Writing};
use sentence_piece::SentencePiece;
pub use special::Fragment;
use special::SpecialTokens;
use unigram::Unigram;
use word_piece::WordPiece;

use super::hugging_face;
use super::vocabulary::{TokenKind, Vocabulary};
use crate::error::{Error, Result};
use crate::inspect::Model;

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

/// How text between special tokens is cut.
#[derive(Debug)]
enum Algorithm {
    BytePair(Box<BytePair>),
    SentencePiece(SentencePiece),
    Unigram(Unigram),
    WordPiece(Box<WordPiece>),
    Pipeline(Box<Pipeline>),
}

/// The tokenizer of one vocabulary.
pub struct Tokenizer {
    vocabulary: Vocabulary,
    algorithm: Algorithm,
    special: SpecialTokens,
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Vocabulary { model, pre, .. } = &self.vocabulary;
        f.debug_struct("Tokenizer").field("model", model).field("pre", pre).field("tokens", &self.vocabulary.len()).finish_non_exhaustive()
    }
}

impl Tokenizer {
    /// The tokenizer of a model: in the metadata of a GGUF file, or beside the weights in a Hugging Face folder.
    ///
    /// # Errors
    /// As [`Vocabulary::read`], [`Self::new`] and [`hugging_face::tokenizer`].
    pub fn of(model: &Model) -> Result<Self> {
        match &model.file.folder {
            Some(folder) => hugging_face::tokenizer(&folder.path),
            None => Vocabulary::read(&model.file).and_then(Self::new),
        }
    }

    /// Builds the tokenizer; what is odd about its merges and its pre-tokenizer is added to the vocabulary's warnings.
    ///
    /// # Errors
    /// `Error::Unsupported` naming the model when no algorithm here is its own.
    pub fn new(mut vocabulary: Vocabulary) -> Result<Self> {
        let algorithm = match vocabulary.model.as_str() {
            "gpt2" | "gemma4" => Algorithm::BytePair(Box::new(BytePair::new(&mut vocabulary)?)),
            "llama" => Algorithm::SentencePiece(SentencePiece::new(&vocabulary)),
            "t5" => Algorithm::Unigram(Unigram::new(&mut vocabulary)?),
            "bert" => Algorithm::WordPiece(Box::new(WordPiece::new(&vocabulary)?)),
            other => {
                let why = "no tokenizer here cuts text its way (byte-level BPE, SentencePiece and WordPiece do); \
                    the file can still be inspected, and llama.cpp may run it";
                return Err(Error::unsupported(format!("tokenizer `{other}`"), why));
            }
        };
        let special = SpecialTokens::new(&vocabulary);
        Ok(Self { vocabulary, algorithm, special })
    }

    /// The tokenizer of a `tokenizer.json` with the vocabulary in it.
    pub(super) fn from_pipeline(vocabulary: Vocabulary, pipeline: Pipeline) -> Self {
        let special = SpecialTokens::new(&vocabulary);
        Self { vocabulary, algorithm: Algorithm::Pipeline(Box::new(pipeline)), special }
    }

    /// The vocabulary it was made from, warnings included. Its merges have moved into the tokenizer.
    #[must_use]
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// The tokens of `text`, without a begin-of-sequence token.
    ///
    /// # Errors
    /// None but for `Error::Internal`.
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
                Fragment::Text(range) => self.encode_plain(&text[range.clone()], range.start == 0, &mut ids, go_on)?,
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

    /// As [`with_bos`](Self::with_bos), and with the token at the end that the file asks for: a whole text, with nothing to follow.
    #[must_use]
    pub fn with_ends(&self, ids: Vec<u32>) -> Vec<u32> {
        let mut ids = self.with_bos(ids);
        let end = match self.algorithm {
            Algorithm::WordPiece(_) | Algorithm::Pipeline(_) => self.vocabulary.sep,
            _ => self.vocabulary.eos.filter(|_| self.vocabulary.add_eos),
        };
        ids.extend(end.filter(|end| ids.last() != Some(end)));
        ids
    }

    /// The bytes a token stands for. Special tokens give their text, reserved and unknown ids nothing.
    #[must_use]
    pub fn token_bytes(&self, id: u32) -> Vec<u8> {
        let text = self.vocabulary.text(id).unwrap_or_default();
        match (self.vocabulary.kind(id), &self.algorithm) {
            (TokenKind::Normal, Algorithm::BytePair(byte_pair)) => byte_pair.bytes_of(text),
            (TokenKind::Normal, Algorithm::Pipeline(pipeline)) => pipeline.bytes_of(text),
            (TokenKind::Normal, _) => text.replace('▁', " ").into_bytes(),
            (TokenKind::Byte, _) => byte_named(text).into_iter().collect(),
            (TokenKind::Control | TokenKind::Unknown | TokenKind::UserDefined, _) => text.as_bytes().to_vec(),
            (TokenKind::Unused | TokenKind::Undefined, _) => Vec::new(),
        }
    }

    /// The text of `ids`; control tokens are written out with `Special::Parse` and left out otherwise. What is not UTF-8 becomes U+FFFD.
    /// A space that [`encode`](Self::encode) puts before text is taken off again.
    #[must_use]
    pub fn decode(&self, ids: &[u32], special: Special) -> String {
        let mut bytes = Vec::with_capacity(ids.len() * 4);
        let mut after_special = true;
        for (place, &id) in ids.iter().enumerate() {
            let kind = self.vocabulary.kind(id);
            if special != Special::Parse && matches!(kind, TokenKind::Control | TokenKind::Unknown) {
                after_special = true;
                continue;
            }
            let token = self.token_bytes(id);
            let once = matches!(&self.algorithm, Algorithm::Pipeline(pipeline) if !pipeline.spaces_everywhere);
            let begins = after_special && (place == 0 || !once) && !self.vocabulary.is_special(id);
            let prefixed = begins && self.vocabulary.add_space_prefix;
            bytes.extend_from_slice(token.strip_prefix(b" ").filter(|_| prefixed).unwrap_or(&token));
            after_special = self.vocabulary.is_special(id);
        }
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
        self.special.ids().iter().copied().filter(|&id| self.is_structural(id))
    }

    /// Whether the text of token `id` counts as that token.
    pub(super) fn matches(&self, id: u32, special: Special) -> bool {
        match special {
            Special::Parse => true,
            Special::Plain => self.vocabulary.kind(id) == TokenKind::UserDefined,
            Special::Typed => !self.is_structural(id),
        }
    }

    /// Cuts `text` at the special tokens that `wanted` accepts, the longest first, as llama.cpp does. White space that a special token
    /// swallows is in no fragment.
    ///
    /// # Errors
    /// `Error::Cancelled` when `go_on` says no.
    pub fn fragments(&self, text: &str, wanted: &dyn Fn(u32) -> bool, go_on: &dyn Fn() -> bool) -> Result<Vec<Fragment>> {
        self.special.fragments(&self.vocabulary, text, wanted, go_on)
    }

    /// Adds the tokens of `text`, in which no special token is looked for, to `ids`. It begins the whole text (`first`) or follows a
    /// special token. A control token never comes out of it.
    ///
    /// # Errors
    /// As [`encode_while`](Self::encode_while).
    pub fn encode_plain(&self, text: &str, first: bool, ids: &mut Vec<u32>, go_on: &dyn Fn() -> bool) -> Result<()> {
        match &self.algorithm {
            Algorithm::BytePair(byte_pair) => byte_pair.encode(&self.vocabulary, text, ids, go_on),
            Algorithm::SentencePiece(pieces) => pieces.encode(&self.vocabulary, text, ids, go_on),
            Algorithm::Unigram(unigram) => unigram.encode(&self.vocabulary, text, ids, go_on),
            Algorithm::WordPiece(words) => words.encode(&self.vocabulary, text, ids, go_on),
            Algorithm::Pipeline(pipeline) => pipeline.encode(text, first, ids, go_on),
        }
    }
}

/// Cuts `range` of `text` into pieces of at most `longest` bytes, at characters if `whole_characters`.
fn pieces(text: &str, range: Range<usize>, longest: usize, whole_characters: bool) -> impl Iterator<Item = Range<usize>> {
    let mut start = range.start;
    std::iter::from_fn(move || {
        let from = start;
        start = range.end.min(from + longest);
        while whole_characters && !text.is_char_boundary(start) {
            start -= 1;
        }
        (from < start).then_some(from..start)
    })
}

/// The token of each byte in a vocabulary of plain text: `<0xE2>`, else the character it is.
fn byte_tokens(index: &TextIndex, tokens: &[String]) -> Box<[Option<u32>; 256]> {
    let token = |byte: usize| {
        let ascii = u8::try_from(byte).ok().filter(u8::is_ascii).map(char::from);
        let character = || index.find(tokens, ascii?.encode_utf8(&mut [0; 4]));
        index.find(tokens, &format!("<0x{byte:02X}>")).or_else(character)
    };
    Box::new(std::array::from_fn(token))
}

/// The byte that `<0xE2>` stands for.
fn byte_named(text: &str) -> Option<u8> {
    let digits = text.strip_prefix("<0x")?.strip_suffix('>')?;
    u8::from_str_radix(digits, 16).ok()
}
