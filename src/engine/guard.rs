//! Rewrites a chat template's source so that every step which can grow or last asks the budget of `jinja` first.
//!
//! minijinja counts instructions, but one instruction may copy gigabytes, and its parser recurses on what it reads. So here, before it
//! parses: deep nesting, long chains and blank deserts are refused; a filter is put behind each operand of `~`, `+`, `*`, behind each
//! list, map and group, and around each condition and assigned value; long literal text counts what it writes. None of this changes
//! what a sound template says or on which line it says it. Left out: evaluation itself (`jinja`), and checking the syntax (minijinja).

/// Behind operands of `~` and `+` and behind literals: may this value be added to?
pub const OPERAND: &str = "_operand";
/// Behind operands of `*`: is this small enough to be multiplied?
pub const FACTOR: &str = "_factor";
/// Around groups, conditions and assigned values: is there time left, and is a list no monster?
pub const STEP: &str = "_step";
/// Counts the bytes of a long literal text each time it is written.
pub const LITERAL: &str = "_literal";

/// What `[::-1]` becomes: minijinja panics where it reverses an empty list that way.
pub const REVERSED: &str = "_reversed";

/// Literal text longer than this is counted.
const LONG_TEXT: usize = 256;
/// Tokens in one tag; the parser and compiler recurse once per link of a chain.
const LONGEST_TAG: usize = 600;
/// Brackets inside brackets; guarded, each costs minijinja's parser four of its 150 levels.
const DEEPEST: usize = 32;
/// `not not not …` and `- - - …`.
const LONGEST_PREFIX: usize = 8;
/// `elif` in the whole template: each is an `if` inside the one before.
const MOST_ELIF: usize = 200;

/// What is refused, and on which line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub line: usize,
    pub reason: &'static str,
}

/// The guarded source.
pub fn guard(source: &str) -> Result<String, Refusal> {
    let mut scanner = Scanner { source, insertions: Vec::new(), elifs: 0 };
    let refused = |(at, reason): (usize, &'static str)| Refusal { line: 1 + source[..at].matches('\n').count(), reason };
    scanner.run().map_err(refused)?;
    scanner.insertions.sort_by_key(|(range, _)| range.start);
    let mut guarded = String::with_capacity(source.len() * 2);
    let mut done = 0;
    for (range, text) in &scanner.insertions {
        guarded.push_str(&source[done..range.start]);
        guarded.push_str(text);
        done = range.end;
    }
    guarded.push_str(&source[done..]);
    Ok(guarded)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Word,
    Literal,
    Open,
    Close,
    Sign,
}

#[derive(Debug, Clone, Copy)]
struct Token<'s> {
    kind: Kind,
    text: &'s str,
    /// Byte range in the source.
    start: usize,
    end: usize,
    /// Brackets around it.
    depth: usize,
}

type Refused = (usize, &'static str);

struct Scanner<'s> {
    source: &'s str,
    /// What goes where; an insertion is an empty range.
    insertions: Vec<(std::ops::Range<usize>, String)>,
    elifs: usize,
}

/// Words within a tag after which a value begins.
const KEYWORDS: [&str; 7] = ["in", "not", "and", "or", "if", "else", "is"];

impl<'s> Scanner<'s> {
    fn run(&mut self) -> Result<(), Refused> {
        let mut text_start = 0;
        let mut at = 0;
        while let Some(found) = self.source[at..].find('{') {
            let open = at + found;
            let rest = &self.source[open..];
            let end = match rest.as_bytes().get(1) {
                Some(b'#') => open + rest.find("#}").ok_or((open, "a comment has no end"))? + 2,
                Some(b'%') => match raw_block(rest) {
                    Some(length) if length > LONG_TEXT => return Err((open, "a raw block is too long")),
                    Some(length) => open + length,
                    None => self.tag(open, "%}")?,
                },
                Some(b'{') => self.tag(open, "}}")?,
                _ => {
                    at = open + 1;
                    continue;
                }
            };
            self.literal_text(text_start, open)?;
            text_start = end;
            at = end;
        }
        self.literal_text(text_start, self.source.len())
    }

    /// Puts a counter into a long text, between two visible characters so that no white space rule sees it.
    fn literal_text(&mut self, start: usize, end: usize) -> Result<(), Refused> {
        let text = &self.source[start..end];
        if text.len() <= LONG_TEXT {
            return Ok(());
        }
        let visible = |c: char| !c.is_whitespace() && c != '{';
        let mut previous = ' ';
        for (at, c) in text.char_indices() {
            if visible(previous) && visible(c) {
                self.insert(start + at, format!("{{{{{LITERAL}({})}}}}", text.len()));
                return Ok(());
            }
            previous = c;
        }
        Err((start, "a long stretch has no words in it"))
    }

    fn insert(&mut self, at: usize, text: impl Into<String>) {
        self.insertions.push((at..at, text.into()));
    }

    /// Guards the tag at `open` that ends with `close`; returns where it ends.
    fn tag(&mut self, open: usize, close: &str) -> Result<usize, Refused> {
        let (tokens, end) = self.tokens(open, close)?;
        let block = close == "%}";
        let statement = if block { tokens.first().map_or("", |token| token.text) } else { "" };
        if let Some(first) = tokens.first().filter(|_| statement == "elif") {
            self.elifs += 1;
            if self.elifs > MOST_ELIF {
                return Err((first.start, "too many branches"));
            }
        }
        // where the transformers library marks an answer for training; it writes nothing
        if let [only] = tokens[..]
            && matches!(statement, "generation" | "endgeneration")
        {
            let instead = if statement == "generation" { "if true" } else { "endif" };
            self.insertions.push((only.start..only.end, instead.into()));
            return Ok(end);
        }
        let top = |word: &str| tokens.iter().position(|token| token.depth == 0 && token.text == word && token.kind != Kind::Literal);
        // targets are not values
        let from = match statement {
            "for" => top("in").map_or(tokens.len(), |index| index + 1),
            "set" => top("=").map_or(tokens.len(), |index| index + 1),
            "call" | "macro" => {
                tokens.iter().position(|token| token.kind == Kind::Close && token.depth == 0).unwrap_or(1).min(tokens.len())
            }
            _ => usize::from(block).min(tokens.len()),
        };
        self.values(&tokens, if statement == "macro" { 2.min(tokens.len()) } else { from }, block);
        let condition = match statement {
            "if" | "elif" => Some(1..tokens.len()),
            "set" => top("=").map(|index| index + 1..tokens.len()),
            "for" => {
                tokens[from..].iter().position(|token| token.depth == 0 && token.kind == Kind::Word && token.text == "if").map(|index| {
                    let recursive = tokens.last().is_some_and(|token| token.text == "recursive");
                    from + index + 1..tokens.len() - usize::from(recursive)
                })
            }
            _ => None,
        };
        if let Some(range) = condition.filter(|range| range.start < range.end) {
            self.insert(tokens[range.start - 1].end, "(");
            self.insert(tokens[range.end - 1].end, format!(")|{STEP}"));
        }
        Ok(end)
    }

    /// Guards operands, literals and groups among `tokens[from..]`.
    fn values(&mut self, tokens: &[Token<'s>], from: usize, block: bool) {
        let ends_value = |index: usize| {
            let token = tokens[index];
            match token.kind {
                Kind::Word if index > 0 && tokens[index - 1].text == "." => true,
                Kind::Word => !(KEYWORDS.contains(&token.text) || block && index == 0),
                Kind::Literal | Kind::Close => true,
                Kind::Open | Kind::Sign => false,
            }
        };
        for index in from..tokens.len() {
            let token = tokens[index];
            let after_value = index > 0 && ends_value(index - 1);
            let reverses = |inside: &[Token<'s>]| inside.iter().map(|token| token.text).eq(["[", ":", ":", "-", "1", "]"]);
            if after_value && tokens.get(index..index + 6).is_some_and(reverses) {
                self.insertions.push((token.start..tokens[index + 5].end, format!(".{REVERSED}()")));
            }
            if token.kind == Kind::Open && !after_value {
                if let Some(close) = closing(tokens, index) {
                    let filter = if token.text == "(" { STEP } else { OPERAND };
                    // in brackets of its own, because a subscript or an attribute may follow
                    self.insert(token.start, "(");
                    self.insert(tokens[close].end, format!("|{filter})"));
                }
            } else if token.kind == Kind::Sign && after_value && matches!(token.text, "~" | "+" | "*") {
                let filter = if token.text == "*" { FACTOR } else { OPERAND };
                self.insert(tokens[index - 1].end, format!("|{filter}"));
                if let Some(last) = operand(tokens, index + 1) {
                    self.insert(tokens[last].end, format!("|{filter}"));
                }
            }
        }
    }

    fn tokens(&self, open: usize, close: &str) -> Result<(Vec<Token<'s>>, usize), Refused> {
        let bytes = self.source.as_bytes();
        let mut tokens: Vec<Token<'s>> = Vec::new();
        let mut depth = 0_usize;
        let mut prefixes = 0;
        let mut at = open + 2;
        if matches!(bytes.get(at), Some(b'-' | b'+')) {
            at += 1;
        }
        loop {
            let rest = &self.source[at..];
            let Some(first) = rest.chars().next() else { return Err((open, "a tag has no end")) };
            if first.is_whitespace() {
                at += first.len_utf8();
                continue;
            }
            let tail = rest.strip_prefix(['-', '+']).unwrap_or(rest);
            if depth == 0 && (rest.starts_with(close) || tail.starts_with(close)) {
                let end = if rest.starts_with(close) { at } else { at + 1 };
                return Ok((tokens, end + close.len()));
            }
            let (kind, length) = match first {
                '\'' | '"' => (Kind::Literal, string_length(rest).ok_or((at, "a text has no end"))?),
                '0'..='9' => (Kind::Literal, number_length(rest)),
                '(' | '[' | '{' => (Kind::Open, 1),
                ')' | ']' | '}' => (Kind::Close, 1),
                c if c.is_alphanumeric() || c == '_' => {
                    (Kind::Word, rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len()))
                }
                _ if ["//", "**", "==", "!=", ">=", "<="].iter().any(|sign| rest.starts_with(sign)) => (Kind::Sign, 2),
                c => (Kind::Sign, c.len_utf8()),
            };
            let text = &rest[..length];
            if kind == Kind::Close {
                depth = depth.checked_sub(1).ok_or((at, "a bracket closes nothing"))?;
            }
            tokens.push(Token { kind, text, start: at, end: at + length, depth });
            if kind == Kind::Open {
                depth += 1;
            }
            prefixes = if text == "not" || text == "-" { prefixes + 1 } else { 0 };
            if depth > DEEPEST || tokens.len() > LONGEST_TAG || prefixes > LONGEST_PREFIX {
                return Err((open, "an expression is too long or too deeply nested"));
            }
            at += length;
        }
    }
}

/// The length of `{% raw %}…{% endraw %}` at the start of `rest`, if that is what stands there.
fn raw_block(rest: &str) -> Option<usize> {
    let tag = |text: &str, name: &str| {
        let inner = text.strip_prefix("{%")?;
        let inner = inner.strip_prefix(['-', '+']).unwrap_or(inner).trim_start().strip_prefix(name)?.trim_start();
        let inner = inner.strip_prefix(['-', '+']).unwrap_or(inner).strip_prefix("%}")?;
        Some(text.len() - inner.len())
    };
    let start = tag(rest, "raw")?;
    let end = rest[start..].match_indices("{%").find_map(|(at, _)| Some(start + at + tag(&rest[start + at..], "endraw")?));
    Some(end.unwrap_or(rest.len()))
}

fn string_length(rest: &str) -> Option<usize> {
    let quote = rest.as_bytes()[0];
    let mut escaped = false;
    for (at, &byte) in rest.as_bytes().iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            _ if byte == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// Digits, and a fraction only where a digit follows the point: `1.x` is an attribute.
fn number_length(rest: &str) -> usize {
    let digits = |text: &str| text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    let whole = digits(rest);
    match rest[whole..].strip_prefix('.') {
        Some(fraction) if fraction.starts_with(|c: char| c.is_ascii_digit()) => whole + 1 + digits(fraction),
        _ => whole,
    }
}

/// The bracket that closes the one at `open`.
fn closing(tokens: &[Token<'_>], open: usize) -> Option<usize> {
    let depth = tokens[open].depth;
    (open + 1..tokens.len()).find(|&index| tokens[index].kind == Kind::Close && tokens[index].depth == depth)
}

/// The last token of the operand that begins at `index`: a value with its attributes, subscripts and calls, without filters.
fn operand(tokens: &[Token<'_>], mut index: usize) -> Option<usize> {
    while tokens.get(index)?.text == "-" {
        index += 1;
    }
    let mut last = match tokens[index].kind {
        Kind::Open => closing(tokens, index)?,
        Kind::Word | Kind::Literal => index,
        Kind::Close | Kind::Sign => return None,
    };
    loop {
        match tokens.get(last + 1) {
            Some(next) if next.kind == Kind::Open && next.text != "{" => last = closing(tokens, last + 1)?,
            Some(next) if next.text == "." && tokens.get(last + 2).is_some_and(|name| name.kind == Kind::Word) => last += 2,
            _ => return Some(last),
        }
    }
}
