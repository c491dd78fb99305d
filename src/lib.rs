//! Ponder.

pub mod error;
pub mod library;
pub mod units;
