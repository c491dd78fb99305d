//! The side lane: asks several models the same, and stands still while the engine lane answers.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use super::Context;
use super::lane::{Lane, job_of};
use super::monitor::Activity;
use crate::error::{Error, Result};
use crate::kernels::courtesy::Courtesy;
use crate::kernels::pool::Pool;
use crate::lab::divergence::Room;
use crate::lab::side::{self, Column, Patience, Plan};
use crate::memory::alloc;
use crate::memory::ledger::Ledger;
use crate::memory::probe::Probe;
use crate::message::side::{Ask, Seen};
use crate::message::{Command, JobId, Order, Outcome, Step};

/// How often it looks whether the engine is done.
const NAP: Duration = Duration::from_millis(5);

pub struct SideLane {
    ledger: Ledger,
    activity: Activity,
    courtesy: Courtesy,
    pool: Option<Arc<Pool>>,
}

impl SideLane {
    pub const fn new(ledger: Ledger, activity: Activity, courtesy: Courtesy) -> Self {
        Self { ledger, activity, courtesy, pool: None }
    }

    fn pool(&mut self, threads: usize) -> Result<Arc<Pool>> {
        match &self.pool {
            Some(pool) if pool.threads() == threads => Ok(Arc::clone(pool)),
            _ => {
                let pool = Arc::new(Pool::new(threads)?);
                self.pool = Some(Arc::clone(&pool));
                Ok(pool)
            }
        }
    }

    fn ask(&mut self, ask: Ask, context: &Context<'_>) -> Result<()> {
        let Ask { columns, question } = ask;
        let columns: Vec<Column> =
            columns.into_iter().map(|(candidate, sampling)| Column { candidate: Arc::unwrap_or_clone(candidate), sampling }).collect();
        let tell = |seen| context.step(Step::Side(seen));
        let told_yielding = Cell::new(false);
        let wait = || {
            while self.courtesy.is_busy_beside_me() && context.go_on() {
                if !told_yielding.replace(true) {
                    tell(Seen::Yielding(true));
                }
                std::thread::sleep(NAP);
            }
            if told_yielding.replace(false) {
                tell(Seen::Yielding(false));
            }
            context.go_on()
        };
        // What is being loaded for a chat is not there to be planned with.
        if !wait() {
            return Err(Error::Cancelled);
        }
        let machine = Probe::default().machine();
        let plan = Plan::of(&columns, &question, &machine);
        tell(Seen::Planned(plan.clone()));
        let patience = Patience { wait: &wait, go_on: &|| context.go_on() };
        let pool = match &self.pool {
            Some(pool) => Arc::clone(pool),
            None => return Err(Error::Internal("no threads to answer with".into())),
        };
        let room = Room { machine, pool, ledger: self.ledger.clone() };
        side::run(&columns, &question, &plan, &room, patience, &mut |at, told| tell(Seen::Column(at, told)));
        Ok(())
    }
}

impl Lane for SideLane {
    type Task = Order;

    fn job(task: &Order) -> Option<JobId> {
        job_of(task)
    }

    fn run(&mut self, order: Order, context: &Context<'_>) -> Result<Outcome> {
        match order.command {
            Command::Side(ask) => {
                let _active = self.activity.begin();
                let _busy = self.courtesy.busy();
                self.pool(ask.question.choice.threads)?;
                self.ask(*ask, context)?;
                Ok(Outcome::Sided)
            }
            other => Err(Error::Internal(format!("the side lane cannot do {other:?}"))),
        }
    }

    fn recover(&mut self, _context: &Context<'_>) {
        alloc::trim();
    }
}
