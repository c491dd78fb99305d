//! Types whose elements stand alone: floats of every width, integers, truth values.
#![expect(clippy::inline_always, reason = "bodies are compiled for the instructions of their callers")]
#![expect(unsafe_code, reason = "a function compiled for a processor is called where it was found")]

use half::f16;

use crate::file::DType;
use crate::kernels::dot::simd::{Simd, for_each_simd};
use crate::kernels::processor::Processor;

/// Bytes of an element; `None` for types of blocks and types without values.
pub(super) const fn width(dtype: DType) -> Option<usize> {
    Some(match dtype {
        DType::F64 | DType::I64 | DType::U64 => 8,
        DType::F32 | DType::I32 | DType::U32 => 4,
        DType::F16 | DType::BF16 | DType::I16 | DType::U16 => 2,
        DType::I8 | DType::U8 | DType::Bool | DType::F8E4M3 | DType::F8E5M2 | DType::F8E8M0 => 1,
        _ => return None,
    })
}

/// Elements to F32, rounded where they need to be.
pub(super) fn widen(processor: Processor, dtype: DType, bytes: &[u8], out: &mut [f32]) {
    let wide = |x: f64| narrow(x);
    match dtype {
        DType::F32 => floats(processor, bytes, out),
        DType::F16 => halves(processor, bytes, out),
        DType::BF16 => brains(processor, bytes, out),
        DType::F64 => each(bytes, out, |b| wide(f64::from_le_bytes(b))),
        DType::I8 => each(bytes, out, |b| f32::from(i8::from_le_bytes(b))),
        DType::I16 => each(bytes, out, |b| f32::from(i16::from_le_bytes(b))),
        DType::I32 => each(bytes, out, |b| wide(f64::from(i32::from_le_bytes(b)))),
        #[expect(clippy::cast_precision_loss, reason = "large integers are rounded")]
        DType::I64 => each(bytes, out, |b| i64::from_le_bytes(b) as f32),
        DType::U8 => each(bytes, out, |[b]| f32::from(b)),
        DType::U16 => each(bytes, out, |b| f32::from(u16::from_le_bytes(b))),
        DType::U32 => each(bytes, out, |b| wide(f64::from(u32::from_le_bytes(b)))),
        #[expect(clippy::cast_precision_loss, reason = "large integers are rounded")]
        DType::U64 => each(bytes, out, |b| u64::from_le_bytes(b) as f32),
        DType::Bool => each(bytes, out, |[b]| f32::from(u8::from(b != 0))),
        DType::F8E4M3 => each(bytes, out, |[b]| from_e4m3(b)),
        DType::F8E5M2 => each(bytes, out, |[b]| from_half(u16::from(b) << 8)),
        DType::F8E8M0 => each(bytes, out, |[b]| if b == u8::MAX { f32::NAN } else { wide(f64::from(i32::from(b) - 127).exp2()) }),
        _ => unreachable!("a type with a width"),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "it is rounded")]
const fn narrow(x: f64) -> f32 {
    x as f32
}

fn each<const N: usize>(bytes: &[u8], out: &mut [f32], value: impl Fn([u8; N]) -> f32) {
    for (&element, out) in bytes.as_chunks::<N>().0.iter().zip(out) {
        *out = value(element);
    }
}

for_each_simd! {
    fn floats(bytes: &[u8], out: &mut [f32]) by copy_floats
}
for_each_simd! {
    fn halves(bytes: &[u8], out: &mut [f32]) by widen_halves
}
for_each_simd! {
    fn brains(bytes: &[u8], out: &mut [f32]) by widen_brains
}

#[inline(always)]
fn copy_floats<S: Simd>(_: S, bytes: &[u8], out: &mut [f32]) {
    for (&element, out) in bytes.as_chunks().0.iter().zip(out) {
        *out = f32::from_le_bytes(element);
    }
}

#[inline(always)]
fn widen_halves<S: Simd>(_: S, bytes: &[u8], out: &mut [f32]) {
    for (&element, out) in bytes.as_chunks().0.iter().zip(out) {
        *out = from_half(u16::from_le_bytes(element));
    }
}

#[inline(always)]
fn widen_brains<S: Simd>(_: S, bytes: &[u8], out: &mut [f32]) {
    for (&element, out) in bytes.as_chunks().0.iter().zip(out) {
        *out = f32::from_bits(u32::from(u16::from_le_bytes(element)) << 16);
    }
}

/// Half precision to F32, exactly, by arithmetic that compilers turn into vector code.
#[inline(always)]
pub(super) fn from_half(bits: u16) -> f32 {
    /// 2⁻²⁴, the smallest half above zero.
    const SMALLEST: f32 = 5.960_464_5e-8;
    let magnitude = u32::from(bits & 0x7fff);
    let sign = u32::from(bits & 0x8000) << 16;
    let shifted = magnitude << 13;
    let normal = shifted + (112 << 23);
    let subnormal = (f32::from(bits & 0x7fff) * SMALLEST).to_bits();
    let special = shifted | 0x7f80_0000;
    let value = if magnitude < 0x0400 {
        subnormal
    } else if magnitude >= 0x7c00 {
        special
    } else {
        normal
    };
    f32::from_bits(value | sign)
}

/// The 8-bit float with 4 exponent and 3 mantissa bits that has no infinities (OCP's "E4M3"): 0x7f and 0xff are no numbers.
fn from_e4m3(byte: u8) -> f32 {
    if byte & 0x7f == 0x7f {
        return f32::NAN;
    }
    // The bits in a half's places are 2⁸ too small.
    let half = u16::from(byte & 0x80) << 8 | u16::from(byte & 0x7f) << 7;
    f16::from_bits(half).to_f32() * 256.0
}
