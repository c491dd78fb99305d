//! A model written anew as a mix: a GGUF file with the same metadata, tensor by tensor, a few rows at a time.

use std::path::Path;

use super::mix::{Assigned, Mix};
use crate::error::{Error, Result};
use crate::file::gguf_writer::{Header, NewTensor};
use crate::file::replacement::{Replacement, is_same_file};
use crate::file::{Format, ModelFile, TensorInfo};
use crate::inspect::Model;
use crate::kernels::pool::Pool;
use crate::kernels::quantize::{self, Rows};
use crate::units::Bytes;

/// ggml's version of the block layouts (`GGML_QNT_VERSION`).
const QUANTIZATION_VERSION: u32 = 2;

/// Bytes that are copied at a time.
const COPIED: u64 = 4 << 20;

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress<'a> {
    /// The tensor that is being written.
    pub tensor: &'a Assigned,
    /// Its place among them, from 0.
    pub index: usize,
    /// How many there are.
    pub tensors: usize,
    /// Bytes of the source that are done.
    pub done: Bytes,
    /// Bytes of the source in all.
    pub total: Bytes,
}

/// Writes `model` as `mix` to `out`, which is there when all of it is written. `progress` is told how far it is after each few rows and
/// answers whether to go on.
///
/// # Errors
/// [`Error::Cancelled`]; [`Error::Store`] where `out` cannot be written; [`Error::Unsupported`] where it is the source itself, where the
/// source is damaged, or has a value that its new type cannot hold; whatever reading gives. Nothing is left at `out` that was not there.
pub fn write(model: &Model, mix: &Mix, out: &Path, pool: &Pool, progress: &mut dyn FnMut(Progress<'_>) -> bool) -> Result<Bytes> {
    let file = &model.file;
    check(file, mix, out)?;
    let tensors: Vec<NewTensor<'_>> = mix
        .tensors
        .iter()
        .zip(&file.tensors)
        .map(|(assigned, tensor)| NewTensor { name: &tensor.name, shape: &tensor.shape, dtype: assigned.to, bytes: assigned.bytes })
        .collect();
    let mut changes = vec![("general.quantization_version", QUANTIZATION_VERSION)];
    changes.extend(mix.file_type(model).map(|number| ("general.file_type", number)));
    let header = Header::new(file, &changes, &tensors)?;
    let mut out = Replacement::begin(out)?;
    out.write(&header.bytes)?;
    let total = file.tensors.iter().map(|tensor| tensor.bytes).sum();
    let mut done = Bytes(0);
    for (index, (assigned, tensor)) in mix.tensors.iter().zip(&file.tensors).enumerate() {
        let mut told = |bytes: Bytes| {
            done += bytes;
            let go_on = progress(Progress { tensor: assigned, index, tensors: mix.tensors.len(), done, total });
            if go_on { Ok(()) } else { Err(Error::Cancelled) }
        };
        if assigned.to == tensor.dtype {
            copy(file, tensor, &mut out, &mut told)?;
        } else {
            convert(file, tensor, assigned, &mut out, pool, &mut told)?;
        }
        out.write(&header.padding(assigned.bytes))?;
    }
    file.check_unchanged()?;
    out.finish()?;
    Ok(header.total)
}

fn check(file: &ModelFile, mix: &Mix, out: &Path) -> Result<()> {
    if !matches!(file.format, Format::Gguf { .. }) {
        let why = "Ponder writes GGUF files from GGUF files so far; this model can be quantized while it is loaded";
        return Err(Error::unsupported(file.path.display().to_string(), why));
    }
    if let Some(blocker) = file.blockers.first() {
        return Err(Error::format(&file.path, "the header", "a model that is whole", blocker));
    }
    if let Some((tensor, problem)) = file.tensors.iter().find_map(|tensor| Some((tensor, tensor.problem.as_ref()?))) {
        return Err(Error::format(&file.path, format!("tensor `{}`", tensor.name), "data that can be read", problem));
    }
    if mix.tensors.len() != file.tensors.len() {
        return Err(Error::Internal("a mix of another model".into()));
    }
    if file.paths().any(|path| is_same_file(path, out)) {
        let why = "it is the model that is being read; give the new file another name";
        return Err(Error::unsupported(out.display().to_string(), why));
    }
    Ok(())
}

fn copy(file: &ModelFile, tensor: &TensorInfo, out: &mut Replacement, told: &mut dyn FnMut(Bytes) -> Result<()>) -> Result<()> {
    let mut buffer = vec![0; usize::try_from(tensor.bytes.0.min(COPIED)).unwrap_or(0)];
    let mut at = 0;
    while at < tensor.bytes.0 {
        let len = usize::try_from((tensor.bytes.0 - at).min(COPIED)).unwrap_or(0);
        file.read_into(tensor, at, &mut buffer[..len])?;
        out.write(&buffer[..len])?;
        at += len as u64;
        told(Bytes(len as u64))?;
    }
    Ok(())
}

fn convert(
    file: &ModelFile,
    tensor: &TensorInfo,
    assigned: &Assigned,
    out: &mut Replacement,
    pool: &Pool,
    told: &mut dyn FnMut(Bytes) -> Result<()>,
) -> Result<()> {
    let named = |why: String| Error::unsupported(format!("tensor `{}`", tensor.name), why);
    let mut source = Rows::new(file, tensor)?;
    let rows = usize::try_from(tensor.rows()).map_err(|_too_large| named("it is larger than this processor can address".into()))?;
    let row_bytes = assigned.to.byte_len(tensor.row_len(), 1).and_then(|bytes| usize::try_from(bytes).ok());
    let row_bytes = row_bytes.ok_or_else(|| Error::Internal(format!("`{}` has rows of no whole blocks", tensor.name)))?;
    let step = quantize::rows_at_a_time(source.cols());
    let (mut values, mut blocks) = (Vec::new(), Vec::new());
    for first in (0..rows).step_by(step) {
        let n = step.min(rows - first);
        source.read(pool, first, n, &mut values)?;
        quantize::prepare(&mut values, assigned.to).map_err(named)?;
        blocks.resize(n * row_bytes, 0);
        quantize::quantize_all(pool, assigned.to, &values, &mut blocks);
        out.write(&blocks)?;
        told(Bytes(tensor.bytes.0 / rows as u64 * n as u64))?;
    }
    Ok(())
}
