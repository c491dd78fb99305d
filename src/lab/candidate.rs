//! What is compared: a file, or the reference made into something else while it is loaded.

use std::sync::Arc;

use super::mix::{Mix, Recipe};
use crate::engine::tokenizer::Tokenizer;
use crate::error::{Error, Result};
use crate::file::{DType, Format, TensorInfo};
use crate::inspect::Model;
use crate::kernels::{precision, quantize, weight};
use crate::memory::plan::{self, Choice};
use crate::memory::probe::Machine;
use crate::units::Bytes;

/// A model to be compared, and as what.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// What to call it.
    pub name: String,
    /// Where its tensors come from.
    pub model: Arc<Model>,
    /// What they become.
    pub mix: Mix,
}

/// What running a candidate takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Need {
    /// Its weights in memory.
    pub weights: Bytes,
    /// What stays while it runs.
    pub total: Bytes,
    /// The highest moment, loading included.
    pub peak: Bytes,
}

impl Candidate {
    /// A file as it is.
    ///
    /// # Errors
    /// As [`Mix::of`]; the reason why it cannot run.
    pub fn file(model: Arc<Model>) -> Result<Self> {
        let name = model.label();
        Ok(Self { name, ..Self::made(model, &Recipe::default())? })
    }

    /// A model made into something else in memory.
    ///
    /// # Errors
    /// As [`Mix::of`]; the reason why it cannot run.
    pub fn made(model: Arc<Model>, recipe: &Recipe) -> Result<Self> {
        model.spec.as_ref().map_err(Clone::clone)?;
        let mix = Mix::of(&model, recipe)?;
        let without = model.used_tensors().find(|tensor| {
            let to = mix.dtype_of(&tensor.name).unwrap_or(tensor.dtype);
            tensor.shape.len() > 1 && precision::of_matrix(to).is_none()
        });
        if let Some(tensor) = without {
            let to = mix.dtype_of(&tensor.name).unwrap_or(tensor.dtype);
            return Err(Error::unsupported(
                recipe.name(),
                format!("tensor `{}` would be {}, which has no kernel yet", tensor.name, to.name()),
            ));
        }
        Ok(Self { name: recipe.name(), model, mix })
    }

    /// The same candidate with single tensors, roles or layers as other types: what if?
    ///
    /// # Errors
    /// As [`Mix::of`].
    pub fn what_if(&self, keep: &[super::label::Keep]) -> Result<Self> {
        let recipe = self.mix.recipe.but(keep);
        let name = if recipe.label.is_some() { recipe.name() } else { recipe.name().replace("as stored", &self.name) };
        Ok(Self { name, ..Self::made(Arc::clone(&self.model), &recipe)? })
    }

    /// What a tensor becomes.
    #[must_use]
    pub fn dtype_of(&self, tensor: &TensorInfo) -> DType {
        self.mix.dtype_of(&tensor.name).unwrap_or(tensor.dtype)
    }

    /// What running it takes, by the same plan as any model's, with its own weights.
    ///
    /// # Errors
    /// As [`plan::plan`].
    pub fn need(&self, choice: Choice, machine: &Machine) -> Result<Need> {
        let stored = plan::plan(&self.model, Choice { recode: None, ..choice }, machine)?.parts;
        let is_vector = |tensor: &TensorInfo| tensor.shape.len() <= 1;
        let resident = |tensor: &TensorInfo| {
            let packed = || weight::packed_bytes(self.dtype_of(tensor), tensor.row_len(), tensor.rows());
            if is_vector(tensor) { precision::resident_bytes(tensor, None) } else { packed() }
        };
        let staging = |tensor: &TensorInfo| {
            let converted = !is_vector(tensor) && self.dtype_of(tensor) != tensor.dtype;
            if converted { quantize::staging_bytes(tensor) } else { precision::staging_bytes(tensor, None) }
        };
        let weights: Bytes = self.model.used_tensors().filter_map(resident).sum();
        let staging = self.model.used_tensors().map(staging).max().unwrap_or_default();
        let part = |bytes: Option<Bytes>| bytes.unwrap_or_default();
        let total = weights + part(stored.kv_cache) + part(stored.activations);
        Ok(Need { weights, total, peak: total.max(weights + staging) })
    }
}

/// Fails where two models do not speak of the same tokens: their distributions cannot be compared.
///
/// # Errors
/// [`Error::Unsupported`], naming both.
pub fn check_vocabulary(reference: &Model, other: &Model) -> Result<()> {
    const KEY: &str = "tokenizer.ggml.tokens";
    let differ = |how: String| {
        Err(Error::unsupported(
            other.label(),
            format!("its vocabulary is not that of {}: {how}. Only models with the same tokens can be compared", reference.label()),
        ))
    };
    let size = |model: &Model| model.spec.as_ref().map(|spec| spec.n_vocab).map_err(Clone::clone);
    let (ours, theirs) = (size(reference)?, size(other)?);
    if ours != theirs {
        return differ(format!("{theirs} tokens and not {ours}"));
    }
    if std::ptr::eq(reference, other) {
        return Ok(());
    }
    let tokens = |model: &Model| match model.file.format {
        Format::Gguf { .. } => model.file.byte_strings(KEY),
        _ => Tokenizer::of(model).map(|tokenizer| tokenizer.vocabulary().tokens.iter().map(|token| token.clone().into_bytes()).collect()),
    };
    let (ours, theirs) = (tokens(reference)?, tokens(other)?);
    match ours.iter().zip(&theirs).position(|(a, b)| a != b) {
        Some(token) => differ(format!("token {token} is another")),
        None if ours.len() != theirs.len() => differ("it has another length".to_owned()),
        None => Ok(()),
    }
}
