//! The quantization of a file: which types its tensors are stored in, with which share of the bytes.

use crate::file::{DType, TensorInfo};
use crate::units::Bytes;

/// A storage type's share of a file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// The type.
    pub dtype: DType,
    /// Tensors stored in it.
    pub tensors: usize,
    /// Their elements, saturating.
    pub elements: u64,
    /// Their bytes.
    pub bytes: Bytes,
    /// Their bytes, as a fraction of all tensors' bytes.
    pub share: f64,
}

/// The storage types of `tensors`, the largest share first.
pub(crate) fn of(tensors: &[TensorInfo]) -> Vec<Share> {
    let mut shares: Vec<Share> = Vec::new();
    let all: Bytes = tensors.iter().map(|tensor| tensor.bytes).sum();
    for tensor in tensors {
        let found = shares.iter().position(|share| share.dtype == tensor.dtype);
        // A file of a million unknown types is told by the first few.
        let at = match found {
            Some(at) => at,
            None if shares.len() >= 64 => continue,
            None => {
                shares.push(Share { dtype: tensor.dtype, tensors: 0, elements: 0, bytes: Bytes(0), share: 0.0 });
                shares.len() - 1
            }
        };
        let share = &mut shares[at];
        share.tensors += 1;
        share.elements = share.elements.saturating_add(tensor.elements());
        share.bytes += tensor.bytes;
    }
    for share in &mut shares {
        share.share = if all.0 > 0 { share.bytes.as_f64() / all.as_f64() } else { 0.0 };
    }
    shares.sort_by_key(|share| (std::cmp::Reverse(share.bytes), share.dtype));
    shares
}

/// The name that llama.cpp gives to the mix with this number (`general.file_type`).
#[must_use]
pub const fn file_type_name(file_type: u64) -> Option<&'static str> {
    Some(match file_type {
        0 => "F32",
        1 => "F16",
        2 => "Q4_0",
        3 => "Q4_1",
        4 => "Q4_1 with F16",
        5 => "Q4_2",
        6 => "Q4_3",
        7 => "Q8_0",
        8 => "Q5_0",
        9 => "Q5_1",
        10 => "Q2_K",
        11 => "Q3_K_S",
        12 => "Q3_K_M",
        13 => "Q3_K_L",
        14 => "Q4_K_S",
        15 => "Q4_K_M",
        16 => "Q5_K_S",
        17 => "Q5_K_M",
        18 => "Q6_K",
        19 => "IQ2_XXS",
        20 => "IQ2_XS",
        21 => "Q2_K_S",
        22 => "IQ3_XS",
        23 => "IQ3_XXS",
        24 => "IQ1_S",
        25 => "IQ4_NL",
        26 => "IQ3_S",
        27 => "IQ3_M",
        28 => "IQ2_S",
        29 => "IQ2_M",
        30 => "IQ4_XS",
        31 => "IQ1_M",
        32 => "BF16",
        33 => "Q4_0_4_4",
        34 => "Q4_0_4_8",
        35 => "Q4_0_8_8",
        36 => "TQ1_0",
        37 => "TQ2_0",
        38 => "MXFP4 MoE",
        39 => "NVFP4",
        40 => "Q1_0",
        41 => "Q2_0",
        _ => return None,
    })
}
