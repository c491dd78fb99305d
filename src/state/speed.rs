//! How fast this machine reads memory, what that lets a model's speed be, and what its answers reached.

use std::sync::Arc;

use super::{Slot, State};
use crate::engine::speed;
use crate::error::Result;
use crate::inspect::Model;
use crate::memory::plan::Choice;
use crate::message::{Command, Order, Outcome};
use crate::pocket;
use crate::store::chat::{Metrics, Turn};
use crate::units::TokensPerSecond;

/// An answer of fewer tokens says little about the speed.
const TELLING: usize = 8;

impl State {
    /// Whether the machine's bandwidth is to be measured now: a model is there that could run, nothing was measured yet with as many
    /// threads, and the engine has nothing to do. The built-in model stays in any processor's cache: for it alone nothing is measured.
    #[must_use]
    pub fn bandwidth_is_due(&self) -> bool {
        let measured = match &self.bandwidth {
            Slot::Empty => false,
            Slot::Ready(bandwidth) => bandwidth.threads() == self.threads(),
            Slot::Busy { .. } | Slot::Failed(_) => true,
        };
        let is_idle = self.lab.measuring.job().is_none()
            && self.answering.is_none()
            && self.loading.job().is_none()
            && self.unloading.is_none()
            && self.opened.job().is_none();
        let opened = self.opened.ready().filter(|opened| opened.plan.is_ok()).map(|opened| &opened.model);
        let loaded = self.loaded.as_ref().map(|loaded| &loaded.model);
        let bound_by_memory = |model: &&Arc<Model>| !pocket::is(&model.file.path);
        !measured && is_idle && opened.or(loaded).is_some_and(|model| bound_by_memory(&model))
    }

    pub(super) fn measure_bandwidth(&mut self) -> Option<Order> {
        if !self.bandwidth_is_due() {
            return None;
        }
        let order = self.order(Command::MeasureBandwidth { threads: self.threads() });
        self.bandwidth = Slot::Busy { job: order.job, progress: () };
        Some(order)
    }

    pub(super) fn measured(&mut self, outcome: Result<Outcome>) {
        self.memory.mark("bandwidth");
        self.bandwidth = match outcome {
            Ok(Outcome::Bandwidth(bandwidth)) => Slot::Ready(bandwidth),
            Ok(_) => Slot::Empty,
            // Without it the app says less; nobody has asked for it.
            Err(error) => Slot::Failed(error),
        };
    }

    /// The most tokens per second that reading the weights and `depth` keys and values allows a model here; `None` until the machine is
    /// measured.
    #[must_use]
    pub fn speed_limit(&self, model: &Model, choice: Choice, depth: usize) -> Option<TokensPerSecond> {
        Some(speed::limit(speed::bytes_per_token(model, choice, depth)?, self.bandwidth.ready()?))
    }

    /// What the newest answer of a model of this label reached, in any chat.
    #[must_use]
    pub fn last_speed(&self, label: &str) -> Option<TokensPerSecond> {
        let of = |turn: &Turn| {
            let metrics = turn.metrics.filter(|metrics| metrics.generated_tokens >= TELLING && metrics.decode.0 > 0.0)?;
            (turn.model.as_deref() == Some(label)).then_some(metrics.decode)
        };
        let newest = |turns: &[Turn]| turns.iter().rev().find_map(of);
        let told = self.chats.iter().filter_map(|chat| Some((chat.changed, newest(&chat.turns)?)));
        told.max_by_key(|(changed, _)| *changed).map(|(_, speed)| speed)
    }

    /// The newest answer of the current chat that was measured.
    #[must_use]
    pub fn last_answer(&self) -> Option<&Metrics> {
        self.chats.current().turns.iter().rev().find_map(|turn| turn.metrics.as_ref().filter(|metrics| metrics.speed.is_some()))
    }
}
