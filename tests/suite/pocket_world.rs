//! Pocket's world: the corpus it was trained on, the questions it is judged by, and how answers are marked.

use std::collections::HashSet;

use ponder::pocket::amount::Amount;
use ponder::pocket::corpus::{Segment, document, held_out};
use ponder::pocket::fact::Fact;
use ponder::pocket::{Kind, Question};

/// Documents that are looked at: more than a hundredth of the training run.
const DOCUMENTS: u64 = 60_000;

fn texts(index: u64) -> impl Iterator<Item = (&'static str, String)> {
    document(index).segments.into_iter().map(|segment| match segment {
        Segment::Begin => ("begin", String::new()),
        Segment::User(text) => ("user", text),
        Segment::Answer(text) => ("answer", text),
        Segment::System(text) => ("system", text),
        Segment::Told(text) => ("told", text),
        Segment::Story(text) => ("story", text),
        Segment::Page(text) => ("page", text),
    })
}

#[test]
fn no_training_text_states_what_the_held_out_questions_ask() {
    let questions = held_out(1000, 1);
    let asked: HashSet<Fact> =
        questions.iter().flat_map(|question| question.facts.iter().filter(|fact| fact.held_out()).cloned()).collect();
    let wordings: HashSet<String> = questions.iter().map(|question| question.text.to_lowercase()).collect();
    assert!(questions.iter().all(|question| question.facts.iter().any(|fact| asked.contains(fact))), "each question asks for such a fact");
    assert_eq!(wordings.len(), 1000, "no question comes twice");
    for index in 0..DOCUMENTS {
        for fact in document(index).facts {
            assert!(!asked.contains(&fact) && !fact.held_out(), "document {index} states {fact:?}");
        }
        for (_, text) in texts(index) {
            assert!(!wordings.contains(&text.to_lowercase()), "document {index}: {text}");
        }
    }
}

fn grams(amount: &Amount) -> u32 {
    match *amount {
        Amount::Grams(g) => g,
        Amount::Kilograms { kg, g } => 1000 * kg + g,
        Amount::Ounces(_) => panic!("ounces are not added"),
    }
}

/// The proof that does not believe what the generator says of itself: every sum, difference and comparison that can be read in the text.
#[test]
fn no_sum_or_comparison_in_the_corpus_is_a_held_out_one() {
    let mut read = 0;
    for index in 0..DOCUMENTS {
        for (_, text) in texts(index) {
            for sentence in text.split(['\n', '.', ',', ':', '"', '?']) {
                let amounts = Amount::all_in(sentence);
                let fact = match amounts[..] {
                    [ref a, ref b] if sentence.contains(" g + ") || sentence.contains(" kg + ") => Fact::sum(grams(a), grams(b)),
                    [ref a, ref b, ref s] if sentence.contains(" + ") => {
                        assert_eq!(grams(a) + grams(b), grams(s), "{sentence}");
                        Fact::sum(grams(a), grams(b))
                    }
                    [ref w, ref p] if sentence.contains(" g - ") || sentence.contains(" kg - ") => Fact::sum(grams(p), grams(w) - grams(p)),
                    [ref w, ref p, ref r] if sentence.contains(" - ") => {
                        assert_eq!(grams(w) - grams(p), grams(r), "{sentence}");
                        Fact::sum(grams(p), grams(r))
                    }
                    [ref a, ref b] if sentence.contains(" is more than ") || sentence.contains(" is less than ") => {
                        assert_eq!(grams(a) > grams(b), sentence.contains("more"), "{sentence}");
                        Fact::more(grams(a), grams(b))
                    }
                    _ => continue,
                };
                read += 1;
                assert!(!fact.held_out(), "document {index}: {sentence}");
            }
        }
    }
    assert!(read > 50_000, "only {read} were found");
}

#[test]
fn the_book_calculates_rightly_column_by_column() {
    let mut read = 0;
    for (_, text) in (0..5000).flat_map(texts) {
        for (given, worked) in text.lines().filter_map(|line| line.split_once(": ")).filter(|(given, _)| given.contains(['+', '-'])) {
            let (Some([a, b]), Some(result)) = (Amount::all_in(given).first_chunk().copied(), Amount::all_in(worked).last().copied())
            else {
                continue;
            };
            let expected = if given.contains('+') { grams(&a) + grams(&b) } else { grams(&a).abs_diff(grams(&b)) };
            if worked.matches(':').count() == 0 {
                assert_eq!(grams(&result), expected, "{given}: {worked}");
                read += 1;
            }
            for column in worked.split(['.', ',', ':']).filter(|column| column.contains('=')) {
                let numbers: Vec<i32> = column.split([' ', '+', '-', '=']).filter_map(|word| word.parse().ok()).collect();
                let [first, middle @ .., last] = &numbers[..] else { panic!("{column}") };
                let sign = if column.contains('+') { 1 } else { -1 };
                assert_eq!(first + sign * middle.iter().sum::<i32>(), *last, "{column}");
            }
        }
    }
    assert!(read > 5000, "only {read} were found");
}

#[test]
fn every_right_answer_is_marked_right_and_another_questions_answer_hardly_ever() {
    let questions = held_out(2000, 5);
    for question in &questions {
        assert!(question.is_right(&question.answer), "{question:?}");
        assert!(!question.is_right(""), "{question:?}");
    }
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Elsewhere) {
        let of_kind: Vec<&Question> = questions.iter().filter(|question| question.kind == kind).collect();
        assert_eq!(of_kind.len(), 200);
        let wrong =
            of_kind.iter().zip(of_kind.iter().cycle().skip(1)).filter(|(question, other)| !question.is_right(&other.answer)).count();
        let least = if kind == Kind::Tilt { 60 } else { 150 };
        assert!(wrong >= least, "{}: {wrong} of 200 marked wrong", kind.name());
    }
}

#[test]
fn amounts_are_read_as_they_are_written() {
    let read = Amount::all_in;
    assert_eq!(read("3 kg 400 g + 20 g is not 5 oz."), [Amount::Kilograms { kg: 3, g: 400 }, Amount::Grams(20), Amount::Ounces(5)]);
    assert_eq!(read("3 kg and 400 g"), [Amount::Kilograms { kg: 3, g: 0 }, Amount::Grams(400)]);
    assert_eq!(read("12 grams, 7 of them, 4 g"), [Amount::Grams(12), Amount::Grams(4)]);
    assert_eq!(read("12 14 g 99999999999 g"), [Amount::Grams(14)]);
    for amount in [Amount::Grams(0), Amount::Kilograms { kg: 12, g: 0 }, Amount::Kilograms { kg: 1, g: 5 }, Amount::Ounces(16)] {
        assert_eq!(read(&amount.to_string()), [amount]);
    }
}

/// A changed grammar would make another corpus than the one in `assets/pocket.md`.
#[test]
fn the_corpus_is_the_one_that_pocket_was_trained_on() {
    let bytes = (0..1000).flat_map(texts).flat_map(|(kind, text)| kind.bytes().chain(text.into_bytes()).collect::<Vec<_>>());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    assert_eq!(format!("{hash:016x}"), "f16c294e1ef1aa30");
}

#[test]
fn documents_are_many_and_short_enough_for_the_context() {
    let mut seen = HashSet::new();
    for index in 0..20_000 {
        let text: Vec<_> = texts(index).map(|(_, text)| text).collect();
        assert!(
            text.iter().all(|text| text.trim() == text && !text.contains("  ") && !text.contains(['[', ']', '{', '}', '|'])),
            "{text:?}"
        );
        // Four bytes to a token is the least that this vocabulary does.
        assert!(text.iter().map(String::len).sum::<usize>() < 1500, "{text:?}");
        seen.insert(text);
    }
    assert!(seen.len() > 19_500, "{} different texts", seen.len());
}
