//! `Q6_K`: 16 parts of 16 weights, codes of 6 bits less 32.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m256i, _mm_loadu_si128, _mm256_and_si256, _mm256_cvtepi8_epi16, _mm256_or_si256, _mm256_set1_epi8, _mm256_setzero_si256,
    _mm256_slli_epi16, _mm256_srli_epi16,
};

use super::Block;
#[cfg(target_arch = "x86_64")]
use super::avx2;
use crate::kernels::dot::Codes;
#[cfg(target_arch = "x86_64")]
use crate::kernels::dot::avx2::load;

/// ggml's `block_q6_K`. For each 128 codes 64 bytes of nibbles, the low ones first, and 32 bytes with four pairs of high bits.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Q6K {
    nibbles: [[[u8; 32]; 2]; 2],
    high: [[u8; 32]; 2],
    parts: [i8; 16],
    scale: u16,
}

impl Codes for Q6K {
    const MAX: i32 = 63;
}

impl Block for Q6K {
    const OFFSET: i32 = 32;
    const PART: usize = 16;

    fn scale(&self) -> u16 {
        self.scale
    }

    #[inline]
    fn parts(&self) -> [[i16; 16]; 2] {
        [self.parts.map(i16::from); 2]
    }

    #[expect(clippy::cast_possible_wrap, reason = "a code is below 64")]
    fn codes(&self) -> [i8; 256] {
        let mut codes = [0; 256];
        for (h, codes) in codes.as_chunks_mut::<128>().0.iter_mut().enumerate() {
            for (i, high) in self.high[h].iter().enumerate() {
                let [a, b] = [self.nibbles[h][0][i], self.nibbles[h][1][i]];
                codes[i] = (a & 0x0f | (high & 3) << 4) as i8;
                codes[i + 32] = (b & 0x0f | (high >> 2 & 3) << 4) as i8;
                codes[i + 64] = (a >> 4 | (high >> 4 & 3) << 4) as i8;
                codes[i + 96] = (b >> 4 | (high >> 6) << 4) as i8;
            }
        }
        codes
    }

    #[cfg(target_arch = "x86_64")]
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn codes_avx2(&self) -> [__m256i; 8] {
        let (low, pair) = (_mm256_set1_epi8(0x0f), _mm256_set1_epi8(0x30));
        let mut codes = [_mm256_setzero_si256(); 8];
        for h in 0..2 {
            let (a, b, high) = (load(&self.nibbles[h][0]), load(&self.nibbles[h][1]), load(&self.high[h]));
            let nibbles = [a, b, _mm256_srli_epi16(a, 4), _mm256_srli_epi16(b, 4)];
            let highs = [_mm256_slli_epi16(high, 4), _mm256_slli_epi16(high, 2), high, _mm256_srli_epi16(high, 2)];
            for i in 0..4 {
                codes[4 * h + i] = _mm256_or_si256(_mm256_and_si256(nibbles[i], low), _mm256_and_si256(highs[i], pair));
            }
        }
        codes
    }
    #[cfg(target_arch = "x86_64")]
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn parts_avx2(&self) -> [__m256i; 2] {
        // SAFETY: an unaligned load of the array's 16 bytes.
        let parts = _mm256_cvtepi8_epi16(unsafe { _mm_loadu_si128(self.parts.as_ptr().cast()) });
        [avx2::by_two(parts), parts]
    }
}
