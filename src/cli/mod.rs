//! The headless commands: they print, and compute nothing themselves. One file per command, over the same functions as the lanes.

mod answers;
pub mod args;
mod bench;
mod compare;
mod distortion;
mod fetch;
pub mod inspect;
mod logits;
mod perplexity;
mod plan;
mod prepare;
mod quantize;
mod run;
mod stats;
mod tokenize;

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::lab::export::number;
use crate::memory::{Part, Parts};
use crate::units::Bytes;
use args::Command;

/// Raised by Ctrl+C.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The exit code of a command that was cancelled.
const CANCELLED: u8 = 130;

/// Runs a headless command and says how it went.
#[must_use]
pub fn run(command: &Command) -> ExitCode {
    // Without the handler Ctrl+C simply ends the process, which is the same to the shell.
    let _installed = ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::abort();
        }
    });
    let result = match command {
        Command::Inspect(args) => inspect::run(args),
        Command::Stats(args) => stats::run(args),
        Command::Plan(args) => plan::run(args),
        Command::Run(args) => run::run(args),
        Command::Tokenize(args) => tokenize::run(args),
        Command::Logits(args) => logits::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Perplexity(args) => perplexity::run(args),
        Command::Answers(args) => answers::run(args),
        Command::Quantize(args) => quantize::run(args),
        Command::Distortion(args) => distortion::run(args),
        Command::Compare(args) => compare::run(args),
        Command::Fetch(args) => fetch::run(args),
    };
    match result {
        Ok(()) if go_on() => ExitCode::SUCCESS,
        Ok(()) | Err(Error::Cancelled) => ExitCode::from(CANCELLED),
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

/// Writes an error as one line to stderr.
pub fn complain(error: &Error) {
    let line = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    note(&format!("ponder: {line}"));
}

/// Whether nobody pressed Ctrl+C.
fn go_on() -> bool {
    !INTERRUPTED.load(Ordering::Relaxed)
}

/// Prints to stdout; a closed pipe ends the output and nothing else.
fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::Internal(format!("cannot write to stdout: {error}"))),
        _ => Ok(()),
    }
}

/// Prints a result: the JSON object, or its text.
fn show(as_json: bool, value: &Value, text: impl FnOnce() -> String) -> Result<()> {
    let mut out = if as_json { value.to_string() } else { text() };
    out.push('\n');
    print(&out)
}

/// Says something on stderr.
fn note(text: &str) {
    // Nobody may be listening there, and nothing depends on it.
    let _heard = writeln!(std::io::stderr(), "{text}");
}

/// The parts that this truth can tell, and their total, in bytes.
fn parts_json(parts: &Parts, total: Option<Bytes>) -> Value {
    let mut map = Map::new();
    for part in Part::ALL {
        if let Some(bytes) = parts.get(part) {
            map.insert(part.key().to_owned(), json!(bytes.0));
        }
    }
    if let Some(total) = total {
        map.insert("total".to_owned(), json!(total.0));
    }
    Value::Object(map)
}
