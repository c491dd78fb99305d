//! What is asked and told while something is written for another program.

use std::path::PathBuf;
use std::sync::Arc;

use crate::file::png::Pixels;
use crate::inspect::Model;

/// Something to be written.
#[derive(Debug)]
pub struct Export {
    /// What.
    pub what: What,
    /// Where; what is there is replaced when all is written.
    pub path: PathBuf,
}

/// What can be taken away.
#[derive(Debug, Clone)]
pub enum What {
    /// A tensor's values, as numpy reads them.
    Npy {
        /// The file.
        model: Arc<Model>,
        /// The tensor's place in its list.
        tensor: usize,
    },
    /// Bytes that are there already: a table.
    Bytes(Arc<[u8]>),
    /// A picture, as PNG.
    Picture(Arc<Pixels>),
}
