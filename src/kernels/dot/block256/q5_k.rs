//! `Q5_K`: eight parts of 32 weights, codes of 5 bits.

use super::{Block, GROUPS, by_lane, file, moved, of_lane, six_bits};
use crate::kernels::dot::pack::{Pack, turn, turned_back};
use crate::kernels::dot::simd::{Group, LANES, Simd};

/// Sixteen rows of [`file::Q5K`].
#[derive(Debug, Clone, Copy)]
#[repr(C, align(32))]
pub struct Q5K {
    scales: [u16; LANES],
    min_scales: [u16; LANES],
    parts: [[u8; LANES]; 12],
    fifths: [Group; GROUPS],
    nibbles: [[Group; GROUPS]; 4],
}

impl Pack for Q5K {
    type File = file::Q5K;

    block_of_256!();

    fn pack(rows: [&file::Q5K; LANES]) -> Self {
        Self {
            scales: rows.map(|row| row.scale),
            min_scales: rows.map(|row| row.min_scale),
            parts: by_lane(rows.map(|row| row.parts)),
            fifths: turn(rows.map(|row| &row.fifths)),
            nibbles: [0, 1, 2, 3].map(|i| turn(rows.map(|row| &row.nibbles[i]))),
        }
    }

    fn row(&self, lane: usize) -> file::Q5K {
        file::Q5K {
            scale: self.scales[lane],
            min_scale: self.min_scales[lane],
            parts: of_lane(&self.parts, lane),
            fifths: turned_back(&self.fifths, lane),
            nibbles: self.nibbles.each_ref().map(|nibbles| turned_back(nibbles, lane)),
        }
    }
}

impl Block for Q5K {
    const MAX: i32 = 31;
    const OFFSET: i32 = 0;
    const MINIMA: bool = true;
    const PART: usize = 32;

    #[inline(always)]
    fn scales(&self) -> &[u16; LANES] {
        &self.scales
    }

    #[inline(always)]
    fn min_scales(&self) -> Option<&[u16; LANES]> {
        Some(&self.min_scales)
    }

    #[inline(always)]
    fn part_scales<S: Simd>(&self, s: S, part: usize) -> S::Ints {
        six_bits(s, &self.parts, part, false)
    }

    #[inline(always)]
    fn part_mins<S: Simd>(&self, s: S, part: usize) -> S::Ints {
        six_bits(s, &self.parts, part, true)
    }

    #[inline(always)]
    fn codes<S: Simd>(&self, s: S, half: usize, quarter: usize) -> [S::Codes; GROUPS] {
        let nibbles = &self.nibbles[2 * half + quarter / 2];
        let mut codes = [s.codes(&nibbles[0]); GROUPS];
        for g in 0..GROUPS {
            let nibble = s.mask(moved(s, s.codes(&nibbles[g]), 4 * (quarter % 2), 0), 0x0f);
            // The half is not known before it runs; the quarter is.
            let fifth = s.mask(moved(s, s.down(s.codes(&self.fifths[g]), 4 * half as u32), quarter, 4), 0x10);
            codes[g] = s.join(nibble, fifth);
        }
        codes
    }
}
