//! The codebooks of the IQ types: which eight or four levels an entry stands for. Constants of ggml, packed in an asset.
//!
//! The asset is written by `tests/oracle/dequantize_reference.py` from the Python package `gguf`: entries as 16-bit words, two bits a
//! level for the codebooks of eight, three bits for those of four.
#![expect(clippy::inline_always, reason = "bodies are compiled for the instructions of their callers")]

/// Entries of eight levels.
pub(super) type Eights<const N: usize> = [[i8; 8]; N];
/// Entries of four levels.
pub(super) type Fours<const N: usize> = [[i8; 4]; N];

static PACKED: &[u8; 9216] = include_bytes!("../../../assets/ggml_grids.bin");

const TWO: [i8; 4] = [8, 25, 43, 0];
/// Eight times −1, 0 and 1, so that an eighth can be added.
const ONE: [i8; 4] = [-8, 0, 8, 0];

pub(super) static IQ2_XXS: Eights<256> = eights(0, TWO);
pub(super) static IQ2_XS: Eights<512> = eights(256, TWO);
pub(super) static IQ2_S: Eights<1024> = eights(768, TWO);
pub(super) static IQ3_XXS: Fours<256> = fours(1792, [4, 12, 20, 28, 36, 44, 52, 62]);
pub(super) static IQ3_S: Fours<512> = fours(2048, [1, 3, 5, 7, 9, 11, 13, 15]);
pub(super) static IQ1: Eights<2048> = eights(2560, ONE);

const fn word(at: usize) -> usize {
    PACKED[2 * at] as usize | (PACKED[2 * at + 1] as usize) << 8
}

const fn eights<const N: usize>(start: usize, levels: [i8; 4]) -> Eights<N> {
    let (mut entries, mut n) = ([[0; 8]; N], 0);
    while n < N {
        let mut i = 0;
        while i < 8 {
            entries[n][i] = levels[word(start + n) >> (2 * i) & 3];
            i += 1;
        }
        n += 1;
    }
    entries
}

const fn fours<const N: usize>(start: usize, levels: [i8; 8]) -> Fours<N> {
    let (mut entries, mut n) = ([[0; 4]; N], 0);
    while n < N {
        let mut i = 0;
        while i < 4 {
            entries[n][i] = levels[word(start + n) >> (3 * i) & 7];
            i += 1;
        }
        n += 1;
    }
    entries
}

/// Eight signs of seven bits: the eighth makes the number of minuses even.
#[inline(always)]
pub(super) fn signs(seven: u32) -> u8 {
    // The parity of a nibble's bits, for all sixteen.
    const PARITIES: u16 = 0x6996;
    let [seven, ..] = (seven & 127).to_le_bytes();
    let folded = seven ^ seven >> 4;
    let [parity, _] = (PARITIES >> (folded & 15) & 1).to_le_bytes();
    seven | parity << 7
}

/// The levels with those turned around whose bit is set.
#[inline(always)]
pub(super) fn signed(entry: &[i8], signs: u8, levels: &mut [i8]) {
    for (i, (&level, out)) in entry.iter().zip(levels).enumerate() {
        *out = if signs & (1 << i) == 0 { level } else { -level };
    }
}
