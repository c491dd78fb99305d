//! Safetensors files, alone and in sets: `model.safetensors`, or `model-00001-of-00004.safetensors` and its siblings with their index.
//! Sets of `PyTorch` checkpoints, `pytorch_model-00001-of-00002.bin`, are made the same way.
//!
//! A set is opened from its index, from any of its files, or from the folder. Only files whose plain names stand beside the opened one are
//! read. A file that is missing leaves its tensors as rows that say so.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::file::layout::{self, Room};
use crate::file::metadata::Entry;
use crate::file::notices::Notices;
use crate::file::shards::PartName;
use crate::file::source::Source;
use crate::file::{DType, TensorInfo, identify, text, torch};
use crate::units::{Bytes, grouped};

mod header;
mod index;

pub(crate) use header::looks_like;
use index::Index;

/// How many names an error or warning lists.
const NAMED: usize = 8;
/// Rows of tensors whose files are missing that are always listed.
const ROWS: usize = 2_048;
/// One more is listed for so many bytes of the index; usual entries are longer.
const ENTRY: u64 = 64;
/// How an index's name ends.
const INDEX_ENDING: &str = ".safetensors.index.json";
/// How the names of the parts of sets end, and those of their indices.
const SETS: [(&str, &str); 2] = [("safetensors", INDEX_ENDING), ("bin", torch::INDEX_ENDING)];

/// All files of a model, read.
pub(crate) struct Opened {
    pub(crate) entries: Vec<Entry>,
    pub(crate) tensors: Vec<TensorInfo>,
    pub(crate) sources: Vec<Source>,
    pub(crate) missing: Bytes,
}

/// Whether a path is named as an index is.
pub(crate) fn is_index(path: &Path) -> bool {
    let name = name_of(path).to_ascii_lowercase();
    SETS.iter().any(|(_, ending)| name.ends_with(ending))
}

/// Whether an index is one of safetensors files.
pub(crate) fn lists_safetensors(path: &Path) -> bool {
    name_of(path).to_ascii_lowercase().ends_with(INDEX_ENDING)
}

/// Whether a path is named as a safetensors file is.
pub(crate) fn is_named(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("safetensors"))
}

/// Opens the file at `path` with all that belong to it.
///
/// # Errors
/// [`Error::Format`] with the place in a header or index that contradicts itself, [`Error::Open`] where none of the files can be opened.
pub(crate) fn open(path: &Path, notices: &mut Notices) -> Result<Opened> {
    if is_index(path) {
        return set(path, &Index::read(path)?, notices);
    }
    let name = name_of(path);
    let parsed = SETS.iter().find_map(|&(ending, index)| Some((PartName::parse(&name, ending)?, index)));
    let Some((part, ending)) = parsed else { return single(path, notices) };
    let index = path.with_file_name(format!("{}{ending}", part.stem));
    if index.is_file() {
        let listed = Index::read(&index)?;
        if listed.files.contains(&name) {
            return set(&index, &listed, notices);
        }
        notices.warn(|| format!("{} doesn't name this file; it is shown alone", text::shown(&name_of(&index), 80)));
        return single(path, notices);
    }
    let files: Vec<String> = (1..=part.count).map(|number| part.sibling(number)).collect();
    if part.number == 0 || part.number > part.count {
        return single(path, notices);
    }
    set(path, &Index { files, tensors: Vec::new(), total: None, bytes: 0 }, notices)
}

fn single(path: &Path, notices: &mut Notices) -> Result<Opened> {
    let mut opened = Opened { entries: Vec::new(), tensors: Vec::new(), sources: Vec::new(), missing: Bytes(0) };
    opened.add(path, notices)?;
    Ok(opened)
}

impl Opened {
    /// Reads one file more.
    fn add(&mut self, path: &Path, notices: &mut Notices) -> Result<()> {
        let source = Source::open(path)?;
        let head = source.head(identify::HEAD)?;
        if torch::looks_like(path, &head) {
            let mut tensors = torch::read(&source, self.sources.len(), notices)?;
            self.tensors.append(&mut tensors);
            self.sources.push(source);
            return Ok(());
        }
        if !looks_like(&head, source.len)
            && let Some(other) = identify::something_else(&source, &head)
        {
            return Err(other);
        }
        let mut header = header::read(&source, self.sources.len(), notices)?;
        let room = Room { start: header.data_start, alignment: 1, end: source.len };
        self.missing += layout::place(&mut header.tensors, room, notices);
        if self.sources.is_empty() {
            (self.entries, self.tensors) = (header.entries, header.tensors);
        } else {
            self.tensors.append(&mut header.tensors);
        }
        self.sources.push(source);
        Ok(())
    }
}

/// Opens the files that an index names beside it.
fn set(beside: &Path, index: &Index, notices: &mut Notices) -> Result<Opened> {
    let mut opened = Opened { entries: Vec::new(), tensors: Vec::new(), sources: Vec::new(), missing: Bytes(0) };
    let mut absent: Vec<&str> = Vec::new();
    // Of each file of the index, where its tensors begin and end; nothing where it is missing.
    let mut ranges = Vec::with_capacity(index.files.len());
    for file in &index.files {
        let path = beside.with_file_name(file);
        let first = opened.tensors.len();
        if path.is_file() {
            opened.add(&path, notices)?;
            ranges.push(Some(first..opened.tensors.len()));
        } else {
            absent.push(file);
            ranges.push(None);
        }
    }
    if opened.sources.is_empty() {
        return Err(Error::open(beside, format!("none of its files is beside it: {}", listed(&absent))));
    }
    if !absent.is_empty() {
        notices.block(|| format!("{} of {} files are missing: {}", absent.len(), index.files.len(), listed(&absent)));
    }
    if !index.tensors.is_empty() {
        compare(&mut opened, index, &ranges, notices);
    }
    Ok(opened)
}

/// Holds the index against what the files have; tensors of missing files become rows that say so.
fn compare(opened: &mut Opened, index: &Index, ranges: &[Option<std::ops::Range<usize>>], notices: &mut Notices) {
    // A row takes more than the shortest entries of an index do.
    let room = usize::try_from(index.bytes / ENTRY).unwrap_or(0) + ROWS;
    let (mut lost, mut untold): (Vec<TensorInfo>, usize) = (Vec::new(), 0);
    let mut names: Vec<Vec<&str>> = vec![Vec::new(); index.files.len()];
    for (name, file) in &index.tensors {
        names[*file].push(name);
    }
    for ((range, named), file) in ranges.iter().zip(names).zip(&index.files) {
        let Some(range) = range else {
            untold += named.len().saturating_sub(room - lost.len());
            lost.extend(
                named
                    .into_iter()
                    .take(room - lost.len())
                    .map(|name| row_of_missing(name, format!("its file `{}` is missing", text::shown(file, 80)))),
            );
            continue;
        };
        let held: HashSet<&str> = opened.tensors[range.clone()].iter().map(|tensor| tensor.name.as_str()).collect();
        let mut wanted: HashSet<&str> = HashSet::with_capacity(held.len());
        let mut without: Vec<&str> = Vec::new();
        for name in named {
            wanted.insert(name);
            if !held.contains(name) {
                without.push(name);
            }
        }
        let unlisted = held.iter().filter(|name| !wanted.contains(*name)).count();
        if unlisted > 0 {
            notices.warn(|| format!("`{}` has {} tensors that the index doesn't name", text::shown(file, 80), grouped(unlisted as u64)));
        }
        if !without.is_empty() {
            notices.block(|| format!("`{}` lacks tensors that the index names: {}", text::shown(file, 80), listed(&without)));
        }
    }
    if let Some(total) = index.total {
        let sum: Bytes = opened.tensors.iter().map(|tensor| tensor.bytes).sum();
        if lost.is_empty() && sum.0 != total {
            notices.warn(|| format!("the index counts {} bytes of tensors, the files have {}", grouped(total), grouped(sum.0)));
        }
    }
    if untold > 0 {
        notices.warn(|| format!("{} more tensors of missing files aren't listed", grouped(untold as u64)));
    }
    opened.tensors.append(&mut lost);
}

fn row_of_missing(name: &str, problem: String) -> TensorInfo {
    let dtype = DType::Other;
    TensorInfo { name: name.to_owned(), shape: Vec::new(), dtype, shard: 0, offset: 0, bytes: Bytes(0), problem: Some(problem) }
}

/// Names for a message, some of them where they are many.
fn listed(names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().take(NAMED).map(|name| text::shown(name, 80)).collect();
    let more = names.len().saturating_sub(NAMED);
    if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The one set, or file, of a folder's files: an index before the files that it names, a set's first part for all of them.
pub(crate) fn candidates(paths: &[PathBuf]) -> Vec<PathBuf> {
    let stems: Vec<String> = paths
        .iter()
        .filter_map(|path| {
            let name = name_of(path);
            let (_, ending) = SETS.iter().find(|(_, ending)| name.to_ascii_lowercase().ends_with(ending))?;
            Some(name[..name.len() - ending.len()].to_owned())
        })
        .collect();
    let kept = |path: &&PathBuf| {
        let name = name_of(path);
        match SETS.iter().find_map(|(ending, _)| PartName::parse(&name, ending)) {
            Some(part) => part.number == 1 && !stems.iter().any(|stem| stem == part.stem),
            None => true,
        }
    };
    paths.iter().filter(kept).cloned().collect()
}
