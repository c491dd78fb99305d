//! Ponder.

pub mod engine;
pub mod error;
pub mod file;
pub mod units;
