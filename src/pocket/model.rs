//! The model as the program carries it: its name, its bytes, and what to ask it first. To everything above it is a model as any other,
//! opened by a word in place of a path.

use std::path::Path;

use crate::error::Result;
use crate::file::ModelFile;
use crate::units::Bytes;

/// The word that stands for the model where a command, or a list, expects a file; `./pocket` is a file of that name.
pub const WORD: &str = "pocket";

/// What it is called on the screen.
pub const NAME: &str = "Pocket";

/// What to ask it first, as a person would write it.
pub const SUGGESTIONS: [&str; 3] = [
    "Which is heavier, a pumpkin or a plum?",
    "A letter weighs 20 g and a key weighs 35 g. How much do they weigh together?",
    "Tell me a story about Ines.",
];

/// What it is asked by itself when the app starts for the first time.
pub const FIRST_QUESTION: &str = SUGGESTIONS[0];

const MODEL: &[u8] = include_bytes!("../../assets/pocket.gguf");

/// Reads its header.
///
/// # Errors
/// As [`ModelFile::built_in`]; for a program that was built from sound sources, none.
pub fn open() -> Result<ModelFile> {
    ModelFile::built_in(NAME, WORD, MODEL)
}

/// Its size.
#[must_use]
pub const fn bytes() -> Bytes {
    Bytes(MODEL.len() as u64)
}

/// Whether a path is the word. No dialog, drop or scan gives such a path: theirs are absolute.
#[must_use]
pub fn is(path: &Path) -> bool {
    // not `==` on paths, to which "pocket/" is the same
    path.as_os_str() == WORD
}
