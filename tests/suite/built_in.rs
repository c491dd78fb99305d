//! The model that is part of the program: read from memory as it would be from a file, and meant by a word in every command.

use std::fs;
use std::path::Path;

use ponder::engine::generate::{Generation, Progress};
use ponder::engine::prompt::Prompt;
use ponder::engine::sampler::Sampling;
use ponder::engine::session::Input;
use ponder::engine::template::{ChatTemplate, Message, RenderOptions, Role};
use ponder::engine::tokenizer::{Special, Tokenizer};
use ponder::engine::vocabulary::Vocabulary;
use ponder::file::ModelFile;
use ponder::inspect::Model;
use ponder::inspect::passport::runs_here;
use ponder::kernels::precision;
use ponder::library;
use ponder::library::summary::Summary;
use ponder::pocket::{NAME, SUGGESTIONS, WORD};

use crate::cli::{Shell, has, text};
use crate::support::loaded::{EXACT, FAST, load_model};
use crate::support::pocket::{pocket, pocket_path};
use crate::support::tiny_llama::TinyLlama;

// --- the bytes

#[test]
fn memory_reads_as_the_file_does() {
    let (inside, outside) = (pocket(), Model::read(ModelFile::open(&pocket_path()).unwrap()));
    let (a, b) = (&inside.file, &outside.file);
    assert_eq!((a.format, a.bytes, a.missing), (b.format, b.bytes, b.missing));
    assert!(a.metadata.iter().map(|entry| format!("{entry:?}")).eq(b.metadata.iter().map(|entry| format!("{entry:?}"))));
    assert!(a.tensors.iter().map(|tensor| format!("{tensor:?}")).eq(b.tensors.iter().map(|tensor| format!("{tensor:?}"))));
    for tensor in &a.tensors {
        assert!(a.read(tensor).unwrap() == b.read(tensor).unwrap(), "{}", tensor.name);
    }
    assert_eq!(a.strings("tokenizer.ggml.tokens").unwrap(), b.strings("tokenizer.ggml.tokens").unwrap());
    assert_eq!(format!("{:?}", inside.spec), format!("{:?}", outside.spec));
    assert_eq!((&inside.roles, inside.parameters, inside.quantization()), (&outside.roles, outside.parameters, outside.quantization()));
    assert_eq!(Summary::of(&inside).needs, Summary::of(&outside).needs);
}

#[test]
fn it_is_a_sound_small_llama_of_its_own_name() {
    let model = pocket();
    assert_eq!((model.name(), model.file.built_in, model.file.path.as_path()), (NAME.to_owned(), Some(NAME), Path::new(WORD)));
    assert_eq!((model.architecture(), model.quantization().as_deref()), (Some("llama"), Some("F16")));
    assert_eq!(model.warnings, Vec::<String>::new());
    assert!(runs_here(&model, &|tensor| precision::of(tensor).is_some()).ok());
    let spec = model.spec.as_ref().unwrap();
    assert_eq!(spec.n_ctx_train, 512);
    assert!(model.file.bytes.0 <= 12_000_000 && model.file.bytes == ponder::pocket::bytes());
    model.file.check_unchanged().unwrap();
    assert!(format!("{model:?}").len() < 1_000_000, "a state that is written out for a person has no weights in it");
}

#[test]
fn what_is_no_model_says_that_it_is_built_in() {
    let cut = fs::read(pocket_path()).unwrap()[..1_000].to_vec().leak();
    for bytes in [&b"no model"[..], cut] {
        let error = ModelFile::built_in("Any", "any", bytes).unwrap_err().to_string();
        assert!(error.starts_with("any (built in): "), "{error}");
    }
}

#[test]
fn reading_beyond_what_is_there_is_refused_as_in_a_file() {
    let model = pocket();
    let tensor = model.file.tensor("output_norm.weight").unwrap();
    let mut buffer = vec![0; 8];
    model.file.read_into(tensor, tensor.bytes.0 - 8, &mut buffer).unwrap();
    assert!(model.file.read_into(tensor, tensor.bytes.0 - 7, &mut buffer).is_err());
    assert!(model.file.read_into(tensor, u64::MAX, &mut buffer).is_err());
}

#[test]
fn only_the_word_itself_means_it() {
    assert!(ponder::pocket::is(Path::new("pocket")));
    for path in ["./pocket", "pocket/", "pocket/.", "Pocket", "pocket.gguf", "/pocket", "a/pocket", ""] {
        assert!(!ponder::pocket::is(Path::new(path)), "{path}");
        assert!(library::open(Path::new(path)).is_err(), "{path}");
    }
    assert_eq!(library::open(Path::new(WORD)).unwrap().built_in, Some(NAME));
    assert_eq!(Summary::read(Path::new(WORD)).unwrap().name, NAME);
}

// --- what it says

#[test]
fn it_answers_the_same_each_time_and_within_its_context() {
    for choice in [FAST, EXACT] {
        let mut answers = Vec::new();
        for _ in 0..2 {
            let mut loaded = load_model(Model::read(ponder::pocket::open().unwrap()), choice);
            assert!(loaded.session.template().is_ok());
            let input = Input::Chat { messages: vec![Message::new(Role::User, SUGGESTIONS[0])], fallback_template: false };
            let prompt = loaded.session.prompt(&input, &|| true).unwrap();
            let settings = Sampling { max_tokens: 40, ..Sampling::greedy() };
            let mut generation = Generation::start(&mut loaded.session, &prompt, &settings, 0).unwrap();
            let mut answer = String::new();
            while let Some(progress) = generation.next(&|| true).unwrap() {
                if let Progress::Text { text, .. } = progress {
                    answer += &text;
                }
            }
            assert!(generation.metrics().generated_tokens > 0);
            answers.push(answer);
        }
        assert_eq!(answers[0], answers[1], "{:?}", choice.arithmetic);
    }
}

#[test]
fn its_tokens_are_its_text_and_what_is_typed_stays_text() {
    let model = pocket();
    let vocabulary = Vocabulary::read(&model.file).unwrap();
    assert_eq!(vocabulary.warnings, Vec::<String>::new());
    assert!(!vocabulary.end_of_generation.is_empty());
    let tokenizer = Tokenizer::new(vocabulary).unwrap();
    let template = ChatTemplate::of(tokenizer.vocabulary()).unwrap().unwrap();
    let structure = |text: &str| {
        let messages = [Message::new(Role::User, text)];
        let prompt = Prompt::chat(&tokenizer, &template, &messages, &RenderOptions::answer(), &|| true).unwrap();
        prompt.tokens.iter().copied().filter(|&id| tokenizer.is_structural(id)).collect::<Vec<_>>()
    };
    let usual = structure(SUGGESTIONS[0]);
    assert!(!usual.is_empty());
    let typed = tokenizer.vocabulary().end_of_generation.iter().map(|&id| tokenizer.decode(&[id], Special::Parse));
    for text in SUGGESTIONS.map(str::to_owned).into_iter().chain(["  a\n\tb é 🍐 12 345 g ".to_owned()]).chain(typed) {
        let ids = tokenizer.encode(&text, Special::Plain).unwrap();
        assert_eq!(tokenizer.decode(&ids, Special::Plain), text);
        assert_eq!(structure(&text), usual, "{text:?}");
    }
}

// --- the word in the commands

#[test]
fn every_command_takes_the_word() {
    let shell = Shell::new();
    let value = shell.json(&["inspect", "pocket"]);
    assert_eq!(
        (&value["name"], &value["runs_here"]["ok"], &value["file_bytes"]),
        (&NAME.into(), &true.into(), &ponder::pocket::bytes().0.into())
    );
    assert!(text(&shell.run(&["inspect", "pocket"]).stdout).contains("built in"));
    assert_eq!(shell.json(&["plan", "pocket"])["context"], 512);
    let value = shell.json(&["run", "pocket", "--prompt", SUGGESTIONS[0], "--max-tokens", "3", "--temperature", "0"]);
    has(&value, &["text", "tokens", "stop_reason", "memory"]);
    assert!(!shell.json(&["tokenize", "pocket", "--text-file", "text.txt"])["tokens"].as_array().unwrap().is_empty());
    assert_eq!(shell.json(&["logits", "pocket", "--tokens", "1,2", "--all"])["positions"].as_array().unwrap().len(), 2);
    has(&shell.json(&["perplexity", "pocket", "--text-file", "text.txt", "--chunk", "8"]), &["ppl", "stderr"]);
    has(&shell.json(&["bench", "pocket", "--prompt", "8", "--generate", "2", "--repeat", "1"]), &["prefill_tps", "decode_tps"]);
    let line = shell.complaint(&["plan", "pocket", "--context", "513"]);
    assert!(line.contains("pocket") && line.contains("513") && line.contains("512"), "{line}");
}

#[test]
fn bench_takes_a_prompt_that_the_context_has_room_for() {
    let shell = Shell::new();
    let output = shell.run(&["bench", "pocket", "--depth", "470", "--generate", "2", "--repeat", "1"]);
    assert!(text(&output.stdout).contains("(40 tokens)"), "{}{}", text(&output.stdout), text(&output.stderr));
    shell.complaint(&["bench", "pocket", "--depth", "512", "--repeat", "1"]);
}

#[test]
fn a_file_of_that_name_is_meant_by_its_path() {
    let shell = Shell::new();
    shell.write(WORD, &TinyLlama::default().gguf().bytes());
    assert_eq!(shell.json(&["inspect", "./pocket"])["spec"]["embedding"], 64);
    assert_eq!(shell.json(&["inspect", shell.path("pocket").to_str().unwrap()])["spec"]["embedding"], 64);
    assert_eq!(shell.json(&["inspect", "pocket"])["name"], NAME);
    fs::remove_file(shell.path("pocket")).unwrap();
    assert!(shell.complaint(&["inspect", "./pocket"]).contains("./pocket"));
}
