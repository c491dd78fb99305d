//! The contract between the threads: orders go to the worker, events come back.
//!
//! Commands are verbs, events are facts. Each order ends in exactly one [`Event::Done`]; no step of it follows. The state never sees
//! the worker and the worker never sees the state: both see this.

pub mod browse;
pub mod export;
pub mod lab;
pub mod make;
pub mod side;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::engine::cut::Token;
use crate::engine::prompt::Prompt;
use crate::engine::sampler::Sampling;
use crate::engine::session::{Input, ModelId};
use crate::engine::tokenizer::Special;
use crate::error::Error;
use crate::inspect::Model;
use crate::kernels::bandwidth::Bandwidth;
use crate::library::download::Progress as FetchProgress;
use crate::library::scan::Found;
use crate::library::summary::Summary;
use crate::memory::Parts;
use crate::memory::history::Sample;
use crate::memory::plan::Plan;
use crate::memory::probe::Machine;
pub use crate::store::Restored;
use crate::store::chat::{Chat, ChatId, Metrics};
use crate::store::settings::Settings;
use crate::units::{Bytes, TokensPerSecond};

/// Numbers the orders; the state gives the numbers out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// Something to be done, and under which number its events come back.
#[derive(Debug)]
pub struct Order {
    /// The number.
    pub job: JobId,
    /// The verb.
    pub command: Command,
}

/// What can be ordered.
#[derive(Debug)]
pub enum Command {
    /// Read a file's header. Inspect lane.
    Inspect(PathBuf),
    /// Look for models on this disk. Scan lane.
    Scan {
        /// Folders to search beside the usual ones.
        folders: Vec<PathBuf>,
        /// Files whose headers are read too.
        recent: Vec<PathBuf>,
    },
    /// Ask for a file with the system's dialog. A lane of its own.
    Pick,
    /// Ask the desktop whether it is dark. Dialog lane.
    AskTheme,
    /// Get the starter model. Net lane.
    Fetch,
    /// Load a model, in place of the one that is loaded. Engine lane.
    Load(Box<Load>),
    /// Free the loaded model. Engine lane.
    Unload(ModelId),
    /// Answer. Engine lane.
    Generate(Box<Generate>),
    /// Render the prompt that `Generate` would read. Engine lane.
    ShowPrompt {
        /// The loaded model.
        model: ModelId,
        /// What to say to it.
        input: Input,
    },
    /// Cut a text as the model would read it. Engine lane.
    Tokenize {
        /// The loaded model.
        model: ModelId,
        /// The text.
        text: String,
        /// Whether special tokens in it count.
        special: Special,
    },
    /// Measure how fast the machine reads memory. Engine lane: never beside an answer, which it would slow down.
    MeasureBandwidth {
        /// Threads that read.
        threads: usize,
    },
    /// Look at tensors. Lanes of their own, which yield to the engine.
    Browse(Box<browse::Browse>),
    /// Ask several models the same. A lane of its own, which yields to the engine.
    Side(Box<side::Ask>),
    /// Measure or write a mix. A lane of its own, which yields to the engine.
    Make(Box<make::Make>),
    /// Write something for another program. Export lane.
    Export(Box<export::Export>),
    /// Compare quantizations. Lanes of their own, which yield to the engine.
    Lab(Box<lab::Lab>),
    /// Ask for a place to write to with the system's dialog. Dialog lane.
    PickPlace {
        /// The name that is proposed.
        name: String,
    },
    /// Raise another job's stop flag, at once, whether it waits or runs. No lane.
    Stop(JobId),
    /// Read all chats and the settings. Store lane.
    Restore,
    /// Write a chat, atomically, and forget its journal. Store lane.
    SaveChat(Box<Chat>),
    /// Put a chat aside so that it can be brought back. Store lane.
    DeleteChat(ChatId),
    /// Bring a deleted chat back. Store lane.
    RestoreChat(ChatId),
    /// Write the settings, atomically. Store lane.
    SaveSettings(Box<Settings>),
    /// Panic in the lane or hold it up: how tests prove that lanes survive and the screen never waits.
    #[doc(hidden)]
    Disturb(Disturbance),
}

/// See [`Command::Disturb`].
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disturbance {
    /// Panic inside a job of the engine lane.
    Panic,
    /// Sleep in the engine lane, deaf to Stop.
    Hold(std::time::Duration),
}

/// What to load and what was promised.
#[derive(Debug, Clone)]
pub struct Load {
    /// The inspected file.
    pub model: Arc<Model>,
    /// The plan that the person saw; its choice is what is loaded.
    pub plan: Plan,
    /// Load although the plan exceeds what is available.
    pub anyway: bool,
}

/// What an answer is made of.
#[derive(Debug, Clone)]
pub struct Generate {
    /// The loaded model.
    pub model: ModelId,
    /// The chat that receives the text.
    pub chat: ChatId,
    /// The place of the answer among its turns; for the journal.
    pub turn: usize,
    /// The model as it is shown beside the answer; for the journal.
    pub label: String,
    /// What to say to the model.
    pub input: Input,
    /// How to draw the tokens.
    pub sampling: Sampling,
}

/// A fact.
#[derive(Debug, Clone)]
pub enum Event {
    /// A job moved on.
    Step {
        /// Whose.
        job: JobId,
        /// How.
        step: Step,
    },
    /// A job ended; the last event of its number.
    Done {
        /// Whose.
        job: JobId,
        /// How.
        outcome: Result<Outcome, Error>,
    },
    /// The memory now. Belongs to no job; may be dropped when the screen is slow.
    Gauge {
        /// The process.
        sample: Sample,
        /// The machine.
        machine: Machine,
    },
    /// A journal or another background write failed; what was to be written is still in memory.
    Warning(Error),
}

/// How a job moves on.
#[derive(Debug, Clone)]
pub enum Step {
    /// Bytes of a load.
    Loading {
        /// Bytes in place.
        done: Bytes,
        /// Bytes in all.
        total: Bytes,
    },
    /// Something of a tensor was seen.
    Seen(browse::Seen),
    /// One of several models that are asked the same moved on.
    Side(side::Seen),
    /// A mix is being measured or written.
    Making(make::Making),
    /// Which share of an export is written.
    Writing(f64),
    /// Something of a comparison was found.
    Lab(lab::Told),
    /// The model that was loaded is gone, to make room or because a job left it unsound.
    Freed(ModelId),
    /// A download.
    Fetching(FetchProgress),
    /// Tokens of the prompt read.
    Reading {
        /// Positions of the prompt in the cache, reused ones included.
        done: usize,
        /// Tokens of the prompt.
        total: usize,
    },
    /// New text of the answer.
    Text {
        /// The text, never ending inside a UTF-8 character.
        text: String,
        /// Tokens generated so far.
        generated: usize,
        /// Positions of the context in use.
        context_used: usize,
        /// Speed so far.
        decode: TokensPerSecond,
    },
}

/// How a job ends well.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The header was read.
    Inspected(Arc<Model>),
    /// Models on this disk.
    Scanned {
        /// The models.
        found: Vec<Found>,
        /// What their headers say, and those of the recent files.
        summaries: BTreeMap<PathBuf, Summary>,
    },
    /// The file chosen in the dialog; `None` if it was closed.
    Picked(Option<PathBuf>),
    /// The place chosen in the dialog; `None` if it was closed.
    PickedPlace(Option<PathBuf>),
    /// An export is on disk.
    Written(PathBuf),
    /// What browsing found.
    Found(browse::Found),
    /// All that were asked the same have answered, failed or been stopped.
    Sided,
    /// A mix was measured or written.
    Made(make::Made),
    /// What the lab found.
    Lab(lab::Found),
    /// Whether the desktop asks for dark windows; `None` where it does not say.
    Theme {
        /// See the variant.
        dark: Option<bool>,
    },
    /// The starter model is here.
    Fetched(PathBuf),
    /// The model is loaded.
    Loaded(Box<Receipt>),
    /// The model is gone.
    Unloaded,
    /// The answer is complete (or stopped: see its stop reason).
    Generated(Metrics),
    /// How fast the machine reads memory.
    Bandwidth(Bandwidth),
    /// The prompt as the model reads it.
    Prompt(Prompt),
    /// How a text is cut.
    Tokens(Vec<Token>),
    /// What was on disk, and what could not be read.
    Restored(Box<Restored>),
    /// It is on disk.
    Saved,
    /// The flag is up.
    StopRaised,
    /// See [`Command::Disturb`].
    #[doc(hidden)]
    Disturbed,
}

/// What a load took.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    /// Names the loaded model from now on.
    pub id: ModelId,
    /// What was promised.
    pub planned: Parts,
    /// What the ledger holds now (the cache with its first block).
    pub charged: Parts,
    /// What the allocator counted in the engine's scope beyond what was there before; `None` without the counting allocator.
    pub counted: Option<Bytes>,
    /// What the allocator counted while the tokenizer was built, outside that scope; `None` without the counting allocator.
    pub tokenizer: Option<Bytes>,
    /// Seconds it took.
    pub seconds: f64,
    /// Tokens the context can hold.
    pub context: usize,
    /// Compute threads.
    pub threads: usize,
    /// Whether the file's chat template works; the error says why not.
    pub template: Result<(), Error>,
}

impl Receipt {
    /// What of the plan is due now: weights and tokenizer. The cache grows with the conversation, activations come with the first token.
    #[must_use]
    pub fn promised(&self) -> Parts {
        Parts { weights: self.planned.weights, kv_cache: Some(Bytes(0)), tokenizer: self.planned.tokenizer, ..Parts::default() }
    }

    /// What the load took: weights and cache as they were charged, the tokenizer as it was counted.
    #[must_use]
    pub fn took(&self) -> Parts {
        Parts { weights: self.charged.weights, kv_cache: self.charged.kv_cache, tokenizer: self.tokenizer, ..Parts::default() }
    }
}
