//! Tokenizers of Hugging Face folders, held against Python's `tokenizers` and `sentencepiece`; and what a broken folder says.

use std::path::Path;

use ponder::engine::hugging_face;
use ponder::engine::template::{ChatTemplate, Message, RenderOptions, Role};
use ponder::engine::tokenizer::{Special, Tokenizer};
use ponder::engine::vocabulary::TokenKind;
use ponder::error::{Error, Result};
use serde_json::{Value, json};

use super::tokenizer_kinds::tokenizer as tokenizer_of_kind;

const MODEL: &[u8] = include_bytes!("tokenizer.model");
const TORTURE: &str = include_str!("../oracle/torture.txt");
const KINDS: [&str; 3] = ["byte_level", "metaspace", "word_piece"];

fn fixture(kind: &str) -> Value {
    let all: Value = serde_json::from_str(include_str!("token_fixtures.json")).unwrap();
    all["folders"][kind].clone()
}

fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn folder_of(kind: &str, more: &[(&str, &[u8])]) -> tempfile::TempDir {
    let files = fixture(kind)["files"].as_object().unwrap().clone();
    let written: Vec<(String, Vec<u8>)> = files.into_iter().map(|(name, value)| (name, value.to_string().into_bytes())).collect();
    let all = written.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).chain(more.iter().copied());
    folder(&all.collect::<Vec<_>>())
}

fn read(folder: &Path) -> Result<Tokenizer> {
    hugging_face::tokenizer(folder)
}

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| u32::try_from(id.as_u64().unwrap()).unwrap()).collect()
}

#[test]
fn a_tokenizer_json_gives_the_ids_that_python_gives() {
    for kind in KINDS {
        let folder = folder_of(kind, &[]);
        let tokenizer = read(folder.path()).unwrap();
        for case in fixture(kind)["cases"].as_array().unwrap() {
            let text = case[0].as_str().unwrap();
            let parsed = tokenizer.with_ends(tokenizer.encode(text, Special::Parse).unwrap());
            let expected = ids(&case[1]);
            // a begin-of-sequence or end token that is there already is not repeated
            let repeated = expected.len() == parsed.len() + 1 && text.ends_with("s>");
            assert!(parsed == expected || repeated, "{kind} {text:?}: {parsed:?} and not {expected:?}");
            assert_eq!(tokenizer.encode(text, Special::Plain).unwrap(), ids(&case[2]), "{kind} {text:?}, special tokens as text");
        }
    }
}

#[test]
fn what_stands_in_the_files_beside_it_is_known() {
    let folder = folder_of("byte_level", &[("generation_config.json", br#"{"eos_token_id": [5, 7, 4000000000]}"#)]);
    let tokenizer = read(folder.path()).unwrap();
    let vocabulary = tokenizer.vocabulary();
    let (bos, eos) = (vocabulary.id("<s>").unwrap(), vocabulary.id("</s>").unwrap());
    assert_eq!((vocabulary.bos, vocabulary.eos, vocabulary.add_bos, vocabulary.add_eos), (Some(bos), Some(eos), true, false));
    assert_eq!([5, 7, eos].map(|id| vocabulary.ends_generation(id)), [true; 3]);
    assert_eq!(vocabulary.end_of_generation.len(), 3);
    assert_eq!(
        [bos, vocabulary.id("<user>").unwrap(), 9].map(|id| vocabulary.kind(id)),
        [TokenKind::Control, TokenKind::UserDefined, TokenKind::Normal]
    );
    let template = ChatTemplate::of(vocabulary).unwrap().unwrap();
    let prompt = template.render(&[Message::new(Role::User, "Hi")], &RenderOptions::answer()).unwrap();
    assert_eq!(prompt, "<s>Hi</s>");
}

#[test]
fn the_template_in_a_file_of_its_own_counts_first() {
    let jinja = ("chat_template.jinja", "file".as_bytes());
    let source = |folder: tempfile::TempDir| read(folder.path()).unwrap().vocabulary().chat_template.clone().unwrap();
    assert_eq!(source(folder_of("byte_level", &[jinja])), "file");
    let several =
        json!({"chat_template": [{"name": "tool_use", "template": "tools"}, {"name": "default", "template": "plain"}]}).to_string();
    assert_eq!(source(folder_of("metaspace", &[("tokenizer_config.json", several.as_bytes())])), "plain");
}

#[test]
fn a_tokenizer_model_gives_the_ids_of_the_same_vocabulary_in_gguf() {
    let folder = folder(&[("tokenizer.model", MODEL), ("tokenizer_config.json", br#"{"chat_template": "x"}"#)]);
    let (tokenizer, expected) = (read(folder.path()).unwrap(), tokenizer_of_kind("sentence_piece"));
    assert_eq!(tokenizer.vocabulary().tokens, expected.vocabulary().tokens);
    assert_eq!(tokenizer.vocabulary().kinds, expected.vocabulary().kinds);
    assert_eq!(tokenizer.vocabulary().chat_template.as_deref(), Some("x"));
    for special in [Special::Plain, Special::Parse] {
        let [ours, theirs] = [&tokenizer, &expected].map(|each| each.with_ends(each.encode(TORTURE, special).unwrap()));
        assert!(ours == theirs, "{special:?}");
    }
}

#[test]
fn added_tokens_join_a_tokenizer_model() {
    let config =
        br#"{"added_tokens_decoder": {"2": {"content": "</s>", "special": true}, "900": {"content": "<|im_end|>", "special": true}}}"#;
    let folder = folder(&[("tokenizer.model", MODEL), ("tokenizer_config.json", config), ("added_tokens.json", br#"{"word": 899}"#)]);
    let tokenizer = read(folder.path()).unwrap();
    assert_eq!(tokenizer.encode("<|im_end|>word", Special::Parse).unwrap(), [900, 899]);
    assert!(tokenizer.vocabulary().ends_generation(900));
    assert_eq!(tokenizer.vocabulary().kind(898), TokenKind::Unused);
}

#[test]
fn text_comes_back_from_a_tokenizer_json() {
    for kind in ["byte_level", "metaspace"] {
        let folder = folder_of(kind, &[]);
        let tokenizer = read(folder.path()).unwrap();
        let text = TORTURE.replace('▁', "_");
        assert!(tokenizer.decode(&tokenizer.encode(&text, Special::Plain).unwrap(), Special::Parse) == text, "{kind}");
    }
}

#[test]
fn typed_text_never_becomes_a_special_token_of_a_tokenizer_json() {
    for kind in KINDS {
        let folder = folder_of(kind, &[]);
        let tokenizer = read(folder.path()).unwrap();
        let ids = tokenizer.encode("<s></s>[CLS]x[SEP]", Special::Typed).unwrap();
        assert!(
            ids.iter().all(|&id| tokenizer.vocabulary().kind(id) != TokenKind::Control || Some(id) == tokenizer.vocabulary().unk),
            "{kind}: {ids:?}"
        );
    }
}

/// What a folder with this `tokenizer.json` says.
#[track_caller]
fn fault(json: &str) -> String {
    let folder = folder(&[("tokenizer.json", json.as_bytes())]);
    read(folder.path()).expect_err("the file was accepted").to_string()
}

#[test]
fn a_broken_tokenizer_json_is_one_clear_error() {
    for json in ["", "{", "[]", "null", "{}", r#"{"model": {"type": "Nonsense"}}"#] {
        assert!(fault(json).contains("tokenizer.json"), "{json}: {}", fault(json));
    }
    let mut far = fixture("byte_level")["files"]["tokenizer.json"].clone();
    far["model"]["vocab"]["far away"] = json!(4_000_000_000_u32);
    assert!(fault(&far.to_string()).contains("ids below"));
    let mut bomb = fixture("byte_level")["files"]["tokenizer.json"].clone();
    bomb["normalizer"] =
        json!({"type": "Sequence", "normalizers": [{"type": "Replace", "pattern": {"String": "a"}, "content": "b".repeat(100_000)}]});
    assert!(fault(&bomb.to_string()).contains("normalizer.content"), "{}", fault(&bomb.to_string()));
}

#[test]
fn padding_and_truncation_of_a_tokenizer_json_are_left_out() {
    let mut padded = fixture("byte_level")["files"]["tokenizer.json"].clone();
    padded["padding"] = json!({"strategy": {"Fixed": 100_000_000_000_u64}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0, "pad_type_id": 0, "pad_token": "x"});
    padded["truncation"] = json!({"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0});
    let folder = folder(&[("tokenizer.json", padded.to_string().as_bytes())]);
    assert!((20..60).contains(&read(folder.path()).unwrap().encode(&"word ".repeat(10), Special::Plain).unwrap().len()));
}

#[test]
fn a_broken_tokenizer_model_is_one_clear_error() {
    for cut in [1, 2, 3, 10, 100, MODEL.len() - 1] {
        let folder = folder(&[("tokenizer.model", &MODEL[..cut])]);
        let Err(Error::Format { at, .. }) = read(folder.path()) else { panic!("{cut} bytes accepted") };
        assert!(at.starts_with("offset") || at.contains("tokens"), "{at}");
    }
    for byte in (0..MODEL.len()).step_by(37) {
        let mut bytes = MODEL.to_vec();
        bytes[byte] ^= 0x55;
        let folder = folder(&[("tokenizer.model", &bytes)]);
        if let Ok(tokenizer) = read(folder.path()) {
            drop(tokenizer.encode("Hello world", Special::Parse));
        }
    }
    let words = folder(&[("tokenizer.model", &[MODEL, &[0x12, 2, 0x18, 3]].concat())]);
    assert!(matches!(read(words.path()), Err(Error::Unsupported { .. })));
}

#[test]
fn a_folder_without_a_tokenizer_says_what_is_missing() {
    let folder = folder(&[("config.json", b"{}")]);
    assert!(!hugging_face::has_tokenizer(folder.path()));
    assert!(read(folder.path()).unwrap_err().to_string().contains("tokenizer.model"));
}
