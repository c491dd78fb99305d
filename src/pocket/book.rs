//! Pages of a weigher's book: bare sums, differences and comparisons, line by line. The densest way to learn to calculate.

use fastrand::Rng;

use super::amount::Amount;
use super::fact::Fact;
use super::things::{Class, weight};

/// A page of up to eight lines, and what they state: no fact that is held out.
#[must_use]
pub fn page(rng: &mut Rng) -> (String, Vec<Fact>) {
    let (mut lines, mut stated) = (vec!["From the book of weights:".to_owned()], Vec::new());
    for _ in 0..rng.usize(4..9) {
        let (line, facts) = line(rng);
        lines.push(line);
        stated.extend(facts);
    }
    (lines.join("\n"), stated)
}

fn line(rng: &mut Rng) -> (String, Vec<Fact>) {
    loop {
        let class = [Class::Light, Class::Light, Class::Middling, Class::Heavy][rng.usize(..4)];
        let (a, b, c) = (weight(class, rng), weight(class, rng), weight(class, rng));
        let (low, high) = (a.min(b), a.max(b));
        let [wa, wb, wc, low_said, high_said] = [a, b, c, low, high].map(Amount::said);
        let (line, facts) = match rng.u8(..8) {
            0..3 => (format!("{wa} + {wb}: {}. {}", class.sum(a, b), class.amount(a + b)), vec![Fact::sum(a, b)]),
            3 | 4 => {
                let rest = Amount::said(high - low);
                (
                    format!("{high_said} - {low_said}: {}. {rest}", class.difference(high, low)),
                    vec![Fact::sum(low, high - low), Fact::more(low, high)],
                )
            }
            5 => (format!("{wa} and {wb}: {high_said} is more than {low_said}"), vec![Fact::more(a, b)]),
            6 => (format!("{wa} and {wb}: {low_said} is less than {high_said}"), vec![Fact::more(a, b)]),
            _ => {
                let mut sorted = [a, b, c];
                sorted.sort_unstable();
                let facts = vec![Fact::order(sorted), Fact::more(a, b), Fact::more(b, c), Fact::more(a, c)];
                let up = rng.bool();
                if !up {
                    sorted.reverse();
                }
                let [x, y, z] = sorted.map(Amount::said);
                (format!("{wa}, {wb}, {wc} {}: {x}, {y}, {z}", if up { "up" } else { "down" }), facts)
            }
        };
        if a != b && b != c && a != c && !facts.iter().any(Fact::held_out) {
            return (line, facts);
        }
    }
}
