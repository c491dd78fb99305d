//! How the tensors of a file are listed: as a tree, as a list that is filtered and sorted, as a map of areas, and in words. From the header
//! alone.

pub mod filter;
pub(crate) mod natural;
pub mod tree;
pub mod treemap;
pub mod words;
