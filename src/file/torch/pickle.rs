//! What a pickle builds, as data: values live in one list and refer to each other by position, so that nothing recurses, however deep a
//! pickle nests. [`super::machine`] reads them.

use super::machine;
use crate::error::Result;
use crate::file::DType;
use crate::file::source::Source;

/// A value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    /// `None`, floats, and whatever else no tensor is made of.
    Other,
    Bool(bool),
    Int(i64),
    /// One of the longer ones, by its position.
    At(u32),
    /// What `MARK` puts on the stack.
    Mark,
}

/// A longer value.
#[derive(Debug)]
pub(super) enum Node {
    Text(Box<str>),
    Tuple(Box<[Value]>),
    List(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    Global(Global),
    Storage(Storage),
    Tensor(Tensor),
}

/// A name that may be called, or stand for a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Global {
    RebuildTensor,
    RebuildParameter,
    Parameter,
    OrderedDict,
    Size,
    /// A storage of elements of this type.
    Storage(DType),
}

/// Where the elements of tensors are: a member of the archive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Storage {
    /// The member's name, a text.
    pub(super) key: Value,
    pub(super) dtype: DType,
}

/// A view of a storage.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tensor {
    /// A storage.
    pub(super) storage: Value,
    /// Its first element.
    pub(super) offset: i64,
    /// Tuples.
    pub(super) size: Value,
    pub(super) stride: Value,
}

/// All that a pickle builds.
#[derive(Debug)]
pub(super) struct Pickle {
    nodes: Vec<Node>,
    /// What remains at its end.
    pub(super) root: Value,
}

impl Pickle {
    /// Reads a pickle of `source`.
    ///
    /// # Errors
    /// [`crate::error::Error::Unsupported`] naming what it asks Python to import, [`crate::error::Error::Format`] with the byte that contradicts itself.
    pub(super) fn read(source: &Source, bytes: &[u8]) -> Result<Self> {
        machine::run(source, bytes).map(|(nodes, root)| Self { nodes, root })
    }

    /// A longer value.
    pub(super) fn node(&self, value: Value) -> Option<&Node> {
        node(&self.nodes, value)
    }

    pub(super) fn text(&self, value: Value) -> Option<&str> {
        if let Some(Node::Text(text)) = self.node(value) { Some(text) } else { None }
    }

    /// The integers of a tuple or list of them that aren't negative.
    pub(super) fn integers(&self, value: Value) -> Option<Vec<u64>> {
        let all: &[Value] = match self.node(value)? {
            Node::Tuple(all) => all,
            Node::List(all) => all,
            _ => return None,
        };
        all.iter().map(|value| if let Value::Int(n) = value { u64::try_from(*n).ok() } else { None }).collect()
    }
}

pub(super) fn node(nodes: &[Node], value: Value) -> Option<&Node> {
    if let Value::At(at) = value { nodes.get(at as usize) } else { None }
}
