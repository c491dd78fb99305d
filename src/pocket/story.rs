//! Short stories in which something is weighed. What is told of weights is true in each: the scale decides, not the dice.

use fastrand::Rng;

use super::amount::Amount;
use super::fact::Fact;
use super::grammar::any;
use super::things::{Class, Item, Person, people, person_slots, round_items, round_weight, stuff};

/// A story and what it states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    /// The text.
    pub text: String,
    /// Who it is about.
    pub who: &'static Person,
    /// What is weighed first.
    pub about: &'static str,
    /// What it states.
    pub facts: Vec<Fact>,
}

const WHEN: &str = "[one morning|one day|on Monday|on Friday|one evening|after breakfast|after lunch|in the afternoon|on a cold day|on a rainy day|early in the morning|last summer|one Sunday]";
const WHERE: &str = "[in the shop|in the kitchen|at the market|at the post office|in the workshop|in the barn|in the old house|at school|in the bakery|at the harbour]";
const SCALE: &str = "[the old scale|the brass scale|the scale|the big scale|the little scale|{their} grandmother's scale]";
const GLAD: &str = "[{n} was glad.|{n} smiled.|{n} nodded.|{n} laughed.|{n} was content.|\"good,\" said {n}.]";
const END: &str = "[then there was tea.|then {n} went home.|then {n} closed the shop.|and that was that.|then {n} swept the floor.|from then on {n} trusted the scale.|{n} wrote it down in {their} book.|\"the scale never lies,\" said {n}.|then it was time for supper.|then {n} put the scale away.]";

/// What a plot fills in.
struct Plot<'a> {
    slots: Vec<(&'a str, &'a str)>,
    text: String,
}

impl Plot<'_> {
    /// Adds sentences; the turns of phrase that all stories share are filled in first.
    fn tell(&mut self, rng: &mut Rng, patterns: &[&str]) {
        let pattern = patterns[rng.usize(..patterns.len())];
        let pattern = pattern
            .replace("<when>", WHEN)
            .replace("<where>", WHERE)
            .replace("<scale>", SCALE)
            .replace("<glad>", GLAD)
            .replace("<end>", END);
        let said = any(&[&pattern], &self.slots, rng);
        if !self.text.is_empty() && !said.is_empty() {
            self.text.push(' ');
        }
        self.text.push_str(&said);
    }
}

/// Any story.
#[must_use]
pub fn story(rng: &mut Rng) -> Story {
    match rng.u8(..8) {
        0 | 1 => bet(rng),
        2 => balance(rng),
        3 => purchase(rng),
        4 => letter(rng),
        5 => shelf(rng),
        6 => basket(rng),
        _ => riddle(rng),
    }
}

/// Two people differ about which of two things is heavier.
fn bet(rng: &mut Rng) -> Story {
    let [one, two] = people::<2>(rng);
    let [a, b] = round_items::<2>(Class::any(rng), rng);
    let [wa, wb] = [a, b].map(|item| item.amount().to_string());
    let (heavy, light) = if a.grams > b.grams { (a, b) } else { (b, a) };
    let (side, winner) = if a.grams > b.grams { ("left", one.name) } else { ("right", two.name) };
    let rest = Amount::said(heavy.grams - light.grams).to_string();
    let own = [("m", two.name), ("a", a.thing.name), ("b", b.thing.name), ("wa", &*wa), ("wb", &*wb), ("side", side), ("winner", winner)];
    let [wh, wl] = [heavy, light].map(|item| item.amount().to_string());
    let more = [("h", heavy.thing.name), ("wh", &*wh), ("wl", &*wl), ("d", &*rest)];
    let mut plot = Plot { slots: [&person_slots(one)[..], &own, &more].concat(), text: String::new() };
    let mut facts = vec![Fact::more(a.grams, b.grams)];
    plot.tell(rng, &["<when> {n} and {m} [stood|sat|met] <where>.", "<when> {n} met {m} <where>.", "{n} and {m} were <where>."]);
    plot.tell(
        rng,
        &[
            "{n} had {+a}, {m} had {+b}.",
            "on the table lay {+a} and {+b}.",
            "{n} [held|brought|showed] {+a} and {m} [held|brought|showed] {+b}.",
        ],
    );
    plot.tell(
        rng,
        &[
            "\"my {a} is heavier,\" said {n}. \"no, my {b} is,\" said {m}.",
            "\"the {a} is heavier,\" said {n}. \"I say it is the {b},\" said {m}.",
            "{n} thought that the {a} was heavier. {m} thought it was the {b}.",
        ],
    );
    plot.tell(
        rng,
        &[
            "so they [took|fetched|brought] <scale>. the {a} went on the left pan and the {b} on the right.",
            "they put the {a} on the left pan and the {b} on the right pan.",
            "{n} laid the {a} on the left pan, and {m} laid the {b} on the right.",
        ],
    );
    plot.tell(
        rng,
        &[
            "the beam tilted to the {side}.",
            "the {side} pan went down.",
            "slowly the beam tilted to the {side}.",
            "the {side} pan sank at once.",
        ],
    );
    plot.tell(
        rng,
        &[
            "the {a} weighed {wa} and the {b} {wb}.",
            "the {a} weighed {wa}, the {b} weighed {wb}.",
            "the {h} was heavier: {wh} against {wl}.",
        ],
    );
    if rng.bool() {
        facts.push(Fact::sum(light.grams, heavy.grams - light.grams));
        plot.tell(rng, &["{wh} - {wl} = {d}, so the {h} was heavier by {d}.", "{wh} - {wl} = {d}: that was the difference."]);
    }
    plot.tell(rng, &["{winner} was right.", "\"you see!\" said {winner}.", "\"the {h} it is,\" said {winner}.", "{winner} had won."]);
    plot.tell(rng, &["", "<end>"]);
    Story { text: plot.text, who: one, about: a.thing.name, facts }
}

/// What is sold by weight is sold in small amounts.
fn few(rng: &mut Rng) -> Class {
    [Class::Light, Class::Middling][rng.usize(..2)]
}

/// Something is weighed out until the beam is level.
fn balance(rng: &mut Rng) -> Story {
    let [one] = people::<1>(rng);
    let class = few(rng);
    let (part, rest) = loop {
        let (part, rest) = (round_weight(class, rng), round_weight(class, rng));
        if part + rest < 100 * class.step() {
            break (part, rest);
        }
    };
    let [w, p, r] = [part + rest, part, rest].map(|grams| Amount::said(grams).to_string());
    let of = stuff(rng);
    let own = [("w", &*w), ("p", &*p), ("r", &*r), ("of", of)];
    let mut plot = Plot { slots: [&person_slots(one)[..], &own].concat(), text: String::new() };
    plot.tell(
        rng,
        &[
            "<when> {n} [wanted|needed] {w} of {of}.",
            "{n} stood <where> and needed {w} of {of}.",
            "<when> a man came and asked {n} for {w} of {of}.",
        ],
    );
    plot.tell(rng, &["{they} put a weight of {w} on the right pan of <scale>.", "on the right pan {they} put a weight of {w}."]);
    plot.tell(
        rng,
        &[
            "then {they} [poured|put] {p} of {of} on the left pan.",
            "on the left pan {they} [poured|put] {p} of {of}.",
            "there were {p} of {of} in the jar, and {they} put it all on the left pan.",
        ],
    );
    plot.tell(rng, &["the beam tilted to the right.", "the right pan was still heavier.", "it was not enough: the right pan stayed down."]);
    plot.tell(
        rng,
        &[
            "{w} - {p} = {r}, so {r} was missing.",
            "\"{w} - {p} = {r},\" said {n}. \"{r} is missing.\"",
            "how much was missing? {w} - {p} = {r}.",
        ],
    );
    plot.tell(
        rng,
        &[
            "{n} added {r} more, and the beam stood level.",
            "{they} fetched {r} from the sack. now the pans were in balance.",
            "slowly {they} added {r}. the beam came to rest in the middle.",
        ],
    );
    plot.tell(rng, &["<glad>", "<end>", "<glad> <end>", ""]);
    Story { text: plot.text, who: one, about: of, facts: vec![Fact::sum(part, rest), Fact::more(part, part + rest)] }
}

/// A customer buys two things by weight.
fn purchase(rng: &mut Rng) -> Story {
    let [one, two] = people::<2>(rng);
    let class = few(rng);
    let (a, b) = (round_weight(class, rng), round_weight(class, rng));
    let (x, y) = loop {
        let (x, y) = (stuff(rng), stuff(rng));
        if x != y {
            break (x, y);
        }
    };
    let [wa, wb, s] = [a, b, a + b].map(|grams| Amount::said(grams).to_string());
    let own = [("m", two.name), ("x", x), ("y", y), ("wa", &*wa), ("wb", &*wb), ("s", &*s)];
    let mut plot = Plot { slots: [&person_slots(one)[..], &own].concat(), text: String::new() };
    plot.tell(
        rng,
        &[
            "<when> {m} came into the shop of {n}.",
            "{n} had a little shop. <when> {m} came in.",
            "{m} opened the door of the shop. behind the counter stood {n}.",
        ],
    );
    plot.tell(
        rng,
        &[
            "\"good morning,\" said {m}. \"I need {wa} of {x} and {wb} of {y}.\"",
            "\"{wa} of {x} and {wb} of {y}, please,\" said {m}.",
            "{m} asked for {wa} of {x} and {wb} of {y}.",
        ],
    );
    plot.tell(
        rng,
        &[
            "{n} took <scale> and weighed the {x} first, then the {y}.",
            "{n} weighed out the {x}. then {they} weighed out the {y}.",
            "{n} put the {x} in one bag and the {y} in another.",
        ],
    );
    plot.tell(
        rng,
        &[
            "\"{wa} + {wb} = {s},\" said {n}. \"that is {s} in all.\"",
            "{wa} + {wb} = {s}. \"can you carry {s}?\" asked {n}.",
            "{wa} + {wb} = {s}, so the bags weighed {s} together.",
            "\"how much is that together?\" asked {m}. \"{wa} + {wb} = {s},\" said {n}.",
        ],
    );
    plot.tell(
        rng,
        &[
            "{m} paid and went home.",
            "{m} thanked {them} and carried it home.",
            "\"thank you,\" said {m} and left.",
            "{m} put the bags in a basket.",
        ],
    );
    Story { text: plot.text, who: one, about: x, facts: vec![Fact::sum(a, b)] }
}

/// The post office carries letters up to a weight.
fn letter(rng: &mut Rng) -> Story {
    let [one, two] = people::<2>(rng);
    let limit = [20, 30, 40, 50, 60, 80][rng.usize(..6)];
    let grams = loop {
        let grams = 10 * rng.u32(1..10);
        if grams != limit {
            break grams;
        }
    };
    let over = grams.abs_diff(limit);
    let [w, t, d] = [grams, limit, over].map(|grams| Amount::said(grams).to_string());
    let own = [("m", two.name), ("w", &*w), ("t", &*t), ("d", &*d)];
    let mut plot = Plot { slots: [&person_slots(one)[..], &own].concat(), text: String::new() };
    let mut facts = vec![Fact::more(grams, limit)];
    plot.tell(
        rng,
        &[
            "<when> {n} wrote a letter to {m}.",
            "{n} had written a [long |]letter to {m}.",
            "{m} lived far away, so {n} wrote {their} friend a letter.",
        ],
    );
    plot.tell(
        rng,
        &[
            "at the post office {they} was told: \"a letter may weigh {t}.\"",
            "with one stamp a letter may weigh {t}.",
            "the stamp was good for {t}.",
        ],
    );
    plot.tell(
        rng,
        &["{n} laid the letter on the scale. it weighed {w}.", "on the scale the letter weighed {w}.", "{they} weighed it: {w}."],
    );
    if grams > limit {
        facts.push(Fact::sum(limit, over));
        plot.tell(
            rng,
            &[
                "{w} - {t} = {d}: that was {d} too much.",
                "{w} - {t} = {d}, so it was too heavy by {d}.",
                "{w} - {t} = {d}: it was {d} too heavy.",
            ],
        );
        plot.tell(
            rng,
            &[
                "so {n} took out one page.",
                "so {they} bought a second stamp.",
                "{n} wrote a shorter letter.",
                "{n} sighed and bought another stamp.",
            ],
        );
    } else {
        plot.tell(
            rng,
            &["that was light enough.", "{w} is less than {t}, so one stamp was enough.", "\"it is light enough,\" said the man."],
        );
        plot.tell(rng, &["{n} put the letter in the box.", "the letter went off the same day.", "two days later {m} read it."]);
    }
    plot.tell(rng, &["", "<glad>"]);
    Story { text: plot.text, who: one, about: "letter", facts }
}

/// Three things are put on a shelf by weight.
fn shelf(rng: &mut Rng) -> Story {
    let [one] = people::<1>(rng);
    let three = round_items::<3>(Class::any(rng), rng);
    let mut sorted = three;
    sorted.sort_unstable_by_key(|item| item.grams);
    let [wa, wb, wc] = three.map(|item| item.amount().to_string());
    let [a, b, c] = three.map(|item| item.thing.name);
    let [x, y, z] = sorted.map(|item| item.thing.name);
    let own = [("a", a), ("b", b), ("c", c), ("wa", &*wa), ("wb", &*wb), ("wc", &*wc), ("x", x), ("y", y), ("z", z)];
    let mut plot = Plot { slots: [&person_slots(one)[..], &own].concat(), text: String::new() };
    plot.tell(
        rng,
        &["<when> {n} [tidied|cleaned] the shelf.", "<when> {n} found {+a}, {+b} and {+c} <where>.", "{n} had {+a}, {+b} and {+c}."],
    );
    plot.tell(
        rng,
        &[
            "{they} weighed them one by one: the {a} {wa}, the {b} {wb}, the {c} {wc}.",
            "first {they} weighed the {a}: {wa}. then the {b}: {wb}. last came the {c}: {wc}.",
            "the {a} weighed {wa}, the {b} weighed {wb} and the {c} weighed {wc}.",
        ],
    );
    plot.tell(
        rng,
        &[
            "the {x} was the lightest and the {z} the heaviest.",
            "so the order was clear: the {x}, the {y}, the {z}.",
            "the {z} was the heaviest, then came the {y}, then the {x}.",
        ],
    );
    plot.tell(
        rng,
        &[
            "{n} put the {z} at the bottom and the {x} on top.",
            "the {z} stayed on the floor, and the {x} went on top.",
            "the {x} went to the left, the {y} in the middle, the {z} to the right.",
        ],
    );
    plot.tell(rng, &["<glad>", "<end>", "<glad> <end>", ""]);
    Story { text: plot.text, who: one, about: a, facts: order_facts(three, sorted) }
}

fn order_facts(three: [Item; 3], sorted: [Item; 3]) -> Vec<Fact> {
    let [a, b, c] = sorted.map(|item| item.grams);
    vec![Fact::order(three.map(|item| item.grams)), Fact::more(a, b), Fact::more(b, c), Fact::more(a, c)]
}

/// A basket must not get too heavy.
fn basket(rng: &mut Rng) -> Story {
    let [one, two] = people::<2>(rng);
    let [a, b] = round_items::<2>(Class::any(rng), rng);
    let sum = a.grams + b.grams;
    let [wa, wb, s] = [a.grams, b.grams, sum].map(|grams| Amount::said(grams).to_string());
    let own = [("m", two.name), ("a", a.thing.name), ("b", b.thing.name), ("wa", &*wa), ("wb", &*wb), ("s", &*s)];
    let mut plot = Plot { slots: [&person_slots(one)[..], &own].concat(), text: String::new() };
    plot.tell(
        rng,
        &["<when> {n} wanted to visit {m}.", "<when> {n} packed a parcel for {m}.", "it was the birthday of {m}, and {n} packed a box."],
    );
    plot.tell(rng, &["{they} packed {+a} and {+b}.", "{they} had {+a} for {m}, and {+b} too.", "first {they} took {+a}, then {+b}."]);
    plot.tell(rng, &["\"how heavy will that be?\" {they} asked.", "\"is that too heavy?\" asked {n}.", ""]);
    plot.tell(rng, &["the {a} weighed {wa} and the {b} {wb}.", "on <scale> the {a} weighed {wa} and the {b} weighed {wb}."]);
    plot.tell(
        rng,
        &["{wa} + {wb} = {s}.", "{wa} + {wb} = {s}: together that was {s}.", "{wa} + {wb} = {s}, so together they weighed {s}."],
    );
    plot.tell(
        rng,
        &[
            "\"I can carry that,\" said {n}.",
            "{n} carried it all the way.",
            "{m} was very happy.",
            "{m} put the {a} on the table and the {b} next to it.",
        ],
    );
    plot.tell(rng, &["", "<end>"]);
    Story { text: plot.text, who: one, about: a.thing.name, facts: vec![Fact::sum(a.grams, b.grams)] }
}

/// A teacher asks, a pupil answers.
fn riddle(rng: &mut Rng) -> Story {
    let [one, two] = people::<2>(rng);
    let class = Class::any(rng);
    let (a, b) = (round_weight(class, rng), round_weight(class, rng));
    let [wa, wb, s] = [a, b, a + b].map(|grams| Amount::said(grams).to_string());
    let x = ["box", "bottle", "stone", "parcel", "bag", "jar"][rng.usize(..6)];
    let own = [("m", two.name), ("wa", &*wa), ("wb", &*wb), ("s", &*s), ("x", x)];
    let mut plot = Plot { slots: [&person_slots(one)[..], &own].concat(), text: String::new() };
    plot.tell(rng, &["<when> {n} asked {m} a riddle.", "\"I know a riddle,\" said {n} to {m}.", "{n} and {m} played <where>."]);
    plot.tell(
        rng,
        &[
            "\"{+x} lies on the left pan,\" said {n}. \"on the right pan lie {wa} and {wb}, and the beam is level. what does the {x} weigh?\"",
            "\"{+x} is in balance with a weight of {wa} and one of {wb}. how heavy is it?\" asked {n}.",
        ],
    );
    plot.tell(rng, &["{m} thought about it.", "{m} closed both eyes and counted.", "that was not hard for {m}.", ""]);
    plot.tell(rng, &["\"{wa} + {wb} = {s},\" said {m}. \"the {x} weighs {s}.\"", "\"{wa} + {wb} = {s},\" said {m}. \"so it weighs {s}.\""]);
    plot.tell(rng, &["\"right!\" said {n}.", "{n} clapped {their} hands.", "{n} was surprised.", "\"too easy,\" said {n}."]);
    plot.tell(rng, &["", "<end>"]);
    Story { text: plot.text, who: one, about: x, facts: vec![Fact::sum(a, b)] }
}
