//! Which of the compared quantizations to keep, in one sentence, and why. Pure: the same figures give the same words.

use super::divergence::Comparison;
use super::run::{Kind, Run, Status};
use super::statistics::Summary;
use crate::units::{Bytes, TokensPerSecond, percent, significant};

/// How far above the reference's a perplexity may lie, as the logarithm of the ratio.
const NEAR_PERPLEXITY: f64 = 0.02;

/// How often the most probable token must be the reference's.
const NEAR_TOP: f64 = 0.9;

/// What advice is given by.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The candidate's name.
    pub name: String,
    /// Bytes of its tensors.
    pub bytes: Bytes,
    /// Its figures.
    pub summary: Summary,
    /// Its speed of generating.
    pub decode: Option<TokensPerSecond>,
    /// Whether all of the text was measured.
    pub measured: bool,
}

/// Advice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// The candidate to keep.
    pub name: String,
    /// The advice in one sentence, figures included.
    pub sentence: String,
    /// Why this one, why not a smaller one, what is uncertain.
    pub reasons: Vec<String>,
    /// Whether something is still to be measured.
    pub estimated: bool,
}

impl Outcome {
    /// What is known of the candidates of a comparison that have figures.
    #[must_use]
    pub fn all_of(comparison: &Comparison) -> Vec<Self> {
        let of = |run: &Run| {
            let measured = run.status == Status::Done && !run.is_preliminary();
            let (name, bytes) = (run.candidate.name.clone(), run.candidate.mix.bytes);
            Some(Self { name, bytes, summary: run.summary()?, decode: run.decode, measured })
        };
        comparison.runs().iter().filter(|run| run.kind == Kind::Candidate).filter_map(of).collect()
    }

    fn is_near(&self) -> bool {
        self.summary.ln_ratio.value <= NEAR_PERPLEXITY && self.summary.top1.value >= NEAR_TOP
    }
}

/// The smallest candidate that is near the reference, or where none is, the nearest. `reference` is the reference's size, `floor` the mean
/// KL of the noise floor. `None` without candidates that have figures.
#[must_use]
pub fn advice(reference: (&str, Bytes), outcomes: &[Outcome], floor: Option<f64>) -> Option<Advice> {
    let near = outcomes.iter().filter(|outcome| outcome.is_near()).min_by_key(|outcome| outcome.bytes);
    let nearest = outcomes.iter().min_by(|a, b| a.summary.kld.mean.total_cmp(&b.summary.kld.mean))?;
    let best = near.unwrap_or(nearest);
    let largest = outcomes.iter().max_by_key(|outcome| outcome.bytes)?;
    let summary = &best.summary;
    let mut parts = Vec::new();
    if best.bytes < reference.1 {
        let saved = 1.0 - best.bytes.as_f64() / reference.1.as_f64();
        parts.push(format!("{} smaller than {}", percent(saved), reference.0));
    }
    parts.push(format!("same top token {} ± {} of the time", percent(summary.top1.value), percent(summary.top1.stderr)));
    if let (Some(best_speed), Some(speed)) = (best.decode, largest.decode)
        && best.name != largest.name
        && speed.0 > 0.0
    {
        parts.push(format!("{} × as fast as {} here", significant(best_speed.0 / speed.0), largest.name));
    }
    let estimated = outcomes.iter().any(|outcome| !outcome.measured);
    let mark = if estimated { " (estimated: the measurement goes on)" } else { "" };
    let sentence = format!("{}: {}{mark}", best.name, parts.join(", "));
    Some(Advice { name: best.name.clone(), sentence, reasons: reasons(best, near.is_some(), outcomes, floor), estimated })
}

fn reasons(best: &Outcome, is_near: bool, outcomes: &[Outcome], floor: Option<f64>) -> Vec<String> {
    let mut reasons = Vec::new();
    let (near_ppl, near_top) = (percent(NEAR_PERPLEXITY.exp_m1()), percent(NEAR_TOP));
    reasons.push(if is_near {
        format!(
            "it is the smallest whose perplexity is within {near_ppl} of the reference's and whose top token agrees {near_top} of the time"
        )
    } else {
        format!("none comes within {near_ppl} of the reference's perplexity with {near_top} agreement; this one is the nearest")
    });
    let smaller = outcomes.iter().filter(|outcome| outcome.bytes < best.bytes).max_by_key(|outcome| outcome.bytes);
    if let Some(smaller) = smaller {
        reasons.push(format!(
            "{}, the next smaller, has a KL of {} nats against {} and agrees {} of the time",
            smaller.name,
            nats(smaller.summary.kld.mean),
            nats(best.summary.kld.mean),
            percent(smaller.summary.top1.value)
        ));
    }
    if let Some(floor) = floor
        && best.summary.kld.mean <= floor
    {
        reasons.push(format!("its KL lies below the noise floor of {} nats: it cannot be told from the reference here", nats(floor)));
    }
    let error = best.summary.kld.stderr;
    let rivals = outcomes.iter().filter(|other| {
        let apart = (other.summary.kld.mean - best.summary.kld.mean).abs();
        other.name != best.name && apart < 2.0 * error.hypot(other.summary.kld.stderr)
    });
    let rivals: Vec<&str> = rivals.map(|rival| rival.name.as_str()).collect();
    if !rivals.is_empty() {
        reasons.push(format!("over {} positions its KL cannot be told from that of {}", best.summary.positions, rivals.join(", ")));
    }
    reasons
}

/// A KL divergence with three digits, however small: `0.0123`, `3.61e-4`.
#[must_use]
pub fn nats(kl: f64) -> String {
    if kl == 0.0 || kl >= 1e-3 {
        let digits = if kl >= 1.0 || kl == 0.0 { 2 } else { usize::from(kl < 0.1) + usize::from(kl < 0.01) + 3 };
        format!("{kl:.digits$}")
    } else {
        format!("{kl:.2e}")
    }
}
