//! `Q5_K`: eight parts of 32 weights, codes of 5 bits.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m256i, _mm256_and_si256, _mm256_or_si256, _mm256_set1_epi8, _mm256_setzero_si256, _mm256_slli_epi16, _mm256_srli_epi16,
};

#[cfg(target_arch = "x86_64")]
use super::avx2;
use super::{Block, six_bits};
use crate::kernels::dot::Codes;
#[cfg(target_arch = "x86_64")]
use crate::kernels::dot::avx2::load;

/// ggml's `block_q5_K`. As `Q4_K`; bit `i` of the fifth bits belongs to part `i`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Q5K {
    scale: u16,
    min_scale: u16,
    parts: [u8; 12],
    fifths: [u8; 32],
    nibbles: [[u8; 32]; 4],
}

impl Codes for Q5K {
    const MAX: i32 = 31;
}

impl Block for Q5K {
    const OFFSET: i32 = 0;
    const PART: usize = 32;

    fn scale(&self) -> u16 {
        self.scale
    }

    fn min_scale(&self) -> u16 {
        self.min_scale
    }

    #[inline]
    fn parts(&self) -> [[i16; 16]; 2] {
        six_bits(&self.parts)
    }

    #[expect(clippy::cast_possible_wrap, reason = "a code is below 32")]
    fn codes(&self) -> [i8; 256] {
        let mut codes = [0; 256];
        for (j, (codes, bytes)) in codes.as_chunks_mut::<64>().0.iter_mut().zip(&self.nibbles).enumerate() {
            for (i, (byte, fifths)) in bytes.iter().zip(&self.fifths).enumerate() {
                codes[i] = (byte & 0x0f | (fifths >> (2 * j) & 1) << 4) as i8;
                codes[i + 32] = (byte >> 4 | (fifths >> (2 * j + 1) & 1) << 4) as i8;
            }
        }
        codes
    }

    #[cfg(target_arch = "x86_64")]
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn codes_avx2(&self) -> [__m256i; 8] {
        let (low, fifth) = (_mm256_set1_epi8(0x0f), _mm256_set1_epi8(0x10));
        let bits = load(&self.fifths);
        let mut codes = [_mm256_setzero_si256(); 8];
        for i in 0..4 {
            let bytes = load(&self.nibbles[i]);
            codes[2 * i] = _mm256_and_si256(bytes, low);
            codes[2 * i + 1] = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), low);
        }
        let fifths = [
            _mm256_slli_epi16(bits, 4),
            _mm256_slli_epi16(bits, 3),
            _mm256_slli_epi16(bits, 2),
            _mm256_slli_epi16(bits, 1),
            bits,
            _mm256_srli_epi16(bits, 1),
            _mm256_srli_epi16(bits, 2),
            _mm256_srli_epi16(bits, 3),
        ];
        for i in 0..8 {
            codes[i] = _mm256_or_si256(codes[i], _mm256_and_si256(fifths[i], fifth));
        }
        codes
    }
    #[cfg(target_arch = "x86_64")]
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn parts_avx2(&self) -> [__m256i; 2] {
        avx2::six_bits(&self.parts)
    }
}
