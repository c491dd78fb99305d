//! `SentencePiece`'s `precompiled_charsmap`: what to write in place of some beginnings of a text, before tokenizing.
//!
//! Four bytes of length, then that many bytes of a double array in 32-bit entries (bits 0–7 the byte that leads to the node, bit 8
//! whether a replacement ends here, bit 9 whether the base in bits 10–30 counts 256 times as much), then the replacements, each ended
//! by a zero. A table that points outside itself is as good as one without that entry.

/// See the module.
#[derive(Debug, Default)]
pub struct Charsmap {
    nodes: Vec<u32>,
    replacements: Vec<u8>,
}

impl Charsmap {
    /// The table in `bytes`; one without entries if they are too few.
    pub fn new(bytes: &[u8]) -> Self {
        let Some((length, rest)) = bytes.split_first_chunk::<4>() else { return Self::default() };
        let length = u32::from_le_bytes(*length) as usize;
        let Some((nodes, replacements)) = rest.split_at_checked(length) else { return Self::default() };
        let nodes = nodes.chunks_exact(4).map(|entry| u32::from_le_bytes([entry[0], entry[1], entry[2], entry[3]])).collect();
        Self { nodes, replacements: replacements.to_vec() }
    }

    /// The replacement for the longest beginning of `text` that has one, and how long that beginning is.
    pub fn replacement(&self, text: &[u8]) -> Option<(&[u8], usize)> {
        let base = |node: u32| (node >> 10) << ((node & 1 << 9) >> 6);
        let mut found = None;
        let mut index = base(*self.nodes.first()?);
        for (at, &byte) in text.iter().enumerate() {
            index ^= u32::from(byte);
            let Some(&node) = self.nodes.get(index as usize) else { break };
            if byte == 0 || node & (1 << 31 | 0xff) != u32::from(byte) {
                break;
            }
            index ^= base(node);
            if node >> 8 & 1 == 1 {
                found = self.nodes.get(index as usize).map(|value| (value & !(1 << 31), at + 1));
            }
        }
        let (offset, length) = found?;
        let rest = self.replacements.get(offset as usize..)?;
        let end = rest.iter().position(|&byte| byte == 0)?;
        Some((&rest[..end], length))
    }
}
