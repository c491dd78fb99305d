//! Quantization levels: what a model's tensors become when its weights are quantized anew while loading.
//!
//! A level is a rule from a tensor to a type. Today each level is one type for all matrices; mixes that treat roles differently are
//! further levels with another rule. The arithmetic is `quantize`'s.

use serde::{Deserialize, Serialize};

use super::precision;
use crate::file::{DType, TensorInfo};

/// One type for every matrix of a model; vectors stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the variants are the formats' own names")]
pub enum Level {
    F32,
    F16,
    BF16,
    Q8_0,
    Q6K,
    Q5_1,
    Q5K,
    Q5_0,
    Q4_1,
    Q4K,
    Q4_0,
    Q3K,
    Q2K,
}

impl Level {
    /// All levels, the most bits first.
    pub const ALL: [Self; 13] = [
        Self::F32,
        Self::F16,
        Self::BF16,
        Self::Q8_0,
        Self::Q6K,
        Self::Q5_1,
        Self::Q5K,
        Self::Q5_0,
        Self::Q4_1,
        Self::Q4K,
        Self::Q4_0,
        Self::Q3K,
        Self::Q2K,
    ];

    /// The levels that people choose among, the most bits first.
    pub const LADDER: [Self; 8] = [Self::F16, Self::Q8_0, Self::Q6K, Self::Q5K, Self::Q4K, Self::Q4_0, Self::Q3K, Self::Q2K];

    /// The type that matrices become whose rows allow it.
    #[must_use]
    pub const fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::F16 => DType::F16,
            Self::BF16 => DType::BF16,
            Self::Q8_0 => DType::Q8_0,
            Self::Q6K => DType::Q6K,
            Self::Q5K => DType::Q5K,
            Self::Q5_1 => DType::Q5_1,
            Self::Q5_0 => DType::Q5_0,
            Self::Q4K => DType::Q4K,
            Self::Q4_1 => DType::Q4_1,
            Self::Q4_0 => DType::Q4_0,
            Self::Q3K => DType::Q3K,
            Self::Q2K => DType::Q2K,
        }
    }

    /// The word on the command line: `q4_k`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::BF16 => "bf16",
            Self::Q8_0 => "q8_0",
            Self::Q6K => "q6_k",
            Self::Q5K => "q5_k",
            Self::Q5_1 => "q5_1",
            Self::Q5_0 => "q5_0",
            Self::Q4K => "q4_k",
            Self::Q4_1 => "q4_1",
            Self::Q4_0 => "q4_0",
            Self::Q3K => "q3_k",
            Self::Q2K => "q2_k",
        }
    }

    /// What this tensor becomes. Vectors (norms, biases) stay. A matrix whose rows are no whole number of the type's blocks takes the
    /// type that llama.cpp's quantizer falls back to: `Q2_K` and `Q3_K` to `Q4_0`, `Q4_K` to `Q5_0`, `Q5_K` to `Q5_1`, `Q6_K` to `Q8_0`,
    /// and where the rows are no multiple of 32 either, F16.
    #[must_use]
    pub fn of(self, tensor: &TensorInfo) -> DType {
        if precision::is_vector(tensor) {
            return tensor.dtype;
        }
        let fits = |dtype: DType| dtype.block_len().is_some_and(|len| tensor.row_len().is_multiple_of(len));
        let next = match self {
            Self::Q6K => DType::Q8_0,
            Self::Q5K => DType::Q5_1,
            Self::Q4K => DType::Q5_0,
            Self::Q3K | Self::Q2K => DType::Q4_0,
            _ => DType::F16,
        };
        [self.dtype(), next].into_iter().find(|&dtype| fits(dtype)).unwrap_or(DType::F16)
    }

    /// The types that the matrices among `tensors` become, each once; more than one where some fall back.
    #[must_use]
    pub fn types<'a>(self, tensors: impl Iterator<Item = &'a TensorInfo>) -> Vec<DType> {
        let mut types: Vec<DType> = tensors.filter(|tensor| !precision::is_vector(tensor)).map(|tensor| self.of(tensor)).collect();
        types.sort_unstable();
        types.dedup();
        types
    }
}
