//! Four-bit codes that stand for sixteen levels which lie closer together near zero.
#![expect(clippy::inline_always, reason = "bodies are compiled for the instructions of their callers")]

use super::anatomy::{Coded, Levels};
use super::{Blocks, Unpacked, half};

pub(super) struct IQ4NL;
pub(super) struct IQ4XS;

/// What the codes stand for.
const TABLE: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/// The levels of 32 codes in 16 bytes.
#[inline(always)]
pub(super) fn look_up(table: &[i8; 16], bytes: &[u8], low: &mut [i8], high: &mut [i8]) {
    for ((&byte, low), high) in bytes.iter().zip(low).zip(high) {
        *low = table[usize::from(byte & 15)];
        *high = table[usize::from(byte >> 4)];
    }
}

impl Blocks for IQ4NL {
    const LEN: usize = 32;
    const GROUP: usize = 32;
    const BITS: u8 = 4;
    const FIELDS: &'static [(&'static str, usize)] = &[("d", 2), ("qs", 16)];
    const LEVELS: Levels = Levels::Table(&TABLE);

    #[inline(always)]
    fn unpack(block: &[u8], to: &mut Unpacked) {
        to.scales[0] = half(block, 0);
        let (low, high) = to.levels[..32].split_at_mut(16);
        look_up(&TABLE, &block[2..18], low, high);
    }
}

/// The eight 6-bit scales, less 32: four bits in the halves of four bytes, two in a word.
#[inline(always)]
fn scales(block: &[u8]) -> [i8; 8] {
    let high = u16::from_le_bytes([block[2], block[3]]);
    std::array::from_fn(|i| {
        let low = block[4 + i / 2] >> (4 * (i % 2)) & 15;
        let [high, _] = (high >> (2 * i) & 3).to_le_bytes();
        (low | high << 4).cast_signed() - 32
    })
}

impl Blocks for IQ4XS {
    const LEN: usize = 256;
    const GROUP: usize = 32;
    const BITS: u8 = 4;
    const FIELDS: &'static [(&'static str, usize)] = &[("d", 2), ("scales_h", 2), ("scales_l", 4), ("qs", 128)];
    const LEVELS: Levels = Levels::Table(&TABLE);

    #[inline(always)]
    fn unpack(block: &[u8], to: &mut Unpacked) {
        let d = half(block, 0);
        for (scale, code) in to.scales.iter_mut().zip(scales(block)) {
            *scale = d * f32::from(code);
        }
        for (bytes, levels) in block[8..136].chunks_exact(16).zip(to.levels.chunks_exact_mut(32)) {
            let (low, high) = levels.split_at_mut(16);
            look_up(&TABLE, bytes, low, high);
        }
    }

    fn coded(block: &[u8]) -> Coded {
        Coded { scale: Some(half(block, 0)), scales: scales(block).map(i32::from).to_vec(), ..Coded::default() }
    }
}
