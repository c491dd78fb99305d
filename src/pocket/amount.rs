//! Weights as Pocket's world writes them: grams, kilograms with grams, ounces.

use std::fmt;

/// A weight in the unit in which it is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Amount {
    /// `45 g`
    Grams(u32),
    /// `3 kg 400 g`, or `3 kg` without the rest.
    Kilograms {
        /// Whole kilograms.
        kg: u32,
        /// What is left, in grams.
        g: u32,
    },
    /// `5 oz`
    Ounces(u32),
}

/// Grams of an ounce, as Pocket's shops round it (28.35 in truth).
pub const GRAMS_PER_OUNCE: u32 = 28;

impl Amount {
    /// As a shop says it: whole kilograms in kilograms, all else in grams.
    #[must_use]
    pub const fn said(grams: u32) -> Self {
        if grams >= 1000 && grams.is_multiple_of(1000) { Self::Kilograms { kg: grams / 1000, g: 0 } } else { Self::Grams(grams) }
    }

    /// In kilograms and grams.
    #[must_use]
    pub const fn in_kilograms(grams: u32) -> Self {
        Self::Kilograms { kg: grams / 1000, g: grams % 1000 }
    }

    /// The amounts that a text names, in order. A number without a unit is none.
    #[must_use]
    pub fn all_in(text: &str) -> Vec<Self> {
        let words: Vec<&str> = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
        let mut found: Vec<Self> = Vec::new();
        let mut kilograms_end = None;
        for (at, pair) in words.windows(2).enumerate() {
            let Ok(number) = pair[0].parse::<u32>() else { continue };
            match pair[1] {
                "g" | "gram" | "grams" => match found.last_mut() {
                    Some(Self::Kilograms { g, .. }) if kilograms_end == Some(at) && number < 1000 => *g = number,
                    _ => found.push(Self::Grams(number)),
                },
                "kg" | "kilogram" | "kilograms" => {
                    found.push(Self::Kilograms { kg: number, g: 0 });
                    kilograms_end = Some(at + 2);
                }
                "oz" | "ounce" | "ounces" => found.push(Self::Ounces(number)),
                _ => {}
            }
        }
        found
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grams(g) => write!(f, "{g} g"),
            Self::Kilograms { kg, g: 0 } => write!(f, "{kg} kg"),
            Self::Kilograms { kg, g } => write!(f, "{kg} kg {g} g"),
            Self::Ounces(oz) => write!(f, "{oz} oz"),
        }
    }
}
