//! Questions about three things: their order by weight, and the order in which they were put down.

use fastrand::Rng;

use super::fact::Fact;
use super::grammar::{any, expand};
use super::question::{Expected, Kind, Question};
use super::things::{Class, items, people, person_slots, things};

/// Three things by weight.
#[must_use]
pub fn order(rng: &mut Rng) -> Question {
    let told = items::<3>(Class::any(rng), rng);
    let lightest_first = rng.bool();
    let mut sorted = told;
    sorted.sort_unstable_by_key(|item| item.grams);
    let facts = vec![
        Fact::order(told.map(|item| item.grams)),
        Fact::more(sorted[0].grams, sorted[1].grams),
        Fact::more(sorted[1].grams, sorted[2].grams),
        Fact::more(sorted[0].grams, sorted[2].grams),
    ];
    if !lightest_first {
        sorted.reverse();
    }
    let (from, to) = if lightest_first { ("lightest", "heaviest") } else { ("heaviest", "lightest") };
    let names = sorted.map(|item| item.thing.name);
    let [wa, wb, wc] = told.map(|item| item.amount().to_string());
    let [a, b, c] = told.map(|item| item.thing.name);
    let own = [("a", a), ("b", b), ("c", c), ("wa", &*wa), ("wb", &*wb), ("wc", &*wc), ("from", from), ("to", to)];
    let [wx, wy, wz] = sorted.map(|item| item.amount().to_string());
    let answered = [("x", names[0]), ("y", names[1]), ("z", names[2]), ("wx", &*wx), ("wy", &*wy), ("wz", &*wz)];
    let slots = [&own[..], &answered].concat();
    let text = any(
        &[
            "[put|sort|order] them from the {from} to the {to}: {+a} of {wa}, {+b} of {wb}, {+c} of {wc}.",
            "{+a} weighs {wa}, {+b} {wb} and {+c} {wc}. [put|sort|order] them from {from} to {to}.",
            "the {a} weighs {wa}, the {b} {wb} and the {c} {wc}. what is their order, the {from} first?",
            "[order|sort] these from {from} to {to}: {a} {wa}, {b} {wb}, {c} {wc}.",
        ],
        &slots,
        rng,
    );
    let answer = expand("{wx}: the {x}, {wy}: the {y}, {wz}: the {z}.", &slots, rng);
    Question { kind: Kind::Order, text, answer, expected: Expected::Words { order: names.to_vec(), others: Vec::new() }, facts }
}

/// Who put down what first, second, last.
#[must_use]
pub fn recall(rng: &mut Rng) -> Question {
    let put = things::<3>(rng);
    let [person] = people::<1>(rng);
    let wanted = rng.usize(..3);
    let [a, b, c] = put.map(|thing| thing.name);
    let own = [("a", a), ("b", b), ("c", c), ("x", put[wanted].name), ("when", ["first", "second", "last"][wanted])];
    let slots = [&person_slots(person)[..], &own].concat();
    let text = any(
        &[
            "{n} put {+a} on the left pan, then {+b}, then {+c}. [what|which thing] did {n} put down {when}?",
            "first {n} put down {+a}. then {they} put down {+b}. last came {+c}. what did {n} put down {when}?",
            "{n} takes {+a}, {+b} and {+c} and puts them on the pan, one after the other. what does {they} put down {when}?",
            "{n} laid {+a} on the scale. after that {they} added {+b}, and at last {+c}. what did {n} put down {when}?",
        ],
        &slots,
        rng,
    );
    let answer = any(&["the {x}.", "{n} put down the {x} {when}.", "it was the {x}.", "the {x} came {when}."], &slots, rng);
    let others = put.iter().map(|thing| thing.name).filter(|name| *name != put[wanted].name).collect();
    let expected = Expected::Words { order: vec![put[wanted].name], others };
    Question { kind: Kind::Recall, text, answer, expected, facts: vec![Fact::put_down(person, &put)] }
}
