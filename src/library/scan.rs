//! The models that other apps have put on this disk: GGUF files, and Hugging Face folders.
//!
//! Read-only and in place: nothing is moved, linked or remembered. A file counts once however many names it has. What can't be
//! opened on its own is left out: projectors, adapters' files of another ending, all shards but a set's first.

use std::collections::HashSet;
use std::fs::{DirEntry, File, Metadata};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::folders::Folders;
use super::places::{App, Place, Places};
use crate::units::Bytes;

/// Directory entries looked at per place; a folder with more is not a models folder.
const MAX_ENTRIES: u32 = 10_000;
/// An Ollama manifest is a few hundred bytes.
const MAX_MANIFEST: u64 = 1 << 20;
/// Shards of one model; the largest published have about a hundred.
const MAX_SHARDS: u32 = 999;

/// A model that lies on this disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The file to open; of a split model its first.
    pub path: PathBuf,
    /// What a person would call it.
    pub name: String,
    /// Its size, all shards together.
    pub bytes: Bytes,
    /// Whose folder it is in.
    pub app: App,
}

/// Looks for models in Ponder's folder, in `extra` folders and in `places`; ordered by app, then name. Returns early with what it
/// has when `stop` is raised. Folders that are missing or can't be read have no models in them.
#[must_use]
pub fn find_models(folders: &Folders, extra: &[PathBuf], places: &Places, stop: &AtomicBool) -> Vec<Found> {
    let mut scan = Scan { stop, found: Vec::new(), files: HashSet::new(), folders: HashSet::new(), entries_left: 0 };
    let own = [Place { app: App::Ponder, folder: folders.models.clone(), depth: 4 }];
    let extra = extra.iter().map(|folder| Place { app: App::Folder, folder: folder.clone(), depth: 4 });
    for place in own.into_iter().chain(extra).chain(places.0.iter().cloned()) {
        scan.entries_left = MAX_ENTRIES;
        match place.app {
            App::Ollama => scan.ollama(&place.folder),
            app => scan.walk(&place.folder, place.depth, app),
        }
    }
    scan.found.sort_by(|a, b| (a.app, a.name.to_lowercase(), &a.path).cmp(&(b.app, b.name.to_lowercase(), &b.path)));
    scan.found
}

/// What is the same file under two names: device and inode, or the path without links where there are none.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Identity {
    #[cfg(unix)]
    Inode(u64, u64),
    #[cfg(not(unix))]
    Path(PathBuf),
}

impl Identity {
    #[cfg(unix)]
    #[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
    fn of(_path: &Path, metadata: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        Some(Self::Inode(metadata.dev(), metadata.ino()))
    }

    #[cfg(not(unix))]
    fn of(path: &Path, _metadata: &Metadata) -> Option<Self> {
        path.canonicalize().ok().map(Self::Path)
    }
}

struct Scan<'a> {
    stop: &'a AtomicBool,
    found: Vec<Found>,
    files: HashSet<Identity>,
    folders: HashSet<Identity>,
    entries_left: u32,
}

impl Scan<'_> {
    /// The entries of a folder that was not looked into before, by name, as far as the place's allowance goes.
    fn entries(&mut self, folder: &Path) -> Vec<DirEntry> {
        let new = folder.metadata().ok().and_then(|m| Identity::of(folder, &m)).is_some_and(|identity| self.folders.insert(identity));
        if !new || self.stop.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let Ok(entries) = folder.read_dir() else { return Vec::new() };
        let mut entries: Vec<DirEntry> = entries.take(self.entries_left as usize).flatten().collect();
        self.entries_left = self.entries_left.saturating_sub(u32::try_from(entries.len()).unwrap_or(u32::MAX));
        entries.sort_by_key(DirEntry::file_name);
        entries
    }

    fn walk(&mut self, folder: &Path, depth: u32, app: App) {
        let entries = self.entries(folder);
        if entries.iter().any(|entry| entry.file_name() == "config.json") {
            self.consider_folder(folder, &entries, app);
        }
        for entry in entries {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            let looks_like_model = has_ending(&path);
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir() || (kind.is_symlink() && !looks_like_model && path.is_dir()));
            if is_folder {
                // the cache's blobs are the files that its snapshots link to
                if depth > 0 && !name.starts_with('.') && name != "blobs" {
                    self.walk(&path, depth - 1, app);
                }
            } else if looks_like_model && !is_projector(&name) {
                self.consider(path, app, None);
            }
        }
    }

    /// Adds a file if it is a model, whole or a first shard, and not known by another name.
    fn consider(&mut self, path: PathBuf, app: App, name: Option<String>) {
        let Ok(metadata) = path.metadata() else { return };
        if !metadata.is_file() || !has_magic(&path) {
            return;
        }
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let shard = shard_of(&stem);
        if shard.is_some_and(|shard| shard.number != 1) {
            return;
        }
        let mut bytes = Bytes(metadata.len());
        if let Some(Shard { model, count, .. }) = shard {
            let sibling = |number| path.with_file_name(format!("{model}-{number:05}-of-{count:05}.gguf"));
            bytes += (2..=count).filter_map(|number| Some(Bytes(sibling(number).metadata().ok()?.len()))).sum();
        }
        if Identity::of(&path, &metadata).is_none_or(|identity| !self.files.insert(identity)) {
            return;
        }
        let name = name.unwrap_or_else(|| name_of(&path, shard.map_or(stem.as_str(), |shard| shard.model)));
        self.found.push(Found { path, name, bytes, app });
    }

    /// Adds a Hugging Face folder if a language model is in it.
    fn consider_folder(&mut self, folder: &Path, entries: &[DirEntry], app: App) {
        let names: Vec<String> = entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        let Some((weights, ending)) = WEIGHTS.iter().find(|(weights, _)| names.iter().any(|name| name == weights)) else { return };
        let path = folder.join(weights);
        let Ok(metadata) = path.metadata() else { return };
        if !metadata.is_file() || !is_language_model(&folder.join("config.json")) {
            return;
        }
        let is_part =
            |name: &&String| name.ends_with(ending) && (*weights == name.as_str() || matches!(weights.rsplit_once('.'), Some((_, "json"))));
        let bytes = names.iter().filter(is_part).filter_map(|name| Some(Bytes(folder.join(name).metadata().ok()?.len()))).sum();
        if Identity::of(&path, &metadata).is_none_or(|identity| !self.files.insert(identity)) {
            return;
        }
        self.found.push(Found { path, name: folder_name(folder), bytes, app });
    }

    /// `manifests/host/namespace/model/tag` names the blob that holds the weights.
    fn ollama(&mut self, folder: &Path) {
        let mut level = vec![folder.join("manifests")];
        for _ in 0..4 {
            level = level.iter().flat_map(|folder| self.entries(folder)).map(|entry| entry.path()).collect();
        }
        for manifest in level {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let Some(digest) = weights_of(&manifest) else { continue };
            let mut parts = manifest.iter().rev().map(|part| part.to_string_lossy());
            let (Some(tag), Some(model), Some(namespace)) = (parts.next(), parts.next(), parts.next()) else { continue };
            let name = if namespace == "library" { format!("{model}:{tag}") } else { format!("{namespace}/{model}:{tag}") };
            self.consider(folder.join("blobs").join(format!("sha256-{digest}")), App::Ollama, Some(name));
        }
    }
}

fn has_ending(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gguf"))
}

/// What Hugging Face calls the weights of a folder, the better first, and how the files with tensors end.
const WEIGHTS: [(&str, &str); 4] = [
    ("model.safetensors.index.json", ".safetensors"),
    ("model.safetensors", ".safetensors"),
    ("pytorch_model.bin.index.json", ".bin"),
    ("pytorch_model.bin", ".bin"),
];

/// Whether a configuration is that of a model that answers: by the class that it names.
fn is_language_model(config: &Path) -> bool {
    let mut text = String::new();
    let read = File::open(config).and_then(|file| file.take(MAX_MANIFEST).read_to_string(&mut text));
    let json: serde_json::Value = match read.map(|_| serde_json::from_str(&text)) {
        Ok(Ok(json)) => json,
        _ => return false,
    };
    let answers = |class: &str| class.ends_with("ForCausalLM") || class.ends_with("ForConditionalGeneration");
    json["architectures"].as_array().is_some_and(|classes| classes.iter().filter_map(serde_json::Value::as_str).any(answers))
}

/// What to call a folder: `org/name` in the hub's cache, `models--org--name/snapshots/REVISION`, elsewhere its own name.
fn folder_name(folder: &Path) -> String {
    let own = || folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let cached = folder.ancestors().nth(2).and_then(Path::file_name).and_then(|name| name.to_str());
    cached.and_then(|name| name.strip_prefix("models--")).map_or_else(own, |name| name.replacen("--", "/", 1))
}

fn has_magic(path: &Path) -> bool {
    let mut magic = [0; 4];
    File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && &magic == b"GGUF"
}

/// A vision or audio projector, which is no model by itself.
fn is_projector(name: &str) -> bool {
    name.to_lowercase().contains("mmproj")
}

/// The file's name; where that is just `model`, as in Jan's folders, the folder's.
fn name_of(path: &Path, stem: &str) -> String {
    match path.parent().and_then(Path::file_name) {
        Some(folder) if stem.eq_ignore_ascii_case("model") => folder.to_string_lossy().into_owned(),
        _ => stem.to_owned(),
    }
}

/// Which part of a split model a file is.
#[derive(Debug, Clone, Copy)]
struct Shard<'a> {
    model: &'a str,
    number: u32,
    count: u32,
}

/// Takes `model-00002-of-00005` apart.
fn shard_of(stem: &str) -> Option<Shard<'_>> {
    let number = |digits: &str| Some(digits).filter(|d| d.len() == 5 && d.bytes().all(|b| b.is_ascii_digit()))?.parse().ok();
    let (rest, count) = stem.rsplit_once("-of-")?;
    let (model, digits) = rest.rsplit_once('-')?;
    Some(Shard { model, number: number(digits)?, count: number(count).filter(|count| *count <= MAX_SHARDS)? })
}

/// The digest of the layer that holds the weights, in hexadecimal.
fn weights_of(manifest: &Path) -> Option<String> {
    let mut text = String::new();
    if !manifest.metadata().ok()?.is_file() {
        return None;
    }
    File::open(manifest).ok()?.take(MAX_MANIFEST).read_to_string(&mut text).ok()?;
    let json: serde_json::Value = serde_json::from_str(&text).ok()?;
    let layers = json.get("layers")?.as_array()?;
    let layer = layers.iter().find(|layer| layer.get("mediaType").is_some_and(|kind| kind == "application/vnd.ollama.image.model"))?;
    let digest = layer.get("digest")?.as_str()?.strip_prefix("sha256:")?;
    (digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit())).then(|| digest.to_owned())
}
