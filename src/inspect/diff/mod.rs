//! Two files held against each other, tensor by tensor: which are the same, which changed and by how much.
//!
//! Tensors are matched by name, and a Hugging Face file's with a GGUF file's by what these call the same thing. What the converter does to
//! some of them on the way (rows of queries and keys in another order, norms plus one, transposed weights) is undone: which of it was
//! done is told from the values themselves. [`Aligned`] lets a difference be looked at as a matrix like any other.

mod align;
mod distance;
mod matching;

pub use align::{Aligned, Difference};
pub use distance::{Distance, compare};
pub use matching::{Pair, State, pairs};
