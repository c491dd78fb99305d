//! What a fetch takes from the process's surroundings, as one value, so that a test can make its own.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The hub's address when nothing else is said.
pub const HUB: &str = "https://huggingface.co";

/// Addresses, credentials, programs and patience of a fetch.
#[derive(Debug, Clone)]
pub struct Environment {
    /// The hub or a mirror of it (`HF_ENDPOINT`), without a slash at the end.
    pub hf_endpoint: String,
    /// The hub's cache on this disk (`HF_HUB_CACHE`, `HF_HOME`, or its usual place).
    pub hf_cache: Option<PathBuf>,
    /// Sent to the endpoint, never to a host that it redirects to (`HF_TOKEN`).
    pub hf_token: Option<String>,
    /// The hub must not be asked (`HF_HUB_OFFLINE`).
    pub hf_offline: bool,
    /// `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, with the exceptions of `NO_PROXY`; pip reads the same by itself.
    pub proxy: Option<ureq::Proxy>,
    /// A PEM file of authorities to trust in place of the built-in list (`SSL_CERT_FILE`), as networks that inspect traffic need.
    pub certificates: Option<PathBuf>,
    /// The Python interpreter that has pip.
    pub python: PathBuf,
    /// How long to wait for a name and a connection together.
    pub connect_timeout: Duration,
    /// How long to wait for the next byte.
    pub stall_timeout: Duration,
    /// How long pip may be silent: it retries by itself, so it gets longer than a connection.
    pub pip_timeout: Duration,
}

impl Environment {
    /// As this process's environment variables have it.
    #[must_use]
    pub fn from_process() -> Self {
        let text = |name: &str| std::env::var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        Self {
            hf_endpoint: text("HF_ENDPOINT").unwrap_or_else(|| HUB.to_owned()).trim_end_matches('/').to_owned(),
            hf_cache: hf_cache(directories::BaseDirs::new().as_ref().map(directories::BaseDirs::home_dir), |name| {
                std::env::var_os(name).filter(|value| !value.is_empty())
            }),
            hf_token: text("HF_TOKEN"),
            hf_offline: text("HF_HUB_OFFLINE").is_some_and(|value| matches!(value.to_lowercase().as_str(), "1" | "on" | "yes" | "true")),
            proxy: ureq::Proxy::try_from_env(),
            certificates: text("SSL_CERT_FILE").map(PathBuf::from),
            python: PathBuf::from(if cfg!(windows) { "python" } else { "python3" }),
            connect_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(20),
            pip_timeout: Duration::from_mins(2),
        }
    }
}

/// The Hugging Face cache as its own library finds it: `HF_HUB_CACHE`, `HF_HOME/hub`, `XDG_CACHE_HOME/huggingface/hub`,
/// `~/.cache/huggingface/hub`.
pub(super) fn hf_cache(home: Option<&Path>, var: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let path = |name: &str| var(name).map(PathBuf::from);
    path("HF_HUB_CACHE")
        .or_else(|| path("HF_HOME").map(|home| home.join("hub")))
        .or_else(|| path("XDG_CACHE_HOME").map(|cache| cache.join("huggingface/hub")))
        .or_else(|| home.map(|home| home.join(".cache/huggingface/hub")))
}
