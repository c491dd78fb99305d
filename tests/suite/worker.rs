//! The worker: each order ends once, stops reach it, nothing blocks the one who sends, and lanes outlive what goes wrong in them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ponder::engine::session::{Input, ModelId};
use ponder::engine::tokenizer::Special;
use ponder::error::Error;
use ponder::file::ModelFile;
use ponder::memory::plan;
use ponder::message::{Command, Disturbance, Event, JobId, Outcome, Step};
use ponder::store::chat::StopReason;

use crate::support::bench::{Bench, GUARD, chat, generate, generated, load};
use crate::support::tiny_llama::TinyLlama;

/// Long enough to be stopped in the middle: greedy text of random weights that does not end by itself.
fn endless() -> TinyLlama {
    TinyLlama { n_ctx: 4_096, ..TinyLlama::default() }
}

fn is_text(event: &Event) -> Option<()> {
    matches!(event, Event::Step { step: Step::Text { .. }, .. }).then_some(())
}

#[test]
fn orders_in_any_order_each_end_once_and_no_step_follows() {
    let mut bench = Bench::new();
    let path = bench.file("tiny.gguf", &TinyLlama::default());
    let model = ModelFile::open(&path).map(|file| file.path).unwrap();
    let mut random = 0x5eed_u64;
    let mut draw = |n: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % n
    };
    let mut ids = 0;
    for _ in 0..200 {
        let id = ModelId(ids.max(1));
        let long = "A long prompt. ".repeat(30);
        let command = match draw(16) {
            0 => Command::Inspect(model.clone()),
            1..=3 => {
                ids += 1;
                load(&path)
            }
            4 => Command::Unload(id),
            5..=7 => generate(id, if draw(2) == 0 { "Hi" } else { &long }, 20),
            8 if draw(2) == 0 => Command::Tokenize { model: id, text: "Hi".to_owned(), special: Special::Plain },
            8 => Command::ShowPrompt { model: id, input: Input::Completion("Hi".to_owned()) },
            9..=11 => Command::Stop(JobId(bench.next.saturating_sub(draw(4)))),
            12 => Command::Disturb(Disturbance::Panic),
            13 => Command::Disturb(Disturbance::Hold(Duration::from_millis(20))),
            14 => Command::SaveChat(Box::new(chat("0000000000002-1-1"))),
            _ => Command::SaveSettings(Box::default()),
        };
        bench.send(command);
        if draw(3) == 0 {
            bench.events.extend(bench.worker().drain());
        }
        if draw(8) == 0 {
            let job = JobId(bench.next);
            if !bench.events.iter().any(|event| matches!(event, Event::Done { job: done, .. } if *done == job)) {
                let _any_end = bench.done(job);
            }
        }
    }
    let n_done = |bench: &Bench| bench.events.iter().filter(|event| matches!(event, Event::Done { .. })).count() as u64;
    while n_done(&bench) < bench.next {
        bench.wait();
    }
    bench.settle();
    bench.assert_each_ended_once();
}

#[test]
fn stop_ends_an_answer_that_is_being_written() {
    let mut bench = Bench::new();
    let path = bench.file("tiny.gguf", &endless());
    let id = bench.load(&path).unwrap().id;
    let job = bench.send(generate(id, "Once", 3_000));
    // The engine is at most as far ahead as the channel of events is long.
    bench.wait_for(is_text);
    bench.send(Command::Stop(job));
    let metrics = generated(bench.done(job));
    assert_eq!(metrics.stop_reason, StopReason::Cancelled);
    assert!(metrics.generated_tokens < 3_000);
    bench.settle();
    bench.assert_each_ended_once();
}

#[test]
fn stop_ends_an_answer_that_is_still_reading_its_prompt() {
    let mut bench = Bench::new();
    let path = bench.file("tiny.gguf", &endless());
    let id = bench.load(&path).unwrap().id;
    bench.settle();
    bench.gate.set(true);
    let job = bench.send(generate(id, &"A long prompt. ".repeat(250), 10));
    let total = bench.wait_for(|event| match event {
        Event::Step { step: Step::Reading { done, total }, .. } => (done < total).then_some(*total),
        _ => None,
    });
    // The engine stands still: this Stop is there before its next chunk.
    bench.send(Command::Stop(job));
    bench.gate.set(false);
    let metrics = generated(bench.done(job));
    assert_eq!((metrics.stop_reason, metrics.generated_tokens), (StopReason::Cancelled, 0));
    let read = bench.events.iter().filter(|event| matches!(event, Event::Step { step: Step::Reading { done, .. }, .. } if *done == total));
    assert_eq!(read.count(), 0, "the whole prompt was read");
    let again = bench.run(generate(id, "Hi", 3));
    assert_eq!(generated(again).generated_tokens, 3, "the model still answers");
}

#[test]
fn stop_ends_a_load_and_a_job_that_waits() {
    let mut bench = Bench::new();
    let path = bench.file("tiny.gguf", &TinyLlama::default());
    let held = bench.send(Command::Disturb(Disturbance::Hold(Duration::from_millis(300))));
    let waiting = bench.send(load(&path));
    bench.send(Command::Stop(waiting));
    assert!(matches!(bench.done(held), Ok(Outcome::Disturbed)), "it is deaf to Stop");
    assert!(matches!(bench.done(waiting), Err(Error::Cancelled)));
    assert!(bench.load(&path).is_ok());
}

#[test]
fn a_lane_that_is_held_up_holds_up_no_other() {
    let mut bench = Bench::new();
    let path = bench.file("tiny.gguf", &TinyLlama::default());
    let held = bench.send(Command::Disturb(Disturbance::Hold(Duration::from_secs(1))));
    for command in [Command::Inspect(path), Command::Restore, Command::SaveChat(Box::new(chat("0000000000001-1-1")))] {
        assert!(bench.run(command).is_ok());
    }
    let is_done = |event: &Event| matches!(event, Event::Done { job, .. } if *job == held);
    assert!(!bench.events.iter().any(is_done), "they waited for the engine");
    assert!(bench.done(held).is_ok());
}

#[test]
fn sending_never_blocks_and_no_order_is_lost_when_queues_and_events_are_full() {
    let mut bench = Bench::new();
    bench.send(Command::Disturb(Disturbance::Hold(Duration::from_millis(300))));
    for _ in 0..2_000 {
        let job = bench.send(Command::Disturb(Disturbance::Hold(Duration::ZERO)));
        bench.send(Command::Stop(job));
    }
    let mut n_done = 0;
    while n_done < bench.next {
        if matches!(bench.wait(), Event::Done { .. }) {
            n_done += 1;
        }
    }
    bench.settle();
    bench.assert_each_ended_once();
    let refused = bench.events.iter().filter(|event| matches!(event, Event::Done { outcome: Err(Error::Internal(_)), .. })).count();
    assert!(refused > 0, "the queue has an end");
}

#[test]
fn a_worker_whose_events_nobody_takes_can_be_dropped_while_it_writes() {
    let mut bench = Bench::new();
    let path = bench.file("tiny.gguf", &endless());
    let id = bench.load(&path).unwrap().id;
    bench.send(generate(id, "Once", 3_000));
    let started = Instant::now();
    // The channel is full when no wake comes any more.
    let mut before = 0;
    while bench.wakes.load(Ordering::SeqCst) != before && started.elapsed() < GUARD {
        before = bench.wakes.load(Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(300));
    }
    for _ in 0..100 {
        bench.send(Command::ShowPrompt { model: id, input: Input::Completion("Hi".to_owned()) });
    }
    bench.worker = None;
}

#[test]
fn dropping_the_worker_ends_its_threads() {
    let mut bench = Bench::new();
    let path = bench.file("tiny.gguf", &endless());
    let id = bench.load(&path).unwrap().id;
    bench.send(generate(id, "Once", 3_000));
    bench.wait_for(is_text);
    assert!(Arc::strong_count(&bench.wakes) > 1);
    bench.worker = None;
    assert_eq!(Arc::strong_count(&bench.wakes), 1, "a thread still holds its way to the screen");
}

#[test]
fn what_waits_to_be_written_when_the_app_closes_is_written() {
    let mut bench = Bench::with_gate_at("store");
    bench.gate.set(true);
    let ids: Vec<_> = (10..20).map(|n| format!("00000000000{n}-1-1")).collect();
    for id in &ids {
        bench.send(Command::SaveChat(Box::new(chat(id))));
    }
    bench.wait_for(|event| matches!(event, Event::Done { .. }).then_some(()));
    // The store lane stands behind its first chat; the others wait when closing begins.
    let gate = Arc::clone(&bench.gate);
    let opener = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        gate.set(false);
    });
    bench.worker = None;
    opener.join().unwrap();
    let chats = ponder::store::Store::open(bench.folder.path()).restore().chats;
    assert_eq!(chats.len(), ids.len());
}

#[test]
fn a_panic_fails_its_job_frees_the_model_and_leaves_the_lane_alive() {
    let mut bench = Bench::new();
    let path = bench.file("tiny.gguf", &TinyLlama::default());
    let id = bench.load(&path).unwrap().id;
    let outcome = bench.run(Command::Disturb(Disturbance::Panic));
    assert!(matches!(&outcome, Err(Error::Internal(text)) if text.contains("disturbed on purpose")), "{outcome:?}");
    assert!(bench.events.iter().any(|event| matches!(event, Event::Step { step: Step::Freed(freed), .. } if *freed == id)));
    assert!(matches!(bench.run(generate(id, "Hi", 3)), Err(Error::Engine(_))), "the model may be half done");
    let id = bench.load(&path).unwrap().id;
    assert_eq!(generated(bench.run(generate(id, "Hi", 3))).generated_tokens, 3);
}

#[test]
fn the_journal_holds_what_has_streamed_so_far() {
    let mut bench = Bench::new();
    let path = bench.file("tiny.gguf", &endless());
    let id = bench.load(&path).unwrap().id;
    bench.run(Command::Restore).unwrap();
    bench.run(Command::SaveChat(Box::new(chat("0000000000001-1-1")))).unwrap();
    let job = bench.send(generate(id, "Once", 3_000));
    for _ in 0..20 {
        bench.wait_for(is_text);
    }
    bench.gate.set(true);
    std::thread::sleep(Duration::from_millis(100));
    bench.events.extend(bench.worker().drain());
    // The engine stands still in the middle of the answer; as after a kill, only the disk knows what it said.
    let started = Instant::now();
    loop {
        bench.events.extend(bench.worker().drain());
        let (said, journal) = (bench.text_of(job), journal(bench.folder.path()));
        if journal == said {
            assert!(!said.is_empty());
            break;
        }
        assert!(said.starts_with(&journal), "the journal has something else");
        assert!(started.elapsed() < Duration::from_secs(20), "the journal lags behind: {} of {} bytes", journal.len(), said.len());
        std::thread::sleep(Duration::from_millis(20));
    }
    bench.gate.set(false);
    bench.send(Command::Stop(job));
    bench.done(job).unwrap();
}

/// The text of the one journal.
fn journal(data: &Path) -> String {
    let files = std::fs::read_dir(data.join("chats")).unwrap().map(|entry| entry.unwrap().path());
    let journals: Vec<_> = files.filter(|path| path.is_file() && path.extension().is_none_or(|extension| extension != "json")).collect();
    let lines =
        journals.iter().flat_map(|path| std::fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect::<Vec<_>>());
    let text = |line: String| serde_json::from_str::<serde_json::Value>(&line).ok()?.get("text")?.as_str().map(str::to_owned);
    lines.filter_map(text).collect()
}

#[test]
fn the_gauge_moves_while_the_engine_works_and_rests_with_it() {
    let mut bench = Bench::new();
    let held = bench.send(Command::Disturb(Disturbance::Hold(Duration::from_millis(600))));
    bench.done(held).unwrap();
    let n_samples = |bench: &Bench| bench.events.iter().filter(|event| matches!(event, Event::Gauge { .. })).count();
    assert!(n_samples(&bench) >= 2, "{} samples", n_samples(&bench));
    bench.settle();
    let before = n_samples(&bench);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(bench.worker().drain().len(), 0, "an idle worker says nothing");
    bench.worker().sample();
    bench.settle();
    assert_eq!(n_samples(&bench), before + 1, "one when it is asked");
}

#[test]
fn every_event_wakes_the_screen() {
    let mut bench = Bench::new();
    let path = bench.file("tiny.gguf", &TinyLlama::default());
    let id = bench.load(&path).unwrap().id;
    bench.run(generate(id, "Hi", 20)).unwrap();
    bench.run(Command::Stop(JobId(1))).unwrap();
    bench.run(Command::Unload(id)).unwrap();
    bench.settle();
    assert_eq!(bench.wakes.load(Ordering::SeqCst), bench.events.len());
}

#[test]
fn a_second_load_takes_the_place_of_the_first() {
    let mut bench = Bench::new();
    let path = bench.file("tiny.gguf", &TinyLlama::default());
    let first = bench.load(&path).unwrap();
    let second = bench.load(&path).unwrap();
    assert_ne!(first.id, second.id);
    assert_eq!(first.charged, second.charged, "the first is still charged");
    assert!(bench.events.iter().any(|event| matches!(event, Event::Step { step: Step::Freed(id), .. } if *id == first.id)));
    assert!(matches!(bench.run(generate(first.id, "Hi", 3)), Err(Error::Engine(_))));
    assert_eq!(generated(bench.run(generate(second.id, "Hi", 3))).generated_tokens, 3);
    assert!(matches!(bench.run(Command::Unload(second.id)), Ok(Outcome::Unloaded)));
    assert!(matches!(bench.run(Command::Unload(second.id)), Err(Error::Engine(_))));
}

#[test]
fn a_file_that_went_or_shrank_since_it_was_opened_is_named_and_the_loaded_model_stays() {
    let mut bench = Bench::new();
    let (path, gone, short) = (
        bench.file("tiny.gguf", &TinyLlama::default()),
        bench.file("gone.gguf", &TinyLlama::default()),
        bench.file("short.gguf", &TinyLlama::default()),
    );
    let id = bench.load(&path).unwrap().id;
    let (load_gone, load_short) = (load(&gone), load(&short));
    std::fs::remove_file(&gone).unwrap();
    let half = std::fs::metadata(&short).unwrap().len() / 2;
    std::fs::File::options().write(true).open(&short).unwrap().set_len(half).unwrap();
    for (command, name) in [(load_gone, "gone.gguf"), (load_short, "short.gguf")] {
        match bench.run(command) {
            Err(error) => assert!(error.to_string().contains(name), "{error}"),
            // A file that is still open can be read after it was removed.
            Ok(outcome) => assert!(cfg!(unix) && name == "gone.gguf", "{outcome:?}"),
        }
        if name == "gone.gguf" && bench.events.iter().any(|event| matches!(event, Event::Step { step: Step::Freed(_), .. })) {
            return;
        }
    }
    assert_eq!(generated(bench.run(generate(id, "Hi", 3))).generated_tokens, 3);
}

#[test]
fn nothing_is_loaded_that_the_machine_does_not_have() {
    let mut bench = Bench::new();
    let path = bench.file("tiny.gguf", &TinyLlama::default());
    let Command::Load(mut order) = load(&path) else { panic!("no load") };
    let machine =
        ponder::memory::probe::Machine { total: ponder::units::Bytes(1_000), available: ponder::units::Bytes(1_000), processors: 2 };
    order.plan = plan::plan(&order.model, order.plan.choice, &machine).unwrap();
    let outcome = bench.run(Command::Load(order));
    assert!(matches!(outcome, Err(Error::OverBudget { .. })), "{outcome:?}");
}
