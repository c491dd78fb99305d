//! Ponder's program: the counting allocator, and then either a headless command or the window.

use std::process::ExitCode;

use clap::Parser as _;
use ponder::app::{Open, Start, window};
use ponder::cli::{self, args::Cli};
use ponder::error::Result;
use ponder::library::{Folders, starter};
use ponder::memory::alloc::CountingAllocator;
use ponder::store;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn main() -> ExitCode {
    let args = Cli::parse();
    match &args.command {
        Some(command) => cli::run(command),
        None => match open_window(&args) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                cli::complain(&error);
                ExitCode::FAILURE
            }
        },
    }
}

fn open_window(args: &Cli) -> Result<()> {
    let folders = Folders::from_process()?;
    let open = match args.files.first() {
        None => Open::Welcome,
        Some(file) if file.as_os_str() == starter::WORD => Open::Starter,
        Some(file) => Open::File(file.clone()),
    };
    let settings = store::peek_settings(&folders.data);
    window::open(&folders, &Start { open: Some(open), settings, software_renderer: false }, args.renderer)
}
