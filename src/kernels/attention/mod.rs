//! Causal attention over a cache in blocks, the heads of a group sharing each key and value.
//!
//! A prompt is cut by its positions and key heads: a task widens a tile of keys and values once for all its queries. A single token is
//! cut by key heads and stretches of the cache, which are read as they are stored, and whose results are put together at the end. Both
//! then do the same ([`tile`]), in the same order, so a query gets the same bits in a prompt as by itself. How keys and values lie is
//! [`unit`]'s and [`layer`]'s to say.
#![expect(unsafe_code, reason = "the same loops, compiled for the vector instructions that are there")]
#![expect(clippy::inline_always, reason = "bodies are compiled for the instructions of their callers")]

pub mod layer;
mod q8_0;
mod tile;
mod unit;

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::dot::Matrix;
use super::dot::simd::{LANES, Simd, for_each_simd};
use super::pool::Pool;
use super::processor::Processor;
pub use layer::Layer;
use layer::{Blocks, each};
use tile::{Seen, TILE, Tile, see};
use unit::{F32, Lanes, Unit};

/// The heads of an attention layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heads {
    /// Query heads.
    pub n_heads: usize,
    /// Key and value heads; each serves `n_heads / n_kv_heads` query heads.
    pub n_kv_heads: usize,
    /// Values per head.
    pub head_dim: usize,
}

impl Heads {
    const fn group(self) -> usize {
        self.n_heads / self.n_kv_heads
    }

    const fn width(self) -> usize {
        self.n_heads * self.head_dim
    }

    /// Query positions of one task in a prompt: enough queries for what is widened, and a number that vectors share well.
    pub(crate) const fn positions_per_task(self) -> usize {
        8 * 4usize.div_ceil(self.group())
    }
}

/// How scores are made of queries and keys, and which keys a query sees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scoring {
    /// What products of queries and keys are multiplied by.
    pub scale: f32,
    /// Scores `s` become `cap · tanh(s / cap)`; above 0.
    pub cap: Option<f32>,
    /// A position sees so many: itself and those before it. `None` sees all.
    pub window: Option<usize>,
}

impl Scoring {
    /// As most models do: divided by the root of the head's width, everything seen.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "head dimensions are small")]
    pub fn plain(head_dim: usize) -> Self {
        Self { scale: 1.0 / (head_dim as f32).sqrt(), cap: None, window: None }
    }

    /// What queries are multiplied by: with a cap, scores come as [`Tile`] takes them.
    fn factor(self) -> f32 {
        self.cap.map_or(self.scale, |cap| 2.0 * self.scale / cap)
    }

    /// The first position that one sees.
    fn first_seen(self, position: usize) -> usize {
        self.window.map_or(0, |window| (position + 1).saturating_sub(window))
    }
}

/// Cache positions of one task for a single query, in whole tiles. A prompt's queries sum up the same stretches, so that they get the same
/// bits as if each were a single one.
const STRETCH: usize = 256;

/// Bytes that attention works in beside its operands, at most: `l` query positions, on so many threads, with so many in the cache.
#[must_use]
pub fn scratch_bytes(heads: Heads, l: usize, threads: usize, positions: usize) -> u64 {
    // A head has at most this many squares, padded for a type of two.
    let squares = heads.head_dim.div_ceil(2 * LANES) * 2;
    let of_query = squares + 2 * Seen::len(squares);
    let queries = heads.positions_per_task().min(l) * heads.group();
    let of_task = 2 * TILE * squares + queries * of_query;
    let of_token = heads.n_heads * (squares + positions.div_ceil(STRETCH) * Seen::len(squares));
    ((threads * of_task + of_token) * size_of::<Lanes>()) as u64
}

/// Queries of one key head, and the part of the cache they look at.
struct Look<'a, U> {
    blocks: &'a Blocks<U>,
    kv_head: usize,
    /// Query heads of the key head.
    group: usize,
    /// `[l, group]`, multiplied by the scale and padded to whole squares.
    queries: &'a [Lanes],
    /// Position of the first query.
    first: usize,
    /// From the beginning of a stretch on.
    positions: Range<usize>,
    scoring: Scoring,
}

/// What one task of a prompt works in: its queries, a tile of keys and values, widened, and what the queries have seen, twice.
#[derive(Debug, Default)]
struct Workbench {
    queries: Vec<Lanes>,
    tile: Vec<F32>,
    seen: Vec<Lanes>,
}

/// Buffers that are kept from one call to the next, and the instructions to use.
#[derive(Debug)]
pub struct Scratch {
    processor: Processor,
    /// Those that no task works in.
    benches: Mutex<Vec<Workbench>>,
    /// A single token's queries.
    queries: Vec<Lanes>,
    /// What they have seen in each stretch.
    stretches: Vec<Lanes>,
}

impl Scratch {
    /// With these instructions, which must be among [`Processor::here`].
    #[must_use]
    pub fn on(processor: Processor) -> Self {
        let processor = if Processor::here().contains(&processor) { processor } else { Processor::Portable };
        Self { processor, benches: Mutex::default(), queries: Vec::new(), stretches: Vec::new() }
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::on(Processor::best())
    }
}

/// `out[l, n_heads · head_dim]` from queries of the same shape, the first of which stands at position `start`; position `p` sees the
/// cache's positions up to `p`, as far as the window reaches.
#[expect(clippy::too_many_arguments, reason = "two of them are where, two how, four what")]
pub fn attend(pool: &Pool, scratch: &mut Scratch, heads: Heads, scoring: Scoring, q: &[f32], layer: &Layer, start: usize, out: &mut [f32]) {
    each!(layer, blocks => {
        if out.len() == heads.width() {
            attend_one(pool, scratch, (heads, scoring), q, blocks, start, out);
        } else {
            attend_many(pool, scratch, (heads, scoring), q, blocks, start, out);
        }
    });
}

/// A prompt: every task is some positions and a key head.
fn attend_many<U: Unit>(
    pool: &Pool,
    scratch: &Scratch,
    (heads, scoring): (Heads, Scoring),
    q: &[f32],
    blocks: &Blocks<U>,
    start: usize,
    out: &mut [f32],
) {
    let (width, group, head_dim) = (heads.width(), heads.group(), heads.head_dim);
    let (l, per_task) = (out.len() / width, heads.positions_per_task());
    let squares = blocks.units() * U::SQUARES;
    let parts = l.div_ceil(per_task);
    let out = Matrix::new(out, width);
    pool.each(parts * heads.n_kv_heads, |task| {
        // The last positions see the most; they come first.
        let (part, kv_head) = (parts - 1 - task / heads.n_kv_heads, task % heads.n_kv_heads);
        let rows = part * per_task..l.min((part + 1) * per_task);
        let columns = kv_head * group * head_dim;
        let free = || scratch.benches.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bench = free().pop().unwrap_or_default();
        let Workbench { queries, tile, seen } = &mut bench;
        let n = rows.len() * group;
        queries.resize(n * squares, Lanes::default());
        let len = n * Seen::len(squares);
        seen.resize(2 * len, Lanes::default());
        for (i, queries) in rows.clone().zip(queries.chunks_mut(group * squares)) {
            pad(&q[i * width + columns..][..group * head_dim], head_dim, scoring, queries);
        }
        let first = start + rows.start;
        let positions = scoring.first_seen(first) / STRETCH * STRETCH..start + rows.end;
        let look = Look { blocks, kv_head, group, queries, first, positions, scoring };
        look_at(scratch.processor, &look, Some(tile), seen);
        // SAFETY: each task has its own rows of its own head's columns.
        let mut out = unsafe { out.part(rows.clone(), columns, group * head_dim) };
        for i in 0..rows.len() {
            settle(scratch.processor, &mut seen[..len], n, squares, i * group, head_dim, out.row(i));
        }
        free().push(bench);
    });
}

/// A single query: every task is a key head and a stretch of the cache.
fn attend_one<U: Unit>(
    pool: &Pool,
    scratch: &mut Scratch,
    (heads, scoring): (Heads, Scoring),
    q: &[f32],
    blocks: &Blocks<U>,
    position: usize,
    out: &mut [f32],
) {
    let (group, head_dim) = (heads.group(), heads.head_dim);
    let squares = blocks.units() * U::SQUARES;
    let first_stretch = scoring.first_seen(position) / STRETCH;
    let n_stretches = (position + 1).div_ceil(STRETCH) - first_stretch;
    let len = group * Seen::len(squares);
    let Scratch { processor, queries, stretches, .. } = scratch;
    queries.resize(heads.n_heads * squares, Lanes::default());
    pad(q, head_dim, scoring, queries);
    stretches.resize(heads.n_kv_heads * n_stretches * len, Lanes::default());
    pool.chunks(stretches, len, |task, seen| {
        let (kv_head, from) = (task / n_stretches, (first_stretch + task % n_stretches) * STRETCH);
        let queries = &queries[kv_head * group * squares..][..group * squares];
        let positions = from..(position + 1).min(from + STRETCH);
        look_at(*processor, &Look { blocks, kv_head, group, queries, first: position, positions, scoring }, None, seen);
    });
    for (seen, out) in stretches.chunks_mut(n_stretches * len).zip(out.chunks_mut(group * head_dim)) {
        settle(*processor, seen, group, squares, 0, head_dim, out);
    }
}

/// Heads, multiplied by the scale, each in squares of its own.
fn pad(q: &[f32], head_dim: usize, scoring: Scoring, out: &mut [Lanes]) {
    let squares = out.len() / (q.len() / head_dim);
    let scale = scoring.factor();
    for (head, out) in q.chunks_exact(head_dim).zip(out.chunks_exact_mut(squares)) {
        out.fill(Lanes::default());
        for (values, out) in head.chunks(LANES).zip(out) {
            for (out, value) in out.0.iter_mut().zip(values) {
                *out = value * scale;
            }
        }
    }
}

for_each_simd! {
    /// Lets queries see their part of the cache, widened in a buffer or as it is stored. What they saw is in the first half of `seen`,
    /// which needs a second one where there is more than one stretch; what either held does not matter.
    fn look_at<U: Unit>(look: &Look<'_, U>, wide: Option<&mut Vec<F32>>, seen: &mut [Lanes]) by look_at_body
}

#[inline(always)]
fn look_at_body<S: Simd, U: Unit>(s: S, look: &Look<'_, U>, wide: Option<&mut Vec<F32>>, seen: &mut [Lanes]) {
    let Look { blocks, kv_head, group, queries, first, positions, scoring } = look;
    let units = blocks.units();
    let squares = units * U::SQUARES;
    let n = queries.len() / squares;
    let (all_of_it, of_stretch) = seen.split_at_mut(n * Seen::len(squares));
    Seen::nothing(n, squares, all_of_it);
    let mut wide = if U::WIDE { None } else { wide };
    if let Some(wide) = &mut wide {
        wide.resize(2 * (TILE / LANES) * squares, F32::default());
    }
    let (window, cap) = (scoring.window.unwrap_or(usize::MAX), scoring.cap.unwrap_or(0.0));
    let mut from = positions.start.max(scoring.first_seen(*first) / TILE * TILE);
    while from < positions.end {
        let count = TILE.min(positions.end - from);
        let in_first = from < positions.start + STRETCH;
        let mut seen = if in_first {
            Seen::of(n, squares, all_of_it)
        } else if from.is_multiple_of(STRETCH) {
            Seen::nothing(n, squares, of_stretch)
        } else {
            Seen::of(n, squares, of_stretch)
        };
        let (keys, values) = blocks.from(*kv_head, from);
        // Queries from `some` to `over` see something of the tile, and of these those from `all` to `whole` all of it.
        let positions_of_queries = n / group;
        let some = from.saturating_sub(*first);
        let all = (from + count).saturating_sub(first + 1).clamp(some, positions_of_queries);
        let over = (from + count).saturating_add(window).saturating_sub(first + 1).min(positions_of_queries);
        let whole = from.saturating_add(window).saturating_sub(*first).min(positions_of_queries);
        let mut i = some;
        if let Some(wide) = wide.as_mut().filter(|_| some < over) {
            let (wide_keys, wide_values) = wide.split_at_mut((TILE / LANES) * squares);
            for unit in 0..count.div_ceil(LANES) * units {
                let place = unit * U::SQUARES..(unit + 1) * U::SQUARES;
                keys[unit].widen_keys(s, &mut wide_keys[place.clone()]);
                values[unit].widen_values(s, &mut wide_values[place]);
            }
            while i < over {
                let next = if i >= all && i < whole { whole } else { i + 1 };
                let (skip, end) = ((first + i + 1).saturating_sub(window).saturating_sub(from), count.min(first + i + 1 - from));
                let tile = Tile { keys: wide_keys, values: wide_values, units: squares, first: skip, end, cap };
                see(s, &tile, queries, &mut seen, i * group, next * group);
                i = next;
            }
        }
        while i < over {
            let next = if i >= all && i < whole { whole } else { i + 1 };
            let (skip, end) = ((first + i + 1).saturating_sub(window).saturating_sub(from), count.min(first + i + 1 - from));
            let tile = Tile { keys, values, units, first: skip, end, cap };
            see(s, &tile, queries, &mut seen, i * group, next * group);
            i = next;
        }
        from += TILE;
        if !in_first && (from >= positions.end || from.is_multiple_of(STRETCH)) {
            for i in 0..n {
                Seen::of(n, squares, all_of_it).merge(s, &Seen::of(n, squares, of_stretch), i);
            }
        }
    }
}

for_each_simd! {
    /// Puts together what some of `n` queries, from `first` on, have seen in the parts of `seen`: as many as fit `out[·, head_dim]`.
    fn settle(seen: &mut [Lanes], n: usize, squares: usize, first: usize, head_dim: usize, out: &mut [f32]) by settle_body
}

#[inline(always)]
fn settle_body<S: Simd>(s: S, seen: &mut [Lanes], n: usize, squares: usize, first: usize, head_dim: usize, out: &mut [f32]) {
    let (one, others) = seen.split_at_mut(n * Seen::len(squares));
    let mut one = Seen::of(n, squares, one);
    for (i, out) in (first..).zip(out.chunks_exact_mut(head_dim)) {
        for other in others.chunks_exact_mut(n * Seen::len(squares)) {
            one.merge(s, &Seen::of(n, squares, other), i);
        }
        let mut total = 0.0;
        for lane in one.totals[i].0 {
            total += lane;
        }
        let share = s.floats(1.0 / total);
        for (sum, out) in one.sums[i * squares..].iter().zip(out.chunks_mut(LANES)) {
            let values = s.store(s.multiply(s.load(&sum.0), share));
            out.copy_from_slice(&values[..out.len()]);
        }
    }
}
