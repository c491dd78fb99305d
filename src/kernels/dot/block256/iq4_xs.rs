//! `IQ4_XS`: eight parts of 32 weights, codes of 4 bits that are places in a table.

use super::{Block, GROUPS, by_lane, file, of_lane};
use crate::kernels::dot::pack::{Pack, turn, turned_back};
use crate::kernels::dot::simd::{Group, LANES, Simd};
use crate::kernels::dot::tables::LEVELS;

/// Sixteen rows of [`file::IQ4XS`].
#[derive(Debug, Clone, Copy)]
#[repr(C, align(32))]
pub struct IQ4XS {
    scales: [u16; LANES],
    high: [[u8; LANES]; 2],
    low: [[u8; LANES]; 4],
    nibbles: [[Group; GROUPS / 2]; 8],
}

impl Pack for IQ4XS {
    type File = file::IQ4XS;

    block_of_256!();

    fn pack(rows: [&file::IQ4XS; LANES]) -> Self {
        Self {
            scales: rows.map(|row| row.scale),
            high: by_lane(rows.map(|row| row.high.to_le_bytes())),
            low: by_lane(rows.map(|row| row.low)),
            nibbles: std::array::from_fn(|i| turn(rows.map(|row| &row.nibbles[i]))),
        }
    }

    fn row(&self, lane: usize) -> file::IQ4XS {
        file::IQ4XS {
            scale: self.scales[lane],
            high: u16::from_le_bytes(of_lane(&self.high, lane)),
            low: of_lane(&self.low, lane),
            nibbles: self.nibbles.each_ref().map(|nibbles| turned_back(nibbles, lane)),
        }
    }
}

impl Block for IQ4XS {
    const MAX: i32 = 255;
    const OFFSET: i32 = 0;
    const PART: usize = 32;

    #[inline(always)]
    fn scales(&self) -> &[u16; LANES] {
        &self.scales
    }

    #[inline(always)]
    fn part_scales<S: Simd>(&self, s: S, part: usize) -> S::Ints {
        let low = s.bits(s.widened(&self.low[part / 2]), 4 * (part as u32 % 2), 0x0f);
        let high = s.bits(s.widened(&self.high[part / 4]), 2 * (part as u32 % 4), 0x03);
        s.plus(s.plus(low, s.times(high, s.ints(16))), s.ints(-32))
    }

    #[inline(always)]
    fn codes<S: Simd>(&self, s: S, half: usize, quarter: usize) -> [S::Codes; GROUPS] {
        let nibbles = &self.nibbles[4 * half + quarter];
        let mut codes = [s.codes(&nibbles[0]); GROUPS];
        for g in 0..GROUPS / 2 {
            let both = s.codes(&nibbles[g]);
            codes[g] = s.look_up(&LEVELS, s.mask(both, 0x0f));
            codes[g + GROUPS / 2] = s.look_up(&LEVELS, s.mask(s.down(both, 4), 0x0f));
        }
        codes
    }
}
