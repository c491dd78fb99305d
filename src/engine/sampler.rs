//! How the next token is drawn from the logits.
//!
//! Repeat penalty and min-p are applied here, top-k, top-p, temperature and the draw are candle-transformers'.

use std::collections::BTreeSet;

use candle_core::{Device, Tensor};
use candle_transformers::generation::{LogitsProcessor, Sampling as How};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The sampling settings of a chat. Values outside their range are brought into it by [`Sampling::clamped`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sampling {
    /// 0 takes the most probable token each time (greedy).
    pub temperature: f64,
    /// Keep the `top_k` most probable tokens; 0 keeps all.
    pub top_k: usize,
    /// Keep the most probable tokens whose probabilities add up to this; 1 keeps all.
    pub top_p: f64,
    /// Drop tokens less probable than this share of the most probable one; 0 drops none.
    pub min_p: f64,
    /// Divides the logits of tokens seen lately; 1 for none.
    pub repeat_penalty: f32,
    /// How many tokens back "lately" reaches.
    pub repeat_window: usize,
    /// The same seed and settings give the same answer; `None` takes a new one each time.
    pub seed: Option<u64>,
    /// The most tokens an answer may have.
    pub max_tokens: usize,
    /// Texts that end an answer.
    pub stop: Vec<String>,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.7,
            top_k: 40,
            top_p: 0.95,
            min_p: 0.05,
            repeat_penalty: 1.0,
            repeat_window: 64,
            seed: None,
            max_tokens: 1024,
            stop: Vec::new(),
        }
    }
}

impl Sampling {
    /// Greedy: the most probable token each time.
    #[must_use]
    pub fn greedy() -> Self {
        Self { temperature: 0.0, ..Self::default() }
    }

    /// Every value inside its range; what is not a number becomes the default.
    #[must_use]
    pub fn clamped(&self) -> Self {
        let default = Self::default();
        let within = |x: f64, low: f64, high: f64, otherwise: f64| if x.is_nan() { otherwise } else { x.clamp(low, high) };
        let penalty = if self.repeat_penalty.is_nan() { default.repeat_penalty } else { self.repeat_penalty.clamp(0.1, 10.0) };
        Self {
            temperature: within(self.temperature, 0.0, 10.0, default.temperature),
            top_k: self.top_k,
            top_p: within(self.top_p, 0.0, 1.0, default.top_p),
            min_p: within(self.min_p, 0.0, 1.0, default.min_p),
            repeat_penalty: penalty,
            repeat_window: self.repeat_window.min(1 << 20),
            seed: self.seed,
            max_tokens: self.max_tokens.max(1),
            stop: self.stop.iter().filter(|text| !text.is_empty()).cloned().collect(),
        }
    }
}

/// Draws tokens. The same seed, settings and logits give the same tokens.
pub struct Sampler {
    settings: Sampling,
    processor: LogitsProcessor,
}

impl Sampler {
    /// A sampler with its random numbers at their beginning.
    #[must_use]
    pub fn new(settings: &Sampling, seed: u64) -> Self {
        let settings = settings.clamped();
        let (k, p, temperature) = (settings.top_k, settings.top_p, settings.temperature);
        let how = match (k, p) {
            _ if temperature < 1e-6 => How::ArgMax,
            (0, p) if p >= 1.0 => How::All { temperature },
            (0, p) => How::TopP { p, temperature },
            (k, p) if p >= 1.0 => How::TopK { k, temperature },
            (k, p) => How::TopKThenTopP { k, p, temperature },
        };
        Self { settings, processor: LogitsProcessor::from_sampling(seed, how) }
    }

    /// The next token after `tokens`, from the logits of the last position.
    ///
    /// # Errors
    /// Logits that are not numbers: the weights are damaged.
    pub fn sample(&mut self, logits: &[f32], tokens: &[u32]) -> Result<u32> {
        if logits.iter().any(|x| x.is_nan()) {
            let at = tokens.len();
            return Err(Error::Engine(format!("the model gives invalid numbers at token {at}: its weights are damaged")));
        }
        let mut logits = logits.to_vec();
        let Sampling { repeat_penalty, repeat_window, min_p, temperature, .. } = self.settings;
        if (repeat_penalty - 1.0).abs() > f32::EPSILON {
            penalize(&mut logits, repeat_penalty, &tokens[tokens.len().saturating_sub(repeat_window)..]);
        }
        if min_p > 0.0 && temperature > 0.0 {
            keep_min_p(&mut logits, min_p);
        }
        let n = logits.len();
        Ok(self.processor.sample(&Tensor::from_vec(logits, n, &Device::Cpu)?)?)
    }
}

/// Lowers the logits of tokens that were seen (Keskar et al. 2019): positive ones are divided, negative ones multiplied, once each.
fn penalize(logits: &mut [f32], penalty: f32, seen: &[u32]) {
    let seen: BTreeSet<u32> = seen.iter().copied().collect();
    for token in seen {
        if let Some(logit) = logits.get_mut(token as usize) {
            *logit = if *logit > 0.0 { *logit / penalty } else { *logit * penalty };
        }
    }
}

/// Rules out what is less probable than `min_p` of the most probable token.
fn keep_min_p(logits: &mut [f32], min_p: f64) {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    #[expect(clippy::cast_possible_truncation, reason = "logits are F32")]
    let lowest = highest + min_p.ln() as f32;
    logits.iter_mut().filter(|x| **x < lowest).for_each(|x| *x = f32::NEG_INFINITY);
}
