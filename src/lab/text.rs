//! The text that models are compared over, cut into chunks of tokens as llama-perplexity does.

use crate::engine::tokenizer::{Special, Tokenizer};
use crate::error::{Error, Result};

/// Written for Ponder: prose, dialogue, code, lists and several languages; about 8,000 tokens.
pub const BUNDLED: &str = include_str!("../../assets/comparison.txt");

/// The shortest chunk: fewer tokens say nothing.
const SHORTEST: usize = 16;

/// Chunks of tokens. Each begins anew, with BOS where the file says so; what comes behind its first half is scored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunks {
    /// Tokens of a chunk.
    pub len: usize,
    /// The chunks.
    pub tokens: Vec<Vec<u32>>,
    /// Tokens of the whole text, with what is left over at its end.
    pub text_tokens: usize,
}

impl Chunks {
    /// Cuts a text. One that is shorter than a chunk is a chunk of its own length; `most` bounds their number.
    ///
    /// # Errors
    /// [`Error::Engine`] for a text of a few words; [`Error::Cancelled`].
    pub fn of(tokenizer: &Tokenizer, text: &str, len: usize, most: Option<usize>, go_on: &dyn Fn() -> bool) -> Result<Self> {
        let ids = tokenizer.with_bos(tokenizer.encode_while(text, Special::Plain, go_on)?);
        let len = len.min(ids.len());
        if len < SHORTEST {
            return Err(Error::Engine(format!(
                "the text has {} tokens and a chunk {len}; both must have {SHORTEST} at least, and some hundred to say something",
                ids.len()
            )));
        }
        let bos = tokenizer.vocabulary().bos.filter(|_| tokenizer.vocabulary().add_bos);
        let mut tokens: Vec<Vec<u32>> = ids.chunks_exact(len).take(most.unwrap_or(usize::MAX)).map(<[u32]>::to_vec).collect();
        for chunk in &mut tokens {
            if let Some(bos) = bos {
                chunk[0] = bos;
            }
        }
        Ok(Self { len, tokens, text_tokens: ids.len() })
    }

    /// The first position that is scored.
    #[must_use]
    pub const fn half(&self) -> usize {
        self.len / 2
    }

    /// Behind the last position that is scored: the last token has nothing to predict.
    #[must_use]
    pub const fn end(&self) -> usize {
        self.len - 1
    }

    /// From where on the first half of the first chunk gives a first impression.
    #[must_use]
    pub const fn preview(&self) -> usize {
        self.len / 4
    }

    /// Positions that are scored in each chunk.
    #[must_use]
    pub const fn scored(&self) -> usize {
        self.end() - self.half()
    }
}
