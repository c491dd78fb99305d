//! What is written in a model file, on disk or in the program: format, metadata, tensors and their places. Reads headers only, by
//! position.
//!
//! No maths, no threads, no whole-file reads; what it all means is `inspect`'s work. A file that contradicts its format is refused with
//! the byte; a tensor that can't be read keeps its row and says why.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::units::{Bytes, grouped};

mod arrays;
pub mod dtype;
mod folder;
mod gguf;
pub mod gguf_writer;
mod identify;
mod json;
mod layout;
pub mod limits;
mod locate;
pub mod metadata;
mod notices;
pub mod png;
pub mod replacement;
mod safetensors;
mod shards;
mod source;
pub mod tensor;
pub mod text;
mod torch;

pub use dtype::DType;
pub use folder::Folder;
pub use metadata::{Array, Metadata, Value, ValueKind};
pub use tensor::TensorInfo;

use layout::{Room, short_name};
use notices::Notices;
use source::Source;

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// ggml's format, with its version.
    Gguf {
        /// 1, 2 or 3.
        version: u32,
    },
    /// Hugging Face's format; a set of files with an index is one model.
    Safetensors,
    /// `PyTorch`'s checkpoints; a set of files with an index is one model.
    Torch,
}

impl Format {
    /// The format's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gguf { .. } => "GGUF",
            Self::Safetensors => "safetensors",
            Self::Torch => "PyTorch",
        }
    }
}

/// An open model file: its header, and its data by request. Split files are one.
#[derive(Debug)]
pub struct ModelFile {
    /// The file that was opened; of a split set, the one that was named; of a model in the program, the word that stands for it.
    pub path: PathBuf,
    /// What a model that is part of the program is called; `None` for a file.
    pub built_in: Option<&'static str>,
    /// Its format.
    pub format: Format,
    /// The length of all its files together.
    pub bytes: Bytes,
    /// The metadata; of a split set, the first file's.
    pub metadata: Metadata,
    /// The tensors in file order.
    pub tensors: Vec<TensorInfo>,
    /// What is odd about it, in sentences.
    pub warnings: Vec<String>,
    /// Why it must not be run, if it must not: duplicate keys, overlapping tensors, missing bytes. They are warnings too.
    pub blockers: Vec<String>,
    /// How many bytes its files lack.
    pub missing: Bytes,
    /// What stands beside it in a Hugging Face folder.
    pub folder: Option<Folder>,
    /// Positions in `tensors`, sorted by name, then by position.
    by_name: Vec<u32>,
    sources: Vec<Arc<Source>>,
}

impl ModelFile {
    /// Reads the header of the file at `path`, of a folder's only model, or of all files of the set that `path` is part of.
    ///
    /// # Errors
    /// [`Error::Open`] for what can't be opened, [`Error::Unsupported`] for weights in another format, [`Error::Format`] for what isn't a
    /// model (saying what it is) or contradicts itself.
    pub fn open(path: &Path) -> Result<Self> {
        let path = locate::model(path)?;
        let source = Source::open(&path)?;
        let mut notices = Notices::default();
        if let Some(format) = set_format(&source)? {
            drop(source);
            let notice = identify::name_notice(&path, "safetensors", "safetensors").filter(|_| !safetensors::is_index(&path));
            if let Some(notice) = notice.filter(|_| format == Format::Safetensors) {
                notices.warn(|| notice);
            }
            let opened = safetensors::open(&path, &mut notices)?;
            let folder = Folder::beside(&path);
            let file = Self::new(path, format, opened.entries, opened.tensors, opened.sources, opened.missing, notices);
            return Ok(Self { folder, ..file });
        }
        check_magic(&source)?;
        if let Some(notice) = identify::name_notice(&path, "GGUF", "gguf") {
            notices.warn(|| notice);
        }
        let mut header = gguf::read(&source, 0, &mut notices)?;
        let split = shards::Split::of(&path, &header)?;
        let mut missing = place(&mut header, &source, &mut notices);
        let mut sources = vec![source];
        if let Some(split) = split {
            // Read again in the set's order: which of them was named makes no difference.
            sources.clear();
            notices = Notices::default();
            missing = Bytes(0);
            let mut first: Option<gguf::Header> = None;
            for (shard, path) in shards::paths(&path, split)?.into_iter().enumerate() {
                let source = Source::open(&path)?;
                check_magic(&source)?;
                let mut part = gguf::read(&source, shard, &mut notices)?;
                shards::check_part(&path, shard as u64, &part, split, first.as_ref().unwrap_or(&part))?;
                missing += place(&mut part, &source, &mut notices);
                sources.push(source);
                match &mut first {
                    None => first = Some(part),
                    Some(first) => first.tensors.append(&mut part.tensors),
                }
            }
            header = first.unwrap_or(header);
            shards::check_tensors(&path, split, header.tensors.len())?;
        }
        let format = Format::Gguf { version: header.version };
        Ok(Self::new(path, format, header.entries, header.tensors, sources, missing, notices))
    }

    /// Reads the header of a model that is part of the program: `bytes`, called `name`, with `word` in place of a path.
    ///
    /// # Errors
    /// As [`Self::open`]; they name it "word (built in)". It must be whole: a part of a split set is [`Error::Unsupported`].
    pub fn built_in(name: &'static str, word: &str, bytes: &'static [u8]) -> Result<Self> {
        let source = Source::memory(&format!("{word} (built in)"), bytes);
        check_magic(&source)?;
        let mut notices = Notices::default();
        let mut header = gguf::read(&source, 0, &mut notices)?;
        if shards::Split::of(&source.path, &header)?.is_some() {
            return Err(Error::unsupported(
                source.path.display().to_string(),
                "it is a part of a split model, and the other parts aren't here",
            ));
        }
        let missing = place(&mut header, &source, &mut notices);
        let format = Format::Gguf { version: header.version };
        let file = Self::new(PathBuf::from(word), format, header.entries, header.tensors, vec![source], missing, notices);
        Ok(Self { built_in: Some(name), ..file })
    }

    fn new(
        path: PathBuf,
        format: Format,
        entries: Vec<metadata::Entry>,
        mut tensors: Vec<TensorInfo>,
        sources: Vec<Source>,
        missing: Bytes,
        mut notices: Notices,
    ) -> Self {
        let metadata = Metadata::new(entries);
        for (first, second) in metadata.duplicates() {
            notices.block(|| {
                format!("the key `{}` stands at byte {} and again at byte {}", text::shown(&first.key, 80), first.offset, second.offset)
            });
        }
        let mut by_name: Vec<u32> = (0..).take(tensors.len()).collect();
        by_name.sort_unstable_by(|&a, &b| (&tensors[a as usize].name, a).cmp(&(&tensors[b as usize].name, b)));
        for pair in by_name.windows(2) {
            let (first, second) = (pair[0] as usize, pair[1] as usize);
            if tensors[first].name == tensors[second].name {
                let name = short_name(&tensors[first]);
                notices.block(|| format!("two tensors have the name `{name}`"));
                notices.problem(&mut tensors[second], "its name is taken", || format!("its name is taken by tensor {first}"));
            }
        }
        let (warnings, blockers) = notices.told();
        let bytes = sources.iter().map(|source| Bytes(source.len)).sum();
        let sources = sources.into_iter().map(Arc::new).collect();
        Self { path, built_in: None, format, bytes, metadata, tensors, warnings, blockers, missing, folder: None, by_name, sources }
    }

    /// The same data under other names, with other metadata; `made` is what tensors and arrays in a shard behind the others are read from.
    /// Two tensors of one name are a reason not to run it.
    pub(crate) fn translated(&self, metadata: Vec<metadata::Entry>, tensors: Vec<TensorInfo>, made: Vec<u8>) -> Self {
        let mut notices = Notices::default();
        self.blockers.iter().for_each(|blocker| notices.block(|| blocker.clone()));
        let made = Source::memory(&format!("{} (what follows from it)", self.path.display()), made);
        let new = Self::new(self.path.clone(), self.format, metadata, tensors, vec![made], self.missing, notices);
        let sources = self.sources.iter().cloned().chain(new.sources).collect();
        Self { built_in: self.built_in, bytes: self.bytes, folder: self.folder.clone(), sources, ..new }
    }

    /// The number of its files: of a translated one, the shard of what was made.
    pub(crate) const fn shards(&self) -> usize {
        self.sources.len()
    }

    /// The tensor of this name; the first where a file has it twice.
    #[must_use]
    pub fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        let at = self.by_name.partition_point(|&n| self.tensors[n as usize].name.as_str() < name);
        let tensor = &self.tensors[*self.by_name.get(at)? as usize];
        (tensor.name == name).then_some(tensor)
    }

    /// Fills `buf` with the tensor's data from its byte `skip` on.
    ///
    /// # Errors
    /// [`Error::Format`] with the tensor and the byte, for one that has a problem, a range outside it, or a file that changed.
    pub fn read_into(&self, tensor: &TensorInfo, skip: u64, buf: &mut [u8]) -> Result<()> {
        let source = self.source(tensor.shard)?;
        let offset = tensor.offset.saturating_add(skip);
        let at = || format!("tensor `{}`, byte {offset}", short_name(tensor));
        if let Some(problem) = &tensor.problem {
            return Err(Error::format(&source.path, at(), "data that can be read", problem));
        }
        let wanted = buf.len() as u64;
        if skip.checked_add(wanted).is_none_or(|end| end > tensor.bytes.0) {
            let expected = format!("at most {} bytes from byte {} of the tensor", grouped(tensor.bytes.0), grouped(skip));
            return Err(Error::format(&source.path, at(), expected, format!("a wish for {}", grouped(wanted))));
        }
        let read = source.read_at(offset, buf).map_err(|error| Error::open(&source.path, format!("{}: {error}", at())))?;
        if read < buf.len() || source.written() {
            return Err(source.changed(at()));
        }
        Ok(())
    }

    /// The tensor's data.
    ///
    /// # Errors
    /// As [`Self::read_into`].
    pub fn read(&self, tensor: &TensorInfo) -> Result<Vec<u8>> {
        // A tensor with a problem may claim any size.
        let len = if tensor.problem.is_some() { 0 } else { tensor.bytes.0.min(self.bytes.0) };
        let mut data = vec![0; usize::try_from(len).unwrap_or(0)];
        self.read_into(tensor, 0, &mut data)?;
        Ok(data)
    }

    /// Fails when a file isn't the one any more that was opened: replaced, changed, cut, or gone. The program's own data cannot change.
    ///
    /// # Errors
    /// [`Error::Format`] "the file changed since it was opened", [`Error::Open`] where it is gone.
    pub fn check_unchanged(&self) -> Result<()> {
        self.sources.iter().try_for_each(|source| source.check_unchanged())
    }

    /// What tells this state of its files from every other: paths, lengths, times of the last change. A key for what was computed from them.
    #[must_use]
    pub fn identity(&self) -> String {
        let all: Vec<String> = self.sources.iter().map(|source| source.identity()).collect();
        all.join("\n")
    }

    /// The paths of its files, in order; one but for split sets.
    #[must_use]
    pub fn paths(&self) -> impl ExactSizeIterator<Item = &Path> {
        self.sources.iter().map(|source| source.path.as_path())
    }

    fn source(&self, shard: usize) -> Result<&Source> {
        self.sources
            .get(shard)
            .map(AsRef::as_ref)
            .ok_or_else(|| Error::Internal(format!("a tensor of another file was asked for (shard {shard})")))
    }
}

/// The format of a file that may be one of a set with an index: it begins as such files do, or is named so and is nothing else that is
/// known.
fn set_format(source: &Source) -> Result<Option<Format>> {
    let head = source.head(identify::HEAD)?;
    if head.starts_with(gguf::MAGIC) {
        return Ok(None);
    }
    if torch::looks_like(&source.path, &head) || (safetensors::is_index(&source.path) && !safetensors::lists_safetensors(&source.path)) {
        return Ok(Some(Format::Torch));
    }
    let named =
        safetensors::is_index(&source.path) || (safetensors::is_named(&source.path) && identify::something_else(source, &head).is_none());
    Ok((named || safetensors::looks_like(&head, source.len)).then_some(Format::Safetensors))
}

/// Refuses what doesn't begin as a GGUF file does, saying what it is.
fn check_magic(source: &Source) -> Result<()> {
    if source.head(gguf::MAGIC.len())?.starts_with(gguf::MAGIC) {
        return Ok(());
    }
    Err(identify::refusal(source, &source.head(identify::HEAD)?))
}

/// Lays out one file's tensors; how many bytes the file is short.
fn place(header: &mut gguf::Header, source: &Source, notices: &mut Notices) -> Bytes {
    let room = Room { start: header.data_start, alignment: header.alignment, end: source.len };
    layout::place(&mut header.tensors, room, notices)
}

/// The name that the parts of a split set share, of a file that is one: `m` for `m-00001-of-00003.gguf`.
#[must_use]
pub fn part_stem(name: &str) -> Option<&str> {
    ["gguf", "safetensors", "bin"].into_iter().find_map(|ending| shards::PartName::parse(name, ending)).map(|part| part.stem)
}
