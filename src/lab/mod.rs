//! Measuring models against each other: what a level of quantization costs. It computes and shows nothing.

pub mod advice;
pub mod answers;
pub mod budget;
pub mod candidate;
pub mod distortion;
pub mod divergence;
pub mod export;
pub mod label;
pub mod mix;
mod pass;
pub mod quantize;
pub mod row;
mod rules;
pub mod run;
pub mod side;
pub mod statistics;
pub mod text;
