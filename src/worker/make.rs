//! The make lane: measures how far a mix moves each tensor, and writes mixes as files. It owns no model and stands still while the
//! engine lane answers.

use std::path::Path;
use std::time::{Duration, Instant};

use super::Context;
use super::lane::{Lane, job_of};
use crate::error::{Error, Result};
use crate::inspect::Model;
use crate::kernels::courtesy::Courtesy;
use crate::kernels::pool::Pool;
use crate::lab::candidate::Candidate;
use crate::lab::distortion::{self, Against, Distortion};
use crate::lab::quantize;
use crate::memory::disk;
use crate::message::make::{Made, Make, Making, Writing};
use crate::message::{Command, JobId, Order, Outcome, Step};
use crate::units::Bytes;

/// How often it is told how far it is.
const TELL_EVERY: Duration = Duration::from_millis(60);
/// How often it looks whether the engine is done.
const NAP: Duration = Duration::from_millis(5);

pub struct MakeLane {
    courtesy: Courtesy,
    threads: usize,
    pool: Option<Pool>,
}

impl MakeLane {
    pub const fn new(courtesy: Courtesy, threads: usize) -> Self {
        Self { courtesy, threads, pool: None }
    }

    fn make(&mut self, make: Make, context: &Context<'_>) -> Result<Made> {
        if self.pool.is_none() {
            self.pool = Some(Pool::new(self.threads)?);
        }
        let pool = self.pool.as_ref().ok_or_else(|| Error::Internal("no threads to compute with".into()))?;
        let wait = || {
            while self.courtesy.is_busy() && context.go_on() {
                std::thread::sleep(NAP);
            }
            context.go_on()
        };
        match make {
            Make::Distort { reference, candidate } => distort(&reference, &candidate, pool, context, &wait),
            Make::Room(folder) => {
                let room = disk::room(&folder);
                Ok(Made::Room(folder, room))
            }
            Make::Write { candidate, path, replace } => write(&candidate, &path, replace, pool, context, &wait),
        }
    }
}

impl Lane for MakeLane {
    type Task = Order;

    fn job(task: &Order) -> Option<JobId> {
        job_of(task)
    }

    fn run(&mut self, order: Order, context: &Context<'_>) -> Result<Outcome> {
        match order.command {
            Command::Make(make) => self.make(*make, context).map(Outcome::Made),
            other => Err(Error::Internal(format!("the make lane cannot do {other:?}"))),
        }
    }
}

fn distort(reference: &Model, candidate: &Candidate, pool: &Pool, context: &Context<'_>, wait: &dyn Fn() -> bool) -> Result<Made> {
    let is_made = candidate.model.file.path == reference.file.path;
    let against = if is_made { Against::Mix(&candidate.mix) } else { Against::File(&candidate.model) };
    let mut news: Vec<Distortion> = Vec::new();
    let mut told = Instant::now();
    distortion::measure(reference, against, pool, &mut |progress, found| {
        news.extend(found.cloned());
        if told.elapsed() >= TELL_EVERY || progress.tensors == progress.of {
            told = Instant::now();
            context
                .step(Step::Making(Making::Distorted { tensors: std::mem::take(&mut news), share: share(progress.done, progress.total) }));
        }
        wait()
    })?;
    if !news.is_empty() {
        context.step(Step::Making(Making::Distorted { tensors: news, share: 1.0 }));
    }
    Ok(Made::Distorted)
}

fn write(candidate: &Candidate, path: &Path, replace: bool, pool: &Pool, context: &Context<'_>, wait: &dyn Fn() -> bool) -> Result<Made> {
    if !replace && path.exists() {
        return Err(Error::store(
            path,
            "is there already; give the new file another name, or choose it in the system's dialog to replace it",
        ));
    }
    let mut told: Option<Instant> = None;
    let bytes = quantize::write(&candidate.model, &candidate.mix, path, pool, &mut |progress| {
        if told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
            told = Some(Instant::now());
            context.step(Step::Making(Making::Writing(Writing {
                tensor: progress.tensor.name.clone(),
                types: [progress.tensor.from, progress.tensor.to],
                number: progress.index + 1,
                of: progress.tensors,
                done: progress.done,
                total: progress.total,
            })));
        }
        wait()
    })?;
    Ok(Made::Written { path: path.to_owned(), bytes })
}

fn share(done: Bytes, all: Bytes) -> f64 {
    if all.0 == 0 { 1.0 } else { done.as_f64() / all.as_f64() }
}
