//! What is not on disk yet, and when it is tried. One write is under way at a time; one that failed neither keeps the others from being
//! written nor is tried without end.

use super::{Action, State};
use crate::error::{Error, Result};
use crate::message::{Command, JobId, Order, Outcome};
use crate::store::chat::ChatId;

/// Milliseconds until a failed write is tried again; twice as many after each failure.
const FIRST_RETRY: i64 = 5_000;
/// At most.
const LAST_RETRY: i64 = 600_000;

/// What a write was to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Written {
    /// A chat.
    Chat(ChatId),
    /// The settings.
    Settings,
}

/// The write under way, and how the last ones went. Which chats changed, the chats know.
#[derive(Debug, Default)]
pub(super) struct Saving {
    under_way: Option<(JobId, Written)>,
    settings_changed: bool,
    settings_failed: bool,
    /// The failure that was told, until everything is written.
    told: Option<Error>,
    retry_after: i64,
    retry_at: i64,
}

impl Saving {
    /// The settings have to be written.
    pub(super) const fn settings_changed(&mut self) {
        self.settings_changed = true;
    }

    /// The settings are, or are not, as they are on disk.
    pub(super) const fn settings_are_saved(&mut self, saved: bool) {
        (self.settings_changed, self.settings_failed) = (!saved, false);
    }

    /// What this job wrote, if it is the write under way.
    pub(super) fn done(&mut self, job: JobId) -> Option<Written> {
        self.under_way.take_if(|(writing, _)| *writing == job).map(|(_, written)| written)
    }
}

impl State {
    /// Whether anything changed that is not on disk yet.
    #[must_use]
    pub fn unsaved(&self) -> bool {
        self.is_saving() || self.has_changes() || self.has_failed()
    }

    /// Whether a write is under way.
    #[must_use]
    pub const fn is_saving(&self) -> bool {
        self.saving.under_way.is_some()
    }

    /// The time (milliseconds since 1970) from which [`Action::SaveDirty`] is due; `None` while there is nothing to write, a write is under
    /// way, or the disk was not read yet. Every change and every end of a write may give another.
    #[must_use]
    pub fn next_save(&self) -> Option<i64> {
        if self.is_saving() || self.restored.ready().is_none() {
            None
        } else if self.has_changes() {
            Some(0)
        } else {
            self.has_failed().then_some(self.saving.retry_at)
        }
    }

    fn has_changes(&self) -> bool {
        self.chats.has_dirty() || self.saving.settings_changed
    }

    fn has_failed(&self) -> bool {
        self.chats.has_failed() || self.saving.settings_failed
    }

    /// Orders the next write; what failed comes when nothing else is left.
    pub(super) fn save_dirty(&mut self) -> Option<Order> {
        self.next_save()?;
        if !self.has_changes() {
            self.chats.retry();
            self.saving.settings_changed = std::mem::take(&mut self.saving.settings_failed);
        }
        let (command, written) = if let Some(mut chat) = self.chats.take_dirty() {
            // The journal has the answer that streams, from its beginning.
            let streams = self.answering.as_ref().is_some_and(|answering| answering.chat == chat.id);
            if let Some(turn) = chat.turns.last_mut().filter(|turn| streams && turn.is_open()) {
                turn.text.clear();
            }
            let id = chat.id.clone();
            (Command::SaveChat(Box::new(chat)), Written::Chat(id))
        } else if std::mem::take(&mut self.saving.settings_changed) {
            (Command::SaveSettings(Box::new(self.settings.clone())), Written::Settings)
        } else {
            return None;
        };
        let order = self.order(command);
        self.saving.under_way = Some((order.job, written));
        Some(order)
    }

    /// A write ended; the next one follows, but none that has just failed.
    pub(super) fn saved(&mut self, written: &Written, outcome: Result<Outcome>) -> Option<Action> {
        match (outcome, written) {
            (Ok(_), _) => {
                if !self.has_failed() {
                    (self.saving.told, self.saving.retry_after) = (None, 0);
                }
            }
            (Err(error), Written::Chat(id)) => self.chat_not_saved(id, error),
            (Err(error), Written::Settings) => {
                self.saving.settings_failed = true;
                self.not_saved(error);
            }
        }
        self.has_changes().then_some(Action::SaveDirty)
    }

    /// A chat could not be written: it stays in memory, is told, and tried again later.
    pub(super) fn chat_not_saved(&mut self, id: &ChatId, error: Error) {
        self.chats.not_written(id);
        self.not_saved(error);
    }

    fn not_saved(&mut self, error: Error) {
        self.saving.retry_after = (2 * self.saving.retry_after).clamp(FIRST_RETRY, LAST_RETRY);
        self.saving.retry_at = self.now + self.saving.retry_after;
        if self.saving.told.as_ref() != Some(&error) {
            self.tell(Some(error.clone()));
            self.saving.told = Some(error);
        }
    }
}
