//! How the tensors of a file are listed: as a tree, as a list that is filtered and sorted, as a map of areas. From the header alone.

pub mod filter;
mod natural;
pub mod tree;
pub mod treemap;
