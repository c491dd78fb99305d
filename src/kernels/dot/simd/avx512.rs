//! AVX-512 with VNNI: one vector of sixteen lanes, whose products of four need no widening.

use std::arch::x86_64::{
    __m512, __m512i, _MM_HINT_T0, _mm_cvtsi32_si128, _mm_loadu_si128, _mm_prefetch, _mm256_loadu_si256, _mm512_add_epi32, _mm512_add_ps,
    _mm512_and_si512, _mm512_broadcast_i32x4, _mm512_castsi512_ps, _mm512_cvtepi8_epi32, _mm512_cvtepi32_ps, _mm512_cvtepu8_epi32,
    _mm512_cvtepu16_epi32, _mm512_cvtph_ps, _mm512_dpbusd_epi32, _mm512_dpwssd_epi32, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_loadu_si512,
    _mm512_max_ps, _mm512_mul_ps, _mm512_mullo_epi32, _mm512_or_si512, _mm512_reduce_max_ps, _mm512_set1_epi8, _mm512_set1_epi32,
    _mm512_set1_ps, _mm512_shuffle_epi8, _mm512_sll_epi16, _mm512_slli_epi32, _mm512_srl_epi16, _mm512_srl_epi32, _mm512_storeu_ps,
    _mm512_storeu_si512, _mm512_sub_ps,
};

use super::{Group, LANES, Simd};
use crate::kernels::processor::Processor;

/// The instructions, which are there.
#[derive(Debug, Clone, Copy)]
pub struct Avx512(());

impl Avx512 {
    /// If the processor has them.
    pub fn found(processor: Processor) -> Option<Self> {
        (processor >= Processor::Avx512).then_some(Self(()))
    }
}

impl Simd for Avx512 {
    type Codes = __m512i;
    type Ints = __m512i;
    type Floats = __m512;

    const TILE: usize = 8;
    const SUMS: usize = 16;
    const FUSED: bool = true;
    const EXCESS: i32 = 128;

    #[inline(always)]
    fn prefetch<T>(self, at: *const T) {
        // SAFETY: a prefetch does not touch memory that is not there.
        unsafe { _mm_prefetch(at.cast(), _MM_HINT_T0) };
    }

    #[inline(always)]
    fn codes(self, group: &Group) -> __m512i {
        // SAFETY: whoever has an `Avx512` has the instructions; the load is unaligned and of the array.
        unsafe { _mm512_loadu_si512(group.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store_codes(self, codes: __m512i, group: &mut Group) {
        // SAFETY: whoever has an `Avx512` has the instructions; the store is unaligned and of the array.
        unsafe { _mm512_storeu_si512(group.as_mut_ptr().cast(), codes) };
    }

    #[inline(always)]
    fn mask(self, codes: __m512i, mask: u8) -> __m512i {
        // SAFETY: whoever has an `Avx512` has the instructions.
        unsafe { _mm512_and_si512(codes, _mm512_set1_epi8(mask.cast_signed())) }
    }

    #[inline(always)]
    fn join(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: whoever has an `Avx512` has the instructions.
        unsafe { _mm512_or_si512(a, b) }
    }

    #[inline(always)]
    fn down(self, codes: __m512i, places: u32) -> __m512i {
        // SAFETY: whoever has an `Avx512` has the instructions.
        unsafe { _mm512_srl_epi16(codes, _mm_cvtsi32_si128(places.cast_signed())) }
    }

    #[inline(always)]
    fn up(self, codes: __m512i, places: u32) -> __m512i {
        // SAFETY: whoever has an `Avx512` has the instructions.
        unsafe { _mm512_sll_epi16(codes, _mm_cvtsi32_si128(places.cast_signed())) }
    }

    #[inline(always)]
    fn look_up(self, table: &[u8; 16], nibbles: __m512i) -> __m512i {
        // SAFETY: whoever has an `Avx512` has the instructions; the load is unaligned and of the array.
        unsafe { _mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128(table.as_ptr().cast())), nibbles) }
    }

    #[inline(always)]
    fn products<const G: usize, const N: usize>(
        self,
        _: i32,
        mut sums: [__m512i; N],
        codes: &[__m512i; G],
        x: [&[[i8; 4]; G]; N],
    ) -> [__m512i; N] {
        for g in 0..G {
            for n in 0..N {
                // SAFETY: whoever has an `Avx512` has the instructions.
                sums[n] = unsafe { _mm512_dpbusd_epi32(sums[n], codes[g], four(x[n][g])) };
            }
        }
        sums
    }

    #[inline(always)]
    fn scaled_products<const G: usize, const N: usize>(
        self,
        max: i32,
        mut sums: [__m512i; N],
        codes: &[__m512i; G],
        x: [&[[i8; 4]; G]; N],
        factors: __m512i,
    ) -> [__m512i; N] {
        let products = self.products(max, [self.ints(0); N], codes, x);
        for n in 0..N {
            sums[n] = self.plus(sums[n], self.times(products[n], factors));
        }
        sums
    }

    #[inline(always)]
    fn ints(self, value: i32) -> __m512i {
        // SAFETY: whoever has an `Avx512` has the instructions.
        unsafe { _mm512_set1_epi32(value) }
    }

    #[inline(always)]
    fn store_ints(self, x: __m512i) -> [i32; LANES] {
        let mut out = [0; LANES];
        // SAFETY: as above.
        unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), x) };
        out
    }

    #[inline(always)]
    fn load_ints(self, values: &[i32; LANES]) -> __m512i {
        // SAFETY: whoever has an `Avx512` has the instructions; the load is unaligned and of the array.
        unsafe { _mm512_loadu_si512(values.as_ptr().cast()) }
    }

    #[inline(always)]
    fn widened(self, bytes: &[u8; LANES]) -> __m512i {
        // SAFETY: whoever has an `Avx512` has the instructions; the load is unaligned and of the array.
        unsafe { _mm512_cvtepu8_epi32(_mm_loadu_si128(bytes.as_ptr().cast())) }
    }

    #[inline(always)]
    fn widened_signed(self, bytes: &[i8; LANES]) -> __m512i {
        // SAFETY: whoever has an `Avx512` has the instructions; the load is unaligned and of the array.
        unsafe { _mm512_cvtepi8_epi32(_mm_loadu_si128(bytes.as_ptr().cast())) }
    }

    #[inline(always)]
    fn plus(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: whoever has an `Avx512` has the instructions.
        unsafe { _mm512_add_epi32(a, b) }
    }

    #[inline(always)]
    fn paired(self, low: __m512i, high: __m512i) -> __m512i {
        // SAFETY: whoever has an `Avx512` has the instructions.
        unsafe { _mm512_or_si512(_mm512_and_si512(low, _mm512_set1_epi32(0xffff)), _mm512_slli_epi32(high, 16)) }
    }

    #[inline(always)]
    fn add_pairs(self, sums: __m512i, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: whoever has an `Avx512` has the instructions.
        unsafe { _mm512_dpwssd_epi32(sums, a, b) }
    }

    #[inline(always)]
    fn times(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: whoever has an `Avx512` has the instructions.
        unsafe { _mm512_mullo_epi32(a, b) }
    }

    #[inline(always)]
    fn bits(self, x: __m512i, places: u32, mask: i32) -> __m512i {
        // SAFETY: whoever has an `Avx512` has the instructions.
        unsafe { _mm512_and_si512(_mm512_srl_epi32(x, _mm_cvtsi32_si128(places.cast_signed())), _mm512_set1_epi32(mask)) }
    }

    #[inline(always)]
    fn floats(self, value: f32) -> __m512 {
        // SAFETY: whoever has an `Avx512` has the instructions.
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    fn halves(self, bits: &[u16; LANES]) -> __m512 {
        // SAFETY: whoever has an `Avx512` has the instructions; the load is unaligned and of the array.
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(bits.as_ptr().cast())) }
    }

    #[inline(always)]
    fn brains(self, bits: &[u16; LANES]) -> __m512 {
        // SAFETY: whoever has an `Avx512` has the instructions; the load is unaligned and of the array.
        unsafe { _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(bits.as_ptr().cast())), 16)) }
    }

    #[inline(always)]
    fn load(self, values: &[f32; LANES]) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_loadu_ps(values.as_ptr()) }
    }

    #[inline(always)]
    fn to_floats(self, x: __m512i) -> __m512 {
        // SAFETY: whoever has an `Avx512` has the instructions.
        unsafe { _mm512_cvtepi32_ps(x) }
    }

    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: whoever has an `Avx512` has the instructions.
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    fn subtract(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: whoever has an `Avx512` has the instructions.
        unsafe { _mm512_sub_ps(a, b) }
    }

    #[inline(always)]
    fn multiply(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: whoever has an `Avx512` has the instructions.
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    fn multiply_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: whoever has an `Avx512` has the instructions.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: whoever has an `Avx512` has the instructions.
        unsafe { _mm512_max_ps(a, b) }
    }

    #[inline(always)]
    fn largest(self, x: __m512) -> f32 {
        // SAFETY: whoever has an `Avx512` has the instructions.
        unsafe { _mm512_reduce_max_ps(x) }
    }

    #[inline(always)]
    fn store(self, x: __m512) -> [f32; LANES] {
        let mut out = [0.0; LANES];
        // SAFETY: whoever has an `Avx512` has the instructions; the store is unaligned and of the array.
        unsafe { _mm512_storeu_ps(out.as_mut_ptr(), x) };
        out
    }
}

/// Four activations in all lanes.
#[inline(always)]
fn four(x: [i8; 4]) -> __m512i {
    // SAFETY: only an `Avx512` calls this.
    unsafe { _mm512_set1_epi32(i32::from_le_bytes(x.map(i8::cast_unsigned))) }
}
