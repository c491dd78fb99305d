//! F32, F16 and BF16: numbers that stand alone, each rounded to the nearest.

use half::slice::HalfFloatSliceExt as _;
use half::{bf16, f16};

use super::Quantizer;
use crate::kernels::dot::simd::Simd;

/// Values that are converted at a time.
const STEP: usize = 512;

/// Four bytes a value.
pub struct F32;
/// Two bytes a value, ten bits of precision.
pub struct F16;
/// Two bytes a value, seven bits of precision.
pub struct BF16;

impl Quantizer for F32 {
    const LEN: usize = 1;
    const BYTES: usize = 4;

    fn blocks<S: Simd>(_: S, values: &[f32], out: &mut [u8]) {
        for (out, value) in out.as_chunks_mut::<4>().0.iter_mut().zip(values) {
            *out = value.to_le_bytes();
        }
    }
}

macro_rules! sixteen_bits {
    ($name:ident, $half:ident) => {
        impl Quantizer for $name {
            const LEN: usize = 1;
            const BYTES: usize = 2;

            fn blocks<S: Simd>(_: S, values: &[f32], out: &mut [u8]) {
                let mut halves = [$half::ZERO; STEP];
                for (values, out) in values.chunks(STEP).zip(out.chunks_mut(2 * STEP)) {
                    let halves = &mut halves[..values.len()];
                    halves.convert_from_f32_slice(values);
                    for (out, half) in out.as_chunks_mut::<2>().0.iter_mut().zip(halves) {
                        *out = half.to_le_bytes();
                    }
                }
            }
        }
    };
}
sixteen_bits!(F16, f16);
sixteen_bits!(BF16, bf16);
