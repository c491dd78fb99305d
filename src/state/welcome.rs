//! What happens by itself when the window opens and nothing was named: the built-in model is loaded where the person is not disturbed,
//! and on the first start of all it is asked a question. Whatever the person begins goes before it.

use std::sync::Arc;

use super::{Action, Page, Slot, State};
use crate::inspect::Model;
use crate::message::{JobId, Order};
use crate::pocket;

/// What is under way by itself.
#[derive(Debug, Default)]
pub(super) struct Welcome {
    /// The open that nobody asked for, until it is done.
    opening: Option<JobId>,
    /// What it opened, until that is loaded.
    model: Option<Arc<Model>>,
    /// The first question is to be asked, as far as is known.
    asks: bool,
    /// The answer under way is the one to that question.
    answers: bool,
    /// What the person began meanwhile: it follows when this has let go.
    instead: Option<Action>,
}

impl Welcome {
    /// Whether this model was opened by itself and is not loaded yet.
    pub(super) fn opened(&self, model: &Arc<Model>) -> bool {
        self.model.as_ref().is_some_and(|own| Arc::ptr_eq(own, model))
    }

    /// The header of what was opened by job `job` is read; if nobody asked for it, neither will anybody have asked for the load.
    pub(super) fn inspected(&mut self, job: JobId, model: &Arc<Model>) {
        if self.opening.take_if(|opening| *opening == job).is_some() {
            self.model = Some(Arc::clone(model));
        }
    }

    /// An answer that the person asked for begins.
    pub(super) const fn is_asked(&mut self) {
        self.answers = false;
    }

    /// The person begins something.
    pub(super) fn notice(&mut self, action: &Action) {
        match action {
            Action::CancelLoad => *self = Self::default(),
            Action::Open { .. } => (self.asks, self.instead) = (false, None),
            Action::Pick
            | Action::GetStarter
            | Action::Unload
            | Action::NewChat
            | Action::OpenChat(_)
            | Action::Draft(_)
            | Action::SetSystem(_)
            | Action::SetSampling(_)
            | Action::SetMode(_) => self.asks = false,
            _ => {}
        }
    }
}

impl State {
    /// Opens the built-in model to be loaded; the page stays. Nothing if the settings say so, or a file is open already.
    pub(super) fn welcome(&mut self) -> Option<Order> {
        if !self.settings.pocket_at_start || !matches!(self.opened, Slot::Empty) {
            return None;
        }
        let page = self.page;
        let order = self.open(pocket::WORD.into(), true);
        self.page = page;
        let is_first = self.restored.ready().is_none();
        self.welcome = Welcome { opening: Some(order.job), asks: is_first, ..Welcome::default() };
        Some(order)
    }

    /// The disk has answered. Only if nothing was on it a question is asked, on the page of chats.
    pub(super) fn welcome_knows(&mut self, is_first: bool) {
        self.welcome.asks &= is_first && self.settings.pocket_at_start;
        if self.welcome.asks && self.page == Page::Home {
            self.page = Page::Chat;
        }
    }

    /// The first question, when everything is there for it.
    pub(super) fn first_question(&mut self) -> Option<Action> {
        let is_loaded = self.loaded.as_ref().is_some_and(|loaded| pocket::is(&loaded.model.file.path));
        (self.welcome.asks && is_loaded && self.restored.ready().is_some() && self.can_answer()).then_some(Action::AskFirst)
    }

    /// Asks it.
    pub(super) fn ask_first(&mut self) -> Option<Order> {
        if !std::mem::take(&mut self.welcome.asks) {
            return None;
        }
        let order = self.ask(pocket::FIRST_QUESTION.to_owned());
        self.welcome.answers = order.is_some();
        order
    }

    /// Whether what the engine does now was begun by itself; then the person's load follows it.
    pub(super) fn gives_way(&mut self, anyway: bool) -> bool {
        let loads = self.loading.job().is_some() && self.promised.as_ref().is_some_and(|(model, _)| self.welcome.opened(model));
        let gives_way = loads || self.welcome.answers;
        if gives_way {
            self.welcome.instead = Some(Action::Load { anyway });
        }
        gives_way
    }

    /// Stops what the engine does by itself.
    pub(super) fn stop_own(&mut self) -> Option<Order> {
        if self.answering.is_some() { self.stop_answer() } else { self.stop(self.loading.job()) }
    }

    /// The load that began by itself is done: what follows.
    pub(super) fn welcome_loaded(&mut self) -> Option<Action> {
        self.welcome.model = None;
        self.welcome.instead.take().or_else(|| self.first_question())
    }

    /// An answer is over: the load that waited for it, if it was the one to the first question, or else what usually follows.
    pub(super) fn after_answer(&mut self, usual: Option<Action>) -> Option<Action> {
        self.welcome.answers = false;
        self.welcome.instead.take().or(usual)
    }
}
