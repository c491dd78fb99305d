//! A message cut into blocks: at blank lines outside code fences. A block that is followed by another never changes while text is
//! appended, so a streaming answer is a row of finished blocks and one live tail.
//!
//! What could not be drawn in bounded time (a table of a million columns, quotes within quotes without end, a line of a megabyte)
//! becomes plain text in pieces.

use std::sync::Arc;

use super::inert::inert;

/// The longest prose that is read as markdown.
const LONGEST_PROSE: usize = 8 << 10;
/// The longest table that is read as markdown, and the most columns.
const LONGEST_TABLE: usize = 32 << 10;
const MOST_COLUMNS: usize = 32;
/// Above this a list is cut between its items.
const LONG_LIST: usize = 2 << 10;
/// Lists and quotes within each other.
const DEEPEST: usize = 8;
/// Bytes of a piece of plain text, lines of a piece of code, and bytes of one line of code.
const PLAIN_PIECE: usize = 4 << 10;
const CODE_LINES: usize = 80;
const CODE_LINE: usize = 2 << 10;

/// How a text is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// As markdown: what models write.
    Markdown,
    /// As it was typed, but for code in fences.
    Typed,
}

/// A piece of a message that is drawn for itself. Its text is inert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// Markdown without fences.
    Prose(String),
    /// Text as it stands.
    Plain(String),
    /// What stands behind `>`.
    Quote(Vec<Block>),
    /// Code, or a piece of it.
    Code {
        /// What the fence says.
        language: String,
        /// This piece.
        text: String,
        /// All of it, for copying.
        whole: Arc<str>,
        /// Whether this is its first piece.
        first: bool,
    },
}

/// A block and the byte at which it starts in the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Byte in the message.
    pub start: usize,
    /// What stands there.
    pub block: Block,
}

/// Cuts a text.
#[must_use]
pub fn cut(text: &str, reading: Reading) -> Vec<Piece> {
    cut_within(text, reading, 0)
}

/// Cuts a text whose beginning was cut before into `pieces`: only its tail is cut again. Returns how many pieces stayed.
pub fn extend(pieces: &mut Vec<Piece>, text: &str, reading: Reading) -> usize {
    // a line that is not indented needs nothing before it to be understood
    let indented = |piece: &Piece| text[piece.start..].starts_with([' ', '\t']);
    let mut kept = pieces.len().saturating_sub(1);
    while kept > 0 && (indented(&pieces[kept]) || pieces[kept - 1].start == pieces[kept].start) {
        kept -= 1;
    }
    let from = if kept == 0 { 0 } else { pieces[kept].start };
    pieces.truncate(kept);
    pieces.extend(cut(&text[from..], reading).into_iter().map(|piece| Piece { start: from + piece.start, ..piece }));
    kept
}

fn cut_within(text: &str, reading: Reading, depth: usize) -> Vec<Piece> {
    let mut cutter = Cutter { text, reading, depth, pieces: Vec::new(), open: Open::Nothing };
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        cutter.line(start, line);
        start += line.len();
    }
    cutter.close();
    cutter.pieces
}

/// What the line before belongs to.
enum Open {
    Nothing,
    Prose { start: usize, end: usize, list: bool, blank: bool },
    Fence { start: usize, sign: char, count: usize, indent: usize, language: String, code: String },
    Indented { start: usize, code: String },
}

struct Cutter<'t> {
    text: &'t str,
    reading: Reading,
    depth: usize,
    pieces: Vec<Piece>,
    open: Open,
}

impl Cutter<'_> {
    fn line(&mut self, start: usize, line: &str) {
        let indent = indent(line);
        let blank = line.trim().is_empty();
        match &mut self.open {
            Open::Fence { sign, count, indent, code, .. } => {
                if closes(line, *sign, *count) {
                    self.close();
                } else {
                    code.push_str(dedented(line, *indent));
                }
                return;
            }
            Open::Indented { code, .. } if blank || indent >= 4 => {
                code.push_str(dedented(line, 4));
                return;
            }
            Open::Indented { .. } => self.close(),
            _ => {}
        }
        if let Some((sign, count, language)) = opens(line) {
            self.close();
            self.open = Open::Fence { start, sign, count, indent, language, code: String::new() };
            return;
        }
        let end = start + line.len();
        match &mut self.open {
            Open::Prose { blank: was_blank, .. } if blank && self.reading == Reading::Markdown => *was_blank = true,
            Open::Prose { start: first, list, blank: was_blank, end: last } => {
                let continues = !*was_blank || (*list && indent > 0);
                let next_item = *list && indent == 0 && is_item(line) && start - *first > LONG_LIST;
                if continues && !next_item {
                    (*last, *was_blank) = (end, false);
                    return;
                }
                let code = *was_blank && !*list && indent >= 4;
                self.close();
                self.begin(start, line, code);
            }
            _ if blank && self.reading == Reading::Markdown => {}
            _ => self.begin(start, line, false),
        }
    }

    fn begin(&mut self, start: usize, line: &str, code: bool) {
        self.open = if code {
            Open::Indented { start, code: dedented(line, 4).to_owned() }
        } else {
            Open::Prose { start, end: start + line.len(), list: self.reading == Reading::Markdown && is_item(line), blank: false }
        };
    }

    fn close(&mut self) {
        match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Nothing => {}
            Open::Prose { start, end, .. } => self.prose(start, end),
            Open::Fence { start, language, code, .. } => self.code(start, &language, &code),
            Open::Indented { start, code } => self.code(start, "", code.trim_end()),
        }
    }

    fn prose(&mut self, start: usize, end: usize) {
        let text = inert(&self.text[start..end]);
        let shift = indent(text.lines().next().unwrap_or_default());
        let text: String =
            if shift == 0 { text.into_owned() } else { text.split_inclusive('\n').map(|line| dedented(line, shift)).collect() };
        if self.reading == Reading::Typed || !is_tame(&text) {
            return self.plain(start, text.trim_matches('\n'));
        }
        if self.depth < 3 && text.lines().all(|line| line.starts_with('>')) {
            let inner: String = text.split_inclusive('\n').map(|line| line[1..].strip_prefix(' ').unwrap_or(&line[1..])).collect();
            let blocks = cut_within(&inner, self.reading, self.depth + 1).into_iter().map(|piece| piece.block).collect();
            return self.pieces.push(Piece { start, block: Block::Quote(blocks) });
        }
        self.pieces.push(Piece { start, block: Block::Prose(without_images(text.trim_end())) });
    }

    fn plain(&mut self, start: usize, text: &str) {
        let mut rest = text;
        while !rest.is_empty() {
            let limit = floor_char_boundary(rest, PLAIN_PIECE);
            let lines = rest.match_indices('\n').nth(CODE_LINES).map_or(limit, |(at, _)| (at + 1).min(limit));
            let at = if lines == rest.len() { lines } else { rest[..lines].rfind('\n').map_or(lines, |at| at + 1) };
            let (piece, after) = rest.split_at(at);
            self.pieces.push(Piece { start, block: Block::Plain(piece.strip_suffix('\n').unwrap_or(piece).to_owned()) });
            rest = after;
        }
    }

    fn code(&mut self, start: usize, language: &str, code: &str) {
        let whole: Arc<str> = inert(code.strip_suffix('\n').unwrap_or(code)).into();
        let language: String = inert(language).chars().take(32).collect();
        let lines: Vec<&str> = whole.split('\n').flat_map(short_lines).collect();
        for (i, piece) in lines.chunks(CODE_LINES).enumerate() {
            let block = Block::Code { language: language.clone(), text: piece.join("\n"), whole: Arc::clone(&whole), first: i == 0 };
            self.pieces.push(Piece { start, block });
        }
    }
}

/// A line in pieces that can be laid out.
fn short_lines(line: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = line;
    while rest.len() > CODE_LINE {
        let (piece, after) = rest.split_at(floor_char_boundary(rest, CODE_LINE));
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    pieces
}

fn floor_char_boundary(text: &str, at: usize) -> usize {
    if at >= text.len() {
        return text.len();
    }
    (0..=at).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0)
}

fn indent(line: &str) -> usize {
    line.chars().take_while(|c| matches!(c, ' ' | '\t')).map(|c| if c == '\t' { 4 } else { 1 }).sum()
}

/// A line without up to `n` columns of indentation.
fn dedented(line: &str, n: usize) -> &str {
    let mut columns = 0;
    for (at, c) in line.char_indices() {
        if columns >= n || !matches!(c, ' ' | '\t') {
            return &line[at..];
        }
        columns += if c == '\t' { 4 } else { 1 };
    }
    ""
}

/// The fence that a line opens: its sign, how many, and the language.
fn opens(line: &str) -> Option<(char, usize, String)> {
    let line = line.trim();
    let sign = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let count = line.chars().take_while(|&c| c == sign).count();
    let info = &line[count..];
    let language = info.split_whitespace().next().unwrap_or_default().to_owned();
    (count >= 3 && !(sign == '`' && info.contains('`'))).then_some((sign, count, language))
}

fn closes(line: &str, sign: char, count: usize) -> bool {
    let line = line.trim();
    line.chars().count() >= count && line.chars().all(|c| c == sign)
}

/// Whether a line begins a list's item.
fn is_item(line: &str) -> bool {
    let line = line.trim_start();
    let digits = line.chars().take_while(char::is_ascii_digit).count();
    match line.as_bytes().get(digits) {
        Some(b'.' | b')') => (1..=9).contains(&digits),
        Some(b'-' | b'*' | b'+') if digits == 0 => line[1..].starts_with([' ', '\t', '\n']) && !line.starts_with("* * *"),
        _ => false,
    }
}

/// Whether markdown of this text can be drawn in bounded time.
fn is_tame(text: &str) -> bool {
    let table = text.lines().take(2).all(|line| line.contains('|'));
    if text.len() > if table { LONGEST_TABLE } else { LONGEST_PROSE } {
        return false;
    }
    text.lines().all(|line| {
        let markers =
            line.chars().take_while(|c| c.is_whitespace() || matches!(c, '>' | '-' | '*' | '+' | '.' | ')') || c.is_ascii_digit());
        let depth = markers.filter(|c| matches!(c, '>' | '-' | '*' | '+' | '.' | ')')).count();
        let sign = line.trim_start().chars().next().filter(|c| matches!(c, '-' | '*'));
        let rule = sign.is_some_and(|sign| line.chars().all(|c| c == sign || c.is_whitespace()));
        indent(line) / 2 <= DEEPEST && (depth <= DEEPEST || rule) && line.matches('|').count() <= MOST_COLUMNS + 1
    })
}

/// Images become links to where they are: nothing is fetched or read because a model names it.
fn without_images(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['`', '!']) {
        let (before, here) = rest.split_at(at);
        out.push_str(before);
        let ticks = here.bytes().take_while(|&b| b == b'`').count();
        let end = match ticks {
            0 if here.starts_with("![") => {
                out.push_str("[image: ");
                rest = &here[2..];
                continue;
            }
            0 => 1,
            n => here[n..].find(&here[..n]).map_or(n, |end| n + end + n),
        };
        out.push_str(&here[..end]);
        rest = &here[end..];
    }
    out.push_str(rest);
    out
}
