//! The parts that a model is made of, with their bytes in the file: where the size comes from.

use crate::file::TensorInfo;
use crate::inspect::names::{self, Mapped};
use crate::inspect::roles::{self, Role};
use crate::units::Bytes;

/// A part of a model in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilePart {
    /// Its name, for a sentence.
    pub name: &'static str,
    /// The bytes of its tensors.
    pub bytes: Bytes,
    /// How many tensors it has.
    pub tensors: usize,
}

/// Names of the parts, in the order in which a token meets them.
const NAMES: [&str; 8] =
    ["token embedding", "attention", "feed-forward", "norms", "other layer tensors", "output head", "rope factors", "other tensors"];

/// The parts that have tensors, in the order in which a token meets them.
pub(crate) fn of(tensors: &[TensorInfo], roles: &[Role]) -> Vec<FilePart> {
    let mut parts = NAMES.map(|name| FilePart { name, bytes: Bytes(0), tensors: 0 });
    for (tensor, &role) in tensors.iter().zip(roles) {
        let part = &mut parts[place(&tensor.name, role)];
        part.bytes += tensor.bytes;
        part.tensors += 1;
    }
    parts.into_iter().filter(|part| part.tensors > 0).collect()
}

/// A part's position among the names.
fn place(name: &str, role: Role) -> usize {
    match role {
        Role::Embedding => 0,
        Role::AttnQ | Role::AttnK | Role::AttnV | Role::AttnQkv | Role::AttnOutput => 1,
        Role::FfnGate | Role::FfnUp | Role::FfnDown => 2,
        Role::Norm => 3,
        Role::Output => 5,
        Role::Rope => 6,
        Role::Conv | Role::Bias | Role::Other => match names::map(name).and_then(in_parts).or_else(|| roles::in_layer(name)) {
            Some((_, rest)) if rest.contains("norm") => 3,
            Some((_, rest)) if rest.starts_with("attn_") => 1,
            Some((_, rest)) if rest.starts_with("ffn_") => 2,
            Some(_) => 4,
            None if roles::layer(name).is_some() => 4,
            None if name.contains("norm") => 3,
            None => 7,
        },
    }
}

fn in_parts(mapped: Mapped<'_>) -> Option<(usize, &'static str)> {
    mapped.layer.map(|layer| (layer, mapped.stem))
}
