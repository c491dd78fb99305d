//! `Q6_K`: 16 parts of 16 weights, codes of 6 bits less 32.

use super::{Block, GROUPS, file, moved};
use crate::kernels::dot::pack::{Pack, turn, turned_back};
use crate::kernels::dot::simd::{Group, LANES, Simd};

/// Sixteen rows of [`file::Q6K`].
#[derive(Debug, Clone, Copy)]
#[repr(C, align(32))]
pub struct Q6K {
    scales: [u16; LANES],
    parts: [[i8; LANES]; 16],
    high: [[Group; GROUPS]; 2],
    nibbles: [[[Group; GROUPS]; 2]; 2],
}

impl Pack for Q6K {
    type File = file::Q6K;

    block_of_256!();

    fn pack(rows: [&file::Q6K; LANES]) -> Self {
        Self {
            scales: rows.map(|row| row.scale),
            parts: std::array::from_fn(|i| rows.map(|row| row.parts[i])),
            high: [0, 1].map(|h| turn(rows.map(|row| &row.high[h]))),
            nibbles: [0, 1].map(|h| [0, 1].map(|i| turn(rows.map(|row| &row.nibbles[h][i])))),
        }
    }

    fn row(&self, lane: usize) -> file::Q6K {
        file::Q6K {
            nibbles: self.nibbles.each_ref().map(|half| half.each_ref().map(|nibbles| turned_back(nibbles, lane))),
            high: self.high.each_ref().map(|high| turned_back(high, lane)),
            parts: self.parts.map(|lanes| lanes[lane]),
            scale: self.scales[lane],
        }
    }
}

impl Block for Q6K {
    const MAX: i32 = 63;
    const OFFSET: i32 = 32;
    const PART: usize = 16;

    #[inline(always)]
    fn scales(&self) -> &[u16; LANES] {
        &self.scales
    }

    #[inline(always)]
    fn part_scales<S: Simd>(&self, s: S, part: usize) -> S::Ints {
        s.widened_signed(&self.parts[part])
    }

    #[inline(always)]
    fn codes<S: Simd>(&self, s: S, half: usize, quarter: usize) -> [S::Codes; GROUPS] {
        let (nibbles, high) = (&self.nibbles[half][quarter % 2], &self.high[half]);
        let mut codes = [s.codes(&nibbles[0]); GROUPS];
        for g in 0..GROUPS {
            let nibble = s.mask(moved(s, s.codes(&nibbles[g]), 4 * (quarter / 2), 0), 0x0f);
            codes[g] = s.join(nibble, s.mask(moved(s, s.codes(&high[g]), 2 * quarter, 4), 0x30));
        }
        codes
    }
}
