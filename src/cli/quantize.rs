//! `ponder quantize`: a model written as another quantization.

use std::time::Instant;

use serde_json::{Value, json};

use super::args::Quantize as Args;
use super::{go_on, note, prepare, show};
use crate::error::Result;
use crate::kernels::pool::Pool;
use crate::lab::label::Keep;
use crate::lab::mix::{Mix, Recipe};
use crate::lab::quantize;
use crate::units::{Bytes, seconds, significant};

pub fn run(args: &Args) -> Result<()> {
    let keep = args.keep.iter().map(|text| Keep::parse(text)).collect::<Result<Vec<Keep>>>()?;
    let recipe = Recipe { pure: args.pure || args.to.is_pure(), keep, ..Recipe::of(args.to) };
    let model = prepare::open(&args.target.file)?;
    let mix = Mix::of(&model, &recipe)?;
    if args.dry_run {
        return show(args.target.json, &json_of(&mix, None), || format!("{}: {}", recipe.name(), sentence(&mix)));
    }
    let pool = Pool::new(args.threads.unwrap_or_else(|| prepare::machine().processors).clamp(1, 256))?;
    let started = Instant::now();
    let mut told = 0;
    let bytes = quantize::write(&model, &mix, &args.out, &pool, &mut |progress| {
        if !args.target.json && progress.index + 1 > told && (progress.index.is_multiple_of(20) || progress.index + 1 == progress.tensors) {
            told = progress.index + 1;
            let (from, to) = (progress.tensor.from.name(), progress.tensor.to.name());
            note(&format!("{told} of {}: {} {from} → {to}", progress.tensors, progress.tensor.name));
        }
        go_on()
    })?;
    let took = started.elapsed().as_secs_f64();
    show(args.target.json, &json_of(&mix, Some((bytes, took))), || {
        format!("{}: {}, {} in {}", args.out.display(), sentence(&mix), bytes.on_disk(), seconds(took))
    })
}

/// What the label really became.
fn sentence(mix: &Mix) -> String {
    let fallbacks = match mix.fallbacks() {
        0 => String::new(),
        n => format!("; {n} tensors have rows that are no whole blocks and got another type"),
    };
    format!("{}, {} bits per weight{fallbacks}", mix.really(), significant(mix.bits_per_weight()))
}

fn json_of(mix: &Mix, written: Option<(Bytes, f64)>) -> Value {
    let shares: Vec<Value> = mix
        .shares()
        .iter()
        .map(|share| json!({ "dtype": share.dtype.name(), "tensors": share.tensors, "bytes": share.bytes.0, "weights": share.weights }))
        .collect();
    let tensors: Vec<Value> = mix
        .tensors
        .iter()
        .map(|tensor| {
            json!({ "name": tensor.name, "from": tensor.from.name(), "to": tensor.to.name(), "wanted": tensor.wanted.name(),
                    "bytes": tensor.bytes.0 })
        })
        .collect();
    json!({
        "label": mix.recipe.name(),
        "bits_per_weight": mix.bits_per_weight(),
        "tensor_bytes": mix.bytes.0,
        "mix": shares,
        "fallbacks": mix.fallbacks(),
        "file_bytes": written.map(|(bytes, _)| bytes.0),
        "seconds": written.map(|(_, seconds)| seconds),
        "tensors": tensors,
    })
}
