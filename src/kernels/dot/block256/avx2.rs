//! The loops for AVX2, as those of the shorter blocks; the parts' scales are multiplied in integers.

use std::arch::x86_64::{
    __m256i, _mm_add_ps, _mm_cvtepi32_ps, _mm_mul_ps, _mm_set_epi32, _mm_set1_ps, _mm_setzero_ps, _mm_storeu_ps, _mm_sub_ps,
    _mm256_add_epi32, _mm256_add_ps, _mm256_cvtepi32_ps, _mm256_cvtepu8_epi16, _mm256_madd_epi16, _mm256_mul_ps, _mm256_mullo_epi32,
    _mm256_permute4x64_epi64, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setr_epi8, _mm256_setzero_si256,
    _mm256_shuffle_epi8, _mm256_sub_epi32, _mm256_sub_ps, _mm256_unpacklo_epi16,
};
use std::marker::PhantomData;

use half::f16;

use super::Block;
use crate::kernels::dot::Rounded256;
use crate::kernels::dot::avx2::{
    LANES, STREAMS, TILE, accumulate, four, half_pairs, halves, load, load_floats, load_ints, load_words, pairs, store_codes, store_floats,
    sums, turn,
};
use crate::kernels::dot::panel::{Panel, rows};

/// See [`super::gemv`].
#[target_feature(enable = "avx2,fma,f16c")]
pub fn gemv<B: Block>(w: &[B], x: &[Rounded256], out: &mut [f32]) {
    for (group, out) in out.chunks_mut(STREAMS).enumerate() {
        let rows: [&[B]; STREAMS] = rows(w, x.len(), group * STREAMS, out.len());
        let mut sum = _mm_setzero_ps();
        for (b, x) in x.iter().enumerate() {
            let (mut products, mut offsets) = ([_mm256_setzero_si256(); STREAMS], [_mm256_setzero_si256(); STREAMS]);
            let (mut scales, mut min_scales) = ([0; STREAMS], [0; STREAMS]);
            for r in 0..STREAMS {
                let w = &rows[r][b];
                (products[r], offsets[r]) = multiply(w, x);
                (scales[r], min_scales[r]) = (w.scale(), w.min_scale());
            }
            let (scale, products) = (_mm_set1_ps(x.scale), _mm_cvtepi32_ps(sums(products)));
            if B::OFFSET == 0 {
                let [scales, min_scales] = half_pairs(std::array::from_fn(|r| [scales[r], min_scales[r]]));
                sum = _mm_add_ps(sum, _mm_mul_ps(_mm_mul_ps(scales, scale), products));
                sum = _mm_sub_ps(sum, _mm_mul_ps(_mm_mul_ps(min_scales, scale), _mm_cvtepi32_ps(sums(offsets))));
            } else {
                sum = _mm_add_ps(sum, _mm_mul_ps(_mm_mul_ps(halves(scales), scale), products));
            }
        }
        let mut values = [0.0; STREAMS];
        // SAFETY: an unaligned store to the array.
        unsafe { _mm_storeu_ps(values.as_mut_ptr(), sum) };
        out.copy_from_slice(&values[..out.len()]);
    }
}

/// The products of one block with another, under the parts' scales and to be added up, and those of the minima with the sums.
#[inline]
#[target_feature(enable = "avx2")]
fn multiply<B: Block>(w: &B, x: &Rounded256) -> (__m256i, __m256i) {
    // SAFETY: this function is compiled for AVX2.
    let [scales, mins] = unsafe { w.parts_avx2() };
    // SAFETY: this function is compiled for AVX2.
    let codes = unsafe { w.codes_avx2() };
    let x_codes = x.codes.as_chunks::<32>().0;
    let mut products = _mm256_setzero_si256();
    for i in 0..8 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "at most 15")]
        let place = _mm256_set1_epi16(((2 * i) | ((2 * i + 1) << 8)) as i16);
        let pairs = pairs::<B>(codes[i], load(&x_codes[i]));
        products = _mm256_add_epi32(products, _mm256_madd_epi16(pairs, _mm256_shuffle_epi8(scales, place)));
    }
    let offsets = _mm256_madd_epi16(mins, load_words(&x.sums));
    if B::OFFSET == 0 {
        (products, offsets)
    } else {
        (_mm256_sub_epi32(products, _mm256_mullo_epi32(offsets, _mm256_set1_epi32(B::OFFSET))), offsets)
    }
}

/// For each 32 weights the scales of both their parts: those of even parts in the lower half, those of odd ones in the upper.
#[inline]
#[target_feature(enable = "avx2")]
pub fn by_two(scales: __m256i) -> __m256i {
    let order =
        _mm256_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15, 0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15);
    _mm256_permute4x64_epi64(_mm256_shuffle_epi8(scales, order), 0b11_01_10_00)
}

/// As [`super::six_bits`] and `Block::parts_avx2`.
#[inline]
#[target_feature(enable = "avx2")]
pub fn six_bits(packed: &[u8; 12]) -> [__m256i; 2] {
    let [scales, mins] = super::six_bit_words(packed);
    let [a, b, c, d] = [scales[0], scales[1], mins[0], mins[1]].map(u32::cast_signed);
    let both = _mm256_cvtepu8_epi16(_mm_set_epi32(d, c, b, a));
    let mins = _mm256_permute4x64_epi64(both, 0b11_11_10_10);
    [_mm256_permute4x64_epi64(both, 0b01_00_01_00), _mm256_unpacklo_epi16(mins, mins)]
}

/// A block of each of eight rows, unpacked.
#[derive(Clone)]
pub struct Unpacked<B> {
    /// `[four codes][row]`
    codes: [[u8; 32]; 64],
    /// For each 16 weights and each row, twice.
    scales: [[i32; LANES]; 16],
    /// For each 32 weights and each row, of both halves.
    mins: [[i32; LANES]; 8],
    scale: [f32; LANES],
    min_scale: [f32; LANES],
    block: PhantomData<B>,
}

impl<B: Block> Panel<LANES> for Unpacked<B> {
    type Weights = B;
    type Activations = Rounded256;

    const SPAN: usize = 1;
    const TILE: usize = TILE;
    const EMPTY: Self = Self {
        codes: [[0; 32]; 64],
        scales: [[0; LANES]; 16],
        mins: [[0; LANES]; 8],
        scale: [0.0; LANES],
        min_scale: [0.0; LANES],
        block: PhantomData,
    };

    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn fill(&mut self, rows: [&[B]; LANES]) {
        let mut codes = [[_mm256_setzero_si256(); 8]; LANES];
        for r in 0..LANES {
            let w = &rows[r][0];
            // SAFETY: this function is compiled for AVX2.
            codes[r] = unsafe { w.codes_avx2() };
            let [scales, mins] = w.parts();
            for i in 0..16 {
                self.scales[i][r] = twice(scales[i], scales[i]);
            }
            for i in 0..8 {
                self.mins[i][r] = twice(mins[2 * i], mins[2 * i + 1]);
            }
            self.scale[r] = f16::from_bits(w.scale()).to_f32();
            self.min_scale[r] = f16::from_bits(w.min_scale()).to_f32();
        }
        for (i, out) in self.codes.as_chunks_mut::<8>().0.iter_mut().enumerate() {
            store_codes(out, turn(codes.map(|row| row[i])));
        }
    }

    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn multiply<const N: usize>(&self, x: [&[Rounded256]; N], totals: &mut [[f32; LANES]; N]) {
        let mut products = [_mm256_setzero_si256(); N];
        for part in 0..256 / B::PART {
            let mut codes = [std::ptr::null(); N];
            for n in 0..N {
                codes[n] = x[n][0].codes[part * B::PART..].as_ptr();
            }
            let groups = B::PART / 4;
            let factor = load_ints(&self.scales[part * (B::PART / 16)]);
            // SAFETY: a part has four codes for each group.
            unsafe { accumulate::<B, N>(&mut products, &self.codes[part * groups..(part + 1) * groups], codes, factor) };
        }
        for n in 0..N {
            let x = &x[n][0];
            let mut offset = _mm256_setzero_si256();
            for (i, mins) in self.mins.iter().enumerate() {
                // SAFETY: two of the sixteen sums.
                let sums = unsafe { four(x.sums.as_ptr(), i) };
                offset = _mm256_add_epi32(offset, _mm256_madd_epi16(load_ints(mins), sums));
            }
            let scale = _mm256_set1_ps(x.scale);
            let mut product = products[n];
            if B::OFFSET != 0 {
                product = _mm256_sub_epi32(product, _mm256_mullo_epi32(offset, _mm256_set1_epi32(B::OFFSET)));
            }
            let scales = _mm256_mul_ps(load_floats(&self.scale), scale);
            let mut total = _mm256_add_ps(load_floats(&totals[n]), _mm256_mul_ps(scales, _mm256_cvtepi32_ps(product)));
            if B::OFFSET == 0 {
                let scales = _mm256_mul_ps(load_floats(&self.min_scale), scale);
                total = _mm256_sub_ps(total, _mm256_mul_ps(scales, _mm256_cvtepi32_ps(offset)));
            }
            totals[n] = store_floats(total);
        }
    }
}

/// Two numbers of 16 bits beside each other.
fn twice(low: i16, high: i16) -> i32 {
    i32::from(low) & 0xffff | i32::from(high) << 16
}
