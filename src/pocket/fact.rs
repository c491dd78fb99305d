//! What a text of Pocket's world states, reduced to the combination that has to be known or worked out.
//!
//! A tenth of all facts is held out: no text of the training corpus states one, in whatever words, and only these are asked in the
//! questions by which Pocket is judged.

use super::amount::Amount;
use super::things::{Person, Thing};

/// A combination. Two texts that need the same working out state equal facts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fact(String);

/// Marks what is never held out.
const BY_HEART: &str = "by heart: ";

impl Fact {
    /// `a + b`, and what `a + b` lacks without either: in grams. Of single digits, whatever the zeros behind both, it is a column of
    /// larger sums and known by heart.
    #[must_use]
    pub fn sum(mut a: u32, mut b: u32) -> Self {
        let (low, high) = (a.min(b), a.max(b));
        while a > 0 && a.is_multiple_of(10) && b.is_multiple_of(10) {
            (a, b) = (a / 10, b / 10);
        }
        let known = if a.max(b) < 10 { BY_HEART } else { "" };
        Self(format!("{known}sum {low} {high}"))
    }

    /// Which of two weights (in grams) is more.
    #[must_use]
    pub fn more(a: u32, b: u32) -> Self {
        Self(format!("more {} {}", a.min(b), a.max(b)))
    }

    /// The order of three weights, in grams.
    #[must_use]
    pub fn order(mut weights: [u32; 3]) -> Self {
        weights.sort_unstable();
        Self(format!("order {weights:?}"))
    }

    /// An amount in another unit.
    #[must_use]
    pub fn converted(from: Amount, of: &str) -> Self {
        Self(format!("convert {from} {of}"))
    }

    /// Which of two things is usually heavier.
    #[must_use]
    pub fn usual(a: &Thing, b: &Thing) -> Self {
        let (a, b) = if a.name < b.name { (a, b) } else { (b, a) };
        Self(format!("usual {} {}", a.name, b.name))
    }

    /// Who put down what, in which order.
    #[must_use]
    pub fn put_down(who: &Person, things: &[&Thing]) -> Self {
        let names: Vec<_> = things.iter().map(|thing| thing.name).collect();
        Self(format!("put down {} {}", who.name, names.join(" ")))
    }

    /// A question from elsewhere.
    #[must_use]
    pub fn elsewhere(question: &str) -> Self {
        Self(format!("elsewhere {question}"))
    }

    /// Whether it is kept from training: one of ten, by a hash that no version of anything changes (FNV-1a, 64 bits).
    #[must_use]
    pub fn held_out(&self) -> bool {
        if self.0.starts_with(BY_HEART) {
            return false;
        }
        let hash = self.0.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        (hash >> 32).is_multiple_of(10)
    }
}
