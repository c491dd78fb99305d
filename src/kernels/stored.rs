//! Weights as a file has them: the plain blocks behind each packed type, and bytes as blocks.
//!
//! Packed weights give their blocks back, so there is one way from a block to numbers, [`dequantize`], and one from numbers to a block,
//! `quantizers`.
#![expect(unsafe_code, reason = "a file's bytes are its blocks")]

use super::dequantize::dequantize;
use super::dot::{Activation as _, Pack, block32, block256, float};
use crate::file::DType;

/// A packed type whose rows are stored in blocks of [`Pack::File`].
///
/// # Safety
/// The type and its blocks must be primitives or `repr(C)`, without invalid bit patterns; the blocks without padding.
pub(super) unsafe trait Stored: Pack {
    /// The type.
    const DTYPE: DType;
    /// Weights of a block.
    const LEN: usize;
}

macro_rules! stored {
    ($($pack:ty => $dtype:ident, $len:literal in $bytes:literal);* $(;)?) => {$(
        const _: () = assert!(size_of::<<$pack as Pack>::File>() == $bytes && <$pack as Pack>::Rounded::LEN == $len);
        // SAFETY: floats or repr(C) structs of integers in the order of ggml's block; the size above is the sum of the fields, so there
        // is no padding.
        unsafe impl Stored for $pack {
            const DTYPE: DType = DType::$dtype;
            const LEN: usize = $len;
        }
    )*};
}
stored! {
    float::F32 => F32, 1 in 4;
    float::F16 => F16, 1 in 2;
    float::BF16 => BF16, 1 in 2;
    block32::Q4_0 => Q4_0, 32 in 18;
    block32::Q4_1 => Q4_1, 32 in 20;
    block32::Q5_0 => Q5_0, 32 in 22;
    block32::Q5_1 => Q5_1, 32 in 24;
    block32::Q8_0 => Q8_0, 32 in 34;
    block32::IQ4NL => IQ4NL, 32 in 18;
    block32::MXFP4 => MXFP4, 32 in 17;
    block256::Q2K => Q2K, 256 in 84;
    block256::Q3K => Q3K, 256 in 110;
    block256::Q4K => Q4K, 256 in 144;
    block256::Q5K => Q5K, 256 in 176;
    block256::Q6K => Q6K, 256 in 210;
    block256::IQ4XS => IQ4XS, 256 in 136;
}

/// `$body` with `$P` the packed type of a dtype; `$none` where there is none.
macro_rules! with_packed {
    ($dtype:expr, $P:ident => $body:expr, $none:expr) => {
        with_packed!(@ $dtype, $P, $body, $none;
            F32 => $crate::kernels::dot::float::F32, F16 => $crate::kernels::dot::float::F16, BF16 => $crate::kernels::dot::float::BF16,
            Q4_0 => $crate::kernels::dot::block32::Q4_0, Q4_1 => $crate::kernels::dot::block32::Q4_1,
            Q5_0 => $crate::kernels::dot::block32::Q5_0, Q5_1 => $crate::kernels::dot::block32::Q5_1,
            Q8_0 => $crate::kernels::dot::block32::Q8_0,
            Q2K => $crate::kernels::dot::block256::Q2K, Q3K => $crate::kernels::dot::block256::Q3K,
            Q4K => $crate::kernels::dot::block256::Q4K, Q5K => $crate::kernels::dot::block256::Q5K,
            Q6K => $crate::kernels::dot::block256::Q6K, IQ4XS => $crate::kernels::dot::block256::IQ4XS,
            IQ4NL => $crate::kernels::dot::block32::IQ4NL, MXFP4 => $crate::kernels::dot::block32::MXFP4)
    };
    (@ $dtype:expr, $P:ident, $body:expr, $none:expr; $($name:ident => $pack:ty),*) => {
        match $dtype {
            $($crate::file::DType::$name => {
                type $P = $pack;
                $body
            })*
            _ => $none,
        }
    };
}
pub(super) use with_packed;

/// Room for stored blocks of any type, which bytes can be read into.
#[derive(Debug, Default)]
pub(super) struct Staging(Vec<u64>);

impl Staging {
    /// The first `len` bytes, which hold anything.
    pub fn bytes_mut(&mut self, len: usize) -> &mut [u8] {
        self.0.resize(len.div_ceil(8).max(self.0.len()), 0);
        // SAFETY: the vector has at least as many bytes, and any bytes are integers.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), len) }
    }

    /// The same to be looked at.
    pub fn bytes(&self, len: usize) -> &[u8] {
        assert!(len <= 8 * self.0.len(), "what is read has been written");
        // SAFETY: the vector has at least as many bytes.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), len) }
    }
}

/// The blocks that bytes are. The bytes must lie where blocks may, as those of a [`Staging`] do.
pub(super) fn blocks<P: Stored>(bytes: &[u8]) -> &[P::File] {
    assert!(bytes.as_ptr().cast::<P::File>().is_aligned() && bytes.len().is_multiple_of(size_of::<P::File>()), "bytes are whole blocks");
    // SAFETY: `Stored` promises that any bytes are blocks; place and length were looked at.
    unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len() / size_of::<P::File>()) }
}

/// The bytes of blocks.
pub(super) fn bytes<P: Stored>(blocks: &[P::File]) -> &[u8] {
    // SAFETY: `Stored` promises that there is no padding.
    unsafe { std::slice::from_raw_parts(blocks.as_ptr().cast(), size_of_val(blocks)) }
}

/// Blocks of zeros.
pub(super) fn zeros<P: Stored>(len: usize) -> Vec<P::File> {
    // SAFETY: `Stored` promises that any bits are a block.
    vec![unsafe { std::mem::zeroed() }; len]
}

/// The bytes of blocks, to be written.
pub(super) fn bytes_mut<P: Stored>(blocks: &mut [P::File]) -> &mut [u8] {
    // SAFETY: `Stored` promises that there is no padding and that any bits are a block.
    unsafe { std::slice::from_raw_parts_mut(blocks.as_mut_ptr().cast(), size_of_val(blocks)) }
}

/// Whole blocks to F32.
pub(super) fn widen(dtype: DType, stored: &[u8], out: &mut [f32]) {
    dequantize(dtype, stored, out);
}
