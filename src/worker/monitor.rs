//! The memory gauge: ten samples a second while the engine works, none when it is idle.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::outbox::Outbox;
use crate::engine::session::charged_to_engine;
use crate::error::{Error, Result};
use crate::memory::history::Sample;
use crate::memory::ledger::Ledger;
use crate::memory::probe::Probe;
use crate::memory::{Parts, alloc};
use crate::message::Event;

const INTERVAL: Duration = Duration::from_millis(100);

/// Says that the engine works; while one lives, the monitor samples.
#[derive(Clone)]
pub struct Activity {
    running: Arc<AtomicUsize>,
    monitor: Sender<()>,
}

/// See [`Activity`].
pub struct Active(Activity);

impl Activity {
    pub fn begin(&self) -> Active {
        self.running.fetch_add(1, Ordering::Relaxed);
        let _awake_already = self.monitor.try_send(());
        Active(self.clone())
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Starts the monitor's thread; a message on the sender asks for a sample.
pub fn start(threads: &mut Vec<JoinHandle<()>>, outbox: Outbox, ledger: Ledger) -> Result<(Sender<()>, Activity)> {
    let (sender, asked) = crossbeam_channel::bounded(1);
    let running = Arc::new(AtomicUsize::new(0));
    let activity = Activity { running: Arc::clone(&running), monitor: sender.clone() };
    let thread = std::thread::Builder::new()
        .name("monitor".to_owned())
        .spawn(move || watch(&asked, &running, &outbox, &ledger))
        .map_err(|error| Error::Internal(format!("cannot start the monitor thread: {error}")))?;
    threads.push(thread);
    Ok((sender, activity))
}

fn watch(asked: &Receiver<()>, running: &AtomicUsize, outbox: &Outbox, ledger: &Ledger) {
    let (start, mut probe) = (Instant::now(), Probe::default());
    while asked.recv().is_ok() {
        loop {
            // What ran until now is in the sample, so the last one shows the state that stays.
            let working = running.load(Ordering::Relaxed) > 0;
            outbox.offer(sample(start, &mut probe, ledger));
            if !working {
                break;
            }
            match asked.recv_timeout(INTERVAL) {
                Err(RecvTimeoutError::Disconnected) => return,
                Ok(()) | Err(RecvTimeoutError::Timeout) => {}
            }
            if outbox.closing() {
                return;
            }
        }
    }
}

fn sample(start: Instant, probe: &mut Probe, ledger: &Ledger) -> Event {
    let (machine, process, charged) = (probe.machine(), probe.process(), ledger.parts());
    let activations = alloc::engine_live().map(|live| live - charged_to_engine(&charged));
    let sample = Sample {
        at: start.elapsed().as_secs_f64(),
        charged,
        counted: Parts { activations, ..Parts::default() },
        counted_total: alloc::live().unwrap_or_default(),
        resident: process.resident,
        available: machine.available,
    };
    Event::Gauge { sample, machine }
}
