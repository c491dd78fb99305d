//! From the path a person gives to the file that is meant: a folder with exactly one model stands for it, and so does what lies beside
//! the weights of one.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::file::shards::PartName;
use crate::file::{folder, limits, safetensors, text, torch};

/// How many names of a folder an error lists.
const LISTED: usize = 6;
/// What Hugging Face calls the weights of a folder, the better first.
const USUAL: [&str; 4] = ["model.safetensors.index.json", "model.safetensors", "pytorch_model.bin.index.json", "pytorch_model.bin"];

/// The model file that `path` means.
///
/// # Errors
/// [`Error::Open`] for what isn't there, or a folder that doesn't hold exactly one model, with what it holds.
pub(crate) fn model(path: &Path) -> Result<PathBuf> {
    let metadata = fs::metadata(path).map_err(|error| Error::open(path, error))?;
    if metadata.is_dir() {
        return in_folder(path, false);
    }
    match path.parent() {
        Some(parent) if folder::is_companion(path) => in_folder(if parent.as_os_str().is_empty() { Path::new(".") } else { parent }, true),
        _ => Ok(path.to_owned()),
    }
}

/// What a folder holds.
#[derive(Default)]
struct Held {
    /// GGUF files, of sets the first.
    gguf: BTreeSet<PathBuf>,
    /// Safetensors files and their indices.
    tensors: Vec<PathBuf>,
    /// `PyTorch`'s checkpoints and their indices.
    checkpoints: Vec<PathBuf>,
    /// The first names of other files.
    others: BTreeSet<String>,
}

impl Held {
    fn in_folder(folder: &Path) -> Result<Self> {
        let mut held = Self::default();
        for entry in fs::read_dir(folder).map_err(|error| Error::open(folder, error))?.take(limits::FOLDER_ENTRIES) {
            let path = entry.map_err(|error| Error::open(folder, error))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if safetensors::is_named(&path) || safetensors::lists_safetensors(&path) {
                held.tensors.push(path);
            } else if torch::is_named(&path) || safetensors::is_index(&path) {
                held.checkpoints.push(path);
            } else if !path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gguf")) {
                held.others.insert(text::shown(&name, 40));
                if held.others.len() > LISTED {
                    held.others.pop_last();
                }
            } else if PartName::parse(&name, "gguf").is_none_or(|part| part.number == 1) {
                // Parts of a set count as one: the least name is the first part.
                held.gguf.insert(path);
            }
        }
        Ok(held)
    }

    /// Files with the tensors of a Hugging Face folder. Where one has the usual name, the others are copies or parts of it.
    fn weights(&mut self, folder: &Path) -> BTreeSet<PathBuf> {
        if folder::has_config(folder)
            && let Some(usual) = USUAL.iter().map(|name| folder.join(name)).find(|path| path.is_file())
        {
            return BTreeSet::from([usual]);
        }
        [&mut self.tensors, &mut self.checkpoints]
            .into_iter()
            .map(|paths| {
                paths.sort();
                safetensors::candidates(paths).into_iter().collect::<BTreeSet<PathBuf>>()
            })
            .find(|paths| !paths.is_empty())
            .unwrap_or_default()
    }
}

/// The one model of a folder; `beside` says that what stands beside tensors was named, and not a GGUF file.
fn in_folder(folder: &Path, beside: bool) -> Result<PathBuf> {
    let mut held = Held::in_folder(folder)?;
    let mut models = held.weights(folder);
    if models.is_empty() || !(beside || held.gguf.is_empty()) {
        models = std::mem::take(&mut held.gguf);
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
        (None, _) if held.others.is_empty() => Err(Error::open(folder, "is a folder without a GGUF or safetensors file; it is empty")),
        (None, _) => {
            let held: Vec<String> = held.others.into_iter().collect();
            Err(Error::open(folder, format!("is a folder without a GGUF or safetensors file; it holds {}", names(held, 0))))
        }
        (Some(_), n) => {
            let listed =
                models.iter().take(LISTED).map(|path| text::shown(&path.file_name().unwrap_or_default().to_string_lossy(), 60)).collect();
            Err(Error::open(folder, format!("is a folder with {n} models; open one of them: {}", names(listed, n))))
        }
    }
}
