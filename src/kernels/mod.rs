//! The CPU's arithmetic on packed weights: what the engine's fast path is made of.
//!
//! Weights are packed while they are read, sixteen rows together, one copy ([`weight`], [`dot`]); a matrix product rounds the activations
//! to 8 bits once ([`matmul`]), [`attention`] reads keys and values as the cache has them, all of it on our [`pool`]. A kernel is written
//! once over the lanes of [`dot::simd`] and compiled for each instruction set. [`precision`] is the one table of what each type becomes
//! on its way from the disk to the sum; a [`level`] says what tensors become that are quantized anew while loading, and [`quantizers`] round them;
//! [`bandwidth`] is what the machine allows.

pub mod attention;
pub mod bandwidth;
pub mod courtesy;
pub mod dequantize;
pub mod dot;
pub mod elementwise;
pub mod exp;
pub mod level;
pub mod matmul;
mod packs;
pub mod pool;
pub mod precision;
pub mod processor;
pub mod quantize;
pub mod quantizers;
pub mod statistics;
mod stored;
pub mod weight;

impl From<candle_core::Error> for crate::error::Error {
    fn from(error: candle_core::Error) -> Self {
        Self::Engine(error.to_string())
    }
}
