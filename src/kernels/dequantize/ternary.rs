//! Weights that are −1, 0 or 1 under one scale, for models trained that way.
#![expect(clippy::inline_always, reason = "bodies are compiled for the instructions of their callers")]

use super::anatomy::Levels;
use super::{Blocks, Unpacked, half};

pub(super) struct TQ1_0;
pub(super) struct TQ2_0;

/// Five digits to base 3 in a byte, the first as the largest: the byte is the number's 243rd part of 256, rounded up, so a digit is the
/// part above 256 of three times what the digits before it left.
const POWERS: [u8; 5] = [1, 3, 9, 27, 81];

#[inline(always)]
fn digit(byte: u8, power: u8) -> i8 {
    let left = byte.wrapping_mul(power);
    let [_, digit] = (u16::from(left) * 3).to_le_bytes();
    digit.cast_signed() - 1
}

impl Blocks for TQ1_0 {
    const LEN: usize = 256;
    const GROUP: usize = 256;
    const BITS: u8 = 2;
    const FIELDS: &'static [(&'static str, usize)] = &[("qs", 48), ("qh", 4), ("d", 2)];
    const LEVELS: Levels = Levels::From(-1, 1);

    #[inline(always)]
    fn unpack(block: &[u8], to: &mut Unpacked) {
        to.scales[0] = half(block, 52);
        let (first, rest) = to.levels.split_at_mut(160);
        let (second, third) = rest.split_at_mut(80);
        for (levels, bytes) in [(first, &block[..32]), (second, &block[32..48]), (third, &block[48..52])] {
            for (levels, power) in levels.chunks_exact_mut(bytes.len()).zip(POWERS) {
                for (level, &byte) in levels.iter_mut().zip(bytes) {
                    *level = digit(byte, power);
                }
            }
        }
    }
}

impl Blocks for TQ2_0 {
    const LEN: usize = 256;
    const GROUP: usize = 256;
    const BITS: u8 = 2;
    const FIELDS: &'static [(&'static str, usize)] = &[("qs", 64), ("d", 2)];
    // The fourth code has no use, but a file can have it.
    const LEVELS: Levels = Levels::From(-1, 2);

    #[inline(always)]
    fn unpack(block: &[u8], to: &mut Unpacked) {
        to.scales[0] = half(block, 64);
        super::k::crumbs(&block[..64], &mut to.levels);
        for level in &mut to.levels {
            *level -= 1;
        }
    }
}
