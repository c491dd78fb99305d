//! Tokenizers of every kind on small vocabularies, held against the ids that llama.cpp gives with the same ones.
//!
//! `token_fixtures.json` is written by `tests/oracle/write_token_fixtures.py`.

use ponder::engine::pretokenizer::PreTokenizer;
use ponder::engine::tokenizer::{Special, Tokenizer};
use ponder::engine::vocabulary::{Parts, TokenKind, Vocabulary};
use ponder::error::{Error, Result};
use ponder::file::ModelFile;
use serde_json::Value;

use super::tokenizer::{tiny_parts, vocabulary};
use crate::support::starter;

const FIXTURES: &str = include_str!("token_fixtures.json");
const TORTURE: &str = include_str!("../oracle/torture.txt");
const KINDS: [&str; 5] = ["byte_level", "sentence_piece", "unigram", "word_piece", "raw_bpe"];

fn fixtures() -> Value {
    serde_json::from_str(FIXTURES).unwrap()
}

fn list<T>(value: &Value, each: impl Fn(&Value) -> T) -> Vec<T> {
    value.as_array().into_iter().flatten().map(each).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn ids(value: &Value) -> Vec<u32> {
    list(value, |id| u32::try_from(id.as_u64().unwrap()).unwrap())
}

/// The parts of the fixture's vocabulary `kind`.
pub fn parts(kind: &str) -> Parts {
    let fixture = &fixtures()[kind]["vocabulary"];
    #[expect(clippy::cast_possible_truncation, reason = "scores were 32-bit numbers")]
    let score = |score: &Value| score.as_f64().unwrap() as f32;
    Parts {
        model: text(&fixture["model"]),
        pre: (kind == "byte_level").then(|| "gpt-2".to_owned()),
        tokens: list(&fixture["tokens"], text),
        kinds: Some(list(&fixture["kinds"], |kind| kind.as_i64().unwrap())),
        merges: list(&fixture["merges"], text),
        scores: fixture["scores"].is_array().then(|| list(&fixture["scores"], score)),
        special: fixture["special"].as_object().unwrap().iter().map(|(name, id)| (name.clone(), id.as_u64().unwrap())).collect(),
        add_bos: fixture["add_bos"].as_bool(),
        add_space_prefix: fixture["add_space_prefix"].as_bool(),
        remove_extra_whitespaces: fixture["remove_extra_whitespaces"].as_bool(),
        charsmap: list(&fixture["charsmap"], |byte| u8::try_from(byte.as_u64().unwrap()).unwrap()),
        ..Parts::default()
    }
}

pub fn tokenizer(kind: &str) -> Tokenizer {
    Tokenizer::new(vocabulary(parts(kind)).unwrap()).unwrap()
}

/// All ids with the tokens around them, as llama.cpp's `add_special` has them.
fn whole(tokenizer: &Tokenizer, text: &str, special: Special) -> Vec<u32> {
    tokenizer.with_ends(tokenizer.encode(text, special).unwrap())
}

/// The number of ids and their FNV-1a hash.
fn digest(ids: &[u32]) -> Value {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    let hash = ids.iter().flat_map(|id| id.to_le_bytes()).fold(0xcbf2_9ce4_8422_2325, mix);
    serde_json::json!([ids.len(), format!("{hash:016x}")])
}

#[test]
fn every_kind_of_tokenizer_cuts_short_texts_as_llama_cpp_does() {
    let fixtures = fixtures();
    for kind in KINDS {
        let tokenizer = tokenizer(kind);
        for case in fixtures[kind]["short"].as_array().unwrap() {
            let text = text(&case[0]);
            assert_eq!(whole(&tokenizer, &text, Special::Plain), ids(&case[1]), "{kind} {text:?}");
            // llama.cpp puts an end token behind one that is there already
            let (ours, mut theirs) = (whole(&tokenizer, &text, Special::Parse), ids(&case[2]));
            if theirs.len() > ours.len() && theirs.ends_with(&[*ours.last().unwrap(); 2]) {
                theirs.pop();
            }
            assert_eq!(ours, theirs, "{kind} {text:?}, special tokens parsed");
        }
    }
}

#[test]
fn every_kind_of_tokenizer_cuts_the_torture_text_as_llama_cpp_does() {
    let fixtures = fixtures();
    assert!(TORTURE.lines().count() > 200);
    for kind in KINDS {
        let tokenizer = tokenizer(kind);
        for (special, expected) in [Special::Plain, Special::Parse].into_iter().zip(fixtures[kind]["whole"].as_array().unwrap()) {
            assert_eq!(digest(&whole(&tokenizer, TORTURE, special)), *expected, "{kind}, {special:?}");
        }
    }
}

#[test]
fn every_pre_tokenizer_cuts_the_torture_text_as_llama_cpp_does() {
    let fixtures = fixtures();
    let expected = fixtures["pre_tokenizers"].as_object().unwrap();
    assert!(expected.len() > 80);
    for (name, expected) in expected {
        assert!(PreTokenizer::names().any(|known| known == name), "{name}");
        let tokenizer = Tokenizer::new(vocabulary(Parts { pre: Some(name.clone()), ..parts("byte_level") }).unwrap()).unwrap();
        assert_eq!(digest(&tokenizer.encode(TORTURE, Special::Plain).unwrap()), *expected, "{name}");
    }
}

#[test]
fn text_comes_back_from_every_tokenizer_that_keeps_it() {
    for kind in ["byte_level", "sentence_piece", "raw_bpe"] {
        let tokenizer = tokenizer(kind);
        // `▁` is how these vocabularies write a space
        let text = if kind == "byte_level" { TORTURE.to_owned() } else { TORTURE.replace('▁', "_") };
        for special in [Special::Plain, Special::Parse, Special::Typed] {
            assert!(tokenizer.decode(&tokenizer.encode(&text, special).unwrap(), Special::Parse) == text, "{kind} {special:?}");
        }
    }
}

#[test]
fn bytes_of_one_character_stream_as_that_character() {
    let tokenizer = tokenizer("sentence_piece");
    let ids = tokenizer.encode("👍🏽", Special::Plain).unwrap();
    assert!(ids.iter().filter(|&&id| tokenizer.vocabulary().kind(id) == TokenKind::Byte).count() == 8, "{ids:?}");
    let mut stream = ponder::engine::stream::TextStream::new(vec![]);
    let deltas: Vec<String> = ids.iter().map(|&id| stream.push(&tokenizer.token_bytes(id)).text).filter(|text| !text.is_empty()).collect();
    assert_eq!(deltas.concat().trim_start(), "👍🏽");
    assert_eq!(stream.finish(), "");
}

#[test]
fn typed_text_never_becomes_a_control_token() {
    for kind in KINDS {
        let tokenizer = tokenizer(kind);
        let vocabulary = tokenizer.vocabulary();
        let all: Vec<&str> = (0..)
            .take(vocabulary.len())
            .filter(|&id| vocabulary.kind(id) == TokenKind::Control)
            .filter_map(|id| vocabulary.text(id))
            .collect();
        let ids = tokenizer.encode(&all.join(" "), Special::Typed).unwrap();
        assert!(ids.iter().all(|&id| vocabulary.kind(id) != TokenKind::Control), "{kind}");
    }
}

#[test]
fn a_merge_that_makes_a_control_token_is_not_made() {
    let mut spm = parts("sentence_piece");
    for token in ["</", "s>"] {
        spm.tokens.push(token.into());
        spm.kinds.as_mut().unwrap().push(1);
        spm.scores.as_mut().unwrap().push(0.0);
    }
    let mut bpe = tiny_parts();
    bpe.tokens.extend(["</", "s>", "</s>"].map(String::from));
    bpe.kinds.as_mut().unwrap().extend([1, 1, 3]);
    bpe.merges.extend(["< /", "s >", "</ s>"].map(String::from));
    for parts in [spm, bpe] {
        let tokenizer = Tokenizer::new(vocabulary(parts).unwrap()).unwrap();
        let end = tokenizer.vocabulary().id("</s>").unwrap();
        assert!(!tokenizer.encode("a</s>b", Special::Plain).unwrap().contains(&end));
        assert!(tokenizer.encode("a</s>b", Special::Parse).unwrap().contains(&end));
    }
}

#[test]
fn some_special_tokens_swallow_the_white_space_beside_them() {
    let phi = |name: &str| Tokenizer::new(vocabulary(Parts { model_name: name.into(), ..parts("sentence_piece") }).unwrap()).unwrap();
    let (plain, phi) = (phi("Something"), phi("Phi-3 mini"));
    let user = phi.vocabulary().id("<user>").unwrap();
    let (close, apart) = ("a<user>b", "a<user> \n\t b");
    assert_eq!(phi.encode(apart, Special::Parse).unwrap(), plain.encode(close, Special::Parse).unwrap());
    assert_ne!(plain.encode(apart, Special::Parse).unwrap(), plain.encode(close, Special::Parse).unwrap());
    assert!(phi.encode(apart, Special::Parse).unwrap().contains(&user));
}

#[test]
fn a_megabyte_takes_every_kind_of_tokenizer_little_more_than_a_moment() {
    // no time is asserted: what takes n² steps would not end here
    for kind in KINDS {
        let tokenizer = tokenizer(kind);
        for unit in ["a", " ", "\n", "0", "\u{301}", "😀", "</s>", "<user", "ab ", "▁"] {
            let text = unit.repeat((1 << 20) / unit.len());
            assert!(
                !tokenizer.encode(&text, Special::Parse).unwrap().is_empty() || kind == "word_piece" || kind == "unigram",
                "{kind} {unit:?}"
            );
        }
    }
}

#[test]
fn every_kind_of_tokenizer_stops_when_told() {
    for kind in KINDS {
        let tokenizer = tokenizer(kind);
        let asked = std::cell::Cell::new(0);
        let go_on = || {
            asked.set(asked.get() + 1);
            asked.get() < 30
        };
        assert_eq!(tokenizer.encode_while(&"word ".repeat(1 << 19), Special::Parse, &go_on), Err(Error::Cancelled), "{kind}");
    }
}

#[test]
fn defaults_of_special_ids_follow_the_kind_of_tokenizer() {
    let bare = |model: &str| vocabulary(Parts { model: model.into(), tokens: vec!["x".into(); 200], ..Parts::default() }).unwrap();
    let ids =
        |vocabulary: &Vocabulary| (vocabulary.bos, vocabulary.eos, vocabulary.unk, vocabulary.sep, vocabulary.add_bos, vocabulary.add_eos);
    assert_eq!(ids(&bare("llama")), (Some(1), Some(2), Some(0), None, true, false));
    assert_eq!(ids(&bare("bert")), (Some(101), None, Some(100), Some(102), true, false));
    assert_eq!(ids(&bare("t5")), (None, Some(1), Some(2), None, false, true));
    assert_eq!(ids(&bare("gpt2")), (None, None, None, None, false, false));
}

#[test]
fn scores_that_are_no_numbers_do_no_harm() {
    let mut parts = parts("sentence_piece");
    for (at, score) in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0].into_iter().enumerate() {
        parts.scores.as_mut().unwrap()[300 + at] = score;
    }
    let text = TORTURE.replace('▁', "_");
    for model in ["llama", "t5"] {
        let tokenizer = Tokenizer::new(vocabulary(Parts { model: model.into(), ..parts.clone() }).unwrap()).unwrap();
        assert!(!tokenizer.encode(&text, Special::Plain).unwrap().is_empty());
    }
    parts.scores.as_mut().unwrap().truncate(10);
    let Err(Error::Format { at, .. }) = vocabulary(parts) else { panic!("too few scores accepted") };
    assert_eq!(at, "key `tokenizer.ggml.scores`");
}

#[test]
fn a_charsmap_of_nonsense_is_as_good_as_none() {
    let plain = tokenizer("unigram").encode("Hello", Special::Plain).unwrap();
    for bytes in [vec![], vec![1], vec![255; 3], vec![255; 64], vec![4, 0, 0, 0, 255, 255, 255, 255, 65], vec![0; 2000]] {
        let parts = Parts { charsmap: bytes, ..parts("unigram") };
        assert_eq!(Tokenizer::new(vocabulary(parts).unwrap()).unwrap().encode("Hello", Special::Plain).unwrap(), plain);
    }
}

#[test]
fn what_no_algorithm_here_cuts_is_refused_by_name() {
    for model in ["rwkv", "plamo2", "hybriddna", "surprise"] {
        let vocabulary = vocabulary(Parts { model: model.into(), ..tiny_parts() }).unwrap();
        let Err(Error::Unsupported { what, .. }) = Tokenizer::new(vocabulary) else { panic!("{model} accepted") };
        assert_eq!(what, format!("tokenizer `{model}`"));
    }
    for model in ["t5", "bert"] {
        let parts = Parts { model: model.into(), tokens: vec!["a".into()], special: vec![], ..Parts::default() };
        assert!(matches!(Tokenizer::new(vocabulary(parts).unwrap()), Err(Error::Unsupported { .. })), "{model}");
    }
}

/// Where Gemma 3 is beside the starter model: its vocabulary of 262,144 tokens.
#[test]
fn gemma_tokenizes_hard_text_as_llama_cpp_does() -> Result<()> {
    let path = starter().map(|path| path.with_file_name("gemma-3-270m-q4_k_m.gguf")).filter(|path| path.is_file());
    let Some(path) = path else {
        eprintln!("skipped: Gemma 3 is not here");
        return Ok(());
    };
    let tokenizer = Tokenizer::new(Vocabulary::read(&ModelFile::open(&path)?)?)?;
    let expected = &fixtures()["gemma"];
    assert_eq!(digest(&whole(&tokenizer, TORTURE, Special::Plain)), expected[0]);
    assert_eq!(digest(&whole(&tokenizer, TORTURE, Special::Parse)), expected[1]);
    Ok(())
}
