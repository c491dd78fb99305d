//! `ponder answers`: how many held-out questions a model answers rightly, at one level of quantization or many.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::args::{Answers as Args, Recoding, To};
use super::{go_on, note, prepare, show};
use crate::error::Result;
use crate::inspect::Model;
use crate::kernels::level::Level;
use crate::lab::answers::{Answers, Count, Tally, ask};
use crate::memory::plan::KvDtype;
use crate::pocket;
use crate::units::{Bytes, grouped, percent, significant};

/// Questions between two lines of progress.
const TOLD_EVERY: usize = 100;

/// What came out at one level.
struct Row {
    name: String,
    /// The types that the matrices really have, each once.
    types: Vec<String>,
    bytes: Bytes,
    bits_per_weight: f64,
    answers: Answers,
}

pub fn run(args: &Args) -> Result<()> {
    let model = prepare::open(&args.target.file)?;
    let rows = levels(&args.to).into_iter().map(|level| measure(args, &model, level)).collect::<Result<Vec<Row>>>()?;
    let value = json!({
        "file": model.file.path,
        "questions": args.questions,
        "seed": args.seed,
        "levels": rows.iter().map(json_of).collect::<Vec<_>>(),
    });
    show(args.target.json, &value, || table(&rows))
}

/// The levels that were asked for, each once; `None` is the file as it is.
fn levels(to: &[To]) -> Vec<Option<Level>> {
    let mut levels: Vec<Option<Level>> = Vec::new();
    for to in to {
        let asked: &[Level] = match to {
            To::All => &Level::LADDER,
            To::Level(level) => std::slice::from_ref(level),
        };
        for &level in asked {
            if !levels.contains(&Some(level)) {
                levels.push(Some(level));
            }
        }
    }
    if levels.is_empty() { vec![None] } else { levels }
}

fn measure(args: &Args, model: &Model, level: Option<Level>) -> Result<Row> {
    let context = prepare::default_context(model)?;
    let choice = prepare::choice(&args.running, &Recoding { to: level }, context, KvDtype::F16);
    let prepare::Loaded { mut session, plan, .. } = prepare::load(model, choice)?;
    let name = level.map_or_else(|| model.quantization().unwrap_or_default(), |level| level.dtype().name().into_owned());
    let mut count = Count::new(pocket::held_out(args.questions as usize, args.seed));
    while count.step(&mut |question| ask(&mut session, question, &go_on))? {
        let Tally { asked, .. } = count.answers().total;
        if !args.target.json && (asked % TOLD_EVERY == 0 || asked == count.n_questions()) {
            let (asked, all) = (grouped(asked as u64), grouped(count.n_questions() as u64));
            note(&format!("{name}: {asked} of {all} asked, {} right", percent(count.answers().total.share())));
        }
    }
    session.close();
    for wrong in count.answers().asked.iter().filter(|asked| !asked.right).take(args.show_wrong) {
        note(&format!("{name}: {:?}\n  expected {:?}\n  found    {:?}", wrong.question, wrong.expected, wrong.found));
    }
    let bytes = plan.parts.weights.unwrap_or_default();
    let elements = model.used_tensors().fold(0_u64, |n, tensor| n.saturating_add(tensor.elements()));
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let bits_per_weight = 8.0 * bytes.as_f64() / elements.max(1) as f64;
    let types = level.map_or_else(Vec::new, |level| level.types(model.used_tensors()));
    let types = types.into_iter().map(|dtype| dtype.name().into_owned()).collect();
    Ok(Row { name, types, bytes, bits_per_weight, answers: count.answers().clone() })
}

fn json_of(row: &Row) -> Value {
    let Answers { total, by_kind, asked } = &row.answers;
    let by_kind: Map<String, Value> =
        by_kind.iter().map(|(&kind, tally)| (kind.to_owned(), json!({ "right": tally.right, "asked": tally.asked }))).collect();
    let transcript: Vec<Value> = asked
        .iter()
        .map(|asked| json!({ "question": asked.question, "expected": asked.expected, "found": asked.found, "right": asked.right }))
        .collect();
    json!({
        "type": row.name,
        "types": row.types,
        "bytes": row.bytes.0,
        "bits_per_weight": row.bits_per_weight,
        "right": total.right,
        "asked": total.asked,
        "stderr": total.stderr(),
        "interval": total.interval(),
        "by_kind": by_kind,
        "transcript": transcript,
    })
}

/// A table in Markdown.
fn table(rows: &[Row]) -> String {
    let mut out = String::new();
    write_table(&mut out, rows).ok();
    out
}

fn write_table(out: &mut String, rows: &[Row]) -> std::fmt::Result {
    let kinds: Vec<&str> = rows.first().map_or_else(Vec::new, |row| row.answers.by_kind.keys().copied().collect());
    write!(out, "| type | weights | bits per weight | right | share | 95 % interval |")?;
    for kind in &kinds {
        write!(out, " {kind} |")?;
    }
    write!(out, "\n|---|--:|--:|--:|--:|--:|{}", "--:|".repeat(kinds.len()))?;
    rows.iter().try_for_each(|row| write_row(out, row, &kinds))
}

fn write_row(out: &mut String, row: &Row, kinds: &[&str]) -> std::fmt::Result {
    let total = row.answers.total;
    let really = if row.types.iter().all(|name| *name == row.name) { String::new() } else { format!(" ({})", row.types.join(", ")) };
    let (low, high) = total.interval();
    write!(
        out,
        "\n| {}{really} | {} | {} | {} of {} | {} ± {} | {} to {} |",
        row.name,
        row.bytes.in_memory(),
        significant(row.bits_per_weight),
        grouped(total.right as u64),
        grouped(total.asked as u64),
        percent(total.share()),
        percent(total.stderr()),
        percent(low),
        percent(high),
    )?;
    for kind in kinds {
        let tally = row.answers.by_kind.get(kind).copied().unwrap_or_default();
        write!(out, " {} of {} |", grouped(tally.right as u64), grouped(tally.asked as u64))?;
    }
    Ok(())
}
