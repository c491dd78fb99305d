//! Measuring models against each other: what a level of quantization costs. It computes and shows nothing.

pub mod answers;
pub mod label;
pub mod mix;
pub mod quantize;
mod rules;
