//! `PyTorch` checkpoints: a zip archive with a pickle that lists tensors, and a member with the elements of each. The pickle is read as
//! data ([`machine`]) and executes nothing.
//!
//! Left out: checkpoints from before `PyTorch` 1.6, which are no archives, and programs (`TorchScript`).

use std::collections::HashMap;
use std::path::Path;

use crate::error::{Error, Result};
use crate::file::notices::Notices;
use crate::file::source::Source;
use crate::file::{TensorInfo, limits, text};
use crate::units::{Bytes, grouped};

mod archive;
mod machine;
mod pickle;

use archive::Archive;
use pickle::{Node, Pickle, Tensor, Value};

/// How an index's name ends.
pub(crate) const INDEX_ENDING: &str = ".bin.index.json";
/// Dictionaries in one another.
const NESTING: usize = 8;
/// Bytes of a row of the list of tensors, names aside.
const ROW: usize = 256;

/// Whether a path is named as the weights of a Hugging Face folder are.
pub(crate) fn is_named(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    name.starts_with("pytorch_model") && matches!(name.rsplit_once('.'), Some((_, "bin")))
}

/// Whether a file begins as a checkpoint does: an archive whose first member is in one, or that is named as one.
pub(crate) fn looks_like(path: &Path, head: &[u8]) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_ascii_lowercase();
    let member = |name: &[u8]| head.get(30..).is_some_and(|rest| rest[..rest.len().min(256)].windows(name.len()).any(|part| part == name));
    head.starts_with(b"PK\x03\x04") && (["bin", "pt", "pth", "ckpt"].contains(&extension.as_str()) || member(b"/data.pkl"))
}

/// The tensors of a checkpoint, placed in the file; `shard` is its number in a set.
///
/// # Errors
/// [`Error::Format`] with the place in archive or pickle that contradicts itself; [`Error::Unsupported`] naming what a pickle asks Python
/// to import.
pub(crate) fn read(source: &Source, shard: usize, notices: &mut Notices) -> Result<Vec<TensorInfo>> {
    let archive = Archive::read(source)?;
    let pickles = archive.ending("/data.pkl");
    let [name] = pickles[..] else {
        let found = if pickles.is_empty() { "none (is it a model?)".to_owned() } else { format!("{} of them", pickles.len()) };
        return Err(Error::format(&source.path, "the archive's directory", "one `data.pkl`, which lists the tensors", found));
    };
    let folder = &name[..name.len() - "data.pkl".len()];
    let Some(member) = archive.get(name) else { return Err(Error::Internal("a member without its entry".into())) };
    let bytes = archive.bytes(name, member, limits::PICKLE)?;
    if let Some(member) = archive.get(&format!("{folder}byteorder"))
        && archive.bytes("byteorder", member, 16)? != b"little"
    {
        return Err(Error::unsupported(source.path.display().to_string(), "its numbers have their bytes in big-endian order"));
    }
    let pickle = Pickle::read(source, &bytes)?;
    drop(bytes);
    let mut list =
        List { source, archive: &archive, folder, pickle: &pickle, shard, places: HashMap::new(), tensors: Vec::new(), others: 0 };
    list.flatten(notices)?;
    if list.others > 0 {
        let others = list.others;
        notices.warn(|| format!("{} values in it are no tensors and are passed over", grouped(others)));
    }
    Ok(list.tensors)
}

/// The list of tensors as it grows.
struct List<'a> {
    source: &'a Source,
    archive: &'a Archive<'a>,
    folder: &'a str,
    pickle: &'a Pickle,
    shard: usize,
    /// Where members lie, once they were looked for: place and length.
    places: HashMap<String, std::result::Result<(u64, u64), String>>,
    tensors: Vec<TensorInfo>,
    others: u64,
}

impl List<'_> {
    /// Tensors of dictionaries in one another, their names joined by dots.
    fn flatten(&mut self, notices: &mut Notices) -> Result<()> {
        let Some(Node::Dict(_)) = self.pickle.node(self.pickle.root) else {
            return Err(Error::format(
                &self.source.path,
                "data.pkl",
                "a dictionary of tensors",
                "another value (a whole program, perhaps)",
            ));
        };
        let mut room = (256 << 10) + 2 * usize::try_from(self.source.len).unwrap_or(usize::MAX / 4);
        let mut waiting: Vec<(Value, String, usize)> = vec![(self.pickle.root, String::new(), 0)];
        while let Some((dict, prefix, depth)) = waiting.pop() {
            let Some(Node::Dict(pairs)) = self.pickle.node(dict) else { continue };
            for &(key, value) in pairs {
                let name = match (self.pickle.text(key), key) {
                    (Some(text), _) => format!("{prefix}{text}"),
                    (None, Value::Int(n)) => format!("{prefix}{n}"),
                    _ => prefix.clone(),
                };
                room = room.checked_sub(ROW + 2 * name.len()).ok_or_else(|| {
                    Error::format(&self.source.path, "data.pkl", "a list of tensors in proportion to the file", "a far longer one")
                })?;
                match self.pickle.node(value) {
                    Some(Node::Tensor(tensor)) => self.add(name, *tensor, notices)?,
                    Some(Node::Dict(_)) if depth < NESTING => waiting.push((value, format!("{name}."), depth + 1)),
                    _ => self.others += 1,
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, name: String, tensor: Tensor, notices: &mut Notices) -> Result<()> {
        let fault = |expected: &str, found: &str| {
            Error::format(&self.source.path, format!("data.pkl, tensor `{}`", text::shown(&name, 80)), expected, found)
        };
        let shown = || fault("a storage, an offset, a shape and strides", "something else");
        let Some(Node::Storage(storage)) = self.pickle.node(tensor.storage) else { return Err(shown()) };
        let key = self.pickle.text(storage.key).ok_or_else(shown)?;
        let (Some(shape), Some(strides)) = (self.pickle.integers(tensor.size), self.pickle.integers(tensor.stride)) else {
            return Err(shown());
        };
        let first = u64::try_from(tensor.offset).map_err(|_negative| shown())?;
        if shape.len() != strides.len() || shape.len() > limits::SAFETENSORS_DIMS {
            return Err(fault("as many strides as dimensions", &format!("{} and {}", strides.len(), shape.len())));
        }
        let dtype = storage.dtype;
        let mut info = TensorInfo { name, shape, dtype, shard: self.shard, offset: 0, bytes: Bytes(0), problem: None };
        let bytes = dtype.byte_len(info.row_len(), info.rows());
        let skipped = dtype.byte_len(1, first);
        let place = self.place(key);
        let problem = match (place, bytes, skipped) {
            (Err(problem), ..) => Some(problem),
            (_, None, _) | (_, _, None) => Some("its size overflows".to_owned()),
            (Ok((start, len)), Some(bytes), Some(skipped)) => {
                (info.offset, info.bytes) = (start.saturating_add(skipped), Bytes(bytes));
                let outside = skipped.checked_add(bytes).is_none_or(|end| end > len);
                let found = || {
                    format!("it needs {} bytes from byte {} of its storage, which has {}", grouped(bytes), grouped(skipped), grouped(len))
                };
                if outside {
                    Some(found())
                } else if !is_contiguous(&info.shape, &strides) {
                    Some(format!("its rows don't follow one another (strides {strides:?}), which Ponder doesn't read yet"))
                } else {
                    None
                }
            }
        };
        if let Some(problem) = problem {
            notices.problem(&mut info, "its data can't be read", || problem);
        }
        self.tensors.push(info);
        Ok(())
    }

    /// Where a storage lies, and its length.
    fn place(&mut self, key: &str) -> std::result::Result<(u64, u64), String> {
        if let Some(known) = self.places.get(key) {
            return known.clone();
        }
        let name = format!("{}data/{key}", self.folder);
        let found = match self.archive.get(&name) {
            None => Err(format!("its storage `{}` isn't in the archive", text::shown(&name, 80))),
            Some(member) => match self.archive.place(&name, member) {
                Ok(start) => Ok((start, member.len)),
                Err(error) => Err(error.to_string()),
            },
        };
        self.places.insert(key.to_owned(), found.clone());
        found
    }
}

/// Whether elements lie in the order of numpy's rows.
fn is_contiguous(shape: &[u64], strides: &[u64]) -> bool {
    let mut expected = 1_u64;
    shape.iter().zip(strides).rev().all(|(&dim, &stride)| {
        let fits = dim <= 1 || stride == expected;
        expected = expected.saturating_mul(dim);
        fits
    })
}
