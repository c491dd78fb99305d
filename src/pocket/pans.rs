//! Questions about the two pans: what one lacks, and where the beam goes.

use fastrand::Rng;

use super::amount::Amount;
use super::fact::Fact;
use super::grammar::{any, expand};
use super::question::{Expected, Kind, Question};
use super::things::{Class, items, people, person_slots, stuff, weight};

const ON_A_PAN: &[&str] = &[
    "on the {side} pan [lie|are] {p}, on the {other} pan [lie |]{w}. [what|how much] is missing on the {side} pan?",
    "there are {w} on the {other} pan and {p} on the {side} pan. [what|how much] is missing on the {side} pan?",
    "the {other} pan holds {w}, the {side} pan {p}. [what|how much] is missing on the {side} pan?",
    "the {side} pan holds {p} and the {other} pan {w}. how much must i add on the {side} to balance?",
];

const IN_A_RECIPE: &[&str] = &[
    "the recipe [needs|asks for] {w} of {of}. {n} has {p}. how much is missing?",
    "{n} needs {w} of {of} and has {p}. how much {of} is missing?",
    "i need {w} of {of} and i have {p}. how much more do i need?",
];

const BARE: &[&str] = &["how much is {w} [-|minus] {p}?", "what is {w} [-|minus] {p}?", "{w} - {p}?", "take {p} away from {w}."];

/// What a pan or a recipe lacks, or what is left.
#[must_use]
pub fn missing(rng: &mut Rng) -> Question {
    let class = Class::any(rng);
    let (part, whole) = two_weights(class, rng);
    let rest = Amount::said(whole - part);
    let [p, w, r] = [Amount::said(part), Amount::said(whole), rest].map(|amount| amount.to_string());
    let columns = class.difference(whole, part);
    let (side, other) = if rng.bool() { ("left", "right") } else { ("right", "left") };
    let [person] = people::<1>(rng);
    let slots = [
        &person_slots(person)[..],
        &[("p", &p), ("w", &w), ("r", &r), ("side", side), ("other", other), ("of", stuff(rng)), ("columns", &columns)],
    ]
    .concat();
    let asked = match rng.u8(..4) {
        0 => BARE,
        1 | 2 if class != Class::Heavy => IN_A_RECIPE,
        _ => ON_A_PAN,
    };
    let answers: &[&str] = if asked == BARE {
        &["{w} - {p}: {columns}. that is {r}."]
    } else {
        &["{w} - {p}: {columns}. {r} is missing.", "{w} - {p}: {columns}. it takes {r} more."]
    };
    let (text, answer) = (any(asked, &slots, rng), any(answers, &slots, rng));
    Question { kind: Kind::Missing, text, answer, expected: Expected::Amount(rest), facts: vec![Fact::sum(part, whole - part)] }
}

/// Two different weights of a class, the smaller first.
fn two_weights(class: Class, rng: &mut Rng) -> (u32, u32) {
    loop {
        let (a, b) = (weight(class, rng), weight(class, rng));
        if a != b {
            return (a.min(b), a.max(b));
        }
    }
}

/// Where the beam goes, and why.
#[must_use]
pub fn tilt(rng: &mut Rng) -> Question {
    let class = Class::any(rng);
    if rng.u8(..8) == 0 {
        return level(class, rng);
    }
    let [a, b] = items::<2>(class, rng);
    let [l, r] = [a.amount().to_string(), b.amount().to_string()];
    let (side, other, more, less) = if a.grams > b.grams { ("left", "right", &l, &r) } else { ("right", "left", &r, &l) };
    let [person] = people::<1>(rng);
    let own =
        [("l", &*l), ("r", &*r), ("a", a.thing.name), ("b", b.thing.name), ("side", side), ("other", other), ("m", more), ("k", less)];
    let slots = [&person_slots(person)[..], &own].concat();
    let text = any(
        &[
            "the left pan holds {l} and the right pan [holds |]{r}. [which way|where|why] does the beam tilt?",
            "on the left pan [lie|are] {l}, on the right pan [lie |]{r}. [which way|where] does the beam tilt?",
            "on the left pan lies {+a} of {l}, on the right pan {+b} of {r}. [which way|where|why] does the beam [tilt|go]?",
            "{n} puts {+a} of {l} on the left pan and {+b} of {r} on the right. [which way|where|why] does the beam tilt?",
            "the {a} on the left pan weighs {l}, the {b} on the right pan {r}. which pan goes down?",
            "left {l}, right {r}: which pan goes down?",
        ],
        &slots,
        rng,
    );
    let answer = any(
        &[
            "{m} is more than {k}, so the beam tilts to the {side}.",
            "{m} is more than {k}: the {side} pan goes down.",
            "{m} is more than {k}, so it tilts to the {side}, where the heavier pan is.",
        ],
        &slots,
        rng,
    );
    let expected = Expected::Words { order: vec![side], others: vec![other, "balance"] };
    Question { kind: Kind::Tilt, text, answer, expected, facts: vec![Fact::more(a.grams, b.grams)] }
}

/// Both pans hold the same.
fn level(class: Class, rng: &mut Rng) -> Question {
    let grams = weight(class, rng);
    let amount = Amount::said(grams).to_string();
    let text = expand(
        "[the left pan holds {w} and the right pan [holds |]{w}|on the left pan lie {w}, on the right pan [lie |]{w}]. [which way|where|why] does the beam tilt?",
        &[("w", &amount)],
        rng,
    );
    let answer = expand("{w} is as much as {w}, so the beam is in balance.", &[("w", &amount)], rng);
    let expected = Expected::Words { order: vec!["balance"], others: vec!["left", "right"] };
    Question { kind: Kind::Tilt, text, answer, expected, facts: vec![Fact::more(grams, grams)] }
}
