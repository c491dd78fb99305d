//! Finding special tokens in a text: the longest token first, wherever it stands, as llama.cpp does; in one pass over the text
//! and one over what was found.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::Range;

use super::trie::Trie;
use crate::engine::vocabulary::Vocabulary;
use crate::error::{Error, Result};

/// A part of a text: one special token, or text still to be cut into words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fragment {
    /// A special token, and where its text stands.
    Special(u32, Range<usize>),
    /// Ordinary text.
    Text(Range<usize>),
}

/// White space that some tokens swallow.
const WHITE: &[u8] = b" \t\n\x0b\x0c\r";

/// The special tokens of a vocabulary.
#[derive(Debug)]
pub struct SpecialTokens {
    /// Longest text first.
    ids: Vec<u32>,
    /// Over their places in `ids`.
    trie: Trie,
}

impl SpecialTokens {
    /// Control, unknown and user-defined tokens.
    pub fn new(vocabulary: &Vocabulary) -> Self {
        let text = |id: u32| vocabulary.text(id).unwrap_or_default();
        let mut ids: Vec<u32> = (0..).take(vocabulary.len()).filter(|&id| vocabulary.is_special(id)).collect();
        ids.sort_by_key(|&id| std::cmp::Reverse(text(id).len()));
        let trie = Trie::new((0..).take(ids.len()), |place| text(ids[place as usize]));
        Self { ids, trie }
    }

    /// All of them, longest text first.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Cuts `text` at the tokens that `wanted` accepts. White space that a token swallows is in no fragment.
    ///
    /// # Errors
    /// `Error::Cancelled` when `go_on` says no.
    pub fn fragments(
        &self,
        vocabulary: &Vocabulary,
        text: &str,
        wanted: &dyn Fn(u32) -> bool,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Vec<Fragment>> {
        let bytes = text.as_bytes();
        // the longest token at `start` that is shorter than `below`
        let longest = |start: usize, below: usize| {
            let here = self.trie.prefixes(&bytes[start..]).take_while(|&(length, _)| length < below);
            here.filter(|&(_, place)| wanted(self.ids[place as usize]))
                .last()
                .map(|(length, place)| Reverse((place, start, start + length)))
        };
        let mut found = BinaryHeap::new();
        for start in 0..bytes.len() {
            if start % (1 << 16) == 0 && !go_on() {
                return Err(Error::Cancelled);
            }
            found.extend(longest(start, usize::MAX));
        }
        let mut free = BTreeMap::from([(0, bytes.len())]);
        let mut taken = Vec::new();
        let mut tried = 0_usize;
        while let Some(Reverse((place, start, end))) = found.pop() {
            tried += 1;
            if tried.is_multiple_of(1 << 14) && !go_on() {
                return Err(Error::Cancelled);
            }
            let Some((&from, &to)) = free.range(..=start).next_back().filter(|&(_, &to)| start < to) else { continue };
            let alone = || {
                let joins = |c: char| c.is_alphanumeric() || c == '_';
                !text[..start].ends_with(joins) && !text[end..].starts_with(joins)
            };
            let id = self.ids[place as usize];
            if end > to || (vocabulary.single_words.contains(&id) && !alone()) {
                found.extend(longest(start, end - start));
                continue;
            }
            let (mut left, mut right) = (start, end);
            if vocabulary.strips_left.contains(&id) {
                left -= bytes[from..start].iter().rev().take_while(|byte| WHITE.contains(byte)).count();
            }
            if vocabulary.strips_right.contains(&id) {
                right += bytes[end..to].iter().take_while(|byte| WHITE.contains(byte)).count();
            }
            free.remove(&from);
            if from < left {
                free.insert(from, left);
            }
            if right < to {
                free.insert(right, to);
            }
            taken.push(Fragment::Special(id, start..end));
        }
        let mut fragments = taken;
        fragments.extend(free.into_iter().filter(|(from, to)| from < to).map(|(from, to)| Fragment::Text(from..to)));
        fragments.sort_unstable_by_key(|fragment| match fragment {
            Fragment::Special(_, range) | Fragment::Text(range) => range.start,
        });
        Ok(fragments)
    }
}
