//! Which tensor of one file is which of the other.

use std::collections::{HashMap, HashSet};

use crate::file::{Format, TensorInfo};
use crate::inspect::{Model, names};

/// A tensor of either file, or of both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// Its name: that of the first file that has it, or what GGUF files call it where the two differ.
    pub name: String,
    /// Its position among the first file's tensors.
    pub a: Option<usize>,
    /// And among the second's.
    pub b: Option<usize>,
}

/// What can be said of a pair before its values are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Only the first file has it.
    OnlyA,
    /// Only the second has it.
    OnlyB,
    /// The shapes can't be matched.
    Reshaped,
    /// The values can be compared.
    Comparable,
}

impl Pair {
    /// What can be said of it.
    #[must_use]
    pub fn state(&self, a: &Model, b: &Model) -> State {
        match (self.a.and_then(|n| a.file.tensors.get(n)), self.b.and_then(|n| b.file.tensors.get(n))) {
            (Some(_), None) => State::OnlyA,
            (None, Some(_)) => State::OnlyB,
            (Some(one), Some(other)) if squeezed(one) == squeezed(other) => State::Comparable,
            (Some(one), Some(other)) if a.file.format != b.file.format && is_transposed(one, other) => State::Comparable,
            _ => State::Reshaped,
        }
    }
}

/// The dimensions that aren't 1.
pub(super) fn squeezed(tensor: &TensorInfo) -> Vec<u64> {
    tensor.shape.iter().copied().filter(|&dim| dim != 1).collect()
}

pub(super) fn is_transposed(one: &TensorInfo, other: &TensorInfo) -> bool {
    matches!((&one.shape[..], &other.shape[..]), ([a, b], [c, d]) if a == d && b == c)
}

/// All tensors of both files, matched: in the first file's order, then those that only the second has.
#[must_use]
pub fn pairs(a: &Model, b: &Model) -> Vec<Pair> {
    let mut left: HashMap<&str, usize> = HashMap::new();
    for (n, tensor) in b.file.tensors.iter().enumerate() {
        left.entry(&tensor.name).or_insert(n);
    }
    let mut taken: HashSet<usize> = HashSet::new();
    let mut pairs: Vec<Pair> = Vec::with_capacity(a.file.tensors.len());
    for (n, tensor) in a.file.tensors.iter().enumerate() {
        let other = left.remove(tensor.name.as_str());
        taken.extend(other);
        pairs.push(Pair { name: tensor.name.clone(), a: Some(n), b: other });
    }
    // What has another name there.
    let [names_a, names_b] = [canonical(a), canonical(b)];
    let mut by_meaning: HashMap<&str, usize> = HashMap::new();
    for (n, name) in names_b.iter().enumerate().filter(|(n, _)| !taken.contains(n)) {
        by_meaning.entry(name).or_insert(n);
    }
    for pair in &mut pairs {
        if let (Some(n), None) = (pair.a, pair.b)
            && let Some(other) = by_meaning.remove(names_a[n].as_str())
        {
            taken.insert(other);
            pair.b = Some(other);
            pair.name.clone_from(&names_a[n]);
        }
    }
    let rest = b.file.tensors.iter().enumerate().filter(|(n, _)| !taken.contains(n));
    pairs.extend(rest.map(|(n, tensor)| Pair { name: tensor.name.clone(), a: None, b: Some(n) }));
    pairs
}

/// What GGUF files call a model's tensors; their own names where that isn't known.
fn canonical(model: &Model) -> Vec<String> {
    let tensors = &model.file.tensors;
    if let Format::Gguf { .. } = model.file.format {
        return tensors.iter().map(|tensor| tensor.name.clone()).collect();
    }
    let both_sides = names::has_norms_on_both_sides(tensors.iter().map(|tensor| tensor.name.as_str()));
    let name = |tensor: &TensorInfo| names::in_gguf(&tensor.name, both_sides).unwrap_or_else(|| tensor.name.clone());
    tensors.iter().map(name).collect()
}
