//! How much a header may ask for, in one place.
//!
//! A limit is far above what any published model needs and far below what would hurt; the error that names it says so. The limits of
//! what a model may ask for at run time (context, layers) are not here: `inspect` holds those against the tensors.

/// Metadata entries in one file.
pub const ENTRIES: u64 = 65_536;
/// Tensors in one file.
pub const TENSORS: u64 = 1_000_000;
/// Bytes of a metadata key or of a tensor's name.
pub const NAME_BYTES: u64 = 65_535;
/// Bytes of one string value.
pub const STRING_BYTES: u64 = 16 << 20;
/// Elements of an array that are kept for the screen; the others stay in the file.
pub const PREVIEW: usize = 100;
/// Values that all previews of one file keep together, so that many small arrays stay small.
pub const PREVIEWS: usize = 8_192;
/// Bytes of one string in a preview.
pub const PREVIEW_STRING: usize = 1_024;
/// Arrays in arrays.
pub const NESTING: u32 = 8;
/// Dimensions of a tensor in a GGUF file.
pub const GGUF_DIMS: u32 = 4;
/// The largest alignment of tensor data.
pub const ALIGNMENT: u64 = 1 << 20;
/// Metadata that is read through (arrays of numbers are skipped, not read).
pub const METADATA_BYTES: u64 = 512 << 20;
/// Bytes of a safetensors header, as in the format's own reader.
pub const SAFETENSORS_HEADER: u64 = 100_000_000;
/// Metadata entries of a safetensors file, which can be six bytes short and take many times as much when they are read.
pub const SAFETENSORS_ENTRIES: usize = 4_096;
/// Dimensions of a tensor in a safetensors file.
pub const SAFETENSORS_DIMS: usize = 32;
/// Bytes of the index of a safetensors set.
pub const INDEX_BYTES: u64 = 64 << 20;
/// Files of a safetensors set.
pub const SHARDS: usize = 4_096;
/// Bytes of the directory of a zip archive.
pub const ZIP_DIRECTORY: u64 = 64 << 20;
/// Members of one.
pub const ZIP_MEMBERS: usize = 1_000_000;
/// Bytes of the pickle of a `PyTorch` checkpoint.
pub const PICKLE: u64 = 64 << 20;
/// Bytes of a `config.json`; usual ones have a few thousand.
pub const CONFIG_BYTES: u64 = 1 << 20;
/// Values in one.
pub const CONFIG_VALUES: usize = 10_000;
/// Objects and arrays in one another, in JSON.
pub const JSON_NESTING: u32 = 64;
/// Warnings kept for one file; the others are counted.
pub const WARNINGS: usize = 100;
/// Tensors whose problem is told in full; those after them get a short text.
pub const TOLD_PROBLEMS: usize = 2_000;
/// Names of a folder that are looked at when a folder is opened.
pub const FOLDER_ENTRIES: usize = 20_000;
/// The length from which llama.cpp refuses a tensor's name.
pub const LLAMA_CPP_NAME: usize = 64;
