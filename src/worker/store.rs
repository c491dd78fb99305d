//! The store lane: everything that is written to the data folder, in the order in which it was wished.

use super::Context;
use super::lane::Lane;
use crate::error::{Error, Result};
use crate::library::Folders;
use crate::message::{Command, Event, JobId, Order, Outcome};
use crate::store::Store;
use crate::store::chat::ChatId;

/// What stands in the lane's queue.
pub enum Task {
    /// From the screen.
    Order(Order),
    /// From the engine lane: a piece of a streaming answer.
    Journal(Journal),
}

/// A piece of a streaming answer.
pub struct Journal {
    pub chat: ChatId,
    pub turn: usize,
    pub model: String,
    pub text: String,
}

pub struct StoreLane {
    folders: Folders,
    /// Opened with the first task, so that a slow disk holds up this lane only.
    store: Option<Store>,
    /// A journal was written to and is not synced to the disk yet.
    unsynced: bool,
}

impl StoreLane {
    pub const fn new(folders: Folders) -> Self {
        Self { folders, store: None, unsynced: false }
    }

    fn store(&mut self) -> &mut Store {
        self.store.get_or_insert_with(|| Store::open(&self.folders.data))
    }
}

impl Lane for StoreLane {
    type Task = Task;

    /// What a person wrote is written, whatever is closing.
    const FINISHES: bool = true;

    fn job(task: &Task) -> Option<JobId> {
        match task {
            Task::Order(order) => Some(order.job),
            Task::Journal(_) => None,
        }
    }

    fn run(&mut self, task: Task, context: &Context<'_>) -> Result<Outcome> {
        let result = self.write(task);
        for problem in self.store().take_problems() {
            context.outbox.post(Event::Warning(problem));
        }
        result
    }

    fn has_leftovers(&self) -> bool {
        self.unsynced
    }

    fn finish_leftovers(&mut self) -> Result<()> {
        self.unsynced = false;
        self.store().sync()
    }
}

impl StoreLane {
    fn write(&mut self, task: Task) -> Result<Outcome> {
        let order = match task {
            Task::Journal(Journal { chat, turn, model, text }) => {
                self.unsynced = true;
                return self.store().journal(&chat, &text, turn, &model).map(|()| Outcome::Saved);
            }
            Task::Order(order) => order,
        };
        match order.command {
            Command::Restore => return Ok(Outcome::Restored(Box::new(self.store().restore()))),
            Command::SaveChat(chat) => self.store().save_chat(&chat)?,
            Command::DeleteChat(id) => self.store().delete_chat(&id)?,
            Command::RestoreChat(id) => self.store().restore_chat(&id)?,
            Command::SaveSettings(settings) => self.store().save_settings(&settings)?,
            other => return Err(Error::Internal(format!("the store lane cannot do {other:?}"))),
        }
        Ok(Outcome::Saved)
    }
}
