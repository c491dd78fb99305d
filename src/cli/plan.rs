//! `ponder plan`: what loading a model would cost.

use serde_json::{Value, json};

use super::args::Plan as Args;
use super::{parts_json, prepare, show};
use crate::error::Result;
use crate::memory::Part;
use crate::memory::plan::{self, Arithmetic, Choice, Fit, Plan};

pub fn run(args: &Args) -> Result<()> {
    let model = prepare::open(&args.target.file)?;
    let trained = model.spec.as_ref().map_err(Clone::clone)?.n_ctx_train;
    let context = args.context.map_or_else(|| prepare::default_context(&model), Ok)?;
    prepare::check_context(&model, context)?;
    let machine = prepare::machine();
    let choice =
        Choice { context, kv: args.kv.into(), arithmetic: Arithmetic::Fast, threads: machine.processors, recode: args.recoding.to };
    let plan = plan::plan(&model, choice, &machine)?;
    let total = |parts: &crate::memory::Parts| parts.sum() - parts.staging.unwrap_or_default();
    let curve: Vec<Value> = plan::curve(&model, choice, trained)
        .iter()
        .map(|(context, parts)| json!({ "context": context, "total": total(parts).0 }))
        .collect();
    let mut value = parts_json(&plan.parts, Some(plan.total));
    let more = json!({
        "peak": plan.peak.0,
        "available": plan.available.0,
        "fits": matches!(plan.fit, Fit::Fits | Fit::Tight),
        "max_context": plan.max_context,
        "context": plan.choice.context,
        "kv": plan.choice.kv.name().to_lowercase(),
        "curve": curve,
        "rule_of_thumb": plan::rule_of_thumb(model.file.bytes).0,
    });
    if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
        value.extend(more);
    }
    show(args.target.json, &value, || text(&plan))
}

fn text(plan: &Plan) -> String {
    let weights = plan.choice.recode.map_or_else(String::new, |level| format!(", weights in {}", level.dtype().name()));
    let mut lines =
        vec![format!("planned for a context of {} tokens, KV cache in {}{weights}", plan.choice.context, plan.choice.kv.name())];
    for part in Part::ALL {
        lines.push(format!("  {:<12} {:>12}", part.word(), plan.parts.get(part).unwrap_or_default().in_memory()));
    }
    let verdict = match plan.fit {
        Fit::Fits => "fits".to_owned(),
        Fit::Tight => "fits, but tightly".to_owned(),
        Fit::Exceeds | Fit::Impossible if plan.max_context > 0 => {
            format!("does not fit ({} above all); a context of {} would", plan.blame.word(), plan.max_context)
        }
        Fit::Exceeds | Fit::Impossible => format!("does not fit: {} above all; a smaller quantization might", plan.blame.word()),
    };
    lines.push(format!("  {:<12} {:>12}", "peak", plan.peak.in_memory()));
    lines.push(format!("  {:<12} {:>12}   {verdict}", "available", plan.available.in_memory()));
    lines.join("\n")
}
