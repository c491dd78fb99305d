//! The CPU's arithmetic on packed weights: what the engine's fast path is made of.
//!
//! Weights stay in the file's blocks ([`weight`]), one copy; a matrix product rounds the activations to 8 bits once and takes
//! block-wise dot products ([`matmul`]). The dots are candle's for now, run on our own [`pool`], without its packed copies and its
//! spinning threads. [`precision`] is the one table of what each type becomes on its way from the disk to the sum.

pub mod attention;
pub mod elementwise;
pub mod matmul;
pub mod pool;
pub mod precision;
pub mod weight;
