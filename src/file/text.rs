//! Text out of a file made safe for a screen: control characters, direction overrides and invalid bytes can't act, length is bounded.
//!
//! What is stored stays exact; only what is shown goes through here.

use std::fmt::Write as _;

/// `text` with control, direction and zero-width characters escaped, cut with `…` after `limit` characters.
#[must_use]
pub fn shown(text: &str, limit: usize) -> String {
    let mut out = String::with_capacity(text.len().min(limit) + 4);
    for (n, c) in text.chars().enumerate() {
        if n == limit {
            out.push('…');
            break;
        }
        if acts(c) {
            // Writing to a String doesn't fail.
            write!(out, "{}", c.escape_default()).ok();
        } else {
            out.push(c);
        }
    }
    out
}

/// Whether a character does something to the text around it instead of being seen.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// `bytes` as text, and whether they were UTF-8. Invalid bytes become U+FFFD; no more than three times their number is allocated.
pub(crate) fn utf8(bytes: Vec<u8>) -> (String, bool) {
    match String::from_utf8(bytes) {
        Ok(text) => (text, true),
        Err(error) => {
            let bytes = error.into_bytes();
            let len = bytes.utf8_chunks().map(|chunk| chunk.valid().len() + if chunk.invalid().is_empty() { 0 } else { 3 }).sum();
            let mut text = String::with_capacity(len);
            for chunk in bytes.utf8_chunks() {
                text.push_str(chunk.valid());
                if !chunk.invalid().is_empty() {
                    text.push(char::REPLACEMENT_CHARACTER);
                }
            }
            (text, false)
        }
    }
}
