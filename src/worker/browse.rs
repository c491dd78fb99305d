//! The lanes of browsing: they own no model, read files by pieces, and yield to the engine while it answers.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Context;
use super::lane::{Lane, job_of};
use crate::error::{Error, Result};
use crate::inspect::pyramid::{self, Picture};
use crate::inspect::stats::{self, Depth};
use crate::inspect::values::{ScaleValues, Sorted, TensorValues, Values};
use crate::inspect::{Model, block, diff, neighbours};
use crate::kernels::courtesy::{Background, Courtesy};
use crate::kernels::pool::Pool;
use crate::library;
use crate::message::browse::{Block, Browse, Found, Neighbours, RowOf, Seen, Subject, What};
use crate::message::{Command, JobId, Order, Outcome, Step};

/// How often a picture that sharpens is told.
const TELL_EVERY: Duration = Duration::from_millis(100);
/// How soon the first one is.
const FIRST: Duration = Duration::from_millis(20);
/// Rows that are like a row.
const NEIGHBOURS: usize = 24;

/// One of several lanes, so that a tile never waits for statistics.
pub struct BrowseLane {
    courtesy: Courtesy,
    threads: usize,
    pool: Option<Pool>,
}

impl BrowseLane {
    pub const fn new(courtesy: Courtesy, threads: usize) -> Self {
        Self { courtesy, threads, pool: None }
    }

    fn browse(&mut self, order: Browse, context: &Context<'_>) -> Result<Found> {
        if self.pool.is_none() {
            self.pool = Some(Pool::new(self.threads)?);
        }
        let pool = self.pool.as_ref().ok_or_else(|| Error::Internal("no threads to browse with".into()))?;
        let go_on = || context.go_on();
        let background = Background { pool, courtesy: &self.courtesy, go_on: &go_on };
        let tell = |seen| context.step(Step::Seen(seen));
        match order {
            Browse::Look { subject, statistics } => {
                with_values(&subject, |values| look(values, statistics, &background, &tell))?;
                Ok(Found::Looked)
            }
            Browse::Tiles { subject, keys } => with_values(&subject, |values| {
                for key in keys {
                    if !context.go_on() {
                        return Err(Error::Cancelled);
                    }
                    tell(Seen::Tile(Arc::new(pyramid::tile(values, key)?)));
                }
                Ok(Found::All)
            }),
            Browse::Block { subject, at } => take_apart(&subject, at),
            Browse::Survey { model, tensors } => survey(&model, &tensors, &background, &tell),
            Browse::Neighbours { subject, of } => alike(&subject, &of, &background),
            Browse::Compare { model, path } => compare(&model, &path, &background, &tell),
        }
    }
}

impl Lane for BrowseLane {
    type Task = Order;

    fn job(task: &Order) -> Option<JobId> {
        job_of(task)
    }

    fn run(&mut self, order: Order, context: &Context<'_>) -> Result<Outcome> {
        match order.command {
            Command::Browse(browse) => self.browse(*browse, context).map(Outcome::Found),
            other => Err(Error::Internal(format!("a browsing lane cannot do {other:?}"))),
        }
    }
}

/// The matrix that is looked at.
fn with_values<R>(subject: &Subject, then: impl FnOnce(&dyn Values) -> Result<R>) -> Result<R> {
    let sorted = |values: &dyn Values| {
        if subject.rows.is_none() && subject.cols.is_none() {
            return then(values);
        }
        then(&Sorted { values, rows: subject.rows.as_deref(), cols: subject.cols.as_deref() })
    };
    let file = &subject.model.file;
    match &subject.what {
        What::Values { tensor, slice } => sorted(&TensorValues::new(file, &file.tensors[*tensor])?.slice(*slice)),
        What::Scales { tensor } => match ScaleValues::new(file, &file.tensors[*tensor])? {
            Some(values) => sorted(&values),
            None => Err(Error::unsupported("block scales", "this storage type has no blocks")),
        },
        What::Difference { other, pair } => sorted(&diff::Difference::new(&subject.model, other, pair)?),
    }
}

/// Draws a matrix, telling ever sharper pictures, then counts it.
fn look(values: &dyn Values, statistics: bool, background: &Background<'_>, tell: &dyn Fn(Seen)) -> Result<()> {
    let mut picture = Picture::new(values.rows(), values.cols());
    let mut patience = FIRST;
    loop {
        let done = picture.step(values, background, patience)?;
        tell(Seen::Picture(Arc::new(picture.clone())));
        if done {
            break;
        }
        patience = TELL_EVERY;
    }
    drop(picture);
    if statistics {
        let mut told = Instant::now();
        let all = stats::of(values, Depth::Full, background, &mut |share, stats| {
            if told.elapsed() >= TELL_EVERY {
                told = Instant::now();
                tell(Seen::Stats(Arc::new(stats.clone()), share));
            }
        })?;
        tell(Seen::Stats(Arc::new(all), 1.0));
    }
    Ok(())
}

/// The block that holds a value.
fn take_apart(subject: &Subject, at: [usize; 2]) -> Result<Found> {
    let What::Values { tensor, slice } = subject.what else {
        return Err(Error::unsupported("a difference", "it is computed and has no blocks in a file"));
    };
    let file = &subject.model.file;
    let own = [
        subject.rows.as_ref().map_or(Some(at[0]), |rows| rows.get(at[0]).map(|&row| row as usize)),
        subject.cols.as_ref().map_or(Some(at[1]), |cols| cols.get(at[1]).map(|&col| col as usize)),
    ];
    let [Some(row), Some(col)] = own else { return Err(Error::Internal("a value outside the tensor was asked for".into())) };
    let block = block::holding(file, &file.tensors[tensor], slice, [row, col])?;
    Ok(Found::Block(Arc::new(Block {
        at,
        index: block.index,
        first: block.first,
        offset: block.offset,
        bits: block.bits_of(block.index),
        bytes: block.bytes,
        parts: block.parts,
    })))
}

fn survey(model: &Model, tensors: &[usize], background: &Background<'_>, tell: &dyn Fn(Seen)) -> Result<Found> {
    let all: u64 = tensors.iter().map(|&tensor| model.file.tensors[tensor].bytes.0).sum();
    let mut done = 0;
    for &tensor in tensors {
        let info = &model.file.tensors[tensor];
        let stats = TensorValues::new(&model.file, info).and_then(|values| stats::of(&values, Depth::Full, background, &mut |_, _| ()));
        if matches!(stats, Err(Error::Cancelled)) {
            return Err(Error::Cancelled);
        }
        done += info.bytes.0;
        tell(Seen::Counted { tensor, stats: stats.map(|stats| Arc::new(stats.in_short())), share: share(done, all) });
    }
    Ok(Found::All)
}

fn compare(model: &Model, path: &Path, background: &Background<'_>, tell: &dyn Fn(Seen)) -> Result<Found> {
    let other = Arc::new(Model::read(library::open(path)?));
    let pairs: Arc<[diff::Pair]> = diff::pairs(model, &other).into();
    tell(Seen::Paired { other: Arc::clone(&other), pairs: Arc::clone(&pairs) });
    let bytes = |pair: &diff::Pair| pair.a.map_or(0, |tensor| model.file.tensors[tensor].bytes.0);
    let all: u64 = pairs.iter().map(bytes).sum();
    let mut done = 0;
    for (at, pair) in pairs.iter().enumerate() {
        done += bytes(pair);
        if pair.state(model, &other) != diff::State::Comparable {
            continue;
        }
        let distance = diff::compare(model, &other, pair, background, &mut |_| ());
        if matches!(distance, Err(Error::Cancelled)) {
            return Err(Error::Cancelled);
        }
        tell(Seen::Compared { pair: at, distance, share: share(done, all) });
    }
    Ok(Found::All)
}

/// The rows most like one, with their tokens where the table has as many rows as the vocabulary has tokens.
fn alike(subject: &Subject, of: &RowOf, background: &Background<'_>) -> Result<Found> {
    let vocabulary = crate::engine::tokenizer::Tokenizer::of(&subject.model);
    let row = match of {
        RowOf::Row(row) => *row,
        RowOf::Text(text) => {
            let tokenizer = vocabulary.as_ref().map_err(Clone::clone)?;
            let ids = tokenizer.encode(text, crate::engine::tokenizer::Special::Plain)?;
            let id = ids.first().ok_or_else(|| Error::Engine("there is no token in an empty text".into()))?;
            *id as usize
        }
    };
    let token = |row: usize| {
        let id = u32::try_from(row).ok()?;
        vocabulary.as_ref().ok()?.vocabulary().text(id).map(ToOwned::to_owned)
    };
    let rows = with_values(subject, |values| neighbours::nearest(values, row, NEIGHBOURS, background, &mut |_| ()))?;
    let rows = rows.into_iter().map(|neighbour| (neighbour, token(neighbour.row))).collect();
    Ok(Found::Neighbours(Arc::new(Neighbours { row, token: token(row), rows })))
}

#[expect(clippy::cast_precision_loss, reason = "a share")]
fn share(done: u64, all: u64) -> f64 {
    if all == 0 { 1.0 } else { done as f64 / all as f64 }
}
