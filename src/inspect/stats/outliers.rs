//! Rows and columns that stand out among their kind by their norms.

/// A row or column that stands out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outlier {
    /// Which one.
    pub index: usize,
    /// Its norm.
    pub norm: f32,
    /// How many (robust) standard deviations its norm is from the median norm; below 0 for a small one.
    pub score: f64,
}

/// A norm stands out from here on.
const LEAST: f64 = 6.0;
/// As many are listed.
const LISTED: usize = 64;
/// A normal distribution's standard deviation for one of its median absolute deviation.
const FROM_MAD: f64 = 1.482_602_218_505_602;

/// Those that stand out, the strangest first.
pub(super) fn of(norms: &[f32]) -> Vec<Outlier> {
    let Some(middle) = median(norms.iter().map(|&norm| f64::from(norm)).collect()) else { return Vec::new() };
    let Some(deviation) = median(norms.iter().map(|&norm| (f64::from(norm) - middle).abs()).collect()) else { return Vec::new() };
    // Where more than half are equal, a thousandth of the median tells what stands out.
    let unit = (deviation * FROM_MAD).max(middle.abs() * 1e-3).max(f64::MIN_POSITIVE);
    let mut found: Vec<Outlier> = norms
        .iter()
        .enumerate()
        .map(|(index, &norm)| Outlier { index, norm, score: (f64::from(norm) - middle) / unit })
        .filter(|outlier| outlier.score.abs() >= LEAST)
        .collect();
    found.sort_by(|a, b| b.score.abs().total_cmp(&a.score.abs()).then(a.index.cmp(&b.index)));
    found.truncate(LISTED);
    found
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    let middle = values.len().checked_sub(1)? / 2;
    Some(*values.select_nth_unstable_by(middle, f64::total_cmp).1)
}
