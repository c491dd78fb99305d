//! What a file means: its parts, roles, quantization, the spec that a decoder runs by, and where it runs. Pure functions.
//!
//! Nothing here fails: a model that can't run keeps its reason in [`Model::spec`] and is browsed all the same. No data is read, only the
//! header that [`ModelFile`] holds; what it costs in memory is `memory::plan`'s work.

use crate::error::Result;
use crate::file::{Format, ModelFile, TensorInfo, text};
use crate::units::Bytes;

pub mod block;
pub mod browse;
pub mod diff;
pub mod grid;
mod hugging_face;
mod keys;
pub mod mix;
pub mod names;
pub mod neighbours;
pub mod npy;
pub mod parts;
pub mod passport;
pub mod pyramid;
pub mod roles;
mod shapes;
pub mod spec;
pub mod stats;
pub mod table;
pub mod values;

use mix::Share;
use parts::FilePart;
use roles::Role;
use spec::ModelSpec;

/// What kind of thing a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A model that stands alone.
    Model,
    /// What lets a language model see or hear (`mmproj`).
    Projector,
    /// What changes a model that it was trained for (`LoRA`).
    Adapter,
    /// A tokenizer's vocabulary without weights.
    Vocabulary,
}

impl Kind {
    fn of(file: &ModelFile) -> Self {
        match (file.metadata.str("general.type"), file.metadata.str("general.architecture")) {
            (Some("adapter"), _) => Self::Adapter,
            (Some("mmproj"), _) | (_, Some("clip")) => Self::Projector,
            _ if file.tensors.is_empty() && file.metadata.get("tokenizer.ggml.tokens").is_some() => Self::Vocabulary,
            _ => Self::Model,
        }
    }

    /// What a person should know about a file that isn't a model by itself.
    #[must_use]
    pub const fn notice(self) -> Option<&'static str> {
        match self {
            Self::Model => None,
            Self::Projector => {
                Some("a projector: it lets the language model that it belongs to see or hear, and answers nothing by itself")
            }
            Self::Adapter => Some("an adapter: it changes the model that it was trained for, and answers nothing by itself"),
            Self::Vocabulary => Some("a vocabulary without weights: there is nothing to run"),
        }
    }
}

/// An open file and what it means.
#[derive(Debug)]
pub struct Model {
    /// The file.
    pub file: ModelFile,
    /// The same as a decoder reads it, of a Hugging Face folder.
    translated: Option<ModelFile>,
    /// What kind of thing it holds.
    pub kind: Kind,
    /// How to run it, or why it can't be run.
    pub spec: Result<ModelSpec>,
    /// What each of the file's tensors is for, in their order.
    pub roles: Vec<Role>,
    /// The parts it is made of.
    pub parts: Vec<FilePart>,
    /// Its storage types, the largest share first.
    pub mix: Vec<Share>,
    /// The elements of all tensors, saturating.
    pub parameters: u64,
    /// What a person should know: the file's warnings, then what its meaning adds.
    pub warnings: Vec<String>,
}

impl Model {
    /// Works out what a file means.
    #[must_use]
    pub fn read(file: ModelFile) -> Self {
        let kind = Kind::of(&file);
        let mut warnings = file.warnings.clone();
        warnings.extend(kind.notice().map(|notice| format!("this is {notice}")));
        let spec = match kind.notice() {
            Some(notice) => Err(crate::error::Error::unsupported(file_name(&file), format!("is {notice}"))),
            None => Ok(()),
        };
        let (translated, spec) = match (spec, file.format) {
            (Err(error), _) => (None, Err(error)),
            (Ok(()), Format::Gguf { .. }) => (None, spec::parse(&file, &mut warnings)),
            (Ok(()), _) => match hugging_face::read(&file, &mut warnings) {
                Ok(translated) => {
                    let spec = spec::parse(&translated, &mut warnings);
                    (Some(translated), spec)
                }
                Err(error) => (None, Err(error)),
            },
        };
        let roles: Vec<Role> = file.tensors.iter().map(|tensor| Role::of(&tensor.name)).collect();
        let parts = parts::of(&file.tensors, &roles);
        let mix = mix::of(&file.tensors);
        let parameters = file.tensors.iter().fold(0_u64, |n, tensor| n.saturating_add(tensor.elements()));
        Self { file, translated, kind, spec, roles, parts, mix, parameters, warnings }
    }

    /// What running it reads: the file, or, of a Hugging Face folder, the same by the names and keys of GGUF files.
    #[must_use]
    pub fn source(&self) -> &ModelFile {
        self.translated.as_ref().unwrap_or(&self.file)
    }

    /// The architecture as the file names it.
    #[must_use]
    pub fn architecture(&self) -> Option<&str> {
        self.source().metadata.str("general.architecture")
    }

    /// The family as people call it: `Llama` for `llama`.
    #[must_use]
    pub fn family(&self) -> Option<&str> {
        self.architecture().map(passport::family)
    }

    /// A name to call it by: the file's, without ending, part number and type; the name in the metadata where the file's is a checksum.
    /// A model that is part of the program has its own.
    #[must_use]
    pub fn name(&self) -> String {
        if let Some(name) = self.file.built_in {
            return name.to_owned();
        }
        let stem = self.stem();
        let is_checksum = stem.starts_with("sha256-") || (stem.len() >= 40 && stem.bytes().all(|b| b.is_ascii_hexdigit()));
        let stated = self.file.metadata.str("general.name").filter(|_| is_checksum);
        let name = stated.unwrap_or_else(|| {
            let without = self.quantization().and_then(|quantization| {
                let cut = stem.len().checked_sub(quantization.len())?;
                let (rest, end) = (stem.get(..cut)?, stem.get(cut..)?);
                end.eq_ignore_ascii_case(&quantization).then(|| rest.trim_end_matches(['.', '-', '_', ' '])).filter(|rest| !rest.is_empty())
            });
            without.unwrap_or(&stem)
        });
        text::shown(name, 120)
    }

    /// Name and quantization, for a line beside others: `SmolLM2-135M-Instruct Q4_1`.
    #[must_use]
    pub fn label(&self) -> String {
        self.quantization().map_or_else(|| self.name(), |quantization| format!("{} {quantization}", self.name()))
    }

    /// The name of its quantization: `Q4_K_M` where the file says so, else the type with the largest share.
    #[must_use]
    pub fn quantization(&self) -> Option<String> {
        let stated = self.file.metadata.u64("general.file_type").and_then(mix::file_type_name).map(str::to_owned);
        stated.or_else(|| self.mix.first().map(|share| share.dtype.name().into_owned()))
    }

    /// The bytes of all tensors.
    #[must_use]
    pub fn tensor_bytes(&self) -> Bytes {
        self.file.tensors.iter().map(|tensor| tensor.bytes).sum()
    }

    /// Bits per weight over all tensors: eight times their bytes by their elements.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    pub fn bits_per_weight(&self) -> Option<f64> {
        (self.parameters > 0).then(|| 8.0 * self.tensor_bytes().as_f64() / self.parameters as f64)
    }

    /// The tensors that running it loads, in file order; all that can be read where it can't be run.
    pub fn used_tensors(&self) -> impl Iterator<Item = &TensorInfo> {
        self.source().tensors.iter().filter(|tensor| tensor.problem.is_none() && !shapes::is_ignored(&tensor.name))
    }

    /// The bytes of weights that are read for one token: everything but the embedding, of which it is one row unless it is the head too.
    /// `bytes` says what a tensor takes: in the file, or in memory.
    #[must_use]
    pub fn weight_bytes_per_token(&self, bytes: impl Fn(&TensorInfo) -> Bytes) -> Bytes {
        let tied = self.spec.as_ref().is_ok_and(|spec| spec.tied_head);
        let read = |tensor: &TensorInfo| {
            let bytes = bytes(tensor);
            if tensor.name == "token_embd.weight" && !tied { Bytes(bytes.0 / tensor.rows().max(1)) } else { bytes }
        };
        self.used_tensors().map(read).sum()
    }

    /// Whether the file, or what stands beside it, has a chat template; it may be broken.
    #[must_use]
    pub fn has_template(&self) -> bool {
        match &self.file.folder {
            Some(folder) => folder.has_template,
            None => self.file.metadata.str("tokenizer.chat_template").is_some(),
        }
    }

    /// What the tokenizer takes in memory, estimated from the lengths of its lists: every token once with its place in an index, and every
    /// merge once. Fitted to what the allocator counted for the starter model's vocabulary (49,152 tokens and 48,900 merges: 3,385,125
    /// bytes). Tables double, so a small vocabulary may be off by half.
    #[must_use]
    pub fn tokenizer_estimate(&self) -> Bytes {
        const PER_TOKEN: u64 = 44;
        const PER_MERGE: u64 = 24;
        const ALWAYS: u64 = 48 << 10;
        // of a tokenizer.json: 8,014,459 bytes were counted for one of 2,983,923
        const PER_BYTE: u64 = 3;
        if let (Some(folder), Some(_)) = (&self.file.folder, &self.translated) {
            return Bytes(folder.tokenizer.0.saturating_mul(PER_BYTE));
        }
        let len = |key: &str| self.file.metadata.get(key).and_then(crate::file::Value::as_array).map_or(0, |array| array.len);
        let tokens = len("tokenizer.ggml.tokens").saturating_mul(PER_TOKEN);
        let lists = tokens.saturating_add(len("tokenizer.ggml.merges").saturating_mul(PER_MERGE));
        Bytes(if lists == 0 { 0 } else { lists.saturating_add(ALWAYS) })
    }

    /// The file's name without its ending and part number; the folder's where the file's says only that it is a model.
    fn stem(&self) -> String {
        let name = file_name(&self.file);
        let ending = [".gguf", ".safetensors", ".safetensors.index.json", ".bin", ".bin.index.json"].into_iter().find_map(|ending| {
            let cut = name.len().checked_sub(ending.len()).filter(|&cut| cut > 0)?;
            name.get(cut..)?.eq_ignore_ascii_case(ending).then(|| &name[..cut])
        });
        let stem = crate::file::part_stem(&name).or(ending).unwrap_or(&name);
        let folder = || Some(self.file.path.canonicalize().ok()?.parent()?.file_name()?.to_string_lossy().into_owned());
        let usual =
            !matches!(self.file.format, Format::Gguf { .. }) && ["model", "pytorch_model", "diffusion_pytorch_model"].contains(&stem);
        Some(stem.to_owned()).filter(|_| !usual).or_else(folder).unwrap_or_else(|| stem.to_owned())
    }
}

fn file_name(file: &ModelFile) -> String {
    file.path.file_name().map_or_else(|| file.path.display().to_string(), |name| name.to_string_lossy().into_owned())
}
