//! Writes a tiny family as a Hugging Face folder: `config.json` as transformers has it, the same weights in transformers' layout, and a
//! `tokenizer.json`. Nothing here looks at Ponder's table of architectures or at its names.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::family::TinyFamily;
use super::gguf_writer::ggml;
use super::oracle::{Definition, Rotation};
use super::safetensors_writer::raw;
use super::tiny_llama::{N_VOCAB, SPECIAL, Stored, TEMPLATE, byte_tokens};

/// A tensor as a folder has it.
#[derive(Debug, Clone)]
pub struct Named {
    pub name: String,
    pub shape: Vec<u64>,
    /// As safetensors name it.
    pub dtype: &'static str,
    pub bytes: Vec<u8>,
}

/// The tensors of a family under the names, and in the layout, of Hugging Face.
pub fn tensors(family: &TinyFamily, stored: &[Stored]) -> Vec<Named> {
    let norms_after = stored.iter().any(|tensor| tensor.name.contains("post_attention_norm"));
    let of = |tensor: &Stored| {
        let name = name(&tensor.name, norms_after)?;
        let mut bytes = tensor.bytes.clone();
        if !family.definition.halves && (tensor.name.contains("attn_q.") || tensor.name.contains("attn_k.")) {
            bytes = halves(&bytes, tensor.shape[0], family.definition.head_dim);
        }
        if family.definition.gelu && tensor.name.ends_with("norm.weight") {
            bytes = tensor.values.iter().flat_map(|x| (x - 1.0).to_le_bytes()).collect();
        }
        let dtype = match tensor.id {
            ggml::F32 => "F32",
            ggml::F16 => "F16",
            ggml::BF16 => "BF16",
            other => panic!("type {other} is no folder's"),
        };
        Some(Named { name, shape: tensor.shape.clone(), dtype, bytes })
    };
    stored.iter().filter_map(of).collect()
}

/// Rows in the order for rotating neighbours back to the order for rotating halves, head by head.
fn halves(bytes: &[u8], rows: u64, head_dim: usize) -> Vec<u8> {
    let row = bytes.len() / usize::try_from(rows).unwrap();
    let head = row * head_dim;
    let mut out = Vec::with_capacity(bytes.len());
    for head in bytes.chunks(head) {
        for half in 0..2 {
            for pair in 0..head_dim / 2 {
                out.extend_from_slice(&head[(2 * pair + half) * row..][..row]);
            }
        }
    }
    out
}

/// Nothing for what follows from the configuration.
fn name(gguf: &str, norms_after: bool) -> Option<String> {
    if let Some(rest) = gguf.strip_prefix("blk.") {
        let (layer, rest) = rest.split_once('.').unwrap();
        let (part, kind) = rest.rsplit_once('.').unwrap();
        let part = match part {
            "attn_norm" => "input_layernorm",
            "attn_q" => "self_attn.q_proj",
            "attn_k" => "self_attn.k_proj",
            "attn_v" => "self_attn.v_proj",
            "attn_qkv" => "self_attn.qkv_proj",
            "attn_output" => "self_attn.o_proj",
            "attn_q_norm" => "self_attn.q_norm",
            "attn_k_norm" => "self_attn.k_norm",
            "ffn_norm" if norms_after => "pre_feedforward_layernorm",
            "post_attention_norm" | "ffn_norm" => "post_attention_layernorm",
            "post_ffw_norm" => "post_feedforward_layernorm",
            "ffn_gate" => "mlp.gate_proj",
            "ffn_up" => "mlp.up_proj",
            "ffn_down" => "mlp.down_proj",
            other => panic!("{other}"),
        };
        return Some(format!("model.layers.{layer}.{part}.{kind}"));
    }
    Some(match gguf {
        "token_embd.weight" => "model.embed_tokens.weight".into(),
        "output_norm.weight" => "model.norm.weight".into(),
        "output.weight" => "lm_head.weight".into(),
        "output.bias" => "lm_head.bias".into(),
        _ => return None,
    })
}

fn scaling(rotation: &Rotation, stored: &[Stored], original: usize) -> Value {
    if let Some((factor, original)) = rotation.yarn {
        return json!({"rope_type": "yarn", "factor": factor, "original_max_position_embeddings": original});
    }
    if rotation.factors.is_some() {
        let factors = |which: &str| stored.iter().find(|tensor| tensor.name.contains(which)).unwrap().values.clone();
        return json!({"type": "longrope", "short_factor": factors("short"), "long_factor": factors("long"),
            "attention_factor": rotation.magnitude, "original_max_position_embeddings": original});
    }
    if rotation.linear > 1.0 { json!({"type": "linear", "factor": rotation.linear}) } else { Value::Null }
}

/// The `config.json` of a family, called `name` in the list of them.
pub fn config(name: &str, family: &TinyFamily, stored: &[Stored]) -> Value {
    let d: &Definition = &family.definition;
    let rotation = d.layers.iter().find(|layer| layer.window.is_none()).unwrap().rotation.clone().unwrap();
    let local = d.layers.iter().find(|layer| layer.window.is_some()).map(|layer| layer.rotation.clone().unwrap());
    let original = if name == "phi3, short" { 512 } else { 64 };
    let (model_type, class) = match (family.architecture, name) {
        ("llama", _) => ("llama", "LlamaForCausalLM"),
        ("qwen2", _) => ("qwen2", "Qwen2ForCausalLM"),
        ("qwen3", _) => ("qwen3", "Qwen3ForCausalLM"),
        ("gemma2", _) => ("gemma2", "Gemma2ForCausalLM"),
        ("gemma3", _) => ("gemma3_text", "Gemma3ForCausalLM"),
        ("phi3", _) => ("phi3", "Phi3ForCausalLM"),
        ("smollm3", _) => ("smollm3", "SmolLM3ForCausalLM"),
        ("granite", _) => ("granite", "GraniteForCausalLM"),
        (_, "olmo2") => ("olmo2", "Olmo2ForCausalLM"),
        (_, "olmo2 with windows") => ("olmo3", "Olmo3ForCausalLM"),
        other => panic!("{other:?}"),
    };
    let mut config = json!({
        "architectures": [class], "model_type": model_type, "num_hidden_layers": d.layers.len(), "hidden_size": d.n_embd,
        "intermediate_size": d.n_ff, "num_attention_heads": d.n_heads, "num_key_value_heads": d.n_kv_heads, "head_dim": d.head_dim,
        "max_position_embeddings": 512, "rms_norm_eps": d.eps, "rope_theta": rotation.theta, "vocab_size": N_VOCAB,
        "tie_word_embeddings": !stored.iter().any(|tensor| tensor.name == "output.weight"), "hidden_act": "silu",
        "rope_scaling": scaling(&rotation, stored, original), "eos_token_id": 258,
    });
    let mut set = |key: &str, value: Value| config[key] = value;
    if d.gelu {
        set("hidden_activation", json!("gelu_pytorch_tanh"));
        set("query_pre_attn_scalar", json!(1.0 / (d.attention_scale * d.attention_scale)));
        set("sliding_window", json!(d.layers.iter().find_map(|layer| layer.window)));
        set("attn_logit_softcapping", json!(d.attention_cap));
        set("final_logit_softcapping", json!(d.logit_cap));
    }
    if model_type == "gemma3_text" {
        set("rope_local_base_freq", json!(local.unwrap().theta));
    }
    let types: Vec<&str> =
        d.layers.iter().map(|layer| if layer.window.is_some() { "sliding_attention" } else { "full_attention" }).collect();
    if name == "gemma3 with a pattern" || model_type == "olmo3" {
        set("layer_types", json!(types));
        set("sliding_window", json!(d.layers.iter().find_map(|layer| layer.window)));
    }
    match model_type {
        "phi3" => {
            set("partial_rotary_factor", json!(0.67));
            set("original_max_position_embeddings", json!(original));
            set("sliding_window", json!(20));
        }
        "smollm3" => set("no_rope_layers", json!(d.layers.iter().map(|layer| u8::from(layer.rotation.is_some())).collect::<Vec<u8>>())),
        "granite" => {
            set("attention_multiplier", json!(d.attention_scale));
            set("embedding_multiplier", json!(d.embedding_scale));
            set("residual_multiplier", json!(d.residual_scale));
            set("logits_scaling", json!(1.0 / d.logit_scale));
        }
        _ => (),
    }
    config
}

/// The `tokenizer.json` of the tiny models' vocabulary.
pub fn tokenizer_json() -> Value {
    let vocab: serde_json::Map<String, Value> = byte_tokens().into_iter().enumerate().map(|(id, token)| (token, json!(id))).collect();
    let added: Vec<Value> = SPECIAL
        .iter()
        .enumerate()
        .map(|(n, content)| {
            json!({"id": 256 + n, "content": content, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
                "special": true})
        })
        .collect();
    let level = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    json!({"version": "1.0", "truncation": null, "padding": null, "added_tokens": added, "normalizer": null, "pre_tokenizer": level,
        "post_processor": null, "decoder": level, "model": {"type": "BPE", "dropout": null, "unk_token": null,
        "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "vocab": vocab,
        "merges": []}})
}

/// Everything of a folder but the weights.
pub fn write_without_weights(folder: &Path, config: &Value) {
    let write = |name: &str, value: &Value| std::fs::write(folder.join(name), value.to_string()).unwrap();
    write("config.json", config);
    write("tokenizer.json", &tokenizer_json());
    write("tokenizer_config.json", &json!({"bos_token": SPECIAL[0], "eos_token": SPECIAL[2], "chat_template": TEMPLATE}));
    write("generation_config.json", &json!({"eos_token_id": 258}));
}

/// A safetensors file.
pub fn safetensors(tensors: &[Named]) -> Vec<u8> {
    let (mut entries, mut data) = (Vec::new(), Vec::new());
    for Named { name, shape, dtype, bytes } in tensors {
        let start = data.len();
        data.extend(bytes);
        entries.push(format!(r#""{name}":{{"dtype":"{dtype}","shape":{shape:?},"data_offsets":[{start},{}]}}"#, data.len()));
    }
    raw(&format!("{{{}}}", entries.join(",")), &data)
}

/// A folder of a family with all that belongs in it.
pub fn folder(name: &str, family: &TinyFamily) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny");
    std::fs::create_dir(&path).unwrap();
    let stored = family.tensors();
    write_without_weights(&path, &config(name, family, &stored));
    std::fs::write(path.join("model.safetensors"), safetensors(&tensors(family, &stored))).unwrap();
    (folder, path)
}
