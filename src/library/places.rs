//! Where other apps keep their models, on the three platforms.
//!
//! Only addresses: nothing here looks at a disk, except for the one line in which LM Studio writes down that it has moved.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use super::environment::hf_cache;

/// Whose folder a model was found in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum App {
    /// The models folder of this app.
    Ponder,
    /// LM Studio: `publisher/model/file.gguf`.
    LmStudio,
    /// The Hugging Face cache, which newer llama.cpp shares.
    HuggingFace,
    /// Ollama: manifests that name blobs.
    Ollama,
    /// The download folder of llama.cpp.
    LlamaCpp,
    /// Jan: `models/llamacpp/name/model.gguf`.
    Jan,
    /// `GPT4All`: a flat folder.
    Gpt4All,
    /// A folder that a person added, `~/models`, `~/Downloads`.
    Folder,
}

impl fmt::Display for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ponder => "Ponder",
            Self::LmStudio => "LM Studio",
            Self::HuggingFace => "Hugging Face",
            Self::Ollama => "Ollama",
            Self::LlamaCpp => "llama.cpp",
            Self::Jan => "Jan",
            Self::Gpt4All => "GPT4All",
            Self::Folder => "folder",
        })
    }
}

/// A folder to look into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Whose it is, and so how it is laid out.
    pub app: App,
    /// The folder; it need not exist.
    pub folder: PathBuf,
    /// How many folders deep its models may lie.
    pub depth: u32,
}

/// All folders to look into besides Ponder's own, in this order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places(pub Vec<Place>);

impl Places {
    /// As this user's home and this process's environment variables have it.
    #[must_use]
    pub fn from_process() -> Self {
        let home = directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_owned());
        home.map(|home| Self::of(&home, |name| std::env::var_os(name).filter(|value| !value.is_empty()))).unwrap_or_default()
    }

    /// For a user whose home is `home` and whose environment variables `var` knows.
    #[must_use]
    pub fn of(home: &Path, var: impl Fn(&str) -> Option<OsString>) -> Self {
        let path = |name: &str| var(name).map(PathBuf::from);
        let mut places = Vec::new();
        let mut add = |app, depth, folder: PathBuf| places.push(Place { app, folder, depth });

        for folder in lm_studio(home) {
            add(App::LmStudio, 4, folder);
        }
        add(App::HuggingFace, 5, hf_cache(Some(home), &var).unwrap_or_default());
        add(App::Ollama, 0, path("OLLAMA_MODELS").unwrap_or_else(|| home.join(".ollama/models")));
        if cfg!(target_os = "linux") {
            add(App::Ollama, 0, PathBuf::from("/usr/share/ollama/.ollama/models"));
        }
        let cache = if cfg!(windows) {
            path("LOCALAPPDATA").unwrap_or_else(|| home.join("AppData/Local"))
        } else if cfg!(target_os = "macos") {
            home.join("Library/Caches")
        } else {
            path("XDG_CACHE_HOME").unwrap_or_else(|| home.join(".cache"))
        };
        add(App::LlamaCpp, 1, path("LLAMA_CACHE").unwrap_or_else(|| cache.join("llama.cpp")));
        let (jan, gpt4all) = jan_and_gpt4all(home, path);
        for data in jan {
            add(App::Jan, 3, data.join("models"));
            add(App::Jan, 2, data.join("llamacpp/models"));
        }
        add(App::Gpt4All, 0, gpt4all);
        add(App::Folder, 4, home.join("models"));
        add(App::Folder, 1, home.join("Downloads"));
        Self(places)
    }
}

/// LM Studio's folder, its older one, and the one that it was moved to.
fn lm_studio(home: &Path) -> Vec<PathBuf> {
    let mut folders = vec![home.join(".lmstudio/models"), home.join(".cache/lm-studio/models")];
    let moved = std::fs::read_to_string(home.join(".lmstudio-home-pointer")).unwrap_or_default();
    if !moved.trim().is_empty() {
        folders.insert(0, Path::new(moved.trim()).join("models"));
    }
    folders
}

/// Jan's data folders (the newer first) and `GPT4All`'s models folder.
fn jan_and_gpt4all(home: &Path, path: impl Fn(&str) -> Option<PathBuf>) -> (Vec<PathBuf>, PathBuf) {
    if cfg!(windows) {
        let roaming = path("APPDATA").unwrap_or_else(|| home.join("AppData/Roaming"));
        let local = path("LOCALAPPDATA").unwrap_or_else(|| home.join("AppData/Local"));
        (vec![roaming.join("Jan/data")], local.join("nomic.ai/GPT4All"))
    } else if cfg!(target_os = "macos") {
        let support = home.join("Library/Application Support");
        (vec![support.join("Jan/data"), support.join("jan")], support.join("nomic.ai/GPT4All"))
    } else {
        let data = path("XDG_DATA_HOME").unwrap_or_else(|| home.join(".local/share"));
        let config = path("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config"));
        (vec![data.join("Jan/data"), config.join("Jan/data")], data.join("nomic.ai/GPT4All"))
    }
}
