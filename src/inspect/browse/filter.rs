//! What a person types to see some of the tensors: words that all must hold.
//!
//! `attn_q` is a part of the name, `blk.*.ffn_*` a pattern for all of it, `dtype:q4_k` a storage type, `role:attn_q` a role,
//! `layer:3` or `layer:3-7` a layer, `size>1MB` or `size<64KiB` the bytes; `-` before a word turns it round.

use std::cmp::Ordering;

use crate::file::TensorInfo;
use crate::inspect::roles::{self, Role};

/// Words that all must hold; none hold for everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    words: Vec<Word>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Word {
    holds: bool,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    /// Lower case.
    Part(String),
    /// Lower case.
    Pattern(String),
    /// Lower case, as all of the next.
    DType(String),
    Role(String),
    Layers(usize, usize),
    Bytes(Ordering, u64),
}

impl Filter {
    /// Reads what was typed.
    ///
    /// # Errors
    /// A sentence about the word that cannot be understood.
    pub fn parse(text: &str) -> Result<Self, String> {
        let words = text.split_whitespace().map(|word| {
            let (holds, bare) = word.strip_prefix('-').filter(|bare| !bare.is_empty()).map_or((true, word), |bare| (false, bare));
            Ok(Word { holds, test: Test::parse(&bare.to_lowercase()).map_err(|expected| format!("`{word}`: {expected}"))? })
        });
        Ok(Self { words: words.collect::<Result<_, String>>()? })
    }

    /// Whether everything passes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether a tensor passes.
    #[must_use]
    pub fn passes(&self, tensor: &TensorInfo, role: Role) -> bool {
        if self.is_empty() {
            return true;
        }
        let name = tensor.name.to_lowercase();
        self.words.iter().all(|word| word.test.holds(&name, tensor, role) == word.holds)
    }
}

impl Test {
    fn parse(word: &str) -> Result<Self, &'static str> {
        if let Some(dtype) = word.strip_prefix("dtype:") {
            return Ok(Self::DType(dtype.to_owned()));
        }
        if let Some(role) = word.strip_prefix("role:") {
            return Ok(Self::Role(role.to_owned()));
        }
        if let Some(layers) = word.strip_prefix("layer:") {
            let (first, last) = layers.split_once('-').unwrap_or((layers, layers));
            let range = (first.parse(), if last.is_empty() { Ok(usize::MAX) } else { last.parse() });
            return match range {
                (Ok(first), Ok(last)) => Ok(Self::Layers(first, last)),
                _ => Err("a layer is a number, layers are two with `-` between"),
            };
        }
        for (sign, order) in [("size>", Ordering::Greater), ("size<", Ordering::Less)] {
            if let Some(size) = word.strip_prefix(sign) {
                return bytes(size).map(|size| Self::Bytes(order, size)).ok_or("a size is a number with kB, MB, GB, KiB, MiB or GiB");
            }
        }
        if word.contains(['*', '?']) { Ok(Self::Pattern(word.to_owned())) } else { Ok(Self::Part(word.to_owned())) }
    }

    fn holds(&self, name: &str, tensor: &TensorInfo, role: Role) -> bool {
        match self {
            Self::Part(part) => name.contains(part.as_str()),
            Self::Pattern(pattern) => matches(pattern.as_bytes(), name.as_bytes()),
            Self::DType(start) => tensor.dtype.name().to_lowercase().starts_with(start.as_str()),
            Self::Role(start) => role.name().starts_with(start.as_str()),
            Self::Layers(first, last) => roles::layer(&tensor.name).is_some_and(|layer| (*first..=*last).contains(&layer)),
            Self::Bytes(order, bytes) => tensor.bytes.0.cmp(bytes) == *order,
        }
    }
}

/// `1.5mb` in bytes.
fn bytes(text: &str) -> Option<u64> {
    let unit = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let number: f64 = text[..unit].parse().ok().filter(|&number: &f64| (0.0..1e15).contains(&number))?;
    let factor = match &text[unit..] {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "kib" => 1024.0,
        "mib" => 1_048_576.0,
        "gib" => 1_073_741_824.0,
        _ => return None,
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the number is not negative and below 1e24; beyond u64 it saturates"
    )]
    Some((number * factor) as u64)
}

/// Whether all of `text` follows a pattern, in which `*` stands for anything and `?` for one byte. Takes at most as many steps as the
/// product of both lengths.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&byte) if byte == b'?' || byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match &mut star {
                Some((after, covered)) => {
                    *covered += 1;
                    (p, t) = (*after + 1, *covered);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}
