//! The first types of ggml: blocks of 32 weights under one scale, some with a minimum.
#![expect(clippy::inline_always, reason = "bodies are compiled for the instructions of their callers")]

use super::anatomy::Levels;
use super::{Blocks, Unpacked, half, nibbles};

pub(super) struct Q4_0;
pub(super) struct Q4_1;
pub(super) struct Q5_0;
pub(super) struct Q5_1;
pub(super) struct Q8_0;
pub(super) struct Q8_1;

impl Blocks for Q4_0 {
    const LEN: usize = 32;
    const GROUP: usize = 32;
    const BITS: u8 = 4;
    const FIELDS: &'static [(&'static str, usize)] = &[("d", 2), ("qs", 16)];
    const LEVELS: Levels = Levels::From(-8, 7);

    #[inline(always)]
    fn unpack(block: &[u8], to: &mut Unpacked) {
        to.scales[0] = half(block, 0);
        nibbles::<16>(&block[2..], &mut to.levels, 8);
    }
}

impl Blocks for Q4_1 {
    const LEN: usize = 32;
    const GROUP: usize = 32;
    const OFFSETS: bool = true;
    const BITS: u8 = 4;
    const FIELDS: &'static [(&'static str, usize)] = &[("d", 2), ("m", 2), ("qs", 16)];
    const LEVELS: Levels = Levels::From(0, 15);

    #[inline(always)]
    fn unpack(block: &[u8], to: &mut Unpacked) {
        to.scales[0] = half(block, 0);
        to.offsets[0] = half(block, 2);
        nibbles::<16>(&block[4..], &mut to.levels, 0);
    }
}

impl Blocks for Q5_0 {
    const LEN: usize = 32;
    const GROUP: usize = 32;
    const BITS: u8 = 5;
    const FIELDS: &'static [(&'static str, usize)] = &[("d", 2), ("qh", 4), ("qs", 16)];
    const LEVELS: Levels = Levels::From(-16, 15);

    #[inline(always)]
    fn unpack(block: &[u8], to: &mut Unpacked) {
        to.scales[0] = half(block, 0);
        nibbles::<16>(&block[6..], &mut to.levels, 16);
        add_fifth_bits(&block[2..6], &mut to.levels);
    }
}

impl Blocks for Q5_1 {
    const LEN: usize = 32;
    const GROUP: usize = 32;
    const OFFSETS: bool = true;
    const BITS: u8 = 5;
    const FIELDS: &'static [(&'static str, usize)] = &[("d", 2), ("m", 2), ("qh", 4), ("qs", 16)];
    const LEVELS: Levels = Levels::From(0, 31);

    #[inline(always)]
    fn unpack(block: &[u8], to: &mut Unpacked) {
        to.scales[0] = half(block, 0);
        to.offsets[0] = half(block, 2);
        nibbles::<16>(&block[8..], &mut to.levels, 0);
        add_fifth_bits(&block[4..8], &mut to.levels);
    }
}

/// Bit `i` of four bytes is the fifth of weight `i`.
#[inline(always)]
fn add_fifth_bits(bytes: &[u8], levels: &mut [i8]) {
    let bits = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    for (i, level) in levels[..32].iter_mut().enumerate() {
        *level += if bits & (1 << i) == 0 { 0 } else { 16 };
    }
}

impl Blocks for Q8_0 {
    const LEN: usize = 32;
    const GROUP: usize = 32;
    const BITS: u8 = 8;
    const FIELDS: &'static [(&'static str, usize)] = &[("d", 2), ("qs", 32)];
    const LEVELS: Levels = Levels::Signed;

    #[inline(always)]
    fn unpack(block: &[u8], to: &mut Unpacked) {
        to.scales[0] = half(block, 0);
        signed(&block[2..], &mut to.levels[..32]);
    }
}

/// What activations are rounded to: no file should have it, but a file can. `s` is the scale times the sum of the codes.
impl Blocks for Q8_1 {
    const LEN: usize = 32;
    const GROUP: usize = 32;
    const BITS: u8 = 8;
    const FIELDS: &'static [(&'static str, usize)] = &[("d", 2), ("s", 2), ("qs", 32)];
    const LEVELS: Levels = Levels::Signed;

    #[inline(always)]
    fn unpack(block: &[u8], to: &mut Unpacked) {
        to.scales[0] = half(block, 0);
        signed(&block[4..], &mut to.levels[..32]);
    }
}

/// Bytes with their sign.
#[inline(always)]
pub(super) fn signed(bytes: &[u8], levels: &mut [i8]) {
    for (&byte, level) in bytes.iter().zip(levels) {
        *level = byte.cast_signed();
    }
}
