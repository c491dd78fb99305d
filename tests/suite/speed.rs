//! Where the time goes, what the machine allows, and the sentence that says why: measured, kept, asked for, and told.

use std::sync::Arc;
use std::time::Instant;

use ponder::engine::decoder::Want;
use ponder::engine::generate::Generation;
use ponder::engine::operation::{Operation, Times};
use ponder::engine::sampler::Sampling;
use ponder::engine::session::Input;
use ponder::engine::speed::{Speed, bytes_per_token, limit};
use ponder::error::Error;
use ponder::inspect::Model;
use ponder::kernels::bandwidth::Bandwidth;
use ponder::memory::ledger::Ledger;
use ponder::memory::plan::{Arithmetic, Choice, KvDtype};
use ponder::message::{Command, Event, Order, Outcome};
use ponder::state::{Action, Slot};
use ponder::store::chat::{Metrics, StopReason};
use ponder::units::{Bytes, BytesPerSecond, TokensPerSecond};

use crate::support::bench::Bench;
use crate::support::fold::{Fold, tiny as tiny_model};
use crate::support::loaded::{EXACT, FAST, open, pool, tiny};
use crate::support::tiny_llama::TinyLlama;

const GB: f64 = 1e9;

fn machine(gigabytes: f64) -> Bandwidth {
    Bandwidth::flat(BytesPerSecond(gigabytes * GB), 2)
}

fn times(of: &[(Operation, f64)]) -> Times {
    let mut times = Times::default();
    for &(operation, seconds) in of {
        times.add(operation, seconds);
    }
    times
}

#[test]
fn the_machine_is_measured_and_nothing_of_it_stays_in_the_books() {
    let ledger = Ledger::default();
    for threads in [1, 2] {
        let measured = Bandwidth::measure(&pool(threads), &ledger, Bytes(64 << 20));
        assert_eq!(measured.threads(), threads);
        // between a card of the eighties and any cache
        assert!((1e7..1e14).contains(&measured.memory().0), "{measured:?}");
        assert!(measured.at_most(Bytes(1)) >= measured.at_most(Bytes(1 << 40)));
        assert_eq!(measured.at_most(Bytes(1 << 40)), measured.memory());
    }
    assert_eq!(ledger.parts().sum(), Bytes(0));
}

#[test]
fn where_there_is_no_memory_the_machine_is_measured_all_the_same() {
    let measured = Bandwidth::measure(&pool(2), &Ledger::default(), Bytes(0));
    assert!(measured.memory().0.is_finite() && measured.memory().0 > 0.0);
    assert_eq!(measured.threads(), 2);
}

#[test]
fn of_two_measurements_the_undisturbed_one_counts() {
    assert_eq!(machine(20.0).better(machine(30.0)), machine(30.0));
    assert_eq!(machine(30.0).better(machine(20.0)), machine(30.0));
}

#[test]
fn a_rate_is_told_in_three_digits() {
    for (rate, words) in
        [(41.26e9, "41.3\u{2009}GB/s"), (999.6e6, "1.00\u{2009}GB/s"), (120e6, "120\u{2009}MB/s"), (0.0, "0.00\u{2009}MB/s")]
    {
        assert_eq!(BytesPerSecond(rate).to_string(), words);
    }
}

#[test]
fn times_are_kept_by_name_and_unknown_names_are_passed_over() {
    let some = times(&[(Operation::Attention, 0.25), (Operation::HeadProduct, 0.75)]);
    let json = serde_json::to_value(some).unwrap();
    assert_eq!(json, serde_json::json!({ "attention": 0.25, "head_product": 0.75 }));
    let later = serde_json::json!({ "attention": 0.25, "head_product": 0.75, "dreaming": 3.0, "norms": -1.0 });
    assert_eq!(serde_json::from_value::<Times>(later).unwrap(), some);
    assert!((some.total() - 1.0).abs() < 1e-12 && (some.share_of(Operation::is_product) - 0.75).abs() < 1e-12);
    assert_eq!(some - some, Times::default());
    assert!(Times::default().share(Operation::Norms).abs() < f64::EPSILON, "nothing of nothing");
}

#[test]
fn an_answer_of_an_earlier_ponder_has_no_speed_and_a_new_one_keeps_it() {
    let old = r#"{"prompt_tokens":3,"reused_tokens":0,"generated_tokens":2,"prefill":10.0,"decode":5.0,"first_token_seconds":0.1,"stop_reason":"end_of_turn"}"#;
    let metrics: Metrics = serde_json::from_str(old).unwrap();
    assert_eq!(metrics.speed, None);
    assert!(!serde_json::to_string(&metrics).unwrap().contains("speed"));
    let speed = Speed { bytes_per_token: Bytes(7), depth: 4, prefill: times(&[(Operation::Norms, 0.5)]), decode: Times::default() };
    let kept = Metrics { speed: Some(speed), ..metrics };
    assert_eq!(serde_json::from_str::<Metrics>(&serde_json::to_string(&kept).unwrap()).unwrap(), kept);
}

#[test]
fn every_kind_of_work_takes_time_and_all_together_no_more_than_there_was() {
    for choice in [FAST, EXACT] {
        let mut model = tiny(&TinyLlama::default(), choice);
        let runner = model.session.runner_mut();
        assert_eq!(runner.times(), Times::default());
        let started = Instant::now();
        runner.feed(&[1, 2, 3, 4, 5], Want::Nothing, &|| true, &mut |_, _| Ok(())).unwrap();
        let read = runner.times();
        assert!(read.get(Operation::HeadProduct).abs() < f64::EPSILON, "nobody wanted logits");
        runner.feed(&[6], Want::Last, &|| true, &mut |_, _| Ok(())).unwrap();
        let (all, passed) = (runner.times(), started.elapsed().as_secs_f64());
        assert!(Operation::ALL.into_iter().all(|operation| all.get(operation) > 0.0), "{all:?}");
        assert!(Operation::ALL.into_iter().all(|operation| all.get(operation) >= read.get(operation)));
        assert!(all.total() <= passed, "{all:?} of {passed}");
    }
}

#[test]
fn an_answer_tells_prompt_and_answer_apart_and_what_a_token_read() {
    let llama = TinyLlama::default();
    let mut model = tiny(&llama, FAST);
    let prompt = model.session.prompt(&Input::Completion("Once upon a time".to_owned()), &|| true).unwrap();
    let n = prompt.tokens.len();
    let sampling = Sampling { max_tokens: 9, ..Sampling::greedy() };
    let mut generation = Generation::start(&mut model.session, &prompt, &sampling, 1).unwrap();
    while generation.next(&|| true).unwrap().is_some() {}
    let metrics = generation.metrics();
    let speed = metrics.speed.unwrap();
    assert!(speed.prefill.total() > 0.0 && speed.decode.total() > 0.0);
    assert!(speed.prefill.total() <= metrics.first_token_seconds);
    assert_eq!(speed.depth, n + metrics.generated_tokens / 2);
    // two layers, keys and values of 32, two bytes each
    let position = 2 * 2 * 32 * 2;
    let weights = bytes_per_token(&model.model, FAST, 0).unwrap();
    assert_eq!(speed.bytes_per_token, Bytes(weights.0 + position * speed.depth as u64));
    let again = Generation::start(&mut model.session, &prompt, &sampling, 1).unwrap();
    assert_eq!(again.metrics().speed, None, "nothing was computed for it yet");
}

#[test]
fn what_is_read_grows_with_the_context_and_with_wider_keys() {
    let bytes = TinyLlama::default().gguf().bytes();
    let (_folder, path) = crate::support::file("tiny.gguf", &bytes);
    let model = open(&path);
    let at = |kv, arithmetic, depth| bytes_per_token(&model, Choice { kv, arithmetic, ..FAST }, depth).unwrap().0;
    let half = at(KvDtype::F16, Arithmetic::Fast, 100) - at(KvDtype::F16, Arithmetic::Fast, 0);
    assert_eq!(at(KvDtype::F32, Arithmetic::Fast, 100) - at(KvDtype::F32, Arithmetic::Fast, 0), 2 * half);
    assert_eq!(at(KvDtype::F16, Arithmetic::Exact, 100), at(KvDtype::F32, Arithmetic::Fast, 100));
}

#[test]
fn the_limit_is_what_is_read_per_second_over_what_is_read_per_token() {
    assert!((limit(Bytes(640_000_000), &machine(41.6)).0 - 65.0).abs() < 1e-9);
    assert_eq!(limit(Bytes(0), &machine(41.6)), TokensPerSecond(0.0));
}

#[test]
fn one_sentence_says_what_an_answer_is_bound_by() {
    let speed = |products: f64, attention: f64| {
        let rest = 1.0 - products - attention;
        let of = [(Operation::FeedForwardProducts, products), (Operation::Attention, attention), (Operation::Norms, rest)];
        Speed { bytes_per_token: Bytes(1_000_000_000), depth: 4_096, prefill: Times::default(), decode: times(&of) }
    };
    let why = |products, attention, tps, machine: Option<Bandwidth>| {
        speed(products, attention).why(TokensPerSecond(tps), machine.as_ref()).unwrap().replace('\u{2009}', " ")
    };
    let here = Some(machine(50.0));
    assert_eq!(why(0.9, 0.05, 41.0, here), "Bound by memory: it reads 82.0 % of what this machine can.");
    assert_eq!(
        why(0.9, 0.05, 15.0, here),
        "Bound by arithmetic: matrix products take 90.0 % of the time, and memory gives 30.0 % of what it could."
    );
    assert_eq!(why(0.6, 0.31, 15.0, here), "Matrix products take 60.0 %; attention over 4,096 tokens takes 31.0 % of the time.");
    assert_eq!(why(0.3, 0.5, 15.0, here), "Bound by attention: attention over 4,096 tokens takes 50.0 % of the time.");
    assert!(why(0.55, 0.2, 5.0, here).starts_with("Bound by arithmetic: matrix products take 55.0 % of the time,"));
    assert_eq!(why(0.4, 0.1, 5.0, here), "Bound by small steps: 60.0 % of the time goes into work beside the matrix products.");
    assert_eq!(why(0.9, 0.05, 41.0, None), "Matrix products take 90.0 % of the time.");
    let nothing = Speed { decode: Times::default(), ..speed(1.0, 0.0) };
    assert_eq!(nothing.why(TokensPerSecond(0.0), here.as_ref()), None);
}

fn measures(order: Option<Order>) -> Order {
    let order = order.expect("an order");
    assert!(matches!(order.command, Command::MeasureBandwidth { threads: 2 }), "{order:?}");
    order
}

#[test]
fn the_machine_is_measured_once_when_a_model_is_there_and_nothing_runs() {
    let mut fold = Fold::new();
    assert!(!fold.state.bandwidth_is_due(), "no model is there");
    assert!(fold.wish(Action::MeasureBandwidth).is_none());
    fold.open(&tiny_model());
    let load = fold.wish(Action::Load { anyway: false }).unwrap();
    assert!(!fold.state.bandwidth_is_due(), "a load goes first");
    fold.done(load.job, Err(Error::Cancelled));
    assert!(fold.state.bandwidth_is_due());
    let order = measures(fold.wish(Action::MeasureBandwidth));
    assert!(fold.wish(Action::MeasureBandwidth).is_none(), "it is under way");
    fold.done(order.job, Ok(Outcome::Bandwidth(machine(40.0))));
    assert_eq!(fold.state.bandwidth, Slot::Ready(machine(40.0)));
    assert!(!fold.state.bandwidth_is_due());
    fold.wish(Action::SetThreads(Some(7)));
    assert!(fold.state.bandwidth_is_due(), "other threads read at another rate");
}

#[test]
fn for_the_built_in_model_alone_nothing_is_measured() {
    let mut fold = Fold::new();
    fold.open(&Arc::new(Model::read(ponder::pocket::open().unwrap())));
    assert!(!fold.state.bandwidth_is_due(), "the start costs nothing more");
    fold.open(&tiny_model());
    assert!(fold.state.bandwidth_is_due());
}

#[test]
fn a_measurement_that_failed_is_neither_told_nor_tried_again() {
    let mut fold = Fold::new();
    fold.open(&tiny_model());
    let order = measures(fold.wish(Action::MeasureBandwidth));
    let before = fold.state.notices.iter().count();
    fold.done(order.job, Err(Error::Engine("no threads".to_owned())));
    assert!(!fold.state.bandwidth_is_due());
    assert_eq!(fold.state.notices.iter().count(), before);
}

#[test]
fn memory_that_a_measurement_holds_for_a_moment_moves_no_plan() {
    let mut fold = Fold::new();
    fold.open(&tiny_model());
    let available = |fold: &Fold| fold.state.opened.ready().unwrap().plan.as_ref().unwrap().available;
    let before = available(&fold);
    let order = measures(fold.wish(Action::MeasureBandwidth));
    let low = ponder::memory::probe::Machine { available: before - Bytes(256 << 20), ..fold.state.machine };
    let sample = ponder::memory::history::Sample {
        at: 1.0,
        charged: ponder::memory::Parts::default(),
        counted: ponder::memory::Parts::default(),
        counted_total: Bytes(0),
        resident: Bytes(0),
        available: low.available,
    };
    let _ = fold.state.apply(Event::Gauge { sample, machine: low });
    assert_eq!(available(&fold), before);
    fold.done(order.job, Ok(Outcome::Bandwidth(machine(40.0))));
    let _ = fold.state.apply(Event::Gauge { sample, machine: low });
    assert_eq!(available(&fold), low.available);
}

#[test]
fn the_worker_measures_with_the_engines_threads() {
    let mut bench = Bench::new();
    let outcome = bench.run(Command::MeasureBandwidth { threads: 2 });
    let Ok(Outcome::Bandwidth(measured)) = outcome else { panic!("{outcome:?}") };
    assert!(measured.threads() == 2 && measured.memory().0 > 0.0);
    bench.settle();
    let charged = bench.events.iter().rev().find_map(|event| match event {
        Event::Gauge { sample, .. } => Some(sample.charged.sum()),
        _ => None,
    });
    assert_eq!(charged, Some(Bytes(0)), "what it took is given back");
    bench.assert_each_ended_once();
}

#[test]
fn the_last_telling_answer_of_a_model_is_found_in_any_chat() {
    let mut fold = Fold::loaded();
    let label = fold.state.loaded.as_ref().unwrap().model.label();
    assert_eq!(fold.state.last_speed(&label), None);
    let id = fold.state.chats.current().id.clone();
    let turn = |tps: f64, generated_tokens, model: &str| ponder::store::chat::Turn {
        role: ponder::store::chat::Role::Assistant,
        text: "x".to_owned(),
        model: Some(model.to_owned()),
        metrics: Some(Metrics {
            generated_tokens,
            decode: TokensPerSecond(tps),
            stop_reason: StopReason::EndOfTurn,
            ..Metrics::INTERRUPTED
        }),
    };
    fold.state.chats.edit(&id, 1, |chat| chat.turns.extend([turn(50.0, 40, &label), turn(60.0, 2, &label), turn(70.0, 40, "Other")]));
    assert_eq!(fold.state.last_speed(&label), Some(TokensPerSecond(50.0)));
    assert_eq!(fold.state.last_answer(), None, "no answer has its times");
}
