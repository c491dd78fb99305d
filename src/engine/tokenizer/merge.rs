//! Merging neighbours, best pair first: what byte pair encoding and `SentencePiece` have in common.
//!
//! A chain of symbols and a heap of pairs: n symbols take n log n steps, whatever the text.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::error::{Error, Result};

/// A symbol that is no token.
pub const NO_TOKEN: u32 = u32::MAX;
const NOBODY: u32 = u32::MAX;
/// Pairs taken from the heap between two questions whether to go on.
const STRIDE: usize = 1 << 14;

/// A run of bytes that is or may become a token.
#[derive(Debug, Clone, Copy)]
pub struct Symbol {
    /// Its token, or [`NO_TOKEN`].
    pub id: u32,
    /// Where it begins in the text.
    pub start: u32,
    /// Bytes; 0 once it is part of the symbol before it.
    pub len: u32,
    prev: u32,
    next: u32,
}

/// Two neighbours that may become one. Lower ranks come first, and among equals the one further left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pair {
    rank: u32,
    left: u32,
    right: u32,
    /// Their lengths together: if it has changed, so has one of them.
    len: u32,
    id: u32,
}

impl Ord for Pair {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.rank, self.left).cmp(&(other.rank, other.left))
    }
}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Rank and token of two neighbours together, if they make one.
pub type Join<'j> = dyn Fn(&Symbol, &Symbol) -> Option<(u32, u32)> + 'j;

/// Reusable working memory of one text.
#[derive(Debug, Default)]
pub struct Merger {
    symbols: Vec<Symbol>,
    pairs: BinaryHeap<Reverse<Pair>>,
}

impl Merger {
    /// Forgets the text before.
    pub fn clear(&mut self) {
        self.symbols.clear();
        self.pairs.clear();
    }

    /// The next `len` bytes of the text, which are token `id` or none.
    pub fn push(&mut self, id: u32, len: usize) {
        let index = u32::try_from(self.symbols.len()).unwrap_or(NOBODY);
        let start = self.symbols.last_mut().map_or(0, |last| {
            last.next = index;
            last.start + last.len
        });
        let len = u32::try_from(len).unwrap_or(0);
        self.symbols.push(Symbol { id, start, len, prev: index.wrapping_sub(1), next: NOBODY });
    }

    /// Merges until no pair is left. `join` says what two neighbours make.
    ///
    /// # Errors
    /// `Error::Cancelled` when `go_on` says no.
    pub fn run(&mut self, join: &Join<'_>, go_on: &dyn Fn() -> bool) -> Result<()> {
        for left in 1..u32::try_from(self.symbols.len()).unwrap_or(NOBODY) {
            self.consider(left - 1, left, join);
        }
        let mut taken = 0;
        while let Some(Reverse(pair)) = self.pairs.pop() {
            taken += 1;
            if taken % STRIDE == 0 && !go_on() {
                return Err(Error::Cancelled);
            }
            let (left, right) = (self.symbols[pair.left as usize], self.symbols[pair.right as usize]);
            if left.len == 0 || right.len == 0 || left.len + right.len != pair.len {
                continue;
            }
            let joined = &mut self.symbols[pair.left as usize];
            joined.id = pair.id;
            joined.len = pair.len;
            joined.next = right.next;
            self.symbols[pair.right as usize].len = 0;
            if right.next != NOBODY {
                self.symbols[right.next as usize].prev = pair.left;
                self.consider(pair.left, right.next, join);
            }
            if left.prev != NOBODY {
                self.consider(left.prev, pair.left, join);
            }
        }
        Ok(())
    }

    /// What is left, in order.
    pub fn symbols(&self) -> impl Iterator<Item = &Symbol> {
        self.symbols.iter().filter(|symbol| symbol.len > 0)
    }

    fn consider(&mut self, left: u32, right: u32, join: &Join<'_>) {
        let (first, second) = (&self.symbols[left as usize], &self.symbols[right as usize]);
        if let Some((rank, id)) = join(first, second) {
            self.pairs.push(Reverse(Pair { rank, left, right, len: first.len + second.len, id }));
        }
    }
}
