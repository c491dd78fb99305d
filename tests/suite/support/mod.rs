//! What the tests share: files that they write, and the real model where it is on this machine.

use std::path::PathBuf;

pub mod gguf_writer;
pub mod scene;

/// The starter model, if it is in the models folder (`PONDER_HOME`, or the platform's data folder).
pub fn starter() -> Option<PathBuf> {
    let home = std::env::var_os("PONDER_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(directories::ProjectDirs::from("", "", "ponder")?.data_dir().to_owned()))?;
    let path = home.join("models").join("SmolLM2-135M-Instruct.Q4_1.gguf");
    path.is_file().then_some(path)
}

/// A file of this name with these bytes, in a folder of its own that goes when the guard does.
pub fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}
