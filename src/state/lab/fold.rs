//! What an event of the lab changes, and the wish that follows from it.

use super::{For, Results, TextFrom, Wish};
use crate::error::Error;
use crate::lab::run::Status;
use crate::message::lab::{Found, Pick, Told};
use crate::message::{JobId, Outcome};
use crate::state::{Action, Slot, State, Tone};

impl State {
    /// Folds in what was told.
    pub(in crate::state) fn lab_told(&mut self, job: JobId, told: Told) {
        if let Told::Opened(path, model) = told {
            if self.lab.reference.waits_for(job) {
                self.lab.reference_job = Some(job);
                match model {
                    Ok(model) => self.take_reference(model),
                    Err(error) => self.lab.reference = Slot::Failed(error),
                }
            } else if self.lab.opening_job == Some(job) {
                self.lab.opening.retain(|other| *other != path);
                match model.map(Pick::File) {
                    Ok(pick) if !self.lab.picks.contains(&pick) => self.lab.picks.push(pick),
                    Ok(_) => {}
                    Err(error) => self.tell(Some(error)),
                }
            }
            return;
        }
        if !self.lab.measuring.waits_for(job) {
            return;
        }
        if let Told::Begun(begun) = told {
            let generation = self.lab.results.as_ref().map_or(0, |results| results.generation) + 1;
            self.lab.results = Some(Results::new(*begun, generation));
            self.lab.kept = true;
            return;
        }
        if let Told::Progress(progress) = told {
            self.lab.measuring = Slot::Busy { job, progress };
            return;
        }
        let Some(results) = &mut self.lab.results else { return };
        match told {
            Told::Added(added, budget) => {
                if !added.is_empty() {
                    results.selected = Some(results.runs.len());
                }
                results.add(added, budget);
            }
            Told::Loaded(run, booked) => {
                if let Some(run) = results.runs.get_mut(run) {
                    run.status = Status::Running;
                    run.booked = Some(booked);
                }
            }
            Told::Point(point) => results.take(*point),
            Told::Ended { run, status, decode } => {
                let failed = match &status {
                    Status::Failed(error) => results.runs.get(run).map(|run| format!("{}: {error}", run.candidate.name)),
                    _ => None,
                };
                results.end(run, status, decode);
                if let Some(words) = failed {
                    self.notices.push(Tone::Error, words, None, self.now);
                }
            }
            Told::Export(exports) => results.exports = Some(exports),
            Told::Opened(..) | Told::Begun(_) | Told::Progress(_) => {}
        }
    }

    /// Folds in how a job of the lab ended.
    pub(in crate::state) fn lab_done(&mut self, job: JobId, outcome: Result<Outcome, Error>) -> Option<Action> {
        let plan_anew = Some(Action::Lab(Wish::Plan));
        if self.lab.reference_job == Some(job) {
            self.lab.reference_job = None;
            return self.lab.reference.ready().and(plan_anew);
        }
        if self.lab.reference.waits_for(job) {
            // It was told before, if it could be read.
            self.lab.reference = match outcome {
                Err(error) if error != Error::Cancelled => Slot::Failed(error),
                _ => Slot::Empty,
            };
            return None;
        }
        if self.lab.opening_job == Some(job) {
            self.lab.opening_job = None;
            self.lab.opening.clear();
            self.tell(outcome.err());
            return plan_anew;
        }
        if self.lab.planning.waits_for(job) {
            self.lab.planning = match outcome {
                Ok(Outcome::Lab(Found::Plan(plan))) => {
                    let before = self.lab.plan.take();
                    let mut plan = plan;
                    if plan.offers.is_none()
                        && let Some(before) = before
                    {
                        let kept = std::sync::Arc::make_mut(&mut plan);
                        (kept.offers, kept.family) = (before.offers.clone(), before.family.clone());
                    }
                    self.lab.plan = Some(plan);
                    Slot::Ready(())
                }
                Ok(_) | Err(Error::Cancelled) => Slot::Empty,
                Err(error) => Slot::Failed(error),
            };
            return None;
        }
        if self.lab.measuring.waits_for(job) {
            let stopping = std::mem::take(&mut self.lab.stopping);
            self.lab.measuring = match outcome {
                Ok(_) => Slot::Ready(()),
                Err(Error::Cancelled) => Slot::Empty,
                Err(error) => Slot::Failed(error),
            };
            return stopping.then_some(Action::Lab(Wish::Stop));
        }
        if self.lab.forgetting == Some(job) {
            self.lab.forgetting = None;
            self.tell(outcome.err());
            return None;
        }
        let (_, what) = self.lab.picking.take_if(|(picking, _)| *picking == job)?;
        match outcome {
            Ok(Outcome::Picked(Some(path))) => Some(Action::Lab(match what {
                For::Reference => Wish::Reference(path),
                For::Candidate => Wish::Add(vec![path]),
                For::Text => Wish::Text(TextFrom::File(path)),
            })),
            Ok(_) => None,
            Err(error) => {
                self.tell(Some(error));
                None
            }
        }
    }
}
