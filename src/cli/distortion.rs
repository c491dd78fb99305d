//! `ponder distortion`: how far a quantization moves each tensor.

use serde_json::{Value, json};

use super::args::Distortion as Args;
use super::{go_on, number, prepare, show};
use crate::error::Result;
use crate::inspect::Model;
use crate::kernels::pool::Pool;
use crate::lab::distortion::{self, Against, Distortion};
use crate::lab::mix::Mix;
use crate::units::percent;

pub fn run(args: &Args) -> Result<()> {
    let reference = prepare::open(&args.target.file)?;
    let pool = Pool::new(args.threads.unwrap_or_else(|| prepare::machine().processors).clamp(1, 256))?;
    let found = match prepare::recipe(&args.candidate, &args.keep)? {
        Some(recipe) => measure(&reference, Against::Mix(&Mix::of(&reference, &recipe)?), &pool)?,
        None => measure(&reference, Against::File(&prepare::open(&args.candidate)?), &pool)?,
    };
    let value = json!({ "tensors": found.iter().map(json_of).collect::<Vec<_>>() });
    show(args.target.json, &value, || table(found))
}

fn measure(reference: &Model, against: Against<'_>, pool: &Pool) -> Result<Vec<Distortion>> {
    distortion::measure(reference, against, pool, &mut |_, _| go_on())
}

fn json_of(found: &Distortion) -> Value {
    json!({
        "name": found.name,
        "role": found.role.name(),
        "layer": found.layer,
        "dtype": found.dtype.name(),
        "bits_per_weight": found.bits_per_weight,
        "elements": found.elements,
        "rmse": number(found.rmse),
        "relative_rmse": number(found.relative_rmse),
        "max_error": number(found.max_error),
        "cosine": number(found.cosine),
    })
}

/// The most distorted tensors first.
fn table(mut found: Vec<Distortion>) -> String {
    found.sort_by(|a, b| b.relative_rmse.total_cmp(&a.relative_rmse));
    let line = |d: &Distortion| {
        let relative = percent(d.relative_rmse);
        format!("{:>9}  {:8} {:32} rmse {:.3e}  max {:.3e}  cosine {:.6}", relative, d.dtype.name(), d.name, d.rmse, d.max_error, d.cosine)
    };
    found.iter().map(line).collect::<Vec<_>>().join("\n")
}
