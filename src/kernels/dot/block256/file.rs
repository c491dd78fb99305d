//! The layouts of ggml's blocks of 256 weights.

/// `block_q2_K`. For each 16 weights a byte, the scale in its low nibble and the minimum above; for each 128 codes 32 bytes of four.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Q2K {
    pub parts: [u8; 16],
    pub codes: [[u8; 32]; 2],
    pub scale: u16,
    pub min_scale: u16,
}

/// `block_q3_K`. For each 128 codes 32 bytes of four pairs of low bits; bit `i` of the third bits belongs to the `i`th 32 codes; scales
/// of 16 weights in 6 bits.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Q3K {
    pub thirds: [u8; 32],
    pub pairs: [[u8; 32]; 2],
    pub parts: [u8; 12],
    pub scale: u16,
}

/// `block_q4_K`. 32 bytes have 64 codes, the low nibbles first; scales and minima of 32 weights in 6 bits.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Q4K {
    pub scale: u16,
    pub min_scale: u16,
    pub parts: [u8; 12],
    pub nibbles: [[u8; 32]; 4],
}

/// `block_q5_K`. As `Q4_K`; bit `i` of the fifth bits belongs to part `i`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Q5K {
    pub scale: u16,
    pub min_scale: u16,
    pub parts: [u8; 12],
    pub fifths: [u8; 32],
    pub nibbles: [[u8; 32]; 4],
}

/// `block_q6_K`. For each 128 codes 64 bytes of nibbles, the low ones first, and 32 bytes with four pairs of high bits; scales of 16
/// weights.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Q6K {
    pub nibbles: [[[u8; 32]; 2]; 2],
    pub high: [[u8; 32]; 2],
    pub parts: [i8; 16],
    pub scale: u16,
}

/// `block_iq4_xs`. Eight scales of 32 weights in 6 bits less 32, the high bits of all first; 16 bytes have 32 places in the table, the
/// low nibbles first.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct IQ4XS {
    pub scale: u16,
    pub high: u16,
    pub low: [u8; 4],
    pub nibbles: [[u8; 16]; 8],
}
