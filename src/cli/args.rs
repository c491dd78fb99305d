//! The command line as data. What the words mean is decided in the commands.

use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::app::window::Renderer;
use crate::kernels::level::Level;
use crate::lab::label::Label;
use crate::memory::plan::KvDtype;

/// Runs local AI models and lets you look inside them.
///
/// Without a command the window opens; with a file it opens that file. FILE is a path, or the word `pocket` for the model that is part
/// of the program, or `starter` for the starter model, which is fetched if it isn't there (`./pocket` is a file of that name).
#[derive(Debug, Parser)]
#[command(name = "ponder", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// The model to open and load in place of the built-in one: a path, `pocket` or `starter`.
    pub files: Vec<PathBuf>,
    /// How the window is drawn.
    #[arg(long, value_enum, default_value_t = Renderer::Auto)]
    pub renderer: Renderer,
    /// What to do without a window.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The headless commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// What a file is: format, tensors, metadata, and whether it runs here.
    Inspect(Inspect),
    /// What all values of a tensor are, taken together.
    Stats(Stats),
    /// What loading a model would cost in memory.
    Plan(Plan),
    /// Answer a prompt.
    Run(Run),
    /// Cut a text into the model's tokens.
    Tokenize(Tokenize),
    /// Score tokens: the logits at their positions.
    Logits(Logits),
    /// Measure the speed of reading a prompt and of generating.
    Bench(Bench),
    /// Perplexity over a text, by the protocol of llama-perplexity.
    Perplexity(Perplexity),
    /// Count right answers to held-out questions, at one level of quantization or many.
    Answers(Answers),
    /// Write a model as another quantization: a GGUF file that llama.cpp loads.
    Quantize(Quantize),
    /// Hold models against a reference over a text: KL divergence, agreement, perplexity, by the protocol of llama-perplexity.
    Compare(Compare),
    /// How far a quantization moves each tensor.
    Distortion(Distortion),
    /// Get the starter model into the models folder and print its path.
    Fetch(Fetch),
}

/// A file and how to print.
#[derive(Debug, Args)]
pub struct Target {
    /// A model file, any of its shards, its folder, or one of the words `pocket` and `starter`.
    pub file: PathBuf,
    /// Print exactly one JSON object on stdout.
    #[arg(long)]
    pub json: bool,
}

/// How a model is run.
#[derive(Debug, Args)]
pub struct Running {
    /// Compute threads; all processors by default.
    #[arg(long)]
    pub threads: Option<usize>,
    /// Exact arithmetic: everything in F32.
    #[arg(long)]
    pub exact: bool,
}

/// What becomes of the weights while they are loaded.
#[derive(Debug, Args)]
pub struct Recoding {
    /// Quantize the weights to this type while loading; they stay as they are by default.
    #[arg(long, value_enum, ignore_case = true, value_name = "TYPE")]
    pub to: Option<Level>,
}

impl ValueEnum for Level {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.key()))
    }
}

/// The KV cache's type as it is written on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kv {
    /// Blocks of 32 values in one byte each under a scale.
    #[value(name = "q8_0")]
    Q8_0,
    /// Two bytes a value.
    F16,
    /// Four bytes a value.
    F32,
}

impl From<Kv> for KvDtype {
    fn from(kv: Kv) -> Self {
        match kv {
            Kv::Q8_0 => Self::Q8_0,
            Kv::F16 => Self::F16,
            Kv::F32 => Self::F32,
        }
    }
}

/// `ponder inspect`
#[derive(Debug, Args)]
pub struct Inspect {
    /// The file, and how to print.
    #[command(flatten)]
    pub target: Target,
}

/// `ponder stats`
#[derive(Debug, Args)]
pub struct Stats {
    /// A model file, any of its shards, its folder, or one of the words `pocket` and `starter`.
    pub file: PathBuf,
    /// The tensor's name.
    pub tensor: String,
    /// Print exactly one JSON object on stdout.
    #[arg(long)]
    pub json: bool,
    /// Write the tensor's values as F32 to this .npy file.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Compute threads; all processors by default.
    #[arg(long)]
    pub threads: Option<usize>,
}

/// `ponder plan`
#[derive(Debug, Args)]
pub struct Plan {
    /// The file, and how to print.
    #[command(flatten)]
    pub target: Target,
    /// Tokens the context can hold; what the model was trained for, up to 8,192, by default.
    #[arg(long)]
    pub context: Option<usize>,
    /// How keys and values are stored.
    #[arg(long, value_enum, default_value_t = Kv::F16)]
    pub kv: Kv,
    /// What becomes of the weights.
    #[command(flatten)]
    pub recoding: Recoding,
}

/// `ponder run`
#[derive(Debug, Args)]
pub struct Run {
    /// The file, and how to print.
    #[command(flatten)]
    pub target: Target,
    /// How to run it.
    #[command(flatten)]
    pub running: Running,
    /// What becomes of the weights.
    #[command(flatten)]
    pub recoding: Recoding,
    /// What to say to the model.
    #[arg(long)]
    pub prompt: String,
    /// A system prompt.
    #[arg(long)]
    pub system: Option<String>,
    /// The most tokens the answer may have.
    #[arg(long)]
    pub max_tokens: Option<usize>,
    /// 0 takes the most probable token each time.
    #[arg(long)]
    pub temperature: Option<f64>,
    /// Keep the K most probable tokens.
    #[arg(long)]
    pub top_k: Option<usize>,
    /// Keep the most probable tokens that add up to this.
    #[arg(long)]
    pub top_p: Option<f64>,
    /// Drop tokens less probable than this share of the best.
    #[arg(long)]
    pub min_p: Option<f64>,
    /// Divide the logits of tokens seen lately.
    #[arg(long)]
    pub repeat_penalty: Option<f32>,
    /// The same seed gives the same answer.
    #[arg(long)]
    pub seed: Option<u64>,
    /// A text that ends the answer; may be given more than once.
    #[arg(long)]
    pub stop: Vec<String>,
    /// Tokens the context can hold.
    #[arg(long)]
    pub context: Option<usize>,
    /// How keys and values are stored (F16 by default).
    #[arg(long, value_enum, conflicts_with = "exact")]
    pub kv: Option<Kv>,
    /// Continue the prompt as it is, without the chat template.
    #[arg(long, conflicts_with = "system")]
    pub raw: bool,
}

/// `ponder tokenize`
#[derive(Debug, Args)]
pub struct Tokenize {
    /// The file, and how to print.
    #[command(flatten)]
    pub target: Target,
    /// A file with the text, UTF-8.
    #[arg(long)]
    pub text_file: PathBuf,
    /// Let special tokens in the text be special.
    #[arg(long)]
    pub special: bool,
}

/// `ponder logits`
#[derive(Debug, Args)]
pub struct Logits {
    /// The file, and how to print.
    #[command(flatten)]
    pub target: Target,
    /// How to run it.
    #[command(flatten)]
    pub running: Running,
    /// What becomes of the weights.
    #[command(flatten)]
    pub recoding: Recoding,
    /// Token ids, separated by commas.
    #[arg(long, value_delimiter = ',', required = true)]
    pub tokens: Vec<u32>,
    /// The logits of all positions, not only the last.
    #[arg(long)]
    pub all: bool,
    /// Keep only the last N positions.
    #[arg(long)]
    pub last: Option<usize>,
    /// Feed one token at a time through the cache.
    #[arg(long)]
    pub step: bool,
    /// How many of the highest logits to print.
    #[arg(long, default_value_t = 10)]
    pub top: usize,
    /// Write the logits as F32 [positions, vocabulary] to this .npy file.
    #[arg(long)]
    pub out: Option<PathBuf>,
}

/// `ponder bench`
#[derive(Debug, Args)]
pub struct Bench {
    /// The file, and how to print.
    #[command(flatten)]
    pub target: Target,
    /// How to run it.
    #[command(flatten)]
    pub running: Running,
    /// What becomes of the weights.
    #[command(flatten)]
    pub recoding: Recoding,
    /// How keys and values are stored (F16 by default).
    #[arg(long, value_enum, conflicts_with = "exact")]
    pub kv: Option<Kv>,
    /// Tokens of the prompt; 512 by default, or what the model's context leaves for it.
    #[arg(long)]
    pub prompt: Option<usize>,
    /// Tokens to generate.
    #[arg(long, default_value_t = 128)]
    pub generate: usize,
    /// Tokens in the cache before the prompt.
    #[arg(long, default_value_t = 0)]
    pub depth: usize,
    /// How often to measure.
    #[arg(long, default_value_t = 5)]
    pub repeat: usize,
}

/// `ponder perplexity`
#[derive(Debug, Args)]
pub struct Perplexity {
    /// The file, and how to print.
    #[command(flatten)]
    pub target: Target,
    /// How to run it.
    #[command(flatten)]
    pub running: Running,
    /// What becomes of the weights.
    #[command(flatten)]
    pub recoding: Recoding,
    /// A file with the text, UTF-8.
    #[arg(long)]
    pub text_file: PathBuf,
    /// Tokens of a chunk; the second half of each is scored.
    #[arg(long, default_value_t = 512)]
    pub chunk: usize,
}

/// `ponder answers`
#[derive(Debug, Args)]
pub struct Answers {
    /// The file, and how to print.
    #[command(flatten)]
    pub target: Target,
    /// How to run it.
    #[command(flatten)]
    pub running: Running,
    /// How many questions.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub questions: u32,
    /// The same seed asks the same questions.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Quantize the weights to this type while loading; may be given more than once. `all` is the ladder from F16 to `Q2_K`.
    #[arg(long, value_enum, ignore_case = true, value_name = "TYPE")]
    pub to: Vec<To>,
    /// Print the first N wrong answers of each type on stderr.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub show_wrong: usize,
}

/// A level, or the ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// Every level of [`Level::LADDER`].
    All,
    /// This one.
    Level(Level),
}

impl To {
    const N: usize = Level::ALL.len() + 1;

    const VARIANTS: [Self; Self::N] = {
        let mut variants = [Self::All; Self::N];
        let mut i = 0;
        while i < Level::ALL.len() {
            variants[i] = Self::Level(Level::ALL[i]);
            i += 1;
        }
        variants
    };
}

impl ValueEnum for To {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::VARIANTS
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::All => Some(PossibleValue::new("all")),
            Self::Level(level) => level.to_possible_value(),
        }
    }
}

/// `ponder quantize`
#[derive(Debug, Args)]
pub struct Quantize {
    /// The file, and how to print. The best file you have: F32, F16 or BF16.
    #[command(flatten)]
    pub target: Target,
    /// The file to write.
    pub out: PathBuf,
    /// The quantization, with llama.cpp's rules for which tensor gets what.
    #[arg(long, value_enum, ignore_case = true, value_name = "LABEL")]
    pub to: Label,
    /// A type for the tensors whose names match, whatever the label says: `attn_v=q8_0`, `blk.0.*=f16`; may be given more than once, the
    /// first that matches counts.
    #[arg(long, value_name = "PATTERN=TYPE")]
    pub keep: Vec<String>,
    /// The label's type for every matrix, without exceptions.
    #[arg(long)]
    pub pure: bool,
    /// Only say what would become of which tensor.
    #[arg(long)]
    pub dry_run: bool,
    /// Compute threads; all processors by default.
    #[arg(long)]
    pub threads: Option<usize>,
}

/// `ponder compare`
#[derive(Debug, Args)]
pub struct Compare {
    /// The reference, the best file you have, and how to print.
    #[command(flatten)]
    pub target: Target,
    /// Files, or names of quantizations to be made of the reference in memory: `q8_0 q4_k_m ./other.gguf`.
    #[arg(value_name = "CAND", required = true)]
    pub candidates: Vec<PathBuf>,
    /// A file with the text, UTF-8; a text that was written for it by default.
    #[arg(long)]
    pub text_file: Option<PathBuf>,
    /// Tokens of a chunk; the second half of each is scored.
    #[arg(long, default_value_t = 512)]
    pub chunk: usize,
    /// At most so many chunks.
    #[arg(long, value_name = "N")]
    pub chunks: Option<usize>,
    /// Exact arithmetic: everything in F32.
    #[arg(long)]
    pub exact: bool,
    /// A type for the tensors whose names match, in candidates that are made in memory.
    #[arg(long, value_name = "PATTERN=TYPE")]
    pub keep: Vec<String>,
    /// Do not measure what rounding of activations alone does.
    #[arg(long)]
    pub no_noise_floor: bool,
    /// The most that is kept of the reference's expectations, in MiB; beyond it only the most probable tokens are.
    #[arg(long, value_name = "MIB", default_value_t = 1024)]
    pub keep_mib: u64,
    /// Write the table as CSV, too.
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// Compute threads; all processors by default.
    #[arg(long)]
    pub threads: Option<usize>,
}

/// `ponder distortion`
#[derive(Debug, Args)]
pub struct Distortion {
    /// The reference, and how to print.
    #[command(flatten)]
    pub target: Target,
    /// A file, or the name of a quantization to be made of the reference in memory: `q4_k_m`.
    #[arg(value_name = "CAND")]
    pub candidate: PathBuf,
    /// A type for the tensors whose names match, whatever the name says.
    #[arg(long, value_name = "PATTERN=TYPE")]
    pub keep: Vec<String>,
    /// Compute threads; all processors by default.
    #[arg(long)]
    pub threads: Option<usize>,
}

impl ValueEnum for Label {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()))
    }
}

/// `ponder fetch`
#[derive(Debug, Args)]
pub struct Fetch {
    /// Which model.
    #[arg(default_value = "smollm2", value_parser = ["smollm2", "starter"])]
    pub name: String,
    /// Print exactly one JSON object on stdout.
    #[arg(long)]
    pub json: bool,
}
