//! Ponder.

pub mod cli;
<<<<<<< HEAD
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
=======
pub mod error;
pub mod file;
pub mod inspect;
>>>>>>> file
pub mod units;
pub mod worker;
