//! The headless commands as a shell sees them: what they print, where, and how they end. The real binary on small files.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::gguf_writer::GgufBuilder;
use crate::support::tiny_llama::TinyLlama;

/// A folder with a model and texts, and the program in it.
pub struct Shell {
    folder: TempDir,
}

impl Shell {
    pub fn new() -> Self {
        Self::with(&llama().gguf())
    }

    /// With this file as `tiny.gguf`.
    pub fn with(model: &GgufBuilder) -> Self {
        let shell = Self { folder: tempfile::tempdir().unwrap() };
        shell.write("tiny.gguf", &model.bytes());
        shell.write("text.txt", b"The quick brown fox jumps over the lazy dog, again and again.");
        shell
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    /// The program in the folder, without a display, with a home of its own.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ponder"));
        command.args(args).current_dir(self.folder.path()).env("PONDER_HOME", self.path("home"));
        command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").env_remove("WAYLAND_SOCKET").stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// What a command says with `--json`: one object on one line and nothing else.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> Value {
        let output = self.run(&[args, &["--json"]].concat());
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{args:?}: {err}");
        assert_eq!(out.matches('\n').count(), 1, "{args:?} prints one line: {out}");
        let value: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{args:?}: {error} in {out}"));
        assert!(value.is_object(), "{args:?}: {out}");
        value
    }

    /// A command that fails: the line it says.
    #[track_caller]
    pub fn complaint(&self, args: &[&str]) -> String {
        complaint(args, &self.run(args))
    }
}

#[track_caller]
fn complaint(args: &[&str], output: &Output) -> String {
    let err = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{args:?}: {err}");
    assert_eq!(text(&output.stdout), "", "{args:?}");
    assert!(err.starts_with("ponder: ") && err.ends_with('\n') && err.matches('\n').count() == 1, "{args:?}: {err}");
    err
}

fn llama() -> TinyLlama {
    TinyLlama { gain: 3.0, ..TinyLlama::default() }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[track_caller]
pub fn has(value: &Value, keys: &[&str]) {
    for key in keys {
        assert!(value.get(key).is_some(), "no `{key}` in {value}");
    }
}

fn numbers(value: &Value) -> Vec<u64> {
    value.as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect()
}

// --- what each prints

#[test]
fn inspect_prints_what_the_file_is() {
    let value = Shell::new().json(&["inspect", "tiny.gguf"]);
    has(&value, &["format", "architecture", "family", "parameters", "file_bytes", "tensor_count", "metadata", "runtimes", "warnings"]);
    has(&value["tensors"][0], &["name", "shape", "dtype", "bytes", "offset", "role"]);
    has(&value["parts"][0], &["name", "bytes", "tensors"]);
    has(&value["precision"][0], &["storage", "resident", "compute", "accumulate", "kernel", "tensors", "bytes"]);
    has(&value["runs_here"], &["ok", "loader", "memory", "kernel", "why"]);
    has(&value["runtimes"][0], &["name", "ok", "why"]);
    assert_eq!((&value["architecture"], &value["runs_here"]["ok"]), (&Value::from("llama"), &Value::from(true)));
    assert_eq!(value["tensors"][0]["shape"], serde_json::json!([259, 64]), "as numpy has it");
}

#[test]
fn inspect_of_a_file_that_cannot_run_succeeds() {
    let shell = Shell::with(&llama().gguf().set("general.architecture", "mystery"));
    let value = shell.json(&["inspect", "tiny.gguf"]);
    assert_eq!(value["runs_here"]["ok"], false);
    assert!(value["runs_here"]["why"].as_str().unwrap().contains("mystery"));
    assert!(shell.run(&["inspect", "tiny.gguf"]).status.success());
    assert!(shell.complaint(&["run", "tiny.gguf", "--prompt", "x"]).contains("mystery"));
}

#[test]
fn plan_prints_what_it_would_cost() {
    let shell = Shell::new();
    let value = shell.json(&["plan", "tiny.gguf", "--context", "300", "--kv", "f32"]);
    let parts = ["weights", "kv_cache", "activations", "staging", "tokenizer"];
    has(&value, &parts);
    has(&value, &["total", "peak", "available", "fits", "max_context", "curve", "rule_of_thumb"]);
    has(&value["curve"][0], &["context", "total"]);
    // Two layers, 512 tokens in whole blocks, 32 keys and values of four bytes.
    assert_eq!(value["kv_cache"], 2 * 512 * 2 * 32 * 4);
    let sum: u64 = parts.iter().filter(|part| **part != "staging").map(|part| value[part].as_u64().unwrap()).sum();
    assert_eq!(value["total"], sum);
    let half = shell.json(&["plan", "tiny.gguf", "--context", "300", "--kv", "f16"]);
    assert_eq!(half["kv_cache"], 512 * 2 * 2 * 32 * 2);
    assert_eq!(shell.json(&["plan", "tiny.gguf"])["context"], 512, "what the model was trained for");
    let too_long = shell.complaint(&["plan", "tiny.gguf", "--context", "513"]);
    assert!(too_long.contains("513") && too_long.contains("512") && too_long.contains("tiny.gguf"), "{too_long}");
    shell.complaint(&["plan", "tiny.gguf", "--context", "18446744073709551615"]);
}

#[test]
fn run_prints_an_answer() {
    let shell = Shell::new();
    let args = ["run", "tiny.gguf", "--prompt", "Hello", "--max-tokens", "7", "--temperature", "0", "--context", "300", "--threads", "2"];
    let value = shell.json(&args);
    has(&value, &["text", "prompt_tokens", "prefill_tps", "decode_tps", "load_seconds", "first_token_seconds"]);
    assert_eq!((numbers(&value["tokens"]).len(), &value["stop_reason"]), (7, &Value::from("max_tokens")));
    let memory = &value["memory"];
    has(memory, &["resident", "resident_peak"]);
    has(&memory["planned"], &["weights", "kv_cache", "activations", "staging", "tokenizer", "total"]);
    has(&memory["charged"], &["weights", "kv_cache", "total"]);
    has(&memory["counted"], &["activations", "tokenizer", "total"]);
    assert_eq!(memory["planned"]["weights"], memory["charged"]["weights"]);
    assert_eq!(memory["charged"]["kv_cache"], 256 * 2 * 2 * 32 * 2, "one block");
    let again = shell.json(&args);
    assert_eq!((&value["tokens"], &value["text"]), (&again["tokens"], &again["text"]));
    let plain = shell.run(&args);
    assert_eq!(String::from_utf8_lossy(&plain.stdout).trim_end_matches('\n'), value["text"].as_str().unwrap().trim_end_matches('\n'));
}

#[test]
fn run_takes_the_prompt_raw_or_through_the_template() {
    let shell = Shell::new();
    let tokens = |more: &[&str]| {
        let args = [&["run", "tiny.gguf", "--prompt", "Hello", "--max-tokens", "1"], more].concat();
        shell.json(&args)["prompt_tokens"].as_u64().unwrap()
    };
    assert_eq!(tokens(&["--raw"]), 5);
    // <|im_start|> user \n Hello <|im_end|> \n <|im_start|> assistant \n
    assert_eq!(tokens(&[]), 1 + 5 + 5 + 1 + 1 + 1 + 10);
    // <|im_start|> system \n Be brief <|im_end|> \n
    assert_eq!(tokens(&["--system", "Be brief"]), 24 + 1 + 7 + 8 + 1 + 1);
}

#[test]
fn run_follows_its_settings() {
    let shell = Shell::new();
    let run = |more: &[&str]| {
        shell.json(&[&["run", "tiny.gguf", "--prompt", "Hello", "--max-tokens", "20", "--temperature", "2"], more].concat())
    };
    assert_eq!(run(&["--seed", "5"])["tokens"], run(&["--seed", "5"])["tokens"]);
    assert_ne!(run(&["--seed", "5"])["tokens"], run(&["--seed", "6"])["tokens"]);
    assert_eq!(run(&["--top-k", "1", "--seed", "1"])["tokens"], run(&["--top-k", "1", "--seed", "2"])["tokens"]);
    let full = shell.json(&["run", "tiny.gguf", "--prompt", "Hello", "--context", "40", "--temperature", "0", "--kv", "f32"]);
    assert!(["context_full", "end_of_turn"].contains(&full["stop_reason"].as_str().unwrap()));
    let error = shell.complaint(&["run", "tiny.gguf", "--prompt", "Hello", "--context", "20"]);
    assert!(error.contains("24") && error.contains("20"), "{error}");
}

#[test]
fn tokenize_adds_the_first_token_as_the_file_says_and_never_twice() {
    let tokens = |model: &GgufBuilder, content: &str, more: &[&str]| {
        let shell = Shell::with(model);
        shell.write("text.txt", content.as_bytes());
        numbers(&shell.json(&[&["tokenize", "tiny.gguf", "--text-file", "text.txt"], more].concat())["tokens"])
    };
    let without = llama().gguf();
    let with = llama().gguf().set("tokenizer.ggml.add_bos_token", true);
    let hi: Vec<u64> = tokens(&without, "hi", &[]);
    assert_eq!(hi.len(), 2);
    assert_eq!(tokens(&with, "hi", &[]), [&[256], &hi[..]].concat());
    assert_eq!(tokens(&with, "<|endoftext|>hi", &["--special"]), [&[256], &hi[..]].concat());
    assert_eq!(tokens(&without, "<|im_end|>hi", &["--special"]), [&[258], &hi[..]].concat());
    assert_eq!(tokens(&without, "<|im_end|>", &[]).len(), 10);
    assert_eq!(tokens(&with, "", &[]), [256]);
    assert!(tokens(&without, "", &[]).is_empty());
    let plain = Shell::with(&with).run(&["tokenize", "tiny.gguf", "--text-file", "text.txt"]);
    assert!(text(&plain.stdout).starts_with("256,"));
}

/// A `.npy` of F32 `[rows, cols]`, as numpy's format description has it.
fn npy(path: &Path) -> (usize, usize, Vec<f32>) {
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
    let len = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    assert_eq!((10 + len) % 64, 0, "aligned");
    let header = text(&bytes[10..10 + len]);
    assert!(header.contains("'descr': '<f4'") && header.contains("'fortran_order': False") && header.ends_with('\n'), "{header}");
    let shape = header.split_once("'shape': (").unwrap().1.split_once(')').unwrap().0;
    let dims: Vec<usize> = shape.split(',').map(|n| n.trim().parse().unwrap()).collect();
    let values: Vec<f32> = bytes[10 + len..].chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    assert_eq!(values.len(), dims[0] * dims[1]);
    (dims[0], dims[1], values)
}

#[test]
fn logits_are_printed_and_written() {
    let shell = Shell::new();
    let list = (0..100).map(|n| (n * 7 % 259).to_string()).collect::<Vec<_>>().join(",");
    let logits =
        |more: &[&str]| shell.json(&[&["logits", "tiny.gguf", "--tokens", &list, "--out", "out.npy", "--top", "3"], more].concat());
    let all = logits(&["--all"]);
    let (rows, cols, values) = npy(&shell.path("out.npy"));
    assert_eq!((rows, cols), (100, 259));
    let positions = all["positions"].as_array().unwrap();
    assert_eq!(positions.len(), 100);
    for (row, position) in values.chunks(cols).zip(positions) {
        let top = position["top"].as_array().unwrap();
        assert_eq!(top.len(), 3);
        let mut best = row.to_vec();
        best.sort_by(|a, b| b.total_cmp(a));
        for (entry, best) in top.iter().zip(best) {
            let (token, logit) = (usize::try_from(entry[0].as_u64().unwrap()).unwrap(), entry[1].as_f64().unwrap());
            assert!((logit - f64::from(best)).abs() < 1e-9 && row[token].to_bits() == best.to_bits(), "{entry} in place of {best}");
        }
    }
    for (more, kept) in [(&[][..], 1), (&["--last", "5"], 5), (&["--all", "--last", "70"], 70), (&["--last", "1000"], 100)] {
        for step in [false, true] {
            let value = logits(&[more, if step { &["--step"] } else { &[] }].concat());
            assert_eq!(value["positions"].as_array().unwrap().len(), kept);
            let (rows, _, some) = npy(&shell.path("out.npy"));
            assert_eq!(rows, kept);
            let worst = some.iter().zip(&values[(100 - kept) * cols..]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-4, "{more:?}, step {step}: {worst}");
        }
    }
    let exact = logits(&["--exact"]);
    assert_eq!(exact["positions"][0]["top"][0][0], all["positions"][99]["top"][0][0]);
    let silent = shell.run(&["logits", "tiny.gguf", "--tokens", "1,2", "--out", "out.npy"]);
    assert!(silent.status.success() && silent.stdout.is_empty() && silent.stderr.is_empty());
}

#[test]
fn numbers_that_are_none_are_strings() {
    let llama = llama();
    let mut tensors = llama.tensors();
    let norm = tensors.iter_mut().find(|tensor| tensor.name == "output_norm.weight").unwrap();
    norm.set(vec![f32::NAN; 64]);
    let shell = Shell::with(&llama.gguf_of(&tensors));
    assert_eq!(shell.json(&["logits", "tiny.gguf", "--tokens", "1"])["positions"][0]["top"][0][1], "nan");
    assert_eq!(shell.json(&["perplexity", "tiny.gguf", "--text-file", "text.txt", "--chunk", "16"])["ppl"], "nan");
    assert!(shell.complaint(&["run", "tiny.gguf", "--prompt", "x"]).contains("damaged"));
}

#[test]
fn bench_prints_speeds_and_what_a_token_reads() {
    let shell = Shell::new();
    let bench =
        |more: &[&str]| shell.json(&[&["bench", "tiny.gguf", "--prompt", "100", "--generate", "4", "--repeat", "2"], more].concat());
    let value = bench(&["--threads", "2"]);
    has(&value, &["bandwidth_gbps", "read_bandwidth", "share_of_read_bandwidth"]);
    for phase in ["prefill", "decode"] {
        let times = value["time_by_operation"][phase].as_object().unwrap();
        assert!(times.len() == 9 && times.values().all(|seconds| seconds.as_f64().unwrap() > 0.0), "{times:?}");
    }
    let reads = value["bandwidth_gbps"].as_f64().unwrap() * 1e9 / value["read_bandwidth"].as_f64().unwrap();
    assert!((value["share_of_read_bandwidth"].as_f64().unwrap() - reads).abs() < 1e-9);
    assert_eq!(value["threads"], 2);
    for key in ["prefill_tps", "decode_tps"] {
        let speeds = value[key].as_array().unwrap();
        assert!(speeds.len() == 2 && speeds.iter().all(|speed| speed.as_f64().unwrap() > 0.0), "{speeds:?}");
    }
    // 102 positions of 2 layers, 32 keys and values: two bytes each, or four.
    let kv = |bytes: u64| 102 * 2 * 2 * 32 * bytes;
    let weights = value["bytes_per_token"].as_u64().unwrap() - kv(2);
    assert_eq!(bench(&["--exact"])["bytes_per_token"].as_u64().unwrap() - kv(4), weights);
    assert_eq!(bench(&["--depth", "50"])["bytes_per_token"].as_u64().unwrap() - weights, kv(2) / 102 * 152);
    let no_room = shell.complaint(&["bench", "tiny.gguf", "--depth", "500"]);
    assert!(no_room.contains("512"), "{no_room}");
    shell.complaint(&["bench", "tiny.gguf", "--depth", "18446744073709551615"]);
    shell.complaint(&["bench", "tiny.gguf", "--prompt", "0"]);
}

#[test]
fn perplexity_is_that_of_the_logits() {
    let shell = Shell::new();
    // 61 bytes are 61 tokens: three chunks of 20, of each the last half but one.
    let value = shell.json(&["perplexity", "tiny.gguf", "--text-file", "text.txt", "--chunk", "20", "--exact"]);
    has(&value, &["ppl", "stderr", "tokens"]);
    assert_eq!(value["tokens"], 3 * 9);
    let tokens = numbers(&shell.json(&["tokenize", "tiny.gguf", "--text-file", "text.txt"])["tokens"]);
    assert_eq!(tokens.len(), 61);
    let mut surprises = Vec::new();
    for chunk in tokens.chunks_exact(20) {
        let list = chunk.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
        shell.run(&["logits", "tiny.gguf", "--tokens", &list, "--all", "--exact", "--out", "chunk.npy"]);
        let (_, cols, values) = npy(&shell.path("chunk.npy"));
        for (row, &next) in values.chunks(cols).zip(&chunk[1..]).skip(10) {
            let total: f64 = row.iter().map(|x| f64::from(*x).exp()).sum();
            surprises.push(total.ln() - f64::from(row[usize::try_from(next).unwrap()]));
        }
    }
    let expected = (surprises.iter().sum::<f64>() / 27.0).exp();
    let found = value["ppl"].as_f64().unwrap();
    assert!((found / expected - 1.0).abs() < 1e-4, "{found} in place of {expected}");
    let short = shell.complaint(&["perplexity", "tiny.gguf", "--text-file", "text.txt", "--chunk", "100", "--json"]);
    assert!(short.contains("text.txt") && short.contains("61") && short.contains("100"), "{short}");
    for chunk in ["0", "3"] {
        shell.complaint(&["perplexity", "tiny.gguf", "--text-file", "text.txt", "--chunk", chunk, "--json"]);
    }
}

#[test]
fn without_json_there_is_text() {
    let shell = Shell::new();
    for args in [
        &["inspect", "tiny.gguf"][..],
        &["plan", "tiny.gguf"],
        &["tokenize", "tiny.gguf", "--text-file", "text.txt"],
        &["logits", "tiny.gguf", "--tokens", "1,2,3"],
        &["bench", "tiny.gguf", "--prompt", "8", "--generate", "2", "--repeat", "1"],
        &["perplexity", "tiny.gguf", "--text-file", "text.txt", "--chunk", "20"],
        &["--help"],
        &["--version"],
    ] {
        let output = shell.run(args);
        assert!(output.status.success() && !output.stdout.is_empty(), "{args:?}: {}", text(&output.stderr));
    }
}

// --- how they fail

#[test]
fn failures_are_one_line_with_file_and_place() {
    let shell = Shell::new();
    let whole = std::fs::read(shell.path("tiny.gguf")).unwrap();
    shell.write("cut.gguf", &whole[..whole.len() - 5_000]);
    shell.write("pointer.gguf", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n");
    shell.write("page.gguf", b"<!DOCTYPE html><html></html>");
    shell.write("latin.txt", b"caf\xe9");
    std::fs::create_dir(shell.path("empty")).unwrap();
    for (args, expected) in [
        (&["inspect", "nowhere.gguf"][..], &["nowhere.gguf"][..]),
        (&["inspect", "nowhere.gguf", "--json"], &["nowhere.gguf"]),
        (&["inspect", "pointer.gguf"], &["pointer.gguf", "LFS"]),
        (&["plan", "page.gguf"], &["page.gguf", "HTML"]),
        (&["inspect", "empty"], &["empty"]),
        (&["run", "cut.gguf", "--prompt", "x", "--json"], &["cut.gguf"]),
        (&["tokenize", "tiny.gguf", "--text-file", "none.txt"], &["none.txt"]),
        (&["tokenize", "tiny.gguf", "--text-file", "latin.txt"], &["latin.txt", "byte 3", "UTF-8"]),
        (&["logits", "tiny.gguf", "--tokens", "1,259"], &["259"]),
        (&["logits", "tiny.gguf", "--tokens", "1", "--out", "no/such/folder.npy"], &["folder.npy"]),
        (&["run", "tiny.gguf", "--prompt", "x", "--context", "513"], &["tiny.gguf", "513", "512"]),
        (&["run", "tiny.gguf", "--raw", "--prompt", ""], &["empty"]),
    ] {
        let line = shell.complaint(args);
        assert!(expected.iter().all(|part| line.contains(part)), "{args:?}: {line}");
    }
}

#[test]
fn wrong_usage_ends_with_two() {
    let shell = Shell::new();
    for args in [
        &["inspect"][..],
        &["inspect", "tiny.gguf", "--nonsense"],
        &["run", "tiny.gguf"],
        &["run", "tiny.gguf", "--prompt", "x", "--exact", "--kv", "f16"],
        &["run", "tiny.gguf", "--prompt", "x", "--raw", "--system", "y"],
        &["plan", "tiny.gguf", "--kv", "q9"],
        &["plan", "tiny.gguf", "--context", "-1"],
        &["logits", "tiny.gguf", "--tokens", "1,x"],
        &["logits", "tiny.gguf"],
        &["fetch", "unknown"],
    ] {
        let output = shell.run(args);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{args:?}");
        assert!(!output.stderr.is_empty());
    }
}

#[test]
fn a_reader_that_leaves_ends_the_output_quietly() {
    let shell = Shell::new();
    let mut child = shell.command(&["inspect", "tiny.gguf"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn a_starter_that_cannot_be_had_says_what_was_tried_and_where_it_belongs() {
    let shell = Shell::new();
    for args in [&["inspect", "starter", "--json"][..], &["fetch", "--json"]] {
        let mut command = shell.command(args);
        let home = shell.path("user");
        command
            .env_clear()
            .env("PONDER_HOME", shell.path("home"))
            .env("HOME", &home)
            .env("PATH", "")
            .env("HF_ENDPOINT", "http://127.0.0.1:1");
        let output = command.output().unwrap();
        let err = text(&output.stderr);
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), ""), "{err}");
        let complaints: Vec<&str> = err.lines().filter(|line| line.starts_with("ponder: ")).collect();
        assert_eq!((complaints.len(), err.lines().last()), (1, complaints.first().copied()), "{err}");
        for part in ["127.0.0.1:1", "pip", "SmolLM2-135M-Instruct.Q4_1.gguf", &shell.path("home").join("models").display().to_string()] {
            assert!(complaints[0].contains(part), "`{part}` isn't in {err}");
        }
    }
    // A path is a path.
    assert!(shell.complaint(&["inspect", "./starter"]).contains("starter"));
}

#[test]
#[cfg(target_os = "linux")]
fn without_a_display_the_window_names_the_headless_commands() {
    let shell = Shell::new();
    for args in [&[][..], &["tiny.gguf"], &["--renderer", "glow"]] {
        let line = shell.complaint(args);
        assert!(["display", "inspect", "run"].iter().all(|word| line.contains(word)), "{line}");
    }
}

#[test]
#[cfg(unix)]
fn an_interrupted_run_says_what_it_has_and_ends_with_130() {
    // A head that never ends a turn, and a context that takes a while to fill.
    let llama = TinyLlama { tied_head: false, n_ctx: 100_000, ..llama() };
    let mut tensors = llama.tensors();
    let head = tensors.iter_mut().find(|tensor| tensor.name == "output.weight").unwrap();
    let mut values = head.values.clone();
    values[256 * 64..].fill(0.0);
    head.set(values);
    let shell = Shell::with(&llama.gguf_of(&tensors));
    let interrupt = |child: &std::process::Child| {
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    };
    let args = ["run", "tiny.gguf", "--prompt", "x", "--temperature", "0", "--max-tokens", "99000", "--context", "100000"];
    let mut child = shell.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("stopped"), "{}", text(&output.stderr));

    shell.write("long.txt", &b"word ".repeat(100_000));
    let mut child = shell
        .command(&["perplexity", "tiny.gguf", "--text-file", "long.txt", "--chunk", "5000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stderr.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
}
