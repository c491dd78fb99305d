//! Split sets that lie: parts that are missing, swapped, renamed, or another model's.

use std::path::Path;

use ponder::file::ModelFile;

use crate::support::file;
use crate::support::gguf_writer::GgufBuilder;

fn part(n: u16, count: u16) -> GgufBuilder {
    GgufBuilder::new().kv("split.no", n).kv("split.count", count).f32_tensor(&format!("t{n}"), &[1], &[1.0])
}

#[track_caller]
fn split_refusal(path: &Path, expected: &[&str]) {
    let text = ModelFile::open(path).unwrap_err().to_string();
    for wanted in expected {
        assert!(text.contains(wanted), "`{wanted}` isn't in `{text}`");
    }
}

#[test]
fn missing_parts_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m-00002-of-00003.gguf");
    part(1, 3).write(&path);
    split_refusal(&path, &["part 2 of 3; missing beside it: m-00001-of-00003.gguf, m-00003-of-00003.gguf"]);
    let path = folder.path().join("n-00001-of-65535.gguf");
    part(0, 65_535).write(&path);
    split_refusal(&path, &["part 1 of 65535", "n-00002-of-65535.gguf", "and 65526 more"]);
}

#[test]
fn parts_with_swapped_names_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("m-00001-of-00002.gguf"), folder.path().join("m-00002-of-00002.gguf"));
    part(1, 2).write(&one);
    part(0, 2).write(&two);
    split_refusal(&one, &["m-00001-of-00002.gguf: its name: expected an ending in -00002-of-00002.gguf"]);
    part(0, 2).write(&one);
    split_refusal(&one, &["m-00002-of-00002.gguf: keys `split.no` and `split.count`: expected 1 and 2, found 0 and 2"]);
}

#[test]
fn a_part_of_another_model_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("m-00001-of-00002.gguf"), folder.path().join("m-00002-of-00002.gguf"));
    part(0, 2).kv("general.architecture", "llama").kv("split.tensors.count", 3_i32).write(&one);
    part(1, 2).kv("general.architecture", "qwen2").write(&two);
    split_refusal(&one, &["m-00002-of-00002.gguf", "another model's part"]);
    part(1, 2).write(&two);
    split_refusal(&one, &["split.tensors.count", "expected 3 tensors in all parts, found 2"]);
    GgufBuilder::new().write(&two);
    split_refusal(&one, &["m-00002-of-00002.gguf", "isn't part of a set"]);
    std::fs::write(&two, "<!DOCTYPE html>").unwrap();
    split_refusal(&one, &["m-00002-of-00002.gguf", "HTML"]);
}

#[test]
fn a_part_that_lost_its_name_says_which_name_it_needs() {
    let (_folder, path) = file("model.gguf", &part(0, 4).bytes());
    split_refusal(&path, &["expected an ending in -00001-of-00004.gguf"]);
    let (_folder, path) = file("..-00001-of-00009.gguf", &part(0, 4).bytes());
    split_refusal(&path, &["expected an ending in -00001-of-00004.gguf"]);
    let (_folder, path) = file("model.gguf", &part(0, 4).set("split.no", u64::MAX).bytes());
    split_refusal(&path, &["its name"]);
}
