//! What is looked at on the page of tensors, and what has been found of it.
//!
//! A newer wish takes the place of the one before: what comes of a job that nobody waits for any more changes nothing.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use super::{Action, Slot, State, Tone};
use crate::error::Error;
use crate::inspect::Model;
use crate::inspect::diff::{Distance, Pair};
use crate::inspect::pyramid::{Picture, Tile, TileKey};
use crate::inspect::stats::Stats;
use crate::message::browse::{Block, Browse, Found, Neighbours, RowOf, Seen, Subject, What};
use crate::message::{Command, JobId, Order, Outcome};

/// Tiles that are kept: 128 × 128 texels each.
const TILES: usize = 384;

/// What a person wishes to see.
#[derive(Debug, Clone, PartialEq)]
pub enum Wish {
    /// A tensor of the open file, by its place in the list; `None` for the whole.
    Tensor(Option<usize>),
    /// Another matrix of a tensor with more than two dimensions.
    Slice(usize),
    /// The scales of its blocks in place of its values, and back.
    Scales(bool),
    /// Rows, columns sorted by their norm.
    Sort {
        /// Rows are.
        rows: bool,
        /// Columns are.
        cols: bool,
    },
    /// Some tiles, drawn exactly.
    Tiles(Vec<TileKey>),
    /// The block of a value.
    Block([usize; 2]),
    /// Statistics of all tensors.
    Survey,
    /// No more of them.
    StopSurvey,
    /// Rows that are like a row.
    Neighbours(RowOf),
    /// Choose the file to compare with.
    PickOther,
    /// Compare with this file.
    Compare(PathBuf),
    /// Stop comparing, or close the comparison.
    CloseComparison,
    /// What a pair of tensors differ by, by its place in the comparison.
    Difference(usize),
}

/// A file beside the open one.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// The other file.
    pub other: Arc<Model>,
    /// Tensors that belong together.
    pub pairs: Arc<[Pair]>,
    /// What was found of each pair so far, by its place.
    pub distances: BTreeMap<usize, Result<Distance, Error>>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Browsing {
    /// The matrix that is looked at.
    pub subject: Option<Subject>,
    /// Whether it is being drawn or counted.
    pub look: Slot<()>,
    /// Its picture so far.
    pub picture: Option<Arc<Picture>>,
    /// What is known of its values so far, and of which share of them.
    pub stats: Option<(Arc<Stats>, f64)>,
    /// Tiles of it.
    pub tiles: BTreeMap<TileKey, Arc<Tile>>,
    /// The block that was asked for last.
    pub block: Slot<Arc<Block>>,
    /// Rows like a row.
    pub neighbours: Slot<Arc<Neighbours>>,
    /// What is known of each tensor of the open file.
    pub counted: BTreeMap<usize, Result<Arc<Stats>, Error>>,
    /// How far the survey of all tensors is.
    pub survey: Slot<(), f64>,
    /// The file that the open one is compared with.
    pub comparison: Option<Comparison>,
    /// How far that is.
    pub comparing: Slot<(), f64>,
    /// Goes up with each subject, so that what was drawn of the one before is known to be old.
    pub generation: u64,
    /// Tiles in the order in which they came.
    order: VecDeque<TileKey>,
    tiling: Option<JobId>,
    wanted: Vec<TileKey>,
    picking_other: Option<JobId>,
}

impl Browsing {
    /// The tensor that is looked at.
    #[must_use]
    pub fn tensor(&self) -> Option<usize> {
        self.subject.as_ref().and_then(|subject| subject.what.tensor())
    }

    /// Whether tiles are on their way.
    #[must_use]
    pub const fn is_tiling(&self) -> bool {
        self.tiling.is_some()
    }

    /// Whether something waits for this job.
    pub(super) fn waits_for(&self, job: JobId) -> bool {
        let jobs = [
            self.look.job(),
            self.block.job(),
            self.neighbours.job(),
            self.survey.job(),
            self.comparing.job(),
            self.tiling,
            self.picking_other,
        ];
        jobs.contains(&Some(job))
    }

    /// Lets go of what was seen of another matrix.
    fn turn_to(&mut self, subject: Option<Subject>) {
        let other_tensor =
            self.subject.as_ref().map(|subject| subject.what.tensor()) != subject.as_ref().map(|subject| subject.what.tensor());
        self.generation += 1;
        self.subject = subject;
        self.picture = None;
        self.stats = None;
        self.tiles.clear();
        self.order.clear();
        self.tiling = None;
        self.wanted.clear();
        self.block = Slot::Empty;
        if other_tensor {
            self.neighbours = Slot::Empty;
        }
    }

    fn keep(&mut self, tile: Arc<Tile>) {
        let key = tile.key;
        if self.tiles.insert(key, tile).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > TILES {
            if let Some(oldest) = self.order.pop_front() {
                self.tiles.remove(&oldest);
            }
        }
    }
}

impl State {
    /// Another file is open: nothing of the one before is of interest.
    pub(super) fn forget_browsing(&mut self) {
        self.browsing = Browsing { generation: self.browsing.generation + 1, ..Browsing::default() };
    }

    /// Turns a wish into an order.
    pub(super) fn browse(&mut self, wish: Wish) -> Option<Order> {
        let model = Arc::clone(&self.opened.ready()?.model);
        let own = |what| Subject { model: Arc::clone(&model), what, rows: None, cols: None };
        match wish {
            Wish::Tensor(None) => {
                self.browsing.turn_to(None);
                let job = self.browsing.look.job();
                self.browsing.look = Slot::Empty;
                self.stop(job)
            }
            Wish::Tensor(Some(tensor)) => {
                (tensor < model.file.tensors.len()).then_some(())?;
                if matches!(&self.browsing.subject, Some(Subject { what: What::Values { tensor: now, slice: 0 }, .. }) if *now == tensor) {
                    return None;
                }
                Some(self.look(own(What::Values { tensor, slice: 0 })))
            }
            Wish::Slice(slice) => {
                let tensor = self.browsing.tensor()?;
                Some(self.look(own(What::Values { tensor, slice })))
            }
            Wish::Scales(scales) => {
                let tensor = self.browsing.tensor()?;
                Some(self.look(own(if scales { What::Scales { tensor } } else { What::Values { tensor, slice: 0 } })))
            }
            Wish::Sort { rows, cols } => self.sort(rows, cols),
            Wish::Tiles(keys) => self.tiles(keys),
            Wish::Block(at) => {
                let subject = self.browsing.subject.clone()?;
                let job = self.next_job();
                self.browsing.block = Slot::Busy { job, progress: () };
                Some(browse(job, Browse::Block { subject, at }))
            }
            Wish::Neighbours(of) => {
                let tensor = self.browsing.tensor()?;
                let job = self.next_job();
                self.browsing.neighbours = Slot::Busy { job, progress: () };
                Some(browse(job, Browse::Neighbours { subject: own(What::Values { tensor, slice: 0 }), of }))
            }
            Wish::Survey => {
                let tensors = (0..model.file.tensors.len()).filter(|tensor| !self.browsing.counted.contains_key(tensor)).collect();
                let job = self.next_job();
                self.browsing.survey = Slot::Busy { job, progress: 0.0 };
                Some(browse(job, Browse::Survey { model, tensors }))
            }
            Wish::StopSurvey => self.stop(self.browsing.survey.job()),
            Wish::PickOther => {
                let job = self.next_job();
                self.browsing.picking_other = Some(job);
                Some(Order { job, command: Command::Pick })
            }
            Wish::Compare(path) => {
                let job = self.next_job();
                self.browsing.comparison = None;
                self.browsing.comparing = Slot::Busy { job, progress: 0.0 };
                Some(browse(job, Browse::Compare { model, path }))
            }
            Wish::CloseComparison => {
                if let Some(job) = self.browsing.comparing.job() {
                    return self.stop(Some(job));
                }
                self.browsing.comparison = None;
                self.browsing.comparing = Slot::Empty;
                None
            }
            Wish::Difference(at) => {
                let comparison = self.browsing.comparison.as_ref()?;
                let pair = comparison.pairs.get(at)?.clone();
                let other = Arc::clone(&comparison.other);
                Some(self.look(own(What::Difference { other, pair })))
            }
        }
    }

    /// Draws the rows, the columns or both in the order of their norms.
    fn sort(&mut self, rows: bool, cols: bool) -> Option<Order> {
        let subject = self.browsing.subject.clone()?;
        let (stats, _) = self.browsing.stats.clone()?;
        let rows = rows.then(|| by_norm(&stats.row_norms));
        let cols = cols.then(|| by_norm(&stats.col_norms));
        // What was counted does not depend on the order.
        let before = (subject.rows.is_some(), subject.cols.is_some());
        let order = self.look(Subject { rows: rows.clone(), cols: cols.clone(), ..subject });
        if before == (false, false) {
            self.browsing.stats = Some((stats, 1.0));
        }
        Some(order)
    }

    /// Asks for tiles that are not here yet.
    fn tiles(&mut self, keys: Vec<TileKey>) -> Option<Order> {
        let subject = self.browsing.subject.clone()?;
        let keys: Vec<TileKey> = keys.into_iter().filter(|key| !self.browsing.tiles.contains_key(key)).collect();
        if keys.is_empty() || keys == self.browsing.wanted {
            return None;
        }
        let job = self.next_job();
        self.browsing.tiling = Some(job);
        self.browsing.wanted.clone_from(&keys);
        Some(browse(job, Browse::Tiles { subject, keys }))
    }

    fn look(&mut self, subject: Subject) -> Order {
        self.browsing.turn_to(Some(subject.clone()));
        let known = match subject.what {
            What::Values { tensor, slice: 0 } => self.browsing.counted.get(&tensor).and_then(|stats| stats.as_ref().ok()),
            _ => None,
        };
        // A survey counts less than a look does: rows and histogram are missing.
        let complete = known.filter(|stats| stats.histogram.is_some()).cloned();
        let statistics = complete.is_none();
        self.browsing.stats = complete.map(|stats| (stats, 1.0));
        let job = self.next_job();
        self.browsing.look = Slot::Busy { job, progress: () };
        browse(job, Browse::Look { subject, statistics })
    }

    /// Folds in what was seen.
    pub(super) fn seen(&mut self, job: JobId, seen: Seen) {
        let browsing = &mut self.browsing;
        match seen {
            Seen::Picture(picture) if browsing.look.waits_for(job) => browsing.picture = Some(picture),
            Seen::Stats(stats, share) if browsing.look.waits_for(job) => {
                if let Some(Subject { what: What::Values { tensor, slice: 0 }, .. }) = &browsing.subject
                    && share >= 1.0
                {
                    browsing.counted.insert(*tensor, Ok(Arc::clone(&stats)));
                }
                browsing.stats = Some((stats, share));
            }
            Seen::Tile(tile) if browsing.tiling == Some(job) => browsing.keep(tile),
            Seen::Counted { tensor, stats, share } if browsing.survey.waits_for(job) => {
                browsing.counted.entry(tensor).or_insert(stats);
                browsing.survey = Slot::Busy { job, progress: share };
            }
            Seen::Paired { other, pairs } if browsing.comparing.waits_for(job) => {
                browsing.comparison = Some(Comparison { other, pairs, distances: BTreeMap::new() });
            }
            Seen::Compared { pair, distance, share } if browsing.comparing.waits_for(job) => {
                if let Some(comparison) = &mut browsing.comparison {
                    comparison.distances.insert(pair, distance);
                }
                browsing.comparing = Slot::Busy { job, progress: share };
            }
            _ => {}
        }
    }

    /// Folds in how a job of browsing ended.
    pub(super) fn browsed(&mut self, job: JobId, outcome: Result<Outcome, Error>) -> Option<Action> {
        let browsing = &mut self.browsing;
        if browsing.look.waits_for(job) {
            browsing.look = ended(outcome);
        } else if browsing.tiling == Some(job) {
            browsing.tiling = None;
            browsing.wanted.clear();
            if let Err(error) = outcome.map(drop)
                && !matches!(error, Error::Cancelled)
            {
                browsing.look = Slot::Failed(error);
            }
        } else if browsing.block.waits_for(job) {
            browsing.block = match outcome {
                Ok(Outcome::Found(Found::Block(block))) => Slot::Ready(block),
                Err(error) if !matches!(error, Error::Cancelled) => Slot::Failed(error),
                _ => Slot::Empty,
            };
        } else if browsing.neighbours.waits_for(job) {
            browsing.neighbours = match outcome {
                Ok(Outcome::Found(Found::Neighbours(neighbours))) => Slot::Ready(neighbours),
                Err(error) if !matches!(error, Error::Cancelled) => Slot::Failed(error),
                _ => Slot::Empty,
            };
        } else if browsing.survey.waits_for(job) {
            browsing.survey = ended(outcome);
        } else if browsing.comparing.waits_for(job) {
            browsing.comparing = ended(outcome);
        } else if browsing.picking_other == Some(job) {
            browsing.picking_other = None;
            return match outcome {
                Ok(Outcome::Picked(Some(path))) => Some(Action::Browse(Wish::Compare(path))),
                Err(error) => {
                    self.notices.push(Tone::Error, error.to_string(), None, self.now);
                    None
                }
                Ok(_) => None,
            };
        }
        None
    }
}

fn browse(job: JobId, browse: Browse) -> Order {
    Order { job, command: Command::Browse(Box::new(browse)) }
}

/// A slot after its job: done, failed, or empty because it was stopped.
fn ended<P>(outcome: Result<Outcome, Error>) -> Slot<(), P> {
    match outcome {
        Ok(_) => Slot::Ready(()),
        Err(Error::Cancelled) => Slot::Empty,
        Err(error) => Slot::Failed(error),
    }
}

/// Places in the order of falling norms; what is no number comes first.
fn by_norm(norms: &[f32]) -> Arc<[u32]> {
    let mut order: Vec<u32> = (0..).take(norms.len()).collect();
    order.sort_by(|&a, &b| norms[b as usize].abs().total_cmp(&norms[a as usize].abs()).then(a.cmp(&b)));
    order.into()
}
