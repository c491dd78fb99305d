//! Causal attention over a cache in blocks, grouped heads sharing each key and value, softmax carried along (Milakov and Gimelshein
//! 2018; Dao et al. 2022), so that no matrix of scores is ever stored.
//!
//! A prompt is cut by its queries, a single token by heads and stretches of the cache, whose results are put together at the end.
#![expect(unsafe_code, reason = "the same loops, compiled for the vector instructions that are there")]
#![expect(clippy::inline_always, reason = "bodies are compiled for the instructions of their callers")]

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use half::f16;
use half::slice::HalfFloatSliceExt as _;

use super::exp::exp;
use super::pool::Pool;
use super::processor::{Processor, for_each_processor};
use super::tile::{add_weighted, highest, score, to_weights};

/// Keys converted and scored at a time.
const TILE: usize = 64;
/// Query positions of one task in prefill.
const QUERIES_PER_TASK: usize = 8;
/// Positions of one task for a single query.
const STRETCH: usize = 512;

/// A type that keys and values are stored in.
pub trait KvValue: Copy + Send + Sync + Default + 'static {
    /// Widens `stored` into `out`.
    fn widen(stored: &[Self], out: &mut [f32]);
    /// Rounds `values` into `out`.
    fn narrow(values: &[f32], out: &mut [Self]);
    /// [`KvValue::widen`] with the instructions of [`Processor::Avx2`].
    ///
    /// # Safety
    /// The processor must have them.
    unsafe fn widen_avx2(stored: &[Self], out: &mut [f32]) {
        Self::widen(stored, out);
    }
}

impl KvValue for f32 {
    fn widen(stored: &[Self], out: &mut [f32]) {
        out.copy_from_slice(stored);
    }
    fn narrow(values: &[f32], out: &mut [Self]) {
        out.copy_from_slice(values);
    }
}

impl KvValue for f16 {
    fn widen(stored: &[Self], out: &mut [f32]) {
        stored.convert_to_f32_slice(out);
    }
    fn narrow(values: &[f32], out: &mut [Self]) {
        out.convert_from_f32_slice(values);
    }
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn widen_avx2(stored: &[Self], out: &mut [f32]) {
        use std::arch::x86_64::{__m128i, _mm_loadu_si128, _mm256_cvtph_ps, _mm256_storeu_ps};
        let ((stored, rest), (out, rest_out)) = (stored.as_chunks::<8>(), out.as_chunks_mut::<8>());
        for (stored, out) in stored.iter().zip(out) {
            #[expect(clippy::cast_ptr_alignment, reason = "the load is the unaligned one")]
            // SAFETY: eight values are read and eight are written; the caller knows the processor.
            unsafe {
                _mm256_storeu_ps(out.as_mut_ptr(), _mm256_cvtph_ps(_mm_loadu_si128(stored.as_ptr().cast::<__m128i>())));
            }
        }
        if !rest.is_empty() {
            Self::widen(rest, rest_out);
        }
    }
}

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
}

/// One layer's keys and values: blocks of `block_tokens` rows of `n_kv_heads · head_dim` values.
#[derive(Debug)]
pub struct KvView<'a, T> {
    /// Key blocks, in order.
    pub keys: Vec<&'a [T]>,
    /// Value blocks, in order.
    pub values: Vec<&'a [T]>,
    /// Rows of a block.
    pub block_tokens: usize,
}

/// What some query heads have seen so far, one behind the other, each with its weighted sum of values, the highest score and the sum of
/// the weights, which are relative to that score.
struct Seen<'a> {
    sums: &'a mut [f32],
    highest: &'a mut [f32],
    totals: &'a mut [f32],
}

impl<'a> Seen<'a> {
    /// Floats per query head.
    const fn len(head_dim: usize) -> usize {
        head_dim + 2
    }

    /// In a buffer of `n · Seen::len(head_dim)`, whatever it held.
    fn nothing(n: usize, head_dim: usize, buffer: &'a mut [f32]) -> Self {
        let (sums, rest) = buffer.split_at_mut(n * head_dim);
        let (highest, totals) = rest.split_at_mut(n);
        sums.fill(0.0);
        highest.fill(f32::NEG_INFINITY);
        totals.fill(0.0);
        Self { sums, highest, totals }
    }
}

/// One key head, the queries of its group, and the part of the cache they look at.
struct Look<'a, T> {
    heads: Heads,
    kv_head: usize,
    /// `[l, n_heads · head_dim]`
    queries: &'a [f32],
    /// Position of the first query.
    first: usize,
    kv: &'a KvView<'a, T>,
    rows: Range<usize>,
}

/// What one task works in: some rows of one key head, widened, their scores for one query, and what its queries have seen.
#[derive(Debug, Default)]
struct Tiles {
    keys: Vec<f32>,
    values: Vec<f32>,
    scores: Vec<f32>,
    seen: Vec<f32>,
}

/// Buffers that are kept from one call to the next, and the instructions to use.
#[derive(Debug)]
pub struct Scratch {
    processor: Processor,
    /// Those that no task works in.
    tiles: Mutex<Vec<Tiles>>,
    stretches: Vec<f32>,
}

impl Scratch {
    /// With these instructions, which must be among [`Processor::here`].
    #[must_use]
    pub fn on(processor: Processor) -> Self {
        let processor = if Processor::here().contains(&processor) { processor } else { Processor::Portable };
        Self { processor, tiles: Mutex::default(), stretches: Vec::new() }
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::on(Processor::best())
    }
}

/// Does `work` with tiles for heads of this size.
fn with_tiles(free: &Mutex<Vec<Tiles>>, head_dim: usize, work: impl FnOnce(&mut Tiles)) {
    let free = || free.lock().unwrap_or_else(PoisonError::into_inner);
    let mut tiles = free().pop().unwrap_or_default();
    tiles.keys.resize(TILE * head_dim, 0.0);
    tiles.values.resize(TILE * head_dim, 0.0);
    tiles.scores.resize(TILE, 0.0);
    work(&mut tiles);
    free().push(tiles);
}

/// `out[l, n_heads · head_dim]` from queries of the same shape, the first of which stands at position `start`; position `p` sees the
/// cache rows `0..=p`.
pub fn attend<T: KvValue>(pool: &Pool, scratch: &mut Scratch, heads: Heads, q: &[f32], kv: &KvView<'_, T>, start: usize, out: &mut [f32]) {
    let (width, group, head_dim) = (heads.width(), heads.group(), heads.head_dim);
    if out.len() == width {
        return attend_one(pool, scratch, heads, q, kv, start, out);
    }
    pool.chunks(out, QUERIES_PER_TASK * width, |task, part| {
        let first = task * QUERIES_PER_TASK;
        let queries = &q[first * width..first * width + part.len()];
        let l = part.len() / width;
        with_tiles(&scratch.tiles, head_dim, |tiles| {
            let mut buffer = std::mem::take(&mut tiles.seen);
            buffer.resize(l * group * Seen::len(head_dim), 0.0);
            for kv_head in 0..heads.n_kv_heads {
                let mut seen = Seen::nothing(l * group, head_dim, &mut buffer);
                let task = Look { heads, kv_head, queries, first: start + first, kv, rows: 0..start + first + l };
                look(scratch.processor, &task, tiles, &mut seen);
                for (i, (sum, total)) in seen.sums.chunks(head_dim).zip(&*seen.totals).enumerate() {
                    let place = i / group * width + (kv_head * group + i % group) * head_dim;
                    part[place..place + head_dim].iter_mut().zip(sum).for_each(|(v, s)| *v = s / total);
                }
            }
            tiles.seen = buffer;
        });
    });
}

/// A single query: every task is a key head and a stretch of the cache.
fn attend_one<T: KvValue>(
    pool: &Pool,
    scratch: &mut Scratch,
    heads: Heads,
    q: &[f32],
    kv: &KvView<'_, T>,
    position: usize,
    out: &mut [f32],
) {
    let (group, head_dim) = (heads.group(), heads.head_dim);
    let rows = position + 1;
    let n_stretches = rows.div_ceil(STRETCH);
    let len = group * Seen::len(head_dim);
    let Scratch { processor, tiles, stretches } = scratch;
    stretches.resize(heads.n_kv_heads * n_stretches * len, 0.0);
    pool.chunks(stretches, len, |task, buffer| {
        let (kv_head, from) = (task / n_stretches, task % n_stretches * STRETCH);
        let mut seen = Seen::nothing(group, head_dim, buffer);
        let task = Look { heads, kv_head, queries: q, first: position, kv, rows: from..rows.min(from + STRETCH) };
        with_tiles(tiles, head_dim, |tiles| look(*processor, &task, tiles, &mut seen));
    });
    for (head, out) in out.chunks_mut(head_dim).enumerate() {
        let (kv_head, g) = (head / group, head % group);
        // Sums, highest scores and totals of a group stand one behind the other.
        let parts = || stretches[kv_head * n_stretches * len..][..n_stretches * len].chunks(len);
        let highest_of = |part: &[f32]| part[group * head_dim + g];
        let highest = parts().map(highest_of).fold(f32::NEG_INFINITY, f32::max);
        let mut total = 0.0;
        out.fill(0.0);
        for part in parts() {
            let kept = exp::<false>(highest_of(part) - highest);
            total += kept * part[group * (head_dim + 1) + g];
            for (v, s) in out.iter_mut().zip(&part[g * head_dim..]) {
                *v += kept * s;
            }
        }
        for v in out.iter_mut() {
            *v /= total;
        }
    }
}

for_each_processor! {
    /// Lets the queries see the rows.
    fn look<T: KvValue>(task: &Look<'_, T>, tiles: &mut Tiles, seen: &mut Seen<'_>) by look_body
}

#[inline(always)]
fn look_body<T: KvValue, const FUSED: bool>(task: &Look<'_, T>, tiles: &mut Tiles, seen: &mut Seen<'_>) {
    let Look { heads, kv_head, queries, first, kv, rows } = task;
    let Heads { n_kv_heads, head_dim, .. } = *heads;
    let (group, width, kv_dim) = (heads.group(), heads.width(), n_kv_heads * head_dim);
    #[expect(clippy::cast_precision_loss, reason = "head dimensions are small")]
    let scale = 1.0 / (head_dim as f32).sqrt();
    let Tiles { keys, values, scores, .. } = tiles;
    for from in rows.clone().step_by(TILE) {
        let n = TILE.min(rows.end - from);
        let mut row = 0;
        while row < n {
            let (block, at) = ((from + row) / kv.block_tokens, (from + row) % kv.block_tokens);
            let run = (n - row).min(kv.block_tokens - at);
            let (place, here) = (at * kv_dim..(at + run) * kv_dim, row * head_dim..(row + run) * head_dim);
            widen_head::<T, FUSED>(&kv.keys[block][place.clone()], kv_dim, kv_head * head_dim, head_dim, &mut keys[here.clone()]);
            widen_head::<T, FUSED>(&kv.values[block][place], kv_dim, kv_head * head_dim, head_dim, &mut values[here]);
            row += run;
        }
        for (i, queries) in queries.chunks_exact(width).enumerate() {
            let n = (first + i + 1).saturating_sub(from).min(n);
            if n == 0 {
                continue;
            }
            let (keys, values, scores) = (&keys[..n * head_dim], &values[..n * head_dim], &mut scores[..n]);
            for g in 0..group {
                let query = &queries[(kv_head * group + g) * head_dim..][..head_dim];
                let state = i * group + g;
                let sum = &mut seen.sums[state * head_dim..][..head_dim];
                let before = seen.highest[state];
                score::<FUSED>(query, keys, scale, scores);
                let highest = highest(before, scores);
                let kept = exp::<FUSED>(before - highest);
                seen.highest[state] = highest;
                seen.totals[state] = seen.totals[state] * kept + to_weights::<FUSED>(scores, highest);
                if before < highest {
                    for v in sum.iter_mut() {
                        *v *= kept;
                    }
                }
                add_weighted::<FUSED>(sum, scores, values);
            }
        }
    }
}

/// Widens what rows `kv_dim` apart have of one head, which begins at `offset` in them.
#[inline(always)]
fn widen_head<T: KvValue, const FUSED: bool>(rows: &[T], kv_dim: usize, offset: usize, head_dim: usize, out: &mut [f32]) {
    for (row, out) in rows.chunks_exact(kv_dim).zip(out.chunks_exact_mut(head_dim)) {
        let stored = &row[offset..offset + head_dim];
        if FUSED {
            // SAFETY: bodies with `FUSED` are compiled for, and called on, processors with AVX2, FMA and F16C.
            unsafe { T::widen_avx2(stored, out) }
        } else {
            T::widen(stored, out);
        }
    }
}
