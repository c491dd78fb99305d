//! STUB of the world of the built-in model: a handful of questions, so that what stands on it compiles and can be tried. To be replaced.

/// What a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The weight of two things.
    Together,
    /// Which of two is heavier.
    Heavier,
}

impl Kind {
    /// Its name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Together => "together",
            Self::Heavier => "heavier",
        }
    }
}

/// A question with its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What it is about.
    pub kind: Kind,
    /// What is asked.
    pub text: String,
    /// A right answer.
    pub answer: String,
}

impl Question {
    /// Whether an answer says what is right.
    #[must_use]
    pub fn is_right(&self, answer: &str) -> bool {
        answer.to_lowercase().contains(&self.answer.to_lowercase())
    }
}

/// Questions that never occur in training; the same for the same seed.
#[must_use]
pub fn held_out(count: usize, seed: u64) -> Vec<Question> {
    (0..count as u64)
        .map(|i| (i.wrapping_mul(7).wrapping_add(seed) % 90 + 1, i % 9 + 100))
        .map(|(light, heavy)| match heavy % 2 {
            0 => Question {
                kind: Kind::Heavier,
                text: format!("The letter weighs {light} grams and the book {heavy} grams. Which is heavier?"),
                answer: "book".to_owned(),
            },
            _ => Question {
                kind: Kind::Together,
                text: format!("There are {light} grams and {heavy} grams on the pan. How much together?"),
                answer: (light + heavy).to_string(),
            },
        })
        .collect()
}
