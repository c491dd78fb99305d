//! Cutting text into words before byte pairs are merged, as llama.cpp does it for each pre-tokenizer name.
//!
//! Left out: the patterns themselves (`table`), and merging (`tokenizer`).

mod table;

use std::ops::Range;

use table::TABLE;
use tokenizers::utils::SysRegex;

use crate::error::{Error, Result};

/// What becomes of the last character of a run of white space before a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spaces {
    /// The pattern has no rule for it.
    AsMatched,
    /// It is left to the word.
    GiveBack,
    /// The same, except that a run which ends in a line break is kept whole.
    GiveBackInLine,
    /// The same, and a longer run is cut into 512, 256, 128 … 4 and 2 or 1 characters as they fit.
    Halving,
}

/// One step: each word so far is cut into its matches and what lies between them.
#[derive(Debug, Clone, Copy)]
enum Rule {
    /// A regular expression.
    Pattern(&'static str, Spaces),
    /// Numbers are cut into threes from the right. What stands before a number stays with its first group.
    DigitGroups,
    /// Numbers of the digits 0 to 9 are cut into threes from the right.
    Thousands,
}

/// A rule ready to be used.
#[derive(Debug)]
enum Step {
    Pattern(SysRegex, Spaces),
    DigitGroups(SysRegex),
    Thousands,
}

/// The word splitter of one vocabulary.
#[derive(Debug)]
pub struct PreTokenizer {
    steps: Vec<Step>,
    /// A word that is in the vocabulary is that token, without merging.
    pub ignore_merges: bool,
    /// Said where the name is unknown and the default stands in.
    pub warning: Option<String>,
}

impl PreTokenizer {
    /// The splitter with this name; an unknown one is the default, with a warning.
    ///
    /// # Errors
    /// `Error::Internal` if a pattern of the table does not compile.
    pub fn new(name: &str) -> Result<Self> {
        let known = TABLE.iter().find(|(names, ..)| names.contains(&name));
        let warning = known.is_none().then(|| {
            format!("pre-tokenizer `{name}` is not known; the default one is used, tokens and answers may differ from the model's own")
        });
        let (_, rules, ignore_merges) = known.unwrap_or(&TABLE[0]);
        let compile =
            |pattern: &str| SysRegex::new(pattern).map_err(|error| Error::Internal(format!("pattern of pre-tokenizer `{name}`: {error}")));
        let step = |rule: &Rule| {
            Ok(match rule {
                Rule::Pattern(pattern, spaces) => Step::Pattern(compile(pattern)?, *spaces),
                Rule::DigitGroups => Step::DigitGroups(compile(r"\p{N}+")?),
                Rule::Thousands => Step::Thousands,
            })
        };
        Ok(Self { steps: rules.iter().map(step).collect::<Result<_>>()?, ignore_merges: *ignore_merges, warning })
    }

    /// Every name in the table.
    pub fn names() -> impl Iterator<Item = &'static str> {
        TABLE.iter().flat_map(|(names, ..)| names.iter().copied())
    }

    /// The words of `text` in order, as byte ranges that cover it. `go_on` is asked now and then; `false` stops early with `None`.
    #[must_use]
    pub fn split(&self, text: &str, go_on: &dyn Fn() -> bool) -> Option<Vec<Range<usize>>> {
        let whole = 0..text.len();
        let mut words = vec![whole];
        for step in &self.steps {
            let mut finer = Vec::with_capacity(words.len() * 2);
            for (index, word) in words.into_iter().enumerate() {
                if index % 1024 == 0 && !go_on() {
                    return None;
                }
                let (part, offset) = (&text[word.clone()], word.start);
                match step {
                    Step::Pattern(regex, spaces) => cut(part, offset, regex, *spaces, &mut finer),
                    Step::DigitGroups(digits) => cut_digit_groups(part, offset, digits, &mut finer),
                    Step::Thousands => cut_thousands(part, offset, &mut finer),
                }
            }
            words = finer;
        }
        words.retain(|word| !word.is_empty());
        Some(words)
    }
}

/// Adds the matches in `word`, and what lies between them, to `out`, shifted by `offset`.
fn cut(word: &str, offset: usize, regex: &SysRegex, spaces: Spaces, out: &mut Vec<Range<usize>>) {
    let mut done = 0;
    let mut from = 0;
    'restart: loop {
        for (start, end) in regex.find_iter(&word[from..]) {
            let (start, end) = (start + from, end + from);
            let back = given_back(&word[start..end], &word[end..], spaces);
            if start > done {
                out.push(done + offset..start + offset);
            }
            done = end - back;
            if spaces == Spaces::Halving && word[start..end].chars().all(char::is_whitespace) && !ends_line(&word[start..end]) {
                halve(&word[start..done], start + offset, out);
            } else {
                out.push(start + offset..done + offset);
            }
            if back > 0 {
                from = done;
                continue 'restart;
            }
        }
        break;
    }
    if done < word.len() {
        out.push(done + offset..word.len() + offset);
    }
}

fn ends_line(text: &str) -> bool {
    text.ends_with(['\r', '\n'])
}

/// How many bytes at the end of a match belong to what follows.
fn given_back(matched: &str, rest: &str, spaces: Spaces) -> usize {
    if spaces == Spaces::AsMatched || rest.is_empty() || !matched.chars().all(char::is_whitespace) {
        return 0;
    }
    let kept_whole = spaces != Spaces::GiveBack && ends_line(matched);
    match matched.chars().next_back() {
        Some(last) if !kept_whole && matched.len() > last.len_utf8() => last.len_utf8(),
        _ => 0,
    }
}

/// Cuts a run of white space into lengths that halve.
fn halve(run: &str, offset: usize, out: &mut Vec<Range<usize>>) {
    let mut left = run.chars().count();
    let mut characters = run.char_indices().map(|(at, c)| at + c.len_utf8());
    let mut start = 0;
    while left > 0 {
        let length = [512, 256, 128, 64, 32, 16, 8, 4].into_iter().find(|&length| left >= length).unwrap_or(left.min(2));
        let end = characters.nth(length - 1).unwrap_or(run.len());
        out.push(start + offset..end + offset);
        start = end;
        left -= length;
    }
}

/// See [`Rule::DigitGroups`].
fn cut_digit_groups(word: &str, offset: usize, digits: &SysRegex, out: &mut Vec<Range<usize>>) {
    let mut done = 0;
    for (start, end) in digits.find_iter(word) {
        let count = word[start..end].chars().count();
        for (index, (at, c)) in (1..).zip(word[start..end].char_indices()) {
            if (count - index).is_multiple_of(3) {
                let end = start + at + c.len_utf8();
                out.push(done + offset..end + offset);
                done = end;
            }
        }
    }
    if done < word.len() {
        out.push(done + offset..word.len() + offset);
    }
}

/// See [`Rule::Thousands`].
fn cut_thousands(word: &str, offset: usize, out: &mut Vec<Range<usize>>) {
    let bytes = word.as_bytes();
    let (mut done, mut at) = (0, 0);
    while at < bytes.len() {
        let digits = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        for left in (1..=digits).rev().filter(|left| left % 3 == 0) {
            let place = at + digits - left;
            if place > done {
                out.push(done + offset..place + offset);
                done = place;
            }
        }
        at += digits.max(1);
    }
    if done < word.len() {
        out.push(done + offset..word.len() + offset);
    }
}
