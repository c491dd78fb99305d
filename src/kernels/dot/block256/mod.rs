//! Weights in blocks of 256 whose parts have scales of their own, integers under the scale of the block: `Q2_K` to `Q6_K`.
//!
//! With `s` and `m` the scales and minima of the 16 parts, a block adds `d·dₓ · (Σ sᵢ Σ q·qₓ − offset · Σ mᵢ Σ qₓ)` to the sum of its
//! row, or where the minima have a scale of their own, `d·dₓ · Σ sᵢ Σ q·qₓ` less `d_min·dₓ · Σ mᵢ Σ qₓ`.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod q2_k;
mod q3_k;
mod q4_k;
mod q5_k;
mod q6_k;

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::__m256i;

use half::f16;

use super::{Codes, Columns, Processor, Rounded256, panel};

pub use q2_k::Q2K;
pub use q3_k::Q3K;
pub use q4_k::Q4K;
pub use q5_k::Q5K;
pub use q6_k::Q6K;

/// A block of 256 weights.
pub trait Block: Codes + Copy {
    /// What a code of zero stands for, negated, where the minima are the scales times this; 0 where they have a scale of their own.
    const OFFSET: i32;
    /// Weights that share a scale: 16 or 32.
    const PART: usize;

    /// The bits of the scale.
    fn scale(&self) -> u16;

    /// The bits of the scale of the minima.
    fn min_scale(&self) -> u16 {
        0
    }

    /// For each 16 weights the scale and the minimum.
    fn parts(&self) -> [[i16; 16]; 2];

    /// The codes in the weights' order.
    fn codes(&self) -> [i8; 256];

    /// The same.
    ///
    /// # Safety
    /// The processor must have AVX2.
    #[cfg(target_arch = "x86_64")]
    unsafe fn codes_avx2(&self) -> [__m256i; 8];

    /// For each 32 weights the scales of both their parts, those of even parts in the lower half, and for each 16 the minimum.
    ///
    /// # Safety
    /// The processor must have AVX2.
    #[cfg(target_arch = "x86_64")]
    unsafe fn parts_avx2(&self) -> [__m256i; 2];
}

/// See [`super::RowDot::gemv`].
pub fn gemv<B: Block>(processor: Processor, w: &[B], x: &[Rounded256], out: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if processor >= Processor::Avx2 {
        // SAFETY: the processor has what the function is compiled for.
        return unsafe { avx2::gemv(w, x, out) };
    }
    for (w, out) in w.chunks(x.len()).zip(out) {
        *out = w.iter().zip(x).fold(0.0, |sum, (w, x)| add(sum, w, &w.codes(), &w.parts(), x));
    }
}

/// See [`super::RowDot::gemm`].
pub fn gemm<B: Block>(processor: Processor, w: &[B], x: &[Rounded256], out: &mut Columns<'_>) {
    let row = w.len() / out.width();
    #[cfg(target_arch = "x86_64")]
    if processor >= Processor::Avx2 {
        // SAFETY: the processor has what the function is compiled for.
        return unsafe { panel::gemm::<avx2::Unpacked<B>, _>(w, row, x, out) };
    }
    for i in 0..x.len() / row {
        out.row(i).fill(0.0);
    }
    for (j, w) in w.chunks(row).enumerate() {
        for (b, w) in w.iter().enumerate() {
            let (codes, parts) = (w.codes(), w.parts());
            for (i, x) in x.chunks(row).enumerate() {
                let sum = &mut out.row(i)[j];
                *sum = add(*sum, w, &codes, &parts, &x[b]);
            }
        }
    }
}

/// The sum of a row, with one more block.
#[expect(clippy::cast_precision_loss, reason = "sums beyond 2²⁴ lose what F32 loses in any sum")]
fn add<B: Block>(sum: f32, w: &B, codes: &[i8; 256], [scales, mins]: &[[i16; 16]; 2], x: &Rounded256) -> f32 {
    let mut products = 0;
    for ((w, x), &scale) in codes.as_chunks::<16>().0.iter().zip(x.codes.as_chunks::<16>().0).zip(scales) {
        let part: i32 = w.iter().zip(x).map(|(&w, &x)| i32::from(w) * i32::from(x)).sum();
        products += i32::from(scale) * part;
    }
    let offset: i32 = mins.iter().zip(&x.sums).map(|(&min, &sum)| i32::from(min) * i32::from(sum)).sum();
    let scale = f16::from_bits(w.scale()).to_f32() * x.scale;
    if B::OFFSET != 0 {
        sum + scale * (products - B::OFFSET * offset) as f32
    } else {
        sum + scale * products as f32 - f16::from_bits(w.min_scale()).to_f32() * x.scale * offset as f32
    }
}

/// Eight scales and eight minima of 6 bits, packed as `Q4_K` and `Q5_K` have them: four of each in the low bits of the first eight
/// bytes; the others' low nibbles in the last four, their high bits above the first.
fn six_bit_words(packed: &[u8; 12]) -> [[u32; 2]; 2] {
    let [a, b, c] = words(packed);
    let high = |x: u32| (x >> 6 & 0x0303_0303) << 4;
    [[a & 0x3f3f_3f3f, c & 0x0f0f_0f0f | high(a)], [b & 0x3f3f_3f3f, c >> 4 & 0x0f0f_0f0f | high(b)]]
}

/// The same, for each 16 weights.
fn six_bits(packed: &[u8; 12]) -> [[i16; 16]; 2] {
    six_bit_words(packed).map(|halves| {
        let bytes: [[u8; 4]; 2] = halves.map(u32::to_le_bytes);
        std::array::from_fn(|i| i16::from(bytes[i / 8][i / 2 % 4]))
    })
}

/// Twelve bytes as three little-endian words.
fn words(bytes: &[u8; 12]) -> [u32; 3] {
    let word = |i: usize| u32::from_le_bytes([bytes[i], bytes[i + 1], bytes[i + 2], bytes[i + 3]]);
    [word(0), word(4), word(8)]
}
