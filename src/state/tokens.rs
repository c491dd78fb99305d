//! The tokens of what is typed, while someone looks at them.

use super::{Action, Slot, State};
use crate::engine::cut::Token;
use crate::engine::tokenizer::Special;
use crate::error::Error;
use crate::message::{Command, Order, Outcome};
use crate::store::chat::Mode;

/// How the draft is cut.
#[derive(Debug, Default)]
pub struct Tokens {
    /// Empty while nobody looks.
    pub asked: Slot<()>,
    /// The tokens that came last; the draft may have changed since.
    pub cut: Vec<Token>,
    /// The draft changed while its tokens were on their way.
    behind: bool,
}

impl State {
    /// Asks how the draft is cut.
    pub(super) fn show_tokens(&mut self) -> Option<Order> {
        let Some(model) = self.loaded.as_ref().map(|loaded| loaded.receipt.id) else {
            self.tokens = Tokens::default();
            return None;
        };
        let chat = self.chats.current();
        let special = match chat.mode {
            Mode::Chat => Special::Typed,
            Mode::Completion => Special::Plain,
        };
        let order = self.order(Command::Tokenize { model, text: self.chats.current().draft.clone(), special });
        self.tokens.asked = Slot::Busy { job: order.job, progress: () };
        self.tokens.behind = false;
        Some(order)
    }

    /// The draft changed: its tokens are asked for again, one question at a time.
    pub(super) fn follow_draft(&mut self) -> Option<Order> {
        match self.tokens.asked {
            Slot::Empty => None,
            Slot::Busy { .. } => {
                self.tokens.behind = true;
                None
            }
            Slot::Ready(()) | Slot::Failed(_) => self.show_tokens(),
        }
    }

    /// The answer to [`show_tokens`](Self::show_tokens).
    pub(super) fn tokenized(&mut self, outcome: Result<Outcome, Error>) -> Option<Action> {
        self.tokens.asked = match outcome {
            Ok(Outcome::Tokens(cut)) => {
                self.tokens.cut = cut;
                Slot::Ready(())
            }
            Ok(_) | Err(Error::Cancelled) => Slot::Empty,
            Err(error) => Slot::Failed(error),
        };
        std::mem::take(&mut self.tokens.behind).then_some(Action::ShowTokens)
    }
}
