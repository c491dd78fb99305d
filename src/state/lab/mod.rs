//! The lab: what is compared with what, what that takes, and what has been measured.
//!
//! The choice (reference, candidates, text) may change while something is measured; what was measured keeps its own. One comparison is
//! kept by the worker for going on, adding and asking *what if*; letting go of it keeps the figures.

mod choose;
mod fold;
pub mod results;

use std::path::PathBuf;
use std::sync::Arc;

use super::{Slot, State};
use crate::inspect::Model;
use crate::lab::divergence::Settings;
use crate::lab::label::{Keep, Label};
use crate::lab::mix::Recipe;
use crate::memory::probe::Machine;
use crate::message::JobId;
use crate::message::lab::{Pick, Plan, Planned, Progress};

pub use results::{Measured, Results};

/// Tokens of a chunk.
pub const CHUNK: usize = 512;
/// Chunks that are measured if nobody says otherwise: 4,096 tokens.
pub const CHUNKS: usize = 8;
/// The most chunks that can be asked for.
pub const MOST_CHUNKS: usize = 256;

/// Where the text comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum TextFrom {
    /// It came with the program.
    #[default]
    Bundled,
    /// A file.
    File(PathBuf),
    /// The conversation that is shown.
    Conversation,
}

/// What a person can wish in the lab.
#[derive(Debug, Clone, PartialEq)]
pub enum Wish {
    /// Compare against this file.
    Reference(PathBuf),
    /// Choose the file with the system's dialog.
    PickReference,
    /// Choose another reference from a list: the one there is goes, candidates made from it stay.
    ForgetReference,
    /// Compare a label made from the reference, or no longer.
    Label(Label, bool),
    /// Compare the names that people choose among.
    Ladder,
    /// Compare a mix of one's own.
    Recipe(Recipe),
    /// Compare these files.
    Add(Vec<PathBuf>),
    /// Choose a file to compare with the system's dialog.
    PickCandidate,
    /// Compare all files of the same model.
    Family,
    /// Compare one less, by its place.
    Remove(usize),
    /// Compare nothing.
    Clear,
    /// Measure over this text.
    Text(TextFrom),
    /// Choose the text with the system's dialog.
    PickText,
    /// Measure over so many chunks.
    Chunks(usize),
    /// In exact arithmetic, or as it runs.
    Exact(bool),
    /// Work out what it takes.
    Plan,
    /// Measure.
    Compare,
    /// Stop for now.
    Pause,
    /// Measure on.
    GoOn,
    /// Stop and let go; what was measured stays on the page.
    Stop,
    /// Look at a run of what was measured.
    Select(usize),
    /// Measure a run's candidate with some of its tensors as another type.
    WhatIf {
        /// The run.
        of: usize,
        /// The tensors.
        keep: Vec<Keep>,
    },
}

/// What a dialog was opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum For {
    Reference,
    Candidate,
    Text,
}

/// See the module.
#[derive(Debug)]
pub struct Lab {
    /// What candidates are held against; its path while the header is read.
    pub reference: Slot<Arc<Model>, PathBuf>,
    /// What is to be compared with it, in the order in which it was chosen.
    pub picks: Vec<Pick>,
    /// Candidates whose headers are being read.
    pub opening: Vec<PathBuf>,
    /// The text.
    pub text: TextFrom,
    /// The chunks of it that are measured.
    pub chunks: usize,
    /// Whether in exact arithmetic.
    pub exact: bool,
    /// Whether a plan is on its way.
    pub planning: Slot<()>,
    /// The plan of what was chosen last, or a moment ago.
    pub plan: Option<Arc<Plan>>,
    /// Whether something is measured, and how far it is; how it failed.
    pub measuring: Slot<(), Progress>,
    /// Whether the worker keeps a comparison that can go on or be added to.
    pub kept: bool,
    /// What was measured last.
    pub results: Option<Results>,
    opening_job: Option<JobId>,
    /// The reference was told; its job is not done.
    reference_job: Option<JobId>,
    picking: Option<(JobId, For)>,
    stopping: bool,
    forgetting: Option<JobId>,
}

impl Default for Lab {
    fn default() -> Self {
        Self {
            reference: Slot::Empty,
            picks: Vec::new(),
            opening: Vec::new(),
            text: TextFrom::default(),
            chunks: CHUNKS,
            exact: false,
            planning: Slot::Empty,
            plan: None,
            measuring: Slot::Empty,
            kept: false,
            results: None,
            opening_job: None,
            reference_job: None,
            picking: None,
            stopping: false,
            forgetting: None,
        }
    }
}

impl Lab {
    /// Whether a label is among the candidates.
    #[must_use]
    pub fn has_label(&self, label: Label) -> bool {
        self.picks.contains(&Pick::Made(Recipe::of(label)))
    }

    /// What is planned for a candidate, once that is known.
    #[must_use]
    pub fn planned(&self, pick: &Pick) -> Option<&Planned> {
        self.plan.as_ref()?.picks.iter().find(|planned| planned.pick == *pick)
    }

    /// Whether measuring was stopped and can go on.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.kept && self.measuring.job().is_none() && self.results.as_ref().is_some_and(Results::is_open)
    }

    /// Whether the person asked it to stop and it has not yet.
    #[must_use]
    pub const fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Whether something waits for this job.
    pub(super) fn waits_for(&self, job: JobId) -> bool {
        let jobs = [self.reference.job(), self.planning.job(), self.measuring.job(), self.opening_job, self.reference_job, self.forgetting];
        jobs.contains(&Some(job)) || self.picking.is_some_and(|(picking, _)| picking == job)
    }

    /// How it would be measured now.
    fn settings(&self, threads: usize) -> Settings {
        let trained = self.reference.ready().and_then(|model| model.spec.as_ref().ok()).map_or(CHUNK, |spec| spec.n_ctx_train);
        Settings { chunk: CHUNK.min(trained), most_chunks: Some(self.chunks), exact: self.exact, threads, ..Settings::default() }
    }
}

impl State {
    /// How a comparison would be measured now.
    #[must_use]
    pub fn lab_settings(&self) -> Settings {
        self.lab.settings(self.threads())
    }

    /// The machine as the lab may count on it: what it has itself in memory is freed before it measures anew.
    fn lab_machine(&self) -> Machine {
        self.machine
    }
}
