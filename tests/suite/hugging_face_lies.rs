//! Folders that contradict themselves, or would do harm: each is one clear error, nothing is executed, and nothing is lost.

use std::path::Path;

use ponder::engine::session::Input;
use ponder::engine::template::{Message, Role};
use ponder::error::{Error, Result};
use ponder::file::ModelFile;
use ponder::inspect::Model;
use serde_json::{Value, json};

use crate::support::family::{TinyFamily, families};
use crate::support::hf_folder::{Named, config, folder, safetensors, tensors};
use crate::support::loaded::{FAST, load, open};
use crate::support::safetensors_writer::index;
use crate::support::torch_writer::{archive, checkpoint, pickle, tensor};

fn family(name: &str) -> TinyFamily {
    families().into_iter().find(|(found, _)| *found == name).unwrap().1
}

fn why(path: &Path) -> String {
    open(path).spec.unwrap_err().to_string()
}

// --- config.json

#[track_caller]
fn contradicts(name: &str, change: impl FnOnce(&mut Value), expected: &[&str]) {
    let family = family(name);
    let (_guard, path) = folder(name, &family);
    let mut config = config(name, &family, &family.tensors());
    change(&mut config);
    std::fs::write(path.join("config.json"), config.to_string()).unwrap();
    let model = open(&path);
    let text = model.spec.as_ref().unwrap_err().to_string();
    assert!(expected.iter().all(|part| text.contains(part)), "{text}");
    // It is browsed all the same.
    assert!(!model.file.tensors.is_empty());
}

#[test]
fn a_configuration_that_contradicts_the_tensors_names_tensor_expected_and_found() {
    let shape = "tensor `model.layers.0.mlp.gate_proj.weight`";
    contradicts("qwen3", |c| c["intermediate_size"] = json!(95), &[shape, "[95, 64]", "[96, 64]", "config.json"]);
    let query = "tensor `model.layers.0.self_attn.q_proj.weight`";
    contradicts("qwen3", |c| c["head_dim"] = json!(16), &[query, "[64, 64]", "[96, 64]"]);
    contradicts("qwen3", |c| c["hidden_size"] = json!(32), &["tensor `model.embed_tokens.weight`", "32]", "64]"]);
    contradicts("qwen3", |c| c["num_hidden_layers"] = json!(3), &["config.json", "`num_hidden_layers`", "2", "3"]);
    contradicts("qwen3", |c| c["num_key_value_heads"] = json!(3), &["config.json", "`num_key_value_heads`", "a divisor of the 4 heads"]);
    contradicts("qwen3", |c| c["model_type"] = json!("llama"), &["q_norm.weight", "no use for it"]);
    contradicts("llama, yarn, biases", |c| c["model_type"] = json!("qwen3"), &["tensor `model.layers.0.self_attn.q_norm.weight`", "none"]);
    contradicts("gemma3 with a pattern", |c| c["layer_types"] = json!(["full_attention"]), &["`layer_types`", "3 truth values"]);
    contradicts("phi3, long", |c| c["partial_rotary_factor"] = json!(0.5), &["`short_factor`", "6 numbers", "8 numbers"]);
}

#[test]
fn fields_that_are_missing_or_no_numbers_are_named() {
    contradicts("qwen3", |c| c["hidden_size"] = json!("wide"), &["config.json", "`hidden_size`", "a whole number above 0", "\"wide\""]);
    contradicts("qwen3", |c| c["hidden_size"] = Value::Null, &["`hidden_size`", "nothing"]);
    contradicts("qwen3", |c| c["vocab_size"] = json!(-1), &["`vocab_size`", "-1"]);
    contradicts("qwen3", |c| c["rms_norm_eps"] = json!(2.0), &["`rms_norm_eps`", "between 0 and 1"]);
    contradicts("qwen3", |c| c["rope_theta"] = json!(-1.0), &["`rope_theta`", "above 0"]);
    contradicts("qwen3", |c| c["model_type"] = json!(7), &["`model_type`", "a string"]);
    contradicts("granite", |c| c["logits_scaling"] = json!(0.0), &["`logits_scaling`", "above 0"]);
    contradicts("gemma2", |c| c["query_pre_attn_scalar"] = json!(0), &["`query_pre_attn_scalar`"]);
}

#[test]
fn what_is_not_computed_is_refused_and_not_guessed() {
    contradicts("qwen3", |c| c["rope_scaling"] = json!({"rope_type": "spiral", "factor": 2.0}), &["spiral", "no such stretch"]);
    contradicts("qwen3", |c| c["rope_scaling"] = json!({"rope_type": "llama3", "factor": 2.0}), &["llama3", "no such stretch"]);
    contradicts("qwen3", |c| c["rope_scaling"] = json!({"rope_type": "yarn"}), &["`rope_scaling.factor`"]);
    let yarn = json!({"rope_type": "yarn", "factor": 4.0, "beta_fast": 16.0});
    contradicts("qwen3", |c| c["rope_scaling"] = yarn, &["`rope_scaling.beta_fast`", "32"]);
    contradicts("qwen3", |c| c["hidden_act"] = json!("relu"), &["`hidden_act`", "silu"]);
    contradicts("qwen3", |c| c["quantization_config"] = json!({"quant_method": "gptq"}), &["quantization_config", "GGUF version"]);
    contradicts("smollm3", |c| c["no_rope_layers"] = json!([1, 0, 1, 0, 1]), &["`no_rope_layers`", "every 4th"]);
    contradicts("gemma3", |c| c["use_bidirectional_attention"] = json!(true), &["use_bidirectional_attention"]);
    contradicts("qwen3", |c| c["model_type"] = json!("qwen3_moe"), &["architecture `qwen3moe`", "mixture of experts"]);
    contradicts("qwen3", |c| c["model_type"] = json!("bamba"), &["architecture `bamba`"]);
}

#[test]
fn a_configuration_that_is_none_is_one_error_and_the_tensors_are_browsed() {
    let (_guard, path) = folder("qwen3", &family("qwen3"));
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let wide = format!("{{\"model_type\": \"qwen3\", \"x\": [{}0]}}", "0,".repeat(20_000));
    for (text, expected) in [
        ("", "EOF"),
        ("{", "EOF"),
        ("[]", "an object"),
        ("{}", "`model_type`"),
        ("\u{feff}{}", "line 1"),
        (&*deep, "line 1"),
        (&*wide, "10,000 values"),
        (&*" ".repeat(2 << 20), "Ponder's limit"),
    ] {
        std::fs::write(path.join("config.json"), text).unwrap();
        let error = why(&path);
        assert!(error.contains("config.json") && error.contains(expected), "{error}");
    }
}

// --- sets

#[test]
fn a_set_with_a_part_missing_names_the_part() {
    let family = family("qwen3");
    let (_guard, path) = folder("qwen3", &family);
    std::fs::remove_file(path.join("model.safetensors")).unwrap();
    let all = tensors(&family, &family.tensors());
    std::fs::write(path.join("model-00001-of-00002.safetensors"), safetensors(&all[..4])).unwrap();
    let place = |n: usize| if n < 4 { "model-00001-of-00002.safetensors" } else { "model-00002-of-00002.safetensors" };
    let map: Vec<(&str, &str)> = all.iter().enumerate().map(|(n, tensor)| (tensor.name.as_str(), place(n))).collect();
    index(&path.join("model.safetensors.index.json"), 1, &map);
    for name in ["", "config.json", "model-00001-of-00002.safetensors"] {
        let model = open(&path.join(name));
        let error = model.spec.unwrap_err().to_string();
        assert!(error.contains("1 of 2 files are missing: model-00002-of-00002.safetensors"), "{error}");
        assert_eq!(model.file.tensors.len(), all.len());
    }
}

#[test]
fn an_index_that_lies_is_one_error() {
    let family = family("qwen3");
    let (_guard, path) = folder("qwen3", &family);
    let all = tensors(&family, &family.tensors());
    std::fs::rename(path.join("model.safetensors"), path.join("part.safetensors")).unwrap();
    let with = |name: &str, file: &str| {
        let mut map: Vec<(&str, &str)> = all.iter().map(|tensor| (tensor.name.as_str(), "part.safetensors")).collect();
        map.push((name, file));
        index(&path.join("model.safetensors.index.json"), 1, &map);
        ModelFile::open(&path).map(Model::read)
    };
    let outside = with("x", "../secret.safetensors").unwrap_err().to_string();
    assert!(outside.contains("../secret.safetensors") && outside.contains("beside the index"), "{outside}");
    let lacks = with("model.extra.weight", "part.safetensors").unwrap().spec.unwrap_err().to_string();
    assert!(lacks.contains("lacks tensors that the index names: model.extra.weight"), "{lacks}");
    let twice = with(&all[0].name, "part.safetensors").unwrap_err().to_string();
    assert!(twice.contains("twice"), "{twice}");
    std::fs::write(path.join("model.safetensors.index.json"), "{\"weight_map\": 7}").unwrap();
    assert!(ModelFile::open(&path).unwrap_err().to_string().contains("an object"));
}

// --- checkpoints

fn few() -> Vec<Named> {
    let bytes = |n: u8| (0..n).flat_map(|x| f32::from(x).to_le_bytes()).collect();
    let named = |name: &str, shape: &[u64], n| Named { name: name.into(), shape: shape.to_vec(), dtype: "F32", bytes: bytes(n) };
    vec![named("one", &[2, 3], 6), named("two", &[4], 4)]
}

fn read(bytes: &[u8]) -> Result<ModelFile> {
    let (_guard, path) = crate::support::file("pytorch_model.bin", bytes);
    ModelFile::open(&path)
}

/// An archive with this pickle and one storage of 24 bytes.
fn with_pickle(pickle: &[u8]) -> Vec<u8> {
    let bytes: Vec<u8> = (0..6_u8).flat_map(|x| f32::from(x).to_le_bytes()).collect();
    archive(&[("archive/data.pkl", pickle), ("archive/data/0", &bytes)])
}

/// A dictionary with one value, which these operations build.
fn dict_of(value: &[u8]) -> Vec<u8> {
    [b"\x80\x02}X\x01\0\0\0a", value, b"s."].concat()
}

#[test]
fn a_checkpoint_lists_its_tensors_where_they_lie() {
    let (_guard, path) = crate::support::file("pytorch_model.bin", &checkpoint(&few()));
    let file = ModelFile::open(&path).unwrap();
    for (tensor, expected) in file.tensors.iter().zip(few()) {
        assert_eq!((&tensor.name, &tensor.shape, &tensor.problem), (&expected.name, &expected.shape, &None));
        assert_eq!(file.read(tensor).unwrap(), expected.bytes);
    }
    // A view into a storage, and tensors in dictionaries in one another.
    let view = [b"}X\x01\0\0\0b".to_vec(), tensor("0", "FloatStorage", &[2], &[1], 6), b"s".to_vec()].concat();
    let moved = String::from_utf8_lossy(&view).into_owned();
    let view: Vec<u8> = if moved.is_empty() { view } else { replace(&view, b"QK\0", b"QK\x04") };
    let (_guard, path) = crate::support::file("pytorch_model.bin", &with_pickle(&dict_of(&view)));
    let file = ModelFile::open(&path).unwrap();
    assert_eq!(file.tensors[0].name, "a.b");
    assert_eq!(file.read(&file.tensors[0]).unwrap(), [4.0_f32, 5.0].iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>());
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

#[test]
fn a_pickle_that_would_run_something_names_it_and_runs_nothing() {
    let guard = tempfile::tempdir().unwrap();
    let canary = guard.path().join("canary");
    let command = format!("touch {}", canary.display());
    let text = [b"X", &u32::try_from(command.len()).unwrap().to_le_bytes()[..], command.as_bytes()].concat();
    let system = |import: &[u8]| [import, b"(", &text, b"tR"].concat();
    let cases: [(Vec<u8>, &str); 7] = [
        (dict_of(&system(b"cos\nsystem\n")), "os.system"),
        (dict_of(&system(b"cposix\nsystem\n")), "posix.system"),
        (dict_of(&system(b"X\x02\0\0\0osX\x06\0\0\0system\x93")), "os.system"),
        (dict_of(&system(b"cpkgutil\nresolve_name\n")), "pkgutil.resolve_name"),
        ([b"\x80\x02", &system(b"cos\nsystem\n")[..], b"0}."].concat(), "os.system"),
        (dict_of(&system(b"ctorch\nload\n")), "torch.load"),
        ([b"\x80\x02(", &text[..], b"ios\nsystem\n."].concat(), "0x69"),
    ];
    for (pickle, name) in cases {
        let error = read(&with_pickle(&pickle)).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("pytorch_model.bin"), "{error}");
    }
    assert!(!canary.exists());
}

#[test]
fn calls_with_other_arguments_than_pytorch_writes_are_errors() {
    for value in [
        &b"ctorch._utils\n_rebuild_tensor_v2\n)R"[..],
        b"ctorch._utils\n_rebuild_tensor_v2\n(K\x01tR",
        b"ctorch._utils\n_rebuild_tensor_v2\nK\x01R",
        b"ctorch._utils\n_rebuild_parameter\n)R",
        b"ccollections\nOrderedDict\n(K\x01tR",
        b"K\x01)R",
        b"K\x01Q",
        b"(K\x01tQ",
        b"h\x07",
        b"}K\x01a",
        b"]K\x01K\x02s",
        b"e",
        b"I12x\n",
        b"X\xff\xff\xff\x7fa",
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7fa",
        b"\x82\x01",
    ] {
        let error = read(&with_pickle(&dict_of(value))).unwrap_err();
        assert!(matches!(error, Error::Format { .. }) && error.to_string().contains("data.pkl"), "{error}");
    }
    for pickle in [&b""[..], b".", b"\x80\x02", b"\x80\x02}", b"N.", b"\x80\x02].", b"\x80\x02}q"] {
        assert!(read(&with_pickle(pickle)).is_err(), "{pickle:?}");
    }
}

#[test]
fn tensors_that_reach_past_their_storage_or_lie_about_their_rows_are_rows_with_a_problem() {
    for (shape, strides, len, expected) in [
        (&[7][..], &[1][..], 7, "28 bytes"),
        (&[2, 3], &[1, 2], 6, "strides [1, 2]"),
        (&[2, 2], &[3, 1], 6, "strides [3, 1]"),
        (&[1_000_000_000, 1_000_000_000, 1_000_000_000], &[1, 1, 1], 6, "overflows"),
    ] {
        let file = read(&with_pickle(&dict_of(&tensor("0", "FloatStorage", shape, strides, len)))).unwrap();
        let problem = file.tensors[0].problem.as_deref().unwrap();
        assert!(problem.contains(expected), "{problem}");
    }
    let file = read(&with_pickle(&dict_of(&tensor("9", "FloatStorage", &[2], &[1], 2)))).unwrap();
    assert!(file.tensors[0].problem.as_deref().unwrap().contains("archive/data/9"));
    let dimensions = tensor("0", "FloatStorage", &[2, 3], &[1], 6);
    assert!(read(&with_pickle(&dict_of(&dimensions))).unwrap_err().to_string().contains("as many strides"));
}

#[test]
fn a_pickle_far_larger_than_its_file_deserves_is_refused() {
    let laughs: Vec<u8> = (0..200_u8).flat_map(|n| [&b"("[..], &b"2".repeat(100), b"tq", &[n]].concat()).collect();
    for body in [vec![b']'; 400_000], vec![b'N'; 400_000], [vec![b'('; 100], b"]q\x01".to_vec(), b"h\x01".repeat(200_000)].concat(), laughs]
    {
        let error = read(&with_pickle(&[b"\x80\x02", &body[..], b"."].concat())).unwrap_err().to_string();
        assert!(error.contains("data.pkl"), "{error}");
    }
    // Nested deeply, let go without a stack as deep.
    let deep = [b"\x80\x02)", &b"\x85".repeat(3_000)[..], b"."].concat();
    assert!(read(&with_pickle(&deep)).unwrap_err().to_string().contains("a dictionary of tensors"));
}

#[test]
fn archives_that_are_cut_packed_or_changed_are_errors() {
    let whole = checkpoint(&few());
    for cut in (0..whole.len()).step_by(7) {
        assert!(read(&whole[..cut]).is_err(), "{cut}");
    }
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x41;
        // A value of a tensor may be anything; nothing else may end the program.
        drop(read(&bytes).map(Model::read));
    }
    let pickle = pickle(&few());
    let damaged = replace(&whole, b"_rebuild_tensor_v2", b"_rebuild_tensor_v3");
    assert!(read(&damaged).unwrap_err().to_string().contains("checksum"));
    assert!(read(&archive(&[("archive/version", b"3"), ("archive/data.pk", &pickle)])).unwrap_err().to_string().contains("one `data.pkl`"));
    let two = archive(&[("a/data.pkl", &pickle), ("b/data.pkl", &pickle)]);
    assert!(read(&two).unwrap_err().to_string().contains("2 of them"));
    let big = archive(&[("archive/data.pkl", &pickle), ("archive/byteorder", b"big")]);
    assert!(read(&big).unwrap_err().to_string().contains("big-endian"));
}

// --- templates

#[test]
fn an_endless_template_is_one_error_and_the_model_stays() {
    let (_guard, path) = folder("qwen3", &family("qwen3"));
    let endless =
        "{% macro f() %}{{ f() }}{% endmacro %}{% for i in range(100000000) %}{% for j in range(100000000) %}x{% endfor %}{% endfor %}";
    std::fs::write(path.join("chat_template.jinja"), endless).unwrap();
    let mut loaded = load(&path, FAST);
    let input = |fallback_template| Input::Chat { messages: vec![Message::new(Role::User, "Hi")], fallback_template };
    let error = loaded.session.prompt(&input(false), &|| true).unwrap_err().to_string();
    assert!(error.contains("template"), "{error}");
    assert!(loaded.session.prompt(&input(true), &|| true).is_ok());
    assert_eq!(loaded.all(&[1, 2, 3]).len(), 3 * 259);
}
