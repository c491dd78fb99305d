//! How positions are rotated, from `rope_theta` and `rope_scaling`, or from the `rope_parameters` that replaced them.

use super::config::Config;
use super::family::Family;
use super::made::Made;
use crate::error::{Error, Result};
use crate::file::Value;
use crate::inspect::spec::{Architecture, LocalRope};

/// Parameters of one rotation.
struct Rope<'a> {
    /// Kind and factors.
    config: Option<Config<'a>>,
    theta: Option<f64>,
}

impl<'a> Rope<'a> {
    fn of(config: Config<'a>) -> Result<Self> {
        Ok(Self { theta: config.real("rope_theta")?, config: Some(config) })
    }

    /// What kind it is, and where that stands.
    fn kind(&self) -> Result<(&'a str, &'static str)> {
        let Some(config) = &self.config else { return Ok(("default", "rope_type")) };
        for key in ["rope_type", "type"] {
            if let Some(kind) = config.text(key)? {
                return Ok((kind, key));
            }
        }
        Ok(("default", "rope_type"))
    }
}

/// Writes what a GGUF file says of the rotation. `head_dim` is the width of a head.
pub(super) fn translate(config: &Config<'_>, family: &Family, architecture: &Architecture, head_dim: u64, made: &mut Made) -> Result<()> {
    let (full, local) = parameters(config)?;
    let key = |name: &str| format!("{}.rope.{name}", architecture.name);
    let theta = full.theta.or(config.real("rope_theta")?).unwrap_or(family.theta);
    made.set(key("freq_base"), Value::F64(theta));
    let stated = full.config.as_ref().map_or(Ok(None), |rope| rope.real("partial_rotary_factor"))?;
    let dimensions = match stated.or(config.real("partial_rotary_factor")?) {
        None => head_dim,
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "as Python's int()")]
        Some(share) if share > 0.0 && share <= 1.0 => (head_dim as f64 * share) as u64,
        Some(_) => return Err(config.fault("partial_rotary_factor", "a number above 0, up to 1")),
    };
    made.set(key("dimension_count"), Value::U64(dimensions));
    match architecture.sliding.map(|sliding| sliding.rope) {
        Some(LocalRope::Base(base)) => {
            let stated = local.as_ref().and_then(|local| local.theta).or(config.real("rope_local_base_freq")?);
            made.set(key("freq_base_swa"), Value::F64(stated.unwrap_or(base)));
        }
        Some(LocalRope::Same) => {
            if let Some(theta) = local.as_ref().and_then(|local| local.theta) {
                made.set(key("freq_base_swa"), Value::F64(theta));
            }
        }
        Some(LocalRope::Unstretched) | None => (),
    }
    if let Some(local) = &local
        && let ((kind, at), Some(config)) = (local.kind()?, &local.config)
        && kind != "default"
    {
        return Err(config.refusal(at, "layers with a window are rotated as they are, in what Ponder computes"));
    }
    let (kind, at) = full.kind()?;
    let Some(rope) = &full.config else { return Ok(()) };
    let factor = || rope.real("factor")?.filter(|&factor| factor > 0.0).ok_or_else(|| rope.fault("factor", "a number above 0"));
    match kind {
        // What is dynamic changes nothing within the context that the model was trained for, and Ponder offers no longer one.
        "default" | "dynamic" => Ok(()),
        "linear" => {
            made.set(key("scaling.type"), Value::String("linear".to_owned()));
            made.set(key("scaling.factor"), Value::F64(factor()?));
            Ok(())
        }
        "yarn" => yarn(config, rope, factor()?, &key, made),
        "llama3" if architecture.rope_factors => llama3(config, rope, factor()?, theta, dimensions, made),
        "longrope" | "su" if architecture.rope_factors => long(config, rope, dimensions, &key, made),
        _ => Err(rope.refusal(at, &format!("Ponder computes no such stretch of positions for `{}` yet", architecture.name))),
    }
}

/// The rotation of layers that see everything, and that of layers with a window where it is stated apart.
fn parameters<'a>(config: &Config<'a>) -> Result<(Rope<'a>, Option<Rope<'a>>)> {
    let Some(all) = config.object("rope_parameters")? else {
        let scaling = config.object("rope_scaling")?;
        return Ok((Rope { config: scaling, theta: None }, None));
    };
    match all.object("full_attention")? {
        None => Ok((Rope::of(all)?, None)),
        Some(full) => Ok((Rope::of(full)?, all.object("sliding_attention")?.map(Rope::of).transpose()?)),
    }
}

fn yarn(config: &Config<'_>, rope: &Config<'_>, factor: f64, key: &dyn Fn(&str) -> String, made: &mut Made) -> Result<()> {
    if rope.truth("truncate")? == Some(false) {
        return Err(rope.refusal("truncate", "Ponder rounds the ends of the ramp, as llama.cpp does"));
    }
    for (name, known) in [("beta_fast", 32.0), ("beta_slow", 1.0)] {
        if rope.real(name)?.is_some_and(|found| (found - known).abs() > 1e-9) {
            return Err(rope.refusal(name, &format!("Ponder computes {known} only, as llama.cpp does")));
        }
    }
    let original = match rope.count("original_max_position_embeddings")?.or(config.count("original_max_position_embeddings")?) {
        Some(original) => original,
        None => config.count("max_position_embeddings")?.unwrap_or(0),
    };
    let known = |scale: f64| if factor > 1.0 { 0.1 * scale * factor.ln() + 1.0 } else { 1.0 };
    let magnitude = match (rope.real("attention_factor")?, rope.real("mscale")?, rope.real("mscale_all_dim")?) {
        (Some(stated), ..) => stated,
        (None, Some(one), Some(all)) if one != 0.0 && all != 0.0 => known(one) / known(all),
        _ => known(1.0),
    };
    made.set(key("scaling.type"), Value::String("yarn".to_owned()));
    made.set(key("scaling.factor"), Value::F64(factor));
    made.set(key("scaling.original_context_length"), Value::U64(original));
    // The key multiplies what follows from the factor.
    made.set(key("scaling.attn_factor"), Value::F64(magnitude / known(1.0)));
    Ok(())
}

/// Divisors of frequencies by their wavelengths: none for short ones, the factor for long ones, something between in between.
fn llama3(config: &Config<'_>, rope: &Config<'_>, factor: f64, theta: f64, dimensions: u64, made: &mut Made) -> Result<()> {
    let positive = |key: &str| rope.real(key)?.filter(|&x| x > 0.0).ok_or_else(|| rope.fault(key, "a number above 0"));
    let (low, high) = (positive("low_freq_factor")?, positive("high_freq_factor")?);
    let stated = rope.count("original_max_position_embeddings")?.or(config.count("original_max_position_embeddings")?);
    let original = stated.ok_or_else(|| rope.fault("original_max_position_embeddings", "a whole number above 0"))?;
    if high <= low {
        return Err(rope.fault("high_freq_factor", format!("more than low_freq_factor, {low}")));
    }
    #[expect(clippy::cast_precision_loss, reason = "contexts and widths are far below 2^53")]
    let (original, dimensions) = (original as f64, dimensions.min(MOST_DIMENSIONS) as f64);
    let divisor = |pair: f64| {
        let wavelength = 2.0 * std::f64::consts::PI * theta.powf(2.0 * pair / dimensions);
        if wavelength < original / high {
            1.0
        } else if wavelength > original / low {
            factor
        } else {
            let smooth = (original / wavelength - low) / (high - low);
            1.0 / ((1.0 - smooth) / factor + smooth)
        }
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded above")]
    let pairs = (dimensions / 2.0) as u32;
    made.add("rope_freqs.weight", &(0..pairs).map(|pair| divisor(pair.into())).collect::<Vec<f64>>());
    Ok(())
}

/// More than any head is wide.
const MOST_DIMENSIONS: u64 = 1 << 16;

/// Stated divisors, for contexts up to the original one and for longer ones.
fn long(config: &Config<'_>, rope: &Config<'_>, dimensions: u64, key: &dyn Fn(&str) -> String, made: &mut Made) -> Result<()> {
    let trained = config.count("max_position_embeddings")?.unwrap_or(0);
    let stated = config.count("original_max_position_embeddings")?.or(rope.count("original_max_position_embeddings")?);
    let original = stated.unwrap_or(trained);
    for (name, tensor) in [("short_factor", "rope_factors_short.weight"), ("long_factor", "rope_factors_long.weight")] {
        let expected = || format!("{} numbers, one for each pair of rotated dimensions", dimensions / 2);
        let factors = rope.reals(name)?.ok_or_else(|| rope.fault(name, expected()))?;
        if factors.len() as u64 != dimensions / 2 || factors.iter().any(|&factor| factor <= 0.0) {
            let found = format!("{} numbers", factors.len());
            return Err(Error::format(&config.path, format!("`{name}`"), expected(), found));
        }
        made.add(tensor, &factors);
    }
    #[expect(clippy::cast_precision_loss, reason = "contexts are far below 2^53")]
    let (original_context, stretch) = (original as f64, trained as f64 / original.max(1) as f64);
    let stretch = if stated.is_some() { stretch } else { rope.real("factor")?.unwrap_or(stretch) };
    let known = if stretch > 1.0 { (1.0 + stretch.ln() / original_context.ln()).sqrt() } else { 1.0 };
    made.set(key("scaling.attn_factor"), Value::F64(rope.real("attention_factor")?.unwrap_or(known)));
    made.set(key("scaling.original_context_length"), Value::U64(original));
    made.set(key("scaling.type"), Value::String("longrope".to_owned()));
    Ok(())
}
