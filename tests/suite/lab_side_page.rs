//! Side by side on the page of the lab: asked, read, marked, stopped; and what its lane promises.

use std::sync::Arc;

use ponder::engine::sampler::Sampling;
use ponder::engine::session::Input;
use ponder::error::Error;
use ponder::lab::candidate::Candidate;
use ponder::lab::label::Label;
use ponder::lab::mix::Recipe;
use ponder::lab::side::{Question, Told};
use ponder::memory::plan::{Arithmetic, Choice, KvDtype};
use ponder::message::side::{Ask, Seen};
use ponder::message::{Command, Event, JobId, Outcome, Step};
use ponder::state::Action;
use ponder::state::side::{Phase, Wish};
use ponder::store::chat::{Mode, StopReason};
use ponder::units::Bytes;

use crate::support::bench::{Bench, generate};
use crate::support::lab_window::{LabWindow, llama};
use crate::support::loaded::open;
use crate::support::tiny_llama::TinyLlama;

fn asked(window: &mut LabWindow, max_tokens: usize) {
    window.perform(Action::Side(Wish::Mode(Mode::Completion)));
    window.perform(Action::Side(Wish::Sampling(Sampling { max_tokens, seed: Some(1), ..Sampling::greedy() })));
    window.harness.run_steps(2);
    window.press("Ask all");
}

#[test]
fn the_reference_and_its_candidates_answer_beside_each_other() {
    let mut window = LabWindow::open(&llama());
    window.choose(&["Q8_0", "Q2_K"]);
    window.press("Show Side by side");
    assert_eq!(window.state().side.columns.len(), 3, "they follow what is compared");
    assert!(window.sees("in step, needs"), "what it takes is planned before");
    asked(&mut window, 24);
    window.until("all have answered", |state| state.side.asking.ready().is_some());
    let answers = &window.state().side.answers;
    assert_eq!(answers.len(), 3);
    for answer in answers {
        assert!(matches!(&answer.phase, Phase::Ended(metrics) if metrics.generated_tokens == answer.ends.len()), "{:?}", answer.phase);
        assert!((2..=24).contains(&answer.ends.len()));
        assert_eq!(answer.ends.last(), Some(&answer.text.len()));
        assert!(answer.booked.weights > Bytes(0) && answer.booked.kv_cache > Bytes(0));
    }
    assert!(answers[2].booked.weights < answers[0].booked.weights);
    let difference = answers[2].first_difference.expect("two bits say something else");
    let own = |at: usize| (0..answers[at].ends.len()).map(|token| answers[at].token(token)).collect::<Vec<_>>();
    assert_eq!(own(0)[..difference], own(2)[..difference]);
    assert!(window.sees(&format!("other from token {} on", difference + 1)));
    assert!(window.sees("tok/s") && window.sees("booked"), "speed and memory stand under each name");
    assert!(window.sees("Copy the answer of column 3"));
}

#[test]
fn columns_are_chosen_added_and_removed_and_have_settings_of_their_own() {
    let mut window = LabWindow::open(&llama());
    window.choose(&["Q8_0"]);
    window.press("Show Side by side");
    window.press("Add a column");
    let columns = |window: &LabWindow| window.state().side.columns.iter().map(ponder::state::side::Chosen::name).collect::<Vec<_>>();
    assert_eq!(columns(&window).len(), 3);
    assert_eq!(window.state().side.columns[2].temperature, Some(0.7), "a third model is not there: the last again, warmer");
    window.press("Own temperature for column 3");
    assert_eq!(window.state().side.columns[2].temperature, None);
    window.pick("Model of column 3", &window.state().side.offers[0].0.name.clone());
    assert_eq!(columns(&window)[2], columns(&window)[0]);
    window.press("Remove column 1");
    assert_eq!(columns(&window).len(), 2);
    asked(&mut window, 6);
    window.until("all have answered", |state| state.side.asking.ready().is_some());
    assert_eq!(window.state().side.answers.len(), 2);
    window.choose(&["Q4_0"]);
    assert_eq!(columns(&window).len(), 2, "what a person has chosen stays");
}

#[test]
fn answers_are_stopped_and_kept_and_an_idle_page_draws_nothing() {
    // So many layers that the answers are long under way when they are stopped.
    let mut window = LabWindow::open(&TinyLlama { n_layers: 40, ..llama() });
    window.choose(&["Q8_0"]);
    window.press("Show Side by side");
    asked(&mut window, 900);
    window.until("something is said", |state| state.side.answers.iter().all(|answer| answer.ends.len() > 2));
    window.press("Stop all");
    window.until("they have stopped", |state| state.side.asking.job().is_none());
    for answer in &window.state().side.answers {
        assert!(matches!(&answer.phase, Phase::Ended(metrics) if metrics.stop_reason == StopReason::Cancelled), "{:?}", answer.phase);
        assert!(answer.ends.len() > 2 && answer.ends.len() < 900);
    }
    window.falls_idle();
}

#[test]
fn a_file_that_is_gone_fails_in_its_column() {
    let mut window = LabWindow::open(&llama());
    window.choose(&["Q8_0"]);
    window.press("Show Side by side");
    let bytes = std::fs::read(window.reference()).unwrap();
    std::fs::write(window.reference(), &bytes[..bytes.len() / 2]).unwrap();
    asked(&mut window, 6);
    window.until("all have ended", |state| state.side.asking.job().is_none());
    assert!(window.state().side.answers.iter().all(|answer| matches!(answer.phase, Phase::Failed(_))));
    assert!(window.sees("tiny-F32.gguf"), "the file is named");
}

#[test]
fn every_size_of_window_shows_the_columns() {
    for size in [[720.0, 480.0], [900.0, 600.0], [1920.0, 1080.0]] {
        let mut window = LabWindow::sized(&llama(), size);
        window.press("Show Side by side");
        window.press("Add a column");
        asked(&mut window, 3);
        window.until("all have answered", |state| state.side.asking.ready().is_some());
        window.harness.run_steps(4);
    }
}

fn ask(bench: &Bench, max_tokens: usize) -> Command {
    let path = bench.file("reference.gguf", &llama());
    let model = Arc::new(open(&path));
    let sampling = Sampling { max_tokens, ..Sampling::greedy() };
    let made = Candidate::made(Arc::clone(&model), &Recipe::of(Label::Q4KM)).unwrap();
    let columns = vec![(Arc::new(Candidate::file(model).unwrap()), sampling.clone()), (Arc::new(made), sampling)];
    let choice = Choice { context: 1_024, kv: KvDtype::F16, arithmetic: Arithmetic::Fast, threads: 2, recode: None };
    let question = Question { input: Input::Completion("What is heavy".to_owned()), choice, seed: 1 };
    Command::Side(Box::new(Ask { columns, question }))
}

fn drawn(events: &[Event], job: JobId) -> usize {
    let is_token = |event: &&Event| matches!(event, Event::Step { job: of, step: Step::Side(Seen::Column(_, Told::Text { token: Some(_), .. })) } if *of == job);
    events.iter().filter(is_token).count()
}

#[test]
fn the_lane_books_and_frees_and_ends_each_order_once() {
    let mut bench = Bench::new();
    let command = ask(&bench, 20);
    let job = bench.send(command);
    assert!(matches!(bench.done(job), Ok(Outcome::Sided)));
    assert_eq!(drawn(&bench.events, job), 40);
    bench.worker().sample();
    bench.settle();
    let last = bench.events.iter().rev().find_map(|event| if let Event::Gauge { sample, .. } = event { Some(*sample) } else { None });
    assert_eq!(last.unwrap().charged.sum(), Bytes(0));
    bench.assert_each_ended_once();
}

#[test]
fn it_stands_still_while_a_chat_is_answered() {
    let mut bench = Bench::new();
    let chat = bench.file("chat.gguf", &llama());
    let receipt = bench.load(&chat).unwrap();
    let command = ask(&bench, 900);
    let side = bench.send(command);
    while drawn(&bench.events, side) < 4 {
        bench.wait();
    }
    let answer = bench.send(generate(receipt.id, "Who yields?", 200));
    let yields = |event: &Event, is: bool| matches!(event, Event::Step { step: Step::Side(Seen::Yielding(yields)), .. } if *yields == is);
    bench.wait_for(|event| yields(event, true).then_some(()));
    let at = bench.events.len();
    bench.done(answer).unwrap();
    assert_eq!(drawn(&bench.events[at..], side), 0, "nothing is drawn beside an answer");
    bench.wait_for(|event| yields(event, false).then_some(()));
    bench.run(Command::Stop(side)).unwrap();
    assert!(matches!(bench.done(side), Ok(Outcome::Sided) | Err(Error::Cancelled)));
    bench.settle();
    bench.assert_each_ended_once();
}
