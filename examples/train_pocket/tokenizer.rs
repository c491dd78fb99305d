//! Byte pairs learned from the corpus, and text to tokens with them.
//!
//! Text is cut into words by the decoder's own pre-tokenizer (`smollm`: single digits, then GPT-2's words); the pair that occurs most
//! often becomes a token, the smallest pair among equals, so that the same corpus gives the same tokens on every machine.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use ponder::engine::pretokenizer::PreTokenizer;
use ponder::pocket::corpus::document;

use super::Result;
use super::model::VOCABULARY;

/// The control tokens, by id.
pub const SPECIAL: [&str; 5] = ["<|begin|>", "<|end|>", "<|user|>", "<|pocket|>", "<|system|>"];
/// Begins a document.
pub const BEGIN: u32 = 0;
/// Ends a turn or a text.
pub const END: u32 = 1;
/// Begins what a person says.
pub const USER: u32 = 2;
/// Begins what Pocket says.
pub const POCKET: u32 = 3;
/// Begins a system message.
pub const SYSTEM: u32 = 4;
/// Name of the pre-tokenizer in GGUF.
pub const PRE: &str = "smollm";
/// The token of byte zero.
const FIRST_BYTE: u32 = 5;
/// The token of the first merge.
const FIRST_MERGE: u32 = FIRST_BYTE + 256;
/// Documents that the merges are learned from.
const DOCUMENTS: u64 = 30_000;

type Pair = (u32, u32);

/// The merges, in order, and words seen before.
pub struct Tokenizer {
    merges: Vec<Pair>,
    ids: HashMap<Pair, u32>,
    words: PreTokenizer,
    known: HashMap<Vec<u8>, Vec<u32>>,
}

fn bytes_of(word: &[u8]) -> Vec<u32> {
    word.iter().map(|&byte| FIRST_BYTE + u32::from(byte)).collect()
}

/// Replaces each `pair` by `id`, from the left.
fn merge(tokens: &mut Vec<u32>, pair: Pair, id: u32) {
    let (mut from, mut to) = (0, 0);
    while from < tokens.len() {
        let found = from + 1 < tokens.len() && (tokens[from], tokens[from + 1]) == pair;
        tokens[to] = if found { id } else { tokens[from] };
        from += if found { 2 } else { 1 };
        to += 1;
    }
    tokens.truncate(to);
}

/// The merges of words with their counts, at most as many as the vocabulary has room for.
fn learn(counts: &BTreeMap<Vec<u8>, u64>) -> Vec<Pair> {
    let mut words: Vec<(Vec<u32>, u64)> = counts.iter().map(|(word, &count)| (bytes_of(word), count)).collect();
    let mut merges = Vec::new();
    for id in (FIRST_MERGE..).take(VOCABULARY.saturating_sub(FIRST_MERGE as usize)) {
        let mut pairs: HashMap<Pair, u64> = HashMap::new();
        for (tokens, count) in &words {
            for pair in tokens.windows(2) {
                *pairs.entry((pair[0], pair[1])).or_default() += count;
            }
        }
        let Some((best, _)) = pairs.into_iter().max_by_key(|&(pair, count)| (count, std::cmp::Reverse(pair))) else { break };
        for (tokens, _) in &mut words {
            merge(tokens, best, id);
        }
        words.retain(|(tokens, _)| tokens.len() > 1);
        merges.push(best);
    }
    merges
}

impl Tokenizer {
    /// Learns the merges from the first documents of the corpus.
    ///
    /// # Errors
    /// If the pre-tokenizer cannot be made.
    pub fn train() -> Result<Self> {
        let words = PreTokenizer::new(PRE)?;
        let mut counts: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
        for segment in (0..DOCUMENTS).flat_map(|index| document(index).segments) {
            let text = segment.text();
            for word in words.split(text, &|| true).unwrap_or_default() {
                let word = &text.as_bytes()[word];
                match counts.get_mut(word) {
                    Some(count) => *count += 1,
                    None => _ = counts.insert(word.to_vec(), 1),
                }
            }
        }
        Self::new(learn(&counts))
    }

    fn new(merges: Vec<Pair>) -> Result<Self> {
        let ids = merges.iter().copied().zip(FIRST_MERGE..).collect();
        Ok(Self { merges, ids, words: PreTokenizer::new(PRE)?, known: HashMap::new() })
    }

    /// Reads the merges of a run, or learns and writes them.
    ///
    /// # Errors
    /// If the file cannot be read or written, or holds no merges.
    pub fn open(path: &Path) -> Result<Self> {
        if path.exists() {
            return Self::new(serde_json::from_slice(&std::fs::read(path)?)?);
        }
        let tokenizer = Self::train()?;
        std::fs::write(path, serde_json::to_vec(&tokenizer.merges)?)?;
        Ok(tokenizer)
    }

    /// Adds the tokens of `text` to `out`.
    pub fn encode(&mut self, text: &str, out: &mut Vec<u32>) {
        for range in self.words.split(text, &|| true).unwrap_or_default() {
            let word = &text.as_bytes()[range];
            if let Some(tokens) = self.known.get(word) {
                out.extend_from_slice(tokens);
                continue;
            }
            let mut tokens = bytes_of(word);
            while let Some(&id) = tokens.windows(2).filter_map(|pair| self.ids.get(&(pair[0], pair[1]))).min() {
                merge(&mut tokens, self.merges[(id - FIRST_MERGE) as usize], id);
            }
            out.extend_from_slice(&tokens);
            self.known.insert(word.to_vec(), tokens);
        }
    }

    /// Texts of all tokens in GPT-2's byte alphabet, with the kinds that GGUF gives them: 3 control, 1 normal, 5 unused.
    pub fn tokens(&self) -> (Vec<String>, Vec<i32>) {
        let mut texts: Vec<String> = SPECIAL.iter().map(|&text| text.to_owned()).collect();
        texts.extend(alphabet().iter().map(char::to_string));
        for &(left, right) in &self.merges {
            texts.push(format!("{}{}", texts[left as usize], texts[right as usize]));
        }
        let mut kinds = vec![3; SPECIAL.len()];
        kinds.resize(texts.len(), 1);
        kinds.resize(VOCABULARY, 5);
        texts.extend((texts.len()..VOCABULARY).map(|id| format!("<|unused {id}|>")));
        (texts, kinds)
    }

    /// The merges as GGUF writes them.
    pub fn merges(&self) -> Vec<String> {
        let (texts, _) = self.tokens();
        self.merges.iter().map(|&(left, right)| format!("{} {}", texts[left as usize], texts[right as usize])).collect()
    }
}

/// GPT-2's way to write any byte as a visible character: printable Latin-1 is itself, the others follow from U+0100 on.
fn alphabet() -> Vec<char> {
    let mut others = '\u{100}'..;
    let visible = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..);
    (0..=255).map(|byte| if visible(byte) { char::from(byte) } else { others.next().unwrap_or_default() }).collect()
}
