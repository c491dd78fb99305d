//! The texts that Pocket is trained on: dialogues, stories and pages of the weigher's book, each from its number alone.
//!
//! No document states a fact that is held out ([`Fact::held_out`]); [`held_out`] asks for nothing else.

use std::collections::HashSet;

use fastrand::Rng;

use super::fact::Fact;
use super::question::{Kind, Question};
use super::story::{Story, story};
use super::{book, conversion, elsewhere, list, pair, pans, three, usual};

/// A part of a document, as the chat template marks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// The start of the document.
    Begin,
    /// What a person says.
    User(String),
    /// What Pocket says.
    Answer(String),
    /// What stands above a chat.
    System(String),
    /// A story that was asked for.
    Told(String),
    /// A story that nobody asked for.
    Story(String),
    /// A page of the book, line by line: what is given, and behind `: ` what follows from it.
    Page(String),
}

impl Segment {
    /// What it says.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Begin => "",
            Self::User(text) | Self::Answer(text) | Self::System(text) | Self::Told(text) | Self::Story(text) | Self::Page(text) => text,
        }
    }
}

/// A text to be trained on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its parts, [`Segment::Begin`] first.
    pub segments: Vec<Segment>,
    /// What they state.
    pub facts: Vec<Fact>,
}

impl Document {
    fn say(&mut self, question: Question, rng: &mut Rng) {
        self.segments.extend([Segment::User(casual(question.text, rng)), Segment::Answer(question.answer)]);
        self.facts.extend(question.facts);
    }
}

/// The document of this number.
#[must_use]
pub fn document(index: u64) -> Document {
    let mut rng = Rng::with_seed(index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let rng = &mut rng;
    let mut document = Document { segments: vec![Segment::Begin], facts: Vec::new() };
    match rng.u8(..100) {
        0..20 => {
            let (page, facts) = book::page(rng);
            document.segments.push(Segment::Page(page));
            document.facts.extend(facts);
        }
        20..38 => document.segments.push(Segment::Page(list::page(rng))),
        38..44 => {
            let story = told(rng);
            document.segments.push(Segment::Story(story.text));
            document.facts.extend(story.facts);
        }
        44..53 => {
            let story = told(rng);
            document.segments.extend([Segment::User(casual(story_wish(&story, rng), rng)), Segment::Told(story.text)]);
            document.facts.extend(story.facts);
        }
        _ => dialogue(rng, &mut document),
    }
    document
}

/// A story of which nothing is held out.
fn told(rng: &mut Rng) -> Story {
    loop {
        let story = story(rng);
        if !story.facts.iter().any(Fact::held_out) {
            return story;
        }
    }
}

fn story_wish(story: &Story, rng: &mut Rng) -> String {
    let slots = [("n", story.who.name), ("a", story.about)];
    super::grammar::any(
        &[
            "tell me a [little |short |]story.",
            "tell me a story about {n}.",
            "[please |can you |]tell me a story about {n} and the {a}.",
            "[write|tell|i want] a [little |short |]story about {n}.",
            "a story[, please|]!",
            "do you know a story[ about {n}|]?",
        ],
        &slots,
        rng,
    )
}

fn dialogue(rng: &mut Rng, document: &mut Document) {
    const SYSTEM: &[&str] =
        &["You are a helpful assistant.", "You are Pocket.", "Answer shortly.", "Be friendly and concise.", "You help with weights."];
    if rng.u8(..25) == 0 {
        document.segments.push(Segment::System(SYSTEM[rng.usize(..SYSTEM.len())].to_owned()));
    }
    for _ in 0..[1, 1, 1, 2, 2, 3][rng.usize(..6)] {
        if rng.u8(..6) == 0 {
            for question in talk(rng) {
                document.say(question, rng);
            }
        } else {
            let question = free(rng);
            document.say(question, rng);
        }
    }
}

/// Two questions about one pair that may be trained on.
fn talk(rng: &mut Rng) -> [Question; 2] {
    loop {
        let talk = pair::Pair::draw(rng).talk(rng);
        if !talk.iter().any(Question::held_out) {
            return talk;
        }
    }
}

/// A question that may be trained on.
fn free(rng: &mut Rng) -> Question {
    loop {
        let question = any(rng);
        if !question.held_out() {
            return question;
        }
    }
}

fn any(rng: &mut Rng) -> Question {
    match rng.u8(..100) {
        0..2 => usual::about(rng),
        2..5 => elsewhere::greeting(rng),
        5..11 => of(Kind::Elsewhere, rng),
        11..19 => of(Kind::Together, rng),
        19..33 => of(Kind::Heavier, rng),
        33..41 => of(Kind::Difference, rng),
        41..49 => of(Kind::Missing, rng),
        49..53 => of(Kind::Convert, rng),
        53..76 => of(Kind::Order, rng),
        76..84 => of(Kind::Recall, rng),
        84..95 => of(Kind::Tilt, rng),
        _ => of(Kind::Usual, rng),
    }
}

fn of(kind: Kind, rng: &mut Rng) -> Question {
    match kind {
        Kind::Together if rng.bool() => pair::added(rng),
        Kind::Together => pair::Pair::draw(rng).together(false, rng),
        Kind::Heavier if rng.u8(..5) == 0 => pair::compared(rng),
        Kind::Heavier => pair::Pair::draw(rng).heavier(false, rng),
        Kind::Difference => pair::Pair::draw(rng).difference(false, rng),
        Kind::Missing => pans::missing(rng),
        Kind::Convert => conversion::convert(rng),
        Kind::Order => three::order(rng),
        Kind::Recall => three::recall(rng),
        Kind::Tilt => pans::tilt(rng),
        Kind::Usual => usual::heavier(rng),
        Kind::Elsewhere => elsewhere::unknown(rng),
    }
}

/// People write as they like: sometimes small, sometimes without the mark at the end.
fn casual(text: String, rng: &mut Rng) -> String {
    match rng.u8(..8) {
        0 => text.to_lowercase(),
        1 => text.trim_end_matches(['?', '.', '!']).to_owned(),
        _ => text,
    }
}

/// Tries for a question that is held out and new; a kind that gives none has run out.
const TRIES: usize = 10_000;

/// `count` different questions, as many of each kind, of which no training text states what they ask; fewer where a kind runs out, far
/// beyond ten thousand.
#[must_use]
pub fn held_out(count: usize, seed: u64) -> Vec<Question> {
    let mut rng = Rng::with_seed(seed);
    let mut asked = HashSet::new();
    let one =
        |kind: &Kind| (0..TRIES).map(|_| of(*kind, &mut rng)).find(|question| question.held_out() && asked.insert(question.text.clone()));
    Kind::ALL.iter().cycle().take(count).filter_map(one).collect()
}
