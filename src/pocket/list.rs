//! Pages of lists with what is to be found in them, line by line: the densest way to learn to look something up.
//!
//! Nothing is worked out here, so nothing that could be held out is stated.

use fastrand::Rng;

use super::grammar::{expand, phrase};
use super::things::{Class, items, people, things};

/// Entries of a list.
const ENTRIES: usize = 6;
const PLACES: [&str; ENTRIES] = ["first", "second", "third", "fourth", "fifth", "last"];

/// A page: the list, and then up to eight lines that each find something in it.
#[must_use]
pub fn page(rng: &mut Rng) -> String {
    let (list, mut found) = match rng.u8(..5) {
        0 | 1 => weights(rng),
        2 | 3 => row(rng),
        _ => owners(rng),
    };
    rng.shuffle(&mut found);
    found.truncate(rng.usize(4..9));
    found.insert(0, list);
    found.join("\n")
}

/// Entries in one sentence: a pattern for the first, and one for those behind it.
fn sentence(entries: &[[(&str, &str); 2]], [first, other]: [&str; 2], rng: &mut Rng) -> String {
    let said: Vec<String> = entries.iter().enumerate().map(|(at, slots)| phrase(if at == 0 { first } else { other }, slots, rng)).collect();
    expand("{said}.", &[("said", &said.join(", "))], rng)
}

/// Things and their weights.
fn weights(rng: &mut Rng) -> (String, Vec<String>) {
    let told = items::<ENTRIES>(Class::any(rng), rng);
    let told = &told[..rng.usize(2..=ENTRIES)];
    let amounts: Vec<String> = told.iter().map(|item| item.amount().to_string()).collect();
    let entries: Vec<_> = told.iter().zip(&amounts).map(|(item, w)| [("x", item.thing.name), ("w", w.as_str())]).collect();
    let patterns = [
        ["{+x} weighs {w}", "{+x} {w}"],
        ["{+x} weighs {w}", "{+x} weighs {w}"],
        ["the {x} weighs {w}", "the {x} {w}"],
        ["here are {+x} of {w}", "{+x} of {w}"],
        ["{x} {w}", "{x} {w}"],
        ["my {x} weighs {w}", "my {x} weighs {w}"],
    ];
    let list = sentence(&entries, patterns[rng.usize(..patterns.len())], rng);
    let found = entries.iter().flat_map(|[(_, x), (_, w)]| [format!("{w}: the {x}"), format!("the {x}: {w}")]);
    (list, found.collect())
}

/// Things one after the other.
fn row(rng: &mut Rng) -> (String, Vec<String>) {
    let all = things::<ENTRIES>(rng);
    let row = &all[..rng.usize(3..=ENTRIES)];
    let [person] = people::<1>(rng);
    let entries: Vec<_> = row.iter().map(|thing| [("x", thing.name), ("n", person.name)]).collect();
    let patterns = [
        ["on the shelf stand {+x}", "{+x}"],
        ["first came {+x}", "then {+x}"],
        ["{n} put down {+x}", "then {+x}"],
        ["{n} takes {+x}", "{+x}"],
        ["{n} laid {+x} on the scale", "after that {+x}"],
    ];
    let list = sentence(&entries, patterns[rng.usize(..patterns.len())], rng);
    let mut found: Vec<String> =
        row[..row.len() - 1].iter().zip(PLACES).map(|(thing, place)| format!("{place}: the {}", thing.name)).collect();
    found.extend(row.last().map(|thing| format!("last: the {}", thing.name)));
    found.extend(row.windows(2).map(|pair| format!("after the {}: the {}", pair[0].name, pair[1].name)));
    (list, found)
}

/// Who has what.
fn owners(rng: &mut Rng) -> (String, Vec<String>) {
    let (who, what) = (people::<ENTRIES>(rng), things::<ENTRIES>(rng));
    let count = rng.usize(2..=ENTRIES);
    let entries: Vec<_> = who.iter().zip(&what).take(count).map(|(person, thing)| [("n", person.name), ("x", thing.name)]).collect();
    let patterns = [["{n} has {+x}", "{n} {+x}"], ["{n} brought {+x}", "{n} brought {+x}"], ["{+x} lay before {n}", "{+x} before {n}"]];
    let list = sentence(&entries, patterns[rng.usize(..patterns.len())], rng);
    let found = who.iter().zip(&what).take(count).flat_map(|(person, thing)| {
        let (n, x) = (person.name, thing.name);
        [format!("{n}: the {x}"), format!("the {x}: {n}"), format!("the {x} is {}: {n}", if person.they == "he" { "his" } else { "hers" })]
    });
    (list, found.collect())
}
