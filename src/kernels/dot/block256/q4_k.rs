//! `Q4_K`: eight parts of 32 weights, codes of 4 bits.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m256i, _mm256_and_si256, _mm256_set1_epi8, _mm256_setzero_si256, _mm256_srli_epi16};

#[cfg(target_arch = "x86_64")]
use super::avx2;
use super::{Block, six_bits};
use crate::kernels::dot::Codes;
#[cfg(target_arch = "x86_64")]
use crate::kernels::dot::avx2::load;

/// ggml's `block_q4_K`. 32 bytes have 64 codes, the low nibbles first.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Q4K {
    scale: u16,
    min_scale: u16,
    parts: [u8; 12],
    nibbles: [[u8; 32]; 4],
}

impl Codes for Q4K {
    const MAX: i32 = 15;
}

impl Block for Q4K {
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

    #[expect(clippy::cast_possible_wrap, reason = "a nibble is below 16")]
    fn codes(&self) -> [i8; 256] {
        let mut codes = [0; 256];
        for (codes, bytes) in codes.as_chunks_mut::<64>().0.iter_mut().zip(&self.nibbles) {
            for (i, byte) in bytes.iter().enumerate() {
                codes[i] = (byte & 0x0f) as i8;
                codes[i + 32] = (byte >> 4) as i8;
            }
        }
        codes
    }

    #[cfg(target_arch = "x86_64")]
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn codes_avx2(&self) -> [__m256i; 8] {
        let low = _mm256_set1_epi8(0x0f);
        let mut codes = [_mm256_setzero_si256(); 8];
        for i in 0..4 {
            let bytes = load(&self.nibbles[i]);
            codes[2 * i] = _mm256_and_si256(bytes, low);
            codes[2 * i + 1] = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), low);
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
