//! A run on disk: `checkpoint.safetensors` (weights, the optimizer's memory and how far it is, in one file, so that they cannot
//! disagree), `checkpoint.json` (the same progress, for people) and `loss.csv`. Every file is replaced whole.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use serde::Serialize;

use super::Result;
use super::ops::Values;
use super::trainer::Trainer;

/// How far a run is.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub struct Progress {
    /// Steps done.
    pub step: u64,
    /// The next document.
    pub document: u64,
    /// Tokens read.
    pub tokens: u64,
    /// Time spent on training.
    pub milliseconds: u64,
}

/// The folder of a run.
pub struct Folder(pub PathBuf);

/// Replaces a file by what `write` writes to the path it gets.
fn replace(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let temporary = PathBuf::from(name);
    write(&temporary)?;
    std::fs::File::open(&temporary)?.sync_all()?;
    Ok(std::fs::rename(&temporary, path)?)
}

impl Folder {
    /// The file with this name.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes weights, memory and progress.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn save(&self, trainer: &Trainer, progress: Progress) -> Result<()> {
        let numbers = [progress.step, progress.document, progress.tokens, progress.milliseconds];
        let numbers = numbers.iter().map(|&n| i64::try_from(n)).collect::<std::result::Result<Vec<_>, _>>()?;
        let mut tensors = HashMap::from([("progress".to_owned(), Tensor::new(numbers, &Device::Cpu)?)]);
        for ((name, var), memory) in trainer.model.variables().into_iter().zip(&trainer.memories) {
            tensors.insert(format!("first.{name}"), Tensor::new(&*memory.first, &Device::Cpu)?);
            if !memory.second.is_empty() {
                tensors.insert(format!("second.{name}"), Tensor::new(&*memory.second, &Device::Cpu)?);
            }
            tensors.insert(name, var.as_detached_tensor());
        }
        replace(&self.file("checkpoint.safetensors"), |path| Ok(candle_core::safetensors::save(&tensors, path)?))?;
        replace(&self.file("checkpoint.json"), |path| Ok(std::fs::write(path, serde_json::to_vec_pretty(&progress)?)?))
    }

    /// Takes up the run where it was left; nothing happens where none is.
    ///
    /// # Errors
    /// If the checkpoint cannot be read or belongs to another model.
    pub fn resume(&self, trainer: &mut Trainer) -> Result<Progress> {
        let path = self.file("checkpoint.safetensors");
        if !path.exists() {
            return Ok(Progress::default());
        }
        let tensors = candle_core::safetensors::load(&path, &Device::Cpu)?;
        let get = |name: &str| tensors.get(name).ok_or_else(|| format!("{}: it has no tensor `{name}`", path.display()));
        for ((name, var), memory) in trainer.model.variables().into_iter().zip(&mut trainer.memories) {
            var.set(get(&name)?)?;
            memory.first.copy_from_slice(&Values::of(get(&format!("first.{name}"))?)?);
            if !memory.second.is_empty() {
                memory.second.copy_from_slice(&Values::of(get(&format!("second.{name}"))?)?);
            }
        }
        let numbers = get("progress")?.to_vec1::<i64>()?;
        let number = |i: usize| numbers.get(i).and_then(|&n| u64::try_from(n).ok()).unwrap_or_default();
        let progress = Progress { step: number(0), document: number(1), tokens: number(2), milliseconds: number(3) };
        self.forget_after(progress.step)?;
        Ok(progress)
    }

    /// Adds a row to the loss curve.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn log(&self, progress: Progress, loss: f64, tokens_per_second: f64) -> Result<()> {
        let path = self.file("loss.csv");
        let new = !path.exists();
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&path)?;
        if new {
            writeln!(file, "step,loss,tokens,tokens_per_second,seconds")?;
        }
        let Progress { step, tokens, milliseconds, .. } = progress;
        Ok(writeln!(file, "{step},{loss:.5},{tokens},{tokens_per_second:.0},{}", milliseconds / 1000)?)
    }

    /// Drops rows of the loss curve that a resumed run will write again.
    fn forget_after(&self, step: u64) -> Result<()> {
        let path = self.file("loss.csv");
        let Ok(text) = std::fs::read_to_string(&path) else { return Ok(()) };
        let stays = |row: &&str| row.split(',').next().and_then(|cell| cell.parse().ok()).is_none_or(|of: u64| of <= step);
        let kept: String = text.lines().filter(stays).flat_map(|row| [row, "\n"]).collect();
        replace(&path, |path| Ok(std::fs::write(path, kept)?))
    }
}
