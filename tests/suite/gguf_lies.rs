//! The ways in which a GGUF file can lie, one test per way, and files that are no models at all.
//!
//! What a lie may allocate is checked here by what the result holds; `tests/memory_truth` counts what was allocated on the way.

use ponder::error::Error;
use ponder::file::metadata::Entry;
use ponder::file::{DType, ModelFile, TensorInfo, Value, ValueKind};
use ponder::units::Bytes;

use crate::support::file;
use crate::support::gguf_writer::{GgufBuilder, Kv, ggml};

fn open(bytes: &[u8]) -> Result<ModelFile, Error> {
    let (_folder, path) = file("model.gguf", bytes);
    ModelFile::open(&path)
}

/// The text of the error without the folder.
#[track_caller]
fn refusal(bytes: &[u8]) -> String {
    let text = match open(bytes) {
        Ok(model) => panic!("opened: {model:?}"),
        Err(error) => error.to_string(),
    };
    text.split_once("model.gguf: ").unwrap_or_else(|| panic!("names no file: {text}")).1.to_owned()
}

#[track_caller]
fn refuses(bytes: &[u8], expected: &[&str]) {
    let text = refusal(bytes);
    for part in expected {
        assert!(text.contains(part), "`{part}` isn't in `{text}`");
    }
}

/// Opens a file whose tensors are to have these problems (none where empty).
#[track_caller]
fn lists(builder: &GgufBuilder, expected: &[&str]) -> ModelFile {
    let model = open(&builder.bytes()).unwrap();
    let problems: Vec<_> = model.tensors.iter().map(|tensor| tensor.problem.as_deref().unwrap_or_default()).collect();
    assert_eq!(problems.len(), expected.len(), "{problems:?}");
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(problem.contains(expected) && problem.is_empty() == expected.is_empty(), "`{expected}` isn't in `{problem}`");
    }
    for tensor in &model.tensors {
        assert_eq!(model.read(tensor).is_ok(), tensor.problem.is_none());
    }
    model
}

#[track_caller]
fn warns(model: &ModelFile, expected: &str) {
    assert!(model.warnings.iter().any(|text| text.contains(expected)), "`{expected}` isn't in {:?}", model.warnings);
}

fn header(version: u32, n_tensors: u64, n_entries: u64) -> Vec<u8> {
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(version.to_le_bytes());
    bytes.extend(n_tensors.to_le_bytes());
    bytes.extend(n_entries.to_le_bytes());
    bytes
}

// --- the header

#[test]
fn a_header_cut_short_says_what_it_needs_and_has() {
    refuses(b"", &["byte 0", "empty file"]);
    for len in [3, 4, 23] {
        refuses(&header(3, 0, 0)[..len], &["byte 0", &format!("needs 24 bytes, has {len}")]);
    }
    assert!(open(&header(3, 0, 0)).is_ok(), "no tensors and no metadata are a GGUF file all the same");
}

#[test]
fn a_version_that_is_not_read_is_named() {
    refuses(&header(0, 0, 0), &["byte 4", "version 0"]);
    refuses(&header(4, 0, 0), &["byte 4", "version 4"]);
    refuses(&header(0x0300_0000, 0, 0), &["byte 4", "big-endian"]);
    refuses(b"FUGG\x03\0\0\0................", &["big-endian"]);
}

#[test]
fn counts_are_held_against_the_bytes_that_are_left() {
    for count in [u64::MAX, 1 << 63, 1 << 30] {
        let mut bytes = GgufBuilder::new().claim_tensors(count).bytes();
        bytes.resize(100, 0);
        refuses(&bytes, &["byte 8", "76 bytes that are left"]);
        let mut bytes = GgufBuilder::new().claim_entries(count).bytes();
        bytes.resize(100, 0);
        refuses(&bytes, &["byte 16", "76 bytes that are left"]);
    }
}

#[test]
fn more_metadata_entries_than_the_limit_are_refused() {
    let mut bytes = header(3, 0, 70_000);
    bytes.resize(2_000_000, 0);
    refuses(&bytes, &["byte 16", "65,536", "Ponder's limit"]);
}

// --- metadata

/// A file with one metadata entry that begins with these bytes.
fn entry(bytes: &[u8]) -> Vec<u8> {
    let mut out = header(3, 0, 1);
    out.extend(bytes);
    out.resize(out.len().max(24 + 14), 0);
    out
}

#[test]
fn lengths_of_keys_are_bounded() {
    refuses(&entry(&0_u64.to_le_bytes()), &["byte 24", "a key for metadata entry 0"]);
    for len in [65_536, u64::MAX] {
        refuses(&entry(&len.to_le_bytes()), &["byte 24", "at most 65,535 bytes"]);
    }
    // Six bytes follow the length.
    refuses(&entry(&7_u64.to_le_bytes()), &["byte 32", "7 bytes of the key of metadata entry 0", "6 bytes before the end"]);
}

#[test]
fn value_types_that_do_not_exist_are_refused_with_the_key() {
    for id in [13, 255] {
        refuses(&GgufBuilder::new().kv("the.key", Kv::Raw(id, vec![0; 8])).bytes(), &["byte 39", "key `the.key`", &id.to_string()]);
    }
    refuses(&GgufBuilder::new().kv("the.key", Kv::Array(77, vec![])).bytes(), &["key `the.key`", "77"]);
}

#[test]
fn a_truth_value_of_two_is_shown_as_it_is() {
    let model = open(&GgufBuilder::new().kv("flag", Kv::Raw(7, vec![2])).bytes()).unwrap();
    assert_eq!(model.metadata.get("flag"), Some(&Value::U8(2)));
    assert_eq!(model.metadata.bool("flag"), None);
    warns(&model, "`flag` at byte 40 is neither true nor false: 2");
}

#[test]
fn arrays_in_arrays_end_somewhere() {
    let nested = |depth| (0..depth).fold(Kv::Array(0, vec![]), |inner, _| Kv::Array(9, vec![inner]));
    refuses(&GgufBuilder::new().kv("deep", nested(65)).bytes(), &["key `deep`", "at most 8 arrays in one another"]);
    assert!(open(&GgufBuilder::new().kv("deep", nested(3)).bytes()).is_ok());
}

#[test]
fn an_array_longer_than_the_file_is_refused() {
    for kind in [0_u32, 8, 9] {
        for len in [u64::MAX, 1 << 61, 1000] {
            let mut value = kind.to_le_bytes().to_vec();
            value.extend(len.to_le_bytes());
            refuses(&GgufBuilder::new().kv("long", Kv::Raw(9, value)).bytes(), &["key `long`", "0 bytes that are left"]);
        }
    }
}

#[test]
fn a_gigabyte_of_array_stays_in_the_file() {
    let mut bytes = header(3, 0, 1);
    bytes.extend(3_u64.to_le_bytes());
    bytes.extend(b"big\x09\0\0\0\0\0\0\0");
    bytes.extend(1_000_000_000_u64.to_le_bytes());
    let (_folder, path) = file("model.gguf", &bytes);
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(bytes.len() as u64 + 1_000_000_000).unwrap();
    let model = ModelFile::open(&path).unwrap();
    let array = model.metadata.get("big").unwrap().as_array().unwrap();
    assert_eq!((array.kind, array.len, array.offset, array.preview.len()), (ValueKind::U8, 1_000_000_000, 51, 100));
    assert!(held(&model) < 64 << 10);
}

#[test]
fn a_million_empty_strings_stay_in_the_file() {
    let mut value = 8_u32.to_le_bytes().to_vec();
    value.extend(1_000_000_u64.to_le_bytes());
    value.resize(value.len() + 8_000_000, 0);
    let model = open(&GgufBuilder::new().kv("empty", Kv::Raw(9, value)).kv("after", 5_u8).bytes()).unwrap();
    assert_eq!(model.metadata.u64("after"), Some(5));
    assert!(held(&model) < 64 << 10);
}

#[test]
fn a_key_that_stands_twice_forbids_to_run() {
    let model = open(&GgufBuilder::new().kv("k", 1_u8).kv("other", 0_u8).kv("k", 2_u8).bytes()).unwrap();
    assert_eq!(model.metadata.u64("k"), Some(1), "the first counts");
    warns(&model, "the key `k` stands at byte 24 and again at byte 56");
    assert_eq!(model.blockers.len(), 1);
}

#[test]
fn a_key_with_a_nul_forbids_to_run() {
    let model = open(&GgufBuilder::new().kv("a", 1_u8).raw_kv(b"a\0", 2_u8).bytes()).unwrap();
    assert_eq!((model.metadata.u64("a"), model.metadata.u64("a\0")), (Some(1), Some(2)));
    warns(&model, "`a\\u{0}` at byte 38 contains a NUL");
    assert_eq!(model.blockers.len(), 1);
}

#[test]
fn strings_are_kept_exactly_and_shown_harmlessly() {
    let evil = "line\nline \u{1b}[31mred\u{202e}txt.exe";
    let long = "x".repeat(1 << 20);
    let model =
        open(&GgufBuilder::new().kv("evil", evil).kv("long", long.as_str()).kv("bytes", Kv::Str(vec![b'a', 0xff, 0xfe, b'z'])).bytes())
            .unwrap();
    assert_eq!(model.metadata.str("evil"), Some(evil));
    assert_eq!(model.metadata.get("evil").unwrap().to_string(), "line\\nline \\u{1b}[31mred\\u{202e}txt.exe");
    assert_eq!(model.metadata.str("long"), Some(long.as_str()));
    assert_eq!(model.metadata.get("long").unwrap().to_string().chars().count(), 201);
    assert_eq!(model.metadata.str("bytes"), Some("a\u{fffd}\u{fffd}z"));
    warns(&model, "`bytes` at byte");
}

#[test]
fn a_string_past_the_end_is_refused() {
    for len in [u64::MAX, 5] {
        let mut value = len.to_le_bytes().to_vec();
        value.extend(b"abcd");
        refuses(&GgufBuilder::new().kv("s", Kv::Raw(8, value)).bytes(), &["the value of `s`", "4 bytes before the end"]);
    }
}

#[test]
fn an_alignment_that_is_none_is_never_replaced() {
    let values: [Kv; 7] =
        [0_u32.into(), 3_u32.into(), (1_u32 << 31).into(), 64_u64.into(), (-1_i32).into(), "64".into(), vec![32_u32].into()];
    for value in values {
        refuses(&GgufBuilder::new().kv("general.alignment", value).bytes(), &["key `general.alignment`", "power of two"]);
    }
}

// --- tensors

#[test]
fn a_tensor_has_four_dimensions_at_most() {
    for n_dims in [5, u32::MAX] {
        let bytes = GgufBuilder::new().raw_tensor(b"t", n_dims, &[1; 5], ggml::F32, 0).bytes();
        refuses(&bytes, &["byte 33, tensor `t`", "at most 4 dimensions"]);
    }
}

#[test]
fn a_size_that_overflows_is_a_problem_of_its_row() {
    let honest = [1.0];
    let builder = GgufBuilder::new()
        .f32_tensor("honest", &[1], &honest)
        .raw_tensor(b"a", 2, &[1 << 32, 1 << 32], ggml::F32, 0)
        .raw_tensor(b"b", 2, &[32, (1 << 59) + 1], ggml::Q4_0, 0)
        .raw_tensor(b"c", 1, &[1 << 62], ggml::F32, 0)
        .raw_tensor(b"d", 1, &[1 << 63], ggml::I8, 0)
        .raw_tensor(b"e", 2, &[0, 5], ggml::F32, 0);
    let overflows = "its size overflows";
    lists(&builder, &["", overflows, overflows, overflows, "the file ends at", "a dimension is 0"]);
}

#[test]
fn types_that_cannot_be_computed_are_listed_with_name_and_size() {
    let mut builder = GgufBuilder::new();
    for id in (16..=30).chain([34, 35, 39, 40]) {
        let dtype = DType::from_ggml(id);
        let data = vec![0; usize::try_from(dtype.block_bytes().unwrap()).unwrap()];
        builder = builder.tensor(&dtype.name(), &[dtype.block_len().unwrap()], id, data);
    }
    let model = lists(&builder, &[""; 19]);
    assert_eq!(model.tensor("MXFP4").map(|tensor| tensor.bytes), Some(Bytes(17)));
}

#[test]
fn types_that_nobody_knows_are_listed_with_the_room_they_have() {
    let builder = GgufBuilder::new()
        .tensor("a", &[32], 255, [7; 64])
        .tensor("b", &[32], u32::MAX, [7; 40])
        .tensor("c", &[32], 4, [7; 40])
        .f32_tensor("d", &[1], &[1.0]);
    let model = lists(&builder, &["unknown type 255", "unknown type 4294967295", "type 4 (Q4_2, withdrawn)", ""]);
    assert_eq!(model.tensors.iter().map(|tensor| tensor.bytes.0).collect::<Vec<_>>(), [64, 64, 64, 4]);
}

#[test]
fn a_row_that_is_not_whole_blocks_is_a_problem_of_its_row() {
    let builder = GgufBuilder::new().tensor("t", &[2, 16], ggml::Q4_0, [0; 18]);
    lists(&builder, &["a row of 16 weights isn't a whole number of Q4_0 blocks of 32"]);
}

#[test]
fn offsets_that_lie_are_problems_of_their_rows() {
    let builder = GgufBuilder::new().tensor("honest", &[16], ggml::F32, [0; 64]);
    lists(&builder.clone().tensor_at("t", &[4], ggml::F32, 1), &["", "its offset 1 isn't a multiple of 32"]);
    lists(&builder.clone().tensor_at("t", &[9], ggml::F32, 32), &["", "needs bytes 128 to 164, the file ends at 160"]);
    lists(&builder.clone().tensor_at("t", &[8], ggml::F32, u64::MAX - 31), &["", "the file ends at 160"]);
    lists(&builder.tensor_at("t", &[8], ggml::F32, u64::MAX), &["", "isn't a multiple"]);
}

#[test]
fn tensors_that_overlap_are_named_in_pairs_and_forbid_to_run() {
    let builder = GgufBuilder::new().tensor("a", &[16], ggml::F32, [0; 64]).tensor_at("b", &[4], ggml::F32, 32).tensor(
        "c",
        &[16],
        ggml::F32,
        [0; 64],
    );
    let model = lists(&builder, &["overlaps `b` by 16 bytes", "overlaps `a` by 16 bytes", ""]);
    assert_eq!(model.blockers, ["tensors `a` and `b` overlap by 16 bytes"]);
    warns(&model, "tensors `a` and `b` overlap by 16 bytes");
}

#[test]
fn all_tensors_at_one_place_are_a_bounded_number_of_warnings() {
    let mut builder = GgufBuilder::new().tensor("t", &[16], ggml::F32, [0; 64]);
    for n in 0..5_000 {
        builder = builder.tensor_at(&format!("t{n}"), &[16], ggml::F32, 0);
    }
    let model = open(&builder.bytes()).unwrap();
    assert!(model.tensors.iter().all(|tensor| tensor.problem.is_some()));
    assert_eq!(model.warnings.len(), 101);
    warns(&model, "more warnings like these");
}

#[test]
fn reversed_order_is_no_fault_and_a_hole_is_a_warning() {
    let honest = GgufBuilder::new().tensor("data", &[16], ggml::F32, [0; 64]).bytes();
    let swapped = GgufBuilder::new().tensor_at("b", &[8], ggml::F32, 32).tensor_at("a", &[8], ggml::F32, 0);
    let mut bytes = swapped.header();
    bytes.resize(bytes.len().next_multiple_of(32) + 64, 1);
    let model = open(&bytes).unwrap();
    assert!(model.warnings.is_empty() && model.tensors.iter().all(|tensor| tensor.problem.is_none()), "{model:?}");

    let holed = GgufBuilder::new().tensor_at("a", &[8], ggml::F32, 0).tensor_at("b", &[8], ggml::F32, 4096 + 32);
    let mut bytes = holed.header();
    bytes.resize(bytes.len().next_multiple_of(32) + 4096 + 64, 1);
    let model = open(&bytes).unwrap();
    warns(&model, "4,096 unused bytes before tensor `b`");
    assert!(model.blockers.is_empty());

    let mut bytes = honest;
    bytes.extend([0; 1000]);
    warns(&open(&bytes).unwrap(), "1,000 unused bytes after the last tensor");
}

#[test]
fn a_name_that_stands_twice_forbids_to_run() {
    let builder = GgufBuilder::new().f32_tensor("t", &[1], &[1.0]).f32_tensor("t", &[1], &[2.0]);
    let model = lists(&builder, &["", "its name is taken by tensor 0"]);
    assert_eq!(model.read(model.tensor("t").unwrap()).unwrap(), 1.0_f32.to_le_bytes());
    assert_eq!(model.blockers, ["two tensors have the name `t`"]);
}

#[test]
fn names_that_are_too_long_are_warned_of_or_refused() {
    let model = open(&GgufBuilder::new().f32_tensor(&"n".repeat(64), &[1], &[1.0]).bytes()).unwrap();
    warns(&model, "has 64 bytes; llama.cpp refuses");
    let bytes = GgufBuilder::new().f32_tensor(&"n".repeat(1 << 20), &[1], &[1.0]).bytes();
    refuses(&bytes, &["byte 24", "at most 65,535 bytes for the name of tensor 0"]);
}

#[test]
fn a_file_cut_in_its_last_tensor_lists_them_all_and_says_how_much_is_missing() {
    let bytes = GgufBuilder::new().tensor("a", &[16], ggml::F32, [0; 64]).tensor("b", &[16], ggml::F32, [0; 64]).bytes();
    let model = open(&bytes[..bytes.len() - 10]).unwrap();
    assert_eq!(model.tensors[0].problem, None);
    assert!(model.tensors[1].problem.as_ref().unwrap().contains("the file ends at"));
    assert_eq!(model.missing, Bytes(10));
    warns(
        &model,
        &format!("10 bytes short (download incomplete?): the tensors need {} bytes, the file has {}", bytes.len(), bytes.len() - 10),
    );
    assert_eq!(model.blockers.len(), 1);
}

#[test]
fn a_file_cut_in_its_header_says_so() {
    let bytes = GgufBuilder::new().kv("general.architecture", "llama").f32_tensor("a", &[1], &[0.0]).header();
    refuses(&bytes[..bytes.len() - 3], &["the entry of tensor `a`", "download incomplete?"]);
}

#[test]
fn a_terabyte_is_opened_by_its_header() {
    let (_folder, path) = file("model.gguf", &GgufBuilder::new().tensor_at("t", &[1 << 28, 1 << 10], ggml::F32, 0).header());
    let sparse = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    if sparse.set_len((1 << 40) + 96).is_err() {
        eprintln!("skipped: the file system has no sparse files of this size");
        return;
    }
    let model = ModelFile::open(&path).unwrap();
    assert_eq!((model.tensors[0].bytes, model.tensors[0].problem.as_deref()), (Bytes(1 << 40), None));
    let mut last = [1; 4];
    model.read_into(&model.tensors[0], (1 << 40) - 4, &mut last).unwrap();
    assert_eq!(last, [0; 4]);
}

// --- what a lie may hold in memory (invariant 10)

/// The bytes that a value holds beside itself.
fn behind(value: &Value) -> usize {
    match value {
        Value::String(s) => s.capacity(),
        Value::Array(array) => array.preview.capacity() * size_of::<Value>() + array.preview.iter().map(behind).sum::<usize>(),
        _ => 0,
    }
}

/// The bytes that an open model holds, its private indices included (four bytes per entry).
fn held(model: &ModelFile) -> usize {
    let entries: usize =
        model.metadata.entries().iter().map(|entry| size_of::<Entry>() + 4 + entry.key.capacity() + behind(&entry.value)).sum();
    let tensor = |tensor: &TensorInfo| {
        tensor.name.capacity() + tensor.shape.capacity() * 8 + tensor.problem.as_ref().map_or(0, String::capacity) + 4
    };
    let tensors = model.tensors.capacity() * size_of::<TensorInfo>() + model.tensors.iter().map(tensor).sum::<usize>();
    let told: usize = model.warnings.iter().chain(&model.blockers).map(|text| size_of::<String>() + text.capacity()).sum();
    entries + tensors + told
}

#[track_caller]
fn stays_small(bytes: &[u8]) {
    let model = open(bytes).unwrap();
    let (held, allowed) = (held(&model), 8 * bytes.len() + (1 << 20));
    assert!(held <= allowed, "{held} bytes held for a file of {}", bytes.len());
}

#[test]
fn many_least_tensors_stay_small() {
    let n = 200_000;
    let mut bytes = header(3, n, 0);
    for _ in 0..n {
        bytes.extend([0; 24]);
    }
    stays_small(&bytes);
    let mut bytes = header(3, n, 0);
    for n in 0..n {
        // One name each, one dimension, beyond the end: every one has a problem.
        bytes.extend(4_u64.to_le_bytes());
        bytes.extend(u32::try_from(n).unwrap().to_le_bytes().map(|b| b % 26 + b'a'));
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend(1000_u64.to_le_bytes());
        bytes.extend(0_u32.to_le_bytes());
        bytes.extend((1_u64 << 40).to_le_bytes());
    }
    stays_small(&bytes);
}

#[test]
fn many_small_arrays_stay_small() {
    let mut builder = GgufBuilder::new();
    for n in 0..20_000_u32 {
        builder = builder.kv(&format!("{n:x}"), vec![7_u8; 100]);
    }
    stays_small(&builder.bytes());
    let words = Kv::Array(8, vec![Kv::Str(vec![0xff; 2000]); 2000]);
    stays_small(&GgufBuilder::new().kv("words", words).bytes());
}

#[test]
fn many_least_entries_stay_small() {
    let mut builder = GgufBuilder::new();
    for n in 0..65_536_u32 {
        builder = builder.kv(char::from_u32(0x1_0000 + n).unwrap().encode_utf8(&mut [0; 4]), 0_u8);
    }
    stays_small(&builder.bytes());
}

#[test]
fn invalid_text_stays_small() {
    stays_small(&GgufBuilder::new().kv("s", Kv::Str(vec![0xff; 4 << 20])).bytes());
}
