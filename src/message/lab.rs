//! What is asked and told while quantizations are compared.
//!
//! One comparison is kept between orders: pausing stops the job and frees the models, going on is another job. What was found comes as
//! it is found, shared and never copied again.

use std::path::PathBuf;
use std::sync::Arc;

use crate::engine::cut::Token;
use crate::error::{Error, Result};
use crate::inspect::Model;
use crate::lab::budget::Budget;
use crate::lab::candidate::{Candidate, Need};
use crate::lab::divergence::Settings;
use crate::lab::label::Label;
use crate::lab::mix::Recipe;
use crate::lab::row::{Difference, Ranked};
use crate::lab::run::{Kind, Status};
use crate::lab::statistics::{Histogram, Summary};
use crate::memory::probe::Machine;
use crate::units::{Bytes, TokensPerSecond};

/// A model to be compared, as it was chosen.
#[derive(Debug, Clone)]
pub enum Pick {
    /// Another file.
    File(Arc<Model>),
    /// The reference, made into this in memory.
    Made(Recipe),
}

impl PartialEq for Pick {
    /// Files are the same where their paths are.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File(a), Self::File(b)) => a.file.path == b.file.path,
            (Self::Made(a), Self::Made(b)) => a == b,
            _ => false,
        }
    }
}

/// The text that is measured over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// The one that comes with the program.
    Bundled,
    /// A file in UTF-8.
    File(PathBuf),
    /// These words.
    Words(Arc<str>),
}

/// What can be ordered.
#[derive(Debug)]
pub enum Lab {
    /// Read headers. Planning lane.
    Open(Vec<PathBuf>),
    /// Work out what candidates become and take. A newer one stops the one before. Planning lane.
    Plan(Box<Planning>),
    /// Measure, in place of what was measured before. Measuring lane, which yields to the engine; so do all that follow.
    Start(Box<Start>),
    /// Measure on where it was stopped.
    GoOn,
    /// Measure these too.
    Add(Vec<Candidate>),
    /// Let go of what is kept for going on.
    Forget,
}

/// What is to be planned.
#[derive(Debug, Clone)]
pub struct Planning {
    /// The reference.
    pub reference: Arc<Model>,
    /// The candidates.
    pub picks: Vec<Pick>,
    /// How they will be compared.
    pub settings: Settings,
    /// Whether what every label would become is wanted, and which other files are of the same model.
    pub offers: bool,
    /// Files that may be of the same model, beside those in the reference's folder.
    pub elsewhere: Vec<PathBuf>,
    /// The machine.
    pub machine: Machine,
}

/// What is to be measured.
#[derive(Debug, Clone)]
pub struct Start {
    /// The reference.
    pub reference: Candidate,
    /// The candidates, in the order in which they are measured.
    pub candidates: Vec<Candidate>,
    /// The text.
    pub text: Text,
    /// How.
    pub settings: Settings,
}

/// A candidate before it is measured.
#[derive(Debug, Clone)]
pub struct Planned {
    /// What was chosen.
    pub pick: Pick,
    /// What becomes of it, and what running it takes; or why it can't be compared.
    pub candidate: Result<(Arc<Candidate>, Need)>,
}

/// What a label would make of the reference.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The label.
    pub label: Label,
    /// The outcome: bytes, bits per weight, what it really becomes.
    pub made: Result<(Bytes, f64, String)>,
}

/// Another file of the reference's model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relative {
    /// The file.
    pub path: PathBuf,
    /// How it is stored.
    pub quantization: String,
    /// Its size.
    pub bytes: Bytes,
}

/// What was planned.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The reference as a candidate, and what running it takes.
    pub reference: Result<(Arc<Candidate>, Need)>,
    /// The candidates, in the order of the picks.
    pub picks: Vec<Planned>,
    /// What the whole takes at its highest moment.
    pub budget: Result<Budget>,
    /// What labels would make, where it was asked for.
    pub offers: Option<Arc<[Offer]>>,
    /// Other files of the same model, where it was asked for, the largest first.
    pub family: Option<Arc<[Relative]>>,
}

/// What the reference expects at a scored position.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// Its most probable tokens, the highest first.
    pub top: Vec<Ranked>,
    /// −ln p of the token that came.
    pub nll: f64,
}

/// What is being done.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Doing {
    /// The text is cut, memory is planned.
    #[default]
    Preparing,
    /// A model is being loaded: `None` for the reference.
    Loading(Option<usize>, Bytes),
    /// A model reads.
    Reading(Option<usize>),
    /// It stands still while someone waits for an answer.
    Yielding,
}

/// How far a comparison is.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Progress {
    /// The share of the work that is done.
    pub share: f64,
    /// The seconds that are left, once that is known.
    pub left: Option<f64>,
    /// What is being done.
    pub doing: Doing,
}

/// A comparison that was planned and can begin.
#[derive(Debug, Clone)]
pub struct Begun {
    /// The reference.
    pub reference: Arc<Candidate>,
    /// Each run's candidate, what it is for, and the chunks that it shall read.
    pub runs: Vec<(Arc<Candidate>, Kind, usize)>,
    /// How it is measured.
    pub settings: Settings,
    /// What it takes.
    pub budget: Budget,
    /// The text, chunk by chunk.
    pub chunks: Arc<[Vec<Token>]>,
    /// The first position of a chunk that is scored, and the first that gives an impression.
    pub half: usize,
    /// See [`Self::half`].
    pub preview: usize,
}

/// New figures of a run.
#[derive(Debug, Clone)]
pub struct Point {
    /// Which.
    pub run: usize,
    /// The chunk that was completed; `None` for a first impression.
    pub chunk: Option<usize>,
    /// What each of its positions gave.
    pub differences: Arc<[Difference]>,
    /// The same of the reference, where it was not told before.
    pub expected: Option<Arc<[Expected]>>,
    /// Tokens that were not told before, as text.
    pub pieces: Vec<(u32, String)>,
    /// All of the run's figures so far.
    pub summary: Summary,
    /// How its KL is spread.
    pub histogram: Histogram,
    /// Its speed of reading.
    pub prefill: Option<TokensPerSecond>,
    /// What is kept of the reference as a sum, and by which share KL is too low because of that.
    pub kept_as_sum: f64,
    /// See [`Self::kept_as_sum`].
    pub lost: f64,
}

/// How it moves on.
#[derive(Debug, Clone)]
pub enum Told {
    /// A header was read, or why not.
    Opened(PathBuf, Result<Arc<Model>, Error>),
    /// It begins.
    Begun(Box<Begun>),
    /// These runs stand behind the others now, and this is what all take.
    Added(Vec<(Arc<Candidate>, usize)>, Budget),
    /// How far it is.
    Progress(Progress),
    /// A run's model is in memory and has booked so much.
    Loaded(usize, Bytes),
    /// There are new figures.
    Point(Box<Point>),
    /// A run is done, or failed.
    Ended {
        /// Which.
        run: usize,
        /// Its end.
        status: Status,
        /// Its speed of generating.
        decode: Option<TokensPerSecond>,
    },
    /// All figures so far, for other programs.
    Export(Arc<Exports>),
}

/// A comparison for other programs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exports {
    /// As `ponder compare --json` prints it.
    pub json: String,
    /// A candidate a line.
    pub csv: String,
}

/// How it ends.
#[derive(Debug, Clone)]
pub enum Found {
    /// What steps told was all.
    All,
    /// The plan.
    Plan(Arc<Plan>),
}
