//! `Q2_K`: 16 parts of 16 weights, codes of 2 bits.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m256i, _mm_loadu_si128, _mm256_and_si256, _mm256_cvtepu8_epi16, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_setzero_si256,
    _mm256_srli_epi16,
};

use super::Block;
#[cfg(target_arch = "x86_64")]
use super::avx2;
use crate::kernels::dot::Codes;
#[cfg(target_arch = "x86_64")]
use crate::kernels::dot::avx2::load;

/// ggml's `block_q2_K`. For each part a byte, the scale in its low nibble and the minimum above; for each 128 codes 32 bytes of four.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Q2K {
    parts: [u8; 16],
    codes: [[u8; 32]; 2],
    scale: u16,
    min_scale: u16,
}

impl Codes for Q2K {
    const MAX: i32 = 3;
}

impl Block for Q2K {
    const OFFSET: i32 = 0;
    const PART: usize = 16;

    fn scale(&self) -> u16 {
        self.scale
    }

    fn min_scale(&self) -> u16 {
        self.min_scale
    }

    #[inline]
    fn parts(&self) -> [[i16; 16]; 2] {
        [self.parts.map(|part| i16::from(part & 0x0f)), self.parts.map(|part| i16::from(part >> 4))]
    }

    #[expect(clippy::cast_possible_wrap, reason = "a code is below 4")]
    fn codes(&self) -> [i8; 256] {
        let mut codes = [0; 256];
        for (j, codes) in codes.as_chunks_mut::<32>().0.iter_mut().enumerate() {
            for (code, four) in codes.iter_mut().zip(&self.codes[j / 4]) {
                *code = (four >> (2 * (j % 4)) & 3) as i8;
            }
        }
        codes
    }

    #[cfg(target_arch = "x86_64")]
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn codes_avx2(&self) -> [__m256i; 8] {
        let mask = _mm256_set1_epi8(3);
        let mut codes = [_mm256_setzero_si256(); 8];
        for h in 0..2 {
            let four = load(&self.codes[h]);
            let shifted = [four, _mm256_srli_epi16(four, 2), _mm256_srli_epi16(four, 4), _mm256_srli_epi16(four, 6)];
            for i in 0..4 {
                codes[4 * h + i] = _mm256_and_si256(shifted[i], mask);
            }
        }
        codes
    }
    #[cfg(target_arch = "x86_64")]
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn parts_avx2(&self) -> [__m256i; 2] {
        // SAFETY: an unaligned load of the array's 16 bytes.
        let parts = _mm256_cvtepu8_epi16(unsafe { _mm_loadu_si128(self.parts.as_ptr().cast()) });
        [avx2::by_two(_mm256_and_si256(parts, _mm256_set1_epi16(0x0f))), _mm256_srli_epi16(parts, 4)]
    }
}
