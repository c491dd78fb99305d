//! Hugging Face folders that run: the same weights as GGUF give the same answers, whatever the files are called and however they are cut.

use std::path::Path;

use ponder::engine::sampler::Sampling;
use ponder::engine::session::Input;
use ponder::engine::template::{Message, Role};
use ponder::file::{Format, ModelFile};
use ponder::inspect::Model;
use ponder::kernels::level::Level;
use ponder::memory::plan::Choice;
use serde_json::{Value, json};

use crate::engine::tokens;
use crate::engine_cache::answer;
use crate::support::family::{TinyFamily, families};
use crate::support::gguf_writer::ggml;
use crate::support::hf_folder::{self, Named, config, folder, safetensors, tensors, write_without_weights};
use crate::support::loaded::{EXACT, FAST, Loaded, load, load_bytes, open};
use crate::support::safetensors_writer::index;
use crate::support::torch_writer;

/// Past windows and original contexts.
const POSITIONS: usize = 150;

/// Those that transformers has too: it bends nothing by the number of layers.
fn all() -> impl Iterator<Item = (&'static str, TinyFamily)> {
    families().into_iter()
}

fn family(name: &str) -> TinyFamily {
    all().find(|(found, _)| *found == name).unwrap().1
}

fn furthest(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let scale = a.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
    a.iter().zip(b).map(|(a, b)| (a - b).abs() / scale).fold(0.0, f32::max)
}

fn greedy(loaded: &mut Loaded) -> (String, Vec<u32>) {
    let settings = Sampling { max_tokens: 40, ..Sampling::greedy() };
    let input = Input::Chat { messages: vec![Message::new(Role::User, "What is a pound?")], fallback_template: false };
    let prompt = loaded.session.prompt(&input, &|| true).unwrap();
    let (text, tokens, _) = answer(&mut loaded.session, &prompt, &settings, 0);
    (text, tokens)
}

#[test]
fn a_folder_answers_as_the_gguf_file_of_the_same_weights() {
    let mut far = Vec::new();
    for (name, family) in all() {
        for matrices in [ggml::F16, ggml::BF16] {
            let family = family.of(matrices);
            let (_guard, path) = folder(name, &family);
            let bytes = family.gguf().bytes();
            for choice in [EXACT, FAST] {
                let (mut ours, mut theirs) = (load(&path, choice), load_bytes(&bytes, choice));
                let [a, b] = [&mut ours, &mut theirs].map(|loaded| loaded.all(&tokens(POSITIONS)));
                // Each layer adds to what was rounded before it.
                let most = if family.definition.layers.len() > 10 { 2e-3 } else { 1e-4 };
                let apart = furthest(&b, &a);
                if apart > most {
                    far.push(format!("{name}, {:?}: {apart:e}", choice.arithmetic));
                }
                for loaded in [&mut ours, &mut theirs] {
                    loaded.session.runner_mut().truncate(0);
                }
                assert_eq!(greedy(&mut ours), greedy(&mut theirs), "{name}, {:?}", choice.arithmetic);
            }
        }
    }
    assert!(far.is_empty(), "{far:#?}");
}

#[test]
fn one_wrong_field_is_seen() {
    let wrong: [(&str, &str, Value); 9] = [
        ("qwen3", "rope_theta", json!(120_000.0)),
        ("qwen3", "rms_norm_eps", json!(1e-6)),
        ("gemma2", "query_pre_attn_scalar", json!(14.0)),
        ("gemma2", "sliding_window", json!(19)),
        ("gemma2", "attn_logit_softcapping", Value::Null),
        ("gemma3", "rope_local_base_freq", json!(9_000.0)),
        ("gemma3", "rope_scaling", Value::Null),
        ("granite", "attention_multiplier", json!(0.2)),
        ("phi3, long", "partial_rotary_factor", json!(0.67)),
    ];
    for (name, field, value) in wrong {
        let family = family(name);
        let (_guard, path) = folder(name, &family);
        let right = load(&path, EXACT).all(&tokens(POSITIONS));
        let mut config = config(name, &family, &family.tensors());
        let same = config[field] == value;
        config[field] = value;
        std::fs::write(path.join("config.json"), config.to_string()).unwrap();
        let found = furthest(&right, &load(&path, EXACT).all(&tokens(POSITIONS)));
        assert!((found > 1e-3) != same, "{name}, {field}: {found:e}");
    }
}

#[test]
fn rotations_are_read_from_where_newer_configurations_have_them() {
    for name in ["llama, yarn, biases", "qwen3", "gemma3", "gemma3 with a pattern", "phi3, long"] {
        let family = family(name);
        let (_guard, path) = folder(name, &family);
        let expected = open(&path).spec.unwrap();
        let mut config = config(name, &family, &family.tensors());
        let fields = config.as_object_mut().unwrap();
        let mut rope = fields.remove("rope_scaling").unwrap();
        if rope.is_null() {
            rope = json!({"rope_type": "default"});
        }
        rope["rope_theta"] = fields.remove("rope_theta").unwrap();
        if let Some(factor) = fields.remove("partial_rotary_factor") {
            rope["partial_rotary_factor"] = factor;
        }
        let parameters = match fields.remove("rope_local_base_freq") {
            None => rope,
            Some(base) => json!({"full_attention": rope, "sliding_attention": {"rope_type": "default", "rope_theta": base}}),
        };
        fields.insert("rope_parameters".into(), parameters);
        std::fs::write(path.join("config.json"), config.to_string()).unwrap();
        assert_eq!(open(&path).spec.unwrap(), expected, "{name}");
    }
}

#[test]
fn a_folder_or_any_file_of_it_opens_its_model() {
    let (_guard, path) = folder("qwen3", &family("qwen3"));
    for name in ["", "config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json", "model.safetensors"] {
        let model = open(&path.join(name));
        assert!(model.spec.is_ok(), "{name}: {:?}", model.spec);
        assert_eq!((model.file.format, model.architecture(), model.name().as_str()), (Format::Safetensors, Some("qwen3"), "tiny"));
    }
}

/// The tensors in two parts.
fn halves(all: &[Named]) -> [&[Named]; 2] {
    let (first, second) = all.split_at(all.len() / 2);
    [first, second]
}

/// Writes the tensors as a set with an index: names of the parts, and how each is written.
fn write_set(path: &Path, stem: &str, ending: &str, all: &[Named], write: fn(&[Named]) -> Vec<u8>) {
    let names = [1, 2].map(|n| format!("{stem}-{n:05}-of-00002.{ending}"));
    for (name, part) in names.iter().zip(halves(all)) {
        std::fs::write(path.join(name), write(part)).unwrap();
    }
    let place = |(name, part): (&'_ String, &[Named])| part.iter().map(|tensor| (tensor.name.clone(), name.clone())).collect::<Vec<_>>();
    let map: Vec<(String, String)> = names.iter().zip(halves(all)).flat_map(place).collect();
    let map: Vec<(&str, &str)> = map.iter().map(|(tensor, file)| (tensor.as_str(), file.as_str())).collect();
    index(&path.join(format!("{stem}.{ending}.index.json")), all.iter().map(|tensor| tensor.bytes.len() as u64).sum(), &map);
}

#[test]
fn sets_and_checkpoints_hold_the_same_model() {
    let family = family("gemma2").of(ggml::BF16);
    let (_guard, path) = folder("gemma2", &family);
    let expected = greedy(&mut load(&path, FAST));
    let all = tensors(&family, &family.tensors());
    let check = |name: &str, format: Format| {
        let model = open(&path.join(name));
        assert!(model.warnings.is_empty() && model.file.format == format, "{:?} {:?}", model.file.format, model.warnings);
        assert_eq!(greedy(&mut load(&path.join(name), FAST)), expected, "{name}");
    };
    std::fs::remove_file(path.join("model.safetensors")).unwrap();
    write_set(&path, "model", "safetensors", &all, safetensors);
    for name in ["", "config.json", "model.safetensors.index.json", "model-00002-of-00002.safetensors"] {
        check(name, Format::Safetensors);
    }
    for entry in std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.to_string_lossy().contains("safetensors") {
            std::fs::remove_file(entry).unwrap();
        }
    }
    write_set(&path, "pytorch_model", "bin", &all, torch_writer::checkpoint);
    for name in ["", "config.json", "pytorch_model.bin.index.json", "pytorch_model-00002-of-00002.bin"] {
        check(name, Format::Torch);
    }
    for name in ["pytorch_model.bin.index.json", "pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"] {
        std::fs::remove_file(path.join(name)).unwrap();
    }
    std::fs::write(path.join("pytorch_model.bin"), torch_writer::checkpoint(&all)).unwrap();
    for name in ["", "tokenizer.json", "pytorch_model.bin"] {
        check(name, Format::Torch);
    }
}

#[test]
fn safetensors_come_before_checkpoints_and_copies() {
    let family = family("qwen3");
    let (_guard, path) = folder("qwen3", &family);
    std::fs::write(path.join("pytorch_model.bin"), b"not looked at").unwrap();
    std::fs::write(path.join("consolidated.safetensors"), b"not looked at").unwrap();
    assert_eq!(open(&path).file.path, path.join("model.safetensors"));
}

#[test]
fn what_is_planned_is_charged_to_the_byte_as_stored_and_quantized() {
    for (name, family) in all() {
        for recode in [None, Some(Level::Q8_0), Some(Level::Q6K), Some(Level::Q4K)] {
            let (_guard, path) = folder(name, &family.of(ggml::BF16));
            let mut loaded = load(&path, Choice { recode, ..FAST });
            assert_eq!(loaded.session.charged().weights, loaded.plan.parts.weights, "{name}, {recode:?}");
            loaded.all(&[5; 40]);
        }
    }
}

#[test]
fn a_folder_quantized_while_loading_is_its_gguf_quantized_while_loading() {
    for name in ["qwen3", "gemma3", "phi3, long", "olmo2"] {
        let family = family(name).of(ggml::F16);
        let (_guard, path) = folder(name, &family);
        let choice = Choice { recode: Some(Level::Q8_0), ..EXACT };
        let ours = load(&path, choice).all(&tokens(POSITIONS));
        assert!(furthest(&load_bytes(&family.gguf().bytes(), choice).all(&tokens(POSITIONS)), &ours) < 1e-4, "{name}");
    }
}

#[test]
fn a_head_that_is_tied_is_the_embedding_whatever_lies_beside_it() {
    let family = family("qwen3");
    let (_guard, path) = folder("qwen3", &family);
    let expected = load(&path, EXACT).all(&tokens(20));
    let stored = family.tensors();
    let mut all = tensors(&family, &stored);
    let embedding = all.iter().find(|tensor| tensor.name.contains("embed_tokens")).unwrap().clone();
    let zeros = vec![0; embedding.bytes.len()];
    all.push(Named { name: "lm_head.weight".into(), bytes: zeros, ..embedding });
    std::fs::write(path.join("model.safetensors"), safetensors(&all)).unwrap();
    assert_eq!(load(&path, EXACT).all(&tokens(20)), expected);
    let mut untied = config("qwen3", &family, &stored);
    untied["tie_word_embeddings"] = json!(false);
    std::fs::write(path.join("config.json"), untied.to_string()).unwrap();
    assert!(load(&path, EXACT).all(&tokens(20)).iter().all(|&logit| logit == 0.0));
}

#[test]
fn a_language_model_among_others_parts_runs_alone() {
    let family = family("gemma3");
    let (_guard, path) = folder("gemma3", &family);
    let expected = load(&path, EXACT).all(&tokens(20));
    let stored = family.tensors();
    let mut all = tensors(&family, &stored);
    for tensor in &mut all {
        tensor.name = format!("language_model.{}", tensor.name);
    }
    all.push(Named { name: "vision_tower.patch.weight".into(), shape: vec![2], dtype: "F32", bytes: vec![0; 8] });
    std::fs::write(path.join("model.safetensors"), safetensors(&all)).unwrap();
    let config = config("gemma3", &family, &stored);
    let outer = json!({"model_type": "gemma3", "text_config": config, "vision_config": {"hidden_size": 4}});
    std::fs::write(path.join("config.json"), outer.to_string()).unwrap();
    let mut loaded = load(&path, EXACT);
    assert_eq!(loaded.all(&tokens(20)), expected);
    assert!(loaded.model.warnings.iter().any(|text| text.contains("1 tensors are of parts that see")), "{:?}", loaded.model.warnings);
}

#[test]
fn a_window_that_is_not_computed_limits_the_context() {
    let family = family("qwen2");
    let (_guard, path) = folder("qwen2", &family);
    let mut config = config("qwen2", &family, &family.tensors());
    config["sliding_window"] = json!(100);
    for (used, context) in [(false, 512), (true, 100)] {
        config["use_sliding_window"] = json!(used);
        std::fs::write(path.join("config.json"), config.to_string()).unwrap();
        let model = open(&path);
        assert_eq!(model.spec.unwrap().n_ctx_train, context);
        assert_eq!(model.warnings.iter().any(|text| text.contains("window of 100 positions")), used);
    }
}

#[test]
fn tensors_without_a_configuration_are_browsed_and_say_what_is_missing() {
    let (_guard, path) = folder("qwen3", &family("qwen3"));
    std::fs::remove_file(path.join("config.json")).unwrap();
    let model = Model::read(ModelFile::open(&path).unwrap());
    assert!(!model.file.tensors.is_empty() && model.spec.unwrap_err().to_string().contains("config.json"));
}

#[test]
fn a_folder_without_a_tokenizer_or_template_says_so() {
    let family = family("qwen3");
    let (_guard, path) = folder("qwen3", &family);
    std::fs::remove_file(path.join("tokenizer_config.json")).unwrap();
    assert!(load(&path, FAST).session.template().unwrap_err().to_string().contains("no chat template"));
    std::fs::remove_file(path.join("tokenizer.json")).unwrap();
    let model = open(&path);
    let plan = ponder::memory::plan::plan(&model, FAST, &crate::support::loaded::MACHINE).unwrap();
    let ledger = ponder::memory::ledger::Ledger::default();
    let pool = crate::support::loaded::pool(2);
    let error = ponder::engine::session::Session::load(&model, &plan, false, pool, &ledger, &mut |_| true).unwrap_err().to_string();
    assert!(error.contains("tokenizer.json") && error.contains("tokenizer.model"), "{error}");
}

#[test]
fn an_added_token_of_a_single_word_is_found_alone_only() {
    let (_guard, path) = folder("qwen3", &family("qwen3"));
    let mut json = hf_folder::tokenizer_json();
    json["added_tokens"][0]["content"] = json!("word");
    json["added_tokens"][0]["single_word"] = json!(true);
    std::fs::write(path.join("tokenizer.json"), json.to_string()).unwrap();
    let tokenizer = ponder::engine::tokenizer::Tokenizer::of(&open(&path)).unwrap();
    let found = |text: &str| tokenizer.encode(text, ponder::engine::tokenizer::Special::Parse).unwrap().contains(&256);
    assert_eq!(["word", "a word.", "words", "sword", "word_", "(word)"].map(found), [true, true, false, false, false, true]);
}

#[test]
fn a_template_in_a_file_of_its_own_is_the_folders() {
    let (_guard, path) = folder("qwen3", &family("qwen3"));
    std::fs::write(path.join("chat_template.jinja"), "{{ messages[0].content }}!").unwrap();
    let loaded = load(&path, FAST);
    let input = Input::Chat { messages: vec![Message::new(Role::User, "Hi")], fallback_template: false };
    assert_eq!(loaded.session.prompt(&input, &|| true).unwrap().tokens.len(), 3);
}

#[test]
fn the_files_of_a_folder_are_written_as_their_formats_have_them() {
    let guard = tempfile::tempdir().unwrap();
    write_without_weights(guard.path(), &json!({}));
    assert!(hf_folder::tokenizer_json()["model"]["vocab"].as_object().unwrap().len() == 256);
    assert!(guard.path().join("tokenizer.json").is_file());
}
