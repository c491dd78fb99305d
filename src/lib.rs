//! Ponder.

pub mod error;
pub mod units;
