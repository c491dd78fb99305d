//! Causal attention over a cache in blocks, grouped heads sharing each key and value, softmax carried along (Milakov and Gimelshein
//! 2018; Dao et al. 2022), so that no matrix of scores is ever stored.

use std::cell::RefCell;

use half::f16;
use half::slice::HalfFloatSliceExt as _;

use super::pool::Pool;

/// Keys converted and scored at a time.
const TILE: usize = 64;
/// Query positions of one task in prefill.
const QUERIES_PER_TASK: usize = 8;

/// A type that keys and values are stored in.
pub trait KvValue: Copy + Send + Sync + Default + 'static {
    /// Widens `stored` into `out`.
    fn widen(stored: &[Self], out: &mut [f32]);
    /// Rounds `values` into `out`.
    fn narrow(values: &[f32], out: &mut [Self]);
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

thread_local! {
    static TILES: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// `out[l, n_heads · head_dim]` from queries of the same shape, the first of which stands at position `start`; position `p` sees the
/// cache rows `0..=p`.
pub fn attend<T: KvValue>(pool: &Pool, heads: Heads, q: &[f32], kv: &KvView<'_, T>, start: usize, out: &mut [f32]) {
    let width = heads.n_heads * heads.head_dim;
    let group = heads.n_heads / heads.n_kv_heads * heads.head_dim;
    if out.len() == width {
        pool.chunks(out, group, |kv_head, part| {
            part.fill(0.0);
            attend_head(heads, kv_head, q, kv, start, group, 0, part);
        });
        return;
    }
    pool.chunks(out, QUERIES_PER_TASK * width, |task, part| {
        part.fill(0.0);
        let first = task * QUERIES_PER_TASK;
        let queries = &q[first * width..first * width + part.len()];
        for kv_head in 0..heads.n_kv_heads {
            attend_head(heads, kv_head, queries, kv, start + first, width, kv_head * group, part);
        }
    });
}

/// One key head against all queries of a task. Rows of `out` are `stride` apart and this head's outputs begin at `offset` in them.
#[expect(clippy::too_many_arguments, reason = "an inner loop; a struct would only rename them")]
fn attend_head<T: KvValue>(
    heads: Heads,
    kv_head: usize,
    queries: &[f32],
    kv: &KvView<'_, T>,
    start: usize,
    stride: usize,
    offset: usize,
    out: &mut [f32],
) {
    let Heads { n_heads, n_kv_heads, head_dim } = heads;
    let (group, width, kv_dim) = (n_heads / n_kv_heads, n_heads * head_dim, n_kv_heads * head_dim);
    let n_queries = queries.len() / width;
    #[expect(clippy::cast_precision_loss, reason = "head dimensions are small")]
    let scale = 1.0 / (head_dim as f32).sqrt();
    TILES.with_borrow_mut(|tiles| {
        tiles.resize(2 * TILE * head_dim + TILE + 2 * n_queries * group, 0.0);
        let (key_tile, rest) = tiles.split_at_mut(TILE * head_dim);
        let (value_tile, rest) = rest.split_at_mut(TILE * head_dim);
        let (scores, rest) = rest.split_at_mut(TILE);
        let (maxima, sums) = rest.split_at_mut(n_queries * group);
        maxima.fill(f32::NEG_INFINITY);
        sums.fill(0.0);

        let end = start + n_queries;
        for from in (0..end).step_by(TILE) {
            let rows = TILE.min(end - from);
            for row in 0..rows {
                let (block, at) = ((from + row) / kv.block_tokens, (from + row) % kv.block_tokens);
                let place = at * kv_dim + kv_head * head_dim;
                T::widen(&kv.keys[block][place..place + head_dim], &mut key_tile[row * head_dim..(row + 1) * head_dim]);
                T::widen(&kv.values[block][place..place + head_dim], &mut value_tile[row * head_dim..(row + 1) * head_dim]);
            }
            for i in 0..n_queries {
                let seen = (start + i + 1).saturating_sub(from).min(rows);
                if seen == 0 {
                    continue;
                }
                for g in 0..group {
                    let head = (kv_head * group + g) * head_dim;
                    let query = &queries[i * width + head..i * width + head + head_dim];
                    let sum = &mut out[i * stride + offset + g * head_dim..][..head_dim];
                    let state = i * group + g;
                    let mut highest = maxima[state];
                    for (score, key) in scores[..seen].iter_mut().zip(key_tile.chunks(head_dim)) {
                        *score = dot(query, key) * scale;
                        highest = highest.max(*score);
                    }
                    let kept = (maxima[state] - highest).exp();
                    maxima[state] = highest;
                    sums[state] *= kept;
                    if kept < 1.0 {
                        for v in sum.iter_mut() {
                            *v *= kept;
                        }
                    }
                    for (score, value) in scores[..seen].iter().zip(value_tile.chunks(head_dim)) {
                        let weight = (score - highest).exp();
                        sums[state] += weight;
                        for (v, x) in sum.iter_mut().zip(value) {
                            *v += weight * x;
                        }
                    }
                }
            }
        }
        for i in 0..n_queries {
            for g in 0..group {
                let total = sums[i * group + g];
                out[i * stride + offset + g * head_dim..][..head_dim].iter_mut().for_each(|v| *v /= total);
            }
        }
    });
}

/// The dot product in eight running sums, which compilers turn into vector code.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 8];
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a8.remainder().iter().zip(b8.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a8.zip(b8) {
        for i in 0..8 {
            sums[i] += x[i] * y[i];
        }
    }
    sums.iter().sum::<f32>() + rest
}
