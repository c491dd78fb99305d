//! From a word on the command line to a model that is open, planned and loaded.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::args::{Recoding, Running};
use super::{fetch, go_on};
use crate::engine::session::Session;
use crate::error::{Error, Result};
use crate::inspect::Model;
use crate::kernels::pool::Pool;
use crate::lab::label::{Keep, Label};
use crate::lab::mix::Recipe;
use crate::library::{self, Folders, starter};
use crate::memory::ledger::Ledger;
use crate::memory::plan::{self, Arithmetic, Choice, KvDtype, Plan};
use crate::memory::probe::{Machine, Probe};

/// The path that a `FILE` argument means; the starter model is fetched if it isn't there. The word for the built-in model stays.
pub fn resolve(file: &Path) -> Result<PathBuf> {
    if file.as_os_str() != starter::WORD {
        return Ok(file.to_owned());
    }
    let folders = Folders::from_process()?;
    starter::path_if_present(&folders).map_or_else(|| fetch::fetch(&folders), Ok)
}

/// Reads the header of what a `FILE` argument means.
pub fn open(file: &Path) -> Result<Model> {
    Ok(Model::read(library::open(&resolve(file)?)?))
}

/// The machine now.
pub fn machine() -> Machine {
    Probe::default().machine()
}

/// The context that is used when none is given: what the model was trained for, up to 8,192.
pub fn default_context(model: &Model) -> Result<usize> {
    model.spec.as_ref().map_err(Clone::clone)?;
    Ok(plan::first_choice(model, 1).context)
}

/// What `running`, `recoding`, a context and a cache type choose.
pub fn choice(running: &Running, recoding: &Recoding, context: usize, kv: KvDtype) -> Choice {
    Choice {
        context: context.max(1),
        kv,
        arithmetic: if running.exact { Arithmetic::Exact } else { Arithmetic::Fast },
        threads: running.threads.unwrap_or_else(|| machine().processors).clamp(1, 256),
        recode: recoding.to,
    }
}

/// A loaded model and what it took.
pub struct Loaded {
    pub session: Session,
    pub plan: Plan,
    pub pool: Arc<Pool>,
    pub seconds: f64,
}

/// Refuses a context beyond what the model was trained for.
pub fn check_context(model: &Model, context: usize) -> Result<()> {
    let trained = model.spec.as_ref().map_err(Clone::clone)?.n_ctx_train;
    if context <= trained {
        return Ok(());
    }
    let what = format!("{}: a context of {context} tokens", model.file.path.display());
    Err(Error::unsupported(what, format!("the model was trained for {trained}; ask for at most that many")))
}

/// Loads a model as chosen; one that the machine cannot hold is refused.
pub fn load(model: &Model, choice: Choice) -> Result<Loaded> {
    let started = Instant::now();
    check_context(model, choice.context)?;
    let plan = plan::plan(model, choice, &machine())?;
    let pool = Arc::new(Pool::new(choice.threads)?);
    let session = Session::load(model, &plan, false, Arc::clone(&pool), &Ledger::default(), &mut |_| go_on())?;
    Ok(Loaded { session, plan, pool, seconds: started.elapsed().as_secs_f64() })
}

/// The recipe that a `CAND` argument names, with what is kept apart; `None` where it is a file. A word of the list is no file: `./q4_k` is
/// one.
pub fn recipe(candidate: &Path, keep: &[String]) -> Result<Option<Recipe>> {
    let keep = keep.iter().map(|text| Keep::parse(text)).collect::<Result<Vec<Keep>>>()?;
    let Some(label) = candidate.to_str().and_then(Label::named) else { return Ok(None) };
    Ok(Some(Recipe::of(label).but(&keep)))
}

/// Reads a UTF-8 text.
pub fn text(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(|error| Error::open(path, error))?;
    String::from_utf8(bytes).map_err(|error| {
        let at = format!("byte {}", error.utf8_error().valid_up_to());
        Error::format(path, at, "UTF-8 text", "bytes that are not UTF-8")
    })
}
