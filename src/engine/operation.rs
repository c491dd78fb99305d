//! The kinds of work that a forward pass is made of, and how long each took.

use std::collections::BTreeMap;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};

use serde::{Deserialize, Serialize};

/// A kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Products with the matrices of attention: queries, keys, values, output.
    AttentionProducts,
    /// Products with the matrices of the feed-forward half.
    FeedForwardProducts,
    /// The product that gives each token of the vocabulary its logit.
    HeadProduct,
    /// Scores and weighted sums over the KV cache, and writing to it.
    Attention,
    /// Rows of the embedding table.
    Embedding,
    /// Norms.
    Norms,
    /// Rotating queries and keys by their position.
    Rotation,
    /// The activation function of the feed-forward half.
    Activation,
    /// Adding what a half of a layer gives to what it was given.
    Residuals,
}

impl Operation {
    /// All, in the order in which they are drawn: what reads weights, what reads the KV cache, what reads activations only.
    pub const ALL: [Self; 9] = [
        Self::AttentionProducts,
        Self::FeedForwardProducts,
        Self::HeadProduct,
        Self::Attention,
        Self::Embedding,
        Self::Norms,
        Self::Rotation,
        Self::Activation,
        Self::Residuals,
    ];

    /// The key in JSON.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::AttentionProducts => "attention_products",
            Self::FeedForwardProducts => "feed_forward_products",
            Self::HeadProduct => "head_product",
            Self::Attention => "attention",
            Self::Embedding => "embedding",
            Self::Norms => "norms",
            Self::Rotation => "rotation",
            Self::Activation => "activation",
            Self::Residuals => "residuals",
        }
    }

    /// The words on the screen.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::AttentionProducts => "attention products",
            Self::FeedForwardProducts => "feed-forward products",
            Self::HeadProduct => "head product",
            Self::Attention => "attention",
            Self::Embedding => "embedding",
            Self::Norms => "norms",
            Self::Rotation => "rotation",
            Self::Activation => "activation function",
            Self::Residuals => "residual sums",
        }
    }

    /// Whether it multiplies with weights, which all have to be read for it.
    #[must_use]
    pub const fn is_product(self) -> bool {
        matches!(self, Self::AttentionProducts | Self::FeedForwardProducts | Self::HeadProduct)
    }
}

/// Seconds by operation. In JSON an object with the keys of those that took any time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<String, f64>", into = "BTreeMap<String, f64>")]
pub struct Times([f64; Operation::ALL.len()]);

impl Times {
    /// The seconds of one operation.
    #[must_use]
    pub const fn get(&self, operation: Operation) -> f64 {
        self.0[operation as usize]
    }

    /// Adds seconds to one.
    pub const fn add(&mut self, operation: Operation, seconds: f64) {
        self.0[operation as usize] += seconds;
    }

    /// All seconds together.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.0.iter().sum()
    }

    /// What part of the whole an operation took, between 0 and 1.
    #[must_use]
    pub fn share(&self, operation: Operation) -> f64 {
        self.share_of(|other| other == operation)
    }

    /// The same for several together.
    #[must_use]
    pub fn share_of(&self, counts: impl Fn(Operation) -> bool) -> f64 {
        let total = self.total();
        let part: f64 = Operation::ALL.into_iter().filter(|&operation| counts(operation)).map(|operation| self.get(operation)).sum();
        if total > 0.0 { part / total } else { 0.0 }
    }
}

impl Add for Times {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] + other.0[i]))
    }
}

impl AddAssign for Times {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Times {
    type Output = Self;
    /// Not below zero.
    fn sub(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| (self.0[i] - other.0[i]).max(0.0)))
    }
}

impl Sum for Times {
    fn sum<I: Iterator<Item = Self>>(times: I) -> Self {
        times.fold(Self::default(), Add::add)
    }
}

impl From<Times> for BTreeMap<String, f64> {
    fn from(times: Times) -> Self {
        let took = Operation::ALL.into_iter().map(|operation| (operation, times.get(operation))).filter(|(_, seconds)| *seconds > 0.0);
        took.map(|(operation, seconds)| (operation.key().to_owned(), seconds)).collect()
    }
}

impl From<BTreeMap<String, f64>> for Times {
    /// Keys that this Ponder does not know are passed over.
    fn from(seconds: BTreeMap<String, f64>) -> Self {
        let of = |operation: Operation| seconds.get(operation.key()).copied().filter(|seconds| seconds.is_finite() && *seconds > 0.0);
        Self(Operation::ALL.map(|operation| of(operation).unwrap_or(0.0)))
    }
}
