//! How a stored code becomes a value, in words and with its numbers.

use crate::kernels::dequantize::anatomy::BlockParts;
use crate::units::real;

/// A line of the explanation: what it is, and how it is made with numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// `value`, `scale`, `minimum`, `code`.
    pub word: &'static str,
    /// `0.01234 × (11 − 8)`.
    pub text: String,
    /// `0.03702`, where that is not the text already.
    pub result: Option<String>,
}

/// From the code of a weight to its value: code, scale and minimum where there are such, and the product. Empty for a weight that
/// isn't in the block.
#[must_use]
pub fn formula(parts: &BlockParts, index: usize) -> Vec<Line> {
    let Some(&value) = parts.values.get(index) else { return Vec::new() };
    let group = index / parts.group_len.max(1);
    let Some(&scale) = parts.scales.get(group) else {
        return vec![Line { word: "Value", text: format!("{} stored as it is", parts.dtype.name()), result: Some(real(value.into())) }];
    };
    let mut lines = Vec::new();
    if let Some(&code) = parts.codes.get(index) {
        lines.push(code_line(parts, index, code));
    }
    lines.push(coded("Scale", scale, parts.super_scale, parts.scale_codes.get(group)));
    let offset = parts.offsets.get(group).copied();
    if let Some(offset) = offset {
        let lead = parts.super_min.map(|min| -min);
        lines.push(coded("Minimum", offset, lead, parts.min_codes.get(group)));
    }
    let level = level(parts, index, scale, offset.unwrap_or(0.0), value);
    let factor = match parts.codes.get(index) {
        _ if parts.entry_len > 0 => signed(level),
        Some(&code) => shifted(&parts.levels, code, level),
        None => signed(level),
    };
    let product = format!("{} × {factor}", real(scale.into()));
    let text = match offset {
        Some(offset) if offset < 0.0 => format!("{product} − {}", real((-offset).into())),
        Some(offset) => format!("{product} + {}", real(offset.into())),
        None => product,
    };
    lines.push(Line { word: "Value", text, result: Some(real(value.into())) });
    lines
}

/// The code as it is stored, in binary too.
fn code_line(parts: &BlockParts, index: usize, code: i32) -> Line {
    if let Some(at) = index.checked_div(parts.entry_len) {
        let entry = parts.entries.get(at);
        let text = entry.map_or_else(|| "an entry of the codebook".to_owned(), |entry| format!("entry {entry} of the codebook"));
        let place = index % parts.entry_len;
        return Line { word: "Code", text, result: Some(format!("its weight {place} is {}", code.to_string().replace('-', "−"))) };
    }
    let text = match usize::from(parts.bits) {
        0 => return Line { word: "Code", text: code.to_string(), result: None },
        bits => binary(code, bits),
    };
    Line { word: "Code", text, result: Some(code.to_string().replace('-', "−")) }
}

/// The lowest bits of a code.
pub(super) fn binary(code: i32, bits: usize) -> String {
    let all = format!("{:032b}", code.cast_unsigned());
    all[32 - bits.min(32)..].to_owned()
}

/// A scale or minimum, and what it is made of where it is a code itself.
fn coded(word: &'static str, decoded: f32, lead: Option<f32>, code: Option<&i32>) -> Line {
    match (lead, code) {
        (Some(lead), Some(code)) => {
            let text = format!("{} × {}", real(lead.into()), parenthesized(*code));
            Line { word, text, result: Some(real(decoded.into())) }
        }
        _ => Line { word, text: real(decoded.into()), result: None },
    }
}

/// What the code stands for before scaling: of all levels the one that gives the value.
fn level(parts: &BlockParts, index: usize, scale: f32, offset: f32, value: f32) -> f32 {
    let code = parts.codes.get(index).copied().unwrap_or(0);
    if scale == 0.0 || !scale.is_finite() {
        #[expect(clippy::cast_precision_loss, reason = "a code of at most 8 bits")]
        let plain = code as f32;
        let at = usize::try_from(code).ok();
        return at.and_then(|at| parts.levels.get(at)).copied().unwrap_or(plain);
    }
    let miss = |level: &f32| (scale * level + offset - value).abs();
    parts.levels.iter().copied().min_by(|a, b| miss(a).total_cmp(&miss(b))).unwrap_or(0.0)
}

/// `11`, `(11 − 8)` where codes are counted from the lowest level, or the level that a table gives for the code.
#[expect(clippy::float_cmp, reason = "levels are whole numbers")]
fn shifted(levels: &[f32], code: i32, level: f32) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a code of at most 8 bits")]
    let is_same = level == code as f32;
    let counts = levels.windows(2).all(|pair| pair[1] - pair[0] == 1.0);
    match levels.first() {
        _ if is_same => parenthesized(code),
        Some(&lowest) if counts => format!("({code} − {})", -lowest),
        _ => signed(level),
    }
}

fn parenthesized(code: i32) -> String {
    if code < 0 { format!("(−{})", code.unsigned_abs()) } else { code.to_string() }
}

fn signed(level: f32) -> String {
    if level < 0.0 { format!("(−{})", -level) } else { level.to_string() }
}
