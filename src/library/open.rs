//! From a path to a model, wherever it is: a file on this disk, or the model that is part of the program.

use std::path::Path;

use crate::error::Result;
use crate::file::ModelFile;
use crate::pocket;

/// Reads the header of what `path` means: the word [`pocket::WORD`] is the built-in model, anything else a file.
///
/// # Errors
/// As [`ModelFile::open`].
pub fn open(path: &Path) -> Result<ModelFile> {
    if pocket::is(path) { pocket::open() } else { ModelFile::open(path) }
}
