//! Writing a model as another quantization: what stays, what is refused, and that a file is whole or not there.

use std::path::Path;
use std::process::{Command, Stdio};

use ponder::error::Error;
use ponder::file::{DType, ModelFile};
use ponder::inspect::Model;
use ponder::lab::distortion::{self, Against};
use ponder::lab::label::Label;
use ponder::lab::mix::{Mix, Recipe};
use ponder::lab::quantize;

use crate::cli::Shell;
use crate::support::gguf_writer::{GgufBuilder, Kv, ggml};
use crate::support::loaded::{FAST, load, open, pool};
use crate::support::tiny_llama::TinyLlama;

/// Rows of 256, as K quants need.
fn wide() -> TinyLlama {
    TinyLlama { n_embd: 256, n_ff: 512, n_heads: 8, n_kv_heads: 2, tied_head: false, gain: 3.0, ..TinyLlama::default() }
}

fn write_to(model: &Model, label: Label, out: &Path) -> Result<ponder::units::Bytes, Error> {
    let mix = Mix::of(model, &Recipe::of(label))?;
    quantize::write(model, &mix, out, &pool(2), &mut |_| true)
}

/// What lies in a folder.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn metadata_stays_and_says_what_the_file_became() {
    let nested = Kv::Array(9, vec![Kv::Array(4, vec![Kv::U32(1), Kv::U32(2)]), Kv::Array(4, vec![Kv::U32(3)])]);
    let builder = wide()
        .gguf()
        .align(64)
        .kv("split.no", 0_u32)
        .kv("own.empty", "")
        .kv("own.numbers", vec![1.5_f32, -2.0])
        .kv("own.flag", true)
        .kv("own.nested", nested)
        .kv("own.last", vec!["a".to_owned(), "ß".to_owned(), String::new()]);
    let (folder, path) = crate::support::file("in.gguf", &builder.bytes());
    let out = folder.path().join("out.gguf");
    let model = open(&path);
    let bytes = write_to(&model, Label::Q4KM, &out).unwrap();
    let written = ModelFile::open(&out).unwrap();
    assert_eq!(written.bytes, bytes);
    assert_eq!(written.warnings, Vec::<String>::new());
    let of = |file: &ModelFile| -> Vec<(String, String)> {
        file.metadata.iter().map(|(key, value)| (key.to_owned(), value.to_string())).collect()
    };
    let changed = ["general.file_type", "general.quantization_version", "split.no"];
    let kept = |file: &ModelFile| of(file).into_iter().filter(|(key, _)| !changed.contains(&key.as_str())).collect::<Vec<_>>();
    assert_eq!(kept(&written), kept(&model.file));
    assert_eq!(written.strings("own.last").unwrap(), ["a", "ß", ""]);
    assert_eq!((written.metadata.u64("general.file_type"), written.metadata.u64("general.quantization_version")), (Some(15), Some(2)));
    assert_eq!(written.metadata.get("split.no"), None);
    let shapes = |file: &ModelFile| file.tensors.iter().map(|tensor| (tensor.name.clone(), tensor.shape.clone())).collect::<Vec<_>>();
    assert_eq!(shapes(&written), shapes(&model.file));
    assert!(written.tensors.iter().all(|tensor| tensor.offset.is_multiple_of(64)));
    assert_eq!(names(folder.path()), ["in.gguf", "out.gguf"]);
}

#[test]
fn every_label_writes_a_file_whose_tensors_are_what_the_mix_says() {
    let (folder, path) = crate::support::file("in.gguf", &wide().gguf().bytes());
    let model = open(&path);
    for label in Label::ALL {
        let out = folder.path().join("out.gguf");
        write_to(&model, label, &out).unwrap();
        let written = open(&out);
        let mix = Mix::of(&model, &Recipe::of(label)).unwrap();
        for (tensor, assigned) in written.file.tensors.iter().zip(&mix.tensors) {
            assert_eq!((tensor.dtype, tensor.bytes), (assigned.to, assigned.bytes), "{} {}", label.name(), tensor.name);
        }
        if matches!(label, Label::Iq4Nl | Label::Iq4Xs) {
            continue;
        }
        // What was written is what rounding in memory gives.
        let rounded = distortion::measure(&model, Against::Mix(&mix), &pool(2), &mut |_, _| true).unwrap();
        let read = distortion::measure(&model, Against::File(&written), &pool(2), &mut |_, _| true).unwrap();
        assert_eq!(rounded, read, "{}", label.name());
        assert!(load(&out, FAST).all(&crate::engine::tokens(20)).iter().all(|x| x.is_finite()), "{}", label.name());
    }
}

#[test]
fn a_file_can_be_written_anew_over_another_and_from_packed_types() {
    let (folder, path) = crate::support::file("in.gguf", &TinyLlama { matrices: ggml::Q6_K, ..wide() }.gguf().bytes());
    let out = folder.path().join("out.gguf");
    std::fs::write(&out, b"something older").unwrap();
    write_to(&open(&path), Label::Q8_0, &out).unwrap();
    assert_eq!(open(&out).file.tensor("blk.0.attn_q.weight").unwrap().dtype, DType::Q8_0);
}

#[test]
fn the_model_itself_is_never_written_over() {
    let (folder, path) = crate::support::file("in.gguf", &wide().gguf().bytes());
    let before = std::fs::read(&path).unwrap();
    let around = folder.path().join(".").join("in.gguf");
    for out in [&path, &around] {
        let error = write_to(&open(&path), Label::Q8_0, out).unwrap_err().to_string();
        assert!(error.contains("another name"), "{error}");
    }
    assert!(std::fs::read(&path).unwrap() == before);
}

#[test]
fn a_stop_leaves_what_was_there() {
    let (folder, path) = crate::support::file("in.gguf", &wide().gguf().bytes());
    let out = folder.path().join("out.gguf");
    std::fs::write(&out, b"something older").unwrap();
    let model = open(&path);
    let mix = Mix::of(&model, &Recipe::of(Label::Q4KM)).unwrap();
    for stop_at in [0, 3, 10] {
        let result = quantize::write(&model, &mix, &out, &pool(2), &mut |progress| progress.index < stop_at);
        assert_eq!(result.unwrap_err(), Error::Cancelled);
        assert_eq!(std::fs::read(&out).unwrap(), b"something older");
        assert_eq!(names(folder.path()), ["in.gguf", "out.gguf"]);
    }
}

#[test]
fn progress_reaches_the_whole_and_names_each_tensor() {
    let (folder, path) = crate::support::file("in.gguf", &wide().gguf().bytes());
    let model = open(&path);
    let mix = Mix::of(&model, &Recipe::of(Label::Q4KM)).unwrap();
    let (mut seen, mut last) = (Vec::new(), None);
    let told = &mut |progress: quantize::Progress<'_>| {
        seen.push(progress.tensor.name.clone());
        last = Some((progress.done, progress.total));
        true
    };
    quantize::write(&model, &mix, &folder.path().join("out.gguf"), &pool(2), told).unwrap();
    seen.dedup();
    assert_eq!(seen, model.file.tensors.iter().map(|tensor| tensor.name.clone()).collect::<Vec<_>>());
    let (done, total) = last.unwrap();
    assert_eq!((done, total), (model.tensor_bytes(), model.tensor_bytes()));
}

#[test]
fn what_cannot_be_written_says_so() {
    let (folder, path) = crate::support::file("in.gguf", &wide().gguf().bytes());
    let error = |out: &Path| write_to(&open(&path), Label::Q8_0, out).unwrap_err().to_string();
    assert!(error(folder.path()).contains("is a folder"));
    assert!(error(&folder.path().join("no/such/folder.gguf")).contains("make sure that the folder exists"));
    let mut tensors = wide().tensors();
    let mut values = tensors[2].values.clone();
    values[5] = f32::NAN;
    tensors[2].set(values);
    let name = tensors[2].name.clone();
    std::fs::write(&path, wide().gguf_of(&tensors).bytes()).unwrap();
    let error = error(&folder.path().join("out.gguf"));
    assert!(error.contains(&name) && error.contains("not numbers"), "{error}");
    assert_eq!(names(folder.path()), ["in.gguf"]);
}

#[test]
fn a_damaged_source_is_refused() {
    let bytes = wide().gguf().bytes();
    let (folder, path) = crate::support::file("in.gguf", &bytes[..bytes.len() - 5000]);
    let error = write_to(&open(&path), Label::Q8_0, &folder.path().join("out.gguf")).unwrap_err().to_string();
    assert!(error.contains("short"), "{error}");
    assert_eq!(names(folder.path()), ["in.gguf"]);
}

/// A limit on the size of files stands for a disk that is full: the system refuses to write on.
#[cfg(unix)]
#[test]
fn a_full_disk_is_a_clear_message_and_no_file() {
    let shell = Shell::with(&wide().gguf());
    let mut command = Command::new("sh");
    let script = r#"trap '' XFSZ; ulimit -f 100; exec "$0" quantize tiny.gguf out.gguf --to q8_0"#;
    command.args(["-c", script, env!("CARGO_BIN_EXE_ponder")]).current_dir(shell.path(".")).env("PONDER_HOME", shell.path("home"));
    let output = command.stdin(Stdio::null()).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("out.gguf") && error.contains("free some space"), "{error}");
    assert!(!names(&shell.path(".")).iter().any(|name| name == "out.gguf" || name.starts_with(".ponder")));
}

#[test]
fn the_command_says_what_the_label_became() {
    let shell = Shell::with(&wide().gguf());
    let plan = shell.json(&["quantize", "tiny.gguf", "out.gguf", "--to", "q4_k_m", "--keep", "attn_k=f16", "--dry-run"]);
    assert_eq!((plan["label"].as_str(), plan["file_bytes"].as_u64()), (Some("Q4_K_M but attn_k F16"), None));
    assert!(!shell.path("out.gguf").exists());
    let done = shell.json(&["quantize", "tiny.gguf", "out.gguf", "--to", "Q4_K_M", "--keep", "attn_k=f16"]);
    assert_eq!(done["file_bytes"].as_u64(), Some(std::fs::metadata(shell.path("out.gguf")).unwrap().len()));
    assert_eq!((&done["mix"], &done["bits_per_weight"]), (&plan["mix"], &plan["bits_per_weight"]));
    let inspected = shell.json(&["inspect", "out.gguf"]);
    let dtype = |name: &str| {
        inspected["tensors"].as_array().unwrap().iter().find(|tensor| tensor["name"] == name).map(|tensor| tensor["dtype"].clone()).unwrap()
    };
    assert_eq!((dtype("blk.0.attn_k.weight"), dtype("output.weight")), ("F16".into(), "Q6_K".into()));
    let found = shell.json(&["distortion", "tiny.gguf", "out.gguf"]);
    let first = &found["tensors"][0];
    for key in ["name", "dtype", "bits_per_weight", "rmse", "relative_rmse", "max_error", "cosine"] {
        assert!(!first[key].is_null(), "{key} in {first}");
    }
    let made = shell.json(&["distortion", "tiny.gguf", "q4_k_m", "--keep", "attn_k=f16"]);
    assert_eq!(made, found);
}

/// A builder's file with one tensor more.
fn with_tensor(builder: GgufBuilder, name: &str, values: &[f32]) -> GgufBuilder {
    builder.f32_tensor(name, &[values.len() as u64 / 32, 32], values)
}

#[test]
fn distortion_is_that_of_the_formulas() {
    let values: Vec<f32> = (0..64_u8).map(|i| f32::from(i) - 31.5).collect();
    let moved: Vec<f32> = values.iter().enumerate().map(|(i, x)| if i % 2 == 0 { x + 0.25 } else { x - 0.75 }).collect();
    let builder = || GgufBuilder::new().kv("general.architecture", "llama");
    let (_a, first) = crate::support::file("a.gguf", &with_tensor(with_tensor(builder(), "w", &values), "only", &values).bytes());
    let (_b, second) = crate::support::file("b.gguf", &with_tensor(builder(), "w", &moved).bytes());
    let found = distortion::measure(&open(&first), Against::File(&open(&second)), &pool(2), &mut |_, _| true).unwrap();
    assert_eq!(found.len(), 1, "what only one of them has is not compared");
    let square = |x: f32| f64::from(x).powi(2);
    let rmse = f64::midpoint(0.25_f64.powi(2), 0.75_f64.powi(2)).sqrt();
    let spread = (values.iter().map(|&x| square(x)).sum::<f64>() / 64.0).sqrt();
    let product: f64 = values.iter().zip(&moved).map(|(a, b)| f64::from(a * b)).sum();
    let lengths = (values.iter().map(|&x| square(x)).sum::<f64>() * moved.iter().map(|&x| square(x)).sum::<f64>()).sqrt();
    let near = |a: f64, b: f64| assert!((a / b - 1.0).abs() < 1e-9, "{a} and {b}");
    near(found[0].rmse, rmse);
    near(found[0].relative_rmse, rmse / spread);
    near(found[0].max_error, 0.75);
    near(found[0].cosine, product / lengths);
}

#[test]
fn distortion_of_other_shapes_and_strangers_is_refused_and_stops_when_asked() {
    let builder = || GgufBuilder::new().kv("general.architecture", "llama");
    let (_a, a) = crate::support::file("a.gguf", &with_tensor(builder(), "w", &[1.0; 64]).bytes());
    let (_b, b) = crate::support::file("b.gguf", &with_tensor(builder(), "w", &[1.0; 96]).bytes());
    let (_c, c) = crate::support::file("c.gguf", &with_tensor(builder(), "v", &[1.0; 64]).bytes());
    let error =
        |other: &Path| distortion::measure(&open(&a), Against::File(&open(other)), &pool(2), &mut |_, _| true).unwrap_err().to_string();
    assert!(error(&b).contains("`w`") && error(&b).contains("[3, 32]"), "{}", error(&b));
    assert!(error(&c).contains("no tensor in common"), "{}", error(&c));
    assert_eq!(distortion::measure(&open(&a), Against::File(&open(&a)), &pool(2), &mut |_, _| false).unwrap_err(), Error::Cancelled);
}
