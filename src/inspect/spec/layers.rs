//! What distinguishes the layers of one model: which see only so many positions back, and which rotate nothing.

use super::architecture::Architecture;
use crate::error::Result;
use crate::inspect::keys::Keys;

/// What one layer does differently from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerSpec {
    /// A position sees itself and those before it, so many in all; `None` sees everything.
    pub window: Option<usize>,
    /// Queries and keys are rotated by their position.
    pub rotates: bool,
}

/// All layers, the first one first.
pub(super) fn read(keys: Keys<'_>, architecture: &Architecture, n_layers: usize, notices: &mut Vec<String>) -> Result<Vec<LayerSpec>> {
    let stated = keys.count("attention.sliding_window")?;
    let window = match architecture.sliding {
        Some(sliding) => stated.or(sliding.window).filter(|&window| window > 0),
        None => {
            if let Some(window) = stated.filter(|&window| window > 0 && architecture.idle_window) {
                notices.push(format!("the file states a window of {window} positions; as in llama.cpp, attention sees all of them"));
            }
            None
        }
    };
    let period = architecture.sliding.map_or(1, |sliding| sliding.period);
    let slides = match window {
        Some(_) => pattern(keys, n_layers, period)?,
        None => vec![false; n_layers],
    };
    // A file of a family with scales may switch the rotation off for all layers.
    let none_rotates = architecture.scales && keys.truth("rope.scaling.finetuned")? == Some(false);
    let rotates = |i: usize| !none_rotates && architecture.no_rope_every.is_none_or(|every| !(i + 1).is_multiple_of(every));
    let layer = |(i, slides): (usize, bool)| LayerSpec { window: window.filter(|_| slides), rotates: rotates(i) };
    Ok(slides.into_iter().enumerate().map(layer).collect())
}

/// Which layers have the window: as the file says, layer by layer or by a period, of which the last layer has none.
fn pattern(keys: Keys<'_>, n_layers: usize, period: usize) -> Result<Vec<bool>> {
    const KEY: &str = "attention.sliding_window_pattern";
    if let Some(pattern) = keys.truths(KEY)? {
        return if pattern.len() == n_layers {
            Ok(pattern)
        } else {
            Err(keys.fault(KEY, format!("{n_layers} truth values, one per layer")))
        };
    }
    let period = keys.count(KEY)?.unwrap_or(period);
    Ok((0..n_layers).map(|i| period == 0 || i % period + 1 < period).collect())
}
