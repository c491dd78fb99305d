//! Quantities and the only place where they become text.
//!
//! Memory is shown in MiB and GiB, file sizes in MB and GB as file managers do; three significant digits, a thin space before the
//! unit. No screen and no command formats a number by itself.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};

/// The space between a number and its unit.
pub const THIN_SPACE: char = '\u{2009}';

/// A number of bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Bytes(pub u64);

impl Bytes {
    /// One mebibyte.
    pub const MIB: Self = Self(1 << 20);
    /// One gibibyte.
    pub const GIB: Self = Self(1 << 30);

    /// The size of `len` values of `T`, saturating.
    #[must_use]
    pub const fn of<T>(len: usize) -> Self {
        Self((len as u64).saturating_mul(size_of::<T>() as u64))
    }

    /// As a disk size: powers of 1000, `98.4 MB`.
    #[must_use]
    pub fn on_disk(self) -> String {
        scaled(self.0, 1000.0, &["B", "kB", "MB", "GB", "TB", "PB"])
    }

    /// As memory: powers of 1024, `93.8 MiB`.
    #[must_use]
    pub fn in_memory(self) -> String {
        scaled(self.0, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB", "PiB"])
    }

    /// Every digit, grouped: `98,362,432 bytes`.
    #[must_use]
    pub fn exact(self) -> String {
        format!("{}{THIN_SPACE}bytes", grouped(self.0))
    }

    /// `self - other`, not below zero.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// For plots and shares.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "53 bits of bytes are 8 PiB")]
    pub const fn as_f64(self) -> f64 {
        self.0 as f64
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_memory())
    }
}

impl Add for Bytes {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Bytes {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Bytes {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self.saturating_sub(other)
    }
}

impl Sum for Bytes {
    fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
        items.fold(Self(0), Add::add)
    }
}

/// A throughput.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct TokensPerSecond(pub f64);

impl TokensPerSecond {
    /// `tokens` in `seconds`; zero when no time passed.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^53")]
    pub fn new(tokens: usize, seconds: f64) -> Self {
        Self(if seconds > 0.0 { tokens as f64 / seconds } else { 0.0 })
    }
}

impl fmt::Display for TokensPerSecond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{THIN_SPACE}tok/s", significant(self.0))
    }
}

/// A rate of reading or writing.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct BytesPerSecond(pub f64);

impl fmt::Display for BytesPerSecond {
    /// In powers of 1000, as memory is sold: `41.3 GB/s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, unit) = if self.0 < 999.5e6 { (self.0 / 1e6, "MB/s") } else { (self.0 / 1e9, "GB/s") };
        write!(f, "{}{THIN_SPACE}{unit}", significant(value))
    }
}

/// A duration in seconds as prose: `0.42 s`, `12.3 s`, `3 min 20 s`.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded, positive, below u64::MAX by the minutes")]
pub fn seconds(s: f64) -> String {
    if s < 120.0 {
        return format!("{}{THIN_SPACE}s", significant(s));
    }
    let whole = s.round() as u64;
    format!("{}{THIN_SPACE}min {}{THIN_SPACE}s", whole / 60, whole % 60)
}

/// A share of one as a percentage with three significant digits.
#[must_use]
pub fn percent(share: f64) -> String {
    format!("{}{THIN_SPACE}%", significant(share * 100.0))
}

/// A count with its thousands separated: `134,515,008`.
#[must_use]
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A large count in prose: `134.5 M`, `1.24 B`.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "four digits are shown")]
pub fn count(n: u64) -> String {
    let (value, unit) = match n {
        0..10_000 => return grouped(n),
        10_000..1_000_000 => (n as f64 / 1e3, "k"),
        1_000_000..1_000_000_000 => (n as f64 / 1e6, "M"),
        _ => (n as f64 / 1e9, "B"),
    };
    let decimals = if value < 10.0 { 2 } else { 1 };
    format!("{value:.decimals$}{THIN_SPACE}{unit}")
}

/// Three significant digits, no exponent.
#[must_use]
pub fn significant(x: f64) -> String {
    if !x.is_finite() {
        return x.to_string();
    }
    match x.abs() {
        a if a >= 99.95 => format!("{x:.0}"),
        a if a >= 9.995 => format!("{x:.1}"),
        a if a >= 0.9995 || a == 0.0 => format!("{x:.2}"),
        _ => format!("{x:.3}"),
    }
}

/// A figure and its standard error, to two digits of the error: `0.0123 ± 0.0004`; three digits of the figure where there is no error.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 8")]
pub fn with_error(value: f64, error: f64) -> String {
    let digits = |x: f64, places: f64| (places - 1.0 - x.abs().log10().floor()).clamp(0.0, 8.0) as usize;
    if !(value.is_finite() && error.is_finite()) {
        return real(value);
    }
    if error <= 0.0 {
        return if value == 0.0 { "0".to_owned() } else { format!("{value:.0$}", digits(value, 3.0)) };
    }
    let digits = digits(error, 2.0);
    format!("{value:.digits$}{THIN_SPACE}±{THIN_SPACE}{error:.digits$}").replace('-', "−")
}

/// A real number of any size with four significant digits: `0.01234`, `−1.234e−5`.
#[must_use]
pub fn real(x: f64) -> String {
    let size = x.abs();
    if !x.is_finite() {
        return match (x.is_nan(), x > 0.0) {
            (true, _) => "NaN".to_owned(),
            (_, true) => "∞".to_owned(),
            _ => "−∞".to_owned(),
        };
    }
    let text = match size {
        0.0 => return "0".to_owned(),
        ..9.9995e-5 => format!("{x:.3e}"),
        ..0.99995e-3 => format!("{x:.7}"),
        ..0.99995e-2 => format!("{x:.6}"),
        ..0.099_995 => format!("{x:.5}"),
        ..0.999_95 => format!("{x:.4}"),
        ..9.9995 => format!("{x:.3}"),
        ..99.995 => format!("{x:.2}"),
        ..999.95 => format!("{x:.1}"),
        ..999_999.5 => format!("{x:.0}"),
        _ => format!("{x:.3e}"),
    };
    text.replace('-', "−")
}

/// Every digit that tells a number from those beside it, of F32 where it is one: for the clipboard and for hovering.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "that is what is asked")]
pub fn digits(x: f64) -> String {
    let narrow = x as f32;
    if f64::from(narrow).to_bits() == x.to_bits() { format!("{narrow:?}") } else { format!("{x:?}") }
}

#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn scaled(n: u64, step: f64, units: &[&str]) -> String {
    let mut value = n as f64;
    let mut unit = 0;
    while value >= step * 0.9995 && unit + 1 < units.len() {
        value /= step;
        unit += 1;
    }
    let number = if unit == 0 { n.to_string() } else { significant(value) };
    format!("{number}{THIN_SPACE}{}", units[unit])
}
