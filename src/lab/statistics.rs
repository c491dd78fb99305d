//! Figures over positions, each with its standard error: the ones that `llama-perplexity --kl-divergence` prints, by its formulas.

use serde::Serialize;

use super::row::Difference;

/// A mean and its standard error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Estimate {
    /// The mean.
    pub value: f64,
    /// Its standard error; 0 for ten positions or fewer.
    pub stderr: f64,
}

/// How KL divergence is spread over positions, in nats.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[expect(missing_docs, reason = "percentiles are what they are called")]
pub struct Spread {
    pub mean: f64,
    pub stderr: f64,
    pub min: f64,
    pub p1: f64,
    pub p5: f64,
    pub p10: f64,
    pub median: f64,
    pub p90: f64,
    pub p95: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
}

/// A model held against its reference.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Positions that were scored.
    pub positions: usize,
    /// KL(reference ‖ model).
    pub kld: Spread,
    /// The share of positions where both hold the same token for the most probable.
    pub top1: Estimate,
    /// The root of the mean square of Δp, the change in the probability of the token that came.
    pub rms_dp: Estimate,
    /// The mean of Δp.
    pub mean_dp: Estimate,
    /// The model's perplexity.
    pub ppl: Estimate,
    /// The reference's, over the same positions.
    pub reference_ppl: Estimate,
    /// ln(perplexity) less the reference's.
    pub ln_ratio: Estimate,
    /// Perplexity by the reference's.
    pub ratio: Estimate,
}

/// Positions up to this many have no standard error.
const FEW: usize = 10;

#[expect(clippy::cast_precision_loss, reason = "positions are far below 2^53")]
fn estimate(values: impl Iterator<Item = f64>) -> Estimate {
    let (mut sum, mut squares, mut n) = (0.0, 0.0, 0_usize);
    for value in values {
        sum += value;
        squares += value * value;
        n += 1;
    }
    if n == 0 {
        return Estimate::default();
    }
    let mean = sum / n as f64;
    let variance = (squares / n as f64 - mean * mean).max(0.0);
    Estimate { value: mean, stderr: if n > FEW { (variance / (n - 1) as f64).sqrt() } else { 0.0 } }
}

/// Between the two nearest of sorted values.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positions are far below 2^53")]
fn percentile(sorted: &[f64], fraction: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let place = fraction * last as f64;
    let below = (place as usize).min(last);
    let share = place - below as f64;
    (1.0 - share) * sorted[below] + share * sorted[(below + 1).min(last)]
}

fn spread(klds: impl Iterator<Item = f64> + Clone) -> Spread {
    let Estimate { value: mean, stderr } = estimate(klds.clone());
    let mut sorted: Vec<f64> = klds.collect();
    sorted.sort_by(f64::total_cmp);
    let at = |fraction: f64| percentile(&sorted, fraction);
    Spread {
        mean,
        stderr,
        min: at(0.0),
        p1: at(0.01),
        p5: at(0.05),
        p10: at(0.1),
        median: at(0.5),
        p90: at(0.9),
        p95: at(0.95),
        p99: at(0.99),
        p999: at(0.999),
        max: at(1.0),
    }
}

/// A mean of logarithms as its exponential.
fn exponential(mean: Estimate) -> Estimate {
    Estimate { value: mean.value.exp(), stderr: mean.value.exp() * mean.stderr }
}

impl Summary {
    /// The figures over these positions.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "positions are far below 2^53")]
    pub fn of<'a>(differences: impl Iterator<Item = &'a Difference> + Clone) -> Self {
        let n = differences.clone().count();
        let dp = |d: &Difference| (-d.nll).exp() - (-d.reference_nll).exp();
        let squares = estimate(differences.clone().map(|d| dp(d).powi(2)));
        let rms = squares.value.sqrt();
        let nll = estimate(differences.clone().map(|d| d.nll));
        let reference_nll = estimate(differences.clone().map(|d| d.reference_nll));
        // Both are over the same text, so their errors go together: the spread of the difference is what counts.
        let ln_ratio = estimate(differences.clone().map(|d| d.nll - d.reference_nll));
        let same = differences.clone().filter(|d| d.same_top).count() as f64 / n.max(1) as f64;
        Self {
            positions: n,
            kld: spread(differences.clone().map(|d| d.kld)),
            top1: Estimate { value: same, stderr: if n > 1 { (same * (1.0 - same) / (n - 1) as f64).sqrt() } else { 0.0 } },
            rms_dp: Estimate { value: rms, stderr: if rms > 0.0 { 0.5 / rms * squares.stderr } else { 0.0 } },
            mean_dp: estimate(differences.clone().map(dp)),
            ppl: exponential(nll),
            reference_ppl: exponential(reference_nll),
            ln_ratio,
            ratio: exponential(ln_ratio),
        }
    }
}

/// Counts of KL by size, in equal steps of its logarithm.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Histogram {
    /// Where the bins begin and end, one more than there are counts; in nats.
    pub edges: Vec<f64>,
    /// Positions in each.
    pub counts: Vec<usize>,
    /// Positions below the first edge, those of no difference among them.
    pub below: usize,
}

impl Histogram {
    /// The smallest KL that is told from none.
    const LOWEST: f64 = 1e-8;
    /// Powers of ten from there.
    const DECADES: f64 = 10.0;

    /// `bins` bins from 1e-8 to 100 nats; what lies above counts to the last.
    #[must_use]
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bins are few")]
    pub fn of<'a>(differences: impl Iterator<Item = &'a Difference>, bins: usize) -> Self {
        let bins = bins.max(1);
        let edges = (0..=bins).map(|i| Self::LOWEST * 10.0_f64.powf(Self::DECADES * i as f64 / bins as f64)).collect();
        let (mut counts, mut below) = (vec![0; bins], 0);
        for difference in differences {
            if difference.kld < Self::LOWEST {
                below += 1;
            } else {
                let at = (difference.kld / Self::LOWEST).log10() / Self::DECADES * bins as f64;
                counts[(at as usize).min(bins - 1)] += 1;
            }
        }
        Self { edges, counts, below }
    }
}
