//! The real model for the tests that need it: from the models folder, or fetched once into the build folder.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use ponder::library::{Environment, Folders, fetch, starter as model};

/// The starter model. Where it can't be had this says so and is `None`, and the test that asked passes without it, unless
/// `PONDER_REQUIRE` lists `models`.
pub fn starter() -> Option<PathBuf> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOUND.get_or_init(find_or_fetch).clone()
}

fn find_or_fetch() -> Option<PathBuf> {
    if let Some(path) = Folders::from_process().ok().and_then(|folders| model::path_if_present(&folders)) {
        return Some(path);
    }
    let folders = Folders::at(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("ponder"));
    match fetch(&model::download(), &folders, &Environment::from_process(), &Arc::default(), &mut |_| ()) {
        Ok(path) => Some(path),
        Err(error) => {
            let required = std::env::var("PONDER_REQUIRE").is_ok_and(|list| list.split(',').any(|word| word.trim() == "models"));
            assert!(!required, "PONDER_REQUIRE asks for models: {error}");
            eprintln!("without the starter model: {error}");
            None
        }
    }
}
