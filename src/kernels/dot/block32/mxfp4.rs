//! `MXFP4`: numbers of 4 bits, which are places in a table, under a power of two.

use super::types::{looked_up, nibbles};
use super::{Block, GROUPS, accumulate};
use crate::kernels::dot::Rounded32;
use crate::kernels::dot::pack::{Pack, turn, turned_back};
use crate::kernels::dot::simd::{Group, LANES, Simd};
use crate::kernels::dot::tables::FP4;

/// The layout of ggml's block.
pub mod file {
    /// `block_mxfp4`: a power of two, and 32 numbers of 4 bits; low nibbles are the first 16.
    #[derive(Debug, Clone, Copy)]
    #[repr(C)]
    pub struct MXFP4 {
        pub exponent: u8,
        pub nibbles: [u8; 16],
    }
}

/// `MXFP4`
#[derive(Debug, Clone, Copy)]
#[repr(C, align(16))]
pub struct MXFP4 {
    exponents: [u8; LANES],
    nibbles: [Group; 4],
}

impl Pack for MXFP4 {
    type File = file::MXFP4;
    type Rounded = Rounded32;
    const SPAN: usize = 64;

    fn pack(rows: [&file::MXFP4; LANES]) -> Self {
        Self { exponents: rows.map(|row| row.exponent), nibbles: turn(rows.map(|row| &row.nibbles)) }
    }

    fn row(&self, lane: usize) -> file::MXFP4 {
        file::MXFP4 { exponent: self.exponents[lane], nibbles: turned_back(&self.nibbles, lane) }
    }

    #[inline(always)]
    fn accumulate<S: Simd, const N: usize>(&self, s: S, x: [&Rounded32; N], totals: [S::Floats; N]) -> [S::Floats; N] {
        accumulate(self, s, x, totals)
    }
}

impl Block for MXFP4 {
    const MAX: i32 = 24;
    const OFFSET: i32 = 12;

    #[inline(always)]
    fn scales<S: Simd>(&self, s: S) -> S::Floats {
        let mut upper = [0; LANES];
        for (upper, &exponent) in upper.iter_mut().zip(&self.exponents) {
            *upper = half_of(exponent);
        }
        s.brains(&upper)
    }

    #[inline(always)]
    fn codes<S: Simd>(&self, s: S) -> [S::Codes; GROUPS] {
        looked_up(s, nibbles(s, &self.nibbles), &FP4)
    }
}

/// The upper half of the F32 that is half of 2^(exponent − 127): the table has twice the numbers.
#[inline(always)]
fn half_of(exponent: u8) -> u16 {
    // Below the normal numbers the one bit that is set moves down.
    if exponent < 2 { 0x20 << exponent } else { (u16::from(exponent) - 1) << 7 }
}
