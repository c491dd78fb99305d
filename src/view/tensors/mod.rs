//! The page of all tensors.

mod columns;
mod list;
