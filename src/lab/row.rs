//! What the reference expects at a position, kept in full or in part, and how far another model is from it there.

use crate::kernels::exp::exp;

/// How many of the most probable tokens are kept by name.
pub const TOP: usize = 10;

/// Sums that run beside each other, so that exponentials come several at a time.
const SUMS: usize = 16;

/// A token and the logarithm of its probability.
pub type Ranked = (u32, f32);

/// How much of the reference is kept at each position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// Every logit.
    Full,
    /// That many of the highest, and what the rest adds up to.
    Top(usize),
}

/// What the reference expects at one position.
#[derive(Debug, Clone)]
pub struct Row {
    /// ln Σ exp(logit)
    scale: f64,
    logits: Logits,
    /// The most probable tokens, the highest first.
    pub top: Vec<Ranked>,
    /// −ln p of the token that came.
    pub nll: f64,
}

#[derive(Debug, Clone)]
enum Logits {
    Full(Box<[f32]>),
    /// `rest` is what the probabilities of all others add up to.
    Top {
        tokens: Box<[u32]>,
        logits: Box<[f32]>,
        rest: f64,
    },
}

/// How far a model is from the reference at one position.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// KL(reference ‖ model), in nats.
    pub kld: f64,
    /// −ln p of the token that came, by the model.
    pub nll: f64,
    /// The same by the reference.
    pub reference_nll: f64,
    /// Whether both hold the same token for the most probable.
    pub same_top: bool,
    /// The model's most probable tokens, the highest first.
    pub top: Vec<Ranked>,
}

impl Row {
    /// Keeps a row of logits; `came` is the token that follows in the text.
    #[must_use]
    pub fn new(logits: &[f32], came: u32, storage: Storage) -> Self {
        let (scale, top) = (scale(logits), top(logits));
        let kept = match storage {
            Storage::Top(k) if k < logits.len() => {
                let mut order: Vec<u32> = (0..).take(logits.len()).collect();
                order.select_nth_unstable_by(k, |&a, &b| logits[b as usize].total_cmp(&logits[a as usize]).then(a.cmp(&b)));
                let (kept, rest) = order.split_at_mut(k);
                kept.sort_unstable();
                rest.sort_unstable();
                let rest = rest.iter().map(|&token| (f64::from(logits[token as usize]) - scale).exp()).sum();
                let values = kept.iter().map(|&token| logits[token as usize]).collect();
                Logits::Top { tokens: kept.to_vec().into(), logits: values, rest }
            }
            _ => Logits::Full(logits.into()),
        };
        Self { scale, logits: kept, top: named(&top, scale), nll: nll(logits, came, scale) }
    }

    /// The share of the probability that is not kept token by token.
    #[must_use]
    pub const fn rest(&self) -> f64 {
        match &self.logits {
            Logits::Full(_) => 0.0,
            Logits::Top { rest, .. } => *rest,
        }
    }

    /// The bytes of the logits that are kept.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match &self.logits {
            Logits::Full(logits) => size_of_val::<[f32]>(logits),
            Logits::Top { tokens, logits, .. } => size_of_val::<[u32]>(tokens) + size_of_val::<[f32]>(logits),
        }
    }

    /// How far a model is whose logits these are; `came` as in [`Self::new`]. Where only the highest are kept, the rest counts as one
    /// token: KL is then too low by what happens within it.
    #[must_use]
    pub fn compare(&self, logits: &[f32], came: u32) -> Difference {
        let (scale, top) = (scale(logits), top(logits));
        let kld = match &self.logits {
            Logits::Full(reference) => expected_difference(reference, logits, self.scale) + scale - self.scale,
            Logits::Top { tokens, logits: reference, rest } => {
                let (mut kld, mut kept) = (0.0, 0.0);
                for (&token, &reference) in tokens.iter().zip(reference) {
                    let (p, q) = (f64::from(reference) - self.scale, f64::from(logits[token as usize]) - scale);
                    kld += p.exp() * (p - q);
                    kept += q.exp();
                }
                kld + if *rest > 0.0 { rest * (rest.ln() - (1.0 - kept).max(1e-12).ln()) } else { 0.0 }
            }
        };
        Difference {
            kld: kld.max(0.0),
            nll: nll(logits, came, scale),
            reference_nll: self.nll,
            same_top: self.top.first().map(|ranked| ranked.0) == top.first().map(|ranked| ranked.0),
            top: named(&top, scale),
        }
    }
}

fn nll(logits: &[f32], came: u32, scale: f64) -> f64 {
    scale - logits.get(came as usize).map_or(f64::NEG_INFINITY, |&logit| logit.into())
}

fn highest(logits: &[f32]) -> f32 {
    logits.iter().fold(f32::NEG_INFINITY, |most, &x| if x > most { x } else { most })
}

/// ln Σ exp(logit), with exponentials in F32 and sums in F64.
fn scale(logits: &[f32]) -> f64 {
    let highest = highest(logits);
    let (chunks, rest) = logits.as_chunks::<SUMS>();
    let mut sums = [0.0_f64; SUMS];
    for chunk in chunks {
        for (sum, &x) in sums.iter_mut().zip(chunk) {
            *sum += f64::from(exp::<false>(x - highest));
        }
    }
    let rest: f64 = rest.iter().map(|&x| f64::from(exp::<false>(x - highest))).sum();
    f64::from(highest) + (sums.iter().sum::<f64>() + rest).ln()
}

/// Σ p (x − y) for the probabilities `p` of `x`.
#[expect(clippy::cast_possible_truncation, reason = "exponentials are taken in F32")]
fn expected_difference(x: &[f32], y: &[f32], scale: f64) -> f64 {
    let scale = scale as f32;
    let term = |x: f32, y: f32| f64::from(exp::<false>(x - scale)) * (f64::from(x) - f64::from(y));
    let mass = |x: f32| f64::from(exp::<false>(x - scale));
    let (xs, x_rest) = x.as_chunks::<SUMS>();
    let (ys, y_rest) = y.as_chunks::<SUMS>();
    let (mut sums, mut masses) = ([0.0_f64; SUMS], [0.0_f64; SUMS]);
    for (x, y) in xs.iter().zip(ys) {
        for i in 0..SUMS {
            sums[i] += term(x[i], y[i]);
            masses[i] += mass(x[i]);
        }
    }
    let rest: f64 = x_rest.iter().zip(y_rest).map(|(&x, &y)| term(x, y)).sum();
    let rest_mass: f64 = x_rest.iter().map(|&x| mass(x)).sum();
    // The scale was rounded to F32; what the probabilities add up to says by how much.
    (sums.iter().sum::<f64>() + rest) / (masses.iter().sum::<f64>() + rest_mass)
}

/// The highest logits with their tokens, the lower token first where two are alike.
fn top(logits: &[f32]) -> Vec<Ranked> {
    let mut top: Vec<Ranked> = Vec::with_capacity(TOP + 1);
    let mut least = f32::NEG_INFINITY;
    for (token, &logit) in (0..).zip(logits) {
        if logit > least || top.len() < TOP {
            let at = top.partition_point(|ranked| ranked.1 >= logit);
            top.insert(at, (token, logit));
            top.truncate(TOP);
            least = if top.len() < TOP { f32::NEG_INFINITY } else { top[TOP - 1].1 };
        }
    }
    top
}

/// Logits as logarithms of probabilities.
#[expect(clippy::cast_possible_truncation, reason = "three digits are shown")]
fn named(top: &[Ranked], scale: f64) -> Vec<Ranked> {
    top.iter().map(|&(token, logit)| (token, (f64::from(logit) - scale) as f32)).collect()
}
