//! The tokenizer that a `tokenizer.json` describes, run by crate `tokenizers`: normalizer, pre-tokenizer and model, on text between
//! special tokens.
//!
//! Left out: its truncation and padding, which no conversation wants, and its decoder, which cannot say what one token's bytes are
//! (`Writing` does).

use tokenizers::{
    DecoderWrapper, Model as _, ModelWrapper, NormalizedString, Normalizer as _, OffsetReferential, OffsetType, PreTokenizedString,
    PreTokenizer as _, normalizer::Range,
};

use super::byte_pair::alphabet_bytes;
use crate::error::{Error, Result};

/// Words tokenized between two questions whether to go on.
const STRIDE: usize = 1 << 12;

/// How token texts stand for bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// GPT-2's byte alphabet.
    ByteLevel,
    /// Plain text with `▁` for a space.
    Escaped,
    /// Plain text; what continues a word begins with `##`.
    Continued,
    /// Plain text.
    Plain,
}

/// See the module.
pub struct Pipeline {
    inner: tokenizers::Tokenizer,
    /// How its tokens are written.
    pub writing: Writing,
    /// Whether a space goes before every text and not only before the first.
    pub spaces_everywhere: bool,
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline").field("writing", &self.writing).finish_non_exhaustive()
    }
}

impl Pipeline {
    /// From the bytes of a `tokenizer.json`.
    ///
    /// # Errors
    /// `Error::Engine` with what the crate says.
    pub fn new(json: &[u8]) -> Result<Self> {
        let mut inner = tokenizers::Tokenizer::from_bytes(json).map_err(|error| broken(&error))?;
        inner.with_truncation(None).map_err(|error| broken(&error))?;
        inner.with_padding(None);
        // no cache: it would live in every thread that ever tokenized, beyond the tokenizer's own life
        let model = match inner.get_model().clone() {
            ModelWrapper::BPE(mut bpe) => {
                bpe.resize_cache(0);
                ModelWrapper::BPE(bpe)
            }
            ModelWrapper::Unigram(mut unigram) => {
                unigram.resize_cache(0);
                ModelWrapper::Unigram(unigram)
            }
            other => other,
        };
        inner.with_model(model);
        let writing = inner.get_decoder().map_or(Writing::Plain, writing);
        let mut pipeline = Self { inner, writing, spaces_everywhere: false };
        pipeline.spaces_everywhere = pipeline.begins_with_space(false)?;
        Ok(pipeline)
    }

    /// Whether a space goes before a text that is the `first`, or one behind a special token.
    ///
    /// # Errors
    /// `Error::Engine` with what the crate says.
    pub fn begins_with_space(&self, first: bool) -> Result<bool> {
        let mut ids = Vec::new();
        self.encode("a", first, &mut ids, &|| true)?;
        Ok(ids.first().and_then(|&id| self.inner.id_to_token(id)).is_some_and(|text| text.starts_with('▁')))
    }

    /// The bytes of an ordinary token's text.
    pub fn bytes_of(&self, text: &str) -> Vec<u8> {
        match self.writing {
            Writing::ByteLevel => alphabet_bytes(text),
            Writing::Escaped => text.replace('▁', " ").into_bytes(),
            Writing::Continued => text.strip_prefix("##").map_or_else(|| format!(" {text}"), str::to_owned).into_bytes(),
            Writing::Plain => text.as_bytes().to_vec(),
        }
    }

    /// The crate's own tokenizer.
    pub const fn inner(&self) -> &tokenizers::Tokenizer {
        &self.inner
    }

    /// Adds the tokens of `text` to `ids`; `first` where nothing stands before it.
    ///
    /// # Errors
    /// `Error::Cancelled` when `go_on` says no, `Error::Engine` with what the crate says.
    pub fn encode(&self, text: &str, first: bool, ids: &mut Vec<u32>, go_on: &dyn Fn() -> bool) -> Result<()> {
        let piece = if first {
            NormalizedString::from(text)
        } else {
            // some pre-tokenizers treat the beginning of the whole text differently, and go by the offset
            let shifted = NormalizedString::from(format!(" {text}"));
            shifted.slice(Range::Original(1..)).unwrap_or(shifted)
        };
        let words = self.cut(piece).map_err(|error| broken(&error))?;
        for (index, (word, ..)) in words.get_splits(OffsetReferential::Normalized, OffsetType::None).into_iter().enumerate() {
            if index % STRIDE == 0 && !go_on() {
                return Err(Error::Cancelled);
            }
            let tokens = self.inner.get_model().tokenize(word).map_err(|error| broken(&error))?;
            ids.extend(tokens.iter().map(|token| token.id));
        }
        Ok(())
    }

    /// The special tokens that are put before and behind a whole text.
    ///
    /// # Errors
    /// `Error::Engine` with what the crate says.
    pub fn around(&self) -> Result<(Vec<u32>, Vec<u32>)> {
        let ids = |special| self.inner.encode("a", special).map(|encoding| encoding.get_ids().to_vec());
        let (inside, all) = ids(false).and_then(|inside| Ok((inside, ids(true)?))).map_err(|error| broken(&error))?;
        let at = (0..all.len()).find(|&at| !inside.is_empty() && all[at..].starts_with(&inside));
        Ok(at.map_or_else(Default::default, |at| (all[..at].to_vec(), all[at + inside.len()..].to_vec())))
    }

    fn cut(&self, mut piece: NormalizedString) -> tokenizers::Result<PreTokenizedString> {
        if let Some(normalizer) = self.inner.get_normalizer() {
            normalizer.normalize(&mut piece)?;
        }
        let mut words = PreTokenizedString::from(piece);
        if let Some(pre_tokenizer) = self.inner.get_pre_tokenizer() {
            pre_tokenizer.pre_tokenize(&mut words)?;
        }
        Ok(words)
    }
}

fn writing(decoder: &DecoderWrapper) -> Writing {
    match decoder {
        DecoderWrapper::ByteLevel(_) => Writing::ByteLevel,
        DecoderWrapper::WordPiece(_) => Writing::Continued,
        DecoderWrapper::Metaspace(_) | DecoderWrapper::ByteFallback(_) | DecoderWrapper::Replace(_) => Writing::Escaped,
        DecoderWrapper::Sequence(all) => {
            all.get_decoders().iter().map(writing).find(|&each| each != Writing::Plain).unwrap_or(Writing::Plain)
        }
        _ => Writing::Plain,
    }
}

fn broken(error: &tokenizers::Error) -> Error {
    let what: String = error.to_string().chars().take(300).collect();
    Error::Engine(format!("tokenizer.json: {what}"))
}
