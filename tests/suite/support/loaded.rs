//! Models that are loaded for a test, on a machine with memory for anything.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use ponder::engine::decoder::Want;
use ponder::engine::session::Session;
use ponder::error::Result;
use ponder::file::ModelFile;
use ponder::inspect::Model;
use ponder::kernels::pool::Pool;
use ponder::memory::ledger::Ledger;
use ponder::memory::plan::{Arithmetic, Choice, KvDtype, Plan, plan};
use ponder::memory::probe::Machine;
use ponder::units::Bytes;

use super::tiny_llama::TinyLlama;

/// A machine that holds everything.
pub const MACHINE: Machine = Machine { total: Bytes(1 << 44), available: Bytes(1 << 44), processors: 2 };

/// Fast arithmetic, F16 cache, two threads.
pub const FAST: Choice = Choice { context: 512, kv: KvDtype::F16, arithmetic: Arithmetic::Fast, threads: 2, recode: None };

/// Exact arithmetic, two threads.
pub const EXACT: Choice = Choice { arithmetic: Arithmetic::Exact, kv: KvDtype::F32, ..FAST };

/// A pool of so many threads, which stay: what a thread frees when it ends would be counted at any time.
pub fn pool(threads: usize) -> Arc<Pool> {
    static POOLS: Mutex<BTreeMap<usize, Arc<Pool>>> = Mutex::new(BTreeMap::new());
    let mut pools = POOLS.lock().unwrap();
    Arc::clone(pools.entry(threads).or_insert_with(|| Arc::new(Pool::new(threads).unwrap())))
}

/// A session with what it was made from.
pub struct Loaded {
    pub session: Session,
    pub model: Model,
    pub plan: Plan,
    pub ledger: Ledger,
}

/// Reads a file's header.
pub fn open(path: &Path) -> Model {
    Model::read(ModelFile::open(path).unwrap())
}

/// Loads a file.
pub fn load(path: &Path, choice: Choice) -> Loaded {
    load_model(open(path), choice)
}

/// Loads what was opened.
pub fn load_model(model: Model, choice: Choice) -> Loaded {
    let plan = plan(&model, choice, &MACHINE).unwrap();
    let ledger = Ledger::default();
    let session = Session::load(&model, &plan, false, pool(choice.threads), &ledger, &mut |_| true).unwrap();
    Loaded { session, model, plan, ledger }
}

/// Writes bytes to a file of its own and loads it; the file is gone when this returns.
pub fn load_bytes(bytes: &[u8], choice: Choice) -> Loaded {
    let (_folder, path): (_, PathBuf) = super::file("tiny.gguf", bytes);
    load(&path, choice)
}

/// A tiny llama, loaded.
pub fn tiny(llama: &TinyLlama, choice: Choice) -> Loaded {
    load_bytes(&llama.gguf().bytes(), choice)
}

impl Loaded {
    /// Feeds tokens in chunks and returns the logits of all of them.
    pub fn all(&mut self, tokens: &[u32]) -> Vec<f32> {
        self.try_all(tokens).unwrap()
    }

    /// As [`Loaded::all`].
    pub fn try_all(&mut self, tokens: &[u32]) -> Result<Vec<f32>> {
        let mut out = Vec::new();
        let mut each = |_: usize, rows: &[f32]| {
            out.extend_from_slice(rows);
            Ok(())
        };
        self.session.runner_mut().feed(tokens, Want::All, &|| true, &mut each)?;
        Ok(out)
    }

    /// Feeds tokens one at a time.
    pub fn one_by_one(&mut self, tokens: &[u32]) -> Vec<f32> {
        tokens.iter().flat_map(|&token| self.all(&[token])).collect()
    }
}
