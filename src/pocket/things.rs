//! What is weighed, and by whom.

use std::ops::Range;

use fastrand::Rng;

use super::amount::Amount;
use super::column;

/// Something to put on a pan.
#[derive(Debug, PartialEq, Eq)]
pub struct Thing {
    /// Its name, without an article.
    pub name: &'static str,
    /// What one usually weighs, in grams.
    pub usual: u32,
}

/// How things are weighed: two of a class make sums that a small head can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Below 100 g, by the gram.
    Light,
    /// Below 1 kg, by 10 g.
    Middling,
    /// By the kilogram.
    Heavy,
}

impl Class {
    /// All of them, lightest first.
    pub const ALL: [Self; 3] = [Self::Light, Self::Middling, Self::Heavy];

    /// Its things.
    #[must_use]
    pub const fn things(self) -> &'static [Thing] {
        match self {
            Self::Light => LIGHT,
            Self::Middling => MIDDLING,
            Self::Heavy => HEAVY,
        }
    }

    /// The finest weight that is told of it, in grams.
    #[must_use]
    pub const fn step(self) -> u32 {
        match self {
            Self::Light => 1,
            Self::Middling => 10,
            Self::Heavy => 1000,
        }
    }

    /// Its weights, in steps.
    const fn steps(self) -> Range<u32> {
        match self {
            Self::Light => 1..100,
            Self::Middling => 10..100,
            Self::Heavy => 1..61,
        }
    }

    /// An amount as things of the class are weighed; sums of them may be more than one of them.
    #[must_use]
    pub const fn amount(self, grams: u32) -> Amount {
        match self {
            Self::Light | Self::Middling => Amount::Grams(grams),
            Self::Heavy => Amount::Kilograms { kg: grams / 1000, g: 0 },
        }
    }

    /// The columns of a sum of two amounts.
    #[must_use]
    pub fn sum(self, a: u32, b: u32) -> String {
        column::sum(a / self.unit(), b / self.unit())
    }

    /// The columns of a difference of two amounts, the larger first.
    #[must_use]
    pub fn difference(self, a: u32, b: u32) -> String {
        column::difference(a / self.unit(), b / self.unit())
    }

    /// Grams of the unit that amounts are said in.
    const fn unit(self) -> u32 {
        if matches!(self, Self::Heavy) { 1000 } else { 1 }
    }

    /// Any.
    #[must_use]
    pub fn any(rng: &mut Rng) -> Self {
        Self::ALL[rng.usize(..3)]
    }
}

const fn thing(name: &'static str, usual: u32) -> Thing {
    Thing { name, usual }
}

/// Below 100 g.
const LIGHT: &[Thing] = &[
    thing("feather", 1),
    thing("button", 2),
    thing("ring", 5),
    thing("coin", 8),
    thing("cherry", 9),
    thing("thimble", 10),
    thing("walnut", 12),
    thing("pencil", 6),
    thing("nail", 4),
    thing("strawberry", 15),
    thing("whistle", 18),
    thing("letter", 20),
    thing("key", 25),
    thing("pebble", 30),
    thing("bolt", 35),
    thing("fig", 40),
    thing("spoon", 45),
    thing("apricot", 48),
    thing("plum", 50),
    thing("fork", 55),
    thing("egg", 60),
    thing("candle", 70),
    thing("carrot", 80),
    thing("tomato", 90),
];

/// Up to 1 kg.
const MIDDLING: &[Thing] = &[
    thing("lemon", 120),
    thing("onion", 150),
    thing("pear", 170),
    thing("apple", 180),
    thing("orange", 200),
    thing("potato", 210),
    thing("cup", 250),
    thing("bell", 300),
    thing("mug", 350),
    thing("shoe", 400),
    thing("book", 420),
    thing("clock", 500),
    thing("bowl", 550),
    thing("hammer", 600),
    thing("teapot", 700),
    thing("loaf", 750),
    thing("cabbage", 900),
];

/// Kilograms.
const HEAVY: &[Thing] = &[
    thing("lamp", 2000),
    thing("melon", 2000),
    thing("brick", 3000),
    thing("stool", 3000),
    thing("pumpkin", 4000),
    thing("cat", 4000),
    thing("goose", 5000),
    thing("chair", 5000),
    thing("bucket", 6000),
    thing("basket", 7000),
    thing("crate", 9000),
    thing("suitcase", 12000),
    thing("dog", 15000),
    thing("barrel", 20000),
    thing("sack", 25000),
    thing("anvil", 30000),
];

/// What is weighed out by the spoon or the scoop.
pub const STUFFS: &[&str] =
    &["flour", "sugar", "rice", "salt", "tea", "coffee", "barley", "honey", "butter", "cheese", "cocoa", "pepper", "oats", "yeast"];

/// A person and the words for them.
#[derive(Debug, PartialEq, Eq)]
pub struct Person {
    /// The name.
    pub name: &'static str,
    /// he, she
    pub they: &'static str,
    /// him, her
    pub them: &'static str,
    /// his, her
    pub their: &'static str,
}

const fn she(name: &'static str) -> Person {
    Person { name, they: "she", them: "her", their: "her" }
}

const fn he(name: &'static str) -> Person {
    Person { name, they: "he", them: "him", their: "his" }
}

/// Who lives in this world.
pub const PEOPLE: &[Person] = &[
    she("Ines"),
    he("Tom"),
    she("Mara"),
    he("Oskar"),
    she("Lena"),
    he("Paul"),
    she("Nora"),
    he("Emil"),
    she("Rosa"),
    he("Hugo"),
    she("Clara"),
    he("Anton"),
    she("Ida"),
    he("Jonas"),
    she("Marta"),
    he("Felix"),
    she("Greta"),
    he("Bruno"),
    she("Alma"),
    he("Theo"),
    she("Vera"),
    he("Milo"),
    she("Edda"),
    he("Karl"),
];

/// A thing on a pan: what it is and what this one weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub thing: &'static Thing,
    /// What it weighs, in grams.
    pub grams: u32,
}

impl Item {
    /// Its weight as it is said.
    #[must_use]
    pub const fn amount(self) -> Amount {
        Amount::said(self.grams)
    }

    /// One of this class that weighs from half to twice what is usual.
    fn draw(class: Class, rng: &mut Rng) -> Self {
        let things = class.things();
        let thing = &things[rng.usize(..things.len())];
        let steps = class.steps();
        let usual = thing.usual / class.step();
        let least = (usual / 2).max(steps.start);
        Self { thing, grams: rng.u32(least..(2 * usual + 1).min(steps.end)) * class.step() }
    }
}

/// Any weight of the class, in grams.
#[must_use]
pub fn weight(class: Class, rng: &mut Rng) -> u32 {
    rng.u32(class.steps()) * class.step()
}

/// A weight of one digit and zeros: what can be added without a pencil.
#[must_use]
pub fn round_weight(class: Class, rng: &mut Rng) -> u32 {
    let step = match class {
        Class::Light => 10,
        Class::Middling => 100,
        Class::Heavy => 1000,
    };
    rng.u32(1..10) * step
}

/// `N` different things of a class with different weights.
#[must_use]
pub fn items<const N: usize>(class: Class, rng: &mut Rng) -> [Item; N] {
    different(rng, |rng| Item::draw(class, rng))
}

/// `N` different things of a class with different weights of one digit and zeros.
#[must_use]
pub fn round_items<const N: usize>(class: Class, rng: &mut Rng) -> [Item; N] {
    different(rng, |rng| {
        let Item { thing, grams } = Item::draw(class, rng);
        let power = 10_u32.pow(grams.ilog10());
        Item { thing, grams: grams / power * power }
    })
}

fn different<const N: usize>(rng: &mut Rng, mut draw: impl FnMut(&mut Rng) -> Item) -> [Item; N] {
    loop {
        let drawn: [Item; N] = std::array::from_fn(|_| draw(rng));
        let differ = |at: usize| drawn[..at].iter().all(|item| item.thing != drawn[at].thing && item.grams != drawn[at].grams);
        if (1..N).all(differ) {
            return drawn;
        }
    }
}

/// Different things of all classes.
#[must_use]
pub fn things<const N: usize>(rng: &mut Rng) -> [&'static Thing; N] {
    loop {
        let drawn: [&'static Thing; N] = std::array::from_fn(|_| {
            let things = Class::any(rng).things();
            &things[rng.usize(..things.len())]
        });
        if (1..N).all(|at| !drawn[..at].contains(&drawn[at])) {
            return drawn;
        }
    }
}

/// Different people.
#[must_use]
pub fn people<const N: usize>(rng: &mut Rng) -> [&'static Person; N] {
    loop {
        let drawn: [&'static Person; N] = std::array::from_fn(|_| &PEOPLE[rng.usize(..PEOPLE.len())]);
        if (1..N).all(|at| !drawn[..at].contains(&drawn[at])) {
            return drawn;
        }
    }
}

/// Any stuff.
#[must_use]
pub fn stuff(rng: &mut Rng) -> &'static str {
    STUFFS[rng.usize(..STUFFS.len())]
}

/// Slots for a person: `n`, `they`, `them`, `their`.
#[must_use]
pub const fn person_slots(person: &'static Person) -> [(&'static str, &'static str); 4] {
    [("n", person.name), ("they", person.they), ("them", person.them), ("their", person.their)]
}
