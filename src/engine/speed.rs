//! How fast a model answers, how fast it could at most, and why: plain arithmetic on what was measured.
//!
//! For every token all weights and the keys and values of all positions are read once. So a machine that reads *b* bytes per second
//! makes at most *b* / bytes-per-token tokens per second, whatever its processor can compute. A model much smaller than memory stays in
//! a cache, which is faster; [`Bandwidth::at_most`] knows by how much. A model of a few times the cache's size is partly held by it and may
//! exceed the estimate.

use serde::{Deserialize, Serialize};

use super::operation::{Operation, Times};
use crate::inspect::Model;
use crate::kernels::bandwidth::Bandwidth;
use crate::kernels::precision;
use crate::memory::plan::{self, Choice};
use crate::units::{Bytes, BytesPerSecond, TokensPerSecond, grouped, percent};

/// From this share of what can be read on, reading is what limits.
const BOUND_BY_MEMORY: f64 = 0.6;
/// From this share of the time on, something is worth a word of its own.
const MUCH: f64 = 0.25;
/// From this share of the time on, something is what limits.
const MOST: f64 = 0.5;
/// So much faster than memory is a cache.
const CACHE: f64 = 1.5;

/// What is read for one token when `depth` tokens are in the context: weights as they lie in memory, and keys and values. `None` for a
/// file that cannot run.
#[must_use]
pub fn bytes_per_token(model: &Model, choice: Choice, depth: usize) -> Option<Bytes> {
    let spec = model.spec.as_ref().ok()?;
    let resident = |tensor: &_| precision::resident_bytes(tensor, choice.recode).unwrap_or_default();
    Some(model.weight_bytes_per_token(resident) + plan::kv_read_bytes(spec, choice.cache_dtype(), depth))
}

/// Tokens per second that reading allows at most.
#[must_use]
pub fn limit(read: Bytes, bandwidth: &Bandwidth) -> TokensPerSecond {
    TokensPerSecond(if read.0 > 0 { ceiling(read, bandwidth).0 / read.as_f64() } else { 0.0 })
}

/// What limits reading so much for each token: memory, or the cache that holds it.
fn ceiling(read: Bytes, bandwidth: &Bandwidth) -> BytesPerSecond {
    if stays_in_cache(read, bandwidth) { bandwidth.at_most(read) } else { bandwidth.memory() }
}

/// Whether what is read for a token is so little that it stays in a cache, and memory does not limit the speed.
#[must_use]
pub fn stays_in_cache(read: Bytes, bandwidth: &Bandwidth) -> bool {
    bandwidth.at_most(read).0 > CACHE * bandwidth.memory().0
}

/// What the speed of an answer is made of. Kept with the answer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Speed {
    /// Read for one token of the answer, at the depth of its middle.
    pub bytes_per_token: Bytes,
    /// Tokens in the context at its middle.
    pub depth: usize,
    /// Seconds of reading the prompt.
    pub prefill: Times,
    /// Seconds of writing the answer.
    pub decode: Times,
}

impl Speed {
    /// What was read per second while the answer was written.
    #[must_use]
    pub fn reached(&self, decode: TokensPerSecond) -> BytesPerSecond {
        BytesPerSecond(decode.0 * self.bytes_per_token.as_f64())
    }

    /// Which part of what could be read was.
    #[must_use]
    pub fn share(&self, decode: TokensPerSecond, bandwidth: &Bandwidth) -> f64 {
        let most = ceiling(self.bytes_per_token, bandwidth).0;
        if most > 0.0 { self.reached(decode).0 / most } else { 0.0 }
    }

    /// One sentence: what an answer of this speed is bound by. `None` if nothing was measured.
    #[must_use]
    pub fn why(&self, decode: TokensPerSecond, bandwidth: Option<&Bandwidth>) -> Option<String> {
        let times = &self.decode;
        if times.total() <= 0.0 {
            return None;
        }
        let (products, attention) = (times.share_of(Operation::is_product), times.share(Operation::Attention));
        let reads = bandwidth.map(|bandwidth| (self.share(decode, bandwidth), stays_in_cache(self.bytes_per_token, bandwidth)));
        let attends = format!("attention over {} tokens takes {} of the time", grouped(self.depth as u64), percent(attention));
        Some(match reads {
            Some((share, false)) if share >= BOUND_BY_MEMORY => {
                format!("Bound by memory: it reads {} of what this machine can.", percent(share))
            }
            Some((share, true)) if share >= BOUND_BY_MEMORY => {
                format!("Bound by the processor's cache, in which the model stays: it reads {} of what that gives.", percent(share))
            }
            _ if attention >= MUCH && attention >= products => format!("Bound by attention: {attends}."),
            _ if attention >= MUCH => format!("Matrix products take {}; {attends}.", percent(products)),
            Some((_, true)) if products >= MOST => {
                let takes = percent(products);
                format!("Bound by arithmetic: matrix products take {takes} of the time; the model stays in the processor's cache.")
            }
            Some((share, false)) if products >= MOST => {
                let takes = percent(products);
                format!(
                    "Bound by arithmetic: matrix products take {takes} of the time, and memory gives {} of what it could.",
                    percent(share)
                )
            }
            None if products >= MOST => format!("Matrix products take {} of the time.", percent(products)),
            _ => format!("Bound by small steps: {} of the time goes into work beside the matrix products.", percent(1.0 - products)),
        })
    }
}
