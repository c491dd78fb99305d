//! What attention does with a few keys and values of one head: scores, weights, and the weighted sum.
//!
//! With `FUSED` the functions must only be called from code that is compiled for AVX2, FMA and F16C.
#![expect(unsafe_code, reason = "vector instructions")]
#![expect(clippy::inline_always, reason = "bodies are compiled for the instructions of their callers")]

use super::exp::exp;

/// `scores[i] = scale · query · keys[i]`, for as many keys as there are scores.
#[inline(always)]
pub fn score<const FUSED: bool>(query: &[f32], keys: &[f32], scale: f32, scores: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if FUSED {
        // SAFETY: as the module says.
        return unsafe { avx2::score(query, keys, scale, scores) };
    }
    for (score, key) in scores.iter_mut().zip(keys.chunks_exact(query.len())) {
        *score = dot(query, key) * scale;
    }
}

/// The dot product in eight running sums.
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut sums = [0.0f32; 8];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

/// The highest of the scores and `before`.
#[inline(always)]
pub fn highest(before: f32, scores: &[f32]) -> f32 {
    let (eights, rest) = scores.as_chunks::<8>();
    let mut highest = [before; 8];
    for eight in eights {
        for lane in 0..8 {
            highest[lane] = if eight[lane] > highest[lane] { eight[lane] } else { highest[lane] };
        }
    }
    rest.iter().chain(&highest).copied().fold(before, f32::max)
}

/// Makes weights of scores, relative to the highest, and returns their sum.
#[inline(always)]
pub fn to_weights<const FUSED: bool>(scores: &mut [f32], highest: f32) -> f32 {
    for score in &mut *scores {
        *score = exp::<FUSED>(*score - highest);
    }
    let (eights, rest) = scores.as_chunks::<8>();
    let mut sums = [0.0f32; 8];
    for eight in eights {
        for lane in 0..8 {
            sums[lane] += eight[lane];
        }
    }
    sums.iter().sum::<f32>() + rest.iter().sum::<f32>()
}

/// Adds each row of `values` (`[weights.len(), sum.len()]`) times its weight to `sum`.
#[inline(always)]
pub fn add_weighted<const FUSED: bool>(sum: &mut [f32], weights: &[f32], values: &[f32]) {
    #[cfg(target_arch = "x86_64")]
    if FUSED {
        // SAFETY: as the module says.
        return unsafe { avx2::add_weighted(sum, weights, values) };
    }
    for (weight, row) in weights.iter().zip(values.chunks_exact(sum.len())) {
        for (v, x) in sum.iter_mut().zip(row) {
            *v += weight * x;
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256, _mm_add_ps, _mm_cvtss_f32, _mm_movehdup_ps, _mm_movehl_ps, _mm256_castps256_ps128, _mm256_extractf128_ps, _mm256_fmadd_ps,
        _mm256_loadu_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_storeu_ps,
    };

    /// Keys that share the loads of the query.
    const KEYS: usize = 4;
    /// Vectors of the sum that stay in registers while the rows go by.
    const VECTORS: usize = 8;

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    pub fn score(query: &[f32], keys: &[f32], scale: f32, scores: &mut [f32]) {
        let width = query.len();
        let (groups, rest) = scores.as_chunks_mut::<KEYS>();
        let (group_keys, rest_keys) = keys.split_at(groups.len() * KEYS * width);
        for (scores, keys) in groups.iter_mut().zip(group_keys.chunks_exact(KEYS * width)) {
            *scores = dots(query, std::array::from_fn(|i| &keys[i * width..(i + 1) * width])).map(|sum| sum * scale);
        }
        for (score, key) in rest.iter_mut().zip(rest_keys.chunks_exact(width)) {
            let [sum] = dots(query, [key]);
            *score = sum * scale;
        }
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn dots<const N: usize>(query: &[f32], keys: [&[f32]; N]) -> [f32; N] {
        let (query, query_rest) = query.as_chunks::<8>();
        let keys = keys.map(|key| key.as_chunks::<8>());
        let mut sums = [_mm256_setzero_ps(); N];
        for (i, query) in query.iter().enumerate() {
            let query = load(query);
            for n in 0..N {
                sums[n] = _mm256_fmadd_ps(query, load(&keys[n].0[i]), sums[n]);
            }
        }
        let mut out = [0.0; N];
        for n in 0..N {
            out[n] = total(sums[n]) + query_rest.iter().zip(keys[n].1).map(|(a, b)| a * b).sum::<f32>();
        }
        out
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    pub fn add_weighted(sum: &mut [f32], weights: &[f32], values: &[f32]) {
        let width = sum.len();
        let mut at = 0;
        while at + 8 * VECTORS <= width {
            add_columns::<VECTORS>(&mut sum[at..], weights, &values[at..], width);
            at += 8 * VECTORS;
        }
        while at + 8 <= width {
            add_columns::<1>(&mut sum[at..], weights, &values[at..], width);
            at += 8;
        }
        for (weight, row) in weights.iter().zip(values.chunks_exact(width)) {
            for (v, x) in sum[at..].iter_mut().zip(&row[at..]) {
                *v += weight * x;
            }
        }
    }

    /// The first `8 · N` columns of rows that are `width` apart.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn add_columns<const N: usize>(sum: &mut [f32], weights: &[f32], values: &[f32], width: usize) {
        let (sums, _) = sum.as_chunks_mut::<8>();
        let mut registers: [__m256; N] = [_mm256_setzero_ps(); N];
        for n in 0..N {
            registers[n] = load(&sums[n]);
        }
        for (weight, row) in weights.iter().zip(values.chunks(width)) {
            let weight = _mm256_set1_ps(*weight);
            let (row, _) = row.as_chunks::<8>();
            let row = &row[..N];
            for n in 0..N {
                registers[n] = _mm256_fmadd_ps(weight, load(&row[n]), registers[n]);
            }
        }
        for n in 0..N {
            // SAFETY: eight values are written to an array of eight.
            unsafe { _mm256_storeu_ps(sums[n].as_mut_ptr(), registers[n]) };
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load(eight: &[f32; 8]) -> __m256 {
        // SAFETY: eight values are read from an array of eight.
        unsafe { _mm256_loadu_ps(eight.as_ptr()) }
    }

    /// The sum of the eight lanes.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn total(x: __m256) -> f32 {
        let fours = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
        let pairs = _mm_add_ps(fours, _mm_movehl_ps(fours, fours));
        _mm_cvtss_f32(_mm_add_ps(pairs, _mm_movehdup_ps(pairs)))
    }
}
