//! The models on this disk and how the starter model gets there.
//!
//! [`open`](open()) opens a path, [`Folders`] says where Ponder keeps its own data, [`scan`] lists what other apps have already downloaded, [`fetch`] brings the
//! starter model. Nothing here reads more of a model than its first four bytes and its checksum, keeps a list in memory, or owns a
//! thread: a caller lends a stop flag and a function that is told about progress.

pub mod checksum;
pub mod download;
pub mod environment;
pub mod fetch;
pub mod folders;
mod hub;
mod net;
mod open;
mod part;
mod pip;
pub mod places;
pub mod scan;
pub mod starter;
pub mod summary;
mod wheel;

pub use download::{Download, Progress, Source, Stage, describe};
pub use environment::Environment;
pub use fetch::fetch;
pub use folders::Folders;
pub use open::open;
pub use places::Places;
pub use scan::{Found, find_models};
