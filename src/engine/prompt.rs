//! What the model is fed: rendered, cut into tokens, and shown. What a person types never becomes structure.
//!
//! Before a template sees a message, a sentinel (a Unicode noncharacter that occurs nowhere in the conversation) is put inside every
//! control token's text in it. The rendered prompt is then cut at control tokens, which only the template can have written, and the
//! sentinels are dropped from the ordinary text between them.

use std::borrow::Cow;
use std::ops::Range;

use super::cut::{Token, cut};
use super::template::{ChatTemplate, Message, RenderOptions};
use super::tokenizer::{Fragment, Special, Tokenizer};
use crate::error::{Error, Result};

/// A run of the prompt as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// What is written there.
    pub text: String,
    /// Whether it is one special token.
    pub special: bool,
    /// Its tokens, as a range in `Prompt::tokens`.
    pub tokens: Range<usize>,
}

/// A prompt, ready to be fed and to be shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prompt {
    /// All tokens, begin-of-sequence included.
    pub tokens: Vec<u32>,
    /// The same as text; together the pieces cover `tokens`.
    pub pieces: Vec<Piece>,
    /// For each message, how many tokens its content alone takes. Empty for a raw prompt.
    pub message_tokens: Vec<usize>,
    /// All tokens as they are shown. Empty where nobody looks: [`shown`](Self::shown) fills it.
    pub cut: Vec<Token>,
}

impl Prompt {
    /// A conversation through its template. `go_on` returning `false` stops the work.
    ///
    /// # Errors
    /// What the template says (`Error::Engine`), or `Error::Cancelled`.
    pub fn chat(
        tokenizer: &Tokenizer,
        template: &ChatTemplate,
        messages: &[Message],
        options: &RenderOptions,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Self> {
        let sentinel = free_sentinel(template, messages)?;
        let structural: Vec<&str> = tokenizer.structural().filter_map(|id| tokenizer.vocabulary().text(id)).collect();
        let mut fenced = Vec::with_capacity(messages.len());
        for message in messages {
            if !go_on() {
                return Err(Error::Cancelled);
            }
            fenced.push(Message { role: message.role, content: fence(&message.content, &structural, sentinel) });
        }
        let rendered = template.render(&fenced, options)?;
        let mut prompt = Self::of(tokenizer, &rendered, Special::Parse, Some(sentinel), go_on)?;
        for message in messages {
            prompt.message_tokens.push(tokenizer.encode_while(&message.content, Special::Typed, go_on)?.len());
        }
        Ok(prompt)
    }

    /// A text to be continued, without a template.
    ///
    /// # Errors
    /// As [`Tokenizer::encode_while`].
    pub fn raw(tokenizer: &Tokenizer, text: &str, special: Special, go_on: &dyn Fn() -> bool) -> Result<Self> {
        Self::of(tokenizer, text, special, None, go_on)
    }

    /// With its tokens to be looked at one by one.
    #[must_use]
    pub fn shown(mut self, tokenizer: &Tokenizer) -> Self {
        self.cut = cut(tokenizer, &self.tokens);
        self
    }

    /// The whole prompt as text, special tokens written out.
    #[must_use]
    pub fn text(&self) -> String {
        self.pieces.iter().map(|piece| piece.text.as_str()).collect()
    }

    fn of(tokenizer: &Tokenizer, text: &str, special: Special, sentinel: Option<char>, go_on: &dyn Fn() -> bool) -> Result<Self> {
        // a structural token of one character leaves no room for a sentinel inside it: nobody can write it
        let short = |id: u32| tokenizer.vocabulary().text(id).is_some_and(|text| text.chars().nth(1).is_none());
        let wanted = |id: u32| tokenizer.matches(id, special) && !(sentinel.is_some() && tokenizer.is_structural(id) && short(id));
        let mut prompt = Self::default();
        for fragment in tokenizer.fragments(text, &wanted, go_on)? {
            let start = prompt.tokens.len();
            let (range, special) = match fragment {
                Fragment::Special(id, range) => {
                    prompt.tokens.push(id);
                    (range, true)
                }
                Fragment::Text(range) => (range, false),
            };
            let first = range.start == 0;
            let text = without(&text[range], sentinel);
            if !special {
                tokenizer.encode_plain(&text, first, &mut prompt.tokens, go_on)?;
            }
            prompt.pieces.push(Piece { text: text.into_owned(), special, tokens: start..prompt.tokens.len() });
        }
        prompt.begin(tokenizer);
        Ok(prompt)
    }

    /// Puts the begin-of-sequence token in front if the file asks for it and it isn't there.
    fn begin(&mut self, tokenizer: &Tokenizer) {
        let before = self.tokens.len();
        self.tokens = tokenizer.with_bos(std::mem::take(&mut self.tokens));
        let added = self.tokens.len() - before;
        if added == 0 {
            return;
        }
        for piece in &mut self.pieces {
            piece.tokens = piece.tokens.start + added..piece.tokens.end + added;
        }
        let text = tokenizer.vocabulary().text(self.tokens[0]).unwrap_or_default().to_owned();
        self.pieces.insert(0, Piece { text, special: true, tokens: 0..added });
    }
}

/// A noncharacter that neither the conversation nor the template contains.
fn free_sentinel(template: &ChatTemplate, messages: &[Message]) -> Result<char> {
    let used = |c: char| template.source().contains(c) || messages.iter().any(|message| message.content.contains(c));
    ('\u{fdd0}'..='\u{fdef}')
        .find(|&c| !used(c))
        .ok_or_else(|| Error::Engine("the conversation uses all of U+FDD0 to U+FDEF, which are not characters; remove one of them".into()))
}

/// `content` with `sentinel` behind the first character of every occurrence of a structural text, overlapping ones too.
fn fence(content: &str, structural: &[&str], sentinel: char) -> String {
    let mut cuts: Vec<usize> = Vec::new();
    for token in structural {
        let Some(first) = token.chars().next().filter(|first| first.len_utf8() < token.len()) else { continue };
        let mut from = 0;
        while let Some(at) = content[from..].find(token) {
            from += at + first.len_utf8();
            cuts.push(from);
        }
    }
    cuts.sort_unstable();
    cuts.dedup();
    let mut fenced = String::with_capacity(content.len() + cuts.len() * sentinel.len_utf8());
    let mut done = 0;
    for cut in cuts {
        fenced.push_str(&content[done..cut]);
        fenced.push(sentinel);
        done = cut;
    }
    fenced.push_str(&content[done..]);
    fenced
}

fn without(text: &str, sentinel: Option<char>) -> Cow<'_, str> {
    match sentinel {
        Some(sentinel) if text.contains(sentinel) => Cow::Owned(text.replace(sentinel, "")),
        _ => Cow::Borrowed(text),
    }
}
