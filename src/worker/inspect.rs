//! The inspect lane: headers and folders. It owns no model.

use std::sync::Arc;

use super::Context;
use super::lane::{Lane, job_of};
use crate::error::{Error, Result};
use crate::file::ModelFile;
use crate::inspect::Model;
use crate::library::Folders;
use crate::library::places::Places;
use crate::library::scan::find_models;
use crate::message::{Command, JobId, Order, Outcome};

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
            Command::Inspect(path) => Ok(Outcome::Inspected(Arc::new(Model::read(ModelFile::open(&path)?)))),
            Command::Scan { folders } => Ok(Outcome::Scanned(find_models(&self.folders, &folders, &Places::from_process(), &context.stop))),
            other => Err(Error::Internal(format!("the inspect lane cannot do {other:?}"))),
        }
    }
}
