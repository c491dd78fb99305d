//! Documents as tokens, packed into sequences: one after the other, the last one cut.

use std::collections::{HashSet, VecDeque};

use ponder::pocket::corpus::{Segment, document};

use super::tokenizer::{BEGIN, END, POCKET, SYSTEM, Tokenizer, USER};

/// What a token counts beside one of an answer where most of what it tells is chance: a word that a story has not said yet, or what
/// comes before a result in the book. There are many, and they teach little.
const CHANCE: f32 = 0.1;

/// Sequences of equal length, one after the other.
#[derive(Clone)]
pub struct Batch {
    /// Tokens read.
    pub inputs: Vec<u32>,
    /// The token after each.
    pub targets: Vec<u32>,
    /// What the loss at each position counts: zero where nothing is to be learned.
    pub weights: Vec<f32>,
    /// Tokens per sequence.
    pub length: usize,
}

impl Batch {
    /// The batch in parts of about `tokens` tokens, with weights that sum up to one over all of them.
    pub fn parts(mut self, tokens: usize) -> VecDeque<Self> {
        let total: f32 = self.weights.iter().sum::<f32>().max(1.0);
        self.weights.iter_mut().for_each(|weight| *weight /= total);
        let size = (tokens / self.length).max(1) * self.length;
        let length = self.length;
        let chunks = self.inputs.chunks(size).zip(self.targets.chunks(size)).zip(self.weights.chunks(size));
        chunks.map(|((i, t), w)| Self { inputs: i.to_vec(), targets: t.to_vec(), weights: w.to_vec(), length }).collect()
    }
}

/// The corpus from some document on.
pub struct Feed {
    tokenizer: Tokenizer,
    /// The next document.
    pub next: u64,
}

impl Feed {
    /// The documents from number `next` on.
    pub fn new(tokenizer: Tokenizer, next: u64) -> Self {
        Self { tokenizer, next }
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The tokenizer, which learns words as it meets them.
    pub fn tokenizer_mut(&mut self) -> &mut Tokenizer {
        &mut self.tokenizer
    }

    /// The tokens of a document, and what it counts to predict each.
    pub fn encode(&mut self, document: &[Segment]) -> (Vec<u32>, Vec<f32>) {
        let (mut tokens, mut weights) = (Vec::new(), Vec::new());
        for segment in document {
            let (head, pieces) = match segment {
                Segment::Begin => {
                    tokens.push(BEGIN);
                    weights.push(0.0);
                    continue;
                }
                Segment::User(text) => (Some(USER), vec![(&**text, 0.0)]),
                Segment::System(text) => (Some(SYSTEM), vec![(&**text, 0.0)]),
                Segment::Answer(text) => (Some(POCKET), vec![(&**text, 1.0)]),
                Segment::Told(text) => (Some(POCKET), story(text)),
                Segment::Story(text) => (None, story(text)),
                Segment::Page(text) => (None, page(text)),
            };
            tokens.extend(head);
            weights.resize(tokens.len(), 0.0);
            let mut last = 0.0;
            for (text, weight) in pieces {
                self.tokenizer.encode(text, &mut tokens);
                weights.resize(tokens.len(), weight);
                last = weight;
            }
            tokens.push(END);
            weights.push(last);
        }
        (tokens, weights)
    }

    /// The next `sequences` sequences.
    pub fn batch(&mut self, sequences: usize, length: usize) -> Batch {
        let mut batch = Batch { inputs: Vec::new(), targets: Vec::new(), weights: Vec::new(), length };
        for _ in 0..sequences {
            let (mut tokens, mut weights) = (Vec::new(), Vec::new());
            while tokens.len() <= length {
                let (more, their) = self.encode(&document(self.next).segments);
                tokens.extend(more);
                weights.extend(their);
                self.next += 1;
            }
            batch.inputs.extend(&tokens[..length]);
            batch.targets.extend(&tokens[1..=length]);
            batch.weights.extend(&weights[1..=length]);
        }
        batch
    }
}

/// A page of the book in pieces that can be tokenized one by one: what is given, and what follows from it.
fn page(text: &str) -> Vec<(&str, f32)> {
    let mut pieces = Vec::new();
    for line in text.split_inclusive('\n') {
        let result = line.find(": ").map_or(line.len(), |colon| colon + 1);
        let (given, result) = line.split_at(result);
        pieces.push((given, CHANCE));
        if !result.is_empty() {
            pieces.push((result, 1.0));
        }
    }
    pieces
}

/// Words that follow from a name said before.
const PRONOUNS: [&str; 5] = ["he", "she", "his", "her", "him"];

/// A story word by word: one that it has said before mostly follows from what it said, a new one is mostly chance.
fn story(text: &str) -> Vec<(&str, f32)> {
    let mut said = HashSet::new();
    let ends = text.match_indices(' ').map(|(at, _)| at).chain([text.len()]);
    let mut start = 0;
    ends.map(|end| {
        let word = &text[start..end];
        start = end;
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        (word, if said.insert(bare) && !PRONOUNS.contains(&bare) { CHANCE } else { 1.0 })
    })
    .collect()
}
