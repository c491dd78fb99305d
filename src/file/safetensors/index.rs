//! The index of a set of safetensors files: which tensor is in which file.

use std::collections::HashMap;
use std::path::Path;

use crate::error::{Error, Result};
use crate::file::json::Json;
use crate::file::source::Source;
use crate::file::{limits, text};
use crate::units::{Bytes, grouped};

/// A tensor's name and the position of its file.
pub(super) type Place = (String, usize);

/// Which tensor is in which file.
pub(super) struct Index {
    /// Names beside the index, in order.
    pub(super) files: Vec<String>,
    /// Tensors with the position of their file; none where the names of the files are all that is known.
    pub(super) tensors: Vec<Place>,
    /// The bytes of all tensors, if they were counted.
    pub(super) total: Option<u64>,
    /// Its own length.
    pub(super) bytes: u64,
}

impl Index {
    /// Reads an index.
    ///
    /// # Errors
    /// [`Error::Format`] with the byte, for what is no index, names a file elsewhere, or says something twice.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let source = Source::open(path)?;
        if source.len > limits::INDEX_BYTES {
            let expected = format!("an index of at most {} (Ponder's limit)", Bytes(limits::INDEX_BYTES));
            return Err(Error::format(path, "byte 0", expected, Bytes(source.len).to_string()));
        }
        let bytes = source.head(usize::try_from(source.len).unwrap_or(0))?;
        let mut json = Json::new(path, &bytes, 0)?;
        let (mut map, mut total) = (None, None);
        let mut first = true;
        json.object()?;
        loop {
            let at = json.position();
            let Some(key) = json.key(&mut first)? else { break };
            match &*key {
                "weight_map" if map.is_some() => return Err(Error::format(path, format!("byte {at}"), "one `weight_map`", "a second one")),
                "weight_map" => map = Some(weight_map(path, &mut json)?),
                "metadata" => total = total_size(&mut json)?.or(total),
                _ => json.skip()?,
            }
        }
        json.end()?;
        let Some((files, tensors)) = map else { return Err(Error::format(path, "byte 0", "a `weight_map`", "none")) };
        if files.is_empty() {
            return Err(Error::format(path, "`weight_map`", "names of files", "none"));
        }
        Ok(Self { files, tensors, total, bytes: source.len })
    }
}

/// The names of the files, sorted, and the tensors.
fn weight_map(path: &Path, json: &mut Json<'_>) -> Result<(Vec<String>, Vec<Place>)> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut tensors: Vec<Place> = Vec::new();
    let mut first = true;
    json.object()?;
    loop {
        let at = json.position();
        let fault = |expected: String, found: String| Err(Error::format(path, format!("byte {at}"), expected, found));
        let Some(tensor) = json.key(&mut first)? else { break };
        if tensors.len() as u64 == limits::TENSORS {
            return fault(format!("at most {} tensors (Ponder's limit)", grouped(limits::TENSORS)), "more".to_owned());
        }
        if tensor.len() as u64 > limits::NAME_BYTES {
            return fault(format!("at most {} bytes for a tensor's name", grouped(limits::NAME_BYTES)), grouped(tensor.len() as u64));
        }
        let file = json.string()?;
        let n = places.len();
        let place = match places.get(&*file) {
            Some(&place) => place,
            None if !is_plain(&file) => {
                return fault("the name of a file with tensors beside the index".to_owned(), format!("`{}`", text::shown(&file, 80)));
            }
            None if n == limits::SHARDS => {
                return fault(format!("at most {} files (Ponder's limit)", grouped(limits::SHARDS as u64)), "more".to_owned());
            }
            None => {
                places.insert(file.into_owned(), n);
                n
            }
        };
        tensors.push((tensor.into_owned(), place));
    }
    tensors.sort_unstable();
    if let Some(pair) = tensors.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        let at = format!("tensor `{}`", text::shown(&pair[0].0, 80));
        return Err(Error::format(path, at, "one file", "that it is named twice"));
    }
    let mut files: Vec<(String, usize)> = places.into_iter().collect();
    files.sort_unstable();
    let mut renumbered = vec![0; files.len()];
    for (new, (_, old)) in files.iter().enumerate() {
        renumbered[*old] = new;
    }
    for (_, place) in &mut tensors {
        *place = renumbered[*place];
    }
    Ok((files.into_iter().map(|(name, _)| name).collect(), tensors))
}

/// Whether a name leads to a file beside the index and nowhere else, on any system.
fn is_plain(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    matches!(lower.rsplit_once('.'), Some((_, "safetensors" | "bin")))
        && name.len() <= 255
        && !name.starts_with('.')
        && !name.contains(['/', '\\', ':', '\0'])
        && !name.chars().any(char::is_control)
}

/// `total_size` in the index's metadata, where it is a number.
fn total_size(json: &mut Json<'_>) -> Result<Option<u64>> {
    let (mut total, mut first) = (None, true);
    json.object()?;
    while let Some(key) = json.key(&mut first)? {
        if key == "total_size" {
            // Some writers have a decimal point there; such a number is no news worth refusing the file for.
            match json.integer() {
                Ok(number) => total = Some(number),
                Err(_other) => json.skip()?,
            }
        } else {
            json.skip()?;
        }
    }
    Ok(total)
}
