//! How a text is cut: its tokens one by one, to be looked at.

use super::tokenizer::Tokenizer;

/// One token as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its number in the vocabulary.
    pub id: u32,
    /// What it stands for. Bytes that are no whole character by themselves are written `<0xE2>`.
    pub text: String,
    /// Whether it is structure rather than text.
    pub special: bool,
}

/// The tokens of `ids` as they are shown.
#[must_use]
pub fn cut(tokenizer: &Tokenizer, ids: &[u32]) -> Vec<Token> {
    let shown = |&id: &u32| Token { id, text: written(&tokenizer.token_bytes(id)), special: tokenizer.is_structural(id) };
    ids.iter().map(shown).collect()
}

fn written(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| format!("<0x{byte:02X}>")));
    }
    text
}
