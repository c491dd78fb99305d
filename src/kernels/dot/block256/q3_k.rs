//! `Q3_K`: 16 parts of 16 weights, codes of 3 bits less 4.

use super::{Block, GROUPS, by_lane, file, moved, of_lane};
use crate::kernels::dot::pack::{Pack, turn, turned_back};
use crate::kernels::dot::simd::{Group, LANES, Simd};

/// Sixteen rows of [`file::Q3K`].
#[derive(Debug, Clone, Copy)]
#[repr(C, align(32))]
pub struct Q3K {
    scales: [u16; LANES],
    parts: [[u8; LANES]; 12],
    pairs: [[Group; GROUPS]; 2],
    thirds: [Group; GROUPS],
}

impl Pack for Q3K {
    type File = file::Q3K;

    block_of_256!();

    fn pack(rows: [&file::Q3K; LANES]) -> Self {
        Self {
            scales: rows.map(|row| row.scale),
            parts: by_lane(rows.map(|row| row.parts)),
            pairs: [0, 1].map(|h| turn(rows.map(|row| &row.pairs[h]))),
            thirds: turn(rows.map(|row| &row.thirds)),
        }
    }

    fn row(&self, lane: usize) -> file::Q3K {
        file::Q3K {
            thirds: turned_back(&self.thirds, lane),
            pairs: self.pairs.each_ref().map(|pairs| turned_back(pairs, lane)),
            parts: of_lane(&self.parts, lane),
            scale: self.scales[lane],
        }
    }
}

impl Block for Q3K {
    const MAX: i32 = 7;
    const OFFSET: i32 = 4;
    const PART: usize = 16;

    #[inline(always)]
    fn scales(&self) -> &[u16; LANES] {
        &self.scales
    }

    /// In 6 bits, less 32: the nibbles of the first eight bytes, low ones first, under pairs of bits of the last four.
    #[inline(always)]
    fn part_scales<S: Simd>(&self, s: S, part: usize) -> S::Ints {
        let low = s.bits(s.widened(&self.parts[part % 8]), 4 * (part as u32 / 8), 0x0f);
        let high = s.times(s.bits(s.widened(&self.parts[8 + part % 4]), 2 * (part as u32 / 4), 3), s.ints(16));
        s.plus(s.plus(low, high), s.ints(-32))
    }

    #[inline(always)]
    fn codes<S: Simd>(&self, s: S, half: usize, quarter: usize) -> [S::Codes; GROUPS] {
        let pairs = &self.pairs[half];
        let mut codes = [s.codes(&pairs[0]); GROUPS];
        for g in 0..GROUPS {
            let pair = s.mask(moved(s, s.codes(&pairs[g]), 2 * quarter, 0), 3);
            // The half is not known before it runs; the quarter is.
            let third = s.mask(moved(s, s.down(s.codes(&self.thirds[g]), 4 * half as u32), quarter, 2), 4);
            codes[g] = s.join(pair, third);
        }
        codes
    }
}
