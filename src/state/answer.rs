//! An answer from the wish to its end: the message goes to disk, the model is asked, the text comes, the turn is completed.

use super::{Action, Answering, Loaded, Phase, Slot, State, Tone};
use crate::engine::session::Input;
use crate::engine::template::{Message, Role as TemplateRole};
use crate::error::Result;
use crate::message::{Command, Generate, Order, Outcome};
use crate::store::chat::{Chat, ChatId, Metrics, Mode, Role, StopReason, Turn};

impl State {
    /// The person's message goes to disk first; [`Action::Answer`] follows when it is there.
    pub(super) fn send(&mut self) -> Option<Order> {
        let text = self.chats.current().draft.clone();
        self.ask(text)
    }

    /// As [`State::send`], of any text.
    pub(super) fn ask(&mut self, text: String) -> Option<Order> {
        if text.trim().is_empty() {
            return None;
        }
        if !self.can_answer() {
            if let Some(loading) = self.loading.progress() {
                self.inform(format!("{} is still loading; send it then.", loading.name));
            } else if self.unloading.is_some() {
                self.inform("The model is being unloaded; load one, then send it.");
            }
            return None;
        }
        let id = self.chats.current().id.clone();
        self.chats.say(&id, text, self.now);
        self.save_then_answer(id)
    }

    pub(super) fn regenerate(&mut self) -> Option<Order> {
        if !self.can_answer() {
            return None;
        }
        let (id, now) = (self.chats.current().id.clone(), self.now);
        let asked = match self.chats.current().turns.as_slice() {
            [.., Turn { role: Role::User, .. }] => true,
            [.., Turn { role: Role::User, .. }, Turn { role: Role::Assistant, .. }] => {
                self.chats.edit(&id, now, |chat| chat.turns.pop());
                true
            }
            _ => false,
        };
        if asked { self.save_then_answer(id) } else { None }
    }

    fn save_then_answer(&mut self, id: ChatId) -> Option<Order> {
        self.prompt = Slot::Empty;
        self.welcome.is_asked();
        let chat = self.chats.get(&id)?.clone();
        self.chats.written(&id);
        let order = self.order(Command::SaveChat(Box::new(chat)));
        self.answering = Some(Answering { job: order.job, chat: id, phase: Phase::Saving, stopping: false });
        Some(order)
    }

    /// Asks the model to answer a chat's last message.
    pub(super) fn answer(&mut self, id: &ChatId) -> Option<Order> {
        let chat = self.chats.get(id)?;
        if self.answering.is_some() || chat.turns.last()?.role != Role::User {
            return None;
        }
        let Some(Loaded { model, receipt, .. }) = self.loaded.as_ref().filter(|_| self.can_answer()) else {
            let text = "The model was gone before it could answer. Your message is kept: load a model, then press Answer now.";
            self.notices.push(Tone::Warning, text, None, self.now);
            return None;
        };
        let (model_id, label) = (receipt.id, model.label());
        let (input, sampling, turn) = (input(chat, self.fallback_template), chat.sampling.clone(), chat.turns.len());
        self.chats.update(id, |chat| {
            chat.turns.push(Turn { role: Role::Assistant, text: String::new(), model: Some(label.clone()), metrics: None });
        });
        let generate = Generate { model: model_id, chat: id.clone(), turn, label, input, sampling };
        let order = self.order(Command::Generate(Box::new(generate)));
        self.answering = Some(Answering { job: order.job, chat: id.clone(), phase: Phase::Waiting, stopping: false });
        Some(order)
    }

    pub(super) fn stop_answer(&mut self) -> Option<Order> {
        let answering = self.answering.as_mut().filter(|answering| !answering.stopping)?;
        answering.stopping = true;
        let job = answering.job;
        // While the message is being saved there is nothing to stop yet: the answer is not ordered at all.
        if answering.phase == Phase::Saving { None } else { self.stop(Some(job)) }
    }

    /// The job of the answer under way ended: first the one that saved the message, then the one that answered.
    pub(super) fn answered(&mut self, outcome: Result<Outcome>) -> Option<Action> {
        let Answering { chat, phase, stopping, .. } = self.answering.take()?;
        if phase == Phase::Saving {
            // The text is in memory whatever the disk says; the person is told and gets the answer.
            if let Err(error) = outcome {
                self.chat_not_saved(&chat, error);
            }
            return if stopping { self.after_answer(None) } else { Some(Action::Answer(chat)) };
        }
        self.memory.mark("answer");
        match outcome {
            Ok(Outcome::Generated(metrics)) => {
                if metrics.stop_reason == StopReason::ContextFull {
                    let text = self.context_is_full();
                    self.notices.push(Tone::Warning, text, Some(("New chat", Action::NewChat)), self.now);
                }
                self.finish_turn(&chat, metrics);
            }
            Ok(_) => self.finish_turn(&chat, Metrics::INTERRUPTED),
            Err(error) => {
                self.finish_turn(&chat, Metrics::INTERRUPTED);
                self.tell(Some(error));
            }
        }
        self.after_answer(Some(Action::SaveDirty))
    }

    /// What a full context means, and what can be done.
    fn context_is_full(&self) -> &'static str {
        let loaded = self.loaded.as_ref();
        let is_longest =
            loaded.is_some_and(|loaded| loaded.model.spec.as_ref().is_ok_and(|spec| loaded.receipt.context >= spec.n_ctx_train));
        if is_longest {
            "The context is full, so the answer ends here. Nothing was dropped: start a new chat. This model was trained for no longer ones."
        } else {
            "The context is full, so the answer ends here. Nothing was dropped: start a new chat, or load the model with a longer context."
        }
    }

    /// Completes the answer's turn; one without text is taken back, unless the model chose to say nothing.
    fn finish_turn(&mut self, chat: &ChatId, metrics: Metrics) {
        self.chats.edit(chat, self.now, |chat| {
            let Some(turn) = chat.turns.last_mut().filter(|turn| turn.is_open()) else { return };
            turn.metrics = Some(metrics);
            if turn.text.is_empty() && metrics.generated_tokens == 0 && metrics.stop_reason != StopReason::EndOfTurn {
                chat.turns.pop();
            }
        });
    }

    /// Renders the prompt of the answer under way, else of the draft, else of the last answer.
    pub(super) fn show_prompt(&mut self) -> Option<Order> {
        let model = self.loaded.as_ref()?.receipt.id;
        let is_answering = self.answering_here().is_some();
        let mut chat = self.chats.current().clone();
        let draft = std::mem::take(&mut chat.draft);
        if !is_answering && !draft.trim().is_empty() {
            chat.turns.push(Turn { role: Role::User, text: draft, model: None, metrics: None });
        } else if chat.turns.last().is_some_and(|turn| turn.role == Role::Assistant) {
            chat.turns.pop();
        }
        let order = self.order(Command::ShowPrompt { model, input: input(&chat, self.fallback_template) });
        self.prompt = Slot::Busy { job: order.job, progress: () };
        Some(order)
    }
}

/// What the model is to be told for the next turn of a chat.
fn input(chat: &Chat, fallback_template: bool) -> Input {
    match chat.mode {
        Mode::Completion => Input::Completion(chat.turns.iter().map(|turn| turn.text.as_str()).collect()),
        Mode::Chat => {
            let system = (!chat.system.trim().is_empty()).then(|| Message { role: TemplateRole::System, content: chat.system.clone() });
            let turns = chat.turns.iter().map(|turn| Message {
                role: match turn.role {
                    Role::User => TemplateRole::User,
                    Role::Assistant => TemplateRole::Assistant,
                },
                content: turn.text.clone(),
            });
            Input::Chat { messages: system.into_iter().chain(turns).collect(), fallback_template }
        }
    }
}
