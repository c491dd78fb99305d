//! What an event changes, and the wish that follows from it.

use super::{Action, Loaded, Opened, Page, Phase, Slot, State, Tone};
use crate::error::Error;
use crate::inspect::Model;
use crate::library::summary::Summary;
use crate::memory::plan::{self, Fit};
use crate::message::{Event, JobId, Outcome, Receipt, Restored, Step};
use crate::store::chat::{Metrics, Mode, Role, StopReason};
use std::sync::Arc;

impl State {
    /// Folds an event in and returns at most one wish that follows. Events of jobs nobody waits for change nothing.
    pub fn apply(&mut self, event: Event) -> Option<Action> {
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
                    self.context_used = 0;
                    self.memory.mark("unloaded");
                }
            }
            Step::Loading { done, total } if self.loading.waits_for(job) => {
                if let Some(progress) = self.loading.progress_mut() {
                    (progress.done, progress.total) = (done, total);
                }
            }
            Step::Fetching(progress) if self.starter.waits_for(job) => self.starter = Slot::Busy { job, progress: Some(progress) },
            Step::Reading { done, total } => {
                if let Some(answering) = self.answering.as_mut().filter(|answering| answering.job == job) {
                    answering.phase = Phase::Reading { done, total };
                    self.context_used = done;
                }
            }
            Step::Text { text, generated, context_used, decode } => {
                let Some(answering) = self.answering.as_mut().filter(|answering| answering.job == job) else { return };
                answering.phase = Phase::Writing { generated, decode };
                self.context_used = context_used;
                let chat = answering.chat.clone();
                self.chats.edit(&chat, self.now, |chat| {
                    if let Some(turn) = chat.turns.last_mut() {
                        turn.text.push_str(&text);
                    }
                });
                // The journal has it; the chat is written as a whole when the answer is complete.
                self.chats.written(&chat);
            }
            Step::Loading { .. } | Step::Fetching(_) => {}
        }
    }

    fn done(&mut self, job: JobId, outcome: Result<Outcome, Error>) -> Option<Action> {
        if self.opened.waits_for(job) {
            return self.inspected(outcome);
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
        if self.found.waits_for(job) {
            self.found = match outcome {
                Ok(Outcome::Scanned { found, summaries }) => {
                    self.summaries = summaries;
                    Slot::Ready(found)
                }
                Ok(_) => Slot::Empty,
                Err(error) => Slot::Failed(error),
            };
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
        } else if self.saving == Some(job) {
            self.saving = None;
            match outcome {
                Ok(_) => return (self.chats.has_dirty() || self.settings_dirty).then_some(Action::SaveDirty),
                Err(error) => self.tell(Some(error)),
            }
        } else if self.unloading == Some(job) {
            self.unloading = None;
            self.tell(outcome.err());
        } else if let Err(error) = outcome {
            // Deleting and restoring chats wait in no slot, but their failure must be seen.
            self.tell(Some(error));
        }
        None
    }

    /// Shows an error once, unless the person asked for it.
    fn tell(&mut self, error: Option<Error>) {
        if let Some(error) = error.filter(|error| *error != Error::Cancelled) {
            self.notices.push(Tone::Error, error.to_string(), None, self.now);
        }
    }

    fn inspected(&mut self, outcome: Result<Outcome, Error>) -> Option<Action> {
        let load = std::mem::take(&mut self.load_when_open);
        match outcome {
            Ok(Outcome::Inspected(model)) => {
                let plan = plan::plan(&model, self.first_choice(&model), &self.planning_machine());
                let fits = plan.as_ref().is_ok_and(|plan| matches!(plan.fit, Fit::Fits | Fit::Tight));
                self.remember(model.file.path.clone());
                self.summaries.insert(model.file.path.clone(), Summary::of(&model));
                self.opened = Slot::Ready(Opened { model, plan });
                (load && fits).then_some(Action::Load { anyway: false })
            }
            Ok(_) => None,
            Err(error) => {
                self.opened = Slot::Failed(error);
                None
            }
        }
    }

    fn loaded(&mut self, outcome: Result<Outcome, Error>) -> Option<Action> {
        let promised = self.promised.take();
        match (outcome, promised) {
            (Ok(Outcome::Loaded(receipt)), Some((model, plan))) => {
                self.loading = Slot::Empty;
                self.memory.mark("loaded");
                self.context_used = 0;
                self.fallback_template = false;
                self.warn_of_template(&receipt, &model);
                self.loaded = Some(Loaded { model, plan, receipt: *receipt });
                if matches!(self.page, Page::Home | Page::Model) {
                    self.page = Page::Chat;
                }
            }
            (Err(error), _) if error != Error::Cancelled => {
                self.tell(Some(error.clone()));
                self.loading = Slot::Failed(error);
            }
            (Ok(_) | Err(_), _) => self.loading = Slot::Empty,
        }
        None
    }

    /// A model without a template completes texts; a broken template offers its fallback.
    fn warn_of_template(&mut self, receipt: &Receipt, model: &Arc<Model>) {
        let Err(error) = &receipt.template else { return };
        let text = format!("{}: {error}", model.name());
        self.notices.push(Tone::Warning, text, Some(("Use the fallback", Action::UseFallbackTemplate(true))), self.now);
        if model.file.metadata.str("tokenizer.chat_template").is_none() && self.chats.current().turns.is_empty() {
            let id = self.chats.current().id.clone();
            self.chats.edit(&id, self.now, |chat| chat.mode = Mode::Completion);
            self.chats.written(&id);
        }
    }

    fn answered(&mut self, outcome: Result<Outcome, Error>) -> Option<Action> {
        let answering = self.answering.take()?;
        let chat = answering.chat;
        if answering.phase == Phase::Saving {
            // The text is in memory whatever the disk says; the person is told and gets the answer.
            if let Err(error) = outcome {
                self.chats.edit(&chat, self.now, |_| ());
                self.tell(Some(error));
            }
            return (!answering.stopping).then_some(Action::Answer(chat));
        }
        self.memory.mark("answer");
        match outcome {
            Ok(Outcome::Generated(metrics)) => {
                if metrics.stop_reason == StopReason::ContextFull {
                    let text = "The context is full, so the answer ends here. Nothing was dropped: start a new chat, or load the model with a longer context.";
                    self.notices.push(Tone::Warning, text, Some(("New chat", Action::NewChat)), self.now);
                }
                self.finish_turn(&chat, Some(metrics));
            }
            Ok(_) => self.finish_turn(&chat, None),
            Err(error) => {
                self.finish_turn(&chat, None);
                self.tell(Some(error));
            }
        }
        Some(Action::SaveDirty)
    }

    /// Completes the answer's turn; one that got no text and no measurement is taken back.
    fn finish_turn(&mut self, chat: &crate::store::chat::ChatId, metrics: Option<Metrics>) {
        self.chats.edit(chat, self.now, |chat| {
            let Some(turn) = chat.turns.last_mut().filter(|turn| turn.role == Role::Assistant) else { return };
            turn.metrics = metrics;
            if turn.text.is_empty()
                && metrics.is_none_or(|metrics| metrics.generated_tokens == 0 && metrics.stop_reason != StopReason::EndOfTurn)
            {
                chat.turns.pop();
            }
        });
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
        match outcome {
            Ok(Outcome::Restored(restored)) => {
                let Restored { chats, settings, problems } = *restored;
                // What was typed before the disk answered stays.
                let typed: Vec<_> = self.chats.iter().filter(|chat| !chat.is_empty()).cloned().collect();
                self.chats = super::Chats::new(chats.into_iter().chain(typed).collect(), self.now);
                let opened = std::mem::replace(&mut self.settings, settings).recent;
                opened.into_iter().rev().for_each(|path| self.remember(path));
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
        Action::Scan
    }
}
