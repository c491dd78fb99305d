//! Dot products of one row of weights with a few rows of rounded activations.
//!
//! candle's block dots are the default. Where they are scalar and a common file needs them (`Q4_1`), an AVX2 version is chosen at run
//! time; the sums are the same up to their order.
#![expect(unsafe_code, reason = "vector instructions, and candle's blocks read field by field")]

use candle_core::quantized::GgmlType;
use candle_core::quantized::k_quants::{
    BlockQ2K, BlockQ3K, BlockQ4_0, BlockQ4_1, BlockQ4K, BlockQ5_0, BlockQ5_1, BlockQ5K, BlockQ6K, BlockQ8_0,
};
use half::{bf16, f16};

/// A weight type whose rows can be multiplied.
pub trait RowDot: GgmlType {
    /// `out[i] = w · x[i]` for one row `w` of `k` weights and `out.len()` rows of `k` activations, one behind the other.
    fn dots(k: usize, w: &[Self], x: &[Self::VecDotType], out: &mut [f32]) {
        let x_row = k / Self::VecDotType::BLCK_SIZE;
        for (value, activations) in out.iter_mut().zip(x.chunks(x_row)) {
            *value = Self::vec_dot(k, w, activations);
        }
    }
}

macro_rules! as_candle_does {
    ($($block:ty),*) => {$(impl RowDot for $block {})*};
}
as_candle_does!(f32, f16, bf16, BlockQ4_0, BlockQ5_0, BlockQ5_1, BlockQ8_0, BlockQ2K, BlockQ3K, BlockQ4K, BlockQ5K, BlockQ6K);

impl RowDot for BlockQ4_1 {
    fn dots(k: usize, w: &[Self], x: &[Self::VecDotType], out: &mut [f32]) {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c") {
            // SAFETY: the processor has what the function is compiled for.
            unsafe { q4_1::dots_avx2(w, x, out) };
            return;
        }
        let x_row = k / Self::VecDotType::BLCK_SIZE;
        for (value, activations) in out.iter_mut().zip(x.chunks(x_row)) {
            *value = Self::vec_dot(k, w, activations);
        }
    }
}

/// `Q4_1` × `Q8_1`: a block's sum is `d_w · d_x · Σ(q_w · q_x) + m_w · s_x`, where `s_x` is the sum of the activations.
#[cfg(target_arch = "x86_64")]
#[expect(clippy::cast_ptr_alignment, reason = "the loads are the unaligned ones")]
mod q4_1 {
    use std::arch::x86_64::{
        __m128i, __m256, __m256i, _mm_add_ps, _mm_add_ss, _mm_cvtph_ps, _mm_cvtsi32_si128, _mm_cvtss_f32, _mm_loadu_si128, _mm_movehl_ps,
        _mm_shuffle_ps, _mm_srli_epi16, _mm256_and_si256, _mm256_castps256_ps128, _mm256_cvtepi32_ps, _mm256_extractf128_ps,
        _mm256_fmadd_ps, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_set_m128i, _mm256_set1_epi8,
        _mm256_set1_epi16, _mm256_set1_ps, _mm256_setzero_ps,
    };

    use candle_core::quantized::k_quants::{BlockQ4_1, BlockQ8_1};

    /// Activation rows that share one unpacking of the weights.
    const TOGETHER: usize = 4;

    /// `block_q4_1` of ggml: scale and minimum in half precision, 32 codes; low nibbles are the first 16.
    #[repr(C)]
    struct Weights {
        scale_min: [u16; 2],
        codes: [u8; 16],
    }

    /// `block_q8_1` of ggml: scale and sum in half precision, 32 codes.
    #[repr(C)]
    struct Activations {
        scale_sum: [u16; 2],
        codes: [i8; 32],
    }

    const _: () = assert!(size_of::<Weights>() == size_of::<BlockQ4_1>() && align_of::<Weights>() == align_of::<BlockQ4_1>());
    const _: () = assert!(size_of::<Activations>() == size_of::<BlockQ8_1>() && align_of::<Activations>() == align_of::<BlockQ8_1>());

    /// See [`super::RowDot::dots`].
    ///
    /// # Safety
    /// The processor must have AVX2, FMA and F16C.
    #[target_feature(enable = "avx2,fma,f16c")]
    pub unsafe fn dots_avx2(w: &[BlockQ4_1], x: &[BlockQ8_1], out: &mut [f32]) {
        // SAFETY: candle's blocks are repr(C) with exactly these fields, of the same size and alignment (asserted above).
        let (w, x) = unsafe {
            (
                std::slice::from_raw_parts(w.as_ptr().cast::<Weights>(), w.len()),
                std::slice::from_raw_parts(x.as_ptr().cast::<Activations>(), x.len()),
            )
        };
        let row = w.len();
        let mut groups = out.chunks_exact_mut(TOGETHER);
        let mut done = 0;
        for group in &mut groups {
            let sums = dots::<TOGETHER>(w, std::array::from_fn(|i| &x[(done + i) * row..(done + i + 1) * row]));
            group.copy_from_slice(&sums);
            done += TOGETHER;
        }
        for value in groups.into_remainder() {
            [*value] = dots::<1>(w, [&x[done * row..(done + 1) * row]]);
            done += 1;
        }
    }

    #[target_feature(enable = "avx2,fma,f16c")]
    fn dots<const N: usize>(w: &[Weights], x: [&[Activations]; N]) -> [f32; N] {
        let mut products = [_mm256_setzero_ps(); N];
        let mut offsets = [0.0f32; N];
        for (i, weights) in w.iter().enumerate() {
            let codes = nibbles(weights);
            let [scale, min] = halves(weights.scale_min);
            for n in 0..N {
                let activations = &x[n][i];
                let [d, s] = halves(activations.scale_sum);
                // SAFETY: an unaligned load of the array's 32 bytes.
                let values = unsafe { _mm256_loadu_si256(activations.codes.as_ptr().cast::<__m256i>()) };
                // At most 2 · 15 · 128, so no 16-bit lane saturates.
                let pairs = _mm256_maddubs_epi16(codes, values);
                let quads = _mm256_cvtepi32_ps(_mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
                products[n] = _mm256_fmadd_ps(_mm256_set1_ps(scale * d), quads, products[n]);
                offsets[n] += min * s;
            }
        }
        std::array::from_fn(|n| sum(products[n]) + offsets[n])
    }

    /// The 32 codes of a block, one per byte.
    #[target_feature(enable = "avx2")]
    fn nibbles(weights: &Weights) -> __m256i {
        // SAFETY: an unaligned load of the array's 16 bytes.
        let packed = unsafe { _mm_loadu_si128(weights.codes.as_ptr().cast::<__m128i>()) };
        _mm256_and_si256(_mm256_set_m128i(_mm_srli_epi16(packed, 4), packed), _mm256_set1_epi8(0x0f))
    }

    /// Two half-precision numbers, widened.
    #[target_feature(enable = "f16c")]
    fn halves(bits: [u16; 2]) -> [f32; 2] {
        let both = _mm_cvtph_ps(_mm_cvtsi32_si128(i32::from(bits[0]) | (i32::from(bits[1]) << 16)));
        [_mm_cvtss_f32(both), _mm_cvtss_f32(_mm_shuffle_ps(both, both, 1))]
    }

    /// The sum of the eight lanes.
    #[target_feature(enable = "avx2")]
    fn sum(x: __m256) -> f32 {
        let halves = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
        let pairs = _mm_add_ps(halves, _mm_movehl_ps(halves, halves));
        _mm_cvtss_f32(_mm_add_ss(pairs, _mm_shuffle_ps(pairs, pairs, 1)))
    }
}
