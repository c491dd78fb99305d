//! `WordPiece` (`bert`): text is normalized and cut at white space and punctuation; a word is the longest tokens from its beginning
//! on, or unknown as a whole.
//!
//! Normalized as llama.cpp does it: of a character with accents the base character stays.

use std::collections::HashMap;

use tokenizers::NormalizedString;
use tokenizers::utils::SysRegex;

use super::trie::Trie;
use crate::engine::vocabulary::Vocabulary;
use crate::error::{Error, Result};

/// What a character does to the word before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Ends it.
    Space,
    /// Is passed over.
    Dropped,
    /// Is a word of its own.
    Alone,
    /// Belongs to it.
    Word,
}

/// See the module.
#[derive(Debug)]
pub struct WordPiece {
    trie: Trie,
    control: SysRegex,
    mark: SysRegex,
    alone: SysRegex,
}

impl WordPiece {
    /// # Errors
    /// `Error::Unsupported` where there is no unknown token.
    pub fn new(vocabulary: &Vocabulary) -> Result<Self> {
        if vocabulary.unk.is_none() {
            return Err(Error::unsupported("tokenizer `bert`", "the file names no token for unknown text"));
        }
        let pattern = |pattern| SysRegex::new(pattern).map_err(|error| Error::Internal(format!("pattern of `WordPiece`: {error}")));
        Ok(Self {
            trie: Trie::new((0..).take(vocabulary.len()), |id| vocabulary.text(id).unwrap_or_default()),
            control: pattern(r"[\x{0}\x{FFFD}\p{Cc}\p{Cf}\p{Co}]")?,
            mark: pattern(r"\p{M}")?,
            // one range of ideographs is misprinted in the tokenizer that everyone follows
            alone: pattern(
                r"[\p{P}$+<=>^`|~\x{4E00}-\x{9FFF}\x{3400}-\x{4DBF}\x{20000}-\x{2A6DF}\x{2A700}-\x{2B73F}\x{2B740}-\x{2B81F}\x{2B920}-\x{2CEAF}\x{F900}-\x{FAFF}\x{2F800}-\x{2FA1F}]",
            )?,
        })
    }

    /// Adds the tokens of `text` to `ids`.
    ///
    /// # Errors
    /// `Error::Cancelled` when `go_on` says no.
    pub fn encode(&self, vocabulary: &Vocabulary, text: &str, ids: &mut Vec<u32>, go_on: &dyn Fn() -> bool) -> Result<()> {
        let mut known = HashMap::new();
        let mut word = String::new();
        for (index, c) in text.chars().enumerate() {
            if index % (1 << 14) == 0 && !go_on() {
                return Err(Error::Cancelled);
            }
            let (c, class) = *known.entry(c).or_insert_with(|| self.normalize(c, vocabulary));
            match class {
                Class::Dropped => {}
                Class::Word => word.push(c),
                Class::Space | Class::Alone => {
                    self.encode_word(vocabulary, &mut word, ids);
                    if class == Class::Alone {
                        word.push(c);
                        self.encode_word(vocabulary, &mut word, ids);
                    }
                }
            }
        }
        self.encode_word(vocabulary, &mut word, ids);
        Ok(())
    }

    /// Adds the tokens of `word`, which is then empty.
    fn encode_word(&self, vocabulary: &Vocabulary, word: &mut String, ids: &mut Vec<u32>) {
        if word.is_empty() {
            return;
        }
        word.insert(0, '▁');
        let before = ids.len();
        let mut rest = word.as_bytes();
        while let Some((length, id)) = self.trie.prefixes(rest).last() {
            ids.push(id);
            rest = &rest[length..];
        }
        if !rest.is_empty() {
            ids.truncate(before);
            ids.extend(vocabulary.unk);
        }
        word.clear();
    }

    fn normalize(&self, c: char, vocabulary: &Vocabulary) -> (char, Class) {
        let is = |regex: &SysRegex, c: char| regex.find_iter(c.encode_utf8(&mut [0; 4])).next().is_some();
        let c = if vocabulary.strip_accents && !c.is_ascii() {
            let mut decomposed = NormalizedString::from(c.encode_utf8(&mut [0; 4]) as &str);
            decomposed.nfd().get().chars().next().unwrap_or(c)
        } else {
            c
        };
        let lower = if vocabulary.lowercase { c.to_lowercase().next().unwrap_or(c) } else { c };
        let class = if c.is_whitespace() {
            Class::Space
        } else if is(&self.control, c) || vocabulary.strip_accents && is(&self.mark, c) {
            Class::Dropped
        } else if is(&self.alone, c) {
            Class::Alone
        } else {
            Class::Word
        };
        (lower, class)
    }
}
