//! The types: how their blocks lie in a file, and how they become codes.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m128i, __m256i, _mm_loadu_si128, _mm_srli_epi16, _mm256_and_si256, _mm256_cmpeq_epi8, _mm256_or_si256, _mm256_set_m128i,
    _mm256_set1_epi8, _mm256_set1_epi32, _mm256_set1_epi64x, _mm256_setr_epi64x, _mm256_shuffle_epi8,
};

use super::Block;
use crate::kernels::dot::Codes;
#[cfg(target_arch = "x86_64")]
use crate::kernels::dot::avx2::load;

/// ggml's `block_q4_0`: a scale, and 32 codes less 8; low nibbles are the first 16.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Q4_0 {
    scale: u16,
    nibbles: [u8; 16],
}

/// ggml's `block_q4_1`: a scale, a minimum and 32 codes.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Q4_1 {
    scale: u16,
    min: u16,
    nibbles: [u8; 16],
}

/// ggml's `block_q5_0`: a scale, the fifth bits, one for each code, and the others; less 16.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Q5_0 {
    scale: u16,
    fifths: [u8; 4],
    nibbles: [u8; 16],
}

/// ggml's `block_q5_1`: a scale, a minimum, the fifth bits and the others.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Q5_1 {
    scale: u16,
    min: u16,
    fifths: [u8; 4],
    nibbles: [u8; 16],
}

/// ggml's `block_q8_0`: a scale and 32 codes with a sign.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Q8_0 {
    scale: u16,
    codes: [i8; 32],
}

macro_rules! codes {
    ($($block:ty: $max:literal),*) => {$(impl Codes for $block {
        const MAX: i32 = $max;
    })*};
}
codes!(Q4_0: 15, Q4_1: 15, Q5_0: 31, Q5_1: 31, Q8_0: 128);

impl Block for Q4_0 {
    const OFFSET: i32 = 8;
    const MIN: bool = false;

    fn scale(&self) -> u16 {
        self.scale
    }

    fn codes(&self) -> [i8; 32] {
        nibbles(&self.nibbles)
    }

    #[cfg(target_arch = "x86_64")]
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn codes_avx2(&self) -> __m256i {
        nibbles_avx2(&self.nibbles)
    }
}

impl Block for Q4_1 {
    const OFFSET: i32 = 0;
    const MIN: bool = true;

    fn scale(&self) -> u16 {
        self.scale
    }

    fn min(&self) -> u16 {
        self.min
    }

    fn codes(&self) -> [i8; 32] {
        nibbles(&self.nibbles)
    }

    #[cfg(target_arch = "x86_64")]
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn codes_avx2(&self) -> __m256i {
        nibbles_avx2(&self.nibbles)
    }
}

impl Block for Q5_0 {
    const OFFSET: i32 = 16;
    const MIN: bool = false;

    fn scale(&self) -> u16 {
        self.scale
    }

    fn codes(&self) -> [i8; 32] {
        with_fifths(nibbles(&self.nibbles), self.fifths)
    }

    #[cfg(target_arch = "x86_64")]
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn codes_avx2(&self) -> __m256i {
        _mm256_or_si256(nibbles_avx2(&self.nibbles), fifths_avx2(self.fifths))
    }
}

impl Block for Q5_1 {
    const OFFSET: i32 = 0;
    const MIN: bool = true;

    fn scale(&self) -> u16 {
        self.scale
    }

    fn min(&self) -> u16 {
        self.min
    }

    fn codes(&self) -> [i8; 32] {
        with_fifths(nibbles(&self.nibbles), self.fifths)
    }

    #[cfg(target_arch = "x86_64")]
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn codes_avx2(&self) -> __m256i {
        _mm256_or_si256(nibbles_avx2(&self.nibbles), fifths_avx2(self.fifths))
    }
}

impl Block for Q8_0 {
    const OFFSET: i32 = 0;
    const MIN: bool = false;

    fn scale(&self) -> u16 {
        self.scale
    }

    fn codes(&self) -> [i8; 32] {
        self.codes
    }

    #[cfg(target_arch = "x86_64")]
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn codes_avx2(&self) -> __m256i {
        load(&self.codes)
    }
}

#[expect(clippy::cast_possible_wrap, reason = "a nibble is below 16")]
fn nibbles(packed: &[u8; 16]) -> [i8; 32] {
    let mut codes = [0; 32];
    for (i, &byte) in packed.iter().enumerate() {
        codes[i] = (byte & 0x0f) as i8;
        codes[i + 16] = (byte >> 4) as i8;
    }
    codes
}

fn with_fifths(mut codes: [i8; 32], fifths: [u8; 4]) -> [i8; 32] {
    let bits = u32::from_le_bytes(fifths);
    for (i, code) in codes.iter_mut().enumerate() {
        *code |= i8::from(bits >> i & 1 == 1) << 4;
    }
    codes
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
fn nibbles_avx2(packed: &[u8; 16]) -> __m256i {
    // SAFETY: an unaligned load of the array's 16 bytes.
    let packed = unsafe { _mm_loadu_si128(packed.as_ptr().cast::<__m128i>()) };
    _mm256_and_si256(_mm256_set_m128i(_mm_srli_epi16(packed, 4), packed), _mm256_set1_epi8(0x0f))
}

/// 16 for each code whose bit is set.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
fn fifths_avx2(bits: [u8; 4]) -> __m256i {
    // Each byte of the bits comes to eight places, each of which asks for one bit of it.
    let places = _mm256_setr_epi64x(0, 0x0101_0101_0101_0101, 0x0202_0202_0202_0202, 0x0303_0303_0303_0303);
    let masks = _mm256_set1_epi64x(i64::from_le_bytes([1, 2, 4, 8, 16, 32, 64, 128]));
    let spread = _mm256_shuffle_epi8(_mm256_set1_epi32(i32::from_le_bytes(bits)), places);
    _mm256_and_si256(_mm256_cmpeq_epi8(_mm256_and_si256(spread, masks), masks), _mm256_set1_epi8(0x10))
}
