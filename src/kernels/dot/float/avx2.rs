//! The loops for AVX2: four rows of weights go with up to three rows of activations.

use std::arch::x86_64::{
    __m128i, __m256, _mm_loadu_si128, _mm_storeu_ps, _mm256_castsi256_ps, _mm256_cvtepu16_epi32, _mm256_cvtph_ps, _mm256_fmadd_ps,
    _mm256_setzero_ps, _mm256_slli_epi32,
};

use half::{bf16, f16};

use super::{Float, SUMS};
use crate::kernels::dot::Columns;
use crate::kernels::dot::avx2::{STREAMS, float_sums, load_floats, store_floats};
use crate::kernels::dot::panel::rows;

/// Rows of activations at a time: with four rows of weights their sums fill twelve of sixteen registers.
const TILE: usize = 3;

/// Weights that are widened at a time: a quarter of a near cache.
const WIDENED: usize = 1 << 16;

/// See [`super::gemv`].
#[target_feature(enable = "avx2,fma,f16c")]
pub fn gemv<W: Float>(w: &[W], x: &[f32], out: &mut [f32]) {
    for (group, out) in out.chunks_mut(STREAMS).enumerate() {
        let [values] = dots(rows(w, x.len(), group * STREAMS, out.len()), [x]);
        out.copy_from_slice(&values[..out.len()]);
    }
}

/// See [`super::gemm`]. A few rows of weights are widened once for all activations.
#[target_feature(enable = "avx2,fma,f16c")]
pub fn gemm<W: Float>(w: &[W], row: usize, x: &[f32], out: &mut Columns<'_>) {
    let width = out.width();
    let step = (WIDENED / row).next_multiple_of(STREAMS).clamp(STREAMS, width.next_multiple_of(STREAMS));
    let mut widened = vec![0.0; step.min(width) * row];
    for start in (0..width).step_by(step) {
        let count = step.min(width - start);
        let widened = &mut widened[..count * row];
        widen(&w[start * row..][..count * row], widened);
        let l = x.len() / row;
        for i in (0..l).step_by(TILE) {
            let n = (l - i).min(TILE);
            let x: [&[f32]; TILE] = rows(x, row, i, n);
            for first in (0..count).step_by(STREAMS) {
                let some = (count - first).min(STREAMS);
                let w = rows(widened, row, first, some);
                if n == TILE {
                    write(dots(w, x), out, i, start + first, some);
                } else {
                    for n in 0..n {
                        write(dots(w, [x[n]]), out, i + n, start + first, some);
                    }
                }
            }
        }
    }
}

/// Widens all of `w`.
#[target_feature(enable = "avx2,fma,f16c")]
fn widen<W: Float>(w: &[W], out: &mut [f32]) {
    let (w, w_rest) = w.as_chunks::<SUMS>();
    let (out, out_rest) = out.as_chunks_mut::<SUMS>();
    for (out, w) in out.iter_mut().zip(w) {
        // SAFETY: this function is compiled for AVX2 and F16C.
        *out = store_floats(unsafe { W::widen_avx2(w) });
    }
    for (out, w) in out_rest.iter_mut().zip(w_rest) {
        *out = w.widen();
    }
}

/// The products of each row of weights with each of activations.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn dots<W: Float, const N: usize>(w: [&[W]; STREAMS], x: [&[f32]; N]) -> [[f32; STREAMS]; N] {
    let mut sums = [[_mm256_setzero_ps(); STREAMS]; N];
    let whole = x[0].len() / SUMS;
    let (w_eights, x_eights) = (w.map(|w| w.as_chunks::<SUMS>().0), x.map(|x| x.as_chunks::<SUMS>().0));
    for i in 0..whole {
        let mut x = [_mm256_setzero_ps(); N];
        for n in 0..N {
            x[n] = load_floats(&x_eights[n][i]);
        }
        for r in 0..STREAMS {
            // SAFETY: this function is compiled for AVX2 and F16C.
            let w = unsafe { W::widen_avx2(&w_eights[r][i]) };
            for n in 0..N {
                sums[n][r] = _mm256_fmadd_ps(w, x[n], sums[n][r]);
            }
        }
    }
    if whole * SUMS < x[0].len() {
        for r in 0..STREAMS {
            // SAFETY: as above.
            let w = unsafe { W::widen_avx2(&padded(&w[r][whole * SUMS..])) };
            for n in 0..N {
                sums[n][r] = _mm256_fmadd_ps(w, load_floats(&padded(&x[n][whole * SUMS..])), sums[n][r]);
            }
        }
    }
    let mut values = [[0.0; STREAMS]; N];
    for n in 0..N {
        // SAFETY: an unaligned store to the array.
        unsafe { _mm_storeu_ps(values[n].as_mut_ptr(), float_sums(sums[n])) };
    }
    values
}

/// Less than eight values, and zeros.
fn padded<T: Copy + Default>(values: &[T]) -> [T; SUMS] {
    let mut out = [T::default(); SUMS];
    out[..values.len()].copy_from_slice(values);
    out
}

/// Writes `count` columns from `first` on, of the rows from `i` on.
fn write<const N: usize>(values: [[f32; STREAMS]; N], out: &mut Columns<'_>, i: usize, first: usize, count: usize) {
    for (n, values) in values.iter().enumerate() {
        out.row(i + n)[first..first + count].copy_from_slice(&values[..count]);
    }
}

/// Eight half-precision numbers.
#[inline]
#[target_feature(enable = "avx2,f16c")]
pub fn widen_f16(w: &[f16; SUMS]) -> __m256 {
    // SAFETY: an unaligned load of the array's 16 bytes.
    _mm256_cvtph_ps(unsafe { _mm_loadu_si128(w.as_ptr().cast::<__m128i>()) })
}

/// Eight `bf16`, which are the upper halves of F32.
#[inline]
#[target_feature(enable = "avx2")]
pub fn widen_bf16(w: &[bf16; SUMS]) -> __m256 {
    // SAFETY: an unaligned load of the array's 16 bytes.
    let bits = unsafe { _mm_loadu_si128(w.as_ptr().cast::<__m128i>()) };
    _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16))
}
