//! What an event changes, and the wish that follows from it.

use std::sync::Arc;

use super::{Action, Loaded, Opened, Page, Phase, Slot, State, Tone};
use crate::error::Error;
use crate::inspect::Model;
use crate::library::summary::Summary;
use crate::memory::plan::{self, Fit};
use crate::message::{Event, JobId, Outcome, Receipt, Restored, Step};
use crate::store::settings::Settings;

impl State {
    /// Folds an event in and returns at most one wish that follows. Events of jobs nobody waits for change nothing, but that a model is
    /// gone is true whoever's job it was.
    pub fn apply(&mut self, event: Event) -> Option<Action> {
        let follows = self.fold(event);
        self.follow_lab();
        follows
    }

    fn fold(&mut self, event: Event) -> Option<Action> {
        match event {
            Event::Step { job, step } => self.step(job, step),
            Event::Done { job, outcome } => return self.done(job, outcome),
            Event::Gauge { sample, machine } => {
                self.memory.push(sample);
                self.machine = machine;
                self.replan();
            }
            Event::Warning(error) => self.notices.push(Tone::Warning, error.to_string(), None, self.now),
        }
        None
    }

    fn step(&mut self, job: JobId, step: Step) {
        match step {
            Step::Freed(id) => {
                if self.loaded.as_ref().is_some_and(|loaded| loaded.receipt.id == id) {
                    self.loaded = None;
                    self.read = None;
                    self.show_context();
                    self.memory.mark("unloaded");
                }
            }
            Step::Loading { done, total } if self.loading.waits_for(job) => {
                if let Some(progress) = self.loading.progress_mut() {
                    (progress.done, progress.total) = (done, total);
                }
            }
            Step::Fetching(progress) if self.starter.waits_for(job) => self.starter = Slot::Busy { job, progress: Some(progress) },
            Step::Seen(seen) => self.seen(job, seen),
            Step::Side(seen) => self.side_seen(job, seen),
            Step::Making(making) => self.making(job, making),
            Step::Writing(share) => self.wrote(job, share),
            Step::Lab(told) => self.lab_told(job, told),
            Step::Reading { done, total } => {
                if let Some(answering) = self.answering.as_mut().filter(|answering| answering.job == job) {
                    answering.phase = Phase::Reading { done, total };
                    self.read = Some((answering.chat.clone(), done));
                    self.show_context();
                }
            }
            Step::Text { text, generated, context_used, decode } => {
                let Some(answering) = self.answering.as_mut().filter(|answering| answering.job == job) else { return };
                answering.phase = Phase::Writing { generated, decode };
                let chat = answering.chat.clone();
                // The journal writes it; the chat is written when the answer is complete.
                self.chats.update(&chat, |chat| {
                    if let Some(turn) = chat.turns.last_mut().filter(|turn| turn.is_open()) {
                        turn.text.push_str(&text);
                    }
                });
                self.read = Some((chat, context_used));
                self.show_context();
            }
            Step::Loading { .. } | Step::Fetching(_) => {}
        }
    }

    fn done(&mut self, job: JobId, outcome: Result<Outcome, Error>) -> Option<Action> {
        if self.opened.waits_for(job) {
            return self.inspected(job, outcome);
        }
        if self.loading.waits_for(job) {
            return self.loaded(outcome);
        }
        if self.answering.as_ref().is_some_and(|answering| answering.job == job) {
            return self.answered(outcome);
        }
        if self.starter.waits_for(job) {
            return self.fetched(outcome);
        }
        if self.restored.waits_for(job) {
            return Some(self.take_over(outcome));
        }
        if self.browsing.waits_for(job) {
            return self.browsed(job, outcome);
        }
        if self.side.asking.waits_for(job) {
            return self.side_done(outcome);
        }
        if self.workshop.waits_for(job) {
            return self.made(job, outcome);
        }
        if self.exporting.waits_for(job) {
            return self.exported(job, outcome);
        }
        if self.lab.waits_for(job) {
            return self.lab_done(job, outcome);
        }
        if self.tokens.asked.waits_for(job) {
            return self.tokenized(outcome);
        }
        if self.bandwidth.waits_for(job) {
            self.measured(outcome);
        } else if self.found.waits_for(job) {
            self.found = match outcome {
                Ok(Outcome::Scanned { found, summaries }) => {
                    self.summaries = summaries;
                    Slot::Ready(found)
                }
                Ok(_) => Slot::Empty,
                Err(error) => Slot::Failed(error),
            };
            return std::mem::take(&mut self.scan_again).then_some(Action::Scan).or_else(|| self.first_question());
        } else if self.prompt.waits_for(job) {
            self.prompt = match outcome {
                Ok(Outcome::Prompt(prompt)) => Slot::Ready(prompt),
                Ok(_) | Err(Error::Cancelled) => Slot::Empty,
                Err(error) => Slot::Failed(error),
            };
        } else if self.asking_theme == Some(job) {
            self.asking_theme = None;
            if let Ok(Outcome::Theme { dark }) = outcome {
                self.system_is_dark = dark;
            }
        } else if self.picking == Some(job) {
            self.picking = None;
            if let Ok(Outcome::Picked(Some(path))) = outcome {
                return Some(Action::Open { path, load: false });
            }
            self.tell(outcome.err());
        } else if let Some(written) = self.saving.done(job) {
            return self.saved(&written, outcome);
        } else if self.unloading == Some(job) {
            self.unloading = None;
            // A model that went before is what was wished for.
            self.tell(outcome.err().filter(|_| self.loaded.is_some()));
        } else if self.chores.remove(&job) {
            self.tell(outcome.err());
        }
        None
    }

    /// Shows an error once, unless the person asked for it.
    pub(super) fn tell(&mut self, error: Option<Error>) {
        if let Some(error) = error.filter(|error| *error != Error::Cancelled) {
            self.notices.push(Tone::Error, error.to_string(), None, self.now);
        }
    }

    fn inspected(&mut self, job: JobId, outcome: Result<Outcome, Error>) -> Option<Action> {
        let load = self.load_when_open.take().is_some();
        match outcome {
            Ok(Outcome::Inspected(model)) => {
                self.forget_browsing();
                let plan = plan::plan(&model, self.first_choice(&model), &self.planning_machine());
                let fits = plan.as_ref().is_ok_and(|plan| matches!(plan.fit, Fit::Fits | Fit::Tight));
                if model.file.built_in.is_none() {
                    self.remember(model.file.path.clone());
                }
                self.welcome.inspected(job, &model);
                self.summaries.insert(model.file.path.clone(), Summary::of(&model));
                self.opened = Slot::Ready(Opened { model, plan });
                (load && fits).then_some(Action::Load { anyway: false })
            }
            Ok(_) => {
                self.opened = Slot::Empty;
                None
            }
            Err(error) => {
                self.opened = Slot::Failed(error);
                None
            }
        }
    }

    fn loaded(&mut self, outcome: Result<Outcome, Error>) -> Option<Action> {
        let promised = self.promised.take();
        let by_itself = promised.as_ref().is_some_and(|(model, _)| self.welcome.opened(model));
        match (outcome, promised) {
            (Ok(Outcome::Loaded(receipt)), Some((model, plan))) => {
                self.loading = Slot::Empty;
                self.memory.mark("loaded");
                self.read = None;
                self.show_context();
                self.fallback_template = false;
                self.warn_of_template(&receipt, &model);
                self.loaded = Some(Loaded { model, plan, receipt: *receipt });
                self.follow_template();
                if !by_itself && matches!(self.page, Page::Home | Page::Model) {
                    self.page = Page::Chat;
                }
            }
            (Err(error), _) if error != Error::Cancelled => {
                self.tell(Some(error.clone()));
                self.loading = Slot::Failed(error);
            }
            (Ok(_) | Err(_), _) => self.loading = Slot::Empty,
        }
        if by_itself { self.welcome_loaded() } else { None }
    }

    /// A template that is missing or broken offers its fallback.
    fn warn_of_template(&mut self, receipt: &Receipt, model: &Arc<Model>) {
        let Err(error) = &receipt.template else { return };
        let text = format!("{}: {error}", model.name());
        self.notices.push(Tone::Warning, text, Some(("Use the fallback", Action::UseFallbackTemplate(true))), self.now);
    }

    fn fetched(&mut self, outcome: Result<Outcome, Error>) -> Option<Action> {
        match outcome {
            Ok(Outcome::Fetched(path)) => {
                self.starter = Slot::Ready(path.clone());
                Some(Action::Open { path, load: true })
            }
            Ok(_) | Err(Error::Cancelled) => {
                self.starter = Slot::Empty;
                None
            }
            Err(error) => {
                self.tell(Some(error.clone()));
                self.starter = Slot::Failed(error);
                None
            }
        }
    }

    fn take_over(&mut self, outcome: Result<Outcome, Error>) -> Action {
        let is_first = matches!(&outcome, Ok(Outcome::Restored(found)) if found.chats.is_empty() && found.problems.is_empty());
        match outcome {
            Ok(Outcome::Restored(restored)) => {
                let Restored { chats, settings, problems } = *restored;
                self.chats.add(chats);
                let mine = std::mem::replace(&mut self.settings, settings.clone());
                self.keep_changes(mine);
                self.saving.settings_are_saved(self.settings == settings);
                self.restored = Slot::Ready(());
                for problem in problems {
                    self.notices.push(Tone::Warning, problem.to_string(), None, self.now);
                }
            }
            Ok(_) => self.restored = Slot::Ready(()),
            Err(error) => {
                self.tell(Some(error));
                self.restored = Slot::Ready(());
            }
        }
        self.welcome_knows(is_first);
        Action::Scan
    }

    /// What was changed since the window opened stays; the rest is as it was on disk.
    fn keep_changes(&mut self, mine: Settings) {
        let start = std::mem::take(&mut self.settings_at_start);
        let settings = &mut self.settings;
        if mine.threads != start.threads {
            settings.threads = mine.threads;
        }
        if mine.theme != start.theme {
            settings.theme = mine.theme;
        }
        if mine.scale.to_bits() != start.scale.to_bits() {
            settings.scale = mine.scale;
        }
        if mine.pocket_at_start != start.pocket_at_start {
            settings.pocket_at_start = mine.pocket_at_start;
        }
        if mine.model_folders != start.model_folders {
            settings.model_folders = mine.model_folders;
        }
        if mine.side_panel_width.to_bits() != start.side_panel_width.to_bits() {
            settings.side_panel_width = mine.side_panel_width;
        }
        if mine.chat_list_width.to_bits() != start.chat_list_width.to_bits() {
            settings.chat_list_width = mine.chat_list_width;
        }
        if mine.window != start.window {
            settings.window = mine.window;
        }
        for path in mine.recent.into_iter().rev().filter(|path| !start.recent.contains(path)) {
            self.remember(path);
        }
    }
}
