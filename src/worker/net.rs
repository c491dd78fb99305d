//! The net lane: downloads, and nothing else that touches a network.

use super::Context;
use super::lane::{Lane, job_of};
use crate::error::{Error, Result};
use crate::library::environment::Environment;
use crate::library::fetch::fetch;
use crate::library::{Folders, starter};
use crate::message::{Command, JobId, Order, Outcome, Step};

pub struct NetLane {
    folders: Folders,
}

impl NetLane {
    pub const fn new(folders: Folders) -> Self {
        Self { folders }
    }
}

impl Lane for NetLane {
    type Task = Order;

    fn job(task: &Order) -> Option<JobId> {
        job_of(task)
    }

    fn run(&mut self, order: Order, context: &Context<'_>) -> Result<Outcome> {
        match order.command {
            Command::Fetch => {
                let mut progress = |progress| context.step(Step::Fetching(progress));
                let environment = Environment::from_process();
                fetch(&starter::download(), &self.folders, &environment, &context.stop, &mut progress).map(Outcome::Fetched)
            }
            other => Err(Error::Internal(format!("the net lane cannot do {other:?}"))),
        }
    }
}
