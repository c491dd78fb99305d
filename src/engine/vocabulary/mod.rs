//! What a file says about its tokens: texts, kinds, merges, special ids, chat template. Validated once, plain data afterwards.
//!
//! Left out: splitting text into tokens (`tokenizer`), and whether the vocabulary fits the embedding (the decoder compares `len`).

mod known;
mod read;

use std::collections::BTreeSet;
use std::path::Path;

use crate::error::{Error, Result};

/// What a token is for; the numbers are GGUF's `tokenizer.ggml.token_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// Ordinary text.
    Normal,
    /// Stands for what the vocabulary cannot say.
    Unknown,
    /// Structure: begin, end, role. Never text.
    Control,
    /// Text that is always one token, whatever surrounds it.
    UserDefined,
    /// A reserved id.
    Unused,
    /// One byte, as `SentencePiece` files have them.
    Byte,
    /// A number outside the list.
    Undefined,
}

impl TokenKind {
    /// The kind behind GGUF's number.
    #[must_use]
    pub const fn from_gguf(number: i64) -> Self {
        match number {
            1 => Self::Normal,
            2 => Self::Unknown,
            3 => Self::Control,
            4 => Self::UserDefined,
            5 => Self::Unused,
            6 => Self::Byte,
            _ => Self::Undefined,
        }
    }
}

/// A vocabulary as a file states it, before any check. Ids are whatever number stands there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parts {
    /// `tokenizer.ggml.model`: "gpt2", "llama", "bert"…
    pub model: String,
    /// `tokenizer.ggml.pre`: how text is cut into words before merging.
    pub pre: Option<String>,
    /// `tokenizer.ggml.tokens`, by id.
    pub tokens: Vec<String>,
    /// `tokenizer.ggml.token_type`, by id; none means all normal.
    pub kinds: Option<Vec<i64>>,
    /// `tokenizer.ggml.merges`: "left right", best first.
    pub merges: Vec<String>,
    /// `tokenizer.ggml.scores`, by id; none means all 0.
    pub scores: Option<Vec<f32>>,
    /// Special ids by the name in their key: see [`SPECIAL`].
    pub special: Vec<(String, u64)>,
    /// `tokenizer.ggml.add_bos_token`.
    pub add_bos: Option<bool>,
    /// `tokenizer.ggml.add_eos_token`.
    pub add_eos: Option<bool>,
    /// `tokenizer.ggml.add_space_prefix`.
    pub add_space_prefix: Option<bool>,
    /// `tokenizer.ggml.remove_extra_whitespaces`.
    pub remove_extra_whitespaces: Option<bool>,
    /// `tokenizer.ggml.precompiled_charsmap`: `SentencePiece`'s normalization.
    pub charsmap: Vec<u8>,
    /// `tokenizer.ggml.normalizer.lowercase`.
    pub lowercase: Option<bool>,
    /// `tokenizer.ggml.normalizer.strip_accents`.
    pub strip_accents: Option<bool>,
    /// `general.name` and `general.architecture`: some models' special tokens swallow the white space beside them, which no key says.
    pub model_name: String,
    /// See `model_name`.
    pub architecture: String,
    /// `tokenizer.chat_template`.
    pub chat_template: Option<String>,
}

/// The names of special ids in their keys `tokenizer.ggml.NAME_token_id`.
pub const SPECIAL: [&str; 17] = [
    "bos",
    "eos",
    "eot",
    "eom",
    "unknown",
    "seperator",
    "padding",
    "mask",
    "fim_pad",
    "fim_rep",
    "fim_sep",
    "fim_pre",
    "fim_suf",
    "fim_mid",
    "prefix",
    "suffix",
    "middle",
];

/// A checked vocabulary: every id in it is below `len`, every token text is non-empty.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the file")]
pub struct Vocabulary {
    /// The kind of tokenizer: "gpt2" is byte-level BPE, "llama" `SentencePiece` BPE, "t5" unigram, "bert" `WordPiece`.
    pub model: String,
    /// The name of the pre-tokenizer; "default" where the file names none.
    pub pre: String,
    /// Token texts by id. In a byte-level vocabulary normal tokens are written in the GPT-2 byte alphabet.
    pub tokens: Vec<String>,
    /// Token kinds by id, as many as `tokens`.
    pub kinds: Vec<TokenKind>,
    /// "left right", best first; each has a space between two non-empty halves.
    pub merges: Vec<String>,
    /// Scores by id, as many as `tokens`; empty where the file has none, which means all 0.
    pub scores: Vec<f32>,
    /// Begin of sequence.
    pub bos: Option<u32>,
    /// End of sequence.
    pub eos: Option<u32>,
    /// End of turn.
    pub eot: Option<u32>,
    /// Unknown.
    pub unk: Option<u32>,
    /// Stands between and behind texts, for models that read but don't write.
    pub sep: Option<u32>,
    /// Padding.
    pub pad: Option<u32>,
    /// Whether a prompt begins with `bos`; only true where there is one.
    pub add_bos: bool,
    /// Whether a prompt ends with `eos`; only true where there is one.
    pub add_eos: bool,
    /// Whether a space goes before the text (`SentencePiece`).
    pub add_space_prefix: bool,
    /// Whether runs of spaces count as one (`SentencePiece` unigram).
    pub remove_extra_whitespaces: bool,
    /// `SentencePiece`'s table of replacements before tokenizing; empty if there is none.
    pub charsmap: Vec<u8>,
    /// Whether text is lowercased first (`WordPiece`).
    pub lowercase: bool,
    /// Whether accents are taken off first (`WordPiece`).
    pub strip_accents: bool,
    /// Special tokens that swallow the white space before them.
    pub strips_left: BTreeSet<u32>,
    /// Tokens that are found only where no letter or digit stands beside them.
    pub single_words: BTreeSet<u32>,
    /// Special tokens that swallow the white space behind them.
    pub strips_right: BTreeSet<u32>,
    /// The model's Jinja chat template.
    pub chat_template: Option<String>,
    /// Tokens after which nothing more is generated.
    pub end_of_generation: BTreeSet<u32>,
    /// What was odd but could be worked with.
    pub warnings: Vec<String>,
}

/// Pre-tokenizers whose models expect a begin-of-sequence token unless the file says otherwise.
const PRE_WITH_BOS: [&str; 12] = [
    "llama3",
    "llama-v3",
    "llama-bpe",
    "falcon3",
    "falcon-h1",
    "pixtral",
    "midm-2.0",
    "lfm2",
    "jina-v5-nano",
    "tekken",
    "chameleon",
    "gemma4",
];

impl Vocabulary {
    /// Checks `parts` from the file at `path`.
    ///
    /// # Errors
    /// `Error::Format` naming the key, when there are no tokens, more than 2³² of them, or fewer kinds than tokens.
    pub fn new(path: &Path, parts: Parts) -> Result<Self> {
        let mut warnings = Vec::new();
        let count = parts.tokens.len();
        if count == 0 || u32::try_from(count).is_err() {
            return Err(Error::format(path, "key `tokenizer.ggml.tokens`", "1 to 2³² tokens", format!("{count} tokens")));
        }
        let mut kinds = kinds(path, parts.kinds.as_deref(), count)?;
        let scores = scores(path, parts.scores, count)?;
        let tokens = named(parts.tokens, &mut warnings);
        count_twins(&tokens, &mut warnings);
        let merges = whole_merges(parts.merges, &mut warnings);
        let defaults = defaults(&parts.model);
        let ids: Vec<(&str, u32)> =
            SPECIAL.iter().filter_map(|name| Some((*name, special_id(&parts.special, name, count, defaults, &mut warnings)?))).collect();
        let special = |name: &str| ids.iter().find(|(key, _)| *key == name).map(|(_, id)| *id);
        let known = known::find(&tokens, &mut kinds, &special, &mut warnings);

        let pre = match parts.pre.filter(|pre| !pre.is_empty()) {
            _ if parts.model == "gemma4" => "gemma4".to_owned(),
            Some(pre) => pre,
            None => {
                if parts.model == "gpt2" {
                    warnings.push("the file names no pre-tokenizer; the default one is used, answers may be worse".into());
                }
                "default".to_owned()
            }
        };
        let bos = special("bos")
            .filter(|_| !matches!(pre.as_str(), "chatglm-bpe" | "glm4" | "glm5") || parts.special.iter().any(|(name, _)| name == "bos"));
        let with_bos = matches!(parts.model.as_str(), "llama" | "bert") || PRE_WITH_BOS.contains(&pre.as_str());
        let add_bos = pre == "gemma4" || parts.add_bos.unwrap_or(with_bos);
        if add_bos && bos.is_none() {
            warnings.push("the file asks for a begin-of-sequence token but names none".into());
        }
        let eos = special("eos");
        let lowercase = parts.lowercase.unwrap_or(true);
        let mut vocabulary = Self {
            add_space_prefix: parts.add_space_prefix.unwrap_or(parts.model == "llama"),
            remove_extra_whitespaces: parts.remove_extra_whitespaces.unwrap_or(false),
            charsmap: parts.charsmap,
            lowercase,
            strip_accents: parts.strip_accents.unwrap_or(lowercase),
            strips_left: BTreeSet::new(),
            single_words: BTreeSet::new(),
            strips_right: BTreeSet::new(),
            pre,
            tokens,
            kinds,
            merges,
            scores,
            bos,
            eos,
            eot: known.eot,
            unk: special("unknown"),
            sep: special("seperator"),
            pad: special("padding"),
            add_bos: add_bos && bos.is_some(),
            add_eos: parts.add_eos.unwrap_or(parts.model == "t5") && eos.is_some(),
            model: parts.model,
            chat_template: parts.chat_template.filter(|template| !template.trim().is_empty()),
            end_of_generation: known.ends,
            warnings,
        };
        vocabulary.note_strips(&parts.model_name.to_lowercase(), &parts.architecture);
        Ok(vocabulary)
    }

    /// Which special tokens swallow white space, by the names llama.cpp goes by.
    fn note_strips(&mut self, model_name: &str, architecture: &str) {
        let among = |name: &str, some: &[&str]| some.iter().any(|part| name.contains(part));
        if among(&self.pre, &["jina-v2-de", "jina-v2-es", "jina-v2-code"]) || among(architecture, &["nomic-bert-moe", "jina-bert-v3"]) {
            self.strips_left.extend(self.id("<mask>"));
        } else if among(model_name, &["phi-3", "phi3"]) {
            let strips = |id: &u32| !["<unk>", "<s>", "<|endoftext|>"].contains(&self.tokens[*id as usize].as_str());
            self.strips_right = (0..).take(self.len()).filter(|&id| self.is_special(id)).chain(self.id("</s>")).filter(strips).collect();
        } else if model_name.contains("modern-bert") {
            self.strips_left.extend(self.id("[MASK]"));
        }
    }

    /// Whether a token is found in a text before anything else is: control, unknown or user-defined.
    #[must_use]
    pub fn is_special(&self, id: u32) -> bool {
        matches!(self.kind(id), TokenKind::Control | TokenKind::Unknown | TokenKind::UserDefined)
    }

    /// The score of a token; 0 where the file has none.
    #[must_use]
    pub fn score(&self, id: u32) -> f32 {
        self.scores.get(id as usize).copied().unwrap_or(0.0)
    }

    /// How many tokens there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Never: a vocabulary has at least one token.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The text of a token as the file writes it; none for an id outside the vocabulary.
    #[must_use]
    pub fn text(&self, id: u32) -> Option<&str> {
        self.tokens.get(id as usize).map(String::as_str)
    }

    /// The kind of a token; `Undefined` for an id outside the vocabulary.
    #[must_use]
    pub fn kind(&self, id: u32) -> TokenKind {
        self.kinds.get(id as usize).copied().unwrap_or(TokenKind::Undefined)
    }

    /// The first token with this text. A linear search: for the few look-ups of a start.
    #[must_use]
    pub fn id(&self, text: &str) -> Option<u32> {
        self.tokens.iter().position(|token| token == text).and_then(|id| u32::try_from(id).ok())
    }

    /// Whether generation stops at this token.
    #[must_use]
    pub fn ends_generation(&self, id: u32) -> bool {
        self.end_of_generation.contains(&id)
    }
}

fn kinds(path: &Path, numbers: Option<&[i64]>, count: usize) -> Result<Vec<TokenKind>> {
    let Some(numbers) = numbers else { return Ok(vec![TokenKind::Normal; count]) };
    if numbers.len() < count {
        let found = format!("{} kinds", numbers.len());
        return Err(Error::format(path, "key `tokenizer.ggml.token_type`", format!("{count} kinds, one per token"), found));
    }
    Ok(numbers[..count].iter().map(|&number| TokenKind::from_gguf(number)).collect())
}

fn scores(path: &Path, scores: Option<Vec<f32>>, count: usize) -> Result<Vec<f32>> {
    let mut scores = scores.unwrap_or_default();
    if !scores.is_empty() && scores.len() < count {
        let found = format!("{} scores", scores.len());
        return Err(Error::format(path, "key `tokenizer.ggml.scores`", format!("{count} scores, one per token"), found));
    }
    scores.truncate(count);
    Ok(scores)
}

/// Gives empty tokens a name that no text contains by accident, as llama.cpp does.
fn named(mut tokens: Vec<String>, warnings: &mut Vec<String>) -> Vec<String> {
    let mut empty = 0_usize;
    for (id, token) in tokens.iter_mut().enumerate() {
        if token.is_empty() {
            *token = format!("[EMPTY_{id}]");
            empty += 1;
        }
    }
    if empty > 0 {
        warnings.push(format!("key `tokenizer.ggml.tokens`: {empty} tokens are empty"));
    }
    tokens
}

/// Says how many texts occur more than once. Sorted numbers cost a file's liars less memory than a table of all texts.
fn count_twins(tokens: &[String], warnings: &mut Vec<String>) {
    let mut order: Vec<u32> = (0..).take(tokens.len()).collect();
    order.sort_unstable_by_key(|&id| &tokens[id as usize]);
    let twins = order.windows(2).filter(|pair| tokens[pair[0] as usize] == tokens[pair[1] as usize]).count();
    if twins > 0 {
        warnings.push(format!("key `tokenizer.ggml.tokens`: {twins} tokens occur twice; the first of each is used"));
    }
}

fn whole_merges(mut merges: Vec<String>, warnings: &mut Vec<String>) -> Vec<String> {
    let before = merges.len();
    merges.retain(|merge| split_merge(merge).is_some());
    if merges.len() < before {
        warnings.push(format!("key `tokenizer.ggml.merges`: {} entries have no space and are left out", before - merges.len()));
    }
    merges
}

/// The halves of a merge. The first character may itself be a space.
#[must_use]
pub fn split_merge(merge: &str) -> Option<(&str, &str)> {
    let first = merge.chars().next()?.len_utf8();
    let at = first + merge[first..].find(' ')?;
    let (left, right) = (&merge[..at], &merge[at + 1..]);
    (!right.is_empty()).then_some((left, right))
}

/// The ids of special tokens that a kind of tokenizer has where the file names none.
fn defaults(model: &str) -> &'static [(&'static str, u32)] {
    match model {
        "llama" => &[("bos", 1), ("eos", 2), ("unknown", 0)],
        "bert" => &[("bos", 101), ("unknown", 100), ("seperator", 102), ("padding", 0), ("mask", 103)],
        "t5" => &[("eos", 1), ("unknown", 2), ("padding", 0)],
        _ => &[],
    }
}

fn special_id(
    special: &[(String, u64)],
    name: &str,
    count: usize,
    defaults: &[(&'static str, u32)],
    warnings: &mut Vec<String>,
) -> Option<u32> {
    let default = defaults.iter().find(|(key, id)| *key == name && (*id as usize) < count).map(|(_, id)| *id);
    let Some((_, id)) = special.iter().find(|(key, _)| key == name) else { return default };
    match u32::try_from(*id) {
        Ok(id) if (id as usize) < count => Some(id),
        _ => {
            warnings.push(format!("key `tokenizer.ggml.{name}_token_id`: token {id} is outside the vocabulary of {count}; ignored"));
            default
        }
    }
}
