//! From a token's text to its id, without a second copy of the texts.

use std::hash::{BuildHasher as _, RandomState};

const EMPTY: u32 = u32::MAX;

/// A hash table of ids; the texts stay where they are and are handed to each call.
#[derive(Debug)]
pub struct TextIndex {
    /// Twice as many as texts at least, a power of two; probed one after the other.
    slots: Vec<u32>,
    state: RandomState,
    longest: usize,
}

impl TextIndex {
    /// Over `texts`; of equal ones the first counts.
    pub fn new(texts: &[String]) -> Self {
        let slots = vec![EMPTY; (texts.len() * 2).next_power_of_two()];
        let longest = texts.iter().map(String::len).max().unwrap_or(0);
        let mut index = Self { slots, state: RandomState::new(), longest };
        for (id, text) in (0..).zip(texts) {
            let (slot, found) = index.probe(texts, text);
            if found.is_none() {
                index.slots[slot] = id;
            }
        }
        index
    }

    /// The first id with this text.
    pub fn find(&self, texts: &[String], text: &str) -> Option<u32> {
        if text.len() > self.longest { None } else { self.probe(texts, text).1 }
    }

    /// The length in bytes of the longest text.
    pub const fn longest(&self) -> usize {
        self.longest
    }

    /// The slot where `text` is or would be.
    fn probe(&self, texts: &[String], text: &str) -> (usize, Option<u32>) {
        let mask = self.slots.len() - 1;
        #[expect(clippy::cast_possible_truncation, reason = "any bits of a hash will do")]
        let mut slot = self.state.hash_one(text) as usize & mask;
        loop {
            match self.slots[slot] {
                EMPTY => return (slot, None),
                id if texts[id as usize] == text => return (slot, Some(id)),
                _ => slot = (slot + 1) & mask,
            }
        }
    }
}
