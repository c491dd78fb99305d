//! Four-bit floats (E2M1) under 8-bit scales: OCP's MXFP4 and NVIDIA's NVFP4. The levels are twice the floats, the scales half.
#![expect(clippy::inline_always, reason = "bodies are compiled for the instructions of their callers")]

use super::anatomy::Levels;
use super::nonlinear::look_up;
use super::{Blocks, Unpacked};

pub(super) struct MXFP4;
pub(super) struct NVFP4;

/// Twice what the codes stand for; the upper half of them has a sign, the zero too.
const TABLE: [i8; 16] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

/// `2^(e − 128)`, half of what an E8M0 scale stands for. The two least are below F32's normal numbers.
const fn half_e8m0(e: u8) -> f32 {
    f32::from_bits(if e < 2 { 0x0020_0000 << e } else { (e as u32 - 1) << 23 })
}

/// Half of what an unsigned E4M3 scale stands for. The sign's bit is not looked at, and what is no number stands for 0, as in `gguf`.
#[inline(always)]
fn half_ue4m3(byte: u8) -> f32 {
    let (exponent, mantissa) = (u32::from(byte >> 3 & 15), f32::from(byte & 7));
    if byte == 0x7f {
        0.0
    } else if exponent == 0 {
        // 2⁻¹⁰
        mantissa * 9.765_625e-4
    } else {
        // 2^(exponent − 8)
        (1.0 + mantissa / 8.0) * f32::from_bits((exponent + 119) << 23)
    }
}

impl Blocks for MXFP4 {
    const LEN: usize = 32;
    const GROUP: usize = 32;
    const BITS: u8 = 4;
    const FIELDS: &'static [(&'static str, usize)] = &[("e", 1), ("qs", 16)];
    const LEVELS: Levels = Levels::Table(&TABLE);

    #[inline(always)]
    fn unpack(block: &[u8], to: &mut Unpacked) {
        to.scales[0] = half_e8m0(block[0]);
        let (low, high) = to.levels[..32].split_at_mut(16);
        look_up(&TABLE, &block[1..17], low, high);
    }
}

impl Blocks for NVFP4 {
    const LEN: usize = 64;
    const GROUP: usize = 16;
    const BITS: u8 = 4;
    const FIELDS: &'static [(&'static str, usize)] = &[("d", 4), ("qs", 32)];
    const LEVELS: Levels = Levels::Table(&TABLE);

    #[inline(always)]
    fn unpack(block: &[u8], to: &mut Unpacked) {
        for (scale, &code) in to.scales.iter_mut().zip(&block[..4]) {
            *scale = half_ue4m3(code);
        }
        for (bytes, levels) in block[4..36].chunks_exact(8).zip(to.levels.chunks_exact_mut(16)) {
            let (low, high) = levels.split_at_mut(8);
            look_up(&TABLE, bytes, low, high);
        }
    }
}
