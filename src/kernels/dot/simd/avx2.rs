//! AVX2 with FMA and F16C: two vectors of eight lanes.

use std::arch::x86_64::{
    __m128i, __m256, __m256i, _MM_HINT_T0, _mm_cvtsi32_si128, _mm_cvtss_f32, _mm_loadl_epi64, _mm_loadu_si128, _mm_max_ps, _mm_movehdup_ps,
    _mm_movehl_ps, _mm_prefetch, _mm256_abs_epi8, _mm256_add_epi16, _mm256_add_epi32, _mm256_add_ps, _mm256_and_si256,
    _mm256_broadcastsi128_si256, _mm256_castps256_ps128, _mm256_castsi256_ps, _mm256_cvtepi8_epi32, _mm256_cvtepi32_ps,
    _mm256_cvtepu8_epi32, _mm256_cvtepu16_epi32, _mm256_cvtph_ps, _mm256_extractf128_ps, _mm256_fmadd_ps, _mm256_loadu_ps,
    _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_max_ps, _mm256_mul_ps, _mm256_mullo_epi32, _mm256_or_si256,
    _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_sign_epi8,
    _mm256_sll_epi16, _mm256_slli_epi32, _mm256_srl_epi16, _mm256_srl_epi32, _mm256_storeu_ps, _mm256_storeu_si256, _mm256_sub_ps,
    _mm256_xor_si256,
};

use super::{Group, LANES, Simd};
use crate::kernels::processor::Processor;

/// The instructions, which are there.
#[derive(Debug, Clone, Copy)]
pub struct Avx2(());

impl Avx2 {
    /// If the processor has them.
    pub fn found(processor: Processor) -> Option<Self> {
        (processor >= Processor::Avx2).then_some(Self(()))
    }
}

type Two = [__m256i; 2];

/// Adds `Σ codes · x` to `sums`, each pair of 16-bit products times its factor.
///
/// The largest code decides how many products fit in 16 bits before they are widened: the sum of `n` groups reaches `n · 2 · max · 127`,
/// which for 15, 31 and 63 stays below 2¹⁵ with 8, 4 and 2 groups. Codes up to 255 stand for signed numbers: `|w| · ±x` reaches
/// 2 · 128 · 127.
#[inline(always)]
fn add_products<const G: usize, const N: usize>(
    max: i32,
    mut sums: [Two; N],
    codes: &[Two; G],
    x: [&[[i8; 4]; G]; N],
    factors: Two,
) -> [Two; N] {
    let together = match max {
        ..=15 => 8,
        16..=31 => 4,
        32..=63 => 2,
        _ => 1,
    };
    let mut first = 0;
    while first < G {
        let last = if first + together < G { first + together } else { G };
        // SAFETY: only an `Avx2` calls this.
        unsafe {
            let mut short = [[_mm256_setzero_si256(); 2]; N];
            for g in first..last {
                let mut w = codes[g];
                if max == 255 {
                    let sign = _mm256_set1_epi8(i8::MIN);
                    w = [_mm256_xor_si256(w[0], sign), _mm256_xor_si256(w[1], sign)];
                }
                for n in 0..N {
                    let x = _mm256_set1_epi32(i32::from_le_bytes(x[n][g].map(i8::cast_unsigned)));
                    for h in 0..2 {
                        let products = if max == 255 {
                            // Activations are never −128, so a change of sign cannot overflow.
                            _mm256_maddubs_epi16(_mm256_abs_epi8(w[h]), _mm256_sign_epi8(x, w[h]))
                        } else {
                            _mm256_maddubs_epi16(w[h], x)
                        };
                        short[n][h] = _mm256_add_epi16(short[n][h], products);
                    }
                }
            }
            for n in 0..N {
                for h in 0..2 {
                    sums[n][h] = _mm256_add_epi32(sums[n][h], _mm256_madd_epi16(short[n][h], factors[h]));
                }
            }
        }
        first = last;
    }
    sums
}

impl Simd for Avx2 {
    type Codes = Two;
    type Ints = Two;
    type Floats = [__m256; 2];

    const TILE: usize = 4;
    const SUMS: usize = 6;
    const FUSED: bool = true;
    const EXCESS: i32 = 0;

    #[inline(always)]
    fn prefetch<T>(self, at: *const T) {
        // SAFETY: a prefetch does not touch memory that is not there.
        unsafe { _mm_prefetch(at.cast(), _MM_HINT_T0) };
    }

    #[inline(always)]
    fn codes(self, group: &Group) -> Two {
        // SAFETY: whoever has an `Avx2` has the instructions; loads and stores are unaligned and inside the arrays.
        unsafe { [_mm256_loadu_si256(group.as_ptr().cast()), _mm256_loadu_si256(group[32..].as_ptr().cast())] }
    }

    #[inline(always)]
    fn store_codes(self, codes: Two, group: &mut Group) {
        // SAFETY: whoever has an `Avx2` has the instructions; stores are unaligned and inside the array.
        unsafe {
            _mm256_storeu_si256(group.as_mut_ptr().cast(), codes[0]);
            _mm256_storeu_si256(group[32..].as_mut_ptr().cast(), codes[1]);
        }
    }

    #[inline(always)]
    fn mask(self, codes: Two, mask: u8) -> Two {
        // SAFETY: whoever has an `Avx2` has the instructions.
        unsafe {
            let mask = _mm256_set1_epi8(mask.cast_signed());
            [_mm256_and_si256(codes[0], mask), _mm256_and_si256(codes[1], mask)]
        }
    }

    #[inline(always)]
    fn join(self, a: Two, b: Two) -> Two {
        // SAFETY: whoever has an `Avx2` has the instructions.
        unsafe { [_mm256_or_si256(a[0], b[0]), _mm256_or_si256(a[1], b[1])] }
    }

    #[inline(always)]
    fn down(self, codes: Two, places: u32) -> Two {
        // SAFETY: whoever has an `Avx2` has the instructions.
        unsafe {
            let places = _mm_cvtsi32_si128(places.cast_signed());
            [_mm256_srl_epi16(codes[0], places), _mm256_srl_epi16(codes[1], places)]
        }
    }

    #[inline(always)]
    fn up(self, codes: Two, places: u32) -> Two {
        // SAFETY: whoever has an `Avx2` has the instructions.
        unsafe {
            let places = _mm_cvtsi32_si128(places.cast_signed());
            [_mm256_sll_epi16(codes[0], places), _mm256_sll_epi16(codes[1], places)]
        }
    }

    #[inline(always)]
    fn look_up(self, table: &[u8; 16], nibbles: Two) -> Two {
        // SAFETY: whoever has an `Avx2` has the instructions; the load is unaligned and of the array.
        unsafe {
            let table = _mm256_broadcastsi128_si256(_mm_loadu_si128(table.as_ptr().cast()));
            [_mm256_shuffle_epi8(table, nibbles[0]), _mm256_shuffle_epi8(table, nibbles[1])]
        }
    }

    #[inline(always)]
    fn products<const G: usize, const N: usize>(self, max: i32, sums: [Two; N], codes: &[Two; G], x: [&[[i8; 4]; G]; N]) -> [Two; N] {
        // SAFETY: whoever has an `Avx2` has the instructions.
        let ones = unsafe { _mm256_set1_epi16(1) };
        add_products(max, sums, codes, x, [ones; 2])
    }

    #[inline(always)]
    fn scaled_products<const G: usize, const N: usize>(
        self,
        max: i32,
        sums: [Two; N],
        codes: &[Two; G],
        x: [&[[i8; 4]; G]; N],
        factors: Two,
    ) -> [Two; N] {
        add_products(max, sums, codes, x, self.paired(factors, factors))
    }

    #[inline(always)]
    fn ints(self, value: i32) -> Two {
        // SAFETY: whoever has an `Avx2` has the instructions.
        unsafe { [_mm256_set1_epi32(value); 2] }
    }

    #[inline(always)]
    fn store_ints(self, x: Two) -> [i32; LANES] {
        let mut out = [0; LANES];
        // SAFETY: whoever has an `Avx2` has the instructions; stores are unaligned and inside the array.
        unsafe {
            _mm256_storeu_si256(out.as_mut_ptr().cast(), x[0]);
            _mm256_storeu_si256(out[8..].as_mut_ptr().cast(), x[1]);
        }
        out
    }

    #[inline(always)]
    fn load_ints(self, values: &[i32; LANES]) -> Two {
        // SAFETY: whoever has an `Avx2` has the instructions; loads are unaligned and inside the array.
        unsafe { [_mm256_loadu_si256(values.as_ptr().cast()), _mm256_loadu_si256(values[8..].as_ptr().cast())] }
    }

    #[inline(always)]
    fn widened(self, bytes: &[u8; LANES]) -> Two {
        // SAFETY: whoever has an `Avx2` has the instructions; loads and stores are unaligned and inside the arrays.
        unsafe {
            let half = |at: usize| _mm256_cvtepu8_epi32(_mm_loadl_epi64(bytes[at..].as_ptr().cast()));
            [half(0), half(8)]
        }
    }

    #[inline(always)]
    fn widened_signed(self, bytes: &[i8; LANES]) -> Two {
        // SAFETY: whoever has an `Avx2` has the instructions; loads and stores are unaligned and inside the arrays.
        unsafe {
            let half = |at: usize| _mm256_cvtepi8_epi32(_mm_loadl_epi64(bytes[at..].as_ptr().cast()));
            [half(0), half(8)]
        }
    }

    #[inline(always)]
    fn plus(self, a: Two, b: Two) -> Two {
        // SAFETY: whoever has an `Avx2` has the instructions.
        unsafe { [_mm256_add_epi32(a[0], b[0]), _mm256_add_epi32(a[1], b[1])] }
    }

    #[inline(always)]
    fn paired(self, low: Two, high: Two) -> Two {
        // SAFETY: whoever has an `Avx2` has the instructions.
        unsafe {
            let mask = _mm256_set1_epi32(0xffff);
            let low = [_mm256_and_si256(low[0], mask), _mm256_and_si256(low[1], mask)];
            [_mm256_or_si256(low[0], _mm256_slli_epi32(high[0], 16)), _mm256_or_si256(low[1], _mm256_slli_epi32(high[1], 16))]
        }
    }

    #[inline(always)]
    fn add_pairs(self, sums: Two, a: Two, b: Two) -> Two {
        // SAFETY: whoever has an `Avx2` has the instructions.
        self.plus(sums, unsafe { [_mm256_madd_epi16(a[0], b[0]), _mm256_madd_epi16(a[1], b[1])] })
    }

    #[inline(always)]
    fn times(self, a: Two, b: Two) -> Two {
        // SAFETY: whoever has an `Avx2` has the instructions.
        unsafe { [_mm256_mullo_epi32(a[0], b[0]), _mm256_mullo_epi32(a[1], b[1])] }
    }

    #[inline(always)]
    fn bits(self, x: Two, places: u32, mask: i32) -> Two {
        // SAFETY: whoever has an `Avx2` has the instructions.
        unsafe {
            let (places, mask) = (_mm_cvtsi32_si128(places.cast_signed()), _mm256_set1_epi32(mask));
            [_mm256_and_si256(_mm256_srl_epi32(x[0], places), mask), _mm256_and_si256(_mm256_srl_epi32(x[1], places), mask)]
        }
    }

    #[inline(always)]
    fn floats(self, value: f32) -> [__m256; 2] {
        // SAFETY: whoever has an `Avx2` has the instructions.
        unsafe { [_mm256_set1_ps(value); 2] }
    }

    #[inline(always)]
    fn halves(self, bits: &[u16; LANES]) -> [__m256; 2] {
        // SAFETY: whoever has an `Avx2` has the instructions; loads and stores are unaligned and inside the arrays.
        unsafe {
            let half = |at: usize| _mm256_cvtph_ps(_mm_loadu_si128(bits[at..].as_ptr().cast::<__m128i>()));
            [half(0), half(8)]
        }
    }

    #[inline(always)]
    fn brains(self, bits: &[u16; LANES]) -> [__m256; 2] {
        // SAFETY: whoever has an `Avx2` has the instructions; loads are unaligned and inside the array.
        unsafe {
            let half = |at: usize| _mm256_cvtepu16_epi32(_mm_loadu_si128(bits[at..].as_ptr().cast::<__m128i>()));
            [_mm256_castsi256_ps(_mm256_slli_epi32(half(0), 16)), _mm256_castsi256_ps(_mm256_slli_epi32(half(8), 16))]
        }
    }

    #[inline(always)]
    fn load(self, values: &[f32; LANES]) -> [__m256; 2] {
        // SAFETY: as above.
        unsafe { [_mm256_loadu_ps(values.as_ptr()), _mm256_loadu_ps(values[8..].as_ptr())] }
    }

    #[inline(always)]
    fn to_floats(self, x: Two) -> [__m256; 2] {
        // SAFETY: whoever has an `Avx2` has the instructions.
        unsafe { [_mm256_cvtepi32_ps(x[0]), _mm256_cvtepi32_ps(x[1])] }
    }

    #[inline(always)]
    fn add(self, a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: whoever has an `Avx2` has the instructions.
        unsafe { [_mm256_add_ps(a[0], b[0]), _mm256_add_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn subtract(self, a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: whoever has an `Avx2` has the instructions.
        unsafe { [_mm256_sub_ps(a[0], b[0]), _mm256_sub_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn multiply(self, a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: whoever has an `Avx2` has the instructions.
        unsafe { [_mm256_mul_ps(a[0], b[0]), _mm256_mul_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn multiply_add(self, a: [__m256; 2], b: [__m256; 2], c: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: whoever has an `Avx2` has the instructions.
        unsafe { [_mm256_fmadd_ps(a[0], b[0], c[0]), _mm256_fmadd_ps(a[1], b[1], c[1])] }
    }

    #[inline(always)]
    fn max(self, a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: whoever has an `Avx2` has the instructions.
        unsafe { [_mm256_max_ps(a[0], b[0]), _mm256_max_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn largest(self, x: [__m256; 2]) -> f32 {
        // SAFETY: whoever has an `Avx2` has the instructions.
        unsafe {
            let eight = _mm256_max_ps(x[0], x[1]);
            let four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ps(two, _mm_movehdup_ps(two)))
        }
    }

    #[inline(always)]
    fn store(self, x: [__m256; 2]) -> [f32; LANES] {
        let mut out = [0.0; LANES];
        // SAFETY: whoever has an `Avx2` has the instructions; the stores are unaligned and inside the array.
        unsafe {
            _mm256_storeu_ps(out.as_mut_ptr(), x[0]);
            _mm256_storeu_ps(out[8..].as_mut_ptr(), x[1]);
        }
        out
    }
}
