//! What a few queries do with a tile of keys and values of one head: scores, weights, and the weighted sum, with the softmax carried along
//! (Milakov and Gimelshein 2018; Dao et al. 2022), so that scores are never stored beyond a tile.
#![expect(clippy::inline_always, reason = "bodies are compiled for the instructions of their callers")]
#![expect(clippy::needless_range_loop, reason = "a lane is a place in several arrays, and closures are not compiled for instructions")]

use std::ops::Range;

use super::unit::{Lanes, Unit};
use crate::kernels::dot::simd::{LANES, Simd};
use crate::kernels::elementwise::bent;
use crate::kernels::exp::exp;

/// Positions of a tile.
pub const TILE: usize = 64;
/// Sixteens of positions in it.
const PACKS: usize = TILE / LANES;

/// Keys and values of one head, `units` for each sixteen positions, of which those from `first` to `end` are looked at.
#[derive(Debug)]
pub struct Tile<'a, U> {
    pub keys: &'a [U],
    pub values: &'a [U],
    pub units: usize,
    pub first: usize,
    pub end: usize,
    /// Scores come as `2 s / cap` and become `cap · tanh(s / cap)`; 0 leaves them as they are.
    pub cap: f32,
}

impl<U> Tile<'_, U> {
    /// Sixteens of positions that are looked at.
    #[inline(always)]
    fn packs(&self) -> Range<usize> {
        self.first / LANES..self.end.div_ceil(LANES)
    }
}

/// What some queries of one key head have seen so far.
#[derive(Debug)]
pub struct Seen<'a> {
    /// The weighted sums of values, as many vectors for each query as the head has squares.
    pub sums: &'a mut [Lanes],
    /// The highest score of each query, in all lanes.
    pub highest: &'a mut [Lanes],
    /// The sums of the weights, which are relative to that score, still to be added up across the lanes.
    pub totals: &'a mut [Lanes],
}

impl<'a> Seen<'a> {
    /// Vectors that a query takes.
    pub const fn len(squares: usize) -> usize {
        squares + 2
    }

    /// What is in a buffer of `n · Seen::len(squares)`.
    pub fn of(n: usize, squares: usize, buffer: &'a mut [Lanes]) -> Self {
        let (sums, rest) = buffer.split_at_mut(n * squares);
        let (highest, totals) = rest.split_at_mut(n);
        Self { sums, highest, totals }
    }

    /// Nothing, whatever the buffer held.
    pub fn nothing(n: usize, squares: usize, buffer: &'a mut [Lanes]) -> Self {
        let seen = Self::of(n, squares, buffer);
        seen.sums.fill(Lanes::default());
        seen.highest.fill(Lanes([f32::NEG_INFINITY; LANES]));
        seen.totals.fill(Lanes::default());
        seen
    }

    /// Adds what query `i` saw in another stretch. Nothing is nothing, to the bit.
    #[inline(always)]
    pub fn merge<S: Simd>(&mut self, s: S, other: &Seen<'_>, i: usize) {
        let squares = self.sums.len() / self.totals.len();
        let (here, there) = (s.load(&self.highest[i].0), s.load(&other.highest[i].0));
        let highest = s.max(here, there);
        let kept = s.load(&exponentials(s, s.store(s.subtract(here, highest))));
        let added = s.load(&exponentials(s, s.store(s.subtract(there, highest))));
        self.highest[i].0 = s.store(highest);
        let total = s.multiply(s.load(&self.totals[i].0), kept);
        self.totals[i].0 = s.store(s.multiply_add(s.load(&other.totals[i].0), added, total));
        for square in i * squares..(i + 1) * squares {
            let sum = s.multiply(s.load(&self.sums[square].0), kept);
            self.sums[square].0 = s.store(s.multiply_add(s.load(&other.sums[square].0), added, sum));
        }
    }
}

/// Lets queries, as many vectors each as the head has squares, see the tile: `queries` and `seen` from query `first` up to `end`.
#[inline(always)]
pub fn see<S: Simd, U: Unit>(s: S, tile: &Tile<'_, U>, queries: &[Lanes], seen: &mut Seen<'_>, first: usize, end: usize) {
    let mut i = first;
    while i < end {
        i += match end - i {
            8.. if S::TILE >= 8 => few::<S, U, 8>(s, tile, queries, seen, i),
            6.. if S::TILE >= 8 => few::<S, U, 6>(s, tile, queries, seen, i),
            4.. => few::<S, U, 4>(s, tile, queries, seen, i),
            3 => few::<S, U, 3>(s, tile, queries, seen, i),
            2 => few::<S, U, 2>(s, tile, queries, seen, i),
            _ => few::<S, U, 1>(s, tile, queries, seen, i),
        };
    }
}

/// `N` queries from query `i` on; answers how many they are.
#[inline(always)]
fn few<S: Simd, U: Unit, const N: usize>(s: S, tile: &Tile<'_, U>, queries: &[Lanes], seen: &mut Seen<'_>, i: usize) -> usize {
    let squares = tile.units * U::SQUARES;
    let packs = tile.packs().end.min(PACKS);
    let mut scores = [[Lanes([0.0; LANES]); PACKS]; N];
    let queries = &queries[i * squares..(i + N) * squares];
    let mut p = tile.packs().start;
    while p < packs {
        p += match packs - p {
            4.. if 4 * N <= S::SUMS => score::<S, U, N, 4>(s, tile, queries, p, &mut scores),
            2.. if 2 * N <= S::SUMS => score::<S, U, N, 2>(s, tile, queries, p, &mut scores),
            _ => score::<S, U, N, 1>(s, tile, queries, p, &mut scores),
        };
    }
    let kept = to_weights::<S, U, N>(s, tile, &mut scores, &mut seen.highest[i..i + N], &mut seen.totals[i..i + N]);
    let sums = &mut seen.sums[i * squares..(i + N) * squares];
    let mut c = 0;
    while c < squares {
        c += match squares - c {
            4.. if 4 * N <= S::SUMS => add::<S, U, N, 4>(s, tile, &scores, &kept, c, sums),
            2.. if 2 * N <= S::SUMS => add::<S, U, N, 2>(s, tile, &scores, &kept, c, sums),
            _ => add::<S, U, N, 1>(s, tile, &scores, &kept, c, sums),
        };
    }
    N
}

/// The scores of `P` sixteens of positions, from `first` on; answers how many they are.
#[inline(always)]
fn score<S: Simd, U: Unit, const N: usize, const P: usize>(
    s: S,
    tile: &Tile<'_, U>,
    queries: &[Lanes],
    first: usize,
    scores: &mut [[Lanes; PACKS]; N],
) -> usize {
    let units = tile.units;
    let mut packs = [tile.keys; P];
    for p in 0..P {
        packs[p] = &tile.keys[(first + p) * units..(first + p + 1) * units];
    }
    let mut rows = [queries; N];
    for n in 0..N {
        rows[n] = &queries[n * units * U::SQUARES..(n + 1) * units * U::SQUARES];
    }
    let mut totals = [[s.floats(0.0); P]; N];
    for unit in 0..units {
        let mut keys = [&packs[0][unit]; P];
        for p in 0..P {
            keys[p] = &packs[p][unit];
        }
        let mut queries = [rows[0]; N];
        for n in 0..N {
            queries[n] = &rows[n][unit * U::SQUARES..(unit + 1) * U::SQUARES];
        }
        totals = U::score(s, keys, queries, totals);
    }
    for n in 0..N {
        for p in 0..P {
            scores[n][first + p].0 = s.store(totals[n][p]);
        }
    }
    P
}

/// Makes weights of the scores of the positions that are looked at, relative to the highest score seen; the others become 0. Answers what
/// is kept of what was seen before, by query.
#[inline(always)]
fn to_weights<S: Simd, U: Unit, const N: usize>(
    s: S,
    tile: &Tile<'_, U>,
    scores: &mut [[Lanes; PACKS]; N],
    highest: &mut [Lanes],
    totals: &mut [Lanes],
) -> [f32; LANES] {
    let Range { start, end: packs } = tile.packs();
    let packs = packs.min(PACKS);
    let mut fallen = [0.0; LANES];
    for n in 0..N {
        if tile.cap > 0.0 {
            for p in start..packs {
                for lane in 0..LANES {
                    scores[n][p].0[lane] = bent::<S>(scores[n][p].0[lane], tile.cap);
                }
            }
        }
        if tile.end < packs * LANES {
            for lane in tile.end % LANES..LANES {
                scores[n][packs - 1].0[lane] = f32::NEG_INFINITY;
            }
        }
        if tile.first > 0 {
            for lane in 0..tile.first % LANES {
                scores[n][start].0[lane] = f32::NEG_INFINITY;
            }
        }
        let before = s.load(&highest[n].0);
        let mut high = before;
        for p in start..packs {
            high = s.max(s.load(&scores[n][p].0), high);
        }
        let high = s.floats(s.largest(high));
        highest[n].0 = s.store(high);
        fallen[n] = s.store(s.subtract(before, high))[0];
    }
    let kept = exponentials(s, fallen);
    for n in 0..N {
        let high = s.load(&highest[n].0);
        let mut total = s.multiply(s.load(&totals[n].0), s.floats(kept[n]));
        for p in start..packs {
            let weights = exponentials(s, s.store(s.subtract(s.load(&scores[n][p].0), high)));
            total = s.add(total, s.load(&weights));
            scores[n][p].0 = weights;
        }
        totals[n].0 = s.store(total);
    }
    kept
}

#[inline(always)]
fn exponentials<S: Simd>(_: S, mut x: [f32; LANES]) -> [f32; LANES] {
    for lane in 0..LANES {
        x[lane] = if S::FUSED { exp::<true>(x[lane]) } else { exp::<false>(x[lane]) };
    }
    x
}

/// Adds the weighted values, in `C` squares from `first` on, to what is kept of the sums; answers how many they are.
#[inline(always)]
fn add<S: Simd, U: Unit, const N: usize, const C: usize>(
    s: S,
    tile: &Tile<'_, U>,
    weights: &[[Lanes; PACKS]; N],
    kept: &[f32; LANES],
    first: usize,
    sums: &mut [Lanes],
) -> usize {
    let squares = tile.units * U::SQUARES;
    let mut totals = [[s.floats(0.0); C]; N];
    for n in 0..N {
        for c in 0..C {
            totals[n][c] = s.multiply(s.load(&sums[n * squares + first + c].0), s.floats(kept[n]));
        }
    }
    let mut pack = tile.packs().start;
    while pack * LANES < tile.end {
        let values = &tile.values[pack * tile.units..(pack + 1) * tile.units];
        let mut of_pack = [&weights[0][pack]; N];
        for n in 0..N {
            of_pack[n] = &weights[n][pack];
        }
        let rows = tile.first.saturating_sub(pack * LANES)..tile.end - pack * LANES;
        totals = U::add(s, values, first, rows, of_pack, totals);
        pack += 1;
    }
    for n in 0..N {
        for c in 0..C {
            sums[n * squares + first + c].0 = s.store(totals[n][c]);
        }
    }
    C
}
