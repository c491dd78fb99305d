//! No header, however it lies, allocates more than 8 × the file's length + 1 MiB.

use std::path::Path;

use ponder::engine::vocabulary::Vocabulary;
use ponder::file::ModelFile;
use ponder::inspect::Model;
use ponder::memory::alloc;
use proptest::prelude::*;

use super::support::gguf_writer::{GgufBuilder, Kv, ggml};
use super::support::safetensors_writer::raw;
use super::support::tiny_llama::TinyLlama;
use super::{alone, support};

/// Opens a file and interprets its header, its vocabulary too.
fn peak_of_opening(path: &Path) -> u64 {
    let open = || ModelFile::open(path).map(|file| drop((Vocabulary::read(&file).map(drop), Model::read(file).label())));
    alloc::measure_peak(|| drop(open())).1.unwrap().0
}

#[track_caller]
fn opening_is_bounded(what: &str, bytes: &[u8]) {
    let (_folder, path) = support::file("model.gguf", bytes);
    let (peak, most) = (peak_of_opening(&path), 8 * bytes.len() as u64 + (1 << 20));
    assert!(peak <= most, "{what}: {peak} of {most} bytes, for a file of {}", bytes.len());
}

fn header(n_tensors: u64, n_entries: u64) -> Vec<u8> {
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(3_u32.to_le_bytes());
    bytes.extend(n_tensors.to_le_bytes());
    bytes.extend(n_entries.to_le_bytes());
    bytes
}

/// An array's value: the elements' type, a length, and bytes.
fn array(kind: u32, len: u64, rest: usize) -> Kv {
    let mut value = kind.to_le_bytes().to_vec();
    value.extend(len.to_le_bytes());
    value.resize(value.len() + rest, 0);
    Kv::Raw(9, value)
}

#[test]
fn lying_headers_allocate_little() {
    let _alone = alone();
    let big = [1 << 10, 1 << 20, 1 << 30, 1 << 40, u64::MAX / 2, u64::MAX];
    for n in big {
        for len in [24, 100, 100_000] {
            for (n_tensors, n_entries) in [(n, 0), (0, n), (n, n)] {
                let mut bytes = header(n_tensors, n_entries);
                bytes.resize(len, 0);
                opening_is_bounded(&format!("{n_tensors} tensors, {n_entries} entries"), &bytes);
            }
        }
        for kind in 0..13 {
            for rest in [0, 100, 100_000] {
                let builder = GgufBuilder::new().kv("tokenizer.ggml.tokens", array(kind, n, rest));
                opening_is_bounded(&format!("array of {n} of type {kind}"), &builder.bytes());
            }
        }
        let mut key = header(0, 1);
        key.extend(n.to_le_bytes());
        key.resize(1000, b'x');
        opening_is_bounded(&format!("key of {n}"), &key);
        opening_is_bounded(&format!("string of {n}"), &GgufBuilder::new().kv("k", Kv::Raw(8, n.to_le_bytes().to_vec())).bytes());
        opening_is_bounded(&format!("shape of {n}"), &GgufBuilder::new().tensor_at("t", &[n, n], ggml::Q4_0, n).bytes());
        let dims = u32::try_from(n).unwrap_or(u32::MAX);
        opening_is_bounded(&format!("{n} dimensions"), &GgufBuilder::new().raw_tensor(b"t", dims, &[1; 4], ggml::F32, 0).bytes());
    }
    let nested = (0..10_000).fold(Kv::Array(0, vec![]), |inner, _| Kv::Array(9, vec![inner]));
    opening_is_bounded("arrays in arrays", &GgufBuilder::new().kv("deep", nested).bytes());
}

#[test]
fn crowded_headers_allocate_in_proportion() {
    let _alone = alone();
    let crowd = |builder: GgufBuilder, n: usize, add: &dyn Fn(GgufBuilder, usize) -> GgufBuilder| (0..n).fold(builder, add);
    let entries = crowd(GgufBuilder::new(), 20_000, &|builder, i| builder.raw_kv(&i.to_le_bytes()[..3], 1_u8));
    opening_is_bounded("20,000 entries", &entries.bytes());
    let tensors = crowd(GgufBuilder::new(), 20_000, &|builder, i| builder.raw_tensor(&i.to_le_bytes()[..3], 0, &[], ggml::I8, 0));
    opening_is_bounded("20,000 tensors", &tensors.bytes());
    let arrays = crowd(GgufBuilder::new(), 2_000, &|builder, i| builder.raw_kv(&i.to_le_bytes()[..2], array(8, 12, 96)));
    opening_is_bounded("2,000 arrays of empty strings", &arrays.bytes());
    let one = GgufBuilder::new().kv("tokenizer.ggml.model", "gpt2").kv("tokenizer.ggml.pre", "gpt-2");
    let tokens = one.clone().kv("tokenizer.ggml.tokens", array(8, 1 << 20, 8 << 20));
    opening_is_bounded("a million empty tokens", &tokens.bytes());
    let merges = one.kv("tokenizer.ggml.tokens", vec!["a", "b"]).kv("tokenizer.ggml.merges", array(8, 1 << 20, 8 << 20));
    opening_is_bounded("a million empty merges", &merges.bytes());
    opening_is_bounded("one long string", &GgufBuilder::new().kv("general.name", "\u{1b}".repeat(1 << 20)).bytes());
    opening_is_bounded("an architecture of a megabyte", &GgufBuilder::new().kv("general.architecture", "x".repeat(1 << 20)).bytes());
    opening_is_bounded("an honest file", &TinyLlama::default().gguf().bytes());
}

#[test]
fn crowded_safetensors_headers_allocate_in_proportion() {
    let _alone = alone();
    let check = |entry: &str, n| opening_is_bounded(entry, &raw(&format!("{{{}}}", vec![entry; n].join(",")), &[0; 64]));
    check(r#""":{"dtype":"F32","shape":[],"data_offsets":[0,4]}"#, 50_000);
    check(r#""":{"dtype":"?","shape":[1,1,1],"data_offsets":[0,4]}"#, 50_000);
    check(&format!(r#""__metadata__":{{{}}}"#, vec![r#""":"""#; 4_000].join(",")), 1);
    check(&format!(r#""__metadata__":{{"a":"{}"}}"#, "\\u001b".repeat(1 << 18)), 1);
    check("[", 1 << 20);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_behind_a_valid_magic_allocate_little(
        n_tensors in prop_oneof![0..6_u64, any::<u64>()],
        n_entries in prop_oneof![0..6_u64, any::<u64>()],
        body in prop::collection::vec(prop_oneof![4 => Just(0_u8), 2 => 0..16_u8, 1 => any::<u8>()], 0..3_000),
    ) {
        let _alone = alone();
        let mut bytes = header(n_tensors, n_entries);
        bytes.extend(body);
        opening_is_bounded("random bytes", &bytes);
    }

    #[test]
    fn an_honest_file_with_changed_bytes_allocates_little(changes in prop::collection::vec((0..16_000_usize, any::<u8>()), 1..8)) {
        let _alone = alone();
        let mut bytes = TinyLlama::default().gguf().bytes();
        for (at, value) in changes {
            bytes[at] = value;
        }
        opening_is_bounded("changed bytes", &bytes);
    }
}
