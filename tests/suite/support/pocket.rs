//! The model that is part of the program, for tests that need any trained model: it is always there.

use std::path::PathBuf;
use std::sync::Arc;

use ponder::inspect::Model;

/// Its header, read from the program.
pub fn pocket() -> Arc<Model> {
    Arc::new(Model::read(ponder::pocket::open().unwrap()))
}

/// The file that it was built from.
pub fn pocket_path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets").join("pocket.gguf")
}
