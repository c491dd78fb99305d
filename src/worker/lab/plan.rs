//! What candidates become and what comparing them takes, from headers alone.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::inspect::Model;
use crate::lab::budget::{Budget, Positions};
use crate::lab::candidate::{Candidate, Need, check_vocabulary};
use crate::lab::divergence::Settings;
use crate::lab::label::Label;
use crate::lab::mix::{Mix, Recipe};
use crate::library::summary::Summary;
use crate::memory::plan::{Arithmetic, Choice, KvDtype};
use crate::message::lab::{Offer, Pick, Plan, Planned, Planning, Relative};

/// Files of a folder whose headers are read to find relatives.
const MOST_FILES: usize = 200;

/// Plans a comparison.
///
/// # Errors
/// [`Error::Cancelled`]; what else is wrong stands in the plan.
pub fn plan(planning: &Planning, go_on: &dyn Fn() -> bool) -> Result<Plan> {
    let Planning { reference, picks, settings, machine, .. } = planning;
    let choice = choice(settings);
    let needed = |candidate: Result<Candidate>| -> Result<(Arc<Candidate>, Need)> {
        let candidate = candidate?;
        let need = candidate.need(choice, machine)?;
        Ok((Arc::new(candidate), need))
    };
    let check = || if go_on() { Ok(()) } else { Err(Error::Cancelled) };
    let mut planned = Vec::with_capacity(picks.len());
    for pick in picks {
        check()?;
        let candidate = match pick {
            Pick::Made(recipe) => Candidate::made(Arc::clone(reference), recipe),
            Pick::File(model) => check_vocabulary(reference, model).and_then(|()| Candidate::file(Arc::clone(model))),
        };
        planned.push(Planned { pick: pick.clone(), candidate: needed(candidate) });
    }
    let whole = needed(Candidate::file(Arc::clone(reference)));
    let budget = whole.as_ref().map_err(Clone::clone).and_then(|(whole, _)| {
        let candidates: Vec<Candidate> =
            planned.iter().filter_map(|planned| Some((*planned.candidate.as_ref().ok()?.0).clone())).chain([(**whole).clone()]).collect();
        let n_vocab = reference.spec.as_ref().map_or(0, |spec| spec.n_vocab);
        Budget::plan(whole, &candidates, choice, machine, positions(settings), n_vocab, settings.most_cache)
    });
    let (offers, family) = if planning.offers {
        check()?;
        let offers = Label::ALL.into_iter().map(|label| offer(reference, label)).collect();
        (Some(offers), Some(family(reference, &planning.elsewhere, go_on).into()))
    } else {
        (None, None)
    };
    check()?;
    Ok(Plan { reference: whole, picks: planned, budget, offers, family })
}

const fn choice(settings: &Settings) -> Choice {
    let exact = settings.exact || settings.noise_floor;
    let arithmetic = if exact { Arithmetic::Exact } else { Arithmetic::Fast };
    Choice { context: settings.chunk, kv: KvDtype::F16, arithmetic, threads: settings.threads, recode: None }
}

/// Where the reference will be kept, if the text has as many chunks as are asked for.
fn positions(settings: &Settings) -> Positions {
    let half = settings.chunk / 2;
    let impression = half - settings.chunk / 4;
    Positions { all: settings.most_chunks.unwrap_or(1) * (settings.chunk - 1 - half) + impression, impression }
}

fn offer(reference: &Model, label: Label) -> Offer {
    let made = Mix::of(reference, &Recipe::of(label)).map(|mix| (mix.bytes, mix.bits_per_weight(), mix.really()));
    Offer { label, made }
}

/// Other files of the same model: those of its folder, and those that were found elsewhere.
fn family(reference: &Model, elsewhere: &[PathBuf], go_on: &dyn Fn() -> bool) -> Vec<Relative> {
    let own = &reference.file.path;
    let folder = own.parent().filter(|_| reference.file.built_in.is_none());
    let beside = folder.and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_gguf = |path: &Path| path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gguf"));
    let mut paths: BTreeSet<PathBuf> = beside.filter(|path| is_gguf(path)).take(MOST_FILES).collect();
    paths.extend(elsewhere.iter().cloned());
    let name = reference.name().to_lowercase();
    let mut seen = BTreeSet::from([std::fs::canonicalize(own).unwrap_or_else(|_| own.clone())]);
    let mut family: Vec<Relative> = paths
        .into_iter()
        .take_while(|_| go_on())
        .filter_map(|path| {
            let summary = Summary::read(&path).ok().filter(|summary| summary.name.to_lowercase() == name)?;
            // A link to a file is that file.
            seen.insert(std::fs::canonicalize(&path).ok()?).then_some(())?;
            Some(Relative { path, quantization: summary.quantization.unwrap_or_default(), bytes: summary.bytes })
        })
        .collect();
    family.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.path.cmp(&b.path)));
    family
}
