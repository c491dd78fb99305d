//! Which tensor gets which type: a label or single choices, applied to the tensors of a model. Nothing is read or rounded here.
//!
//! The rules are those of llama.cpp's quantizer without an importance matrix (`llama-quant.cpp` of llama-cpp-python 0.3.36): the head gets
//! more bits, and so do values and the narrowing projection in some layers; small and delicate tensors stay; a row that is no whole number
//! of blocks of 256 gets a type of blocks of 32.

use std::fmt::Write as _;

use super::label::{Keep, Label};
use super::rules::{Facts, Rules};
use crate::error::{Error, Result};
use crate::file::{DType, TensorInfo};
use crate::inspect::roles::{self, Role};
use crate::inspect::{Model, mix};
use crate::kernels::quantize;
use crate::units::{Bytes, percent};

/// What is to become of a model's tensors.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Recipe {
    /// `None` leaves tensors as they are stored.
    pub label: Option<Label>,
    /// The label's type for every matrix, without llama.cpp's exceptions.
    pub pure: bool,
    /// What is kept apart; the first that matches counts.
    pub keep: Vec<Keep>,
}

impl Recipe {
    /// A label with llama.cpp's rules.
    #[must_use]
    pub const fn of(label: Label) -> Self {
        Self { label: Some(label), pure: label.is_pure(), keep: Vec::new() }
    }

    /// The same with more kept apart, before what is kept already.
    #[must_use]
    pub fn but(&self, keep: &[Keep]) -> Self {
        Self { keep: keep.iter().chain(&self.keep).cloned().collect(), ..self.clone() }
    }

    /// What to call it: `Q4_K_M`, `Q4_K_M but attn_v Q8_0`.
    #[must_use]
    pub fn name(&self) -> String {
        let mut name = self.label.map_or("as stored", Label::name).to_owned();
        if self.pure && !self.label.is_some_and(Label::is_pure) {
            name.push_str(" pure");
        }
        for (i, keep) in self.keep.iter().enumerate() {
            let word = if i == 0 { " but" } else { "," };
            // Writing to a string cannot fail.
            let _written = write!(name, "{word} {} {}", keep.pattern, keep.dtype.name());
        }
        name
    }
}

/// What becomes of a tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Assigned {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// Its layer, if it is in one.
    pub layer: Option<usize>,
    /// How it is stored.
    pub from: DType,
    /// What it becomes.
    pub to: DType,
    /// What it would have become if its rows were whole blocks of that type.
    pub wanted: DType,
    /// Its elements.
    pub elements: u64,
    /// Its bytes as it is to be.
    pub bytes: Bytes,
}

/// A recipe applied to a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Mix {
    /// What was asked for.
    pub recipe: Recipe,
    /// Every tensor, in file order.
    pub tensors: Vec<Assigned>,
    /// All their bytes.
    pub bytes: Bytes,
    /// All their elements.
    pub elements: u64,
}

/// A type's share of a mix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// The type.
    pub dtype: DType,
    /// Tensors that get it.
    pub tensors: usize,
    /// Their bytes.
    pub bytes: Bytes,
    /// Their elements, as a fraction of all.
    pub weights: f64,
}

impl Mix {
    /// Applies a recipe. Pure: the same model and recipe give the same mix.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where a tensor cannot become what it should: its type cannot be read, or there is no quantizer.
    pub fn of(model: &Model, recipe: &Recipe) -> Result<Self> {
        let tensors = &model.source().tensors;
        let mut types: Vec<Option<(DType, DType)>> = vec![None; tensors.len()];
        let mut rules = Rules::new(Facts::of(model), recipe.label);
        // llama.cpp counts layers as it meets them: by layer, then by name.
        let mut order: Vec<usize> = (0..tensors.len()).collect();
        order.sort_by_key(|&i| (roles::layer(&tensors[i].name), &tensors[i].name));
        for i in order {
            types[i] = Some(wanted(&tensors[i], recipe, &mut rules)?);
        }
        let assigned = tensors.iter().zip(types).map(|(tensor, types)| {
            let (wanted, to) = types.unwrap_or((tensor.dtype, tensor.dtype));
            let bytes = if to == tensor.dtype { Some(tensor.bytes.0) } else { to.byte_len(tensor.row_len(), tensor.rows()) };
            let bytes = bytes.ok_or_else(|| Error::unsupported(format!("tensor `{}`", tensor.name), "its size overflows"))?;
            if to != tensor.dtype && !quantize::supports(to) {
                return Err(Error::unsupported(format!("tensor `{}`", tensor.name), format!("{} cannot be written yet", to.name())));
            }
            Ok(Assigned {
                name: tensor.name.clone(),
                role: Role::of(&tensor.name),
                layer: roles::layer(&tensor.name),
                from: tensor.dtype,
                to,
                wanted,
                elements: tensor.elements(),
                bytes: Bytes(bytes),
            })
        });
        let tensors: Vec<Assigned> = assigned.collect::<Result<_>>()?;
        let bytes = tensors.iter().map(|tensor| tensor.bytes).sum();
        let elements = tensors.iter().fold(0_u64, |n, tensor| n.saturating_add(tensor.elements));
        Ok(Self { recipe: recipe.clone(), tensors, bytes, elements })
    }

    /// What the tensor with this name becomes.
    #[must_use]
    pub fn dtype_of(&self, name: &str) -> Option<DType> {
        self.tensors.iter().find(|tensor| tensor.name == name).map(|tensor| tensor.to)
    }

    /// Bits per weight over all tensors.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    pub fn bits_per_weight(&self) -> f64 {
        8.0 * self.bytes.as_f64() / self.elements.max(1) as f64
    }

    /// The types, the one with the most weights first.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    pub fn shares(&self) -> Vec<Share> {
        let mut shares: Vec<Share> = Vec::new();
        for tensor in &self.tensors {
            let weights = tensor.elements as f64 / self.elements.max(1) as f64;
            match shares.iter_mut().find(|share| share.dtype == tensor.to) {
                Some(share) => {
                    share.tensors += 1;
                    share.bytes += tensor.bytes;
                    share.weights += weights;
                }
                None => shares.push(Share { dtype: tensor.to, tensors: 1, bytes: tensor.bytes, weights }),
            }
        }
        shares.sort_by(|a, b| b.weights.total_cmp(&a.weights).then(a.dtype.cmp(&b.dtype)));
        shares
    }

    /// How many tensors got a type of smaller blocks because of their rows.
    #[must_use]
    pub fn fallbacks(&self) -> usize {
        self.tensors.iter().filter(|tensor| tensor.to != tensor.wanted).count()
    }

    /// What the name really stands for here: `Q5_0 79.0 %, Q8_0 21.0 %`. Types with less than a thousandth of the weights are left out.
    #[must_use]
    pub fn really(&self) -> String {
        let shares = self.shares();
        let told = shares.iter().filter(|share| share.weights >= 1e-3);
        told.map(|share| format!("{} {}", share.dtype.name(), percent(share.weights))).collect::<Vec<_>>().join(", ")
    }

    /// `general.file_type` of a file of this mix: the label's, or that of the type with the most weights; `None` where llama.cpp has no
    /// number for it.
    #[must_use]
    pub fn file_type(&self, model: &Model) -> Option<u32> {
        if let Some(label) = self.recipe.label {
            return Some(label.file_type());
        }
        let stored = model.file.metadata.u64("general.file_type").and_then(|n| u32::try_from(n).ok());
        let most = self.shares().first().map(|share| share.dtype.name().into_owned());
        stored.or_else(|| (0..64).find(|&n| mix::file_type_name(n.into()).is_some_and(|name| Some(name) == most.as_deref())))
    }
}

/// What a tensor would become, and what it becomes.
fn wanted(tensor: &TensorInfo, recipe: &Recipe, rules: &mut Rules) -> Result<(DType, DType)> {
    let stays = (tensor.dtype, tensor.dtype);
    if tensor.problem.is_some() || !rules.may_change(tensor) {
        return Ok(stays);
    }
    let wanted = match (recipe.keep.iter().find(|keep| keep.matches(&tensor.name)), recipe.label) {
        (Some(keep), _) => keep.dtype,
        (None, None) => return Ok(stays),
        (None, Some(label)) if recipe.pure => label.dtype(),
        (None, Some(label)) => rules.wanted(tensor, label),
    };
    let to = fallback(tensor, wanted);
    if to != tensor.dtype && tensor.dtype.block_len().is_none() {
        return Err(Error::unsupported(format!("tensor `{}`", tensor.name), format!("{} cannot be read", tensor.dtype.name())));
    }
    Ok((wanted, to))
}

/// The type that llama.cpp takes where a row is no whole number of blocks.
fn fallback(tensor: &TensorInfo, wanted: DType) -> DType {
    let fits = |dtype: DType| dtype.block_len().is_some_and(|len| tensor.row_len().is_multiple_of(len));
    let next = match wanted {
        DType::Q6K => DType::Q8_0,
        DType::Q5K => DType::Q5_1,
        DType::Q4K => DType::Q5_0,
        DType::Q3K | DType::Q2K => DType::Q4_0,
        DType::IQ4XS => DType::IQ4NL,
        other => other,
    };
    [wanted, next].into_iter().find(|&dtype| fits(dtype)).unwrap_or(DType::F16)
}
