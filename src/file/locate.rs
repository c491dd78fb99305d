//! From the path a person gives to the file that is meant: a folder with exactly one model stands for it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::file::shards::PartName;
use crate::file::{limits, safetensors, text};

/// How many names of a folder an error lists.
const LISTED: usize = 6;

/// The model file that `path` means.
///
/// # Errors
/// [`Error::Open`] for what isn't there, or a folder that doesn't hold exactly one model, with what it holds.
pub(crate) fn model(path: &Path) -> Result<PathBuf> {
    let metadata = fs::metadata(path).map_err(|error| Error::open(path, error))?;
    if metadata.is_dir() { in_folder(path) } else { Ok(path.to_owned()) }
}

fn in_folder(folder: &Path) -> Result<PathBuf> {
    // Parts of a set count as one: the least name is the first part.
    let mut models: BTreeSet<PathBuf> = BTreeSet::new();
    let mut others: BTreeSet<String> = BTreeSet::new();
    let mut tensors: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| Error::open(folder, error))?.take(limits::FOLDER_ENTRIES) {
        let path = entry.map_err(|error| Error::open(folder, error))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if safetensors::is_named(&path) || safetensors::is_index(&path) {
            tensors.push(path);
        } else if !path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gguf")) {
            others.insert(text::shown(&name, 40));
            if others.len() > LISTED {
                others.pop_last();
            }
        } else if PartName::parse(&name, "gguf").is_none_or(|part| part.number == 1) {
            models.insert(path);
        }
    }
    if models.is_empty() {
        tensors.sort();
        models.extend(safetensors::candidates(&tensors));
    }
    if models.len() > 1 {
        // A projector lies beside the model that it belongs to.
        models.retain(|path| !path.file_name().unwrap_or_default().to_string_lossy().to_lowercase().starts_with("mmproj"));
    }
    let names = |names: Vec<String>, all: usize| {
        let more = if all > names.len() { format!(" and {} more", all - names.len()) } else { String::new() };
        format!("{}{more}", names.join(", "))
    };
    let mut paths = models.iter();
    match (paths.next(), models.len()) {
        (Some(path), 1) => Ok(path.clone()),
        (None, _) if others.is_empty() => Err(Error::open(folder, "is a folder without a GGUF or safetensors file; it is empty")),
        (None, _) => {
            let held: Vec<String> = others.into_iter().collect();
            Err(Error::open(folder, format!("is a folder without a GGUF or safetensors file; it holds {}", names(held, 0))))
        }
        (Some(_), n) => {
            let listed =
                models.iter().take(LISTED).map(|path| text::shown(&path.file_name().unwrap_or_default().to_string_lossy(), 60)).collect();
            Err(Error::open(folder, format!("is a folder with {n} models; open one of them: {}", names(listed, n))))
        }
    }
}
