//! Rounding F32 to blocks: our own quantizers, one file per family.
//!
//! The searches are those that llama.cpp has for files without an importance matrix (`ggml-quants.c`), written anew over sixteen parts at
//! a time and compiled for each instruction set. Every part adds in the order of its values, with one rounding per operation, so the
//! bytes are the same on all processors, for any number of threads, and those of llama.cpp. Blocks know nothing of rows: a row is a whole
//! number of them.
#![expect(unsafe_code, reason = "vector instructions, through the macro that compiles for them")]
#![expect(clippy::inline_always, reason = "quantizers are compiled for the instructions of their callers")]
#![expect(clippy::needless_range_loop, reason = "a lane is a place in several arrays, and closures are not compiled for instructions")]
#![expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "codes are whole numbers of a few bits")]
#![expect(clippy::float_cmp, reason = "what is exactly zero, or exactly as far, is another case")]
#![expect(clippy::needless_bitwise_bool, reason = "a branch in a loop keeps it from becoming vector code")]

mod floats;
mod lanes;
mod nonlinear;
mod plain;
mod shifted;
mod symmetric;

use std::marker::PhantomData;

use super::dot::simd::{Simd, for_each_simd};
use super::pool::Pool;
use super::processor::Processor;
use crate::file::DType;

/// Values of a task: enough to be worth handing out, and whole vectors of blocks of any type.
const TASK: usize = 1 << 14;

/// A type that values can be rounded to.
trait Quantizer {
    /// Values of a block.
    const LEN: usize;
    /// Bytes of a block.
    const BYTES: usize;

    /// Rounds whole blocks.
    fn blocks<S: Simd>(s: S, values: &[f32], out: &mut [u8]);
}

for_each_simd! {
    /// [`Quantizer::blocks`] with these instructions.
    fn quantized<Q: Quantizer>(kind: PhantomData<Q>, values: &[f32], out: &mut [u8]) by quantized_body
}

#[inline(always)]
fn quantized_body<S: Simd, Q: Quantizer>(s: S, _: PhantomData<Q>, values: &[f32], out: &mut [u8]) {
    Q::blocks(s, values, out);
}

/// `$body` with `$Q` the quantizer of a type; `$none` where there is none.
macro_rules! with_quantizer {
    ($dtype:expr, $Q:ident => $body:expr, $none:expr) => {
        with_quantizer!(@ $dtype, $Q, $body, $none;
            F32 => floats::F32, F16 => floats::F16, BF16 => floats::BF16,
            Q4_0 => plain::Q4_0, Q4_1 => plain::Q4_1, Q5_0 => plain::Q5_0, Q5_1 => plain::Q5_1, Q8_0 => plain::Q8_0,
            MXFP4 => nonlinear::MxFp4, IQ4NL => nonlinear::Iq4Nl, IQ4XS => nonlinear::Iq4Xs,
            Q2K => shifted::Q2K, Q4K => shifted::Q4K, Q5K => shifted::Q5K, Q3K => symmetric::Q3K, Q6K => symmetric::Q6K)
    };
    (@ $dtype:expr, $Q:ident, $body:expr, $none:expr; $($name:ident => $quantizer:ty),*) => {
        match $dtype {
            $(DType::$name => {
                type $Q = $quantizer;
                $body
            })*
            _ => $none,
        }
    };
}

/// Whether values can be rounded to this type.
#[must_use]
pub const fn supports(dtype: DType) -> bool {
    with_quantizer!(dtype, Q => <Q as Quantizer>::LEN > 0, false)
}

/// Rounds whole blocks of a type that is [supported](supports): `values` and the bytes of as many blocks.
///
/// # Panics
/// Where the lengths do not belong together, or there is no quantizer.
pub fn quantize(dtype: DType, values: &[f32], out: &mut [u8]) {
    quantize_on(Processor::best(), dtype, values, out);
}

/// The same with these instructions, which must be among [`Processor::here`].
///
/// # Panics
/// As [`quantize`].
pub fn quantize_on(processor: Processor, dtype: DType, values: &[f32], out: &mut [u8]) {
    assert!(Processor::here().contains(&processor), "instructions that are not there");
    with_quantizer!(dtype, Q => {
        let (len, bytes) = (<Q as Quantizer>::LEN, <Q as Quantizer>::BYTES);
        assert!(values.len().is_multiple_of(len) && values.len() / len * bytes == out.len(), "whole blocks");
        quantized(processor, PhantomData::<Q>, values, out);
    }, unreachable!("a type with a quantizer"));
}

/// The same in parallel.
///
/// # Panics
/// As [`quantize`].
pub fn quantize_all(pool: &Pool, dtype: DType, values: &[f32], out: &mut [u8]) {
    let bytes =
        with_quantizer!(dtype, Q => TASK / <Q as Quantizer>::LEN * <Q as Quantizer>::BYTES, unreachable!("a type with a quantizer"));
    pool.chunks(out, bytes, |i, out| {
        let values = &values[i * TASK..];
        quantize(dtype, &values[..values.len().min(TASK)], out);
    });
}
