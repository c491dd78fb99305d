//! The exponential function without branches and tables, so that a loop over it becomes vector code.
#![expect(clippy::inline_always, reason = "it is compiled for the instructions of its caller")]

use super::processor::multiply_add;

/// 1.5 · 2²³: what is added to a small number to round it, the sum's last bit being worth 1.
const ROUNDER: f32 = 12_582_912.0;
/// 355/512: the first bits of ln 2, few enough that a product with an exponent is exact.
#[expect(clippy::excessive_precision, reason = "written in full, because it is exact")]
const LN_2_HIGH: f32 = 0.693_359_375;
/// ln 2 less those.
const LN_2_LOW: f32 = -2.121_944_4e-4;
/// Below this, half of the smallest number there is.
const LOWEST: f32 = -104.0;
/// Above this, more than the largest.
const HIGHEST: f32 = 89.0;

/// `eˣ`, at most 2 units in the last place off (1 in the subnormals); 0, infinity and NaN where they belong.
///
/// `x = n ln 2 + r` with a whole `n` and `|r| ≤ ln 2 / 2`, where the series needs seven terms; `2ⁿ` is made of bits, in two halves, because
/// it may lie beyond the exponents of F32 where the product does not.
#[inline(always)]
pub fn exp<const FUSED: bool>(x: f32) -> f32 {
    // Written so that a NaN goes through.
    let x = if x < LOWEST { LOWEST } else { x };
    let x = if x > HIGHEST { HIGHEST } else { x };
    let shifted = multiply_add::<FUSED>(x, std::f32::consts::LOG2_E, ROUNDER);
    let n = shifted - ROUNDER;
    let r = multiply_add::<FUSED>(n, -LN_2_LOW, multiply_add::<FUSED>(n, -LN_2_HIGH, x));
    let mut series = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5] {
        series = multiply_add::<FUSED>(series, r, coefficient);
    }
    let series = 1.0 + multiply_add::<FUSED>(series * r, r, r);
    let n = shifted.to_bits().wrapping_sub(ROUNDER.to_bits()).cast_signed();
    let half = n >> 1;
    series * power(half) * power(n.wrapping_sub(half))
}

/// `2ⁿ` for `n` from −126 to 127.
#[inline(always)]
fn power(n: i32) -> f32 {
    f32::from_bits(n.wrapping_add(127).cast_unsigned().wrapping_shl(23))
}
