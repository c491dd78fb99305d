//! The one table of dtypes: what a tensor is in the file, in memory, in the product and in the sum, and which kernel that is.
//!
//! The engine loads by it and the screen shows it, so what is shown is what runs.

use serde::Serialize;

use super::level::Level;
use super::{quantize, weight};
use crate::file::{DType, TensorInfo};
use crate::units::Bytes;

/// How tensors of one storage type are computed by the fast path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Precision {
    /// In the file.
    pub storage: &'static str,
    /// In memory.
    pub resident: &'static str,
    /// What the kernel multiplies with the weight: the type the activations are rounded to.
    pub compute: &'static str,
    /// What it sums in.
    pub accumulate: &'static str,
    /// The kernel's name.
    pub kernel: &'static str,
}

const fn row(storage: &'static str, compute: &'static str, accumulate: &'static str, kernel: &'static str) -> Precision {
    Precision { storage, resident: storage, compute, accumulate, kernel }
}

/// How matrices of this type are computed; `None` if there is no kernel.
#[must_use]
pub const fn of_matrix(dtype: DType) -> Option<Precision> {
    Some(match dtype {
        DType::F32 => row("F32", "F32", "F32", "dot f32"),
        DType::F16 => row("F16", "F32", "F32", "dot f16 × f32"),
        DType::BF16 => row("BF16", "F32", "F32", "dot bf16 × f32"),
        DType::Q4_0 => row("Q4_0", "Q8_0", "I32 per block, F32", "dot q4_0 × q8_0"),
        DType::Q4_1 => row("Q4_1", "Q8_1", "I32 per block, F32", "dot q4_1 × q8_1"),
        DType::Q5_0 => row("Q5_0", "Q8_0", "I32 per block, F32", "dot q5_0 × q8_0"),
        DType::Q5_1 => row("Q5_1", "Q8_1", "I32 per block, F32", "dot q5_1 × q8_1"),
        DType::Q8_0 => row("Q8_0", "Q8_0", "I32 per block, F32", "dot q8_0 × q8_0"),
        DType::Q2K => row("Q2_K", "Q8_K", "I32 per block, F32", "dot q2_K × q8_K"),
        DType::Q3K => row("Q3_K", "Q8_K", "I32 per block, F32", "dot q3_K × q8_K"),
        DType::Q4K => row("Q4_K", "Q8_K", "I32 per block, F32", "dot q4_K × q8_K"),
        DType::Q5K => row("Q5_K", "Q8_K", "I32 per block, F32", "dot q5_K × q8_K"),
        DType::Q6K => row("Q6_K", "Q8_K", "I32 per block, F32", "dot q6_K × q8_K"),
        DType::IQ4NL => row("IQ4_NL", "Q8_0", "I32 per block, F32", "dot iq4_nl × q8_0"),
        DType::IQ4XS => row("IQ4_XS", "Q8_K", "I32 per block, F32", "dot iq4_xs × q8_K"),
        DType::MXFP4 => row("MXFP4", "Q8_0", "I32 per block, F32", "dot mxfp4 × q8_0"),
        _ => return None,
    })
}

/// How vectors (norms, biases, rope factors) of this type are computed: always widened to F32.
#[must_use]
pub const fn of_vector(dtype: DType) -> Option<Precision> {
    let storage = match dtype {
        DType::F32 => "F32",
        DType::F16 => "F16",
        DType::BF16 => "BF16",
        _ => return None,
    };
    Some(Precision { storage, resident: "F32", compute: "F32", accumulate: "F32", kernel: "elementwise f32" })
}

/// How this tensor is computed; `None` if there is no kernel for it.
#[must_use]
pub fn of(tensor: &TensorInfo) -> Option<Precision> {
    if is_vector(tensor) { of_vector(tensor.dtype) } else { of_matrix(tensor.dtype) }
}

/// What this tensor takes once it is loaded, quantized anew where `recode` says so; `None` if there is no kernel for it.
#[must_use]
pub fn resident_bytes(tensor: &TensorInfo, recode: Option<Level>) -> Option<Bytes> {
    resident_bytes_as(tensor, recode.map_or(tensor.dtype, |level| level.of(tensor)))
}

/// The same for a tensor that becomes `dtype`, if it is a matrix.
#[must_use]
pub fn resident_bytes_as(tensor: &TensorInfo, dtype: DType) -> Option<Bytes> {
    if is_vector(tensor) {
        return of_vector(tensor.dtype).map(|_| Bytes(tensor.elements().saturating_mul(4)));
    }
    of_matrix(tensor.dtype)?;
    weight::packed_bytes(dtype, tensor.row_len(), tensor.rows())
}

/// What is held beside the weights while this tensor is loaded.
#[must_use]
pub fn staging_bytes(tensor: &TensorInfo, recode: Option<Level>) -> Bytes {
    match recode.map(|level| level.of(tensor)) {
        _ if is_vector(tensor) => tensor.bytes,
        Some(dtype) if dtype != tensor.dtype => quantize::staging_bytes(tensor),
        _ => weight::staging_bytes(tensor),
    }
}

/// Vectors are what has one dimension.
pub(super) fn is_vector(tensor: &TensorInfo) -> bool {
    tensor.shape.len() <= 1
}
