//! Ponder.

pub mod error;
pub mod file;
pub mod units;
