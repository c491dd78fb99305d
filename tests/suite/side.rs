//! One prompt to several models: what they say, what they take, and what stops or fails.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ponder::engine::generate::{Generation, Progress};
use ponder::engine::metrics::{Metrics, StopReason};
use ponder::engine::sampler::Sampling;
use ponder::engine::session::Input;
use ponder::error::Error;
use ponder::inspect::Model;
use ponder::lab::candidate::Candidate;
use ponder::lab::divergence::Room;
use ponder::lab::label::Label;
use ponder::lab::mix::{Mix, Recipe};
use ponder::lab::quantize;
use ponder::lab::side::align::Alignment;
use ponder::lab::side::{Booked, Column, Patience, Plan, Question, Told, run};
use ponder::memory::ledger::Ledger;
use ponder::memory::plan::Choice;
use ponder::memory::probe::Machine;
use ponder::units::Bytes;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::support::loaded::{FAST, MACHINE, load, open, pool};
use crate::support::tiny_llama::TinyLlama;

fn llama(seed: u64) -> TinyLlama {
    TinyLlama { seed, n_embd: 256, n_ff: 256, n_heads: 8, n_kv_heads: 2, gain: 3.0, ..TinyLlama::default() }
}

fn written(folder: &TempDir, name: &str, llama: &TinyLlama) -> PathBuf {
    let path = folder.path().join(name);
    llama.gguf().write(&path);
    path
}

fn column(candidate: Candidate, sampling: Sampling) -> Column {
    Column { candidate, sampling }
}

fn file(path: &Path, sampling: &Sampling) -> Column {
    column(Candidate::file(Arc::new(open(path))).unwrap(), sampling.clone())
}

fn question(text: &str, seed: u64) -> Question {
    Question { input: Input::Completion(text.to_owned()), choice: FAST, seed }
}

/// What came of each column.
#[derive(Debug, Default, Clone)]
struct Said {
    text: String,
    tokens: Vec<Arc<[u8]>>,
    booked: Booked,
    ended: Option<Result<Metrics, Error>>,
}

impl Said {
    fn metrics(&self) -> &Metrics {
        self.ended.as_ref().unwrap().as_ref().unwrap()
    }
}

struct Asked {
    said: Vec<Said>,
    /// Columns in the order in which they drew tokens.
    order: Vec<usize>,
    /// The most that was booked.
    booked: Bytes,
    ledger: Ledger,
    plan: Plan,
}

fn ask_on(machine: Machine, columns: &[Column], question: &Question, go_on: &dyn Fn() -> bool) -> Asked {
    let room = Room { machine, pool: pool(2), ledger: Ledger::default() };
    let plan = Plan::of(columns, question, &machine);
    let mut asked =
        Asked { said: vec![Said::default(); columns.len()], order: Vec::new(), booked: Bytes(0), ledger: room.ledger.clone(), plan };
    let patience = Patience { wait: go_on, go_on };
    run(columns, question, &asked.plan.clone(), &room, patience, &mut |at, told| {
        asked.booked = asked.booked.max(asked.ledger.parts().sum());
        let said = &mut asked.said[at];
        assert!(said.ended.is_none(), "{told:?} of a column that has ended");
        match told {
            Told::Loading { done, total } => assert!(done <= total),
            Told::Reading { done, total } => assert!(done <= total),
            Told::Text { token, text, booked, .. } => {
                said.text.push_str(&text);
                said.booked = booked;
                if let Some(token) = token {
                    said.tokens.push(token);
                    asked.order.push(at);
                }
            }
            Told::Ended(metrics) => said.ended = Some(Ok(metrics)),
            Told::Failed(error) => said.ended = Some(Err(error)),
        }
    });
    assert!(asked.said.iter().all(|said| said.ended.is_some()), "every column ends");
    assert_eq!(asked.ledger.parts().sum(), Bytes(0), "everything is freed");
    asked
}

fn ask(columns: &[Column], question: &Question) -> Asked {
    ask_on(MACHINE, columns, question, &|| true)
}

/// What a chat's engine says for the same.
fn alone(path: &Path, question: &Question, sampling: &Sampling) -> (String, Metrics) {
    let mut loaded = load(path, question.choice);
    let prompt = loaded.session.prompt(&question.input, &|| true).unwrap();
    let seed = sampling.seed.unwrap_or(question.seed);
    let mut generation = Generation::start(&mut loaded.session, &prompt, sampling, seed).unwrap();
    let mut all = String::new();
    while let Some(progress) = generation.next(&|| true).unwrap() {
        if let Progress::Text { text, .. } = progress {
            all.push_str(&text);
        }
    }
    (all, generation.metrics())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn a_column_says_what_a_chat_with_its_model_says(
        prompt in "[a-zA-Z äß日,.]{1,90}",
        seed in any::<u64>(),
        temperature in prop_oneof![Just(0.0), 0.2..2.0_f64],
        max_tokens in 1..40_usize,
        weights in 1..4_u64,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let reference = written(&folder, "reference.gguf", &llama(weights));
        let other = written(&folder, "other.gguf", &TinyLlama { tied_head: false, ..llama(weights + 7) });
        let model = Arc::new(open(&reference));
        let recipe = Recipe::of(Label::Q4KM);
        let quantized = folder.path().join("quantized.gguf");
        quantize::write(&model, &Mix::of(&model, &recipe).unwrap(), &quantized, &pool(2), &mut |_| true).unwrap();
        let sampling = Sampling { temperature, max_tokens, ..Sampling::default() };
        let warmer = Sampling { temperature: temperature + 0.5, seed: Some(3), ..sampling.clone() };
        let columns = [
            column(Candidate::file(Arc::clone(&model)).unwrap(), sampling.clone()),
            column(Candidate::made(Arc::clone(&model), &recipe).unwrap(), sampling.clone()),
            column(Candidate::file(model).unwrap(), warmer.clone()),
            file(&other, &sampling),
        ];
        let question = question(&prompt, seed);
        let asked = ask(&columns, &question);
        prop_assert!(asked.plan.in_step());
        let expected = [(&reference, &sampling), (&quantized, &sampling), (&reference, &warmer), (&other, &sampling)];
        for (said, (path, sampling)) in asked.said.iter().zip(expected) {
            let (text, metrics) = alone(path, &question, sampling);
            prop_assert_eq!(&said.text, &text);
            prop_assert_eq!(said.tokens.len(), metrics.generated_tokens);
            prop_assert_eq!(said.metrics().stop_reason, metrics.stop_reason);
            let bytes: Vec<u8> = said.tokens.iter().flat_map(|token| token.iter().copied()).collect();
            prop_assert_eq!(String::from_utf8_lossy(&bytes), text);
        }
    }
}

fn three(folder: &TempDir, max_tokens: usize) -> [Column; 3] {
    let model = Arc::new(open(&written(folder, "reference.gguf", &llama(1))));
    let sampling = Sampling { max_tokens, ..Sampling::greedy() };
    [
        column(Candidate::file(Arc::clone(&model)).unwrap(), sampling.clone()),
        column(Candidate::made(Arc::clone(&model), &Recipe::of(Label::Q8_0)).unwrap(), sampling.clone()),
        column(Candidate::made(model, &Recipe::of(Label::Q2K)).unwrap(), sampling),
    ]
}

#[test]
fn what_fits_together_answers_a_token_each_in_turn() {
    let folder = tempfile::tempdir().unwrap();
    let asked = ask(&three(&folder, 12), &question("What is heavy", 1));
    assert_eq!(asked.order, [0, 1, 2].repeat(12));
    assert!(asked.said.iter().all(|said| said.metrics().stop_reason == StopReason::MaxTokens));
}

#[test]
fn without_memory_for_all_models_follow_each_other_and_say_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (columns, question) = (three(&folder, 10), question("What is heavy", 1));
    let roomy = ask(&columns, &question);
    let largest = columns.iter().map(|column| column.candidate.need(FAST, &MACHINE).unwrap().peak).max().unwrap();
    let tokenizer = columns[0].candidate.model.tokenizer_estimate();
    let machine = Machine { available: Bytes((largest + tokenizer).0 * 10 / 8), ..MACHINE };
    let tight = ask_on(machine, &columns, &question, &|| true);
    assert!(roomy.plan.in_step() && !tight.plan.in_step());
    assert!(tight.plan.refused.is_empty());
    assert!(tight.plan.peak() < roomy.plan.peak());
    assert_eq!(tight.order, [[0; 10], [1; 10], [2; 10]].concat());
    for (tight, roomy) in tight.said.iter().zip(&roomy.said) {
        assert_eq!((&tight.text, &tight.tokens), (&roomy.text, &roomy.tokens));
    }
}

#[test]
fn no_more_is_booked_than_was_planned_and_weights_are_shared() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(&folder, "reference.gguf", &llama(1));
    let model = Arc::new(open(&path));
    let sampling = Sampling { max_tokens: 8, ..Sampling::greedy() };
    let same = || column(Candidate::file(Arc::clone(&model)).unwrap(), sampling.clone());
    let once = ask(&[same()], &question("What is heavy", 1));
    let thrice = ask(&[same(), same(), same()], &question("What is heavy", 1));
    let weights = once.said[0].booked.weights;
    assert!(weights > Bytes(0) && once.said[0].booked.kv_cache > Bytes(0));
    assert_eq!(once.booked, weights + once.said[0].booked.kv_cache);
    assert!(thrice.said.iter().all(|said| said.booked == once.said[0].booked));
    assert_eq!(thrice.booked, weights + Bytes(3 * once.said[0].booked.kv_cache.0));
    assert!(thrice.booked <= thrice.plan.peak());
}

#[test]
fn a_model_that_fits_nowhere_is_refused_in_its_column_only() {
    let folder = tempfile::tempdir().unwrap();
    let small = written(&folder, "small.gguf", &TinyLlama::default());
    let large = written(&folder, "large.gguf", &TinyLlama { n_layers: 8, ..llama(2) });
    let sampling = Sampling { max_tokens: 5, ..Sampling::greedy() };
    let columns = [file(&large, &sampling), file(&small, &sampling)];
    let need = columns[1].candidate.need(FAST, &MACHINE).unwrap().peak + columns[1].candidate.model.tokenizer_estimate();
    let machine = Machine { available: Bytes(need.0 * 3 / 2), ..MACHINE };
    let asked = ask_on(machine, &columns, &question("What is heavy", 1), &|| true);
    assert!(matches!(&asked.said[0].ended, Some(Err(Error::OverBudget { .. }))), "{:?}", asked.said[0].ended);
    assert_eq!(asked.said[1].metrics().generated_tokens, 5);
}

#[test]
fn a_file_that_is_gone_fails_in_its_column_only() {
    let folder = tempfile::tempdir().unwrap();
    let paths = [1, 2].map(|seed| written(&folder, &format!("{seed}.gguf"), &llama(seed)));
    let sampling = Sampling { max_tokens: 5, ..Sampling::greedy() };
    let columns = paths.each_ref().map(|path| file(path, &sampling));
    let bytes = std::fs::read(&paths[0]).unwrap();
    std::fs::write(&paths[0], &bytes[..bytes.len() / 2]).unwrap();
    let asked = ask(&columns, &question("What is heavy", 1));
    let error = asked.said[0].ended.clone().unwrap().unwrap_err();
    assert!(error.to_string().contains("1.gguf"), "{error}");
    assert_eq!(asked.said[1].metrics().generated_tokens, 5);
}

#[test]
fn stopping_ends_every_column_and_keeps_what_was_said() {
    let folder = tempfile::tempdir().unwrap();
    let question = question("What is heavy", 1);
    let complete = ask(&three(&folder, 40), &question);
    let columns = three(&folder, 400);
    for after in [0, 1, 5, 60, 300] {
        let asks = AtomicUsize::new(0);
        let asked = ask_on(MACHINE, &columns, &question, &|| asks.fetch_add(1, Ordering::Relaxed) < after);
        for (said, complete) in asked.said.iter().zip(&complete.said) {
            assert_eq!(said.metrics().stop_reason, StopReason::Cancelled);
            let n = said.tokens.len().min(complete.tokens.len());
            assert_eq!(said.tokens[..n], complete.tokens[..n]);
        }
    }
}

#[test]
fn a_prompt_longer_than_a_models_context_fails_in_its_column_only() {
    let folder = tempfile::tempdir().unwrap();
    let short = written(&folder, "short.gguf", &TinyLlama { n_ctx: 32, ..llama(1) });
    let long = written(&folder, "long.gguf", &llama(1));
    let sampling = Sampling { max_tokens: 5, ..Sampling::greedy() };
    let asked = ask(&[file(&short, &sampling), file(&long, &sampling)], &question(&"heavy ".repeat(20), 1));
    assert!(asked.said[0].ended.clone().unwrap().is_err());
    assert_eq!(asked.said[1].metrics().generated_tokens, 5);
}

#[test]
fn exact_arithmetic_answers_too() {
    let folder = tempfile::tempdir().unwrap();
    let choice: Choice = crate::support::loaded::EXACT;
    let question = Question { choice, ..question("What is heavy", 1) };
    let asked = ask(&three(&folder, 6), &question);
    let (text, _) = alone(&folder.path().join("reference.gguf"), &question, &Sampling { max_tokens: 6, ..Sampling::greedy() });
    assert_eq!(asked.said[0].text, text);
}

/// The length of the longest common subsequence, by its definition.
fn common_length(a: &[u8], b: &[u8]) -> usize {
    match (a, b) {
        ([], _) | (_, []) => 0,
        ([x, a @ ..], [y, b @ ..]) if x == y => 1 + common_length(a, b),
        ([_, rest_a @ ..], [_, rest_b @ ..]) => common_length(rest_a, b).max(common_length(a, rest_b)),
    }
}

proptest! {
    #[test]
    fn tokens_are_aligned_as_well_as_can_be_however_they_come(
        a in prop::collection::vec(0..4_u8, 0..9),
        b in prop::collection::vec(0..4_u8, 0..9),
        turns in prop::collection::vec(any::<bool>(), 18),
    ) {
        let mut alignment = Alignment::default();
        let (mut first, mut second) = (a.iter(), b.iter());
        for turn in turns {
            if turn {
                first.next().into_iter().for_each(|&token| alignment.push_first(token));
            } else {
                second.next().into_iter().for_each(|&token| alignment.push_second(token));
            }
        }
        first.for_each(|&token| alignment.push_first(token));
        second.for_each(|&token| alignment.push_second(token));
        let shared = alignment.shared();
        prop_assert_eq!(shared.len(), b.len());
        let kept: Vec<u8> = b.iter().zip(&shared).filter(|(_, shared)| **shared).map(|(token, _)| *token).collect();
        prop_assert_eq!(kept.len(), common_length(&a, &b));
        prop_assert_eq!(common_length(&kept, &a), kept.len(), "what is shared stands in the first in that order");
        let difference = a.iter().zip(&b).position(|(a, b)| a != b);
        prop_assert_eq!(alignment.first_difference(), difference);
    }
}

#[test]
fn long_answers_are_aligned_as_far_as_the_table_goes() {
    let mut alignment = Alignment::default();
    for i in 0..3_000_u32 {
        alignment.push_first(i);
        alignment.push_second(if i == 7 { u32::MAX } else { i });
    }
    let shared = alignment.shared();
    assert_eq!(alignment.first_difference(), Some(7));
    assert!(!shared[7] && shared[8] && shared[2_000] && !shared[2_999]);
}

#[test]
fn models_that_are_the_same_weights_are_known_by_what_they_become() {
    let folder = tempfile::tempdir().unwrap();
    let model: Arc<Model> = Arc::new(open(&written(&folder, "reference.gguf", &llama(1))));
    let made = |recipe: &Recipe| column(Candidate::made(Arc::clone(&model), recipe).unwrap(), Sampling::default());
    let stored = made(&Recipe::default());
    assert!(stored.shares_weights(&made(&Recipe::of(Label::F32))));
    assert!(!stored.shares_weights(&made(&Recipe::of(Label::Q8_0))));
    let again = column(Candidate::file(Arc::new(open(&model.file.path))).unwrap(), Sampling::default());
    assert!(stored.shares_weights(&again));
}
