//! What the AVX2 loops of all families share.

use std::arch::x86_64::{
    __m128, __m128i, __m256, __m256i, _mm_add_epi32, _mm_add_ps, _mm_cvtph_ps, _mm_set_epi16, _mm_set_epi32, _mm_setr_epi8,
    _mm_shuffle_epi8, _mm256_abs_epi8, _mm256_add_epi16, _mm256_add_epi32, _mm256_castps256_ps128, _mm256_castsi256_si128, _mm256_cvtph_ps,
    _mm256_extractf128_ps, _mm256_extracti128_si256, _mm256_hadd_ps, _mm256_loadu_ps, _mm256_loadu_si256, _mm256_madd_epi16,
    _mm256_maddubs_epi16, _mm256_permute2x128_si256, _mm256_set1_epi32, _mm256_setzero_si256, _mm256_sign_epi8, _mm256_storeu_ps,
    _mm256_storeu_si256, _mm256_unpackhi_epi32, _mm256_unpackhi_epi64, _mm256_unpacklo_epi32, _mm256_unpacklo_epi64,
};

use super::Codes;

/// Rows of weights that one row of activations is multiplied with at a time: four streams from memory, and sums of four at once.
pub const STREAMS: usize = 4;

/// Rows of weights in the lanes of a panel.
pub const LANES: usize = 8;

/// Rows of activations that a panel is multiplied with at a time.
pub const TILE: usize = 4;

/// 32 bytes from where `bytes` begin.
#[inline]
#[target_feature(enable = "avx2")]
pub fn load<T>(bytes: &[T; 32]) -> __m256i {
    const { assert!(size_of::<T>() == 1) };
    // SAFETY: an unaligned load of the array's 32 bytes.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

/// 16 numbers of 16 bits.
#[inline]
#[target_feature(enable = "avx2")]
pub fn load_words(words: &[i16; 16]) -> __m256i {
    // SAFETY: an unaligned load of the array's 32 bytes.
    unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
}

/// Eight numbers of 32 bits.
#[inline]
#[target_feature(enable = "avx2")]
pub fn load_ints(ints: &[i32; LANES]) -> __m256i {
    // SAFETY: an unaligned load of the array's 32 bytes.
    unsafe { _mm256_loadu_si256(ints.as_ptr().cast()) }
}

/// Eight F32.
#[inline]
#[target_feature(enable = "avx2")]
pub fn load_floats(floats: &[f32; LANES]) -> __m256 {
    // SAFETY: an unaligned load of the array's 32 bytes.
    unsafe { _mm256_loadu_ps(floats.as_ptr()) }
}

/// Eight F32.
#[inline]
#[target_feature(enable = "avx2")]
pub fn store_floats(x: __m256) -> [f32; LANES] {
    let mut out = [0.0; LANES];
    // SAFETY: an unaligned store to the array's 32 bytes.
    unsafe { _mm256_storeu_ps(out.as_mut_ptr(), x) };
    out
}

/// The sums of the eight lanes of each.
#[inline]
#[target_feature(enable = "avx2")]
pub fn sums(x: [__m256i; STREAMS]) -> __m128i {
    let low = _mm256_add_epi32(_mm256_unpacklo_epi32(x[0], x[1]), _mm256_unpackhi_epi32(x[0], x[1]));
    let high = _mm256_add_epi32(_mm256_unpacklo_epi32(x[2], x[3]), _mm256_unpackhi_epi32(x[2], x[3]));
    let all = _mm256_add_epi32(_mm256_unpacklo_epi64(low, high), _mm256_unpackhi_epi64(low, high));
    _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1))
}

/// The sums of the eight lanes of each, always added in the same order.
#[inline]
#[target_feature(enable = "avx2")]
pub fn float_sums(x: [__m256; STREAMS]) -> __m128 {
    let both = _mm256_hadd_ps(_mm256_hadd_ps(x[0], x[1]), _mm256_hadd_ps(x[2], x[3]));
    _mm_add_ps(_mm256_castps256_ps128(both), _mm256_extractf128_ps(both, 1))
}

/// Four half-precision numbers, widened.
#[inline]
#[target_feature(enable = "avx2,f16c")]
pub fn halves(x: [u16; STREAMS]) -> __m128 {
    let [a, b, c, d] = x.map(u16::cast_signed);
    _mm_cvtph_ps(_mm_set_epi16(0, 0, 0, 0, d, c, b, a))
}

/// Four pairs of half-precision numbers, widened: the first of each, and the second.
#[inline]
#[target_feature(enable = "avx2,f16c")]
pub fn half_pairs(x: [[u16; 2]; STREAMS]) -> [__m128; 2] {
    let [a, b, c, d] = x.map(|[low, high]| (u32::from(low) | u32::from(high) << 16).cast_signed());
    let by_place = _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15);
    let both = _mm256_cvtph_ps(_mm_shuffle_epi8(_mm_set_epi32(d, c, b, a), by_place));
    [_mm256_castps256_ps128(both), _mm256_extractf128_ps(both, 1)]
}

/// `Σ w·x` of 32 codes, as sums of two neighbours.
///
/// The 16-bit sums of pairs don't saturate: with codes up to 63 they reach 2 · 63 · 127, with 128 they reach 2 · 128 · 127 = 32,512.
#[inline]
#[target_feature(enable = "avx2")]
pub fn pairs<C: Codes>(w: __m256i, x: __m256i) -> __m256i {
    // Activations are never −128, so a change of sign cannot overflow.
    if C::MAX == 128 { _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w)) } else { _mm256_maddubs_epi16(w, x) }
}

/// Eight rows of 32 codes each, turned so that a vector has four neighbouring codes of all eight.
#[inline]
#[target_feature(enable = "avx2")]
pub fn turn(r: [__m256i; LANES]) -> [__m256i; LANES] {
    // Each step names what is where in the lower half: rows by letter, groups of four codes by number.
    let ab = [_mm256_unpacklo_epi32(r[0], r[1]), _mm256_unpackhi_epi32(r[0], r[1])];
    let cd = [_mm256_unpacklo_epi32(r[2], r[3]), _mm256_unpackhi_epi32(r[2], r[3])];
    let ef = [_mm256_unpacklo_epi32(r[4], r[5]), _mm256_unpackhi_epi32(r[4], r[5])];
    let gh = [_mm256_unpacklo_epi32(r[6], r[7]), _mm256_unpackhi_epi32(r[6], r[7])];
    let mut out = [_mm256_setzero_si256(); LANES];
    for i in 0..2 {
        let (abcd0, efgh0) = (_mm256_unpacklo_epi64(ab[i], cd[i]), _mm256_unpacklo_epi64(ef[i], gh[i]));
        let (abcd1, efgh1) = (_mm256_unpackhi_epi64(ab[i], cd[i]), _mm256_unpackhi_epi64(ef[i], gh[i]));
        out[2 * i] = _mm256_permute2x128_si256(abcd0, efgh0, 0x20);
        out[2 * i + 1] = _mm256_permute2x128_si256(abcd1, efgh1, 0x20);
        out[2 * i + 4] = _mm256_permute2x128_si256(abcd0, efgh0, 0x31);
        out[2 * i + 5] = _mm256_permute2x128_si256(abcd1, efgh1, 0x31);
    }
    out
}

/// Writes turned codes.
#[inline]
#[target_feature(enable = "avx2")]
pub fn store_codes(codes: &mut [[u8; 32]; LANES], turned: [__m256i; LANES]) {
    for (out, codes) in codes.iter_mut().zip(turned) {
        // SAFETY: an unaligned store to the array's 32 bytes.
        unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), codes) };
    }
}

/// Four bytes of `codes` from `4 * group` on, in all lanes.
///
/// # Safety
/// They must be inside.
#[inline]
#[target_feature(enable = "avx2")]
pub unsafe fn four<T>(codes: *const T, group: usize) -> __m256i {
    // SAFETY: the caller's; the load is unaligned.
    _mm256_set1_epi32(unsafe { codes.cast::<i32>().add(group).read_unaligned() })
}

/// Adds the products of `GROUPS` groups of four codes of eight rows of weights with those of `N` rows of activations, times `factor`
/// (the same number of 16 bits twice for each row).
///
/// The largest code of the weights decides how many products fit in 16 bits before they are widened: the sum of `n`
/// groups reaches `n · 2 · C::MAX · 127`, which for 15, 31 and 63 stays below 2¹⁵ with 8, 4 and 2 groups.
///
/// # Safety
/// Each of `x` must point to four codes for each group.
#[inline]
#[target_feature(enable = "avx2")]
pub unsafe fn accumulate<C: Codes, const N: usize>(sums: &mut [__m256i; N], w: &[[u8; 32]], x: [*const i8; N], factor: __m256i) {
    let together = match C::MAX {
        ..=15 => 8,
        16..=31 => 4,
        32..=63 => 2,
        _ => 1,
    };
    for (i, w) in w.chunks(together).enumerate() {
        let mut short = [_mm256_setzero_si256(); N];
        for (j, w) in w.iter().enumerate() {
            let w = load(w);
            for n in 0..N {
                // SAFETY: the caller's.
                let x = unsafe { four(x[n], i * together + j) };
                short[n] = _mm256_add_epi16(short[n], pairs::<C>(w, x));
            }
        }
        for n in 0..N {
            sums[n] = _mm256_add_epi32(sums[n], _mm256_madd_epi16(short[n], factor));
        }
    }
}
