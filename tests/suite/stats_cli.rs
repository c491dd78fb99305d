//! `ponder stats` and safetensors files, as a shell sees them.

use serde_json::Value;

use crate::cli::Shell;
use crate::support::gguf_writer::GgufBuilder;
use crate::support::safetensors_writer::floats;

fn shell() -> Shell {
    let values: Vec<f32> = (0..12_u8).map(|n| f32::from(n) - 4.0).collect();
    Shell::with(&GgufBuilder::new().f32_tensor("blk.0.attn_q.weight", &[3, 4], &values).f32_tensor("odd", &[2], &[f32::NAN, f32::INFINITY]))
}

#[test]
fn stats_prints_what_the_contract_says() {
    let shell = shell();
    let value = shell.json(&["stats", "tiny.gguf", "blk.0.attn_q.weight"]);
    assert_eq!(
        (&value["name"], &value["shape"], &value["dtype"]),
        (&"blk.0.attn_q.weight".into(), &serde_json::json!([3, 4]), &"F32".into())
    );
    for (key, expected) in
        [("count", 12.0), ("min", -4.0), ("max", 7.0), ("mean", 1.5), ("abs_max", 7.0), ("zeros", 1.0), ("nan", 0.0), ("inf", 0.0)]
    {
        assert_eq!(value[key].as_f64(), Some(expected), "{key}");
    }
    assert!((value["std"].as_f64().unwrap() - (143.0_f64 / 12.0).sqrt()).abs() < 1e-12);
    for key in ["p01", "p1", "p50", "p99", "p999"] {
        assert!(value["quantiles"][key].is_number(), "{key}");
    }
    let histogram = &value["histogram"];
    assert_eq!((histogram["edges"].as_array().unwrap().len(), histogram["counts"].as_array().unwrap().len()), (4097, 4096));
    let text = shell.run(&["stats", "tiny.gguf", "blk.0.attn_q.weight"]);
    assert!(String::from_utf8_lossy(&text.stdout).starts_with("blk.0.attn_q.weight: [3, 4] of F32, attn_q\n  values"));
}

#[test]
fn stats_of_what_is_no_number_are_strings() {
    let value = shell().json(&["stats", "tiny.gguf", "odd"]);
    assert_eq!((&value["min"], &value["mean"], &value["nan"], &value["inf"]), (&"nan".into(), &"nan".into(), &1.into(), &1.into()));
    assert_eq!((&value["quantiles"]["p50"], &value["histogram"]), (&"nan".into(), &Value::Null));
}

#[test]
fn a_tensor_that_is_not_there_is_named_with_those_like_it() {
    let text = shell().complaint(&["stats", "tiny.gguf", "attn_q", "--json"]);
    assert!(text.contains("tensor `attn_q`") && text.contains("only names like blk.0.attn_q.weight"), "{text}");
}

#[test]
fn values_are_written_as_npy() {
    let shell = shell();
    let out = shell.run(&["stats", "tiny.gguf", "blk.0.attn_q.weight", "--out", "t.npy"]);
    assert!(out.status.success() && out.stdout.is_empty());
    let bytes = std::fs::read(shell.path("t.npy")).unwrap();
    assert_eq!((bytes.len(), &bytes[bytes.len() - 4..]), (128 + 48, &7.0_f32.to_le_bytes()[..]));
}

#[test]
fn a_safetensors_file_is_inspected_and_has_statistics() {
    let shell = shell();
    shell.write("m.safetensors", &floats(&[("model.layers.0.mlp.up_proj.weight", &[2, 2], &[1.0, 2.0, 3.0, 4.0])]));
    let value = shell.json(&["inspect", "m.safetensors"]);
    assert_eq!((&value["format"], &value["tensors"][0]["role"]), (&"safetensors".into(), &"ffn_up".into()));
    assert_eq!(value["runs_here"]["ok"], Value::Bool(false));
    assert_eq!(value["metadata"]["format"], "pt");
    let value = shell.json(&["stats", "m.safetensors", "model.layers.0.mlp.up_proj.weight"]);
    assert_eq!(value["mean"].as_f64(), Some(2.5));
}
