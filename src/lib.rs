//! Ponder.

pub mod app;
pub mod cli;
pub mod engine;
pub mod error;
pub mod file;
pub mod inspect;
pub mod kernels;
pub mod library;
pub mod memory;
pub mod message;
pub mod state;
pub mod store;
pub mod units;
pub mod view;
pub mod worker;
