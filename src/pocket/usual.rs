//! Questions about what things usually weigh.

use fastrand::Rng;

use super::amount::Amount;
use super::fact::Fact;
use super::grammar::any;
use super::question::{Expected, Kind, Question};
use super::things::{Class, things};

/// Which of two is usually heavier, or lighter. The heavier one weighs at least half as much again.
#[must_use]
pub fn heavier(rng: &mut Rng) -> Question {
    let [mut low, mut high] = things::<2>(rng);
    while 2 * low.usual.max(high.usual) < 3 * low.usual.min(high.usual) {
        [low, high] = things::<2>(rng);
    }
    let (a, b) = (low.name, high.name);
    if low.usual > high.usual {
        std::mem::swap(&mut low, &mut high);
    }
    let (first, second, more) = if rng.u8(..3) > 0 { (high, low, "heavier") } else { (low, high, "lighter") };
    let [wx, wy] = [first, second].map(|thing| Amount::said(thing.usual).to_string());
    let slots = [("a", a), ("b", b), ("x", first.name), ("y", second.name), ("wx", &*wx), ("wy", &*wy), ("more", more)];
    let text = any(
        &[
            "which is {more}, {+a} or {+b}?",
            "what is {more}, {+a} or {+b}?",
            "is {+a} or {+b} {more}?",
            "which weighs [{side}], {+a} or {+b}?",
            "what is usually {more}: {+a} or {+b}?",
        ],
        &[&slots[..], &[("side", if more == "heavier" { "more" } else { "less" })]].concat(),
        rng,
    );
    let answer = any(
        &[
            "{+x} is {more}. {+x} weighs about {wx}, {+y} about {wy}.",
            "{+x}: it weighs about {wx}, {+y} about {wy}.",
            "{+x} is {more}: about {wx} against {wy}.",
        ],
        &slots,
        rng,
    );
    let expected = Expected::Words { order: vec![first.name], others: vec![second.name] };
    Question { kind: Kind::Usual, text, answer, expected, facts: vec![Fact::usual(low, high)] }
}

/// What one usually weighs: known by heart, so never held out.
#[must_use]
pub fn about(rng: &mut Rng) -> Question {
    let things = Class::any(rng).things();
    let thing = &things[rng.usize(..things.len())];
    let amount = Amount::said(thing.usual);
    let w = amount.to_string();
    let slots = [("x", thing.name), ("w", &*w)];
    let text = any(
        &[
            "how much does {+x} weigh?",
            "what does {+x} weigh?",
            "how heavy is {+x}?",
            "what is the weight of {+x}?",
            "do you know what {+x} weighs?",
        ],
        &slots,
        rng,
    );
    let answer = any(&["{+x} weighs about {w}.", "about {w}.", "{+x} usually weighs about {w}."], &slots, rng);
    Question { kind: Kind::Usual, text, answer, expected: Expected::Amount(amount), facts: Vec::new() }
}
