//! A small download with everything that it needs, for the tests of fetching.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use ponder::error::Error;
use ponder::library::checksum::Checksum;
use ponder::library::download::{HubFile, WheelFile};
use ponder::library::{Download, Environment, Folders, Progress, fetch};
use ponder::units::Bytes;

use super::server::{Request, Server};

pub const HANG_GUARD: Duration = Duration::from_secs(30);

/// 600,000 bytes that compress badly and repeat nowhere.
pub fn content() -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..600_000).map(|_| byte()).collect()
}

/// A small download, a folder for it, and surroundings in which nothing can be reached.
pub struct Bench {
    pub temporary: tempfile::TempDir,
    pub folders: Folders,
    pub download: Download,
    pub environment: Environment,
    pub stop: Arc<AtomicBool>,
    pub progress: Vec<Progress>,
}

impl Bench {
    pub fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let content = content();
        Self {
            folders: Folders::at(temporary.path().join("data")),
            download: Download {
                name: "small".to_owned(),
                file_name: "small.gguf".to_owned(),
                bytes: Bytes(content.len() as u64),
                sha256: Checksum::of(&content),
                hub: HubFile { repository: "someone/small-GGUF".to_owned(), revision: "abc123".to_owned(), file: "small.gguf".to_owned() },
                wheel: WheelFile { requirement: "small==1.0".to_owned(), member: "small/small.gguf".to_owned(), bytes: Bytes(600_000) },
            },
            environment: Environment {
                hf_endpoint: "http://127.0.0.1:1".to_owned(),
                hf_cache: None,
                hf_token: None,
                hf_offline: false,
                proxy: None,
                certificates: None,
                python: temporary.path().join("no-python"),
                connect_timeout: Duration::from_secs(10),
                stall_timeout: Duration::from_mins(1),
                pip_timeout: Duration::from_mins(1),
            },
            stop: Arc::default(),
            progress: Vec::new(),
            temporary,
        }
    }

    pub fn against(server: &Server) -> Self {
        let mut bench = Self::new();
        bench.environment.hf_endpoint = server.url();
        bench
    }

    pub fn fetch(&mut self) -> Result<PathBuf, Error> {
        let progress = &mut self.progress;
        fetch(&self.download, &self.folders, &self.environment, &self.stop, &mut |p| progress.push(p))
    }

    /// Raises the stop flag when progress comes that `when` recognizes, and lets the flag down afterwards.
    pub fn fetch_until(&mut self, when: impl Fn(Progress) -> bool + Send + 'static) -> Result<PathBuf, Error> {
        let (download, folders, environment) = (self.download.clone(), self.folders.clone(), self.environment.clone());
        let stop = Arc::clone(&self.stop);
        let (done, outcome) = mpsc::channel();
        std::thread::spawn(move || {
            let mut raise = |p| {
                if when(p) {
                    stop.store(true, Ordering::SeqCst);
                }
            };
            done.send(fetch(&download, &folders, &environment, &stop, &mut raise)).unwrap();
        });
        let outcome = outcome.recv_timeout(HANG_GUARD).expect("a stop ends a fetch");
        self.stop.store(false, Ordering::SeqCst);
        outcome
    }

    pub fn models(&self) -> Vec<String> {
        let entries = self.folders.models.read_dir().unwrap();
        let mut names: Vec<_> =
            entries.map(|e| e.unwrap().file_name().into_string().unwrap()).filter(|name| name != "small.gguf.lock").collect();
        names.sort();
        names
    }

    pub fn part(&self) -> PathBuf {
        self.folders.models.join("small.gguf.part")
    }

    pub fn leave_part(&self, bytes: &[u8]) {
        std::fs::create_dir_all(&self.folders.models).unwrap();
        std::fs::write(self.part(), bytes).unwrap();
    }

    #[track_caller]
    pub fn assert_fetched(&mut self) {
        let path = self.fetch().unwrap();
        assert_eq!(path, self.folders.models.join("small.gguf"));
        assert!(std::fs::read(&path).unwrap() == content(), "the file is the right one");
        assert_eq!(self.models(), ["small.gguf"], "nothing else is left");
    }

    /// The text of the failure, which is one line.
    #[track_caller]
    pub fn assert_fails(&mut self, parts: &[&str]) {
        let Err(Error::Fetch(text)) = self.fetch() else { panic!("no fetch can succeed here") };
        for part in parts {
            assert!(text.contains(part), "{part:?} in {text:?}");
        }
        assert_eq!(text.lines().count(), 1, "{text:?}");
    }
}

pub fn good_server() -> Server {
    Server::start(|request, connection| connection.serve(request, &content()))
}

pub fn starts(server: &Server) -> Vec<Option<usize>> {
    server.requests().iter().map(Request::range_start).collect()
}
