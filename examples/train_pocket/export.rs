//! The model as a GGUF file, and the check that the program computes from it what was trained.

use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;

use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Tensor};
use ponder::engine::decoder::Want;
use ponder::engine::runner::Runner;
use ponder::engine::tokenizer::{Special, Tokenizer as Decoders};
use ponder::engine::vocabulary::Vocabulary;
use ponder::file::ModelFile;
use ponder::inspect;
use ponder::kernels::pool::Pool;
use ponder::memory::ledger::Ledger;
use ponder::memory::plan::{Arithmetic, Choice, KvDtype};
use ponder::pocket::corpus::document;

use super::Result;
use super::data::Feed;
use super::model::{CONTEXT, EPS, HEAD, HEADS, INNER, KV_HEADS, LAYERS, Model, THETA, VOCABULARY, WIDTH};
use super::tokenizer::{BEGIN, END, PRE, Tokenizer};

/// How far a logit of the decoder may be from the trainer's on the same rounded weights, beside the largest one: sums are taken in
/// another order.
const TOLERANCE: f32 = 2e-4;
/// Documents whose tokens are compared.
const DOCUMENTS: u64 = 200;

const DESCRIPTION: &str = "A very small language model that only knows about weighing: which is heavier, how much together, what is \
                           missing on the left pan. Everything it was trained on was written by a program.";

const TEMPLATE: &str = "{%- for message in messages -%}
    {%- if message['role'] == 'user' -%}
        {{- '<|user|>' + (message['content'] | trim) + '<|end|>' -}}
    {%- elif message['role'] == 'assistant' -%}
        {{- '<|pocket|>' + (message['content'] | trim) + '<|end|>' -}}
    {%- elif message['role'] == 'system' -%}
        {{- '<|system|>' + (message['content'] | trim) + '<|end|>' -}}
    {%- else -%}
        {{- raise_exception('Pocket knows the roles user, assistant and system') -}}
    {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{- '<|pocket|>' -}}
{%- endif -%}";

fn number(n: usize) -> Value {
    Value::U32(u32::try_from(n).unwrap_or(u32::MAX))
}

fn string(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn metadata(tokenizer: &Tokenizer) -> Vec<(&'static str, Value)> {
    let (tokens, kinds) = tokenizer.tokens();
    let strings = |texts: Vec<String>| Value::Array(texts.into_iter().map(Value::String).collect());
    vec![
        ("general.architecture", string("llama")),
        ("general.type", string("model")),
        ("general.name", string("Pocket")),
        ("general.author", string("the Ponder project")),
        ("general.version", string("1")),
        ("general.license", string("MIT OR Apache-2.0")),
        ("general.description", string(DESCRIPTION)),
        ("general.size_label", string("3.4M")),
        ("general.languages", Value::Array(vec![string("en")])),
        ("general.file_type", number(1)),
        ("general.quantization_version", number(2)),
        ("general.alignment", number(32)),
        ("llama.vocab_size", number(VOCABULARY)),
        ("llama.context_length", number(CONTEXT)),
        ("llama.embedding_length", number(WIDTH)),
        ("llama.block_count", number(LAYERS)),
        ("llama.feed_forward_length", number(INNER)),
        ("llama.rope.dimension_count", number(HEAD)),
        ("llama.rope.freq_base", Value::F32(THETA)),
        ("llama.attention.head_count", number(HEADS)),
        ("llama.attention.head_count_kv", number(KV_HEADS)),
        ("llama.attention.layer_norm_rms_epsilon", Value::F32(EPS)),
        ("tokenizer.ggml.model", string("gpt2")),
        ("tokenizer.ggml.pre", string(PRE)),
        ("tokenizer.ggml.tokens", strings(tokens)),
        ("tokenizer.ggml.token_type", Value::Array(kinds.into_iter().map(Value::I32).collect())),
        ("tokenizer.ggml.merges", strings(tokenizer.merges())),
        ("tokenizer.ggml.bos_token_id", Value::U32(BEGIN)),
        ("tokenizer.ggml.eos_token_id", Value::U32(END)),
        ("tokenizer.ggml.eot_token_id", Value::U32(END)),
        ("tokenizer.ggml.add_bos_token", Value::Bool(true)),
        ("tokenizer.ggml.add_space_prefix", Value::Bool(false)),
        ("tokenizer.chat_template", string(TEMPLATE)),
    ]
}

/// Writes the model to `path`: matrices in F16, norms in F32. The file is replaced whole.
///
/// # Errors
/// If it cannot be written.
pub fn write(path: &Path, model: &Model, tokenizer: &Tokenizer) -> Result<()> {
    let metadata = metadata(tokenizer);
    let metadata: Vec<(&str, &Value)> = metadata.iter().map(|(key, value)| (*key, value)).collect();
    let mut tensors = Vec::new();
    for (name, var) in model.variables() {
        let dtype = if var.rank() == 1 { GgmlDType::F32 } else { GgmlDType::F16 };
        tensors.push((name, QTensor::quantize(var.as_tensor(), dtype)?));
    }
    let tensors: Vec<(&str, &QTensor)> = tensors.iter().map(|(name, tensor)| (&**name, tensor)).collect();
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    gguf_file::write(&mut BufWriter::new(std::fs::File::create(&temporary)?), &metadata, &tensors)?;
    Ok(std::fs::rename(&temporary, path)?)
}

/// The model with its matrices rounded to F16, as in the file.
fn rounded(model: &Model) -> Result<Model> {
    let copy = Model::new(0)?;
    for ((_, to), (_, from)) in copy.variables().iter().zip(model.variables()) {
        let values = from.as_detached_tensor();
        let values = if values.rank() == 1 { values.copy()? } else { values.to_dtype(DType::F16)?.to_dtype(DType::F32)? };
        to.set(&values)?;
    }
    Ok(copy)
}

/// Compares the program's exact decoder on the file at `path` with the trainer's forward pass on the same rounded weights, and the
/// program's tokens of 200 documents with the trainer's. Gives the largest difference of a logit.
///
/// # Errors
/// If they differ, or the program cannot open the file.
pub fn check(path: &Path, model: &Model, feed: &mut Feed) -> Result<f32> {
    let file = inspect::Model::read(ModelFile::open(path)?);
    let theirs = Decoders::new(Vocabulary::read(&file.file)?)?;
    let mut longest = Vec::new();
    for segment in (0..DOCUMENTS).flat_map(|index| document(index).segments) {
        let (text, mut ours) = (segment.text(), Vec::new());
        feed.tokenizer_mut().encode(text, &mut ours);
        if ours != theirs.encode(text, Special::Plain)? {
            return Err(format!("{}: the tokens of {text:?} differ from the trainer's", path.display()).into());
        }
    }
    for index in 0..8 {
        longest.extend(feed.encode(&document(index).segments).0);
    }
    longest.truncate(CONTEXT);

    let choice = Choice { context: CONTEXT, kv: KvDtype::F32, arithmetic: Arithmetic::Exact, threads: 1, recode: None };
    let mut runner = Runner::load(&file, choice, Arc::new(Pool::new(1)?), &Ledger::default(), &mut |_| true)?;
    let mut logits = Vec::new();
    runner.feed(&longest, Want::All, &|| true, &mut |_, rows| {
        logits.extend_from_slice(rows);
        Ok(())
    })?;
    let expected: Tensor = rounded(model)?.logits(&longest)?;
    let expected: Vec<f32> = expected.flatten_all()?.to_vec1()?;
    let worst = expected.iter().zip(&logits).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    let largest = expected.iter().fold(0.0_f32, |largest, logit| largest.max(logit.abs()));
    if expected.len() != logits.len() || worst.is_nan() || worst > TOLERANCE * largest {
        let (n, m) = (logits.len(), expected.len());
        return Err(
            format!("{}: {n} logits for {m}, {worst} apart of {largest}: the decoder computes another function", path.display()).into()
        );
    }
    Ok(worst)
}
