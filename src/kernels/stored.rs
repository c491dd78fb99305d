//! Weights as a file has them: bytes to F32, whatever the type, and the plain blocks behind each packed type.
//!
//! The arithmetic of a block is candle's, which follows ggml's reference. Packed weights give their blocks back, so there is one way
//! from a block to numbers.
#![expect(unsafe_code, reason = "a file's bytes are its blocks")]

use candle_core::quantized::k_quants::{
    BlockQ2K, BlockQ3K, BlockQ4_0, BlockQ4_1, BlockQ4K, BlockQ5_0, BlockQ5_1, BlockQ5K, BlockQ6K, BlockQ8_0,
};
use half::{bf16, f16};

use super::dot::{Pack, block32, block256, float};
use super::quantize::Quantize;
use crate::file::DType;

/// A packed type whose rows are stored in blocks of `Block`.
///
/// # Safety
/// The type, [`Pack::File`] and `Block` must be primitives or `repr(C)`, without invalid bit patterns; the last two without padding and
/// of the same layout.
pub(super) unsafe trait Stored: Pack {
    /// The block as candle has it.
    type Block: Quantize + 'static;
}

macro_rules! stored {
    ($($pack:ty, $block:ty: $bytes:literal);* $(;)?) => {$(
        const _: () = assert!(size_of::<$block>() == $bytes && size_of::<<$pack as Pack>::File>() == $bytes);
        const _: () = assert!(align_of::<$block>() == align_of::<<$pack as Pack>::File>());
        // SAFETY: both are floats or repr(C) structs of f16, f32 and integers in the order of ggml's block; the size above is the sum
        // of the fields, so there is no padding.
        unsafe impl Stored for $pack {
            type Block = $block;
        }
    )*};
}
stored! {
    float::F32, f32: 4;
    float::F16, f16: 2;
    float::BF16, bf16: 2;
    block32::Q4_0, BlockQ4_0: 18;
    block32::Q4_1, BlockQ4_1: 20;
    block32::Q5_0, BlockQ5_0: 22;
    block32::Q5_1, BlockQ5_1: 24;
    block32::Q8_0, BlockQ8_0: 34;
    block256::Q2K, BlockQ2K: 84;
    block256::Q3K, BlockQ3K: 110;
    block256::Q4K, BlockQ4K: 144;
    block256::Q5K, BlockQ5K: 176;
    block256::Q6K, BlockQ6K: 210;
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
            Q6K => $crate::kernels::dot::block256::Q6K)
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

/// The same blocks as candle knows them.
pub(super) fn as_candle<P: Stored>(blocks: &[P::File]) -> &[P::Block] {
    // SAFETY: `Stored` promises the same layout.
    unsafe { std::slice::from_raw_parts(blocks.as_ptr().cast(), blocks.len()) }
}

/// The same the other way.
pub(super) fn as_file<P: Stored>(blocks: &[P::Block]) -> &[P::File] {
    // SAFETY: `Stored` promises the same layout.
    unsafe { std::slice::from_raw_parts(blocks.as_ptr().cast(), blocks.len()) }
}

/// Whole blocks to F32.
pub(super) fn widen(dtype: DType, stored: &[u8], out: &mut [f32]) {
    use candle_core::quantized::GgmlType as _;
    with_packed!(dtype, P => <P as Stored>::Block::to_float(as_candle::<P>(blocks::<P>(stored)), out), unreachable!("a type with a kernel"));
}
