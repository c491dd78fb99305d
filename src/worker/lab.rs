//! The lanes of the lab: one plans, the other measures and owns the comparison between orders. Both give way to an answer.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Context;
use super::lane::{Lane, job_of};
use super::monitor::Activity;
use crate::error::{Error, Result};
use crate::kernels::courtesy::Courtesy;
use crate::kernels::pool::Pool;
use crate::lab::divergence::{Comparison, Room};
use crate::lab::run::{Kind, Run};
use crate::lab::statistics::Histogram;
use crate::lab::{candidate::Candidate, divergence, export, text};
use crate::library;
use crate::memory::ledger::{Charge, Ledger};
use crate::memory::probe::Probe;
use crate::memory::{Part, alloc};
use crate::message::lab::{Begun, Doing, Expected, Exports, Found, Lab, Point, Progress, Start, Text, Told};
use crate::message::{Command, JobId, Order, Outcome, Step};
use crate::units::Bytes;

mod plan;

/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_millis(100);
/// How long it sleeps before it looks again whether someone waits for an answer.
const NAP: Duration = Duration::from_millis(20);
/// Bins of a histogram: eight a power of ten.
const BINS: usize = 80;
/// The longest text that is read from a file.
const LONGEST_TEXT: u64 = 16 << 20;

/// See the module.
pub struct LabLane {
    courtesy: Courtesy,
    ledger: Ledger,
    activity: Activity,
    pool: Option<Arc<Pool>>,
    kept: Option<Kept>,
}

/// A comparison, and what of it was told.
struct Kept {
    comparison: Comparison,
    /// What is kept of the reference is in the books for as long as it is kept.
    _booked: Charge,
    expected: BTreeSet<usize>,
    pieces: BTreeSet<u32>,
    reference_loaded: bool,
    told: Instant,
}

impl LabLane {
    pub const fn new(courtesy: Courtesy, ledger: Ledger, activity: Activity) -> Self {
        Self { courtesy, ledger, activity, pool: None, kept: None }
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

    fn forget(&mut self) {
        if self.kept.take().is_some() {
            alloc::trim();
        }
    }

    fn start(&mut self, start: Start, context: &Context<'_>) -> Result<()> {
        self.forget();
        let text = words(&start.text)?;
        let pool = self.pool(start.settings.threads)?;
        let room = Room { machine: Probe::default().machine(), pool, ledger: self.ledger.clone() };
        let go_on = || context.go_on();
        let comparison = Comparison::new(start.reference, start.candidates, &text, start.settings, room, &go_on)?;
        tell(context, Told::Begun(Box::new(begun(&comparison))));
        let booked = self.ledger.charge(Part::Activations, comparison.budget().cache);
        self.kept = Some(Kept {
            comparison,
            _booked: booked,
            expected: BTreeSet::new(),
            pieces: BTreeSet::new(),
            reference_loaded: false,
            told: Instant::now(),
        });
        self.measure(context)
    }

    fn add(&mut self, candidates: Vec<Candidate>, context: &Context<'_>) -> Result<()> {
        let kept = self.kept.as_mut().ok_or_else(gone)?;
        let mut added = Vec::new();
        let mut refused = None;
        for candidate in candidates {
            match kept.comparison.add(candidate) {
                Ok(run) => {
                    let run = &kept.comparison.runs()[run];
                    added.push((Arc::new(run.candidate.clone()), run.goal));
                }
                Err(error) => refused = Some(error),
            }
        }
        tell(context, Told::Added(added, *kept.comparison.budget()));
        self.measure(context)?;
        refused.map_or(Ok(()), Err)
    }

    /// Measures until nothing is left, or it is stopped: then the models go, and what was measured stays.
    fn measure(&mut self, context: &Context<'_>) -> Result<()> {
        let _active = self.activity.begin();
        let (courtesy, ledger) = (self.courtesy.clone(), self.ledger.clone());
        let kept = self.kept.as_mut().ok_or_else(gone)?;
        let result = kept.run(&courtesy, &ledger, context);
        kept.comparison.pause();
        kept.reference_loaded = false;
        tell(context, Told::Export(Arc::new(kept.exports())));
        if !kept.comparison.runs().iter().any(|run| run.kind == Kind::Candidate) {
            self.forget();
        }
        result
    }
}

impl Kept {
    fn run(&mut self, courtesy: &Courtesy, ledger: &Ledger, context: &Context<'_>) -> Result<()> {
        loop {
            while courtesy.is_busy() {
                if !context.go_on() {
                    return Err(Error::Cancelled);
                }
                self.progress(Doing::Yielding, context);
                std::thread::sleep(NAP);
            }
            let weights = |ledger: &Ledger| ledger.parts().weights.unwrap_or_default();
            let before = weights(ledger);
            let at = if self.reads_reference() { None } else { self.comparison.runs().iter().position(Run::is_open) };
            let (mut loaded, mut told) = (Bytes(0), self.told);
            let (share, left) = self.comparison.progress();
            let step = self.comparison.step(&mut |more| {
                loaded += more;
                if loaded.0 > 0 && told.elapsed() >= TELL_EVERY {
                    told = Instant::now();
                    tell(context, Told::Progress(Progress { share, left, doing: Doing::Loading(at, loaded) }));
                }
                // An answer does not wait for a piece of a chunk, but a load that is begun again would never end.
                context.go_on() && (loaded.0 > 0 || !courtesy.is_busy())
            });
            self.told = told;
            match step {
                Ok(None) => return Ok(()),
                Ok(Some(step)) => {
                    self.reference_loaded |= step == divergence::Step::ReferenceLoaded;
                    if let divergence::Step::Loaded(run) = step {
                        tell(context, Told::Loaded(run, weights(ledger).saturating_sub(before)));
                    }
                    self.tell(step, context);
                }
                Err(Error::Cancelled) if context.go_on() => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether the next thing to be loaded is the reference.
    fn reads_reference(&self) -> bool {
        let chunks = self.comparison.chunks();
        let is_read = self.comparison.expected(chunks.tokens.len() - 1, chunks.end() - 1).is_some();
        !self.reference_loaded && !is_read
    }

    fn tell(&mut self, step: divergence::Step, context: &Context<'_>) {
        use divergence::Step as Did;
        match step {
            Did::ReferenceLoaded | Did::Read => self.progress(Doing::Reading(None), context),
            Did::Loaded(run) | Did::Scored(run) => self.progress(Doing::Reading(Some(run)), context),
            Did::Point(run) => {
                if let Some(point) = self.point(run) {
                    tell(context, Told::Point(Box::new(point)));
                }
                self.told -= TELL_EVERY;
                self.progress(Doing::Reading(Some(run)), context);
            }
            Did::Ended(run) => {
                let ended = &self.comparison.runs()[run];
                tell(context, Told::Ended { run, status: ended.status.clone(), decode: ended.decode });
                tell(context, Told::Export(Arc::new(self.exports())));
            }
        }
    }

    fn progress(&mut self, doing: Doing, context: &Context<'_>) {
        if self.told.elapsed() >= TELL_EVERY {
            self.told = Instant::now();
            let (share, left) = self.comparison.progress();
            tell(context, Told::Progress(Progress { share, left, doing }));
        }
    }

    fn exports(&self) -> Exports {
        Exports { json: format!("{:#}\n", export::json(&self.comparison)), csv: export::csv(&self.comparison) }
    }

    /// What the last chunk of a run gave, and what the reference expected there if nobody knows that yet.
    fn point(&mut self, run: usize) -> Option<Point> {
        let comparison = &self.comparison;
        let run_now = comparison.runs().get(run)?;
        let chunk = run_now.scores.len().checked_sub(1);
        let differences: Arc<[_]> = chunk.map_or(&run_now.impression, |chunk| &run_now.scores[chunk]).clone().into();
        let expected: Option<Arc<[Expected]>> = chunk.filter(|chunk| self.expected.insert(*chunk)).map(|chunk| {
            let at = (comparison.chunks().half()..comparison.chunks().end()).map_while(|at| comparison.expected(chunk, at));
            at.map(|row| Expected { top: row.top.clone(), nll: row.nll }).collect()
        });
        let tops = differences.iter().map(|difference| &difference.top);
        let tokens = tops.chain(expected.iter().flat_map(|rows| rows.iter().map(|row| &row.top))).flatten();
        let unknown: Vec<u32> = tokens.map(|ranked| ranked.0).filter(|token| self.pieces.insert(*token)).collect();
        let pieces = unknown.into_iter().map(|token| (token, comparison.piece(token))).collect();
        let all = || run_now.scores.iter().flatten();
        let histogram = if chunk.is_some() { Histogram::of(all(), BINS) } else { Histogram::of(run_now.impression.iter(), BINS) };
        Some(Point {
            run,
            chunk,
            differences,
            expected,
            pieces,
            summary: run_now.summary()?,
            histogram,
            prefill: run_now.prefill,
            kept_as_sum: comparison.kept_as_sum(),
            lost: comparison.lost(),
        })
    }
}

fn begun(comparison: &Comparison) -> Begun {
    let runs = comparison.runs().iter().map(|run| (Arc::new(run.candidate.clone()), run.kind, run.goal)).collect();
    Begun {
        reference: Arc::new(comparison.reference().clone()),
        runs,
        settings: *comparison.settings(),
        budget: *comparison.budget(),
        chunks: comparison.text().into(),
        half: comparison.chunks().half(),
        preview: comparison.chunks().preview(),
    }
}

/// The text itself.
fn words(text: &Text) -> Result<std::borrow::Cow<'_, str>> {
    match text {
        Text::Bundled => Ok(text::BUNDLED.into()),
        Text::Words(words) => Ok((&**words).into()),
        Text::File(path) => {
            let long = std::fs::metadata(path).map_err(|error| Error::open(path, error))?;
            if !long.is_file() || long.len() > LONGEST_TEXT {
                let most = Bytes(LONGEST_TEXT).in_memory();
                return Err(Error::open(path, format!("is no text file of at most {most}; choose a shorter one")));
            }
            let bytes = std::fs::read(path).map_err(|error| Error::open(path, error))?;
            let text = String::from_utf8(bytes).map_err(|error| {
                let at = format!("byte {}", error.utf8_error().valid_up_to());
                Error::format(path, at, "UTF-8 text", "bytes that are not UTF-8")
            })?;
            Ok(text.into())
        }
    }
}

fn gone() -> Error {
    Error::Engine("what was measured is no longer kept; compare again".to_owned())
}

fn tell(context: &Context<'_>, told: Told) {
    context.step(Step::Lab(told));
}

impl Lane for LabLane {
    type Task = Order;

    fn job(task: &Order) -> Option<JobId> {
        job_of(task)
    }

    fn run(&mut self, order: Order, context: &Context<'_>) -> Result<Outcome> {
        let Command::Lab(lab) = order.command else {
            return Err(Error::Internal(format!("a lane of the lab cannot do {:?}", order.command)));
        };
        let found = match *lab {
            Lab::Open(paths) => {
                for path in paths {
                    if !context.go_on() {
                        return Err(Error::Cancelled);
                    }
                    let model = library::open(&path).map(|file| Arc::new(crate::inspect::Model::read(file)));
                    tell(context, Told::Opened(path, model));
                }
                Found::All
            }
            Lab::Plan(planning) => Found::Plan(Arc::new(plan::plan(&planning, &|| context.go_on())?)),
            Lab::Start(start) => self.start(*start, context).map(|()| Found::All)?,
            Lab::GoOn => self.measure(context).map(|()| Found::All)?,
            Lab::Add(candidates) => self.add(candidates, context).map(|()| Found::All)?,
            Lab::Forget => {
                self.forget();
                Found::All
            }
        };
        Ok(Outcome::Lab(found))
    }

    fn recover(&mut self, _context: &Context<'_>) {
        self.forget();
    }

    fn close(&mut self) {
        self.forget();
    }
}
