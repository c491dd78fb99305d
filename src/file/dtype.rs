//! Element types of stored tensors: their names and how many bytes a block of weights takes.
//!
//! The numbers are ggml's (`ggml.h`, `ggml-common.h`); what only safetensors files have comes after them. Whether Ponder can compute with a type is not known here: that is the kernels'
//! table. A type that is not in the table is still listed, by its number.

use std::borrow::Cow;

/// How a tensor's elements are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the variants are the formats' own names")]
pub enum DType {
    F32,
    F16,
    BF16,
    F64,
    I8,
    I16,
    I32,
    I64,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q8_1,
    Q2K,
    Q3K,
    Q4K,
    Q5K,
    Q6K,
    Q8K,
    IQ2XXS,
    IQ2XS,
    IQ3XXS,
    IQ1S,
    IQ4NL,
    IQ3S,
    IQ2S,
    IQ4XS,
    IQ1M,
    TQ1_0,
    TQ2_0,
    MXFP4,
    NVFP4,
    Q1_0,
    Q2_0,
    U8,
    U16,
    U32,
    U64,
    Bool,
    F8E4M3,
    F8E5M2,
    F8E8M0,
    F4,
    C64,
    /// A ggml type number without an entry in the table.
    Unknown(u32),
    /// A type that another format has a name for and this table doesn't.
    Other,
}

impl DType {
    /// The type with this ggml number.
    #[must_use]
    pub const fn from_ggml(id: u32) -> Self {
        match id {
            0 => Self::F32,
            1 => Self::F16,
            2 => Self::Q4_0,
            3 => Self::Q4_1,
            6 => Self::Q5_0,
            7 => Self::Q5_1,
            8 => Self::Q8_0,
            9 => Self::Q8_1,
            10 => Self::Q2K,
            11 => Self::Q3K,
            12 => Self::Q4K,
            13 => Self::Q5K,
            14 => Self::Q6K,
            15 => Self::Q8K,
            16 => Self::IQ2XXS,
            17 => Self::IQ2XS,
            18 => Self::IQ3XXS,
            19 => Self::IQ1S,
            20 => Self::IQ4NL,
            21 => Self::IQ3S,
            22 => Self::IQ2S,
            23 => Self::IQ4XS,
            24 => Self::I8,
            25 => Self::I16,
            26 => Self::I32,
            27 => Self::I64,
            28 => Self::F64,
            29 => Self::IQ1M,
            30 => Self::BF16,
            34 => Self::TQ1_0,
            35 => Self::TQ2_0,
            39 => Self::MXFP4,
            40 => Self::NVFP4,
            41 => Self::Q1_0,
            42 => Self::Q2_0,
            other => Self::Unknown(other),
        }
    }

    /// The type with this name in a safetensors file.
    #[must_use]
    pub fn from_safetensors(name: &str) -> Option<Self> {
        Some(match name {
            "F64" => Self::F64,
            "F32" => Self::F32,
            "F16" => Self::F16,
            "BF16" => Self::BF16,
            "I64" => Self::I64,
            "I32" => Self::I32,
            "I16" => Self::I16,
            "I8" => Self::I8,
            "U64" => Self::U64,
            "U32" => Self::U32,
            "U16" => Self::U16,
            "U8" => Self::U8,
            "BOOL" => Self::Bool,
            "F8_E4M3" => Self::F8E4M3,
            "F8_E5M2" => Self::F8E5M2,
            "F8_E8M0" => Self::F8E8M0,
            "F4" => Self::F4,
            "C64" => Self::C64,
            _ => return None,
        })
    }

    /// The name as llama.cpp writes it, upper case: `Q4_1`, `Q6_K`, `F32`; `unknown type 255`.
    #[must_use]
    pub fn name(self) -> Cow<'static, str> {
        match (self.facts(), self) {
            (Some((name, ..)), _) => Cow::Borrowed(name),
            (None, Self::Unknown(id)) => match withdrawn(id) {
                Some(name) => Cow::Owned(format!("type {id} ({name}, withdrawn)")),
                None => Cow::Owned(format!("unknown type {id}")),
            },
            (None, _) => Cow::Borrowed("unknown type"),
        }
    }

    /// Weights per block; 1 where each stands alone.
    #[must_use]
    pub const fn block_len(self) -> Option<u64> {
        match self.facts() {
            Some((_, len, _)) => Some(len),
            None => None,
        }
    }

    /// Bytes per block.
    #[must_use]
    pub const fn block_bytes(self) -> Option<u64> {
        match self.facts() {
            Some((.., bytes)) => Some(bytes),
            None => None,
        }
    }

    /// Bits that one weight takes, its share of the block's scales included.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "block sizes are small")]
    pub fn bits_per_weight(self) -> Option<f64> {
        self.facts().map(|(_, len, bytes)| 8.0 * bytes as f64 / len as f64)
    }

    /// The bytes of `rows` rows of `elements_per_row`; `None` for an unknown type, a row that isn't whole blocks, or an overflow.
    #[must_use]
    pub fn byte_len(self, elements_per_row: u64, rows: u64) -> Option<u64> {
        let (_, len, bytes) = self.facts()?;
        elements_per_row.checked_mul(rows)?;
        elements_per_row.is_multiple_of(len).then_some(())?;
        (elements_per_row / len).checked_mul(bytes)?.checked_mul(rows)
    }

    /// Name, weights per block, bytes per block.
    const fn facts(self) -> Option<(&'static str, u64, u64)> {
        Some(match self {
            Self::F32 => ("F32", 1, 4),
            Self::F16 => ("F16", 1, 2),
            Self::BF16 => ("BF16", 1, 2),
            Self::F64 => ("F64", 1, 8),
            Self::I8 => ("I8", 1, 1),
            Self::I16 => ("I16", 1, 2),
            Self::I32 => ("I32", 1, 4),
            Self::I64 => ("I64", 1, 8),
            Self::Q4_0 => ("Q4_0", 32, 18),
            Self::Q4_1 => ("Q4_1", 32, 20),
            Self::Q5_0 => ("Q5_0", 32, 22),
            Self::Q5_1 => ("Q5_1", 32, 24),
            Self::Q8_0 => ("Q8_0", 32, 34),
            Self::Q8_1 => ("Q8_1", 32, 36),
            Self::Q2K => ("Q2_K", 256, 84),
            Self::Q3K => ("Q3_K", 256, 110),
            Self::Q4K => ("Q4_K", 256, 144),
            Self::Q5K => ("Q5_K", 256, 176),
            Self::Q6K => ("Q6_K", 256, 210),
            Self::Q8K => ("Q8_K", 256, 292),
            Self::IQ2XXS => ("IQ2_XXS", 256, 66),
            Self::IQ2XS => ("IQ2_XS", 256, 74),
            Self::IQ3XXS => ("IQ3_XXS", 256, 98),
            Self::IQ1S => ("IQ1_S", 256, 50),
            Self::IQ4NL => ("IQ4_NL", 32, 18),
            Self::IQ3S => ("IQ3_S", 256, 110),
            Self::IQ2S => ("IQ2_S", 256, 82),
            Self::IQ4XS => ("IQ4_XS", 256, 136),
            Self::IQ1M => ("IQ1_M", 256, 56),
            Self::TQ1_0 => ("TQ1_0", 256, 54),
            Self::TQ2_0 => ("TQ2_0", 256, 66),
            Self::MXFP4 => ("MXFP4", 32, 17),
            Self::NVFP4 => ("NVFP4", 64, 36),
            Self::Q1_0 => ("Q1_0", 128, 18),
            Self::Q2_0 => ("Q2_0", 64, 18),
            Self::U8 => ("U8", 1, 1),
            Self::U16 => ("U16", 1, 2),
            Self::U32 => ("U32", 1, 4),
            Self::U64 => ("U64", 1, 8),
            Self::Bool => ("BOOL", 1, 1),
            Self::F8E4M3 => ("F8_E4M3", 1, 1),
            Self::F8E5M2 => ("F8_E5M2", 1, 1),
            Self::F8E8M0 => ("F8_E8M0", 1, 1),
            Self::F4 => ("F4", 2, 1),
            Self::C64 => ("C64", 1, 8),
            Self::Unknown(_) | Self::Other => return None,
        })
    }
}

/// Names of the types that ggml gave a number and took back; their layouts differ by version, so no size is known.
const fn withdrawn(id: u32) -> Option<&'static str> {
    Some(match id {
        4 => "Q4_2",
        5 => "Q4_3",
        31 => "Q4_0_4_4",
        32 => "Q4_0_4_8",
        33 => "Q4_0_8_8",
        36 => "IQ4_NL_4_4",
        37 => "IQ4_NL_4_8",
        38 => "IQ4_NL_8_8",
        _ => return None,
    })
}
