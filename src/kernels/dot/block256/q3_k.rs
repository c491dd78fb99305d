//! `Q3_K`: 16 parts of 16 weights, codes of 3 bits less 4.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m256i, _mm_set_epi32, _mm256_and_si256, _mm256_cvtepu8_epi16, _mm256_or_si256, _mm256_set1_epi8, _mm256_set1_epi16,
    _mm256_setzero_si256, _mm256_slli_epi16, _mm256_srli_epi16, _mm256_sub_epi16,
};

#[cfg(target_arch = "x86_64")]
use super::avx2;
use super::{Block, words};
use crate::kernels::dot::Codes;
#[cfg(target_arch = "x86_64")]
use crate::kernels::dot::avx2::load;

/// ggml's `block_q3_K`. For each 128 codes 32 bytes of four pairs of low bits; bit `i` of the third bits belongs to the `i`th 32 codes.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Q3K {
    thirds: [u8; 32],
    pairs: [[u8; 32]; 2],
    parts: [u8; 12],
    scale: u16,
}

impl Codes for Q3K {
    const MAX: i32 = 7;
}

impl Q3K {
    /// Scales of 6 bits, less 32: the nibbles of the first eight bytes, low ones first, under pairs of bits of the last four.
    fn six_bits(&self) -> [u32; 4] {
        let [a, b, high] = words(&self.parts);
        let scale = |low: u32, i: u32| low & 0x0f0f_0f0f | (high >> (2 * i) & 0x0303_0303) << 4;
        [scale(a, 0), scale(b, 1), scale(a >> 4, 2), scale(b >> 4, 3)]
    }
}

impl Block for Q3K {
    const OFFSET: i32 = 4;
    const PART: usize = 16;

    fn scale(&self) -> u16 {
        self.scale
    }

    #[inline]
    fn parts(&self) -> [[i16; 16]; 2] {
        let bytes = self.six_bits().map(u32::to_le_bytes);
        [std::array::from_fn(|i| i16::from(bytes[i / 4][i % 4]) - 32); 2]
    }

    #[expect(clippy::cast_possible_wrap, reason = "a code is below 8")]
    fn codes(&self) -> [i8; 256] {
        let mut codes = [0; 256];
        for (j, codes) in codes.as_chunks_mut::<32>().0.iter_mut().enumerate() {
            for ((code, pairs), thirds) in codes.iter_mut().zip(&self.pairs[j / 4]).zip(&self.thirds) {
                *code = (pairs >> (2 * (j % 4)) & 3 | (thirds >> j & 1) << 2) as i8;
            }
        }
        codes
    }

    #[cfg(target_arch = "x86_64")]
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn codes_avx2(&self) -> [__m256i; 8] {
        let (pair, third) = (_mm256_set1_epi8(3), _mm256_set1_epi8(4));
        let bits = load(&self.thirds);
        let thirds = [
            _mm256_slli_epi16(bits, 2),
            _mm256_slli_epi16(bits, 1),
            bits,
            _mm256_srli_epi16(bits, 1),
            _mm256_srli_epi16(bits, 2),
            _mm256_srli_epi16(bits, 3),
            _mm256_srli_epi16(bits, 4),
            _mm256_srli_epi16(bits, 5),
        ];
        let mut codes = [_mm256_setzero_si256(); 8];
        for h in 0..2 {
            let low = load(&self.pairs[h]);
            let pairs = [low, _mm256_srli_epi16(low, 2), _mm256_srli_epi16(low, 4), _mm256_srli_epi16(low, 6)];
            for i in 0..4 {
                codes[4 * h + i] = _mm256_or_si256(_mm256_and_si256(pairs[i], pair), _mm256_and_si256(thirds[4 * h + i], third));
            }
        }
        codes
    }
    #[cfg(target_arch = "x86_64")]
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn parts_avx2(&self) -> [__m256i; 2] {
        let [a, b, c, d] = self.six_bits().map(u32::cast_signed);
        let parts = _mm256_sub_epi16(_mm256_cvtepu8_epi16(_mm_set_epi32(d, c, b, a)), _mm256_set1_epi16(32));
        [avx2::by_two(parts), parts]
    }
}
