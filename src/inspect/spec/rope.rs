//! How positions are rotated, read from a file: bases, stretches, factors, and what layers with a window do differently.

use super::architecture::{Architecture, LocalRope};
use crate::error::{Error, Result};
use crate::file::text;
use crate::inspect::keys::Keys;

/// Which dimensions of a head are rotated together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RopeStyle {
    /// Neighbours, 2i and 2i+1 (llama.cpp's "norm").
    Interleaved,
    /// The halves, i and i + n/2 (llama.cpp's "neox").
    Halves,
}

/// How positions are stretched beyond what the model was trained for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RopeScaling {
    /// Not at all.
    None,
    /// Positions are divided by a factor.
    Linear {
        /// Above 0.
        factor: f64,
    },
    /// Slow pairs of dimensions are divided by a factor, fast ones are not (Peng et al. 2023).
    Yarn {
        /// Above 0.
        factor: f64,
        /// The context before it was stretched.
        original_context: usize,
    },
}

/// Divisors of the frequencies, one per pair of dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RopeFactors {
    /// None.
    None,
    /// `rope_freqs.weight` (Llama 3.1 and later).
    Always,
    /// `rope_factors_long.weight` for a context of more than so many tokens, `rope_factors_short.weight` for others (Phi 3).
    ByContext(usize),
}

/// A rotation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RopeSpec {
    /// The base of the frequencies.
    pub theta: f64,
    /// How positions are stretched.
    pub scaling: RopeScaling,
    /// What divides the frequencies.
    pub factors: RopeFactors,
    /// What rotated dimensions are multiplied by.
    pub magnitude: f64,
}

/// The rotation of layers that see everything, and that of layers with a window.
pub(super) fn read(keys: Keys<'_>, architecture: &Architecture, n_ctx_train: usize, notices: &mut Vec<String>) -> Result<[RopeSpec; 2]> {
    let theta = keys.real("rope.freq_base")?.unwrap_or(10_000.0);
    let original_context = keys.count("rope.scaling.original_context_length")?.filter(|&n| n > 0).unwrap_or(n_ctx_train);
    let scaling = scaling(keys, original_context)?;
    // Both are stated as what they are multiplied by; zero means that none is set.
    let stated = keys.real_or_zero("rope.scaling.attn_factor")?.unwrap_or(1.0);
    let tensor = |name: &str| keys.file.tensor(name).is_some();
    let factors = match ["rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"].map(tensor) {
        _ if !architecture.rope_factors => RopeFactors::None,
        [true, ..] => RopeFactors::Always,
        [_, true, true] => RopeFactors::ByContext(original_context),
        [_, false, false] => RopeFactors::None,
        [_, long, _] => {
            let missing = if long { "rope_factors_short.weight" } else { "rope_factors_long.weight" };
            return Err(Error::format(&keys.file.path, format!("tensor `{missing}`"), "factors for both lengths of context", "none"));
        }
    };
    if let RopeScaling::Yarn { .. } = scaling {
        for (key, known) in [("rope.scaling.yarn_beta_fast", 32.0), ("rope.scaling.yarn_beta_slow", 1.0)] {
            if let Some(found) = keys.real(key)?.filter(|found| (found - known).abs() > 1e-6) {
                notices.push(format!("`{}` is {found}; as llama.cpp, Ponder takes {known}", keys.full(key)));
            }
        }
    }
    let magnitude = stated
        * match scaling {
            RopeScaling::Yarn { factor, .. } if factor > 1.0 => 1.0 + 0.1 * factor.ln(),
            _ => 1.0,
        };
    let global = RopeSpec { theta, scaling, factors, magnitude };
    let unstretched = RopeSpec { scaling: RopeScaling::None, magnitude: stated, ..global };
    let local = match architecture.sliding.map(|sliding| sliding.rope) {
        None => global,
        Some(LocalRope::Same) => RopeSpec { theta: keys.real("rope.freq_base_swa")?.unwrap_or(theta), ..global },
        Some(LocalRope::Base(base)) => RopeSpec { theta: keys.real("rope.freq_base_swa")?.unwrap_or(base), ..unstretched },
        Some(LocalRope::Unstretched) => RopeSpec { magnitude: 1.0, ..unstretched },
    };
    Ok([global, local])
}

fn scaling(keys: Keys<'_>, original_context: usize) -> Result<RopeScaling> {
    // Before there were kinds of scaling, its factor had a key of its own. Zero means that none is set.
    let stated = |key: &str| keys.real_or_zero(key);
    let factor = stated("rope.scaling.factor")?.or(stated("rope.scale_linear")?).filter(|&factor| (factor - 1.0).abs() > f64::EPSILON);
    match keys.string("rope.scaling.type")?.unwrap_or("linear") {
        "none" => Ok(RopeScaling::None),
        // The long kind has its factors in tensors.
        "linear" | "longrope" => Ok(factor.map_or(RopeScaling::None, |factor| RopeScaling::Linear { factor })),
        "yarn" => Ok(factor.map_or(RopeScaling::None, |factor| RopeScaling::Yarn { factor, original_context })),
        other => Err(Error::unsupported(
            format!("rope scaling `{}`", text::shown(other, 40)),
            "Ponder computes none, linear, yarn and longrope so far; the file can be browsed",
        )),
    }
}
