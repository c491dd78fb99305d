//! Trains Pocket, the small model that is built into the program.
//!
//! `cargo run --release --example train_pocket` learns the tokens, trains, and writes `pocket.gguf` into its folder; started again, it
//! goes on where it was. Ctrl-C stops it after the step in work.
//!
//! [`model`] is the forward pass, of [`ops`] and [`heads`] whose derivatives are written out over [`arithmetic`]; [`data`] packs what
//! [`tokenizer`] makes of the corpus; [`trainer`] is one step on several threads, [`optimizer`] its end; [`checkpoint`] and [`export`]
//! write files. Left out: any other model, any other data, and graphics processors.

#![expect(clippy::print_stdout, reason = "a command that reports as it goes")]

mod arithmetic;
mod checkpoint;
mod curve;
mod data;
mod export;
mod heads;
mod model;
mod ops;
mod optimizer;
mod run;
#[cfg(test)]
mod tests;
mod tokenizer;
mod trainer;

use std::path::PathBuf;

use clap::Parser;

// A step's tensors are large and short-lived: the system's allocator gives them back and fetches them anew each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The result of everything that can fail here.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Trains Pocket, or goes on training it.
#[derive(Debug, Parser)]
pub struct Args {
    /// Where the run is kept
    #[arg(long, default_value = "target/pocket")]
    pub folder: PathBuf,
    /// Steps in all
    #[arg(long, default_value_t = 6000)]
    pub steps: u64,
    /// Tokens that a step learns from
    #[arg(long, default_value_t = 4096)]
    pub batch: usize,
    /// Tokens of a sequence
    #[arg(long, default_value_t = 192, value_parser = clap::value_parser!(u16).range(2..=512))]
    pub length: u16,
    /// Tokens of a sequence in every fourth step
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u16).range(2..=512))]
    pub long: u16,
    /// Tokens that a thread works on at a time
    #[arg(long, default_value_t = 512)]
    pub part: usize,
    /// Threads
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub threads: u16,
    /// Stops after so many minutes, to go on another time
    #[arg(long)]
    pub minutes: Option<f64>,
    /// Writes the model as it is to this file, checks it, and trains no further
    #[arg(long)]
    pub export: Option<PathBuf>,
}

/// What must stand in the environment before the first product or allocation: each thread multiplies alone, and memory is kept.
const ENVIRONMENT: [(&str, &str); 2] = [("RAYON_NUM_THREADS", "1"), ("MIMALLOC_PURGE_DELAY", "-1")];

fn main() -> Result<()> {
    let args = Args::parse();
    if ENVIRONMENT.iter().all(|(key, value)| std::env::var(key).is_ok_and(|found| found == *value)) {
        return run::run(&args);
    }
    let mut again = std::process::Command::new(std::env::current_exe()?);
    again.args(std::env::args_os().skip(1)).envs(ENVIRONMENT);
    #[cfg(unix)]
    return Err(std::os::unix::process::CommandExt::exec(&mut again).into());
    #[cfg(not(unix))]
    if again.status()?.success() { Ok(()) } else { Err("the training failed".into()) }
}
