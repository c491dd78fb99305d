//! A comparison as JSON, with the keys that `ponder compare` prints, and as CSV, a candidate a line.

use serde_json::{Map, Value, json};

use super::advice::{Outcome, advice};
use super::divergence::Comparison;
use super::row::Storage;
use super::run::{Kind, Run, Status};
use super::statistics::{Estimate, Summary};

/// A number; what JSON has no number for is a string.
#[must_use]
pub fn number(x: f64) -> Value {
    if x.is_nan() {
        json!("nan")
    } else if x.is_infinite() {
        json!(if x > 0.0 { "inf" } else { "-inf" })
    } else {
        json!(x)
    }
}

/// Everything that was found, without the single positions.
#[must_use]
pub fn json(comparison: &Comparison) -> Value {
    let (reference, budget, chunks) = (comparison.reference(), comparison.budget(), comparison.chunks());
    let first = comparison.runs().iter().find_map(Run::summary);
    let floor = comparison.noise_floor().and_then(Run::summary);
    let candidates: Vec<Value> = comparison.runs().iter().filter(|run| run.kind == Kind::Candidate).map(candidate).collect();
    let outcomes = Outcome::all_of(comparison);
    let advice = advice((&reference.name, reference.mix.bytes), &outcomes, floor.as_ref().map(|floor| floor.kld.mean));
    let (kept, top) = match budget.storage {
        Storage::Full => ("full", None),
        Storage::Top(k) => ("top", Some(k)),
    };
    json!({
        "reference": {
            "name": reference.name,
            "bytes": reference.mix.bytes.0,
            "bits_per_weight": reference.mix.bits_per_weight(),
            "ppl": first.as_ref().map(|summary| number(summary.reference_ppl.value)),
            "ppl_stderr": first.as_ref().map(|summary| number(summary.reference_ppl.stderr)),
        },
        "arithmetic": if comparison.settings().exact { "exact" } else { "fast" },
        "text": {
            "tokens": chunks.text_tokens,
            "chunk": chunks.len,
            "chunks": chunks.tokens.len(),
            "scored": chunks.tokens.len() * chunks.scored(),
        },
        "memory": {
            "planned": budget.peak.0,
            "reference": budget.reference.total.0,
            "candidate": budget.candidate.total.0,
            "kept": budget.cache.0,
            "available": budget.available.0,
            "together": budget.together,
        },
        "kept": { "kind": kept, "top": top, "rest": number(comparison.kept_as_sum()), "kld_lost": number(comparison.lost()) },
        "noise_floor": floor.as_ref().map(|floor| json!({
            "kld": number(floor.kld.mean),
            "kld_stderr": number(floor.kld.stderr),
            "top1": number(floor.top1.value),
            "top1_stderr": number(floor.top1.stderr),
            "positions": floor.positions,
        })),
        "candidates": candidates,
        "advice": advice.map(|advice| json!({
            "name": advice.name, "sentence": advice.sentence, "reasons": advice.reasons, "estimated": advice.estimated,
        })),
    })
}

fn candidate(run: &Run) -> Value {
    let mix = &run.candidate.mix;
    let mut value = json!({
        "name": run.candidate.name,
        "bytes": mix.bytes.0,
        "bits_per_weight": mix.bits_per_weight(),
        "mix": mix.really(),
        "fallbacks": mix.fallbacks(),
        "chunks": run.scores.len(),
        "preliminary": run.is_preliminary(),
        "error": match &run.status { Status::Failed(error) => Some(error.to_string()), _ => None },
        "prefill_tps": run.prefill.map(|speed| number(speed.0)),
        "decode_tps": run.decode.map(|speed| number(speed.0)),
    });
    if let (Some(summary), Some(map)) = (run.summary(), value.as_object_mut()) {
        map.extend(figures(&summary));
    }
    value
}

/// A summary's figures by their keys.
#[must_use]
pub fn figures(summary: &Summary) -> Map<String, Value> {
    let kld = &summary.kld;
    let mut map = Map::new();
    map.insert("positions".into(), json!(summary.positions));
    let spread = [
        ("mean", kld.mean),
        ("stderr", kld.stderr),
        ("min", kld.min),
        ("p1", kld.p1),
        ("p5", kld.p5),
        ("p10", kld.p10),
        ("median", kld.median),
        ("p90", kld.p90),
        ("p95", kld.p95),
        ("p99", kld.p99),
        ("p999", kld.p999),
        ("max", kld.max),
    ];
    map.insert("kld".into(), Value::Object(spread.iter().map(|&(key, value)| (key.to_owned(), number(value))).collect()));
    let estimates = [
        ("top1", summary.top1),
        ("rms_dp", summary.rms_dp),
        ("mean_dp", summary.mean_dp),
        ("ppl", summary.ppl),
        ("reference_ppl", summary.reference_ppl),
        ("ln_ppl_ratio", summary.ln_ratio),
        ("ppl_ratio", summary.ratio),
    ];
    for (key, Estimate { value, stderr }) in estimates {
        map.insert(key.into(), number(value));
        map.insert(format!("{key}_stderr"), number(stderr));
    }
    map
}

/// The columns of a line of CSV.
const COLUMNS: [&str; 21] = [
    "name",
    "bytes",
    "bits_per_weight",
    "mix",
    "positions",
    "kld_mean",
    "kld_stderr",
    "kld_median",
    "kld_p99",
    "kld_max",
    "top1",
    "top1_stderr",
    "rms_dp",
    "rms_dp_stderr",
    "ppl",
    "ppl_stderr",
    "ppl_ratio",
    "ppl_ratio_stderr",
    "ln_ppl_ratio",
    "prefill_tps",
    "decode_tps",
];

/// A line per candidate, below a line of names.
#[must_use]
pub fn csv(comparison: &Comparison) -> String {
    let mut out = COLUMNS.join(",");
    out.push('\n');
    for run in comparison.runs().iter().filter(|run| run.kind == Kind::Candidate) {
        let value = candidate(run);
        let cell = |column: &str| {
            let found = column.strip_prefix("kld_").map_or_else(|| &value[column], |key| &value["kld"][key]);
            match found {
                Value::Null => String::new(),
                Value::String(text) => quoted(text),
                other => other.to_string(),
            }
        };
        out.push_str(&COLUMNS.map(cell).join(","));
        out.push('\n');
    }
    out
}

/// A cell of CSV: in quotation marks where it must be. What a spreadsheet would take for a formula is text.
fn quoted(text: &str) -> String {
    let text = if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}
