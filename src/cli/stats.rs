//! `ponder stats`: what all values of a tensor are, taken together; or the values themselves, as `.npy`.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::args::Stats as Args;
use super::{go_on, number, prepare, show};
use crate::error::{Error, Result};
use crate::file::text::shown;
use crate::file::{ModelFile, TensorInfo};
use crate::inspect::roles::Role;
use crate::inspect::stats::{self, Depth, Outlier, Stats};
use crate::inspect::values::TensorValues;
use crate::inspect::{Model, npy};
use crate::kernels::courtesy::{Background, Courtesy};
use crate::kernels::pool::Pool;
use crate::units::{grouped, percent};

/// The quantiles that are printed, with their names.
const QUANTILES: [(&str, f64); 11] = [
    ("p01", 0.001),
    ("p1", 0.01),
    ("p5", 0.05),
    ("p10", 0.1),
    ("p25", 0.25),
    ("p50", 0.5),
    ("p75", 0.75),
    ("p90", 0.9),
    ("p95", 0.95),
    ("p99", 0.99),
    ("p999", 0.999),
];

/// Tensors that an error names.
const NAMED: usize = 5;

pub fn run(args: &Args) -> Result<()> {
    let model = prepare::open(&args.file)?;
    let tensor = find(&model, &args.tensor)?;
    let values = TensorValues::new(&model.file, tensor)?;
    if let Some(path) = &args.out {
        npy::write(&values, &tensor.shape, path, &mut |_| go_on())?;
        if !args.json {
            return Ok(());
        }
    }
    let pool = Pool::new(args.threads.unwrap_or_else(|| prepare::machine().processors).clamp(1, 256))?;
    let background = Background { pool: &pool, courtesy: &Courtesy::default(), go_on: &go_on };
    let stats = stats::of(&values, Depth::Full, &background, &mut |_, _| ())?;
    show(args.json, &value(tensor, &stats), || text(tensor, &stats))
}

/// The tensor of this name, or an error with names like it.
fn find<'a>(model: &'a Model, name: &str) -> Result<&'a TensorInfo> {
    let file: &ModelFile = &model.file;
    if let Some(tensor) = file.tensor(name) {
        return Ok(tensor);
    }
    let like: Vec<String> = file.tensors.iter().filter(|t| t.name.contains(name)).take(NAMED).map(|t| shown(&t.name, 80)).collect();
    let found =
        if like.is_empty() { "no such name (see `ponder inspect`)".to_owned() } else { format!("only names like {}", like.join(", ")) };
    Err(Error::format(&file.path, format!("tensor `{}`", shown(name, 80)), "a tensor of that name", found))
}

fn value(tensor: &TensorInfo, stats: &Stats) -> Value {
    let optional = |x: Option<f64>| x.map_or(json!("nan"), number);
    let quantiles: Map<String, Value> = QUANTILES.iter().map(|&(name, share)| (name.to_owned(), optional(stats.quantile(share)))).collect();
    let outliers = |found: Vec<Outlier>| -> Vec<Value> {
        found.iter().map(|o| json!({ "index": o.index, "norm": number(o.norm.into()), "score": number(o.score) })).collect()
    };
    let histogram = stats.histogram.as_ref().map_or(Value::Null, |histogram| {
        let edges: Vec<Value> = histogram.edges().into_iter().map(|edge| number(edge.into())).collect();
        json!({ "edges": edges, "counts": histogram.counts })
    });
    json!({
        "name": tensor.name,
        "shape": tensor.shape,
        "dtype": tensor.dtype.name(),
        "count": stats.count,
        "min": optional(stats.min()),
        "max": optional(stats.max()),
        "mean": optional(stats.mean()),
        "std": optional(stats.std()),
        "abs_max": optional(stats.abs_max()),
        "skewness": optional(stats.skewness()),
        "kurtosis": optional(stats.kurtosis()),
        "zeros": stats.moments.zeros,
        "sparsity": optional(stats.sparsity()),
        "nan": stats.moments.nan,
        "inf": stats.moments.inf,
        "quantiles": quantiles,
        "outlier_share": optional(stats.outlier_share()),
        "outlier_rows": outliers(stats.outlier_rows()),
        "outlier_cols": outliers(stats.outlier_cols()),
        "histogram": histogram,
    })
}

fn text(tensor: &TensorInfo, stats: &Stats) -> String {
    let mut out = format!("{}: {:?} of {}, {}", shown(&tensor.name, 80), tensor.shape, tensor.dtype.name(), Role::of(&tensor.name).name());
    let mut line = |name: &str, text: String| {
        // Writing to a String doesn't fail.
        write!(out, "\n  {name:<10} {text}").ok();
    };
    let optional = |x: Option<f64>| x.map_or_else(|| "none".to_owned(), |x| format!("{x:.6e}"));
    line("values", grouped(stats.count));
    for (name, x) in [
        ("least", stats.min()),
        ("largest", stats.max()),
        ("mean", stats.mean()),
        ("std", stats.std()),
        ("skewness", stats.skewness()),
        ("kurtosis", stats.kurtosis()),
    ] {
        line(name, optional(x));
    }
    line("zeros", format!("{} ({})", grouped(stats.moments.zeros), percent(stats.sparsity().unwrap_or_default())));
    line("not finite", format!("{} NaN, {} infinite", grouped(stats.moments.nan), grouped(stats.moments.inf)));
    for (name, share) in QUANTILES {
        line(name, optional(stats.quantile(share)));
    }
    for (name, found) in [("rows", stats.outlier_rows()), ("columns", stats.outlier_cols())] {
        for outlier in found.iter().take(NAMED) {
            line(name, format!("{} has norm {:.4e}, {:.1} deviations from the median", outlier.index, outlier.norm, outlier.score));
        }
    }
    out
}
