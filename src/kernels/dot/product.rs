//! The loops of a product: a few packs, a span of their blocks, all rows of activations in tiles.
use super::pack::Pack;
use super::rounded::Activation as _;
use super::simd::{LANES, Simd};
use super::{Columns, LINE, MANY};

/// Packs that are multiplied with a tile of activations before the next tile: what they need stays in a near cache.
const PACKS: usize = 4;

/// Bytes of weights that are asked for before they are needed.
const AHEAD: usize = 4096;

/// What is multiplied with all activations before the next blocks of a pack: the blocks themselves, or what was made of them.
pub trait Span<P: Pack>: Copy {
    /// Nothing made yet.
    const EMPTY: Self;

    /// Prepares the blocks `w`.
    fn fill<S: Simd>(&mut self, s: S, w: &[P]);

    /// Adds the products of the blocks with `N` rows of activations.
    fn accumulate<S: Simd, const N: usize>(&self, s: S, w: &[P], x: [&[P::Rounded]; N], totals: [S::Floats; N]) -> [S::Floats; N];
}

/// The blocks themselves.
#[derive(Clone, Copy)]
pub struct AsPacked;

impl<P: Pack> Span<P> for AsPacked {
    const EMPTY: Self = Self;

    #[inline(always)]
    fn fill<S: Simd>(&mut self, _: S, _: &[P]) {}

    #[inline(always)]
    fn accumulate<S: Simd, const N: usize>(&self, s: S, w: &[P], rows: [&[P::Rounded]; N], mut totals: [S::Floats; N]) -> [S::Floats; N] {
        for (b, w) in w.iter().enumerate() {
            let mut x = [&rows[0][0]; N];
            for n in 0..N {
                x[n] = &rows[n][b];
            }
            totals = w.accumulate(s, x, totals);
        }
        totals
    }
}

/// [`super::multiply`], `span` blocks of a pack at a time; one where many activations lie by blocks.
#[inline(always)]
pub fn product<S: Simd, P: Pack, U: Span<P>>(s: S, w: &[P], row: usize, span: usize, x: &[P::Rounded], out: &mut Columns<'_>) {
    let l = x.len() / row;
    let mut spans = [U::EMPTY; PACKS];
    for (some, w) in w.chunks(PACKS * row).enumerate() {
        let mut start = 0;
        while start < row {
            let end = row.min(start + span);
            for (span, w) in spans.iter_mut().zip(w.chunks_exact(row)) {
                span.fill(s, &w[start..end]);
            }
            let tile = Tile { w, spans: &spans, x, l, row, start, end, column: some * PACKS * LANES };
            let mut i = 0;
            while i < l {
                i += match l - i {
                    8.. if S::TILE == 8 => tile.multiply::<S, 8>(s, i, out),
                    6.. if P::LIGHT && S::TILE == 4 => tile.multiply::<S, 6>(s, i, out),
                    4.. => tile.multiply::<S, 4>(s, i, out),
                    2.. => tile.multiply::<S, 2>(s, i, out),
                    _ => tile.multiply::<S, 1>(s, i, out),
                };
            }
            start = end;
        }
    }
}

/// Blocks `start..end` of some packs, and where their products go.
struct Tile<'a, P: Pack, U> {
    w: &'a [P],
    spans: &'a [U; PACKS],
    x: &'a [P::Rounded],
    l: usize,
    row: usize,
    start: usize,
    end: usize,
    column: usize,
}

impl<P: Pack, U: Span<P>> Tile<'_, P, U> {
    /// `N` rows of activations from row `i` on; answers how many they are.
    #[inline(always)]
    fn multiply<S: Simd, const N: usize>(&self, s: S, i: usize, out: &mut Columns<'_>) -> usize {
        let mut x = [self.x; N];
        for n in 0..N {
            x[n] = if P::Rounded::BY_BLOCK && self.l >= MANY {
                &self.x[self.start * self.l + i + n..][..self.end - self.start]
            } else {
                &self.x[(i + n) * self.row..][self.start..self.end]
            };
        }
        let count = self.w.len() / self.row;
        let mut p = 0;
        while p < count {
            // Two chains of sums keep the processor busy where one is only waited for, and share the activations' loads.
            p += if P::LIGHT && p + 1 < count && (N == 1 || S::TILE == 8) {
                self.packs::<S, N, 2>(s, x, i, p, out)
            } else {
                self.packs::<S, N, 1>(s, x, i, p, out)
            };
        }
        N
    }

    /// `W` packs from pack `p` on; answers how many they are.
    #[inline(always)]
    fn packs<S: Simd, const N: usize, const W: usize>(
        &self,
        s: S,
        x: [&[P::Rounded]; N],
        i: usize,
        p: usize,
        out: &mut Columns<'_>,
    ) -> usize {
        let mut totals = [[s.floats(0.0); N]; W];
        let mut w = [self.w; W];
        for q in 0..W {
            w[q] = &self.w[(p + q) * self.row..][self.start..self.end];
            if self.start > 0 {
                for n in 0..N {
                    totals[q][n] = s.load(&sixteen(&out.row(i + n)[(self.column + (p + q) * LANES)..]));
                }
            }
        }
        if W == 1 {
            totals[0] = self.spans[p].accumulate(s, w[0], x, totals[0]);
        } else {
            for b in 0..self.end - self.start {
                let mut x_b = [&x[0][b]; N];
                for n in 0..N {
                    x_b[n] = &x[n][b];
                }
                for q in 0..W {
                    totals[q] = w[q][b].accumulate(s, x_b, totals[q]);
                }
            }
        }
        for q in 0..W {
            for n in 0..N {
                put(&mut out.row(i + n)[(self.column + (p + q) * LANES)..], s.store(totals[q][n]));
            }
        }
        W
    }
}

/// The first sixteen values, zeros where there are fewer.
#[inline(always)]
fn sixteen(values: &[f32]) -> [f32; LANES] {
    if let Some(sixteen) = values.first_chunk() {
        return *sixteen;
    }
    let mut out = [0.0; LANES];
    out[..values.len()].copy_from_slice(values);
    out
}

/// Writes sixteen values, or as many as there is room for.
#[inline(always)]
fn put(out: &mut [f32], values: [f32; LANES]) {
    if let Some(out) = out.first_chunk_mut() {
        *out = values;
    } else {
        out.copy_from_slice(&values[..out.len()]);
    }
}

/// Asks for one of several parts of the pack that comes some time after this one: a single row of activations takes weights faster than
/// the processor expects. Each part has as many lines, so that nothing is left to decide in the innermost loop.
#[inline(always)]
pub fn prefetch<S: Simd, P: Pack>(s: S, w: &P, part: usize, parts: usize) {
    let later = std::ptr::from_ref(w).wrapping_add(AHEAD.div_ceil(size_of::<P>())).cast::<u8>();
    let lines = size_of::<P>().div_ceil(LINE * parts);
    for line in 0..lines {
        s.prefetch(later.wrapping_add((part * lines + line) * LINE));
    }
}
