//! The names that people know quantizations by (`Q4_K_M`), and what is kept apart from them (`attn_v=q8_0`).

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::file::DType;
use crate::kernels::quantize;

/// A quantization by its name, with llama.cpp's meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the variants are the names")]
pub enum Label {
    F32,
    F16,
    BF16,
    Q8_0,
    Q6K,
    Q5KM,
    Q5_1,
    Q5KS,
    Q5K,
    Q5_0,
    Q4_1,
    Q4KM,
    Q4KS,
    Q4K,
    Q4_0,
    Iq4Nl,
    Iq4Xs,
    Q3KL,
    Q3KM,
    Q3KS,
    Q3K,
    Q2K,
}

impl Label {
    /// All names, roughly the most bits first.
    pub const ALL: [Self; 22] = [
        Self::F32,
        Self::F16,
        Self::BF16,
        Self::Q8_0,
        Self::Q6K,
        Self::Q5KM,
        Self::Q5_1,
        Self::Q5KS,
        Self::Q5K,
        Self::Q5_0,
        Self::Q4_1,
        Self::Q4KM,
        Self::Q4KS,
        Self::Q4K,
        Self::Q4_0,
        Self::Iq4Nl,
        Self::Iq4Xs,
        Self::Q3KL,
        Self::Q3KM,
        Self::Q3KS,
        Self::Q3K,
        Self::Q2K,
    ];

    /// The names that people choose among, the most bits first.
    pub const LADDER: [Self; 9] =
        [Self::Q8_0, Self::Q6K, Self::Q5KM, Self::Q5KS, Self::Q4KM, Self::Q4KS, Self::Q3KL, Self::Q3KM, Self::Q2K];

    /// The name as it is written: `Q4_K_M`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::BF16 => "BF16",
            Self::Q8_0 => "Q8_0",
            Self::Q6K => "Q6_K",
            Self::Q5KM => "Q5_K_M",
            Self::Q5_1 => "Q5_1",
            Self::Q5KS => "Q5_K_S",
            Self::Q5K => "Q5_K",
            Self::Q5_0 => "Q5_0",
            Self::Q4_1 => "Q4_1",
            Self::Q4KM => "Q4_K_M",
            Self::Q4KS => "Q4_K_S",
            Self::Q4K => "Q4_K",
            Self::Q4_0 => "Q4_0",
            Self::Iq4Nl => "IQ4_NL",
            Self::Iq4Xs => "IQ4_XS",
            Self::Q3KL => "Q3_K_L",
            Self::Q3KM => "Q3_K_M",
            Self::Q3KS => "Q3_K_S",
            Self::Q3K => "Q3_K",
            Self::Q2K => "Q2_K",
        }
    }

    /// The label with this name, in capitals or not.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|label| label.name().eq_ignore_ascii_case(name))
    }

    /// The type of most of its matrices.
    #[must_use]
    pub const fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::F16 => DType::F16,
            Self::BF16 => DType::BF16,
            Self::Q8_0 => DType::Q8_0,
            Self::Q6K => DType::Q6K,
            Self::Q5KM | Self::Q5KS | Self::Q5K => DType::Q5K,
            Self::Q5_1 => DType::Q5_1,
            Self::Q5_0 => DType::Q5_0,
            Self::Q4_1 => DType::Q4_1,
            Self::Q4KM | Self::Q4KS | Self::Q4K => DType::Q4K,
            Self::Q4_0 => DType::Q4_0,
            Self::Iq4Nl => DType::IQ4NL,
            Self::Iq4Xs => DType::IQ4XS,
            Self::Q3KL | Self::Q3KM | Self::Q3KS | Self::Q3K => DType::Q3K,
            Self::Q2K => DType::Q2K,
        }
    }

    /// Whether every matrix gets the same type: names that are no mix of llama.cpp's.
    #[must_use]
    pub const fn is_pure(self) -> bool {
        matches!(self, Self::Q5K | Self::Q4K | Self::Q3K)
    }

    /// `general.file_type` of a file that is made by it (llama.cpp's `llama_ftype`); a single K type counts as the nearest mix.
    #[must_use]
    pub const fn file_type(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q4_0 => 2,
            Self::Q4_1 => 3,
            Self::Q8_0 => 7,
            Self::Q5_0 => 8,
            Self::Q5_1 => 9,
            Self::Q2K => 10,
            Self::Q3KS | Self::Q3K => 11,
            Self::Q3KM => 12,
            Self::Q3KL => 13,
            Self::Q4KS | Self::Q4K => 14,
            Self::Q4KM => 15,
            Self::Q5KS | Self::Q5K => 16,
            Self::Q5KM => 17,
            Self::Q6K => 18,
            Self::Iq4Nl => 25,
            Self::Iq4Xs => 30,
            Self::BF16 => 32,
        }
    }
}

/// A type for some tensors, whatever the label says: `blk.0.*=q8_0`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Keep {
    /// What a tensor's name must match: `*` stands for anything and `?` for one character; without either, a part of the name.
    pub pattern: String,
    /// What it becomes.
    pub dtype: DType,
}

impl Keep {
    /// Reads `PATTERN=TYPE`.
    ///
    /// # Errors
    /// What is wrong with it, and which types there are.
    pub fn parse(text: &str) -> Result<Self> {
        let (pattern, name) = text.rsplit_once('=').unwrap_or((text, ""));
        let dtype = dtype_named(name).filter(|&dtype| quantize::supports(dtype));
        match dtype {
            Some(dtype) if !pattern.is_empty() => Ok(Self { pattern: pattern.to_owned(), dtype }),
            _ => Err(Error::unsupported(
                format!("`{text}`"),
                "it must be PATTERN=TYPE, as in attn_v=q8_0 or 'blk.0.*=f16'; types are f32, f16, bf16, q8_0, q6_k, q5_k, q5_1, q5_0, q4_k, \
                 q4_1, q4_0, iq4_nl, iq4_xs, mxfp4, q3_k and q2_k",
            )),
        }
    }

    /// Whether it speaks of the tensor with this name.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        if self.pattern.contains(['*', '?']) { glob(self.pattern.as_bytes(), name.as_bytes()) } else { name.contains(&self.pattern) }
    }
}

/// The type with this name, in capitals or not.
#[must_use]
pub fn dtype_named(name: &str) -> Option<DType> {
    (0..64).map(DType::from_ggml).find(|dtype| !matches!(dtype, DType::Unknown(_)) && dtype.name().eq_ignore_ascii_case(name))
}

/// Whether all of `name` matches; one star is looked back to, so that the time is at most the product of the lengths.
fn glob(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&c) if c == b'?' || c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((at, from)) = star else { return false };
                (p, n) = (at + 1, from + 1);
                star = Some((at, n));
            }
        }
    }
    pattern[p..].iter().all(|&c| c == b'*')
}
