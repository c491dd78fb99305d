//! `Q2_K`: 16 parts of 16 weights, codes of 2 bits.

use super::{Block, GROUPS, by_lane, file, moved, of_lane};
use crate::kernels::dot::pack::{Pack, turn, turned_back};
use crate::kernels::dot::simd::{Group, LANES, Simd};

/// Sixteen rows of [`file::Q2K`].
#[derive(Debug, Clone, Copy)]
#[repr(C, align(32))]
pub struct Q2K {
    scales: [u16; LANES],
    min_scales: [u16; LANES],
    parts: [[u8; LANES]; 16],
    codes: [[Group; GROUPS]; 2],
}

impl Pack for Q2K {
    type File = file::Q2K;

    block_of_256!();

    fn pack(rows: [&file::Q2K; LANES]) -> Self {
        Self {
            scales: rows.map(|row| row.scale),
            min_scales: rows.map(|row| row.min_scale),
            parts: by_lane(rows.map(|row| row.parts)),
            codes: [0, 1].map(|h| turn(rows.map(|row| &row.codes[h]))),
        }
    }

    fn row(&self, lane: usize) -> file::Q2K {
        file::Q2K {
            scale: self.scales[lane],
            min_scale: self.min_scales[lane],
            parts: of_lane(&self.parts, lane),
            codes: self.codes.each_ref().map(|codes| turned_back(codes, lane)),
        }
    }
}

impl Block for Q2K {
    const MAX: i32 = 3;
    const OFFSET: i32 = 0;
    const MINIMA: bool = true;
    const PART: usize = 16;

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
        s.bits(s.widened(&self.parts[part]), 0, 0x0f)
    }

    #[inline(always)]
    fn part_mins<S: Simd>(&self, s: S, part: usize) -> S::Ints {
        s.bits(s.widened(&self.parts[part]), 4, 0x0f)
    }

    #[inline(always)]
    fn codes<S: Simd>(&self, s: S, half: usize, quarter: usize) -> [S::Codes; GROUPS] {
        let four = &self.codes[half];
        let mut codes = [s.codes(&four[0]); GROUPS];
        for g in 0..GROUPS {
            codes[g] = s.mask(moved(s, s.codes(&four[g]), 2 * quarter, 0), 3);
        }
        codes
    }
}
