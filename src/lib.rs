//! Ponder.

pub mod cli;
pub mod error;
pub mod file;
pub mod inspect;
pub mod units;
