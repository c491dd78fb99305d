//! What a model will cost in memory and what it does cost: four truths that are never mixed.
//!
//! * *planned* ([`plan`]): computed from the header before anything is loaded;
//! * *charged* ([`ledger`]): what the owners of the buffers told the ledger, at the buffers' real sizes;
//! * *counted* ([`alloc`]): what the global allocator saw, independent of the ledger;
//! * *resident* ([`probe`]): what the operating system says.
//!
//! [`history`] keeps samples of the last three for the plots. Nothing here decides or draws.

pub mod alloc;
pub mod disk;
pub mod history;
pub mod ledger;
pub mod parts;
pub mod plan;
pub mod probe;

pub use parts::{Part, Parts};
