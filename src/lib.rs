//! Ponder.

pub mod error;
pub mod memory {
    pub mod parts;
    pub use parts::{Part, Parts};
}
pub mod units;
pub mod view;
pub mod message {
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct JobId(pub u64);
}
pub mod state {
    pub mod slot;
    pub use slot::Slot;
}
