//! The inspect lane: headers and folders. It owns no model.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Context;
use super::lane::{Lane, job_of};
use crate::error::{Error, Result};
use crate::inspect::Model;
use crate::library::places::Places;
use crate::library::scan::find_models;
use crate::library::summary::Summary;
use crate::library::{self, Folders};
use crate::message::{Command, JobId, Order, Outcome};
use crate::pocket;

/// A header takes about a millisecond; beyond this many the list says less.
const MOST_HEADERS: usize = 1_000;

pub struct InspectLane {
    folders: Folders,
}

impl InspectLane {
    pub const fn new(folders: Folders) -> Self {
        Self { folders }
    }
}

impl Lane for InspectLane {
    type Task = Order;

    fn job(task: &Order) -> Option<JobId> {
        job_of(task)
    }

    fn run(&mut self, order: Order, context: &Context<'_>) -> Result<Outcome> {
        match order.command {
            Command::Inspect(path) => Ok(Outcome::Inspected(Arc::new(Model::read(library::open(&path)?)))),
            Command::Scan { folders, recent } => {
                let found = find_models(&self.folders, &folders, &Places::from_process(), &context.stop);
                let files = recent.iter().chain(found.iter().map(|found| &found.path)).map(PathBuf::as_path);
                let summaries = std::iter::once(Path::new(pocket::WORD))
                    .chain(files)
                    .take_while(|_| context.go_on())
                    .take(MOST_HEADERS)
                    .filter_map(|path| Some((path.to_owned(), Summary::read(path).ok()?)))
                    .collect();
                Ok(Outcome::Scanned { found, summaries })
            }
            other => Err(Error::Internal(format!("the inspect lane cannot do {other:?}"))),
        }
    }
}
