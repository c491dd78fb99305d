//! Writes a picture as PNG (RFC 2083), through the `png` crate.

use std::path::Path;

use crate::error::{Error, Result};
use crate::file::replacement::Replacement;

/// An opaque picture, eight bits a channel.
#[derive(Clone, PartialEq, Eq)]
pub struct Pixels {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Red, green, blue of each pixel, row by row from the top.
    pub rgb: Vec<u8>,
}

impl std::fmt::Debug for Pixels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pixels").field("width", &self.width).field("height", &self.height).finish_non_exhaustive()
    }
}

/// Writes it to its place, whole or not at all.
///
/// # Errors
/// [`Error::Store`] where it can't be written; [`Error::Internal`] for a picture without pixels, or with more or fewer than it should have.
pub fn write(pixels: &Pixels, path: &Path) -> Result<()> {
    let mut bytes = Vec::new();
    encode(pixels, &mut bytes).map_err(|error| Error::Internal(format!("a picture can't be encoded: {error}")))?;
    let mut file = Replacement::begin(path)?;
    file.write(&bytes)?;
    file.finish()
}

fn encode(pixels: &Pixels, out: &mut Vec<u8>) -> std::result::Result<(), png::EncodingError> {
    let mut encoder = png::Encoder::new(out, pixels.width, pixels.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels.rgb)?;
    writer.finish()
}
