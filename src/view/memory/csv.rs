//! The samples as text for a spreadsheet.

use std::fmt::Write as _;

use crate::memory::Part;
use crate::memory::history::History;
use crate::units::Bytes;

/// One line a sample: seconds, then bytes; a cell is empty where a truth cannot tell.
#[must_use]
pub fn csv(history: &History) -> String {
    let mut out = String::from("seconds");
    for part in Part::ALL {
        let _ = write!(out, ",booked_{}", part.key());
    }
    out.push_str(",allocated_activations,allocated_total,resident,available\n");
    for sample in history.samples() {
        let _ = write!(out, "{:.3}", sample.at);
        let cell = |bytes: Option<Bytes>| bytes.map_or_else(String::new, |bytes| bytes.0.to_string());
        for part in Part::ALL {
            let _ = write!(out, ",{}", cell(sample.charged.get(part)));
        }
        let counted = cell(sample.counted.activations);
        let _ = writeln!(out, ",{counted},{},{},{}", sample.counted_total.0, sample.resident.0, sample.available.0);
    }
    out
}
