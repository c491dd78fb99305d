//! Where an answer ends and what can't be answered: cancel, full contexts, stop strings, damaged weights, tokens that don't exist.

use std::cell::Cell;

use ponder::engine::decoder::Want;
use ponder::engine::generate::{Generation, Progress};
use ponder::engine::metrics::StopReason;
use ponder::engine::prompt::Prompt;
use ponder::engine::sampler::Sampling;
use ponder::engine::session::{Input, Session};
use ponder::error::{Error, Result};
use ponder::memory::plan::{Choice, plan};

use crate::engine::tokens;
use crate::engine_cache::answer;
use crate::support::gguf_writer::ggml;
use crate::support::loaded::{EXACT, FAST, Loaded, MACHINE, load_bytes, open, pool, tiny};
use crate::support::tiny_llama::TinyLlama;

fn llama() -> TinyLlama {
    TinyLlama { gain: 3.0, n_layers: 3, ..TinyLlama::default() }
}

fn completion(session: &Session, text: &str) -> Prompt {
    session.prompt(&Input::Completion(text.to_owned()), &|| true).unwrap()
}

fn greedy(max_tokens: usize) -> Sampling {
    Sampling { max_tokens, ..Sampling::greedy() }
}

/// Says yes `n` times.
fn times(n: usize) -> impl Fn() -> bool {
    let left = Cell::new(n);
    move || left.replace(left.get().saturating_sub(1)) > 0
}

// --- cancel

#[test]
fn a_cancelled_chunk_leaves_cache_and_tokens_as_they_were() {
    for choice in [FAST, EXACT] {
        let mut loaded = tiny(&llama(), choice);
        let before = tokens(250);
        loaded.all(&before);
        let charged = loaded.session.charged();
        // The chunk would need a second block.
        for layers in 0..3 {
            let stopped = loaded.session.runner_mut().chunk(&[1; 20], Want::Last, &times(layers)).map(<[f32]>::to_vec);
            assert_eq!(stopped, Err(Error::Cancelled));
            let runner = loaded.session.runner();
            assert_eq!((runner.tokens(), runner.cache().len()), (&before[..], 250));
            assert_eq!(runner.cache().capacity(), 256);
            assert_eq!((loaded.session.charged(), loaded.ledger.parts()), (charged, charged));
        }
        let mut fresh = tiny(&llama(), choice);
        fresh.all(&before);
        assert_eq!(loaded.all(&[9; 20]), fresh.all(&[9; 20]), "and it can be used as if nothing had been");
    }
}

#[test]
fn stop_is_answered_within_one_layer_of_one_chunk() {
    let mut loaded = tiny(&llama(), FAST);
    let asked = Cell::new(0);
    let go_on = || {
        asked.set(asked.get() + 1);
        true
    };
    loaded.session.runner_mut().chunk(&[1; 64], Want::Nothing, &go_on).unwrap();
    assert_eq!(asked.get(), loaded.model.spec.unwrap().n_layers, "once per layer");
}

#[test]
fn a_cancelled_answer_keeps_what_was_read_and_can_be_asked_again() {
    let mut loaded = tiny(&llama(), FAST);
    let prompt = completion(&loaded.session, &"long ".repeat(40));
    for (layers, fed) in [(0, 0), (3, 64), (5, 64), (12, 200), (13, 200), (15, 201)] {
        loaded.session.runner_mut().truncate(0);
        let mut generation = Generation::start(&mut loaded.session, &prompt, &greedy(10), 0).unwrap();
        let go_on = times(layers);
        while generation.next(&go_on).unwrap().is_some() {}
        assert_eq!(generation.metrics().stop_reason, StopReason::Cancelled, "after {layers} layers");
        drop(generation);
        assert_eq!(loaded.session.runner().tokens().len(), fed, "after {layers} layers");
    }
    let fresh = answer(&mut tiny(&llama(), FAST).session, &prompt, &greedy(10), 0);
    assert_eq!(answer(&mut loaded.session, &prompt, &greedy(10), 0).1, fresh.1);
}

// --- the context

#[test]
fn a_full_context_ends_the_answer() {
    let mut loaded = tiny(&llama(), Choice { context: 30, ..FAST });
    let prompt = completion(&loaded.session, "twenty characters, or");
    let (_, tokens, metrics) = answer(&mut loaded.session, &prompt, &greedy(1_000), 0);
    assert_eq!(metrics.stop_reason, StopReason::ContextFull);
    // Each position holds a token, and the last one's logits give one more.
    assert_eq!(prompt.tokens.len() + tokens.len(), 31);
    assert_eq!(loaded.session.runner().tokens().len(), loaded.plan.choice.context);
}

#[test]
fn a_prompt_that_leaves_no_room_is_refused_with_its_numbers() {
    let mut loaded = tiny(&llama(), Choice { context: 30, ..FAST });
    for n in [30, 31, 1_500] {
        let prompt = completion(&loaded.session, &"x".repeat(n));
        let error = Generation::start(&mut loaded.session, &prompt, &greedy(1), 0).err().unwrap().to_string();
        let n = ponder::units::grouped(n as u64);
        assert!(error.contains(&n) && error.contains("30"), "{error}");
    }
    let prompt = completion(&loaded.session, &"x".repeat(29));
    assert_eq!(answer(&mut loaded.session, &prompt, &greedy(1), 0).1.len(), 1);
}

#[test]
fn an_empty_prompt_is_refused() {
    let mut loaded = tiny(&llama(), FAST);
    let prompt = completion(&loaded.session, "");
    let error = Generation::start(&mut loaded.session, &prompt, &greedy(1), 0).err().unwrap().to_string();
    assert!(error.contains("empty"), "{error}");
}

#[test]
fn feeding_more_than_the_context_holds_is_an_error_with_numbers() {
    let mut loaded = tiny(&llama(), Choice { context: 30, ..FAST });
    loaded.all(&[1; 25]);
    let error = loaded.try_all(&[1; 6]).unwrap_err().to_string();
    assert!(["30", "25", "6"].iter().all(|n| error.contains(n)), "{error}");
    assert_eq!(loaded.session.runner().tokens().len(), 25);
    assert!(loaded.try_all(&[1; 5]).is_ok(), "what fits still does");
}

#[test]
fn feeding_nothing_gives_nothing() {
    for choice in [FAST, EXACT] {
        let mut loaded = tiny(&llama(), choice);
        for want in [Want::Nothing, Want::Last, Want::All] {
            assert_eq!(loaded.session.runner_mut().chunk(&[], want, &|| true).unwrap(), &[0.0_f32; 0]);
        }
        assert_eq!(loaded.session.runner().tokens().len(), 0);
    }
}

// --- how answers end

#[test]
fn an_answer_ends_at_its_number_of_tokens() {
    let mut loaded = tiny(&llama(), FAST);
    let prompt = completion(&loaded.session, "count");
    for n in [1, 2, 17] {
        let (_, tokens, metrics) = answer(&mut loaded.session, &prompt, &greedy(n), 0);
        assert_eq!((tokens.len(), metrics.generated_tokens, metrics.stop_reason), (n, n, StopReason::MaxTokens));
    }
}

#[test]
fn an_answer_ends_before_its_stop_string() {
    let mut loaded = tiny(&llama(), FAST);
    let prompt = completion(&loaded.session, "what follows");
    let (whole, tokens, _) = answer(&mut loaded.session, &prompt, &greedy(60), 0);
    let at = whole.char_indices().nth(12).unwrap().0;
    let stop: String = whole[at..].chars().take(3).collect();
    let expected = &whole[..whole.find(&stop).unwrap()];
    let settings = Sampling { stop: vec!["not in it at all".to_owned(), stop.clone()], ..greedy(60) };
    let (text, shorter, metrics) = answer(&mut loaded.session, &prompt, &settings, 0);
    assert_eq!((text.as_str(), metrics.stop_reason), (expected, StopReason::StopString));
    assert!(shorter.len() < tokens.len() && tokens.starts_with(&shorter));
}

#[test]
fn an_answer_ends_where_the_model_ends_its_turn() {
    // The row of <|im_end|> is a copy of the best token's, and larger.
    let model = TinyLlama { tied_head: false, ..llama() };
    let mut tensors = model.tensors();
    let best = {
        let mut loaded = load_bytes(&model.gguf_of(&tensors).bytes(), FAST);
        let prompt = completion(&loaded.session, "the end");
        answer(&mut loaded.session, &prompt, &greedy(1), 0).1[0] as usize
    };
    let head = tensors.iter_mut().find(|tensor| tensor.name == "output.weight").unwrap();
    let mut values = head.values.clone();
    for i in 0..64 {
        values[258 * 64 + i] = 2.0 * values[best * 64 + i];
    }
    head.set(values);
    let mut loaded = load_bytes(&model.gguf_of(&tensors).bytes(), FAST);
    let prompt = completion(&loaded.session, "the end");
    let (text, tokens, metrics) = answer(&mut loaded.session, &prompt, &greedy(10), 0);
    assert_eq!((text.as_str(), tokens.len(), metrics.stop_reason), ("", 0, StopReason::EndOfTurn));
}

#[test]
fn dropping_an_answer_halfway_leaves_a_usable_session() {
    let mut loaded = tiny(&llama(), FAST);
    let prompt = completion(&loaded.session, "half");
    let mut generation = Generation::start(&mut loaded.session, &prompt, &greedy(20), 0).unwrap();
    for _ in 0..4 {
        generation.next(&|| true).unwrap();
    }
    assert_eq!(generation.metrics().stop_reason, StopReason::Interrupted);
    drop(generation);
    let again = answer(&mut loaded.session, &prompt, &greedy(20), 0).1;
    assert_eq!(again, answer(&mut tiny(&llama(), FAST).session, &prompt, &greedy(20), 0).1);
}

#[test]
fn the_pieces_of_an_answer_count_its_tokens_and_positions() {
    let mut loaded = tiny(&llama(), FAST);
    let prompt = completion(&loaded.session, "count me");
    let mut generation = Generation::start(&mut loaded.session, &prompt, &greedy(6), 0).unwrap();
    let mut seen = Vec::new();
    while let Some(progress) = generation.next(&|| true).unwrap() {
        if let Progress::Text { generated, context_used, .. } = progress {
            seen.push((generated, context_used));
        }
    }
    let n = prompt.tokens.len();
    // The last token is shown and not fed.
    assert_eq!(seen, [(1, n + 1), (2, n + 2), (3, n + 3), (4, n + 4), (5, n + 5), (6, n + 5)]);
}

// --- what is wrong with the file or the tokens

fn damaged(matrices: u32, name: &str, damage: impl Fn(&mut Vec<u8>), choice: Choice) -> Loaded {
    let model = TinyLlama { matrices, ..llama() };
    let mut tensors = model.tensors();
    damage(&mut tensors.iter_mut().find(|tensor| tensor.name == name).unwrap().bytes);
    load_bytes(&model.gguf_of(&tensors).bytes(), choice)
}

fn try_answer(loaded: &mut Loaded) -> Result<()> {
    let prompt = completion(&loaded.session, "is it damaged?");
    let mut generation = Generation::start(&mut loaded.session, &prompt, &greedy(3), 0)?;
    while generation.next(&|| true)?.is_some() {}
    Ok(())
}

#[test]
fn weights_that_are_not_numbers_are_told_and_not_sampled() {
    let f32_nan = |bytes: &mut Vec<u8>| bytes[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    let f32_inf = |bytes: &mut Vec<u8>| bytes[..4].copy_from_slice(&f32::INFINITY.to_le_bytes());
    // The scale of the first block; rows of 64 have two.
    let f16_nan = |bytes: &mut Vec<u8>| bytes[..2].copy_from_slice(&0x7e00_u16.to_le_bytes());
    let mut unseen = Vec::new();
    for (matrices, name, damage) in [
        (ggml::F32, "blk.0.attn_norm.weight", &f32_nan as &dyn Fn(&mut Vec<u8>)),
        (ggml::F32, "blk.1.attn_v.weight", &f32_nan),
        (ggml::F32, "output_norm.weight", &f32_inf),
        (ggml::Q8_0, "blk.0.attn_norm.weight", &f32_nan),
        (ggml::Q8_0, "blk.2.ffn_norm.weight", &f32_inf),
        (ggml::Q8_0, "output_norm.weight", &f32_nan),
        (ggml::Q8_0, "blk.1.attn_q.weight", &f16_nan),
        (ggml::Q8_0, "blk.1.ffn_down.weight", &f16_nan),
        (ggml::Q4_1, "blk.0.attn_norm.weight", &f32_nan),
        (ggml::Q4_1, "blk.1.ffn_up.weight", &f16_nan),
    ] {
        for choice in [FAST, EXACT] {
            match try_answer(&mut damaged(matrices, name, damage, choice)) {
                Err(error) if error.to_string().contains("damaged") => (),
                other => unseen.push(format!("{name} among {matrices}, {:?}: {other:?}", choice.arithmetic)),
            }
        }
    }
    assert!(unseen.is_empty(), "{unseen:#?}");
}

#[test]
fn a_token_outside_the_vocabulary_is_an_error_with_its_number() {
    let mut loaded = tiny(&llama(), FAST);
    let error = loaded.try_all(&[1, 2, 259]).unwrap_err().to_string();
    assert!(error.contains("259"), "{error}");
    assert_eq!(loaded.session.runner().tokens().len(), 0);
    assert!(loaded.try_all(&[258]).is_ok());
}

#[test]
fn a_file_that_is_cut_after_it_was_opened_is_not_loaded() {
    let (_folder, path) = crate::support::file("model.gguf", &llama().gguf().bytes());
    let model = open(&path);
    let planned = plan(&model, FAST, &MACHINE).unwrap();
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(9_000).unwrap();
    let ledger = ponder::memory::ledger::Ledger::default();
    let error = Session::load(&model, &planned, false, pool(1), &ledger, &mut |_| true).err().unwrap().to_string();
    assert!(error.contains("model.gguf"), "{error}");
    assert_eq!(ledger.parts().sum().0, 0);
}

#[test]
fn a_load_that_is_stopped_charges_nothing() {
    let (_folder, path) = crate::support::file("model.gguf", &llama().gguf().bytes());
    let model = open(&path);
    let planned = plan(&model, FAST, &MACHINE).unwrap();
    let ledger = ponder::memory::ledger::Ledger::default();
    let mut read = 0;
    let result = Session::load(&model, &planned, false, pool(1), &ledger, &mut |bytes| {
        read += bytes.0;
        read < 100_000
    });
    assert_eq!(result.err(), Some(Error::Cancelled));
    assert_eq!(ledger.parts().sum().0, 0);
}
