//! The loops for AVX2.
//!
//! One row of activations goes with four rows of weights in the file's layout. Many go with panels: a piece of eight rows, unpacked once
//! and turned, so that a lane is a row and the sums lie as the output does.

use std::arch::x86_64::{
    _mm_add_ps, _mm_cvtepi32_ps, _mm_mul_ps, _mm_set1_epi32, _mm_set1_ps, _mm_setzero_ps, _mm_storeu_ps, _mm_sub_epi32, _mm256_add_ps,
    _mm256_cvtepi32_ps, _mm256_madd_epi16, _mm256_mul_ps, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_ps,
    _mm256_setzero_si256, _mm256_sub_epi32,
};
use std::marker::PhantomData;

use half::f16;

use super::Block;
use crate::kernels::dot::Rounded32;
use crate::kernels::dot::avx2::{
    LANES, STREAMS, TILE, accumulate, half_pairs, halves, load, load_floats, pairs, store_codes, store_floats, sums, turn,
};
use crate::kernels::dot::panel::{Panel, rows};

/// Blocks of a row that are unpacked at a time.
const SPAN: usize = 8;

/// See [`super::gemv`].
#[target_feature(enable = "avx2,fma,f16c")]
pub fn gemv<B: Block>(w: &[B], x: &[Rounded32], out: &mut [f32]) {
    for (group, out) in out.chunks_mut(STREAMS).enumerate() {
        let rows: [&[B]; STREAMS] = rows(w, x.len(), group * STREAMS, out.len());
        let mut sum = _mm_setzero_ps();
        for (b, x) in x.iter().enumerate() {
            let codes = load(&x.codes);
            let mut products = [_mm256_setzero_si256(); STREAMS];
            let (mut scales, mut mins) = ([0; STREAMS], [0; STREAMS]);
            for r in 0..STREAMS {
                let w = &rows[r][b];
                // SAFETY: this function is compiled for AVX2.
                let w_codes = unsafe { w.codes_avx2() };
                products[r] = _mm256_madd_epi16(pairs::<B>(w_codes, codes), _mm256_set1_epi16(1));
                (scales[r], mins[r]) = (w.scale(), w.min());
            }
            let mut dots = sums(products);
            if B::OFFSET != 0 {
                dots = _mm_sub_epi32(dots, _mm_set1_epi32(B::OFFSET * x.sum));
            }
            let (scale, dots) = (_mm_set1_ps(x.scale), _mm_cvtepi32_ps(dots));
            if B::MIN {
                let [scales, mins] = half_pairs(std::array::from_fn(|r| [scales[r], mins[r]]));
                sum = _mm_add_ps(sum, _mm_mul_ps(_mm_mul_ps(scales, scale), dots));
                let x_sum = _mm_cvtepi32_ps(_mm_set1_epi32(x.sum));
                sum = _mm_add_ps(sum, _mm_mul_ps(_mm_mul_ps(mins, scale), x_sum));
            } else {
                sum = _mm_add_ps(sum, _mm_mul_ps(_mm_mul_ps(halves(scales), scale), dots));
            }
        }
        let mut values = [0.0; STREAMS];
        // SAFETY: an unaligned store to the array.
        unsafe { _mm_storeu_ps(values.as_mut_ptr(), sum) };
        out.copy_from_slice(&values[..out.len()]);
    }
}

/// Eight rows of up to [`SPAN`] blocks, unpacked.
#[derive(Clone)]
pub struct Unpacked<B> {
    /// `[block][four codes][row]`
    codes: [[[u8; 32]; 8]; SPAN],
    scales: [[f32; LANES]; SPAN],
    mins: [[f32; LANES]; SPAN],
    block: PhantomData<B>,
}

impl<B: Block> Panel<LANES> for Unpacked<B> {
    type Weights = B;
    type Activations = Rounded32;

    const SPAN: usize = SPAN;
    const TILE: usize = TILE;
    const EMPTY: Self = Self { codes: [[[0; 32]; 8]; SPAN], scales: [[0.0; LANES]; SPAN], mins: [[0.0; LANES]; SPAN], block: PhantomData };

    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn fill(&mut self, rows: [&[B]; LANES]) {
        for b in 0..rows[0].len() {
            let mut codes = [_mm256_setzero_si256(); LANES];
            for r in 0..LANES {
                let w = &rows[r][b];
                // SAFETY: this function is compiled for AVX2.
                codes[r] = unsafe { w.codes_avx2() };
                self.scales[b][r] = f16::from_bits(w.scale()).to_f32();
                if B::MIN {
                    self.mins[b][r] = f16::from_bits(w.min()).to_f32();
                }
            }
            store_codes(&mut self.codes[b], turn(codes));
        }
    }

    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn multiply<const N: usize>(&self, x: [&[Rounded32]; N], totals: &mut [[f32; LANES]; N]) {
        let mut total = [_mm256_setzero_ps(); N];
        for n in 0..N {
            total[n] = load_floats(&totals[n]);
        }
        for b in 0..x[0].len().min(SPAN) {
            let mut dots = [_mm256_setzero_si256(); N];
            let mut codes = [std::ptr::null(); N];
            for n in 0..N {
                codes[n] = x[n][b].codes.as_ptr();
            }
            // SAFETY: 32 codes each, eight groups of four.
            unsafe { accumulate::<B, N>(&mut dots, &self.codes[b], codes, _mm256_set1_epi16(1)) };
            let scales = load_floats(&self.scales[b]);
            for n in 0..N {
                let x = &x[n][b];
                let mut dot = dots[n];
                if B::OFFSET != 0 {
                    dot = _mm256_sub_epi32(dot, _mm256_set1_epi32(B::OFFSET * x.sum));
                }
                let scale = _mm256_set1_ps(x.scale);
                total[n] = _mm256_add_ps(total[n], _mm256_mul_ps(_mm256_mul_ps(scales, scale), _mm256_cvtepi32_ps(dot)));
                if B::MIN {
                    let x_sum = _mm256_cvtepi32_ps(_mm256_set1_epi32(x.sum));
                    let mins = _mm256_mul_ps(load_floats(&self.mins[b]), scale);
                    total[n] = _mm256_add_ps(total[n], _mm256_mul_ps(mins, x_sum));
                }
            }
        }
        for n in 0..N {
            totals[n] = store_floats(total[n]);
        }
    }
}
