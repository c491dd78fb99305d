//! Right answers, counted: the examination with somebody who answers by heart, then with a tiny model, then as a command.

use std::collections::VecDeque;

use ponder::engine::session::{Input, Session};
use ponder::engine::template::{Message, Role};
use ponder::error::{Error, Result};
use ponder::inspect::Model;
use ponder::kernels::level::Level;
use ponder::lab::answers::{Answers, Count, Tally, ask};
use ponder::pocket;
use serde_json::Value;

use crate::cli::{Shell, has, text};
use crate::support::gguf_writer::ggml;
use crate::support::loaded::{FAST, load_model, tiny};
use crate::support::tiny_llama::TinyLlama;

fn finish(count: &mut Count, answer: &mut dyn FnMut(&str) -> Result<String>) -> Answers {
    while count.step(answer).unwrap() {}
    count.answers().clone()
}

#[test]
fn who_knows_all_answers_is_right_and_who_knows_none_is_wrong() {
    let questions = pocket::held_out(30, 4);
    let mut by_heart: VecDeque<String> = questions.iter().map(|question| question.answer.clone()).collect();
    let all = finish(&mut Count::new(questions.clone()), &mut |_| Ok(by_heart.pop_front().unwrap()));
    assert_eq!((all.total, all.asked.iter().filter(|asked| asked.right).count()), (Tally { right: 30, asked: 30 }, 30));

    let none = finish(&mut Count::new(questions.clone()), &mut |_| Ok("???".to_owned()));
    assert_eq!((none.total, none.asked.iter().filter(|asked| asked.right).count()), (Tally { right: 0, asked: 30 }, 0));
    assert_eq!((&none.asked[7].question, &none.asked[7].expected), (&questions[7].text, &questions[7].answer));
    assert_eq!(none.asked[7].found, "???");

    for answers in [all, none] {
        let kinds = answers
            .by_kind
            .values()
            .fold(Tally::default(), |sum, kind| Tally { right: sum.right + kind.right, asked: sum.asked + kind.asked });
        assert_eq!(kinds, answers.total);
        for (kind, tally) in &answers.by_kind {
            assert_eq!(tally.asked, questions.iter().filter(|question| question.kind.name() == *kind).count(), "{kind}");
        }
    }
}

#[test]
fn a_count_that_is_stopped_goes_on_where_it_was() {
    let questions = pocket::held_out(10, 1);
    let whole = finish(&mut Count::new(questions.clone()), &mut |question| Ok(question.to_owned()));
    let mut count = Count::new(questions);
    let mut heard = 0;
    for stop in [3, 3, 7] {
        let result = loop {
            let step = count.step(&mut |question| {
                heard += 1;
                if heard == stop { Err(Error::Cancelled) } else { Ok(question.to_owned()) }
            });
            match step {
                Ok(true) => {}
                other => break other,
            }
        };
        if count.answers().total.asked < count.n_questions() {
            assert_eq!(result, Err(Error::Cancelled));
        }
    }
    assert_eq!(finish(&mut count, &mut |question| Ok(question.to_owned())), whole);
    assert_eq!(count.step(&mut |_| panic!("there is nothing to ask")), Ok(false));
}

#[test]
fn errors_of_a_share_are_the_textbooks() {
    // Wilson (1927) with z = 1.959964, worked out apart.
    for (right, asked, stderr, low, high) in [
        (10, 10, 0.0, 0.722_467_2, 1.0),
        (0, 10, 0.0, 0.0, 0.277_532_8),
        (190, 200, 0.015_411_0, 0.910_421_6, 0.972_617_4),
        (987, 1000, 0.003_582_0, 0.977_885_6, 0.992_387_2),
        (1, 2, 0.353_553_4, 0.094_531_2, 0.905_468_8),
    ] {
        let tally = Tally { right, asked };
        let interval = tally.interval();
        for (found, expected) in [(tally.stderr(), stderr), (interval.0, low), (interval.1, high)] {
            assert!((found - expected).abs() < 1e-6, "{right} of {asked}: {found} in place of {expected}");
        }
    }
    assert_eq!((Tally::default().share(), Tally::default().stderr(), Tally::default().interval()), (0.0, 0.0, (0.0, 1.0)));
}

fn peaked() -> TinyLlama {
    TinyLlama { gain: 3.0, ..TinyLlama::default() }
}

/// Rows of 256, as K quants need, and two bytes a weight.
fn wide() -> TinyLlama {
    TinyLlama { n_embd: 256, n_ff: 256, n_heads: 8, n_kv_heads: 2, matrices: ggml::F16, ..peaked() }
}

#[test]
fn each_question_is_asked_in_an_empty_context() {
    let questions = ["Which is heavier?", "Which is lighter?", "How much together?"];
    let ask = |session: &mut Session, question: &str| ask(session, question, &|| true).unwrap();
    let alone: Vec<String> = questions.iter().map(|question| ask(&mut tiny(&peaked(), FAST).session, question)).collect();
    let mut session = tiny(&peaked(), FAST).session;
    for order in [[0, 1, 2], [2, 1, 0]] {
        for i in order {
            assert_eq!(ask(&mut session, questions[i]), alone[i]);
        }
    }
    let messages = vec![Message::new(Role::User, questions[0])];
    let prompt = session.prompt(&Input::Chat { messages, fallback_template: false }, &|| true).unwrap();
    ask(&mut session, questions[0]);
    let read = session.runner().tokens();
    assert!(read.starts_with(&prompt.tokens) && read.len() < prompt.tokens.len() + 96, "through the template, and no endless answer");
}

#[test]
fn a_question_that_is_stopped_is_no_answer() {
    let mut session = tiny(&peaked(), FAST).session;
    for stop_at in [0, 3, 40] {
        let asked = std::cell::Cell::new(0);
        let go_on = || {
            asked.set(asked.get() + 1);
            asked.get() <= stop_at
        };
        assert_eq!(ask(&mut session, "Which is heavier?", &go_on), Err(Error::Cancelled));
    }
}

// --- the command

fn keys(value: &Value) -> Vec<&str> {
    value["levels"].as_array().unwrap().iter().map(|level| level["type"].as_str().unwrap()).collect()
}

#[test]
fn the_command_prints_each_level_that_was_asked_for() {
    let shell = Shell::with(&wide().gguf());
    let value = shell.json(&["answers", "tiny.gguf", "--questions", "3", "--seed", "5", "--to", "q4_k", "--to", "all", "--to", "Q6_K"]);
    has(&value, &["file", "questions", "seed", "levels"]);
    assert_eq!((&value["questions"], &value["seed"]), (&Value::from(3), &Value::from(5)));
    assert_eq!(keys(&value), ["Q4_K", "F16", "Q8_0", "Q6_K", "Q5_K", "Q4_0", "Q3_K", "Q2_K"], "each once");
    for level in value["levels"].as_array().unwrap() {
        has(level, &["type", "types", "bytes", "bits_per_weight", "right", "asked", "stderr", "interval", "by_kind", "transcript"]);
        assert_eq!(level["asked"], 3);
        let asked: u64 = level["by_kind"].as_object().unwrap().values().map(|kind| kind["asked"].as_u64().unwrap()).sum();
        assert_eq!(asked, 3);
        let bits = level["bits_per_weight"].as_f64().unwrap();
        let plan = shell.json(&["plan", "tiny.gguf", "--to", level["type"].as_str().unwrap()]);
        assert_eq!(plan["weights"], level["bytes"]);
        // The norms are in F32.
        let pure = Level::ALL.iter().find(|other| other.dtype().name() == level["type"].as_str().unwrap()).unwrap().dtype();
        assert!((0.0..0.1).contains(&(bits - pure.bits_per_weight().unwrap())), "{}: {bits}", level["type"]);
    }
}

#[test]
fn the_command_takes_the_file_as_it_is_and_says_what_types_become() {
    let shell = Shell::new();
    let value = shell.json(&["answers", "tiny.gguf", "--questions", "2"]);
    assert_eq!(keys(&value), ["F32"]);
    assert_eq!(shell.json(&["answers", "tiny.gguf", "--questions", "2"]), value, "the same seed, the same questions");
    let output = shell.run(&["answers", "tiny.gguf", "--questions", "2", "--to", "q6_k", "--show-wrong", "1"]);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 3, "{out}");
    assert!(lines[0].starts_with("| type |") && lines[1].starts_with("|---") && lines[2].starts_with("| Q6_K (Q8_0) |"), "{out}");
    assert_eq!(lines[0].matches('|').count(), lines[2].matches('|').count());
    assert_eq!(err.matches("expected").count(), 1, "{err}");
}

#[test]
fn a_level_that_does_not_exist_is_wrong_usage() {
    let shell = Shell::new();
    for args in [
        &["answers", "tiny.gguf", "--to", "q7_k"][..],
        &["run", "tiny.gguf", "--prompt", "x", "--to", "all"],
        &["answers", "tiny.gguf", "--questions", "0"],
    ] {
        assert_eq!(shell.run(args).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn every_command_that_runs_a_model_can_quantize_it() {
    let shell = Shell::with(&wide().gguf());
    let weights = |value: &Value| value["memory"]["charged"]["weights"].as_u64().unwrap();
    let run =
        |more: &[&str]| shell.json(&[&["run", "tiny.gguf", "--prompt", "Hi", "--max-tokens", "3", "--temperature", "0"], more].concat());
    let (stored, small) = (run(&[]), run(&["--to", "q2_k"]));
    assert!(weights(&small) * 4 < weights(&stored), "{} and {}", weights(&small), weights(&stored));
    assert_eq!(small["memory"]["planned"]["weights"], small["memory"]["charged"]["weights"]);
    assert_eq!(run(&["--to", "f16"])["tokens"], stored["tokens"]);

    let bytes = |more: &[&str]| {
        let args = ["bench", "tiny.gguf", "--prompt", "8", "--generate", "1", "--repeat", "1"];
        shell.json(&[&args, more].concat())["bytes_per_token"].as_u64().unwrap()
    };
    assert!(bytes(&["--to", "q4_0"]) * 3 < bytes(&[]));
    let ppl = |more: &[&str]| {
        shell.json(&[&["perplexity", "tiny.gguf", "--text-file", "text.txt", "--chunk", "20"], more].concat())["ppl"].as_f64().unwrap()
    };
    assert!((ppl(&["--to", "f32"]) / ppl(&["--exact"]) - 1.0).abs() < 1e-3);
    assert!((ppl(&["--to", "q2_k"]) / ppl(&[]) - 1.0).abs() > 1e-2);
    let logits = |more: &[&str]| shell.json(&[&["logits", "tiny.gguf", "--tokens", "1,2,3"], more].concat());
    assert_ne!(logits(&["--to", "q3_k"]), logits(&[]));
}

/// What the built-in model's card promises.
#[test]
fn pocket_answers_held_out_questions_rightly() {
    let mut loaded = load_model(Model::read(pocket::open().unwrap()), FAST);
    let answers = finish(&mut Count::new(pocket::held_out(1000, 1)), &mut |question| ask(&mut loaded.session, question, &|| true));
    assert!(answers.total.right >= 970, "{:?}: {:?}", answers.total, answers.by_kind);
}
