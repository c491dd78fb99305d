//! The export lane: writes what a person takes away, so that neither looking nor answering waits for a slow disk.

use super::Context;
use super::lane::{Lane, job_of};
use crate::error::{Error, Result};
use crate::file::png;
use crate::file::replacement::Replacement;
use crate::inspect::npy;
use crate::inspect::values::TensorValues;
use crate::message::export::{Export, What};
use crate::message::{Command, JobId, Order, Outcome, Step};

pub struct ExportLane;

impl Lane for ExportLane {
    type Task = Order;

    fn job(task: &Order) -> Option<JobId> {
        job_of(task)
    }

    fn run(&mut self, order: Order, context: &Context<'_>) -> Result<Outcome> {
        let Command::Export(export) = order.command else {
            return Err(Error::Internal(format!("the export lane cannot do {:?}", order.command)));
        };
        let Export { what, path } = *export;
        match what {
            What::Npy { model, tensor } => {
                let info = &model.file.tensors[tensor];
                npy::write(&TensorValues::new(&model.file, info)?, &info.shape, &path, &mut |share| {
                    context.step(Step::Writing(share));
                    context.go_on()
                })?;
            }
            What::Bytes(bytes) => {
                let mut file = Replacement::begin(&path)?;
                file.write(&bytes)?;
                file.finish()?;
            }
            What::Picture(pixels) => png::write(&pixels, &path)?,
        }
        Ok(Outcome::Written(path))
    }
}
