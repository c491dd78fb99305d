//! What a wish in the lab changes, and the order it becomes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{CHUNK, For, MOST_CHUNKS, TextFrom, Wish};
use crate::inspect::Model;
use crate::lab::candidate::Candidate;
use crate::lab::label::Label;
use crate::lab::mix::Recipe;
use crate::message::lab::{Lab as Command, Pick, Planning, Start, Text};
use crate::message::{Command as Any, Order};
use crate::state::{Slot, State};
use crate::store::chat::Role;

impl State {
    /// The page is shown: what is open or loaded is the reference to begin with.
    pub(in crate::state) fn enter_lab(&mut self) -> Option<Order> {
        if !matches!(self.lab.reference, Slot::Empty) {
            return None;
        }
        let opened = self.opened.ready().map(|opened| &opened.model);
        let model = opened.or(self.loaded.as_ref().map(|loaded| &loaded.model)).filter(|model| model.spec.is_ok())?;
        let path = model.file.path.clone();
        self.experiment(Wish::Reference(path))
    }

    /// Turns a wish of the lab into an order.
    pub(in crate::state) fn experiment(&mut self, wish: Wish) -> Option<Order> {
        match wish {
            Wish::Reference(path) => return self.refer_to(path),
            Wish::PickReference => return self.pick_for(For::Reference),
            Wish::ForgetReference => {
                self.lab.reference = Slot::Empty;
                self.lab.plan = None;
                return None;
            }
            Wish::Label(label, on) => self.set_pick(Pick::Made(Recipe::of(label)), on),
            Wish::Ladder => Label::LADDER.into_iter().for_each(|label| self.set_pick(Pick::Made(Recipe::of(label)), true)),
            Wish::Recipe(recipe) => self.set_pick(Pick::Made(recipe), true),
            Wish::Add(paths) => return self.add_files(paths),
            Wish::PickCandidate => return self.pick_for(For::Candidate),
            Wish::Family => {
                let family = self.lab.plan.as_ref()?.family.clone()?;
                return self.add_files(family.iter().map(|relative| relative.path.clone()).collect());
            }
            Wish::Remove(at) => {
                (at < self.lab.picks.len()).then(|| self.lab.picks.remove(at))?;
            }
            Wish::Clear => self.lab.picks.clear(),
            Wish::Text(text) => {
                self.lab.text = text;
                return None;
            }
            Wish::PickText => return self.pick_for(For::Text),
            Wish::Chunks(chunks) => self.lab.chunks = chunks.clamp(1, MOST_CHUNKS),
            Wish::Exact(exact) => self.lab.exact = exact,
            Wish::Plan => {}
            Wish::Compare => return self.compare(),
            Wish::Pause => return self.pause(false),
            Wish::GoOn => return self.go_on(),
            Wish::Stop => return self.pause(true),
            Wish::Select(run) => {
                let results = self.lab.results.as_mut()?;
                results.selected = (run < results.runs.len()).then_some(run);
                return None;
            }
            Wish::WhatIf { of, keep } => {
                let candidate = self.lab.results.as_ref()?.runs.get(of)?.candidate.what_if(&keep);
                return match candidate {
                    Ok(candidate) => self.measure_too(vec![candidate]),
                    Err(error) => {
                        self.tell(Some(error));
                        None
                    }
                };
            }
        }
        self.plan_lab()
    }

    /// A model that is there already, by its path.
    fn at_hand(&self, path: &Path) -> Option<Arc<Model>> {
        let opened = self.opened.ready().map(|opened| &opened.model);
        let loaded = self.loaded.as_ref().map(|loaded| &loaded.model);
        opened.into_iter().chain(loaded).find(|model| model.file.path == path).map(Arc::clone)
    }

    fn refer_to(&mut self, path: PathBuf) -> Option<Order> {
        self.lab.plan = None;
        if let Some(model) = self.at_hand(&path) {
            self.take_reference(model);
            return self.plan_lab();
        }
        let order = self.order(Any::Lab(Box::new(Command::Open(vec![path.clone()]))));
        self.lab.reference = Slot::Busy { job: order.job, progress: path };
        Some(order)
    }

    /// The reference is no candidate.
    pub(super) fn take_reference(&mut self, model: Arc<Model>) {
        self.lab.picks.retain(|pick| !matches!(pick, Pick::File(other) if other.file.path == model.file.path));
        self.lab.reference = Slot::Ready(model);
        self.lab.plan = None;
    }

    fn set_pick(&mut self, pick: Pick, on: bool) {
        let picks = &mut self.lab.picks;
        if !on {
            picks.retain(|other| *other != pick);
        } else if !picks.contains(&pick) {
            picks.push(pick);
        }
    }

    fn add_files(&mut self, paths: Vec<PathBuf>) -> Option<Order> {
        let mut paths = paths;
        if matches!(self.lab.reference, Slot::Empty | Slot::Failed(_)) && !paths.is_empty() {
            // Of several the largest would be the best reference, but headers are not read yet: the first one it is.
            let first = paths.remove(0);
            if !paths.is_empty() {
                self.inform("The first of the files is the reference; add the others once it is open.");
            }
            return self.refer_to(first);
        }
        let is_there = |path: &PathBuf| {
            let reference = self.lab.reference.ready().is_some_and(|model| model.file.path == *path);
            reference || self.lab.picks.iter().any(|pick| matches!(pick, Pick::File(model) if model.file.path == *path))
        };
        paths.retain(|path| !is_there(path) && !self.lab.opening.contains(path));
        if paths.is_empty() || self.lab.opening_job.is_some() {
            return None;
        }
        self.lab.opening.clone_from(&paths);
        let order = self.order(Any::Lab(Box::new(Command::Open(paths))));
        self.lab.opening_job = Some(order.job);
        Some(order)
    }

    fn pick_for(&mut self, what: For) -> Option<Order> {
        if self.lab.picking.is_some() {
            return None;
        }
        let order = self.order(Any::Pick);
        self.lab.picking = Some((order.job, what));
        Some(order)
    }

    /// Orders the plan of what is chosen; the newest counts.
    fn plan_lab(&mut self) -> Option<Order> {
        let reference = Arc::clone(self.lab.reference.ready()?);
        let offers = self.lab.plan.as_ref().is_none_or(|plan| plan.offers.is_none());
        let name = reference.name().to_lowercase();
        let elsewhere = self.summaries.iter().filter(|(_, summary)| summary.name.to_lowercase() == name).map(|(path, _)| path.clone());
        let planning = Planning {
            picks: self.lab.picks.clone(),
            settings: self.lab.settings(self.threads()),
            offers,
            elsewhere: if offers { elsewhere.collect() } else { Vec::new() },
            machine: self.lab_machine(),
            reference,
        };
        let order = self.order(Any::Lab(Box::new(Command::Plan(Box::new(planning)))));
        self.lab.planning = Slot::Busy { job: order.job, progress: () };
        Some(order)
    }

    /// What can be measured of what is planned.
    fn measurable(&self) -> Vec<Candidate> {
        let planned = self.lab.picks.iter().filter_map(|pick| self.lab.planned(pick));
        planned.filter_map(|planned| Some((*planned.candidate.as_ref().ok()?.0).clone())).collect()
    }

    fn compare(&mut self) -> Option<Order> {
        if self.lab.measuring.job().is_some() {
            return None;
        }
        let (reference, _) = self.lab.plan.as_ref()?.reference.as_ref().ok()?.clone();
        let candidates = self.measurable();
        if candidates.is_empty() {
            return None;
        }
        let start = Start {
            reference: (*reference).clone(),
            candidates,
            text: self.text_to_measure(),
            settings: self.lab.settings(self.threads()),
        };
        Some(self.measure(Command::Start(Box::new(start))))
    }

    fn measure(&mut self, command: Command) -> Order {
        let order = self.order(Any::Lab(Box::new(command)));
        self.lab.measuring = Slot::Busy { job: order.job, progress: crate::message::lab::Progress::default() };
        self.lab.stopping = false;
        order
    }

    fn text_to_measure(&self) -> Text {
        match &self.lab.text {
            TextFrom::Bundled => Text::Bundled,
            TextFrom::File(path) => Text::File(path.clone()),
            TextFrom::Conversation => Text::Words(self.conversation().into()),
        }
    }

    /// The conversation that is shown, as one text.
    #[must_use]
    pub fn conversation(&self) -> String {
        let chat = self.chats.current();
        let mut text = chat.system.clone();
        for turn in &chat.turns {
            if !text.is_empty() {
                text.push_str(if turn.role == Role::User { "\n\n" } else { "\n" });
            }
            text.push_str(&turn.text);
        }
        text
    }

    fn pause(&mut self, stop: bool) -> Option<Order> {
        if let Some(job) = self.lab.measuring.job() {
            self.lab.stopping |= stop;
            return self.stop(Some(job));
        }
        if stop { self.forget_comparison() } else { None }
    }

    /// The worker lets go of what it keeps for going on.
    pub(super) fn forget_comparison(&mut self) -> Option<Order> {
        if !self.lab.kept {
            return None;
        }
        self.lab.kept = false;
        let order = self.order(Any::Lab(Box::new(Command::Forget)));
        self.lab.forgetting = Some(order.job);
        Some(order)
    }

    fn go_on(&mut self) -> Option<Order> {
        self.lab.is_paused().then(|| self.measure(Command::GoOn))
    }

    /// Measures more candidates against what is kept of the reference.
    fn measure_too(&mut self, candidates: Vec<Candidate>) -> Option<Order> {
        if self.lab.measuring.job().is_some() {
            self.inform("Pause the measurement first, then ask what if; it goes on with both.");
            return None;
        }
        if !self.lab.kept {
            self.inform("What was measured is no longer kept. Compare again, then ask what if.");
            return None;
        }
        Some(self.measure(Command::Add(candidates)))
    }

    /// Tokens that would be measured.
    #[must_use]
    pub fn lab_tokens(&self) -> usize {
        self.lab.chunks * self.lab.settings(1).chunk.min(CHUNK)
    }
}
