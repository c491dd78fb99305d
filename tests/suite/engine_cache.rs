//! What is in the cache is what was read, however it was read: in chunks or token by token, cut back and read again, on any number of
//! threads.

use ponder::engine::generate::{Generation, Progress};
use ponder::engine::metrics::Metrics;
use ponder::engine::prompt::Prompt;
use ponder::engine::sampler::Sampling;
use ponder::engine::session::{Input, Session};
use ponder::engine::template::{Message, Role};
use ponder::engine::tokenizer::Special;
use ponder::memory::plan::{Choice, KvDtype};

use crate::engine::tokens;
use crate::support::gguf_writer::{Kv, ggml};
use crate::support::loaded::{EXACT, FAST, load_bytes, tiny};
use crate::support::tiny_llama::{N_VOCAB, TinyLlama};

fn llama(matrices: u32) -> TinyLlama {
    TinyLlama { matrices, gain: 3.0, ..TinyLlama::default() }
}

const CHOICES: [Choice; 4] = [FAST, Choice { kv: KvDtype::F32, ..FAST }, Choice { kv: KvDtype::Q8_0, ..FAST }, EXACT];

#[track_caller]
fn same(a: &[f32], b: &[f32]) {
    assert_eq!(a.len(), b.len());
    let worst = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-4, "{worst:e} apart");
}

/// Pulls an answer to its end.
pub fn answer(session: &mut Session, prompt: &Prompt, settings: &Sampling, seed: u64) -> (String, Vec<u32>, Metrics) {
    let mut generation = Generation::start(session, prompt, settings, seed).unwrap();
    let mut text = String::new();
    while let Some(progress) = generation.next(&|| true).unwrap() {
        if let Progress::Text { text: piece, .. } = progress {
            text += &piece;
        }
    }
    (text, generation.tokens().to_vec(), generation.metrics())
}

fn user(text: &str) -> Message {
    Message::new(Role::User, text)
}

fn chat(session: &Session, messages: Vec<Message>) -> Prompt {
    session.prompt(&Input::Chat { messages, fallback_template: false }, &|| true).unwrap()
}

#[test]
fn chunks_and_single_tokens_give_the_same_logits() {
    // Past four chunks of 64, past a block of 256, and not a multiple of either.
    let tokens = tokens(300);
    for choice in CHOICES {
        for matrices in [ggml::F32, ggml::Q4_1] {
            let model = llama(matrices);
            let chunked = tiny(&model, choice).all(&tokens);
            same(&chunked, &tiny(&model, choice).one_by_one(&tokens));
            let mut unevenly = tiny(&model, choice);
            let pieces: Vec<f32> = [1, 63, 65, 100, 71]
                .iter()
                .scan(0, |at, n| {
                    *at += n;
                    Some(tokens[*at - n..*at].to_vec())
                })
                .flat_map(|piece| unevenly.all(&piece))
                .collect();
            same(&chunked, &pieces);
        }
    }
}

#[test]
fn a_cache_that_is_cut_back_and_filled_again_is_as_it_was() {
    let tokens = tokens(300);
    for choice in CHOICES {
        let mut loaded = tiny(&llama(ggml::Q8_0), choice);
        let first = loaded.all(&tokens);
        let width = loaded.session.runner().n_vocab();
        for keep in [299, 257, 256, 255, 70, 1, 0] {
            loaded.session.runner_mut().truncate(keep);
            assert_eq!((loaded.session.runner().tokens().len(), loaded.session.runner().cache().len()), (keep, keep));
            same(&first[keep * width..], &loaded.all(&tokens[keep..]));
        }
        // Something else in between leaves no trace.
        loaded.session.runner_mut().truncate(100);
        loaded.all(&[1; 150]);
        loaded.session.runner_mut().truncate(100);
        same(&first[100 * width..], &loaded.all(&tokens[100..]));
    }
}

#[test]
fn truncating_frees_whole_blocks_and_never_extends() {
    let mut loaded = tiny(&llama(ggml::F32), FAST);
    loaded.all(&tokens(300));
    assert_eq!(loaded.session.runner().cache().capacity(), 512);
    loaded.session.runner_mut().truncate(1_000);
    assert_eq!(loaded.session.runner().cache().len(), 300);
    loaded.session.runner_mut().truncate(256);
    assert_eq!(loaded.session.runner().cache().capacity(), 256);
    loaded.session.runner_mut().truncate(0);
    assert_eq!(loaded.session.runner().cache().capacity(), 0);
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let tokens = tokens(150);
    for choice in CHOICES {
        for matrices in [ggml::F32, ggml::Q4_1] {
            let bits = |threads: usize| {
                let mut loaded = tiny(&llama(matrices), Choice { threads, ..choice });
                let mut bits: Vec<u32> = loaded.all(&tokens).into_iter().map(f32::to_bits).collect();
                bits.extend(loaded.one_by_one(&[5, 6, 7]).into_iter().map(f32::to_bits));
                bits
            };
            let one = bits(1);
            for threads in [2, 3, 7] {
                assert!(bits(threads) == one, "{threads} threads, {choice:?}");
            }
        }
    }
}

#[test]
fn greedy_and_seeded_answers_replay() {
    let model = llama(ggml::Q8_0);
    let run = |settings: &Sampling, seed: u64| {
        let mut loaded = tiny(&model, FAST);
        let prompt = chat(&loaded.session, vec![user("hello")]);
        let first = answer(&mut loaded.session, &prompt, settings, seed).1;
        let again = answer(&mut loaded.session, &prompt, settings, seed).1;
        assert_eq!(first, again, "from a cache that holds the prompt already");
        first
    };
    let greedy = Sampling { max_tokens: 40, ..Sampling::greedy() };
    let warm = Sampling { max_tokens: 40, temperature: 1.5, top_k: 0, top_p: 1.0, min_p: 0.0, ..Sampling::default() };
    assert_eq!(run(&greedy, 1), run(&greedy, 2), "greedy takes no chances");
    assert_eq!(run(&warm, 1), run(&warm, 1));
    assert_ne!(run(&warm, 1), run(&warm, 2));
}

#[test]
fn a_second_turn_reads_only_what_is_new() {
    let mut loaded = tiny(&llama(ggml::F32), FAST);
    let settings = Sampling { max_tokens: 20, ..Sampling::greedy() };
    let first = chat(&loaded.session, vec![user("a question that is a little longer")]);
    let (text, _, metrics) = answer(&mut loaded.session, &first, &settings, 0);
    assert_eq!((metrics.prompt_tokens, metrics.reused_tokens), (first.tokens.len(), 0));

    let second = chat(&loaded.session, vec![user("a question that is a little longer"), Message::new(Role::Assistant, text), user("and?")]);
    let cached = loaded.session.runner().tokens().to_vec();
    let common = cached.iter().zip(&second.tokens).take_while(|(a, b)| a == b).count();
    assert!(common >= first.tokens.len(), "the first prompt begins the second");
    let mut generation = Generation::start(&mut loaded.session, &second, &settings, 0).unwrap();
    let mut readings = Vec::new();
    while let Some(progress) = generation.next(&|| true).unwrap() {
        if let Progress::Reading { done, total } = progress {
            readings.push((done, total));
        }
    }
    let (tokens, metrics) = (generation.tokens().to_vec(), generation.metrics());
    assert_eq!((metrics.prompt_tokens, metrics.reused_tokens), (second.tokens.len(), common));
    assert_eq!(readings.len(), (second.tokens.len() - common).div_ceil(64));
    assert_eq!(readings.last(), Some(&(second.tokens.len(), second.tokens.len())));

    let mut fresh = tiny(&llama(ggml::F32), FAST);
    assert_eq!(answer(&mut fresh.session, &second, &settings, 0).1, tokens, "and answers as if it had read it all");
}

#[test]
fn a_prompt_that_is_all_in_the_cache_reads_its_last_token_again() {
    let mut loaded = tiny(&llama(ggml::F32), FAST);
    let settings = Sampling { max_tokens: 5, ..Sampling::greedy() };
    let prompt = chat(&loaded.session, vec![user("again")]);
    answer(&mut loaded.session, &prompt, &settings, 0);
    let (_, _, metrics) = answer(&mut loaded.session, &prompt, &settings, 0);
    assert_eq!(metrics.reused_tokens, prompt.tokens.len() - 1);
}

#[test]
fn an_answer_begins_without_the_space_that_the_tokenizer_writes() {
    let name = |n: u64| if n < 3 { ["<unk>", "<s>", "</s>"][usize::try_from(n).unwrap()].to_owned() } else { format!("▁w{n}") };
    let tokens: Vec<String> = (0..N_VOCAB).map(name).collect();
    let types: Vec<i32> = (0..N_VOCAB)
        .map(|n| {
            if n == 0 {
                2
            } else if n < 3 {
                3
            } else {
                1
            }
        })
        .collect();
    let model = TinyLlama::default()
        .gguf()
        .set("tokenizer.ggml.model", "llama")
        .set("tokenizer.ggml.tokens", tokens)
        .set("tokenizer.ggml.token_type", types)
        .set("tokenizer.ggml.scores", Kv::Array(6, vec![Kv::F32(0.0); usize::try_from(N_VOCAB).unwrap()]))
        .set("tokenizer.ggml.bos_token_id", 1_u32)
        .set("tokenizer.ggml.eos_token_id", 2_u32);
    let mut loaded = load_bytes(&model.bytes(), FAST);
    let settings = Sampling { max_tokens: 3, ..Sampling::greedy() };
    let asked = chat(&loaded.session, vec![user("w5")]);
    let (text, tokens, _) = answer(&mut loaded.session, &asked, &settings, 0);
    assert_eq!(text, loaded.session.tokenizer().decode(&tokens, Special::Plain));
    assert!(text.starts_with('w') && text.contains(" w"), "{text:?}");
    // What goes on with a text keeps the space between them.
    let begun = loaded.session.prompt(&Input::Completion("w5".to_owned()), &|| true).unwrap();
    let (text, ..) = answer(&mut loaded.session, &begun, &settings, 0);
    assert!(text.starts_with(" w"), "{text:?}");
}
