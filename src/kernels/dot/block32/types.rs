//! The types: how their blocks lie in a file, how they are packed, and how they become codes.

use super::{Block, GROUPS, accumulate};
use crate::kernels::dot::Rounded32;
use crate::kernels::dot::pack::{Pack, turn, turned_back};
use crate::kernels::dot::simd::{Group, LANES, Simd};
use crate::kernels::dot::tables::LEVELS;

/// The layouts of ggml's blocks.
pub mod file {
    /// `block_q4_0`: a scale, and 32 codes less 8; low nibbles are the first 16.
    #[derive(Debug, Clone, Copy)]
    #[repr(C)]
    pub struct Q4_0 {
        pub scale: u16,
        pub nibbles: [u8; 16],
    }

    /// `block_q4_1`: a scale, a minimum and 32 codes.
    #[derive(Debug, Clone, Copy)]
    #[repr(C)]
    pub struct Q4_1 {
        pub scale: u16,
        pub min: u16,
        pub nibbles: [u8; 16],
    }

    /// `block_q5_0`: a scale, the fifth bits, one for each code, and the others; less 16.
    #[derive(Debug, Clone, Copy)]
    #[repr(C)]
    pub struct Q5_0 {
        pub scale: u16,
        pub fifths: [u8; 4],
        pub nibbles: [u8; 16],
    }

    /// `block_q5_1`: a scale, a minimum, the fifth bits and the others.
    #[derive(Debug, Clone, Copy)]
    #[repr(C)]
    pub struct Q5_1 {
        pub scale: u16,
        pub min: u16,
        pub fifths: [u8; 4],
        pub nibbles: [u8; 16],
    }

    /// `block_iq4_nl`: a scale, and 32 places in the table; low nibbles are the first 16.
    #[derive(Debug, Clone, Copy)]
    #[repr(C)]
    pub struct IQ4NL {
        pub scale: u16,
        pub nibbles: [u8; 16],
    }

    /// `block_q8_0`: a scale and 32 codes with a sign.
    #[derive(Debug, Clone, Copy)]
    #[repr(C)]
    pub struct Q8_0 {
        pub scale: u16,
        pub codes: [i8; 32],
    }
}

/// `Q4_0`
#[derive(Debug, Clone, Copy)]
#[repr(C, align(32))]
pub struct Q4_0 {
    scales: [u16; LANES],
    nibbles: [Group; 4],
}

/// `Q4_1`
#[derive(Debug, Clone, Copy)]
#[repr(C, align(32))]
pub struct Q4_1 {
    scales: [u16; LANES],
    mins: [u16; LANES],
    nibbles: [Group; 4],
}

/// `Q5_0`
#[derive(Debug, Clone, Copy)]
#[repr(C, align(32))]
pub struct Q5_0 {
    scales: [u16; LANES],
    fifths: Group,
    nibbles: [Group; 4],
}

/// `Q5_1`
#[derive(Debug, Clone, Copy)]
#[repr(C, align(32))]
pub struct Q5_1 {
    scales: [u16; LANES],
    mins: [u16; LANES],
    fifths: Group,
    nibbles: [Group; 4],
}

/// `IQ4_NL`
#[derive(Debug, Clone, Copy)]
#[repr(C, align(32))]
pub struct IQ4NL {
    scales: [u16; LANES],
    nibbles: [Group; 4],
}

/// `Q8_0`
#[derive(Debug, Clone, Copy)]
#[repr(C, align(32))]
pub struct Q8_0 {
    scales: [u16; LANES],
    /// Each 128 more than it stands for.
    codes: [Group; GROUPS],
}

/// Low nibbles, then high ones.
#[inline(always)]
pub(super) fn nibbles<S: Simd>(s: S, packed: &[Group; 4]) -> [S::Codes; GROUPS] {
    let mut codes = [s.codes(&packed[0]); GROUPS];
    for g in 0..4 {
        let both = s.codes(&packed[g]);
        codes[g] = s.mask(both, 0x0f);
        codes[g + 4] = s.mask(s.down(both, 4), 0x0f);
    }
    codes
}

/// Codes with their fifth bits: bit `g` of a byte belongs to group `g`.
#[inline(always)]
fn with_fifths<S: Simd>(s: S, mut codes: [S::Codes; GROUPS], fifths: &Group) -> [S::Codes; GROUPS] {
    let fifths = s.codes(fifths);
    for g in 0..GROUPS as u32 {
        let bit = if g < 4 { s.up(fifths, 4 - g) } else { s.down(fifths, g - 4) };
        codes[g as usize] = s.join(codes[g as usize], s.mask(bit, 0x10));
    }
    codes
}

/// The fifth bits of codes `4g + j` come together in byte `j` of a lane, each at place `g`.
fn pack_fifths(rows: [[u8; 4]; LANES]) -> Group {
    let mut packed = [0; 4 * LANES];
    for (packed, row) in packed.as_chunks_mut::<4>().0.iter_mut().zip(rows) {
        let bits = u32::from_le_bytes(row);
        for code in 0..32 {
            packed[code % 4] |= u8::from(bits >> code & 1 == 1) << (code / 4);
        }
    }
    packed
}

fn unpacked_fifths(packed: &Group, lane: usize) -> [u8; 4] {
    let bits = (0..32).fold(0, |bits, code| bits | u32::from(packed[4 * lane + code % 4] >> (code / 4) & 1) << code);
    bits.to_le_bytes()
}

/// What a table has at the places that codes are.
#[inline(always)]
pub(super) fn looked_up<S: Simd>(s: S, mut codes: [S::Codes; GROUPS], table: &[u8; 16]) -> [S::Codes; GROUPS] {
    for g in 0..GROUPS {
        codes[g] = s.look_up(table, codes[g]);
    }
    codes
}

/// A type whose codes are nibbles, with or without minimum, fifth bits, and a table that they are places in.
macro_rules! nibble_type {
    ($name:ident, $max:literal, $offset:literal $(, min $min:ident)? $(, fifths $fifths:ident)? $(, table $table:ident)?) => {
        impl Pack for $name {
            type File = file::$name;
            type Rounded = Rounded32;
            const SPAN: usize = 64;

            fn pack(rows: [&file::$name; LANES]) -> Self {
                Self {
                    scales: rows.map(|row| row.scale),
                    $(mins: rows.map(|row| row.$min),)?
                    $($fifths: pack_fifths(rows.map(|row| row.$fifths)),)?
                    nibbles: turn(rows.map(|row| &row.nibbles)),
                }
            }

            fn row(&self, lane: usize) -> file::$name {
                file::$name {
                    scale: self.scales[lane],
                    $($min: self.mins[lane],)?
                    $($fifths: unpacked_fifths(&self.$fifths, lane),)?
                    nibbles: turned_back(&self.nibbles, lane),
                }
            }

            #[inline(always)]
            fn accumulate<S: Simd, const N: usize>(&self, s: S, x: [&Rounded32; N], totals: [S::Floats; N]) -> [S::Floats; N] {
                accumulate(self, s, x, totals)
            }
        }

        impl Block for $name {
            const MAX: i32 = $max;
            const OFFSET: i32 = $offset;

            #[inline(always)]
            fn scales<S: Simd>(&self, s: S) -> S::Floats {
                s.halves(&self.scales)
            }

            $(#[inline(always)]
            fn mins(&self) -> Option<&[u16; LANES]> {
                let $min = &self.mins;
                Some($min)
            })?

            #[inline(always)]
            fn codes<S: Simd>(&self, s: S) -> [S::Codes; GROUPS] {
                let codes = nibbles(s, &self.nibbles);
                $(let codes = with_fifths(s, codes, &self.$fifths);)?
                $(let codes = looked_up(s, codes, &$table);)?
                codes
            }
        }
    };
}
nibble_type!(Q4_0, 15, 8);
nibble_type!(Q4_1, 15, 0, min min);
nibble_type!(Q5_0, 31, 16, fifths fifths);
nibble_type!(Q5_1, 31, 0, min min, fifths fifths);
nibble_type!(IQ4NL, 255, 0, table LEVELS);

impl Pack for Q8_0 {
    type File = file::Q8_0;
    type Rounded = Rounded32;
    const SPAN: usize = 64;

    fn pack(rows: [&file::Q8_0; LANES]) -> Self {
        let codes = rows.map(|row| row.codes.map(|code| code.cast_unsigned() ^ 0x80));
        Self { scales: rows.map(|row| row.scale), codes: turn(codes.each_ref()) }
    }

    fn row(&self, lane: usize) -> file::Q8_0 {
        file::Q8_0 { scale: self.scales[lane], codes: turned_back(&self.codes, lane).map(|code| (code ^ 0x80).cast_signed()) }
    }

    #[inline(always)]
    fn accumulate<S: Simd, const N: usize>(&self, s: S, x: [&Rounded32; N], totals: [S::Floats; N]) -> [S::Floats; N] {
        accumulate(self, s, x, totals)
    }
}

impl Block for Q8_0 {
    const MAX: i32 = 255;
    const OFFSET: i32 = 0;

    #[inline(always)]
    fn scales<S: Simd>(&self, s: S) -> S::Floats {
        s.halves(&self.scales)
    }

    #[inline(always)]
    fn codes<S: Simd>(&self, s: S) -> [S::Codes; GROUPS] {
        let mut codes = [s.codes(&self.codes[0]); GROUPS];
        for g in 0..GROUPS {
            codes[g] = s.codes(&self.codes[g]);
        }
        codes
    }
}
