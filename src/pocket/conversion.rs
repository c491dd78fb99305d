//! Questions about units: grams, kilograms, ounces.

use fastrand::Rng;

use super::amount::{Amount, GRAMS_PER_OUNCE};
use super::fact::Fact;
use super::grammar::any;
use super::question::{Expected, Kind, Question};
use super::things::{people, person_slots, stuff};

/// An amount in another unit.
#[must_use]
pub fn convert(rng: &mut Rng) -> Question {
    let of = stuff(rng);
    let grams = 1000 * rng.u32(1..20) + 100 * rng.u32(..10);
    let (from, to, fact) = match rng.u8(..4) {
        0 => (Amount::in_kilograms(grams), Amount::Grams(grams), Fact::converted(Amount::in_kilograms(grams), "in g")),
        1 => (Amount::Grams(grams), Amount::in_kilograms(grams), Fact::converted(Amount::Grams(grams), "in kg")),
        way => {
            // A table that is learned by heart: what is held out is the amount with what it is of.
            let n = rng.u32(1..17);
            let (ounces, grams) = (Amount::Ounces(n), Amount::Grams(n * GRAMS_PER_OUNCE));
            if way == 2 { (ounces, grams, Fact::converted(ounces, of)) } else { (grams, ounces, Fact::converted(grams, of)) }
        }
    };
    let unit = match to {
        Amount::Grams(_) => "grams",
        Amount::Kilograms { .. } => "kilograms",
        Amount::Ounces(_) => "ounces",
    };
    let [person] = people::<1>(rng);
    let (x, y) = (from.to_string(), to.to_string());
    let slots = [&person_slots(person)[..], &[("x", &*x), ("y", &*y), ("unit", unit), ("of", of)]].concat();
    let text = any(
        &[
            "how many {unit} are {x} of {of}?",
            "what is {x} of {of} in {unit}?",
            "{n} buys {x} of {of}. how many {unit} [is|are] that?",
            "{n} has {x} of {of}. how much is that in {unit}?",
            "convert {x} of {of} to {unit}.",
            "how much is {x} of {of} in {unit}?",
        ],
        &slots,
        rng,
    );
    let answer = any(&["{x} = {y}.", "{x} of {of} is {y}.", "that is {y}.", "{x} is {y}."], &slots, rng);
    Question { kind: Kind::Convert, text, answer, expected: Expected::Amount(to), facts: vec![fact] }
}
