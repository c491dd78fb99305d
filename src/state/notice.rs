//! Messages at the top right. Errors stay until they are read; the rest goes by itself.

use super::action::Action;

/// How a notice is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Good to know; goes by itself.
    Info,
    /// Something is not as it should be; stays.
    Warning,
    /// Something failed; stays.
    Error,
}

/// A message.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// Names it for [`Action::Dismiss`].
    pub id: u64,
    /// How it is meant.
    pub tone: Tone,
    /// One or two sentences.
    pub text: String,
    /// A button: its words and what it does.
    pub offer: Option<(&'static str, Action)>,
    /// Milliseconds since 1970 when it appeared.
    pub since: i64,
}

/// The messages that are shown, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Notices {
    list: Vec<Notice>,
    next: u64,
}

/// Milliseconds for which an [`Tone::Info`] is shown.
pub const INFO_MILLIS: i64 = 8_000;
/// More than this at once helps nobody; the oldest goes.
const KEPT: usize = 6;

impl Notices {
    /// Shows a message. The same text again only renews it.
    pub fn push(&mut self, tone: Tone, text: impl Into<String>, offer: Option<(&'static str, Action)>, now: i64) {
        let text = text.into();
        self.list.retain(|notice| notice.text != text);
        if self.list.len() == KEPT {
            self.list.remove(0);
        }
        self.next += 1;
        self.list.push(Notice { id: self.next, tone, text, offer, since: now });
    }

    /// Closes a message.
    pub fn dismiss(&mut self, id: u64) {
        self.list.retain(|notice| notice.id != id);
    }

    /// Closes what offers this, because it would do nothing or something else now.
    pub fn withdraw(&mut self, action: &Action) {
        self.list.retain(|notice| notice.offer.as_ref().is_none_or(|(_, offered)| offered != action));
    }

    /// Lets go of what has been shown long enough.
    pub fn expire(&mut self, now: i64) {
        self.list.retain(|notice| notice.tone != Tone::Info || now - notice.since < INFO_MILLIS);
    }

    /// What is shown.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Notice> {
        self.list.iter()
    }
}
