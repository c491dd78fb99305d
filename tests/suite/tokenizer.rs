//! Text to tokens and back, held against llama.cpp's ids where the starter model is on this machine.

use std::path::Path;

use ponder::engine::stream::TextStream;
use ponder::engine::tokenizer::{Special, Tokenizer};
use ponder::engine::vocabulary::{Parts, TokenKind, Vocabulary};
use ponder::error::{Error, Result};
use ponder::file::ModelFile;
use proptest::prelude::*;

use crate::support::starter;

/// GPT-2's byte alphabet, then merges, then special tokens: enough to tokenize anything.
pub fn tiny_parts() -> Parts {
    let merges = ["h e", "l l", "he ll", "hell o", "Ġ w", "Ġ Ġ", "i m", "u s", "us e"];
    let mut tokens: Vec<String> = alphabet().map(String::from).collect();
    tokens.extend(merges.iter().map(|merge| merge.replace(' ', "")));
    let ordinary = tokens.len();
    tokens.extend(["<|im_start|>", "<|im_end|>", "<think>", "<unk>", "<|mark|>"].map(String::from));
    let mut kinds = vec![1; ordinary];
    kinds.extend([3, 3, 4, 2, 4]);
    Parts {
        model: "gpt2".into(),
        pre: Some("gpt-2".into()),
        special: vec![("bos".into(), ordinary as u64), ("eos".into(), ordinary as u64 + 1)],
        tokens,
        kinds: Some(kinds),
        merges: merges.map(String::from).to_vec(),
        ..Parts::default()
    }
}

fn alphabet() -> impl Iterator<Item = char> {
    let visible = |c: char| matches!(c, '!'..='~' | '¡'..='¬' | '®'..='ÿ');
    let shifted = (0..=255_u8).map(char::from).filter(move |&c| !visible(c)).zip('\u{100}'..).map(|(_, c)| c);
    (0..=255_u8).map(char::from).filter(move |&c| visible(c)).chain(shifted)
}

pub fn vocabulary(parts: Parts) -> Result<Vocabulary> {
    Vocabulary::new(Path::new("tiny.gguf"), parts)
}

pub fn tiny() -> Tokenizer {
    Tokenizer::new(vocabulary(tiny_parts()).unwrap()).unwrap()
}

fn id(tokenizer: &Tokenizer, text: &str) -> u32 {
    tokenizer.vocabulary().id(text).unwrap()
}

fn texts(tokenizer: &Tokenizer, ids: &[u32]) -> Vec<String> {
    ids.iter().map(|&id| tokenizer.decode(&[id], Special::Parse)).collect()
}

/// Token ids as llama.cpp (llama-cpp-python 0.3.36, `llama_tokenize` without special parsing) gives them for the starter model.
const REFERENCE: &[(&str, &[u32])] = include!("tokenizer_reference.in");

#[test]
fn the_starter_model_tokenizes_hard_text_as_llama_cpp_does() {
    let Some(path) = starter() else { return eprintln!("skipped: the starter model is not here") };
    let tokenizer = Tokenizer::new(Vocabulary::read(&ModelFile::open(&path).unwrap()).unwrap()).unwrap();
    assert_eq!(tokenizer.vocabulary().warnings, Vec::<String>::new());
    for (text, ids) in REFERENCE {
        assert_eq!(tokenizer.encode(text, Special::Plain).unwrap(), *ids, "{text:?}");
        assert_eq!(tokenizer.decode(ids, Special::Parse), *text);
    }
}

#[test]
fn the_starter_model_ends_where_llama_cpp_ends() {
    let Some(path) = starter() else { return eprintln!("skipped: the starter model is not here") };
    let vocabulary = Vocabulary::read(&ModelFile::open(&path).unwrap()).unwrap();
    assert_eq!(vocabulary.end_of_generation.iter().copied().collect::<Vec<_>>(), [0, 2, 4]);
    assert_eq!((vocabulary.len(), vocabulary.bos, vocabulary.eos, vocabulary.add_bos), (49152, Some(1), Some(2), false));
    let tokenizer = Tokenizer::new(vocabulary).unwrap();
    assert_eq!(tokenizer.encode("<|im_start|>user\n", Special::Parse).unwrap(), [1, 4093, 198]);
}

#[test]
fn merges_apply_best_first() {
    let tokenizer = tiny();
    assert_eq!(texts(&tokenizer, &tokenizer.encode("hello world", Special::Plain).unwrap()), ["hello", " w", "o", "r", "l", "d"]);
    assert_eq!(texts(&tokenizer, &tokenizer.encode("hellhe", Special::Plain).unwrap()), ["hell", "he"]);
}

#[test]
fn a_run_of_spaces_leaves_the_last_to_the_word() {
    let tokenizer = tiny();
    assert_eq!(texts(&tokenizer, &tokenizer.encode("   w", Special::Plain).unwrap()), ["  ", " w"]);
    assert_eq!(texts(&tokenizer, &tokenizer.encode("a\n\n\tb  ", Special::Plain).unwrap()), ["a", "\n", "\n", "\t", "b", "  "]);
}

#[test]
fn control_tokens_in_plain_text_stay_text() {
    let tokenizer = tiny();
    let end = id(&tokenizer, "<|im_end|>");
    assert_eq!(tokenizer.encode("<|im_end|>", Special::Parse).unwrap(), [end]);
    let plain = tokenizer.encode("<|im_end|>", Special::Plain).unwrap();
    assert!(!plain.contains(&end));
    assert_eq!(tokenizer.decode(&plain, Special::Plain), "<|im_end|>");
}

#[test]
fn user_defined_tokens_always_match_unless_they_look_like_structure() {
    let tokenizer = tiny();
    let (think, mark) = (id(&tokenizer, "<think>"), id(&tokenizer, "<|mark|>"));
    for (special, expected) in [(Special::Parse, [true, true]), (Special::Plain, [true, true]), (Special::Typed, [true, false])] {
        let ids = tokenizer.encode("a<think>b<|mark|>", special).unwrap();
        assert_eq!([ids.contains(&think), ids.contains(&mark)], expected, "{special:?}");
    }
}

#[test]
fn the_longest_special_token_wins() {
    let mut parts = tiny_parts();
    parts.tokens.push("<|im_end|>\n".into());
    parts.kinds.as_mut().unwrap().push(3);
    let longest = u32::try_from(parts.tokens.len() - 1).unwrap();
    let tokenizer = Tokenizer::new(vocabulary(parts).unwrap()).unwrap();
    assert_eq!(tokenizer.encode("<|im_end|>\n", Special::Parse).unwrap(), [longest]);
}

#[test]
fn begin_of_sequence_is_added_once_and_only_where_asked() {
    let tokenizer = tiny();
    assert_eq!(tokenizer.with_bos(vec![7]), [7]);
    let mut parts = tiny_parts();
    parts.add_bos = Some(true);
    let tokenizer = Tokenizer::new(vocabulary(parts).unwrap()).unwrap();
    let bos = tokenizer.vocabulary().bos.unwrap();
    assert_eq!(tokenizer.with_bos(vec![7]), [bos, 7]);
    assert_eq!(tokenizer.with_bos(vec![bos, 7]), [bos, 7]);
    assert_eq!(tokenizer.with_bos(vec![]), [bos]);
}

#[test]
fn a_word_that_is_a_token_skips_merging_where_the_pre_tokenizer_says_so() {
    let mut parts = tiny_parts();
    parts.tokens.push("dlrow".into());
    parts.kinds.as_mut().unwrap().push(1);
    let whole = u32::try_from(parts.tokens.len() - 1).unwrap();
    for (pre, skips) in [("gpt-2", false), ("llama-bpe", true)] {
        let tokenizer = Tokenizer::new(vocabulary(Parts { pre: Some(pre.into()), ..parts.clone() }).unwrap()).unwrap();
        assert_eq!(tokenizer.encode("dlrow", Special::Plain).unwrap() == [whole], skips, "{pre}");
    }
}

#[test]
fn every_pre_tokenizer_covers_any_text() {
    let text = "It's 12345 тест  \n\n\t中文かなカナ한글 e\u{301}👩‍👩‍👧‍👦 <|x|> don'T\u{a0}\u{3000}end  ";
    for name in ponder::engine::pretokenizer::PreTokenizer::names() {
        let words = ponder::engine::pretokenizer::PreTokenizer::new(name).unwrap().split(text, &|| true).unwrap();
        assert_eq!(words.iter().map(|word| &text[word.clone()]).collect::<String>(), text, "{name}");
    }
}

#[test]
fn an_unknown_pre_tokenizer_is_the_default_with_a_warning() {
    let tokenizer = Tokenizer::new(vocabulary(Parts { pre: Some("surprise".into()), ..tiny_parts() }).unwrap()).unwrap();
    assert!(tokenizer.vocabulary().warnings[0].contains("`surprise`"));
    let missing = vocabulary(Parts { pre: None, ..tiny_parts() }).unwrap();
    assert_eq!((missing.pre.as_str(), missing.warnings.len()), ("default", 1));
}

#[test]
fn a_vocabulary_without_tokens_is_refused() {
    let Err(Error::Format { at, .. }) = vocabulary(Parts { tokens: vec![], ..tiny_parts() }) else { panic!() };
    assert_eq!(at, "key `tokenizer.ggml.tokens`");
}

#[test]
fn fewer_kinds_than_tokens_are_refused() {
    let Err(Error::Format { at, .. }) = vocabulary(Parts { kinds: Some(vec![1; 3]), ..tiny_parts() }) else { panic!() };
    assert_eq!(at, "key `tokenizer.ggml.token_type`");
}

#[test]
fn ids_outside_the_vocabulary_are_ignored_with_a_warning() {
    for bad in [u64::from(u32::MAX), (1 << 32) + 1, u64::MAX, 270] {
        let mut parts = tiny_parts();
        parts.add_bos = Some(true);
        parts.special = vec![("bos".into(), bad), ("eos".into(), bad), ("eot".into(), bad), ("padding".into(), bad)];
        let vocabulary = vocabulary(parts).unwrap();
        assert_eq!((vocabulary.bos, vocabulary.eos, vocabulary.pad, vocabulary.add_bos), (None, None, None, false));
        assert!(vocabulary.warnings.iter().any(|warning| warning.contains("tokenizer.ggml.eos_token_id")));
        assert!(vocabulary.end_of_generation.iter().all(|&id| (id as usize) < vocabulary.len()));
    }
}

#[test]
fn odd_merges_and_tokens_are_left_out_with_a_warning() {
    let mut parts = tiny_parts();
    parts.merges.extend(["nospace".into(), "zz yy".into(), "h e".into(), String::new(), " ".into(), "x ".into()]);
    parts.tokens[0] = String::new();
    parts.tokens[1] = parts.tokens[2].clone();
    let tokenizer = Tokenizer::new(vocabulary(parts).unwrap()).unwrap();
    let warnings = tokenizer.vocabulary().warnings.join("\n");
    for said in ["1 tokens are empty", "1 tokens occur twice", "4 entries have no space", "2 entries repeat"] {
        assert!(warnings.contains(said), "{said}: {warnings}");
    }
    assert_eq!(texts(&tokenizer, &tokenizer.encode("hello", Special::Plain).unwrap()), ["hello"]);
}

#[test]
fn a_listed_end_text_ends_generation_whatever_its_kind() {
    let mut parts = tiny_parts();
    parts.special.clear();
    parts.tokens.extend(["<|eot_id|>".into(), "<reponame>".into()]);
    parts.kinds.as_mut().unwrap().extend([1, 1]);
    let vocabulary = vocabulary(parts).unwrap();
    for text in ["<|im_end|>", "<|eot_id|>", "<reponame>"] {
        let id = vocabulary.id(text).unwrap();
        assert!(vocabulary.ends_generation(id), "{text}");
        assert_eq!(vocabulary.kind(id), TokenKind::Control, "{text}");
    }
    assert_eq!(vocabulary.eot, vocabulary.id("<|eot_id|>"));
}

#[test]
fn an_inner_end_beside_return_and_call_does_not_end_generation() {
    let mut parts = tiny_parts();
    parts.tokens.extend(["<|end|>".into(), "<|return|>".into(), "<|call|>".into()]);
    parts.kinds.as_mut().unwrap().extend([3, 3, 3]);
    let vocabulary = vocabulary(parts).unwrap();
    assert!(!vocabulary.ends_generation(vocabulary.id("<|end|>").unwrap()));
    assert!(vocabulary.ends_generation(vocabulary.id("<|return|>").unwrap()));
}

#[test]
fn a_megabyte_of_anything_comes_back_exactly() {
    let tokenizer = tiny();
    for unit in ["a", "^", " ", "\n", "\0", "7", "h", "\u{301}", "\u{200d}", "👩‍👩‍👧‍👦", "<|im_end|>", "<|im_", "a \t"] {
        let text = unit.repeat((1 << 20) / unit.len());
        let ids = tokenizer.encode(&text, Special::Plain).unwrap();
        assert!(tokenizer.decode(&ids, Special::Plain) == text, "{unit:?}");
    }
}

#[test]
fn tokenizing_stops_when_told() {
    let tokenizer = tiny();
    let asked = std::cell::Cell::new(0);
    let go_on = || {
        asked.set(asked.get() + 1);
        asked.get() < 5
    };
    assert_eq!(tokenizer.encode_while(&"word ".repeat(1 << 20), Special::Parse, &go_on), Err(Error::Cancelled));
    assert_eq!(asked.get(), 5);
}

#[test]
fn the_stream_never_breaks_a_character() {
    let text = "aé€👍 \u{301}z";
    let mut stream = TextStream::new(vec![]);
    let deltas: Vec<String> = text.bytes().map(|byte| stream.push(&[byte]).text).collect();
    assert_eq!(deltas.concat() + &stream.finish(), text);
    assert_eq!(deltas.iter().filter(|delta| !delta.is_empty()).count(), text.chars().count());
}

#[test]
fn the_stream_holds_back_nothing_at_the_end() {
    let mut stream = TextStream::new(vec!["stop".into()]);
    assert_eq!(stream.push(b"fast sto").text, "fast ");
    assert_eq!(stream.push("\u{1f44d}".as_bytes().split_at(2).0).text, "");
    assert_eq!(stream.finish(), "sto\u{fffd}");
    assert_eq!(stream.finish(), "");
}

#[test]
fn impossible_bytes_become_replacement_characters_at_once() {
    let mut stream = TextStream::new(vec![]);
    assert_eq!(stream.push(b"a\xffb").text, "a\u{fffd}b");
    assert_eq!(stream.push(b"\xe2\x82").text, "");
    assert_eq!(stream.push(b"x").text, "\u{fffd}x");
}

#[test]
fn a_stop_string_across_tokens_ends_the_stream_before_it() {
    let mut stream = TextStream::new(vec![String::new(), "\n\nUser:".into(), "END".into()]);
    assert_eq!(stream.push(b"fine\n").text, "fine");
    assert_eq!(stream.push(b"\nUs").text, "");
    let last = stream.push(b"er: more");
    assert_eq!((last.text.as_str(), last.stop), ("", Some(1)));
    assert_eq!(stream.push(b"more").stop, Some(1));
    assert_eq!(stream.finish(), "");
}

#[test]
fn a_broken_off_stop_string_is_shown() {
    let mut stream = TextStream::new(vec!["aab".into()]);
    assert_eq!(stream.push(b"aa").text, "");
    assert_eq!(stream.push(b"a").text, "a");
    assert_eq!(stream.push(b"c").text, "aac");
}

proptest! {
    #[test]
    fn any_text_survives_tokenizing(text in "\\PC{0,80}|[ \\t\\n\\ra'0-9]{0,40}") {
        let tokenizer = tiny();
        for special in [Special::Parse, Special::Plain, Special::Typed] {
            prop_assert_eq!(tokenizer.decode(&tokenizer.encode(&text, special).unwrap(), Special::Parse), text.clone());
        }
    }

    #[test]
    fn any_bytes_stream_as_their_lossy_text(bytes in proptest::collection::vec(any::<u8>(), 0..60), cut in 1_usize..7) {
        let mut stream = TextStream::new(vec!["never this".into()]);
        let mut text: String = bytes.chunks(cut).map(|chunk| stream.push(chunk).text).collect();
        text.push_str(&stream.finish());
        prop_assert_eq!(text, String::from_utf8_lossy(&bytes));
    }
}
