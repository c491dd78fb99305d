//! Types whose weights are entries of a codebook, eight or four at a time, under scales of four bits or three.
#![expect(clippy::inline_always, reason = "bodies are compiled for the instructions of their callers")]

pub(super) mod one;
pub(super) mod three;
pub(super) mod two;

/// A little-endian word.
#[inline(always)]
fn short(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// A little-endian double word.
#[inline(always)]
fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// The code of group `i`, two in a byte.
#[inline(always)]
fn nibble(bytes: &[u8], i: usize) -> u8 {
    bytes[i / 2] >> (4 * (i % 2)) & 15
}
