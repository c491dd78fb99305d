//! Honest GGUF files: what was written is what is read. Numbers of the real model are gguf-py's.

use std::fs;

use ponder::error::Error;
use ponder::file::{DType, Format, ModelFile, TensorInfo, Value, ValueKind};
use ponder::units::Bytes;
use proptest::prelude::*;

use crate::support::gguf_writer::{GgufBuilder, Kv, ggml};
use crate::support::{file, starter};

fn small() -> GgufBuilder {
    GgufBuilder::new()
        .kv("general.architecture", "llama")
        .kv("a.u8", 200_u8)
        .kv("a.i8", -3_i8)
        .kv("a.u16", 60_000_u16)
        .kv("a.i16", -300_i16)
        .kv("a.u32", 4_000_000_000_u32)
        .kv("a.i32", -70_000_i32)
        .kv("a.f32", 1e-5_f32)
        .kv("a.bool", true)
        .kv("a.u64", u64::MAX)
        .kv("a.i64", i64::MIN)
        .kv("a.f64", 0.1_f64)
        .kv("a.tokens", vec!["<s>", "", "größe", "\u{120}the"])
        .kv("a.scores", vec![0.0_f32, -1.5])
        .kv("a.types", vec![1_i32, -1, 3])
        .kv("a.flags", vec![true, false])
        .kv("a.nested", Kv::Array(9, vec![vec![1_u8, 2].into(), vec!["x"].into()]))
        .kv("a.after", "still in step")
        .f32_tensor("norm", &[3], &[1.0, 2.0, 3.0])
        .tensor("weights", &[2, 32], ggml::Q4_1, (0..40).collect::<Vec<u8>>())
        .f32_tensor("scalar", &[], &[7.5])
}

fn open(bytes: &[u8]) -> Result<ModelFile, Error> {
    // The folder may go: what is open stays open.
    let (_folder, path) = file("model.gguf", bytes);
    ModelFile::open(&path)
}

#[test]
fn every_kind_of_value_is_read_back() {
    for version in [1, 2, 3] {
        let model = open(&small().version(version).bytes()).unwrap();
        assert_eq!(model.format, Format::Gguf { version });
        let get = |key: &str| model.metadata.get(key).unwrap().clone();
        assert_eq!(get("a.u8"), Value::U8(200));
        assert_eq!(get("a.i8"), Value::I8(-3));
        assert_eq!(get("a.u16"), Value::U16(60_000));
        assert_eq!(get("a.i16"), Value::I16(-300));
        assert_eq!(get("a.u32"), Value::U32(4_000_000_000));
        assert_eq!(get("a.i32"), Value::I32(-70_000));
        assert_eq!(get("a.f32"), Value::F32(1e-5));
        assert_eq!(get("a.bool"), Value::Bool(true));
        assert_eq!(get("a.u64"), Value::U64(u64::MAX));
        assert_eq!(get("a.i64"), Value::I64(i64::MIN));
        assert_eq!(get("a.f64"), Value::F64(0.1));
        assert_eq!(get("a.after"), Value::String("still in step".into()));
        assert_eq!(model.strings("a.tokens").unwrap(), ["<s>", "", "größe", "\u{120}the"]);
        assert_eq!(model.byte_strings("a.tokens").unwrap()[2], "größe".as_bytes());
        assert_eq!(model.floats("a.scores").unwrap(), [0.0, -1.5]);
        assert_eq!(model.integers("a.types").unwrap(), [1, -1, 3]);
        assert_eq!(model.integers("a.flags").unwrap(), [1, 0]);
        assert_eq!(model.metadata.iter().map(|(key, _)| key).collect::<Vec<_>>()[1..3], ["a.u8", "a.i8"], "in file order");
        assert!(model.warnings.is_empty(), "{:?}", model.warnings);
    }
}

#[test]
fn nested_arrays_are_described() {
    let model = open(&small().bytes()).unwrap();
    let Some(Value::Array(array)) = model.metadata.get("a.nested") else { panic!() };
    assert_eq!((array.kind, array.len), (ValueKind::Array, 2));
    let inner: Vec<_> = array.preview.iter().map(|value| (value.as_array().unwrap().kind, value.as_array().unwrap().len)).collect();
    assert_eq!(inner, [(ValueKind::U8, 2), (ValueKind::String, 1)]);
}

#[test]
fn tensors_keep_order_shape_and_data() {
    for version in [1, 2, 3] {
        let model = open(&small().version(version).bytes()).unwrap();
        let names: Vec<_> = model.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
        assert_eq!(names, ["norm", "weights", "scalar"]);
        let weights = model.tensor("weights").unwrap();
        assert_eq!((weights.shape.as_slice(), weights.dtype, weights.bytes), (&[2, 32][..], DType::Q4_1, Bytes(40)));
        assert_eq!((weights.elements(), weights.rows(), weights.row_len()), (64, 2, 32));
        assert_eq!(model.read(weights).unwrap(), (0..40).collect::<Vec<u8>>());
        let mut middle = [0; 3];
        model.read_into(weights, 20, &mut middle).unwrap();
        assert_eq!(middle, [20, 21, 22]);
        let scalar = model.tensor("scalar").unwrap();
        assert_eq!((scalar.shape.len(), scalar.elements()), (0, 1));
        assert_eq!(model.read(scalar).unwrap(), 7.5_f32.to_le_bytes());
        assert!(model.tensor("nothing").is_none());
        assert!(model.tensors.iter().all(|tensor| tensor.problem.is_none()));
    }
}

#[test]
fn a_stated_alignment_moves_the_data() {
    let model = open(&GgufBuilder::new().align(4096).f32_tensor("a", &[2], &[1.0, 2.0]).f32_tensor("b", &[1], &[3.0]).bytes()).unwrap();
    assert_eq!(model.tensors.iter().map(|tensor| tensor.offset).collect::<Vec<_>>(), [4096, 8192]);
    assert_eq!(model.read(model.tensor("b").unwrap()).unwrap(), 3.0_f32.to_le_bytes());
}

#[test]
fn a_long_array_is_previewed_and_read_again_in_full() {
    let numbers: Vec<u16> = (0..10_000).collect();
    let words: Vec<String> = (0..5_000).map(|n| format!("w{n}")).collect();
    let model = open(&GgufBuilder::new().kv("n", numbers).kv("w", words.clone()).kv("after", 1_u8).bytes()).unwrap();
    let Some(Value::Array(array)) = model.metadata.get("w") else { panic!() };
    assert_eq!((array.len, array.preview.len()), (5_000, 100));
    assert_eq!(array.preview[99], Value::String("w99".into()));
    assert_eq!(model.metadata.u64("after"), Some(1));
    assert_eq!(model.strings("w").unwrap(), words);
    assert_eq!(model.integers("n").unwrap(), (0..10_000).collect::<Vec<i64>>());
    assert_eq!(format!("{}", model.metadata.get("n").unwrap()), "[0, 1, 2, 3, 4, 5, 6, 7, … 10,000 in all]");
}

#[test]
fn an_array_of_another_kind_is_refused_with_what_it_is() {
    let model = open(&small().bytes()).unwrap();
    let text = model.strings("a.scores").unwrap_err().to_string();
    assert!(text.contains("key `a.scores`: expected an array of strings, found array of 2 f32"), "{text}");
    assert!(model.integers("a.u8").unwrap_err().to_string().contains("found u8 200"));
    assert!(model.floats("absent").unwrap_err().to_string().contains("no such key"));
}

#[test]
fn a_token_that_is_not_utf8_is_bytes_or_an_error_with_its_index() {
    let tokens = Kv::Array(8, vec![Kv::Str(b"ok".to_vec()), Kv::Str(vec![0xff, b'x'])]);
    let model = open(&GgufBuilder::new().kv("tokens", tokens).bytes()).unwrap();
    assert_eq!(model.byte_strings("tokens").unwrap()[1], [0xff, b'x']);
    let text = model.strings("tokens").unwrap_err().to_string();
    assert!(text.contains("key `tokens`, element 1: expected UTF-8"), "{text}");
}

#[test]
fn ggml_types_have_ggmls_names_and_sizes() {
    // Name, weights and bytes per block: gguf-py's GGML_QUANT_SIZES, except Q8_1 and Q2_0, which are ggml-common.h's.
    let table = [
        (0, "F32", 1, 4),
        (1, "F16", 1, 2),
        (2, "Q4_0", 32, 18),
        (3, "Q4_1", 32, 20),
        (6, "Q5_0", 32, 22),
        (7, "Q5_1", 32, 24),
        (8, "Q8_0", 32, 34),
        (9, "Q8_1", 32, 36),
        (10, "Q2_K", 256, 84),
        (11, "Q3_K", 256, 110),
        (12, "Q4_K", 256, 144),
        (13, "Q5_K", 256, 176),
        (14, "Q6_K", 256, 210),
        (15, "Q8_K", 256, 292),
        (16, "IQ2_XXS", 256, 66),
        (17, "IQ2_XS", 256, 74),
        (18, "IQ3_XXS", 256, 98),
        (19, "IQ1_S", 256, 50),
        (20, "IQ4_NL", 32, 18),
        (21, "IQ3_S", 256, 110),
        (22, "IQ2_S", 256, 82),
        (23, "IQ4_XS", 256, 136),
        (24, "I8", 1, 1),
        (25, "I16", 1, 2),
        (26, "I32", 1, 4),
        (27, "I64", 1, 8),
        (28, "F64", 1, 8),
        (29, "IQ1_M", 256, 56),
        (30, "BF16", 1, 2),
        (34, "TQ1_0", 256, 54),
        (35, "TQ2_0", 256, 66),
        (39, "MXFP4", 32, 17),
        (40, "NVFP4", 64, 36),
        (41, "Q1_0", 128, 18),
        (42, "Q2_0", 64, 18),
    ];
    for (id, name, weights, bytes) in table {
        let dtype = DType::from_ggml(id);
        assert_eq!((&*dtype.name(), dtype.block_len(), dtype.block_bytes()), (name, Some(weights), Some(bytes)), "type {id}");
        assert_eq!(dtype.byte_len(weights * 3, 5), Some(bytes * 15));
    }
    assert_eq!(DType::from_ggml(3).bits_per_weight(), Some(5.0));
    assert_eq!(DType::from_ggml(255).name(), "unknown type 255");
    assert_eq!(DType::from_ggml(31).name(), "type 31 (Q4_0_4_4, withdrawn)");
    assert_eq!(DType::Q4_0.byte_len(16, 1), None);
    assert_eq!(DType::F32.byte_len(1 << 62, 1), None);
    assert_eq!(DType::Q4_0.byte_len(32, (1 << 59) + 1), None, "2^64 weights are too many, even where their bytes aren't");
}

#[test]
fn any_part_opens_the_whole_set() {
    let folder = tempfile::tempdir().unwrap();
    let part = |n: u16| {
        GgufBuilder::new().kv("split.no", n).kv("split.count", 3_u16).kv("split.tensors.count", 3_i32).f32_tensor(
            &format!("t{n}"),
            &[1],
            &[f32::from(n)],
        )
    };
    part(0).kv("general.architecture", "llama").write(&folder.path().join("m-00001-of-00003.gguf"));
    part(1).write(&folder.path().join("m-00002-of-00003.gguf"));
    part(2).write(&folder.path().join("m-00003-of-00003.gguf"));
    for n in 1..=3 {
        let model = ModelFile::open(&folder.path().join(format!("m-0000{n}-of-00003.gguf"))).unwrap();
        assert_eq!(model.metadata.str("general.architecture"), Some("llama"), "the first part's metadata");
        assert_eq!(model.tensors.iter().map(|tensor| tensor.shard).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(model.read(model.tensor("t2").unwrap()).unwrap(), 2.0_f32.to_le_bytes());
        assert_eq!(model.paths().len(), 3);
        assert_eq!(model.bytes.0, model.paths().map(|path| fs::metadata(path).unwrap().len()).sum::<u64>());
    }
    assert_eq!(ModelFile::open(folder.path()).unwrap().tensors.len(), 3, "the set is the folder's only model");
}

#[test]
fn a_folder_with_one_model_stands_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let text = |folder: &std::path::Path| ModelFile::open(folder).unwrap_err().to_string();
    assert!(text(folder.path()).contains("it is empty"));
    fs::write(folder.path().join("config.json"), "{}").unwrap();
    assert!(text(folder.path()).contains("it holds config.json"));
    small().write(&folder.path().join("a.gguf"));
    small().write(&folder.path().join("mmproj-a.gguf"));
    assert!(ModelFile::open(folder.path()).unwrap().path.ends_with("a.gguf"), "a projector is a companion");
    small().write(&folder.path().join("b.gguf"));
    assert!(text(folder.path()).contains("2 models; open one of them: a.gguf, b.gguf"), "{}", text(folder.path()));
}

#[test]
fn a_file_that_changed_is_noticed() {
    let (_folder, path) = file("m.gguf", &small().bytes());
    let model = ModelFile::open(&path).unwrap();
    model.check_unchanged().unwrap();
    let weights = model.tensor("weights").unwrap().clone();

    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(weights.offset + 8).unwrap();
    let text = model.read(&weights).unwrap_err().to_string();
    assert!(text.contains("tensor `weights`") && text.contains("changed since it was opened"), "{text}");
    assert!(model.check_unchanged().unwrap_err().to_string().contains("changed since it was opened"));

    fs::remove_file(&path).unwrap();
    assert!(matches!(model.check_unchanged(), Err(Error::Open { .. })));
}

#[test]
fn a_replaced_file_is_noticed() {
    let (folder, path) = file("m.gguf", &small().bytes());
    let model = ModelFile::open(&path).unwrap();
    let other = folder.path().join("other");
    small().write(&other);
    fs::rename(&other, &path).unwrap();
    assert!(model.check_unchanged().is_err());
    assert!(model.read(model.tensor("norm").unwrap()).is_ok(), "what is open is still what was opened");
}

#[test]
fn reading_outside_a_tensor_is_an_error() {
    let model = open(&small().bytes()).unwrap();
    let norm = model.tensor("norm").unwrap();
    assert!(model.read_into(norm, 8, &mut [0; 5]).is_err());
    assert!(model.read_into(norm, u64::MAX, &mut [0; 5]).is_err());
    let stranger = TensorInfo { shard: 7, ..norm.clone() };
    assert!(model.read(&stranger).is_err());
}

#[test]
fn the_starter_model_is_read_as_gguf_py_reads_it() {
    let Some(path) = starter() else {
        eprintln!("skipped: the starter model isn't on this machine");
        return;
    };
    let model = ModelFile::open(&path).unwrap();
    assert_eq!((model.format, model.bytes, model.tensors.len()), (Format::Gguf { version: 3 }, Bytes(98_362_432), 272));
    assert!(model.warnings.is_empty(), "{:?}", model.warnings);
    assert_eq!(model.tensors.iter().map(TensorInfo::elements).sum::<u64>(), 134_515_008);
    assert_eq!(model.metadata.str("general.architecture"), Some("llama"));
    assert_eq!(model.metadata.u64("llama.block_count"), Some(30));
    let embedding = model.tensor("token_embd.weight").unwrap();
    assert_eq!(embedding.shape, [49_152, 576]);
    assert_eq!((embedding.dtype, embedding.offset, embedding.bytes), (DType::Q8_0, 1_785_664, Bytes(30_081_024)));
    let tokens = model.strings("tokenizer.ggml.tokens").unwrap();
    assert_eq!((tokens.len(), tokens[1].as_str()), (49_152, "<|im_start|>"));
    assert_eq!(model.strings("tokenizer.ggml.merges").unwrap().len(), 48_900);
    assert_eq!(model.tensors.iter().map(TensorInfo::end).max(), Some(98_362_432));
    model.check_unchanged().unwrap();
}

/// A small file without long arrays, for changing every byte of it.
fn tiny() -> Vec<u8> {
    GgufBuilder::new()
        .kv("general.architecture", "llama")
        .kv("a.u32", 1_u32)
        .kv("a.words", vec!["x", "yy"])
        .kv("a.numbers", vec![1_i32, 2])
        .f32_tensor("t", &[2, 2], &[1.0; 4])
        .tensor("q", &[32], ggml::Q8_0, vec![3; 34])
        .bytes()
}

/// Opens and reads everything that can be read; the point is that it returns.
fn exercise(bytes: &[u8]) {
    let Ok(model) = open(bytes) else { return };
    for (key, value) in model.metadata.iter() {
        assert!(value.to_string().len() < 4096);
        if value.as_array().is_some() {
            let _found = (model.strings(key), model.byte_strings(key), model.integers(key), model.floats(key));
        }
    }
    for tensor in &model.tensors {
        let read = model.read(tensor);
        assert_eq!(read.is_ok(), tensor.problem.is_none(), "{tensor:?}: {read:?}");
    }
}

#[test]
fn every_prefix_is_ok_or_an_error() {
    let bytes = tiny();
    for len in 0..bytes.len() {
        exercise(&bytes[..len]);
        assert!(open(&bytes[..len]).is_err() || len > bytes.len() - 128, "a header cut at {len} can't be read");
    }
}

#[test]
fn every_flipped_bit_is_ok_or_an_error() {
    let bytes = tiny();
    let data_start = open(&bytes).unwrap().tensors[0].offset;
    for at in 0..usize::try_from(data_start).unwrap() {
        for bit in 0..8 {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << bit;
            exercise(&bytes);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn any_bytes_are_ok_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        exercise(&bytes);
    }

    #[test]
    fn any_bytes_after_a_header_are_ok_or_an_error(
        version in 0_u32..5, n_tensors in 0_u64..6, n_entries in 0_u64..6,
        rest in proptest::collection::vec(prop_oneof![Just(0_u8), Just(8), Just(9), 0_u8..14, any::<u8>()], 0..512),
    ) {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(version.to_le_bytes());
        bytes.extend(n_tensors.to_le_bytes());
        bytes.extend(n_entries.to_le_bytes());
        bytes.extend(rest);
        exercise(&bytes);
    }

    #[test]
    fn any_damage_to_a_small_file_is_ok_or_an_error(
        at in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = tiny();
        for (index, byte) in at {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        exercise(&bytes);
    }
}
