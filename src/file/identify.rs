//! What a file is that isn't a model Ponder opens: by its first bytes, never by its name alone.
//!
//! Nothing is parsed beyond a few bytes; the answer is a sentence that says what to do.

use std::path::Path;

use crate::error::Error;
use crate::file::source::Source;
use crate::units::{Bytes, grouped};

/// How much of the file the answer is drawn from.
pub(crate) const HEAD: usize = 4096;

/// The error for a file that begins as no format that is read does.
pub(crate) fn refusal(source: &Source, head: &[u8]) -> Error {
    let path = &source.path;
    if let Some(weights) = weights(path, head) {
        return Error::unsupported(
            path.display().to_string(),
            format!(
                "this is {weights}; Ponder opens GGUF and safetensors files, and PyTorch's checkpoints since version 1.6: look for the model in one of these"
            ),
        );
    }
    let found = if head.is_empty() {
        "an empty file (download not begun?)".to_owned()
    } else if head.len() < 4 && b"GGUF".starts_with(head) {
        format!("a file that ends too soon: the header needs 24 bytes, has {}", head.len())
    } else if let Some(real) = lfs_pointer(head) {
        format!("a Git LFS pointer: the real file is {real}; fetch it with `git lfs pull`, or download it from the model's page")
    } else if let Some(old) = ggml_before_gguf(head) {
        format!("{old}: a format from before GGUF; convert it with llama.cpp, or get the model's GGUF version")
    } else if head.starts_with(b"FUGG") {
        "GGUF with its letters reversed: a big-endian file, or one damaged on its way".to_owned()
    } else if head.iter().all(|&b| b == 0) {
        format!("{} zeros and no header: the room of a download that isn't finished", grouped(head.len() as u64))
    } else if let Some(known) = known(head) {
        format!("{known}, which isn't a model")
    } else if unfinished_name(path) {
        "the start of no format that is known; by its name the download isn't finished".to_owned()
    } else if text_like(head) {
        "a text file, which isn't a model".to_owned()
    } else {
        format!("bytes that no format known to Ponder begins with: {}", hex(head))
    };
    Error::format(path, "byte 0", "a model in the GGUF or safetensors format", found)
}

/// The error for a file that is named as safetensors files are and is clearly something else; `None` where it may be a broken one.
pub(crate) fn something_else(source: &Source, head: &[u8]) -> Option<Error> {
    let clear = head.is_empty()
        || weights(&source.path, head).is_some()
        || lfs_pointer(head).is_some()
        || known(head).is_some()
        || head.starts_with(b"GGUF")
        || head.iter().all(|&b| b == 0);
    clear.then(|| refusal(source, head))
}

/// What in a file's name contradicts a content that was read as the format `name`, whose files end so.
pub(crate) fn name_notice(path: &Path, name: &str, ending: &str) -> Option<String> {
    if unfinished_name(path) {
        return Some("by its name, the download of this file isn't finished".to_owned());
    }
    let extension = path.extension().unwrap_or_default();
    (!extension.eq_ignore_ascii_case(ending))
        .then(|| format!("this is a {name} file, though its name doesn't end in .{ending} but in `{}`", extension.to_string_lossy()))
}

/// Whether a name is one that programs give to what they are still downloading.
fn unfinished_name(path: &Path) -> bool {
    path.extension().and_then(|extension| extension.to_str()).is_some_and(|extension| {
        ["part", "crdownload", "incomplete", "download", "partial", "aria2", "opdownload", "!ut", "tmp"]
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known))
    })
}

/// Weights, or a model, of a format that Ponder doesn't open yet.
fn weights(path: &Path, head: &[u8]) -> Option<&'static str> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_ascii_lowercase();
    let has = |needle: &[u8]| head.windows(needle.len()).any(|window| window == needle);
    if head.starts_with(b"PK\x03\x04") && (has(b"data.pkl") || has(b"/version")) {
        return Some("a PyTorch checkpoint that begins as none does");
    }
    if matches!(head, [0x80, 2..=5, ..]) {
        return Some("a Python pickle (an old PyTorch checkpoint, perhaps)");
    }
    if head.get(4..8) == Some(b"TFL3") {
        return Some("a TensorFlow Lite model");
    }
    if head.starts_with(b"\x89HDF\r\n\x1a\n") {
        return Some("an HDF5 file (a Keras model, perhaps)");
    }
    if head.starts_with(b"\x93NUMPY") {
        return Some("a NumPy array");
    }
    // Field 1, the version, then field 2, the producer: how ONNX's writers begin.
    if matches!(head, [0x08, 1..=20, 0x12, ..]) || (extension == "onnx" && head.first() == Some(&0x08)) {
        return Some("an ONNX model");
    }
    if extension == "pb" && matches!(head, [0x0a | 0x08, ..]) {
        return Some("a TensorFlow graph");
    }
    None
}

/// For a Git LFS pointer, the size of the file that it stands for, as text.
fn lfs_pointer(head: &[u8]) -> Option<String> {
    let text = head.strip_prefix(b"version https://git-lfs.github.com/spec/")?;
    let text = String::from_utf8_lossy(text);
    let size = text.lines().find_map(|line| line.strip_prefix("size ")?.trim().parse().ok().map(Bytes));
    Some(size.map_or_else(|| "elsewhere".to_owned(), |size| format!("{} ({})", size.on_disk(), size.exact())))
}

fn ggml_before_gguf(head: &[u8]) -> Option<&'static str> {
    // The magic numbers are little-endian words, so that they read backwards.
    Some(match head.get(..4)? {
        b"lmgg" | b"GGML" => "a GGML file",
        b"fmgg" => "a GGMF file",
        b"tjgg" => "a GGJT file",
        b"algg" => "a GGLA adapter",
        _ => return None,
    })
}

/// Formats that people take for models, by their first bytes.
fn known(head: &[u8]) -> Option<&'static str> {
    const MAGICS: &[(&[u8], &str)] = &[
        (b"PK\x03\x04", "a zip archive; if a model is in it, unpack it first"),
        (b"PK\x05\x06", "an empty zip archive"),
        (b"\x1f\x8b", "a gzip archive; if a model is in it, unpack it first"),
        (b"\x28\xb5\x2f\xfd", "a zstd archive; if a model is in it, unpack it first"),
        (b"\xfd7zXZ\0", "an xz archive; if a model is in it, unpack it first"),
        (b"BZh", "a bzip2 archive; if a model is in it, unpack it first"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive; if a model is in it, unpack it first"),
        (b"Rar!\x1a\x07", "a RAR archive; if a model is in it, unpack it first"),
        (b"%PDF-", "a PDF document"),
        (b"\x89PNG", "a PNG picture"),
        (b"\xff\xd8\xff", "a JPEG picture"),
        (b"GIF8", "a GIF picture"),
        (b"RIFF", "a WebP picture, a sound or a film"),
        (b"\x7fELF", "a program or library for Linux"),
        (b"MZ", "a program or library for Windows"),
        (b"\xcf\xfa\xed\xfe", "a program or library for macOS"),
        (b"\xca\xfe\xba\xbe", "a program or library for macOS"),
        (b"SQLite format 3\0", "a database"),
        (b"{\\rtf", "a text document"),
    ];
    if let Some((_, name)) = MAGICS.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some(name);
    }
    if head.get(257..262) == Some(b"ustar") {
        return Some("a tar archive; if a model is in it, unpack it first");
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let begins = |word: &str| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()));
    if begins("<!doctype html") || begins("<html") || begins("<head") {
        return Some("an HTML page (a login or error page saved in the model's place?); download the file itself");
    }
    if begins("<?xml") {
        return Some("an XML document");
    }
    (matches!(text, [b'{', b'"' | b' ' | b'\n' | b'\r' | b'\t' | b'}', ..] | [b'[', ..]) && text_like(head))
        .then_some("a JSON file (a model's configuration or index, perhaps; open the weights beside it)")
}

fn text_like(head: &[u8]) -> bool {
    let valid = match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    valid && head.iter().all(|&b| b >= 0x20 || matches!(b, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b))
}

fn hex(head: &[u8]) -> String {
    let bytes: Vec<String> = head.iter().take(8).map(|b| format!("{b:02x}")).collect();
    bytes.join(" ")
}
