//! `ponder inspect`: what a file is, as JSON and as text.
//!
//! Nothing is computed here; what the kernels and the memory plan say comes in from the caller.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};

use super::args::Inspect as Args;
use super::{number, prepare, show};
use crate::error::Result;
use crate::file::text::shown;
use crate::file::{TensorInfo, Value};
use crate::inspect::Model;
use crate::inspect::passport::{RunsHere, runs_here, runtimes};
use crate::kernels::precision::{self, Precision};
use crate::memory::plan::{self, Arithmetic, Choice, Fit, KV_BLOCK_TOKENS, KvDtype};
use crate::memory::probe::Machine;
use crate::units::{Bytes, count, grouped, percent, significant};

/// What tensors of one storage type become on their way to the sum, and how many tensors that are.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PrecisionRow {
    storage: Cow<'static, str>,
    /// `None` where there is no kernel.
    precision: Option<Precision>,
    tensors: usize,
    bytes: Bytes,
}

/// Groups the tensors that are used by what they become, the largest group first.
fn precision_rows(model: &Model) -> Vec<PrecisionRow> {
    let mut rows: Vec<PrecisionRow> = Vec::new();
    for tensor in model.used_tensors() {
        let (storage, precision) = (tensor.dtype.name(), precision::of(tensor));
        if let Some(row) = rows.iter_mut().find(|row| row.storage == storage && row.precision == precision) {
            row.tensors += 1;
            row.bytes += tensor.bytes;
            continue;
        }
        rows.push(PrecisionRow { storage, precision, tensors: 1, bytes: tensor.bytes });
    }
    rows.sort_by_key(|row| std::cmp::Reverse(row.bytes));
    rows
}

/// What this machine says to a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Here {
    /// Loader and kernels.
    pub runs: RunsHere,
    /// Whether memory holds it, and if not, why; `None` where there is no plan.
    pub memory: Option<std::result::Result<(), String>>,
}

impl Here {
    /// The kernels' table and a plan, asked about a model.
    #[must_use]
    pub fn of(model: &Model, machine: &Machine) -> Self {
        let runs = runs_here(model, &|tensor| precision::of(tensor).is_some());
        let memory = model.spec.as_ref().ok().and_then(|spec| {
            // the shortest context there is: whether the file could run here at all
            let choice = Choice {
                context: spec.n_ctx_train.min(KV_BLOCK_TOKENS),
                kv: KvDtype::F16,
                arithmetic: Arithmetic::Fast,
                threads: machine.processors,
                recode: None,
            };
            let plan = plan::plan(model, choice, machine).ok()?;
            Some(match plan.fit {
                Fit::Fits | Fit::Tight => Ok(()),
                Fit::Exceeds | Fit::Impossible => {
                    Err(format!("needs {} of memory, {} is available", plan.peak.in_memory(), plan.available.in_memory()))
                }
            })
        });
        Self { runs, memory }
    }

    fn ok(&self) -> bool {
        self.runs.ok() && self.memory.as_ref().is_none_or(std::result::Result::is_ok)
    }

    fn why(&self) -> String {
        let memory = self.memory.as_ref().and_then(|memory| memory.as_ref().err());
        [Some(&self.runs.why).filter(|why| !why.is_empty()), memory].into_iter().flatten().cloned().collect::<Vec<_>>().join("; ")
    }
}

/// Runs the command.
///
/// # Errors
/// A file that is no model file, or cannot be read.
pub fn run(args: &Args) -> Result<()> {
    let model = prepare::open(&args.target.file)?;
    let here = Here::of(&model, &prepare::machine());
    show(args.target.json, &json(&model, &here), || text(&model, &here))
}

/// The object that `inspect --json` prints.
#[must_use]
pub fn json(model: &Model, here: &Here) -> Json {
    let file = &model.file;
    let spec = model.spec.as_ref().ok().map(|spec| {
        json!({
            "layers": spec.n_layers, "embedding": spec.n_embd, "feed_forward": spec.n_ff, "heads": spec.n_heads, "kv_heads": spec.n_kv_heads,
            "head_dim": spec.head_dim, "context": spec.n_ctx_train, "vocabulary": spec.n_vocab, "tied_head": spec.tied_head,
        })
    });
    let tensors: Vec<Json> = file.tensors.iter().zip(&model.roles).map(|(tensor, role)| tensor_json(tensor, role.name())).collect();
    let mut metadata = Map::new();
    for (key, value) in file.metadata.iter() {
        metadata.entry(key.to_owned()).or_insert_with(|| value_json(value));
    }
    let parts: Vec<Json> =
        model.parts.iter().map(|part| json!({ "name": part.name, "bytes": part.bytes.0, "tensors": part.tensors })).collect();
    let mix: Vec<Json> = model
        .mix
        .iter()
        .map(|share| json!({ "dtype": share.dtype.name(), "tensors": share.tensors, "bytes": share.bytes.0, "share": share.share }))
        .collect();
    let precision: Vec<Json> = precision_rows(model)
        .iter()
        .map(|row| {
            let mut value = row.precision.map_or_else(|| json!({ "kernel": null }), |precision| json!(precision));
            value["storage"] = json!(row.storage);
            value["tensors"] = json!(row.tensors);
            value["bytes"] = json!(row.bytes.0);
            value
        })
        .collect();
    let runtimes: Vec<Json> =
        runtimes(model).into_iter().map(|runtime| json!({ "name": runtime.name, "ok": runtime.ok, "why": runtime.why })).collect();
    json!({
        "format": file.format.name(),
        "architecture": model.architecture(),
        "family": model.family(),
        "name": model.name(),
        "quantization": model.quantization(),
        "bits_per_weight": model.bits_per_weight(),
        "parameters": model.parameters,
        "file_bytes": file.bytes.0,
        "tensor_count": file.tensors.len(),
        "spec": spec,
        "tensors": tensors,
        "metadata": metadata,
        "parts": parts,
        "mix": mix,
        "precision": precision,
        "runs_here": {
            "ok": here.ok(),
            "loader": here.runs.loader,
            "memory": here.memory.as_ref().map(std::result::Result::is_ok),
            "kernel": here.runs.kernel,
            "why": here.why(),
        },
        "runtimes": runtimes,
        "warnings": model.warnings,
    })
}

fn tensor_json(tensor: &TensorInfo, role: &str) -> Json {
    let mut object = json!({
        "name": tensor.name, "shape": tensor.shape, "dtype": tensor.dtype.name(), "bytes": tensor.bytes.0, "offset": tensor.offset, "role": role,
    });
    if let Json::Object(object) = &mut object {
        if tensor.shard > 0 {
            object.insert("shard".to_owned(), json!(tensor.shard));
        }
        if let Some(problem) = &tensor.problem {
            object.insert("problem".to_owned(), json!(problem));
        }
    }
    object
}

/// A metadata value; an array is described by type, count and its first elements.
fn value_json(value: &Value) -> Json {
    match value {
        Value::Bool(b) => json!(b),
        Value::String(s) => json!(s),
        // The shortest decimal that is this F32, not the digits that F64 adds.
        Value::F32(x) => number(x.to_string().parse().unwrap_or_else(|_| f64::from(*x))),
        Value::F64(x) => number(*x),
        Value::U64(n) => json!(n),
        Value::Array(array) => {
            json!({ "type": array.kind.name(), "count": array.len, "first": array.preview.iter().map(value_json).collect::<Vec<_>>() })
        }
        integer => json!(integer.as_i64()),
    }
}

/// What `inspect` prints without `--json`.
#[must_use]
pub fn text(model: &Model, here: &Here) -> String {
    let mut out = String::new();
    write_text(&mut out, model, here).ok();
    out
}

fn n_tensors(n: usize) -> String {
    if n == 1 { "1 tensor".to_owned() } else { format!("{} tensors", grouped(n as u64)) }
}

fn write_text(out: &mut String, model: &Model, here: &Here) -> std::fmt::Result {
    let file = &model.file;
    let mut facts = vec![file.format.name().to_owned()];
    facts.extend(model.family().map(|family| shown(family, 60)));
    facts.extend(model.quantization());
    facts.extend(file.built_in.map(|_| "built in".to_owned()));
    writeln!(out, "{}", model.name())?;
    writeln!(out, "  {}", facts.join(", "))?;
    let bits = model.bits_per_weight().map_or_else(String::new, |bits| format!(", {} bits per weight", significant(bits)));
    writeln!(out, "  {} parameters in {} tensors, {} on disk{bits}", count(model.parameters), file.tensors.len(), file.bytes.on_disk())?;
    if let Ok(spec) = &model.spec {
        writeln!(
            out,
            "  {} layers, {} wide, {} heads of {} ({} for keys and values), feed-forward {}",
            spec.n_layers, spec.n_embd, spec.n_heads, spec.head_dim, spec.n_kv_heads, spec.n_ff
        )?;
        let head = if spec.tied_head { ", embedding serves as head" } else { "" };
        let [context, vocabulary] = [spec.n_ctx_train, spec.n_vocab].map(|n| grouped(n as u64));
        writeln!(out, "  context {context} tokens, vocabulary {vocabulary}{head}")?;
    }
    let memory = match &here.memory {
        None => "memory not planned",
        Some(Ok(())) => "memory holds it",
        Some(Err(_)) => "memory doesn't hold it",
    };
    let answer = if here.ok() { "yes" } else { "no" };
    let loader = if here.runs.loader { "the loader reads it" } else { "the loader doesn't read it" };
    let kernel = if here.runs.kernel { "a kernel exists for every type" } else { "a kernel is missing" };
    writeln!(out, "\nruns here: {answer} ({loader}; {memory}; {kernel})")?;
    if !here.why().is_empty() {
        writeln!(out, "  {}", shown(&here.why(), 400))?;
    }
    for runtime in runtimes(model) {
        writeln!(out, "  {:<10} {:<4} {}", runtime.name, if runtime.ok { "yes" } else { "no" }, runtime.why)?;
    }
    writeln!(out, "\nwhere the bytes are")?;
    for part in &model.parts {
        writeln!(out, "  {:<20} {:>10}  {}", part.name, part.bytes.in_memory(), n_tensors(part.tensors))?;
    }
    writeln!(out, "\nstored as")?;
    for share in &model.mix {
        writeln!(
            out,
            "  {:<20} {:>10}  {:>7}  {}",
            share.dtype.name(),
            share.bytes.in_memory(),
            percent(share.share),
            n_tensors(share.tensors)
        )?;
    }
    let precision = precision_rows(model);
    if !precision.is_empty() {
        writeln!(out, "\nfrom disk to sum")?;
    }
    for row in &precision {
        let path = row.precision.map_or_else(
            || "no kernel yet".to_owned(),
            |p| format!("{} in memory, times {}, summed in {}, by {}", p.resident, p.compute, p.accumulate, p.kernel),
        );
        writeln!(out, "  {:<20} {:>10}  {path}", row.storage, row.bytes.in_memory())?;
    }
    writeln!(out, "\nmetadata")?;
    for (key, value) in file.metadata.iter() {
        writeln!(out, "  {} = {}", shown(key, 80), shown(&value.to_string(), 100))?;
    }
    writeln!(out, "\ntensors")?;
    for (tensor, role) in file.tensors.iter().zip(&model.roles) {
        let problem = tensor.problem.as_ref().map_or_else(String::new, |problem| format!("  {problem}"));
        let shape = format!("{:?}", tensor.shape);
        let (name, dtype) = (shown(&tensor.name, 60), tensor.dtype.name());
        writeln!(out, "  {name:<32} {shape:<16} {dtype:<8} {:>10}  {}{problem}", tensor.bytes.in_memory(), role.name())?;
    }
    if !model.warnings.is_empty() {
        writeln!(out, "\nwarnings")?;
    }
    for warning in &model.warnings {
        writeln!(out, "  {}", shown(warning, 300))?;
    }
    Ok(())
}
