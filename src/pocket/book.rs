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
        let (a, b) = (weight(class, rng), weight(class, rng));
        let [wa, wb, s] = [a, b, a + b].map(Amount::said);
        let (line, facts) = match rng.u8(..6) {
            0..3 => (format!("{wa} + {wb} = {s}"), vec![Fact::sum(a, b)]),
            3 | 4 => {
                let (low, high) = (a.min(b), a.max(b));
                let rest = Amount::said(high - low);
                (
                    format!("{} - {} = {rest}", Amount::said(high), Amount::said(low)),
                    vec![Fact::sum(low, high - low), Fact::more(low, high)],
                )
            }
            _ => {
                let than = if a > b { "more" } else { "less" };
                (format!("{wa} is {than} than {wb}"), vec![Fact::more(a, b)])
            }
        };
        if a != b && !facts.iter().any(Fact::held_out) {
            return (line, facts);
        }
    }
}
