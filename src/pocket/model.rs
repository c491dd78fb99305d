//! The bytes of the model, as the program carries them.

use super::{NAME, WORD};
use crate::error::Result;
use crate::file::ModelFile;
use crate::units::Bytes;

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
