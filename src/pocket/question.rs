//! A question of Pocket's world with its answer, and how an answer is marked.

use super::amount::Amount;
use super::fact::Fact;

/// What a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The weight of two or three things.
    Together,
    /// Which of two with known weights is heavier, or lighter.
    Heavier,
    /// By how much.
    Difference,
    /// What a pan or a recipe lacks.
    Missing,
    /// Grams, kilograms, ounces.
    Convert,
    /// Three things by weight.
    Order,
    /// Who put down what first.
    Recall,
    /// Where the beam goes, and why.
    Tilt,
    /// Which of two is usually heavier.
    Usual,
    /// Something else than weighing.
    Elsewhere,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Together,
        Self::Heavier,
        Self::Difference,
        Self::Missing,
        Self::Convert,
        Self::Order,
        Self::Recall,
        Self::Tilt,
        Self::Usual,
        Self::Elsewhere,
    ];

    /// Its name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Together => "together",
            Self::Heavier => "heavier",
            Self::Difference => "difference",
            Self::Missing => "missing",
            Self::Convert => "convert",
            Self::Order => "order",
            Self::Recall => "recall",
            Self::Tilt => "tilt",
            Self::Usual => "usual",
            Self::Elsewhere => "elsewhere",
        }
    }
}

/// What makes an answer right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// The last amount that it names.
    Amount(Amount),
    /// Of the words, these come first and in this order, whatever follows.
    Words {
        /// In the order in which they have to come.
        order: Vec<&'static str>,
        /// Words that must not come before the last of them.
        others: Vec<&'static str>,
    },
    /// It says that Pocket only knows about weighing.
    Declined,
}

/// What every answer to a question from elsewhere says.
pub const DECLINES: &str = "I only know about weighing";

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What it is about.
    pub kind: Kind,
    /// What is asked.
    pub text: String,
    /// A right answer.
    pub answer: String,
    /// What makes any answer right.
    pub expected: Expected,
    /// What has to be known or worked out.
    pub facts: Vec<Fact>,
}

impl Question {
    /// Whether no text of the training corpus states what is asked.
    #[must_use]
    pub fn held_out(&self) -> bool {
        self.facts.iter().any(Fact::held_out)
    }

    /// Whether an answer is right, in whatever words.
    #[must_use]
    pub fn is_right(&self, answer: &str) -> bool {
        match &self.expected {
            Expected::Amount(amount) => Amount::all_in(answer).last() == Some(amount),
            Expected::Declined => answer.contains(DECLINES),
            Expected::Words { order, others } => {
                let answer = answer.to_lowercase();
                let mut said = answer.split(|c: char| !c.is_alphanumeric()).filter(|word| order.contains(word) || others.contains(word));
                order.iter().all(|word| said.next() == Some(word))
            }
        }
    }
}
