//! Ponder's program: arguments, the counting allocator, and either a headless command or the window. Thin.

use std::process::ExitCode;

use clap::Parser as _;
use ponder::cli::{self, args::Cli};
use ponder::memory::alloc::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn main() -> ExitCode {
    let args = Cli::parse();
    match &args.command {
        Some(command) => cli::run(command),
        None => ExitCode::SUCCESS,
    }
}
