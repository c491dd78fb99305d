//! Questions about things whose weights are told: together, which is heavier, by how much.

use fastrand::Rng;

use super::amount::Amount;
use super::fact::Fact;
use super::grammar::{any, expand};
use super::question::{Expected, Kind, Question};
use super::things::{Class, Item, items, people, person_slots, stuff, weight};

/// Two things and how they were told of.
#[derive(Debug, Clone)]
pub struct Pair {
    class: Class,
    items: [Item; 2],
    told: String,
}

const TOLD: &[&str] = &[
    "{+a} weighs {wa} and {+b} weighs {wb}.",
    "{+a} weighs {wa}, {+b} weighs {wb}.",
    "the {a} weighs {wa} and the {b} weighs {wb}.",
    "the {a} weighs {wa}[, the| and the] {b} {wb}.",
    "[i have|there is|{n} has|{n} found|{n} brought|take] {+a} of {wa} and {+b} of {wb}.",
    "on the [table|scale|counter] [lie|are] {+a} of {wa} and {+b} of {wb}.",
    "{n} weighs {+a}: {wa}. then {they} weighs {+b}: {wb}.",
    "{n} has {+a}. it weighs {wa}. [{their}|the] {b} weighs {wb}.",
    "my {a} weighs {wa} and my {b} weighs {wb}.",
];

impl Pair {
    /// Any two things of one class.
    #[must_use]
    pub fn draw(rng: &mut Rng) -> Self {
        let class = Class::any(rng);
        let items = items::<2>(class, rng);
        let told = with_slots(&items, rng, |slots, rng| any(TOLD, slots, rng));
        Self { class, items, told }
    }

    /// A question about it, and another that means nothing without the first.
    #[must_use]
    pub fn talk(&self, rng: &mut Rng) -> [Question; 2] {
        let heavier = self.heavier(false, rng);
        match rng.u8(..4) {
            0 => [heavier, self.difference(true, rng)],
            1 => [heavier, self.together(true, rng)],
            2 => [self.together(false, rng), self.heavier(true, rng)],
            _ => [self.difference(false, rng), self.together(true, rng)],
        }
    }

    /// The question, behind what was told of the pair unless it says so itself or follows another.
    fn question(&self, follows: bool, rng: &mut Rng, patterns: &[&str]) -> String {
        let pattern = patterns[rng.usize(..patterns.len())];
        let asked = with_slots(&self.items, rng, |slots, rng| expand(pattern, slots, rng));
        if follows || pattern.contains("{wa}") { asked } else { format!("{} {asked}", self.told) }
    }

    /// How much both weigh.
    #[must_use]
    pub fn together(&self, follows: bool, rng: &mut Rng) -> Question {
        const ASKED: &[&str] = &[
            "how much do they weigh together?",
            "what do they weigh together?",
            "how heavy are they together?",
            "how much is that together?",
            "how much do the two weigh?",
            "what do the {a} and the {b} weigh together?",
            "how much do the {a} and the {b} weigh together?",
            "what is the weight of both?",
            "how much do {+a} of {wa} and {+b} of {wb} weigh together?",
            "what do {+a} of {wa} and {+b} of {wb} weigh [together|in all]?",
        ];
        const FOLLOW_UP: &[&str] =
            &["and together?", "how much do they weigh together?", "and both together?", "what do they weigh together?"];
        let text = self.question(follows, rng, if follows { FOLLOW_UP } else { ASKED });
        let [a, b] = self.items;
        let sum = self.class.amount(a.grams + b.grams);
        let (s, columns) = (sum.to_string(), self.class.sum(a.grams, b.grams));
        let answer = with_slots(&self.items, rng, |slots, rng| {
            let slots = [slots, &[("s", &*s), ("columns", &*columns)]].concat();
            expand("{wa} + {wb}: {columns}. [together they weigh {s}.|the {a} and the {b} weigh {s}.|that is {s}.]", &slots, rng)
        });
        Question { kind: Kind::Together, text, answer, expected: Expected::Amount(sum), facts: vec![Fact::sum(a.grams, b.grams)] }
    }

    /// Which is heavier, or lighter.
    #[must_use]
    pub fn heavier(&self, follows: bool, rng: &mut Rng) -> Question {
        const ASKED: &[&str] = &[
            "which is {more}?",
            "which one is {more}?",
            "which of the two is {more}?",
            "what is {more}, the {a} or the {b}?",
            "is the {a} or the {b} {more}?",
            "which is {more}, {+a} of {wa} or {+b} of {wb}?",
        ];
        const FOLLOW_UP: &[&str] = &["and which is {more}?", "which one is {more}?", "which of them is {more}?"];
        let heavier = rng.bool();
        let [low, high] = self.sorted();
        let (first, second) = if heavier { (high, low) } else { (low, high) };
        let (more, than) = if heavier { ("heavier", "more") } else { ("lighter", "less") };
        let text = self.question(follows, rng, if follows { FOLLOW_UP } else { ASKED }).replace("{more}", more);
        let (x, y, wx, wy) = (first.thing.name, second.thing.name, first.amount().to_string(), second.amount().to_string());
        let slots = [("x", x), ("y", y), ("wx", wx.as_str()), ("wy", wy.as_str()), ("more", more), ("than", than)];
        let answer = any(
            &["{wx} is {than} than {wy}, so the {x} is {more}.", "{wx} is {than} than {wy}: the {x} is {more} than the {y}."],
            &slots,
            rng,
        );
        let expected = Expected::Words { order: vec![x], others: vec![y] };
        Question { kind: Kind::Heavier, text, answer, expected, facts: vec![Fact::more(low.grams, high.grams)] }
    }

    /// By how much the heavier one is heavier.
    #[must_use]
    pub fn difference(&self, follows: bool, rng: &mut Rng) -> Question {
        const ASKED: &[&str] = &[
            "how much heavier is the {x}?",
            "how much more does the {x} weigh?",
            "how much heavier is the {x} than the {y}?",
            "what is the difference?",
            "how much lighter is the {y}?",
        ];
        const FOLLOW_UP: &[&str] = &["by how much?", "and what is the difference?", "how much heavier is the {x}?"];
        let [low, high] = self.sorted();
        let asked = any(if follows { FOLLOW_UP } else { ASKED }, &[("x", high.thing.name), ("y", low.thing.name)], rng);
        let text = if follows { asked } else { format!("{} {asked}", self.told) };
        let rest = Amount::said(high.grams - low.grams);
        let (wx, wy, d) = (high.amount().to_string(), low.amount().to_string(), rest.to_string());
        let columns = self.class.difference(high.grams, low.grams);
        let slots = [("x", high.thing.name), ("wx", &*wx), ("wy", &*wy), ("d", &*d), ("columns", &*columns)];
        let answer =
            expand("{wx} - {wy}: {columns}. [the {x} is heavier by {d}.|the {x} weighs {d} more.|the difference is {d}.]", &slots, rng);
        let facts = vec![Fact::sum(low.grams, high.grams - low.grams), Fact::more(low.grams, high.grams)];
        Question { kind: Kind::Difference, text, answer, expected: Expected::Amount(rest), facts }
    }

    fn sorted(&self) -> [Item; 2] {
        let [a, b] = self.items;
        if a.grams < b.grams { [a, b] } else { [b, a] }
    }
}

/// Calls with `a`, `b`, their weights `wa`, `wb` and a person; `{more}` stays for who knows it.
fn with_slots(items: &[Item; 2], rng: &mut Rng, write: impl FnOnce(&[(&str, &str)], &mut Rng) -> String) -> String {
    let [person] = people::<1>(rng);
    let [wa, wb] = items.map(|item| item.amount().to_string());
    let own = [("a", items[0].thing.name), ("b", items[1].thing.name), ("wa", &*wa), ("wb", &*wb), ("more", "{more}")];
    write(&[&own[..], &person_slots(person)].concat(), rng)
}

/// Bare sums, and three things on one pan.
#[must_use]
pub fn added(rng: &mut Rng) -> Question {
    if rng.bool() {
        let class = Class::any(rng);
        let (a, b) = (weight(class, rng), weight(class, rng));
        let [wa, wb, s] = [a, b, a + b].map(|grams| class.amount(grams).to_string());
        let columns = class.sum(a, b);
        let slots = [("wa", &*wa), ("wb", &*wb), ("s", &*s), ("of", stuff(rng)), ("columns", &*columns)];
        let text = any(
            &[
                "what is {wa} [+|and|plus] {wb}?",
                "how much is {wa} [+|and|plus] {wb}?",
                "add {wb} to {wa}.",
                "{wa} + {wb}?",
                "{wa} of {of} are on the pan. i put {wb} more on it. how much is on it now?",
                "there are {wa} of {of} in the bag and {wb} in the jar. how much {of} is that in all?",
            ],
            &slots,
            rng,
        );
        let answer = expand("{wa} + {wb}: {columns}. that is {s}.", &slots, rng);
        let expected = Expected::Amount(class.amount(a + b));
        return Question { kind: Kind::Together, text, answer, expected, facts: vec![Fact::sum(a, b)] };
    }
    let three = loop {
        let three = items::<3>(Class::Light, rng);
        if three.iter().all(|item| item.grams <= 60) {
            break three;
        }
    };
    let [a, b, c] = three.map(|item| item.grams);
    let [wa, wb, wc, two, s] = [a, b, c, a + b, a + b + c].map(|grams| Amount::said(grams).to_string());
    let [x, y, z] = three.map(|item| item.thing.name);
    let [first, second] = [(a, b), (a + b, c)].map(|(a, b)| Class::Light.sum(a, b));
    let weights = [("wa", &*wa), ("wb", &*wb), ("wc", &*wc), ("t", &*two), ("s", &*s)];
    let slots = [&weights[..], &[("a", x), ("b", y), ("c", z), ("first", &first), ("second", &second)]].concat();
    let text = expand(
        "[on the pan lie|i have|here are|take] {+a} of {wa}, {+b} of {wb} and {+c} of {wc}. [how much do they weigh together?|what do the three weigh?|how much is that in all?|how much do they weigh in all?]",
        &slots,
        rng,
    );
    let answer =
        expand("{wa} + {wb}: {first}. that is {t}. {t} + {wc}: {second}. [together they weigh {s}.|that is {s} in all.]", &slots, rng);
    let expected = Expected::Amount(Amount::said(a + b + c));
    Question { kind: Kind::Together, text, answer, expected, facts: vec![Fact::sum(a, b), Fact::sum(a + b, c)] }
}

/// Which of two weights is more, of nothing in particular.
#[must_use]
pub fn compared(rng: &mut Rng) -> Question {
    let [a, b] = items::<2>(Class::any(rng), rng).map(|item| item.grams);
    let more = rng.bool();
    let amount = Amount::said(if more { a.max(b) } else { a.min(b) });
    let [wa, wb, w] = [Amount::said(a), Amount::said(b), amount].map(|amount| amount.to_string());
    let slots = [("wa", &*wa), ("wb", &*wb), ("w", &*w), ("more", if more { "more" } else { "less" })];
    let text = any(&["[which|what] is {more}, {wa} or {wb}?", "is {wa} or {wb} {more}?", "{wa} or {wb}: which is {more}?"], &slots, rng);
    let answer = expand("{w} is {more}.", &slots, rng);
    Question { kind: Kind::Heavier, text, answer, expected: Expected::Amount(amount), facts: vec![Fact::more(a, b)] }
}
