//! Rounding rows of F32 to blocks: what makes another quantization of a model while it is loaded.
//!
//! The block arithmetic is candle's, which follows ggml's reference. Which tensor becomes what is `level`'s to say.

use candle_core::quantized::GgmlType;
use candle_core::quantized::k_quants::{
    BlockQ2K, BlockQ3K, BlockQ4_0, BlockQ4_1, BlockQ4K, BlockQ5_0, BlockQ5_1, BlockQ5K, BlockQ6K, BlockQ8_0, QK_K,
};
use half::{bf16, f16};

use super::dot::simd::LANES;
use crate::file::{DType, TensorInfo};
use crate::units::Bytes;

/// Values that are widened at a time, on their way from one type to another: 1 MiB of F32.
const VALUES: usize = 1 << 18;

/// What lies below this in magnitude is nothing to a K type, whose scales are in half precision (2⁻²⁴ at least); its square would vanish
/// in F32, and a scale become 0 / 0.
const NOTHING: f32 = 1e-12;

/// The largest number in half precision.
const LARGEST: f32 = 65_504.0;

/// A type that values can be rounded to.
pub(super) trait Quantize: GgmlType {
    /// Rounds whole blocks.
    fn quantize(values: &[f32], blocks: &mut [Self]) {
        Self::from_float(values, blocks);
    }
}

macro_rules! by_reference {
    ($($block:ty),*) => {$(impl Quantize for $block {})*};
}
by_reference!(f32, f16, bf16, BlockQ4_0, BlockQ4_1, BlockQ5_0, BlockQ5_1, BlockQ8_0);

/// candle's plain quantizers of K types are those that llama.cpp has given up. Its search that weighs each value's importance, given the
/// same importance for all, is the one that llama.cpp has, and errs less.
macro_rules! by_search {
    ($($block:ty),*) => {$(impl Quantize for $block {
        fn quantize(values: &[f32], blocks: &mut [Self]) {
            Self::from_float_imatrix(values, blocks, &[1.0; QK_K], QK_K);
        }
    })*};
}
by_search!(BlockQ2K, BlockQ3K, BlockQ4K, BlockQ5K, BlockQ6K);

/// How many rows are on their way at once.
pub(super) fn rows_at_a_time(cols: usize) -> usize {
    (VALUES / cols.max(1) / LANES * LANES).max(LANES)
}

/// What is held beside the blocks while a tensor is quantized: some of its rows as stored, and as F32.
#[must_use]
pub fn staging_bytes(tensor: &TensorInfo) -> Bytes {
    let rows = usize::try_from(tensor.row_len()).map_or(1, |cols| rows_at_a_time(cols) as u64).min(tensor.rows());
    let values = rows.saturating_mul(tensor.row_len());
    let stored = tensor.dtype.byte_len(tensor.row_len(), rows).unwrap_or_default();
    Bytes(stored.saturating_add(values.saturating_mul(4)))
}

/// Makes values ready to be rounded to a type. What is no number is refused: rounding would make some number of it, and nobody would
/// notice.
///
/// # Errors
/// What is wrong with them.
pub(super) fn prepare(values: &mut [f32], dtype: DType) -> Result<(), String> {
    if values.iter().any(|x| !x.is_finite()) {
        return Err("some of its weights are not numbers: it is damaged and cannot be quantized".into());
    }
    if matches!(dtype, DType::F32 | DType::BF16) {
        return Ok(());
    }
    if values.iter().any(|x| x.abs() > LARGEST) {
        return Err(format!("some of its weights are larger than {LARGEST}, which {} cannot hold; BF16 or F32 can", dtype.name()));
    }
    if matches!(dtype, DType::Q2K | DType::Q3K | DType::Q4K | DType::Q5K | DType::Q6K) {
        values.iter_mut().filter(|x| x.abs() < NOTHING).for_each(|x| *x = 0.0);
    }
    Ok(())
}
