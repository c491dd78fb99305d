//! What a file says about its tokens: texts, kinds, merges, special ids, chat template. Validated once, plain data afterwards.
//!
//! Left out: splitting text into tokens (`tokenizer`), and whether the vocabulary fits the embedding (the decoder compares `len`).

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use crate::error::{Error, Result};
use crate::file::ModelFile;

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
    /// Special ids by the name in their key: "bos", "eos", "eot", "eom", "unknown", "padding", and fill-in-the-middle's
    /// `fim_pad`, `fim_rep`, `fim_sep`.
    pub special: Vec<(String, u64)>,
    /// `tokenizer.ggml.add_bos_token`.
    pub add_bos: Option<bool>,
    /// `tokenizer.ggml.add_eos_token`.
    pub add_eos: Option<bool>,
    /// `tokenizer.ggml.add_space_prefix`.
    pub add_space_prefix: Option<bool>,
    /// `tokenizer.chat_template`.
    pub chat_template: Option<String>,
}

/// A checked vocabulary: every id in it is below `len`, every token text is non-empty.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Vocabulary {
    /// The kind of tokenizer: "gpt2" is byte-level BPE.
    pub model: String,
    /// The name of the pre-tokenizer; "default" where the file names none.
    pub pre: String,
    /// Token texts by id. In a byte-level vocabulary normal tokens are written in the GPT-2 byte alphabet.
    pub tokens: Vec<String>,
    /// Token kinds by id, as many as `tokens`.
    pub kinds: Vec<TokenKind>,
    /// "left right", best first; each has a space between two non-empty halves.
    pub merges: Vec<String>,
    /// Begin of sequence.
    pub bos: Option<u32>,
    /// End of sequence.
    pub eos: Option<u32>,
    /// End of turn.
    pub eot: Option<u32>,
    /// Unknown.
    pub unk: Option<u32>,
    /// Padding.
    pub pad: Option<u32>,
    /// Whether a prompt begins with `bos`; only true where there is one.
    pub add_bos: bool,
    /// Whether a prompt ends with `eos`; only true where there is one.
    pub add_eos: bool,
    /// Whether a space goes before the text (`SentencePiece`).
    pub add_space_prefix: bool,
    /// The model's Jinja chat template.
    pub chat_template: Option<String>,
    /// Tokens after which nothing more is generated.
    pub end_of_generation: BTreeSet<u32>,
    /// What was odd but could be worked with.
    pub warnings: Vec<String>,
}

/// Texts that end a turn or an answer in some model family, whatever the file calls them (llama.cpp's list, as llama-cpp-python 0.3.36 has it).
const END_TEXTS: [&str; 22] = [
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|flush|>",
    "<|calls|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<eos>",
    "<turn|>",
    "<|tool_response>",
    "<｜end▁of▁sentence｜>",
    "[e~[",
];
/// Of these, the ones that end a turn, most specific first.
const TURN_TEXTS: [&str; 11] = [
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<end_of_turn>",
    "<end_of_utterance>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "<|end_of_text|>",
    "<|endoftext|>",
    "<｜end▁of▁sentence｜>",
];
/// Fill-in-the-middle tokens that separate files: an answer that reaches one is over.
const FILE_TEXTS: [(&str, &[&str]); 3] = [
    ("fim_pad", &["<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"]),
    ("fim_rep", &["<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"]),
    ("fim_sep", &["<|file_sep|>"]),
];
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
    /// The vocabulary in a file's metadata (`tokenizer.*`).
    ///
    /// # Errors
    /// `Error::Format` naming the key that is missing or wrong; what reading the file says.
    pub fn read(file: &ModelFile) -> Result<Self> {
        let metadata = &file.metadata;
        let key = |name: &str| format!("tokenizer.ggml.{name}");
        let has = |name: &str| metadata.get(&key(name)).is_some();
        let model = metadata.str("tokenizer.ggml.model").ok_or_else(|| {
            let found =
                metadata.get("tokenizer.ggml.model").map_or_else(|| "nothing: the file has no tokenizer".into(), ToString::to_string);
            Error::format(&file.path, "key `tokenizer.ggml.model`", "the name of a tokenizer", found)
        })?;
        let special = ["bos", "eos", "eot", "eom", "unknown", "padding", "fim_pad", "fim_rep", "fim_sep"];
        let parts = Parts {
            model: model.to_owned(),
            pre: metadata.str("tokenizer.ggml.pre").map(str::to_owned),
            tokens: file.strings("tokenizer.ggml.tokens")?,
            kinds: if has("token_type") { Some(file.integers("tokenizer.ggml.token_type")?) } else { None },
            merges: if has("merges") { file.strings("tokenizer.ggml.merges")? } else { Vec::new() },
            special: special
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), metadata.u64(&key(&format!("{name}_token_id")))?)))
                .collect(),
            add_bos: metadata.bool("tokenizer.ggml.add_bos_token"),
            add_eos: metadata.bool("tokenizer.ggml.add_eos_token"),
            add_space_prefix: metadata.bool("tokenizer.ggml.add_space_prefix"),
            chat_template: metadata.str("tokenizer.chat_template").map(str::to_owned),
        };
        Self::new(&file.path, parts)
    }

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
        let tokens = named(parts.tokens, &mut warnings);
        let ids = ids_by_text(&tokens, &mut warnings);
        let merges = whole_merges(parts.merges, &mut warnings);
        let special = |name: &str, warnings: &mut Vec<String>| special_id(&parts.special, name, count, warnings);

        let bos = special("bos", &mut warnings);
        let eos = special("eos", &mut warnings);
        let first_of = |texts: &[&str]| texts.iter().find_map(|text| ids.get(*text)).copied();
        let eot = special("eot", &mut warnings).or_else(|| first_of(&TURN_TEXTS));
        let mut ends: BTreeSet<u32> = END_TEXTS.iter().filter_map(|text| ids.get(*text).copied()).collect();
        for (name, texts) in FILE_TEXTS {
            ends.extend(special(name, &mut warnings).or_else(|| first_of(texts)));
        }
        // a text that ends an answer is structure even where the file calls it ordinary
        for &id in &ends {
            if kinds[id as usize] != TokenKind::Control {
                warnings
                    .push(format!("token {id} `{}` ends an answer but is not marked as control; treated as control", tokens[id as usize]));
                kinds[id as usize] = TokenKind::Control;
            }
        }
        ends.extend(eos);
        ends.extend(eot);
        ends.extend(special("eom", &mut warnings));
        spare_inner_ends(&mut ends, &tokens, &mut kinds);

        let pre = parts.pre.filter(|pre| !pre.is_empty()).unwrap_or_else(|| {
            if parts.model == "gpt2" {
                warnings.push("the file names no pre-tokenizer; the default one is used, answers may be worse".into());
            }
            "default".into()
        });
        let bos = if matches!(pre.as_str(), "chatglm-bpe" | "glm4" | "glm5") && !parts.special.iter().any(|(name, _)| name == "bos") {
            None
        } else {
            bos
        };
        let add_bos = parts.add_bos.unwrap_or_else(|| parts.model == "llama" || PRE_WITH_BOS.contains(&pre.as_str()));
        if add_bos && bos.is_none() {
            warnings.push("the file asks for a begin-of-sequence token but names none".into());
        }
        let unk = special("unknown", &mut warnings);
        let pad = special("padding", &mut warnings);
        Ok(Self {
            add_space_prefix: parts.add_space_prefix.unwrap_or(parts.model == "llama"),
            model: parts.model,
            pre,
            tokens,
            kinds,
            merges,
            bos,
            eos,
            eot,
            unk,
            pad,
            add_bos: add_bos && bos.is_some(),
            add_eos: parts.add_eos.unwrap_or(false) && eos.is_some(),
            chat_template: parts.chat_template.filter(|template| !template.trim().is_empty()),
            end_of_generation: ends,
            warnings,
        })
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

fn ids_by_text<'t>(tokens: &'t [String], warnings: &mut Vec<String>) -> HashMap<&'t str, u32> {
    let mut ids = HashMap::with_capacity(tokens.len());
    for (id, token) in (0..).zip(tokens) {
        ids.entry(token.as_str()).or_insert(id);
    }
    if ids.len() < tokens.len() {
        warnings.push(format!("key `tokenizer.ggml.tokens`: {} tokens occur twice; the first of each is used", tokens.len() - ids.len()));
    }
    ids
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

fn special_id(special: &[(String, u64)], name: &str, count: usize, warnings: &mut Vec<String>) -> Option<u32> {
    let (_, id) = special.iter().find(|(key, _)| key == name)?;
    match u32::try_from(*id) {
        Ok(id) if (id as usize) < count => Some(id),
        _ => {
            warnings.push(format!("key `tokenizer.ggml.{name}_token_id`: token {id} is outside the vocabulary of {count}; ignored"));
            None
        }
    }
}

/// In two families a listed text is an inner mark: `<|end|>` beside `<|return|>` and `<|call|>`, `</s>` beside `<|tool_response>`.
fn spare_inner_ends(ends: &mut BTreeSet<u32>, tokens: &[String], kinds: &mut [TokenKind]) {
    let id_of = |text: &str| ends.iter().copied().find(|&id| tokens[id as usize] == text);
    let (call, calls) = (id_of("<|call|>"), id_of("<|calls|>"));
    let inner_end = call.or(calls).is_some() && id_of("<|return|>").or(id_of("<|flush|>")).is_some();
    let end = id_of("<|end|>").filter(|_| inner_end);
    let slash = id_of("</s>").filter(|_| id_of("<|tool_response>").is_some());
    if let Some(id) = end {
        ends.remove(&id);
    }
    if let Some(id) = slash {
        ends.remove(&id);
        kinds[id as usize] = TokenKind::Normal;
    }
}
