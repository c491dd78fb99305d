//! A little grammar: `[this|that]` chooses, `{slot}` fills in, `{+slot}` fills in with its article.
//!
//! Choices nest. The first letter of each sentence becomes a capital by itself, and so does the word `i`.

use fastrand::Rng;

/// The words of slots by name.
pub type Slots<'a> = &'a [(&'a str, &'a str)];

/// One of the texts that `pattern` stands for.
///
/// # Panics
/// On a slot that is not given or a bracket that is not closed: patterns are code.
#[must_use]
pub fn expand(pattern: &str, slots: Slots<'_>, rng: &mut Rng) -> String {
    capitals(&phrase(pattern, slots, rng)).replace(" i ", " I ")
}

/// One of the texts that `pattern` stands for, as a part of a sentence: no letter becomes a capital.
///
/// # Panics
/// As [`expand`].
#[must_use]
pub fn phrase(pattern: &str, slots: Slots<'_>, rng: &mut Rng) -> String {
    let mut out = String::with_capacity(pattern.len());
    choose(pattern, slots, rng, &mut out);
    out
}

/// One of several patterns, expanded.
#[must_use]
pub fn any(patterns: &[&str], slots: Slots<'_>, rng: &mut Rng) -> String {
    expand(patterns[rng.usize(..patterns.len())], slots, rng)
}

fn choose(pattern: &str, slots: Slots<'_>, rng: &mut Rng, out: &mut String) {
    let mut rest = pattern;
    while let Some(at) = rest.find(['[', '{']) {
        out.push_str(&rest[..at]);
        let inner = &rest[at + 1..];
        if rest[at..].starts_with('{') {
            let end = inner.find('}').unwrap_or_else(|| panic!("a slot is not closed in `{pattern}`"));
            fill(&inner[..end], slots, out);
            rest = &inner[end + 1..];
        } else {
            let (choices, end) = alternatives(inner).unwrap_or_else(|| panic!("a bracket is not closed in `{pattern}`"));
            choose(choices[rng.usize(..choices.len())], slots, rng, out);
            rest = &inner[end..];
        }
    }
    out.push_str(rest);
}

/// The alternatives up to the bracket that closes, and the byte behind it.
fn alternatives(inner: &str) -> Option<(Vec<&str>, usize)> {
    let (mut depth, mut start, mut choices) = (0, 0, Vec::new());
    for (at, c) in inner.char_indices() {
        match c {
            '[' => depth += 1,
            ']' if depth > 0 => depth -= 1,
            ']' => {
                choices.push(&inner[start..at]);
                return Some((choices, at + 1));
            }
            '|' if depth == 0 => {
                choices.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    None
}

fn fill(slot: &str, slots: Slots<'_>, out: &mut String) {
    let (name, article) = slot.strip_prefix('+').map_or((slot, false), |name| (name, true));
    let (_, word) = slots.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("no slot `{name}`"));
    if article {
        out.push_str(if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an " } else { "a " });
    }
    out.push_str(word);
}

/// Capitals at the start and after what ends a sentence. Speech that ends in `!` or `?` may go on with who said it: a pattern writes the
/// capital itself where a new sentence follows.
fn capitals(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut start, mut before) = (true, ' ');
    for c in text.chars() {
        if start && c.is_alphanumeric() {
            out.extend(c.to_uppercase());
        } else {
            out.push(c);
        }
        start = match c {
            '.' | '!' | '?' => true,
            '"' if matches!(before, '!' | '?') => false,
            ' ' | '\n' | '"' => start,
            _ => false,
        };
        before = c;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_nest_slots_take_articles_and_sentences_start_with_capitals() {
        let mut rng = Rng::with_seed(1);
        let slots: Slots<'_> = &[("a", "egg"), ("b", "key")];
        let all: std::collections::BTreeSet<String> =
            (0..200).map(|_| expand("{+a} [and [one|no] {b}|or {+b}]. it is so.", slots, &mut rng)).collect();
        let expected = ["An egg and no key. It is so.", "An egg and one key. It is so.", "An egg or a key. It is so."];
        assert_eq!(all.into_iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn speech_starts_with_a_capital_and_who_spoke_does_not() {
        let mut rng = Rng::with_seed(1);
        let text = expand("\"it is heavy!\" said {n}. \"look.\" the beam tilts. \"", &[("n", "Ines")], &mut rng);
        assert_eq!(text, "\"It is heavy!\" said Ines. \"Look.\" The beam tilts. \"");
    }
}
