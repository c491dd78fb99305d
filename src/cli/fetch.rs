//! `ponder fetch`: gets the starter model and prints where it is.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::args::Fetch as Args;
use super::{INTERRUPTED, note, show};
use crate::error::Result;
use crate::library::environment::Environment;
use crate::library::{Folders, starter};

pub fn run(args: &Args) -> Result<()> {
    let path = fetch(&Folders::from_process()?)?;
    show(args.json, &json!({ "path": path }), || path.display().to_string())
}

/// Gets the starter model, telling the progress on stderr.
pub fn fetch(folders: &Folders) -> Result<PathBuf> {
    let stop = Arc::new(AtomicBool::new(false));
    let mut told = String::new();
    let mut progress = |progress: crate::library::download::Progress| {
        stop.store(INTERRUPTED.load(Ordering::Relaxed), Ordering::Relaxed);
        let line = crate::library::describe(progress);
        if line != told {
            note(&line);
            told = line;
        }
    };
    crate::library::fetch::fetch(&starter::download(), folders, &Environment::from_process(), &stop, &mut progress)
}
