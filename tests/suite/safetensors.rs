//! Safetensors files and sets: what they hold, and the ways in which they can lie.

use std::path::Path;

use ponder::error::Error;
use ponder::file::{DType, Format, ModelFile};
use ponder::inspect::Model;
use ponder::inspect::roles::{self, Role};
use ponder::units::Bytes;

use crate::support::file;
use crate::support::safetensors_writer::{floats, index, raw};

fn open(header: &str, data: &[u8]) -> Result<ModelFile, Error> {
    let (_folder, path) = file("m.safetensors", &raw(header, data));
    ModelFile::open(&path)
}

#[track_caller]
fn refuses_bytes(bytes: &[u8], expected: &[&str]) {
    let (_folder, path) = file("m.safetensors", bytes);
    let text = match ModelFile::open(&path) {
        Ok(model) => panic!("opened: {model:?}"),
        Err(error) => error.to_string(),
    };
    let text = text.split_once("m.safetensors: ").unwrap_or_else(|| panic!("names no file: {text}")).1;
    for part in expected {
        assert!(text.contains(part), "`{part}` isn't in `{text}`");
    }
}

#[track_caller]
fn refuses(header: &str, expected: &[&str]) {
    refuses_bytes(&raw(header, &[0; 64]), expected);
}

/// Opens a file with one tensor whose problem has this text.
#[track_caller]
fn lists(header: &str, data: &[u8], expected: &str) {
    let model = open(header, data).unwrap();
    let problem = model.tensors[0].problem.clone().unwrap_or_default();
    assert!(problem.contains(expected) && problem.is_empty() == expected.is_empty(), "`{expected}` isn't in `{problem}`");
    assert_eq!(model.read(&model.tensors[0]).is_ok(), expected.is_empty());
}

fn entry(dtype: &str, shape: &str, offsets: &str) -> String {
    format!(r#"{{"t":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}"#)
}

#[test]
fn a_file_is_read_with_metadata_and_places() {
    let bytes = floats(&[("a", &[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), ("b", &[], &[7.0]), ("c", &[0, 5], &[])]);
    let (_folder, path) = file("m.safetensors", &bytes);
    let model = ModelFile::open(&path).unwrap();
    assert_eq!((model.format, model.bytes), (Format::Safetensors, Bytes(bytes.len() as u64)));
    assert_eq!(model.metadata.str("format"), Some("pt"));
    let a = model.tensor("a").unwrap();
    assert_eq!((a.shape.as_slice(), a.dtype, a.bytes), (&[2, 3][..], DType::F32, Bytes(24)));
    assert_eq!(model.read(a).unwrap()[4..8], 2.0_f32.to_le_bytes());
    assert_eq!(model.read(model.tensor("b").unwrap()).unwrap(), 7.0_f32.to_le_bytes());
    assert!(model.tensor("c").unwrap().problem.as_ref().unwrap().contains("a dimension is 0"));
    assert!(model.warnings.is_empty() && model.blockers.is_empty(), "{:?}", model.warnings);
}

#[test]
fn it_can_be_browsed_and_says_why_it_does_not_run() {
    let bytes = floats(&[("model.layers.3.self_attn.q_proj.weight", &[1, 2], &[1.0, 2.0])]);
    let (_folder, path) = file("m.safetensors", &bytes);
    let model = Model::read(ModelFile::open(&path).unwrap());
    let why = model.spec.as_ref().unwrap_err().to_string();
    assert!(why.contains("browsed") && why.contains("config.json"), "{why}");
    assert_eq!((model.roles[0], model.name().as_str(), model.quantization().as_deref()), (Role::AttnQ, "m", Some("F32")));
    assert!(ponder::inspect::passport::runtimes(&model).iter().all(|runtime| !runtime.ok));
}

#[test]
fn names_of_hugging_face_files_have_roles_and_layers() {
    for (name, role, layer) in [
        ("model.embed_tokens.weight", Role::Embedding, None),
        ("model.layers.0.self_attn.q_proj.weight", Role::AttnQ, Some(0)),
        ("model.layers.12.self_attn.k_proj.weight", Role::AttnK, Some(12)),
        ("model.layers.0.self_attn.o_proj.weight", Role::AttnOutput, Some(0)),
        ("model.layers.0.self_attn.q_proj.bias", Role::Bias, Some(0)),
        ("model.layers.0.mlp.gate_proj.weight", Role::FfnGate, Some(0)),
        ("model.layers.0.mlp.down_proj.weight", Role::FfnDown, Some(0)),
        ("model.layers.0.input_layernorm.weight", Role::Norm, Some(0)),
        ("model.language_model.layers.5.mlp.up_proj.weight", Role::FfnUp, Some(5)),
        ("model.layers.7.block_sparse_moe.experts.3.w2.weight", Role::FfnDown, Some(7)),
        ("model.norm.weight", Role::Norm, None),
        ("lm_head.weight", Role::Output, None),
        ("embeddings.word_embeddings.weight", Role::Embedding, None),
        ("embeddings.LayerNorm.weight", Role::Norm, None),
        ("bert.encoder.layer.4.attention.self.value.weight", Role::AttnV, Some(4)),
        ("encoder.layer.4.output.LayerNorm.bias", Role::Bias, Some(4)),
        ("encoder.layer.4.intermediate.dense.weight", Role::FfnUp, Some(4)),
        ("transformer.h.2.attn.c_attn.weight", Role::AttnQkv, Some(2)),
        ("gpt_neox.layers.2.attention.dense.weight", Role::AttnOutput, Some(2)),
        ("vision_model.encoder.layers.3.layer_norm1.weight", Role::Norm, Some(3)),
        ("something.else", Role::Other, None),
        ("blk.7.attn_q.weight", Role::AttnQ, Some(7)),
    ] {
        assert_eq!((Role::of(name), roles::layer(name)), (role, layer), "{name}");
    }
}

// --- one file

#[test]
fn the_length_of_the_header_is_held_against_the_file() {
    refuses_bytes(b"", &["empty file"]);
    refuses_bytes(b"\x02\0\0\0\0\0\0", &["byte 0", "a file of 7 bytes"]);
    refuses_bytes(&[&1_u64.to_le_bytes()[..], b"{}"].concat(), &["byte 0", "two bytes at least"]);
    refuses_bytes(&[&u64::MAX.to_le_bytes()[..], b"{}"].concat(), &["byte 0", "18,446,744,073,709,551,615 bytes", "has 2 more"]);
    refuses_bytes(&[&3_u64.to_le_bytes()[..], b"{}"].concat(), &["download incomplete?"]);
    let (_folder, path) = file("m.safetensors", &100_000_001_u64.to_le_bytes());
    std::fs::File::options().append(true).open(&path).unwrap().set_len(200_000_000).unwrap();
    assert!(ModelFile::open(&path).unwrap_err().to_string().contains("at most 100,000,000 bytes"));
    assert!(open("{}", &[]).unwrap().tensors.is_empty(), "no tensors are a file all the same");
}

#[test]
fn what_is_no_such_json_is_refused_with_its_byte() {
    refuses_bytes(&[&4_u64.to_le_bytes()[..], b"{\"\xff\""].concat(), &["byte 10", "UTF-8"]);
    refuses("\u{feff}{}", &["byte 8", "an object"]);
    refuses("[]", &["byte 8", "an object", "`[]`"]);
    refuses("null", &["an object"]);
    refuses("{\"t\"", &["byte 12", "`:`", "the end"]);
    refuses("{\"t\":{\"dtype\":\"F32\"", &["`,` or `}`"]);
    refuses("{\"t\":{\"shape\":[NaN]}}", &["an integer", "`NaN]}}`"]);
    refuses(&format!("{{\"t\":{}", "[".repeat(200_000)), &["an object"]);
    refuses("{\"__metadata__\":{\"a\":1}}", &["a string", "`1}}`"]);
    refuses("{} PK", &["byte 11", "the end"]);
    refuses("{\"t\":{\"dtype\":\"F32\",\"other\":1}}", &["tensor `t`", "`other`"]);
    refuses("{\"t\":{\"dtype\":\"F32\"}}", &["tensor `t`", "less"]);
    assert_eq!(open(r#"{"__metadata__":{"\u0041\n":"\ud83d\ude00\ud83d"}}   "#, &[]).unwrap().metadata.str("A\n"), Some("😀\u{fffd}"));
}

#[test]
fn numbers_that_are_no_sizes_are_refused() {
    refuses(&entry("F32", "[1]", "[-1,4]"), &["an integer", "`-1,4]"]);
    refuses(&entry("F32", "[2.0]", "[0,8]"), &["an integer"]);
    refuses(&entry("F32", "[1]", "[0,18446744073709551616]"), &["an integer from 0 to 2^64 - 1"]);
    refuses(&entry("F32", "[1]", "[8,4]"), &["offsets in order", "8 to 4"]);
    refuses(&entry("F32", "[1]", "[0]"), &["two offsets"]);
    refuses(&entry("F32", "[1]", "[0,4,8]"), &["at most 2"]);
    refuses(&entry("F32", &format!("[{}1]", "1,".repeat(99)), "[0,4]"), &["at most 32"]);
}

#[test]
fn what_stands_twice_is_refused_or_told() {
    refuses(r#"{"__metadata__":{},"__metadata__":{}}"#, &["one `__metadata__`"]);
    refuses(r#"{"t":{"dtype":"F32","dtype":"F16","shape":[1],"data_offsets":[0,4]}}"#, &["`dtype` twice"]);
    let twice = r#"{"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"t":{"dtype":"F16","shape":[2],"data_offsets":[4,8]}}"#;
    let model = open(twice, &[0; 8]).unwrap();
    assert!(model.tensors[1].problem.as_ref().unwrap().contains("name is taken") && !model.blockers.is_empty());
}

#[test]
fn tensors_that_cannot_be_read_keep_their_rows() {
    lists(&entry("F32", "[1]", "[0,4]"), &[0; 4], "");
    lists(&entry("F32", "[2]", "[0,4]"), &[0; 4], "its shape asks for 8 bytes, its offsets 0 to 4 are 4");
    lists(&entry("F32", "[2]", "[0,8]"), &[0; 4], "the file ends at");
    lists(&entry("F32", "[2,18446744073709551615]", "[0,8]"), &[0; 8], "overflows");
    lists(&entry("F32", "[0,9223372036854775808,4]", "[0,0]"), &[], "a dimension is 0");
    lists(&entry("Q4_K", "[256]", "[0,4]"), &[0; 4], "its type `Q4_K` isn't known");
    lists(&entry("F4", "[3]", "[0,2]"), &[0; 2], "whole number of F4 blocks");
    for (dtype, bytes) in [("BOOL", 1), ("F8_E5M2", 1), ("F8_E4M3", 1), ("BF16", 2), ("C64", 8), ("U64", 8), ("I8", 1)] {
        lists(&entry(dtype, "[1]", &format!("[0,{bytes}]")), &vec![0; bytes], "");
    }
    let overlap = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#;
    lists(overlap, &[0; 12], "overlaps `b` by 4 bytes");
    let hole = open(&entry("F32", "[1]", "[4,8]"), &[0; 12]).unwrap();
    assert!(
        hole.warnings.iter().any(|w| w.contains("4 unused bytes before")) && hole.warnings.iter().any(|w| w.contains("after the last"))
    );
}

#[test]
fn no_cut_and_no_changed_byte_does_more_than_an_error() {
    let bytes = floats(&[("a", &[2], &[1.0, 2.0]), ("b", &[1], &[3.0])]);
    for len in 0..bytes.len() {
        let (_folder, path) = file("m.safetensors", &bytes[..len]);
        let _either = ModelFile::open(&path).map(Model::read);
    }
    for at in 0..bytes.len() {
        for flip in [1, 0x20, 0x80] {
            let mut bytes = bytes.clone();
            bytes[at] ^= flip;
            let (_folder, path) = file("m.safetensors", &bytes);
            let _either = ModelFile::open(&path).map(Model::read);
        }
    }
}

#[test]
fn other_things_by_that_name_are_named() {
    refuses_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:b179c9\nsize 98362432\n", &["Git LFS pointer"]);
    refuses_bytes(b"<!DOCTYPE html><html>", &["HTML page"]);
    let (_folder, path) = file("model.bin", &floats(&[("a", &[1], &[1.0])]));
    let model = ModelFile::open(&path).unwrap();
    assert!(model.warnings.iter().any(|w| w.contains("safetensors file, though its name")), "content decides: {:?}", model.warnings);
}

// --- sets

const ONE: &str = "model-00001-of-00002.safetensors";
const TWO: &str = "model-00002-of-00002.safetensors";
const INDEX: &str = "model.safetensors.index.json";

fn set(folder: &Path) {
    std::fs::write(folder.join(ONE), floats(&[("a", &[1], &[1.0])])).unwrap();
    std::fs::write(folder.join(TWO), floats(&[("b", &[2], &[2.0, 3.0])])).unwrap();
    index(&folder.join(INDEX), 12, &[("b", TWO), ("a", ONE)]);
}

#[test]
fn a_set_opens_from_its_index_its_files_and_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    set(folder.path());
    for path in [folder.path().join(INDEX), folder.path().join(ONE), folder.path().join(TWO), folder.path().to_owned()] {
        let model = ModelFile::open(&path).unwrap();
        let names: Vec<&str> = model.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
        assert_eq!((names, model.paths().len(), model.warnings.len()), (vec!["a", "b"], 2, 0), "{path:?}: {:?}", model.warnings);
        assert_eq!(model.read(model.tensor("b").unwrap()).unwrap()[4..], 3.0_f32.to_le_bytes());
    }
    std::fs::remove_file(folder.path().join(INDEX)).unwrap();
    assert_eq!(ModelFile::open(&folder.path().join(TWO)).unwrap().tensors.len(), 2, "names are enough");
    assert_eq!(ModelFile::open(folder.path()).unwrap().tensors.len(), 2);
}

#[test]
fn a_missing_file_of_a_set_leaves_rows_that_say_so() {
    let folder = tempfile::tempdir().unwrap();
    set(folder.path());
    std::fs::remove_file(folder.path().join(ONE)).unwrap();
    let model = ModelFile::open(&folder.path().join(INDEX)).unwrap();
    assert!(model.blockers.iter().any(|b| b.contains("1 of 2 files are missing: model-00001-of-00002")), "{:?}", model.blockers);
    assert!(model.tensor("a").unwrap().problem.as_ref().unwrap().contains("is missing"));
    assert!(model.read(model.tensor("a").unwrap()).is_err() && model.read(model.tensor("b").unwrap()).is_ok());
    std::fs::remove_file(folder.path().join(INDEX)).unwrap();
    let model = ModelFile::open(&folder.path().join(TWO)).unwrap();
    assert!(model.blockers.iter().any(|b| b.contains("missing")) && model.tensors.len() == 1);
    std::fs::remove_file(folder.path().join(TWO)).unwrap();
    index(&folder.path().join(INDEX), 0, &[("a", ONE)]);
    assert!(ModelFile::open(&folder.path().join(INDEX)).unwrap_err().to_string().contains("none of its files"));
}

#[test]
fn an_index_that_contradicts_its_files_is_told() {
    let folder = tempfile::tempdir().unwrap();
    set(folder.path());
    index(&folder.path().join(INDEX), 99, &[("a", ONE), ("c", ONE), ("b", ONE), ("d", TWO)]);
    let model = ModelFile::open(&folder.path().join(INDEX)).unwrap();
    let told = |text: &str| model.warnings.iter().any(|warning| warning.contains(text));
    assert!(told("lacks tensors that the index names: b, c") && told("has 1 tensors that the index doesn't name"), "{:?}", model.warnings);
    assert!(told("counts 99 bytes"));
    std::fs::write(folder.path().join(TWO), floats(&[("a", &[1], &[1.0])])).unwrap();
    let model = ModelFile::open(&folder.path().join(INDEX)).unwrap();
    assert!(model.blockers.iter().any(|b| b.contains("two tensors have the name `a`")), "{:?}", model.blockers);
}

#[test]
fn an_index_leads_nowhere_but_beside_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(INDEX);
    for name in [
        "../../etc/passwd",
        "/etc/passwd.safetensors",
        "C:x.safetensors",
        r"\\\\host\\x.safetensors",
        "http://x/y.safetensors",
        INDEX,
        ".hidden.safetensors",
        "a/b.safetensors",
        r"x\u0000.safetensors",
        "..",
        "",
    ] {
        index(&path, 0, &[("a", name)]);
        let text = ModelFile::open(&path).unwrap_err().to_string();
        assert!(text.contains("beside the index"), "{name}: {text}");
    }
}

#[test]
fn an_index_that_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(INDEX);
    for (text, expected) in [
        ("[]", "an object"),
        ("{}", "a `weight_map`"),
        (r#"{"weight_map":[]}"#, "an object"),
        (r#"{"weight_map":{}}"#, "names of files"),
        (r#"{"weight_map":{"a":1}}"#, "a string"),
        (r#"{"weight_map":{"a":"x.safetensors"},"weight_map":{}}"#, "one `weight_map`"),
        (r#"{"weight_map":{"a":"x.safetensors","a":"y.safetensors"}}"#, "named twice"),
        (&format!(r#"{{"other":{}"#, "[".repeat(100)), "at most 64 values in one another"),
    ] {
        std::fs::write(&path, text).unwrap();
        let error = ModelFile::open(&path).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let file = std::fs::File::create(&path).unwrap();
    file.set_len((64 << 20) + 1).unwrap();
    assert!(ModelFile::open(&path).unwrap_err().to_string().contains("at most 64"));
}
