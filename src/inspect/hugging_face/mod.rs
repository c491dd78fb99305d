//! A Hugging Face folder as a decoder reads it: what `config.json` says as a GGUF file's metadata, and the tensors by the names that a
//! GGUF file has. So there is one way from facts to a spec, whatever the facts are written in.
//!
//! No value is changed: what llama.cpp's converter does to values (an order of rows for rotating neighbours, norms plus one) follows from
//! [`super::spec`], which knows which format a file has. Nothing in a folder is executed.

use crate::error::{Error, Result};
use crate::file::{Folder, ModelFile, TensorInfo, Value, text};
use crate::inspect::names;
use crate::inspect::spec::{self, Architecture, Norms};
use crate::units::grouped;

mod config;
mod family;
mod made;
mod rope;

use config::Config;
use family::Family;
use made::Made;

/// Words that tensors of parts beside the decoder begin with.
const PARTS: &[&str] = &["vision_tower.", "model.vision_tower.", "multi_modal_projector.", "model.multi_modal_projector."];

/// The file as a decoder reads it.
///
/// # Errors
/// As [`translate`]; `Error::Unsupported` where no configuration stands beside it.
pub(super) fn read(file: &ModelFile, notices: &mut Vec<String>) -> Result<ModelFile> {
    let Some(folder) = &file.folder else {
        let name = file.path.file_name().unwrap_or_default().to_string_lossy();
        let why = "to run it, Ponder needs the config.json that belongs beside it, and a tokenizer.json; the file can be browsed";
        return Err(Error::unsupported(name, why));
    };
    translate(file, folder, notices)
}

/// The file as a decoder reads it. What was left out or limited is told in `notices`.
///
/// # Errors
/// `Error::Format` with the field of `config.json` that is missing or wrong; `Error::Unsupported` for what isn't computed.
fn translate(file: &ModelFile, folder: &Folder, notices: &mut Vec<String>) -> Result<ModelFile> {
    let json = folder.config.as_ref().map_err(Clone::clone)?;
    let outer = Config::new(folder.config_path(), json);
    let config = outer.object("text_config")?.unwrap_or_else(|| outer.clone());
    let Some(model_type) = config.text("model_type")?.or(outer.text("model_type")?) else {
        return Err(config.fault("model_type", "the name of an architecture"));
    };
    let mut made = Made::new(file.shards());
    made.set("general.architecture", Value::String(architecture_of(model_type).to_owned()));
    if let Some(name) = outer.text("_name_or_path")? {
        made.set("general.name", Value::String(name.to_owned()));
    }
    let found = family::find(model_type).and_then(|family| Some((family, spec::architecture(family.architecture)?)));
    let mut drops_head = false;
    if let Some((family, architecture)) = found {
        refuse(&outer, &config, architecture)?;
        dimensions(&config, family, architecture, notices, &mut made)?;
        windows(&config, family, architecture, &mut made)?;
        scales(&config, family, architecture, &mut made)?;
        let tied = outer.truth("tie_word_embeddings")?.or(config.truth("tie_word_embeddings")?);
        drops_head = tied.unwrap_or(family.tied);
    }
    let norms = found.map_or(Norms::Before, |(_, architecture)| architecture.norms);
    let mut left_out = 0_u64;
    let mut tensors = Vec::with_capacity(file.tensors.len());
    for tensor in &file.tensors {
        if PARTS.iter().any(|part| tensor.name.starts_with(part)) {
            left_out += 1;
            continue;
        }
        let name = names::in_gguf(&tensor.name, norms != Norms::Before).unwrap_or_else(|| tensor.name.clone());
        if !(drops_head && name == "output.weight") {
            tensors.push(TensorInfo { name, ..tensor.clone() });
        }
    }
    if left_out > 0 {
        notices.push(format!("{} tensors are of parts that see; Ponder runs the language model alone", grouped(left_out)));
    }
    tensors.append(&mut made.tensors);
    Ok(file.translated(made.entries, tensors, made.bytes))
}

fn architecture_of(model_type: &str) -> &str {
    family::find(model_type).map_or_else(|| family::foreign(model_type), |family| family.architecture)
}

/// The field of `config.json` that a key follows from, without the architecture's name.
pub(super) fn field(key: &str) -> Option<&'static str> {
    FIELDS.iter().find(|(name, ..)| *name == key).map(|(_, field)| *field)
}

/// Keys with whole numbers, and their fields.
const FIELDS: &[(&str, &str)] = &[
    ("block_count", "num_hidden_layers"),
    ("context_length", "max_position_embeddings"),
    ("embedding_length", "hidden_size"),
    ("feed_forward_length", "intermediate_size"),
    ("attention.head_count", "num_attention_heads"),
    ("attention.head_count_kv", "num_key_value_heads"),
    ("attention.key_length", "head_dim"),
    ("attention.layer_norm_rms_epsilon", "rms_norm_eps"),
    ("attention.sliding_window", "sliding_window"),
    ("attention.sliding_window_pattern", "layer_types"),
    ("rope.dimension_count", "partial_rotary_factor"),
    ("rope.freq_base", "rope_theta"),
    ("rope.scaling.type", "rope_scaling"),
    ("logit_scale", "logits_scaling"),
    ("vocab_size", "vocab_size"),
];

/// What a configuration may ask for and Ponder doesn't compute.
fn refuse(outer: &Config<'_>, config: &Config<'_>, architecture: &Architecture) -> Result<()> {
    for config in [outer, config] {
        if config.get("quantization_config").is_some() {
            let why = "weights that were quantized for another program aren't read yet: get the model's own weights, or its GGUF version";
            return Err(config.refusal("quantization_config", why));
        }
    }
    if config.truth("use_bidirectional_attention")? == Some(true) {
        return Err(config.refusal("use_bidirectional_attention", "it gives no next token, and embedding texts comes later"));
    }
    if architecture.attention_cap.is_none() && config.get("attn_logit_softcapping").is_some() {
        return Err(config.refusal("attn_logit_softcapping", &format!("`{}` bends no scores in what Ponder computes", architecture.name)));
    }
    let known: &[&str] = if architecture.embedding_by_root { &["gelu_pytorch_tanh", "gelu_new"] } else { &["silu", "swish"] };
    let key = if config.get("hidden_activation").is_some() { "hidden_activation" } else { "hidden_act" };
    if config.text(key)?.is_some_and(|activation| !known.contains(&activation)) {
        return Err(config.refusal(key, &format!("Ponder computes `{}` for this architecture", known[0])));
    }
    if let (Some(every), Some(stated)) = (architecture.no_rope_every, config.reals("no_rope_layers")?) {
        // 1 stands for a layer that rotates.
        let same = stated.iter().enumerate().all(|(i, &rotates)| (rotates != 0.0) != (i + 1).is_multiple_of(every));
        if !same {
            return Err(config.refusal("no_rope_layers", &format!("Ponder rotates all layers but every {every}th")));
        }
    }
    Ok(())
}

/// Shape, epsilon, rotation.
fn dimensions(config: &Config<'_>, family: &Family, architecture: &Architecture, notices: &mut Vec<String>, made: &mut Made) -> Result<()> {
    let key = |name: &str| format!("{}.{name}", architecture.name);
    let known = |field: &str| family.counts.iter().find(|(name, _)| *name == field).map(|(_, n)| *n);
    let count = |field: &str| config.count(field).map(|stated| stated.or_else(|| known(field)));
    let required = |field: &str| count(field)?.ok_or_else(|| config.fault(field, "a whole number above 0"));
    for name in ["block_count", "embedding_length", "feed_forward_length", "attention.head_count"] {
        made.set(key(name), Value::U64(required(field(name).unwrap_or(name))?));
    }
    let (width, heads) = (required("hidden_size")?, required("num_attention_heads")?);
    let head_dim = match count("head_dim")? {
        Some(head_dim) => head_dim,
        None if width.is_multiple_of(heads) => width / heads,
        None => return Err(config.fault("num_attention_heads", format!("a divisor of hidden_size, {width}"))),
    };
    let kv_heads = count("num_key_value_heads")?.unwrap_or(heads);
    made.set(key("attention.head_count_kv"), Value::U64(kv_heads));
    made.set(key("attention.key_length"), Value::U64(head_dim));
    made.set(key("attention.value_length"), Value::U64(head_dim));
    let eps = config.real("rms_norm_eps")?.unwrap_or(family.eps);
    made.set(key("attention.layer_norm_rms_epsilon"), Value::F64(eps));
    if let Some(size) = config.count("vocab_size")? {
        made.set(key("vocab_size"), Value::U64(size));
    }
    let mut context = required("max_position_embeddings")?;
    if let Some(window) = unknown_window(config, family, architecture)?.filter(|&window| window < context) {
        notices.push(format!(
            "config.json states a window of {} positions; Ponder computes none for `{}` and offers contexts up to that length, where \
             both are the same",
            grouped(window),
            architecture.name
        ));
        context = window;
    }
    made.set(key("context_length"), Value::U64(context));
    rope::translate(config, family, architecture, head_dim, made)
}

/// A window that is in use, in a family of which the table knows none.
fn unknown_window(config: &Config<'_>, family: &Family, architecture: &Architecture) -> Result<Option<u64>> {
    let used = config.truth("use_sliding_window")?.unwrap_or(family.windowed);
    if !used || architecture.sliding.is_some() || architecture.idle_window {
        return Ok(None);
    }
    config.count("sliding_window")
}

/// Which layers see how far.
fn windows(config: &Config<'_>, family: &Family, architecture: &Architecture, made: &mut Made) -> Result<()> {
    let key = |name: &str| format!("{}.attention.{name}", architecture.name);
    if architecture.sliding.is_none() {
        if let Some(window) = config.count("sliding_window")?.filter(|_| architecture.idle_window) {
            made.set(key("sliding_window"), Value::U64(window));
        }
        return Ok(());
    }
    let known = family.counts.iter().find(|(name, _)| *name == "sliding_window").map(|(_, n)| *n);
    let window = match config.count("sliding_window")? {
        None if config.is_null("sliding_window") => 0,
        stated => stated.or(known).unwrap_or(0),
    };
    made.set(key("sliding_window"), Value::U64(window));
    if let Some(types) = config.texts("layer_types")? {
        if let Some(other) = types.iter().find(|kind| !["full_attention", "sliding_attention"].contains(*kind)) {
            let expected = "`full_attention` or `sliding_attention` for each layer";
            return Err(Error::format(&config.path, "`layer_types`", expected, format!("`{}`", text::shown(other, 40))));
        }
        made.set_truths(key("sliding_window_pattern"), &types.iter().map(|&kind| kind == "sliding_attention").collect::<Vec<bool>>());
    } else if let Some(period) = config.count("sliding_window_pattern")? {
        made.set(key("sliding_window_pattern"), Value::U64(period));
    }
    Ok(())
}

/// What values are multiplied by, and where they bend.
fn scales(config: &Config<'_>, family: &Family, architecture: &Architecture, made: &mut Made) -> Result<()> {
    let key = |name: &str| format!("{}.{name}", architecture.name);
    let known = family.counts.iter().find(|(name, _)| *name == "query_pre_attn_scalar").map(|(_, n)| *n);
    if let Some(known) = known {
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let scalar = config.real("query_pre_attn_scalar")?.unwrap_or(known as f64);
        if scalar <= 0.0 {
            return Err(config.fault("query_pre_attn_scalar", "a number above 0"));
        }
        made.set(key("attention.scale"), Value::F64(1.0 / scalar.sqrt()));
    }
    if architecture.scales {
        let fields = [
            ("embedding_scale", "embedding_multiplier"),
            ("attention.scale", "attention_multiplier"),
            ("residual_scale", "residual_multiplier"),
            ("logit_scale", "logits_scaling"),
        ];
        for (name, field) in fields {
            let scale = config.real(field)?.unwrap_or(1.0);
            if scale <= 0.0 {
                return Err(config.fault(field, "a number above 0"));
            }
            made.set(key(name), Value::F64(scale));
        }
    }
    for field in ["attn_logit_softcapping", "final_logit_softcapping"] {
        match config.real(field)? {
            Some(cap) => made.set(key(field), Value::F64(cap)),
            None if config.is_null(field) => made.set(key(field), Value::F64(0.0)),
            None => (),
        }
    }
    Ok(())
}
