//! The list of a model's tensors as CSV (RFC 4180), with what is known of their statistics.

use std::fmt::Write as _;

use crate::inspect::Model;
use crate::inspect::roles;
use crate::inspect::stats::Stats;

/// The table's first line.
const HEADER: &str =
    "name,role,layer,shape,dtype,elements,bytes,bits_per_weight,file,offset,problem,min,max,mean,std,abs_max,kurtosis,zeros,nan,inf";

/// The tensors at these positions, in this order; `stats` gives what is known of one. Numbers have all their digits and a point.
#[must_use]
pub fn csv<'a>(model: &Model, tensors: impl IntoIterator<Item = usize>, stats: &dyn Fn(usize) -> Option<&'a Stats>) -> String {
    let mut out = format!("{HEADER}\r\n");
    for n in tensors {
        let (tensor, role) = (&model.file.tensors[n], model.roles[n]);
        let shape: Vec<String> = tensor.shape.iter().map(ToString::to_string).collect();
        let layer = roles::layer(&tensor.name).map_or_else(String::new, |layer| layer.to_string());
        let bits = tensor.dtype.bits_per_weight().map_or_else(String::new, |bits| bits.to_string());
        let file = model.file.paths().nth(tensor.shard).and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
        let fields = [
            quoted(&tensor.name),
            role.name().to_owned(),
            layer,
            shape.join("x"),
            quoted(&tensor.dtype.name()),
            tensor.elements().to_string(),
            tensor.bytes.0.to_string(),
            bits,
            quoted(&file.unwrap_or_default()),
            tensor.offset.to_string(),
            quoted(tensor.problem.as_deref().unwrap_or_default()),
        ];
        out.push_str(&fields.join(","));
        let stats = stats(n);
        let numbers = [Stats::min, Stats::max, Stats::mean, Stats::std, Stats::abs_max, Stats::kurtosis];
        for number in numbers.map(|number| stats.and_then(number)) {
            out.push(',');
            if let Some(number) = number {
                // Writing to a String doesn't fail.
                write!(out, "{number}").ok();
            }
        }
        for count in stats.map_or([None; 3], |stats| [stats.moments.zeros, stats.moments.nan, stats.moments.inf].map(Some)) {
            out.push(',');
            if let Some(count) = count {
                write!(out, "{count}").ok();
            }
        }
        out.push_str("\r\n");
    }
    out
}

/// A field with quotes where it needs them.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) || field.starts_with(' ') || field.ends_with(' ') {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}
