//! The way back to the screen: a bounded channel in which tokens wait and memory samples may be dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{SendTimeoutError, Sender};

use super::Wake;
use crate::message::Event;

/// How often a waiting event looks whether the app is closing.
const TICK: Duration = Duration::from_millis(20);

/// Clones send into the same channel.
#[derive(Clone)]
pub struct Outbox {
    events: Sender<Event>,
    closing: Arc<AtomicBool>,
    wake: Wake,
}

impl Outbox {
    pub fn new(events: Sender<Event>, closing: Arc<AtomicBool>, wake: Wake) -> Self {
        Self { events, closing, wake }
    }

    /// Sends an event, waiting for room; gives up only when the app is closing.
    pub fn post(&self, event: Event) {
        let mut event = event;
        loop {
            match self.events.send_timeout(event, TICK) {
                Ok(()) => break,
                Err(SendTimeoutError::Timeout(back)) if !self.closing() => event = back,
                Err(_) => return,
            }
        }
        (self.wake)();
    }

    /// Sends an event if there is room.
    pub fn offer(&self, event: Event) {
        if self.events.try_send(event).is_ok() {
            (self.wake)();
        }
    }

    /// Whether the app is closing.
    pub fn closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }
}
