//! Split files: `NAME-00001-of-00003.gguf` and its siblings in the same folder, from the name of any of them.
//!
//! Only names that this file's own name determines are opened; nothing in a file can name another path.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::file::gguf::Header;
use crate::file::metadata::{Entry, Value};

/// How many missing siblings an error names.
const NAMED: usize = 8;

/// What a split file's name says: which of how many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartName<'a> {
    pub(crate) stem: &'a str,
    /// From 1.
    pub(crate) number: u64,
    pub(crate) count: u64,
    /// In the case that the file has it.
    extension: &'a str,
}

impl<'a> PartName<'a> {
    /// Takes `STEM-00001-of-00003.gguf` apart, with this ending.
    pub(crate) fn parse(name: &'a str, ending: &str) -> Option<Self> {
        let (rest, extension) = name.rsplit_once('.')?;
        let (rest, count) = rest.rsplit_once("-of-")?;
        let (stem, number) = rest.rsplit_once('-')?;
        let five = |digits: &str| (digits.len() == 5 && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok()).flatten();
        extension.eq_ignore_ascii_case(ending).then_some(())?;
        Some(Self { stem, number: five(number)?, count: five(count)?, extension })
    }

    /// The name of the `number`-th file of the set.
    pub(crate) fn sibling(&self, number: u64) -> String {
        format!("{}-{number:05}-of-{:05}.{}", self.stem, self.count, self.extension)
    }
}

/// What a file's metadata says of the set it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Split {
    /// From 0.
    number: u64,
    count: u64,
    tensors: Option<u64>,
}

impl Split {
    /// From a header; `None` for a file that stands alone.
    ///
    /// # Errors
    /// [`Error::Format`] for keys that aren't counts.
    pub(crate) fn of(path: &Path, header: &Header) -> Result<Option<Self>> {
        let number = |key: &str| match find(&header.entries, key) {
            None => Ok(None),
            Some(value) => value
                .as_u64()
                .map(Some)
                .ok_or_else(|| Error::format(path, format!("key `{key}`"), "a number that isn't negative", value.described())),
        };
        let (count, no, tensors) = (number("split.count")?, number("split.no")?, number("split.tensors.count")?);
        match count {
            None | Some(0 | 1) => Ok(None),
            Some(count) => {
                let number = no.ok_or_else(|| Error::format(path, "key `split.no`", "the number of this part", "nothing"))?;
                Ok(Some(Self { number, count, tensors }))
            }
        }
    }
}

/// The paths of all files of the set that `path` belongs to, in order.
///
/// # Errors
/// [`Error::Format`] where the name contradicts the metadata, [`Error::Open`] naming the siblings that are missing.
pub(crate) fn paths(path: &Path, split: Split) -> Result<Vec<PathBuf>> {
    let file_name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let part = PartName::parse(file_name, "gguf").filter(|part| part.count == split.count && part.number == split.number + 1).ok_or_else(
        || {
            Error::format(
                path,
                "its name",
                format!(
                    "an ending in -{:05}-of-{:05}.gguf, as `split.no` and `split.count` have it",
                    split.number.saturating_add(1),
                    split.count
                ),
                format!("`{file_name}`; the parts of a model are found by their names"),
            )
        },
    )?;
    let (mut paths, mut missing) = (Vec::new(), Vec::new());
    for number in 1..=split.count {
        let name = part.sibling(number);
        let sibling = path.with_file_name(&name);
        if number == part.number || sibling.is_file() {
            paths.push(sibling);
        } else {
            missing.push(name);
        }
    }
    if missing.is_empty() {
        return Ok(paths);
    }
    let more = missing.len().saturating_sub(NAMED);
    let and_more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Err(Error::open(
        path,
        format!("is part {} of {}; missing beside it: {}{and_more}", part.number, part.count, missing[..missing.len() - more].join(", ")),
    ))
}

/// Checks that the file at `number` (from 0) belongs to the same set as the first.
///
/// # Errors
/// [`Error::Format`] naming the part and what contradicts.
pub(crate) fn check_part(path: &Path, number: u64, header: &Header, expected: Split, first: &Header) -> Result<()> {
    let found = Split::of(path, header)?;
    let Some(found) = found else {
        return Err(Error::format(path, "key `split.count`", expected.count.to_string(), "nothing: this file isn't part of a set"));
    };
    if (found.number, found.count) != (number, expected.count) {
        return Err(Error::format(
            path,
            "keys `split.no` and `split.count`",
            format!("{number} and {}", expected.count),
            format!("{} and {} (renamed, or another model's part)", found.number, found.count),
        ));
    }
    let architecture = |header: &Header| find(&header.entries, "general.architecture").and_then(Value::as_str).map(str::to_owned);
    match (architecture(first), architecture(header)) {
        (Some(a), Some(b)) if a != b => Err(Error::format(
            path,
            "key `general.architecture`",
            format!("`{a}` as in the first part"),
            format!("`{b}` (another model's part)"),
        )),
        _ => Ok(()),
    }
}

/// Checks that the parts together have as many tensors as the set says.
///
/// # Errors
/// [`Error::Format`] with both numbers.
pub(crate) fn check_tensors(path: &Path, split: Split, found: usize) -> Result<()> {
    match split.tensors {
        Some(expected) if expected != found as u64 => Err(Error::format(
            path,
            "key `split.tensors.count`",
            format!("{expected} tensors in all parts"),
            format!("{found} (a part of another model?)"),
        )),
        _ => Ok(()),
    }
}

fn find<'a>(entries: &'a [Entry], key: &str) -> Option<&'a Value> {
    entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
}
