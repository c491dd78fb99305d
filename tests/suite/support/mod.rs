//! What the tests share: files that they write, the model of the program, and the starter model where it is on this machine.

use std::path::PathBuf;

pub mod bench;
pub mod browse;
pub mod browsing;
pub mod comparing;
pub mod family;
pub mod fetching;
pub mod fold;
pub mod gguf_writer;
pub mod hf_folder;
pub mod lab_window;
pub mod loaded;
pub mod oracle;
pub mod pocket;
pub mod safetensors_writer;
pub mod scene;
pub mod server;
pub mod stage;
pub mod starter;
pub mod tiny_llama;
pub mod torch_writer;

pub use starter::starter;

/// A file of this name with these bytes, in a folder of its own that goes when the guard does.
pub fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}
