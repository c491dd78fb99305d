//! The truths about memory, held against each other: planned, charged, counted, resident. Alone in its binary, because it installs the
//! counting allocator; its tests run one after another, because they count for the whole process.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "in a test a failure is a panic, what is missing is said on stderr, and a server is a thread"
)]

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ponder::engine::decoder::Want;
use ponder::engine::generate::Generation;
use ponder::engine::runner::Runner;
use ponder::engine::sampler::Sampling;
use ponder::engine::session::{Input, Session};
use ponder::engine::weights::Weights;
use ponder::file::ModelFile;
use ponder::inspect::Model;
use ponder::kernels::level::Level;
use ponder::memory::alloc::{self, CountingAllocator};
use ponder::memory::ledger::Ledger;
use ponder::memory::plan::{self, Choice, KvDtype};
use ponder::memory::probe::Probe;
use ponder::units::Bytes;

mod browsing;
mod headers;

#[path = "../suite/support/mod.rs"]
#[expect(dead_code, reason = "the suite uses all of it")]
mod support;

use support::gguf_writer::ggml;
use support::loaded::{EXACT, FAST, MACHINE, load, load_bytes, pool};
use support::tiny_llama::TinyLlama;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// One test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn engine_live() -> u64 {
    alloc::engine_live().expect("the counting allocator is installed").0
}

fn live() -> u64 {
    alloc::live().unwrap().0
}

/// Rows of 256, as K quants need.
fn wide(matrices: u32) -> TinyLlama {
    TinyLlama { n_embd: 256, n_ff: 512, n_heads: 8, n_kv_heads: 4, n_layers: 3, n_ctx: 2048, matrices, ..TinyLlama::default() }
}

/// Loads for a ledger of the test's own.
fn session(model: &Model, choice: Choice, ledger: &Ledger) -> Session {
    let plan = plan::plan(model, choice, &MACHINE).unwrap();
    Session::load(model, &plan, false, pool(choice.threads), ledger, &mut |_| true).unwrap()
}

/// Reads a prompt of so many letters and draws a few tokens.
fn answer(session: &mut Session, letters: usize) {
    let prompt = session.prompt(&Input::Completion("abcdefghij ".repeat(letters / 11)), &|| true).unwrap();
    let settings = Sampling { max_tokens: 4, ..Sampling::greedy() };
    let mut generation = Generation::start(session, &prompt, &settings, 0).unwrap();
    while generation.next(&|| true).unwrap().is_some() {}
}

#[track_caller]
fn near(what: &str, now: u64, before: u64, within: u64) {
    assert!(now.abs_diff(before) <= within, "{what}: {before} before, {now} after");
}

// --- planned = charged ≤ counted

#[track_caller]
fn planned_is_charged(bytes: &[u8], choice: Choice) {
    let before = engine_live();
    let mut loaded = load_bytes(bytes, choice);
    let spec = loaded.model.spec.clone().unwrap();
    let kv = choice.cache_dtype();
    assert_eq!(loaded.session.charged().weights, loaded.plan.parts.weights);
    assert_eq!(loaded.session.charged().kv_cache, Some(Bytes(0)), "nothing before the first token");
    for n in [1, 255, 1, 200, 100] {
        loaded.all(&vec![7; n]);
        let (charged, in_cache) = (loaded.session.charged(), loaded.session.runner().cache().len());
        assert_eq!(charged.weights, loaded.plan.parts.weights);
        assert_eq!(charged.kv_cache, Some(plan::kv_bytes(&spec, kv, in_cache)), "{in_cache} tokens");
        assert_eq!(charged.kv_cache, Some(plan::kv_bytes(&spec, kv, loaded.session.runner().cache().capacity())));
        assert!(charged.sum().0 <= engine_live() - before, "{charged:?} are charged, {} counted", engine_live() - before);
    }
    loaded.session.runner_mut().truncate(300);
    assert_eq!(loaded.session.charged().kv_cache, Some(plan::kv_bytes(&spec, kv, 300)));
    let at_its_end = Choice { context: loaded.session.runner().cache().capacity(), ..choice };
    assert_eq!(plan::plan(&loaded.model, at_its_end, &MACHINE).unwrap().parts.kv_cache, loaded.session.charged().kv_cache);
    let ledger = loaded.ledger.clone();
    loaded.session.close();
    assert_eq!(ledger.parts().sum(), Bytes(0));
}

#[test]
fn planned_is_charged_to_the_byte_for_every_type() {
    let _alone = alone();
    let types = [
        ggml::F32,
        ggml::F16,
        ggml::BF16,
        ggml::Q4_0,
        ggml::Q4_1,
        ggml::Q5_0,
        ggml::Q5_1,
        ggml::Q8_0,
        ggml::Q2_K,
        ggml::Q3_K,
        ggml::Q4_K,
        ggml::Q5_K,
        ggml::Q6_K,
    ];
    for matrices in types {
        planned_is_charged(&wide(matrices).gguf().bytes(), Choice { context: 2048, ..FAST });
    }
}

#[test]
fn planned_is_charged_to_the_byte_for_every_level_of_quantization() {
    let _alone = alone();
    for level in Level::ALL {
        for matrices in [ggml::F16, ggml::Q6_K] {
            planned_is_charged(&wide(matrices).gguf().bytes(), Choice { context: 2048, recode: Some(level), ..FAST });
        }
    }
    // Rows of 64 and 96, where K types fall back.
    let narrow = TinyLlama { n_ctx: 2048, tied_head: false, biases: true, ..TinyLlama::default() };
    for recode in [Level::Q6K, Level::Q5K, Level::Q4K, Level::Q2K].map(Some) {
        planned_is_charged(&narrow.gguf().bytes(), Choice { context: 2048, recode, ..EXACT });
    }
}

#[test]
fn quantizing_takes_no_more_beside_the_weights_than_was_planned() {
    let _alone = alone();
    let llama = TinyLlama { n_embd: 512, n_ff: 2048, n_layers: 1, n_heads: 8, n_kv_heads: 8, ..TinyLlama::default() };
    let (_folder, path) = support::file("tiny.gguf", &llama.gguf().bytes());
    let model = load_header(&path);
    for level in [Level::F16, Level::Q8_0, Level::Q4K] {
        let plan = plan::plan(&model, Choice { recode: Some(level), ..FAST }, &MACHINE).unwrap();
        let staging = plan.parts.staging.unwrap().0;
        assert_eq!(staging, 2 * (4 << 18), "rows as stored in F32, and as F32");
        let before = engine_live();
        alloc::reset_engine_peak();
        let ledger = Ledger::default();
        let weights = {
            let _scope = alloc::EngineScope::enter();
            Weights::read(&model, &|tensor| level.of(tensor), &pool(2), &ledger, &mut |_| true).unwrap()
        };
        let held = alloc::engine_peak().unwrap().0 - before;
        let planned = plan.parts.weights.unwrap().0 + staging;
        // Names and layers are a few kilobytes, and each thread has the blocks of some rows.
        assert!(held <= planned + (128 << 10), "{level:?}: {held} held, {planned} planned");
        assert_eq!(ledger.parts().weights, plan.parts.weights);
        let _scope = alloc::EngineScope::enter();
        drop(weights);
    }
}

#[test]
fn planned_is_charged_to_the_byte_for_every_kind_of_model() {
    let _alone = alone();
    let extras = TinyLlama { biases: true, rope_freqs: true, tied_head: false, ..wide(ggml::Q8_0) };
    for choice in [FAST, Choice { kv: KvDtype::F32, ..FAST }, Choice { kv: KvDtype::Q8_0, ..FAST }, EXACT] {
        planned_is_charged(&extras.gguf().bytes(), Choice { context: 1000, ..choice });
    }
    // Norms in half precision are widened.
    let model = wide(ggml::F32);
    let mut tensors = model.tensors();
    for tensor in tensors.iter_mut().filter(|tensor| tensor.shape.len() == 1) {
        tensor.id = ggml::F16;
        tensor.bytes = tensor.values.iter().flat_map(|&x| half::f16::from_f32(x).to_le_bytes()).collect();
    }
    planned_is_charged(&model.gguf_of(&tensors).bytes(), Choice { context: 1000, ..FAST });
}

#[test]
fn the_built_in_model_costs_what_was_planned_and_gives_it_back() {
    let open = || Model::read(ponder::pocket::open().unwrap());
    // A vocabulary this small is mostly tables that have just doubled, or are about to.
    costs_what_was_planned(&open, Choice { context: 512, ..FAST }, 300, 0.5..2.0);
}

#[test]
fn the_starter_model_costs_what_was_planned_and_gives_it_back() {
    let Some(path) = support::starter() else { return };
    costs_what_was_planned(&|| load_header(&path), Choice { context: 2048, ..FAST }, 600, 0.9..1.1);
}

/// Loads a real model, reads so many letters, answers, and lets it go; the estimate of the tokenizer may be off by `tokenizer_within`.
#[track_caller]
fn costs_what_was_planned(open: &dyn Fn() -> Model, choice: Choice, letters: usize, tokenizer_within: std::ops::Range<f64>) {
    let _alone = alone();
    let ledger = Ledger::default();
    // What is made once and kept: tables of the tokenizer's libraries, each thread's tiles.
    session(&open(), FAST, &ledger).close();
    let (engine_before, live_before, resident_before) = (engine_live(), live(), Probe::default().process().resident);

    let model = open();
    let planned = plan::plan(&model, choice, &MACHINE).unwrap();
    let mut session = session(&model, choice, &ledger);
    assert_eq!(session.charged().weights, planned.parts.weights);
    answer(&mut session, letters);

    let (charged, counted) = (session.charged(), session.counted());
    let spec = model.spec.as_ref().unwrap();
    assert_eq!(charged.kv_cache, Some(plan::kv_bytes(spec, KvDtype::F16, session.runner().tokens().len())));
    assert!(charged.sum().0 <= engine_live() - engine_before);
    let [estimated, tokenizer] = [planned.parts.tokenizer, counted.tokenizer].map(|bytes| bytes.unwrap().as_f64());
    let [bound, activations] = [planned.parts.activations, counted.activations].map(|bytes| bytes.unwrap().as_f64());
    assert!(tokenizer_within.contains(&(estimated / tokenizer)), "tokenizer: {estimated} estimated, {tokenizer} counted");
    assert!(activations > 0.0 && activations <= bound, "activations: at most {bound} planned, {activations} counted");
    assert!(bound <= 3.0 * activations, "activations: {bound} planned, {activations} counted");

    session.close();
    drop(model);
    assert_eq!(ledger.parts().sum(), Bytes(0));
    near("the engine's", engine_live(), engine_before, 128 << 10);
    near("counted", live(), live_before, 1 << 20);
    if cfg!(target_os = "linux") {
        let resident = Probe::default().process().resident;
        assert!(resident.0 <= resident_before.0 + (16 << 20), "resident: {resident_before} before, {resident} after");
    }
}

fn load_header(path: &Path) -> Model {
    Model::read(ModelFile::open(path).unwrap())
}

#[test]
fn measured_activations_stay_below_the_plan() {
    let _alone = alone();
    for choice in [FAST, Choice { kv: KvDtype::F32, ..FAST }, EXACT, Choice { threads: 1, ..FAST }, Choice { threads: 5, ..FAST }] {
        for matrices in [ggml::F32, ggml::Q4_1, ggml::Q6_K] {
            let choice = Choice { context: 700, ..choice };
            let mut loaded = load_bytes(&wide(matrices).gguf().bytes(), choice);
            for letters in [11, 600] {
                answer(&mut loaded.session, letters);
                let (measured, bound) = (loaded.session.counted().activations.unwrap(), loaded.plan.parts.activations.unwrap());
                assert!(measured > Bytes(0) && measured <= bound, "{choice:?}: at most {bound} planned, {measured} counted");
            }
            loaded.session.close();
        }
    }
}

#[test]
fn a_token_allocates_nothing_once_its_kind_was_seen() {
    let _alone = alone();
    for matrices in [ggml::F32, ggml::Q4_1, ggml::Q6_K] {
        let choice = Choice { context: 700, ..FAST };
        let (_folder, path) = support::file("tiny.gguf", &wide(matrices).gguf().bytes());
        let ledger = Ledger::default();
        let mut runner = Runner::load(&load_header(&path), choice, pool(2), &ledger, &mut |_| true).unwrap();
        let go_on = || true;
        runner.chunk(&[1; 40], Want::Last, &go_on).unwrap();
        for _ in 0..3 {
            runner.chunk(&[2], Want::Last, &go_on).unwrap();
        }
        for position in 43..60 {
            let before = engine_live();
            alloc::reset_engine_peak();
            runner.chunk(&[3], Want::Last, &go_on).unwrap();
            let most = alloc::engine_peak().unwrap().0;
            assert_eq!(most - before, 0, "type {matrices}, position {position}");
        }
    }
}

#[test]
fn loading_again_and_again_takes_no_more() {
    let _alone = alone();
    let (_folder, path) = support::file("tiny.gguf", &wide(ggml::Q8_0).gguf().bytes());
    let ledger = Ledger::default();
    let mut after = Vec::new();
    for _ in 0..20 {
        let mut session = session(&load_header(&path), FAST, &ledger);
        answer(&mut session, 300);
        session.close();
        assert_eq!(ledger.parts().sum(), Bytes(0));
        after.push((engine_live(), live()));
    }
    near("the engine's", after[19].0, after[1].0, 16 << 10);
    near("counted", after[19].1, after[1].1, 256 << 10);
}

#[test]
fn a_load_that_fails_or_is_stopped_gives_everything_back() {
    let _alone = alone();
    let (_folder, path) = support::file("tiny.gguf", &wide(ggml::F32).gguf().bytes());
    let ledger = Ledger::default();
    let model = load_header(&path);
    session(&model, FAST, &ledger).close();
    let plan = plan::plan(&model, FAST, &MACHINE).unwrap();
    let before = engine_live();
    for at in [1, 500_000, 3_000_000] {
        let mut read = 0;
        let stopped = Session::load(&model, &plan, false, pool(2), &ledger, &mut |bytes| {
            read += bytes.0;
            read < at
        });
        assert!(stopped.is_err());
        drop(stopped);
        assert_eq!(ledger.parts().sum(), Bytes(0));
        // The pool's threads may still be setting themselves up.
        near("the engine's", engine_live(), before, 16 << 10);
    }
}

#[test]
fn a_session_that_nobody_closes_is_given_back_all_the_same() {
    let _alone = alone();
    let bytes = wide(ggml::F32).gguf().bytes();
    let mut before = 0;
    for time in 0..3 {
        let mut loaded = load_bytes(&bytes, FAST);
        answer(&mut loaded.session, 100);
        // As a panic in a job does.
        drop(loaded);
        if time == 0 {
            before = engine_live();
        }
        near("the engine's", engine_live(), before, 16 << 10);
    }
}

#[test]
fn a_measurement_can_disagree_with_the_plan() {
    let _alone = alone();
    let (_folder, path) = support::file("tiny.gguf", &wide(ggml::F32).gguf().bytes());
    let mut loaded = load(&path, FAST);
    answer(&mut loaded.session, 100);
    let before = loaded.session.counted().activations.unwrap();
    {
        let _scope = alloc::EngineScope::enter();
        drop(vec![0_u8; 50 << 20]);
    }
    let after = loaded.session.counted().activations.unwrap();
    assert!(after.0 >= before.0.max(50 << 20) && after > loaded.plan.parts.activations.unwrap());
    loaded.session.close();
}

#[test]
fn a_peak_is_the_most_that_was_held_at_once() {
    let _alone = alone();
    let ((), peak) = alloc::measure_peak(|| {
        for _ in 0..10 {
            drop(std::hint::black_box(vec![1_u8; 1000]));
        }
        drop((std::hint::black_box(vec![1_u8; 3000]), std::hint::black_box(vec![1_u8; 4000])));
    });
    assert_eq!(peak, Some(Bytes(7000)));
    let (inner, outer) = alloc::measure_peak(|| {
        drop(std::hint::black_box(vec![1_u8; 500]));
        alloc::measure_peak(|| drop(std::hint::black_box(vec![1_u8; 100]))).1
    });
    assert_eq!((inner, outer), (Some(Bytes(100)), Some(Bytes(500))));
}

// --- the process as the system sees it

#[test]
fn a_headless_run_of_the_built_in_model_stays_within_its_bounds() {
    stays_within_its_bounds(ponder::pocket::WORD, "512", ponder::pocket::bytes().0);
}

#[test]
fn a_headless_run_of_the_starter_model_stays_within_its_bounds() {
    let Some(path) = support::starter() else { return };
    stays_within_its_bounds(path.to_str().unwrap(), "2048", std::fs::metadata(&path).unwrap().len());
}

#[track_caller]
fn stays_within_its_bounds(model: &str, context: &str, file: u64) {
    let _alone = alone();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_ponder"))
        .args(["run", model, "--prompt", "Hi", "--max-tokens", "4", "--context", context, "--json"])
        .output()
        .unwrap();
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let memory = &value["memory"];
    if cfg!(target_os = "linux") {
        let peak = memory["resident_peak"].as_u64().unwrap();
        assert!(peak < file / 100 * 135 + 150_000_000, "{peak}");
        assert!(memory["resident"].as_u64().unwrap() <= peak);
    }
    let [planned, charged, counted] = ["planned", "charged", "counted"].map(|truth| memory[truth].clone());
    assert_eq!(planned["weights"], charged["weights"]);
    assert!(counted["total"].as_u64() >= charged["total"].as_u64());
    assert!(charged["kv_cache"].as_u64() < planned["kv_cache"].as_u64(), "a few tokens fill one block of the context's");
}
