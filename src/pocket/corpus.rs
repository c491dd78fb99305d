//! Stub of the corpus generator, for work on the trainer.

/// A part of a document in the chat markup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// The document begins.
    Begin,
    /// What a person says.
    User(String),
    /// What Pocket says.
    Answer(String),
    /// A system message.
    System(String),
    /// Running text.
    Text(String),
}

fn mix(x: u64) -> u64 {
    let mut z = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Document number `index`.
#[must_use]
pub fn document(index: u64) -> Vec<Segment> {
    let r = |k: u64, n: u64| mix(mix(index) ^ k) % n;
    let name = ["Ines", "Omar", "Tilda", "Jon", "Mira"][usize::try_from(r(1, 5)).unwrap_or(0)];
    let thing = ["a letter", "flour", "a brass coin", "two apples", "sugar", "a key"][usize::try_from(r(2, 6)).unwrap_or(0)];
    let verb = ["puts", "lays", "weighs", "drops"][usize::try_from(r(3, 4)).unwrap_or(0)];
    let (a, b) = (r(4, 90) + 10, r(5, 90) + 10);
    match r(6, 3) {
        0 => vec![
            Segment::Begin,
            Segment::Text(format!(
                "{name} {verb} {thing} on the left pan. It is {a} grams. The beam doesn't tilt when {b} grams lie there too."
            )),
        ],
        1 => vec![
            Segment::Begin,
            Segment::System("Answer briefly.".into()),
            Segment::User(format!("What is {a} grams and {b} grams together?")),
            Segment::Answer(format!("{} grams.", a + b)),
        ],
        _ => vec![
            Segment::Begin,
            Segment::User(format!("{name} {verb} {thing} of {a} g left and {b} g right. Which is heavier?")),
            Segment::Answer(if a > b { "The left pan is heavier.".into() } else { "The right pan, or both are equal.".into() }),
        ],
    }
}
