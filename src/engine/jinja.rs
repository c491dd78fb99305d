//! The minijinja environment of chat templates: what Hugging Face templates use, and a budget that ends every render.
//!
//! Every filter, test, function and method goes through [`Budget`], as do the places that `guard` marks: values stay below 4 MiB and 32
//! levels, everything made in a render below 128 MiB and 64 times the conversation, the whole below two seconds. Left out: loading other
//! templates (there are none), and filters no chat template uses and that would need limits of their own (`batch`, `slice`, `sum`…).

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use minijinja::value::{Rest, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, Value, filters, functions, tests};

use super::guard;

/// The largest single value, and the largest prompt.
pub const LARGEST: usize = 4 << 20;
const DEEPEST: usize = 32;
const LONGEST: Duration = Duration::from_secs(2);
const FUEL: u64 = 1_000_000;
/// Scopes inside scopes; a macro takes several.
const RECURSION: usize = 128;
/// A factor of `*` beyond this, text or number, is no chat template's.
const LARGEST_FACTOR: i64 = 10_000;
const LONGEST_FACTOR: usize = 256;

/// What one render may still use.
#[derive(Debug)]
pub struct Budget {
    bytes: AtomicU64,
    end: Instant,
}

type Outcome = Result<Value, Error>;

fn refuse(reason: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, reason)
}

impl Budget {
    /// For a conversation of `input` bytes, from now on.
    pub fn new(input: usize) -> Arc<Self> {
        let input = u64::try_from(input).unwrap_or(u64::MAX);
        let bytes = (128_u64 << 20).saturating_add(input.saturating_mul(64));
        Arc::new(Self { bytes: AtomicU64::new(bytes), end: Instant::now() + LONGEST })
    }

    fn in_time(&self) -> Result<(), Error> {
        if Instant::now() > self.end { Err(refuse("takes longer than two seconds")) } else { Ok(()) }
    }

    fn spend(&self, bytes: usize) -> Result<(), Error> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let enough = |left: u64| left.checked_sub(bytes);
        self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, enough).map(drop).map_err(|_left| refuse("makes too much text"))
    }

    /// Whether a value may be looked at in full.
    fn check(&self, value: &Value) -> Result<(), Error> {
        self.in_time()?;
        let mut left = LARGEST;
        weigh(value, 0, &mut left)
    }

    /// Whether a value may be kept or copied.
    fn charge(&self, value: &Value) -> Result<(), Error> {
        self.check(value)?;
        self.spend(match value.as_str() {
            Some(text) => text.len(),
            None => 32 * value.len().unwrap_or(1),
        })
    }
}

/// Takes what `value` would need written out from `left`.
fn weigh(value: &Value, depth: usize, left: &mut usize) -> Result<(), Error> {
    if depth > DEEPEST {
        return Err(refuse("nests values too deeply"));
    }
    let own = value.as_str().map_or(16, str::len);
    *left = left.checked_sub(own).ok_or_else(|| refuse("makes a value of more than 4 MiB"))?;
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => value.try_iter()?.try_for_each(|item| weigh(&item, depth + 1, left)),
        ValueKind::Map => value.try_iter()?.try_for_each(|key| {
            weigh(&key, depth + 1, left)?;
            weigh(&value.get_item(&key)?, depth + 1, left)
        }),
        _ => Ok(()),
    }
}

/// An environment whose every step draws on `budget`. `now` is what `strftime_now` tells.
pub fn environment(budget: &Arc<Budget>, now: Option<jiff::Zoned>) -> Environment<'static> {
    let mut env = Environment::empty();
    env.set_trim_blocks(true);
    env.set_lstrip_blocks(true);
    env.set_fuel(Some(FUEL));
    env.set_recursion_limit(RECURSION);
    add_filters(&mut env, budget);
    add_tests(&mut env, budget);
    add_functions(&mut env, budget, now);
    let own = Arc::clone(budget);
    env.set_unknown_method_callback(move |state, value, method, args| {
        let mut all = vec![value.clone()];
        all.extend_from_slice(args);
        before(&own, method, &all)?;
        if method == guard::REVERSED {
            let result = reversed(value)?;
            own.charge(&result)?;
            return Ok(result);
        }
        let result = minijinja_contrib::pycompat::unknown_method_callback(state, value, method, args)?;
        own.charge(&result)?;
        Ok(result)
    });
    let own = Arc::clone(budget);
    env.set_formatter(move |out, _state, value| {
        own.check(value)?;
        let mut text = String::new();
        python(&mut text, value, false)?;
        own.spend(text.len())?;
        out.write_str(&text).map_err(Error::from)
    });
    env
}

/// Python's `str`.
fn string(value: &Value) -> Outcome {
    if value.kind() == ValueKind::String {
        return Ok(value.clone());
    }
    let mut text = String::new();
    python(&mut text, value, false)?;
    Ok(Value::from(text))
}

/// `value[::-1]`.
fn reversed(value: &Value) -> Outcome {
    if let Some(text) = value.as_str() {
        return Ok(Value::from(text.chars().rev().collect::<String>()));
    }
    let mut items: Vec<Value> = value.try_iter()?.collect();
    items.reverse();
    Ok(Value::from(items))
}

/// Checks the arguments of filter or method `name`, and what it would make of them where that can be much more.
fn before(budget: &Budget, name: &str, args: &[Value]) -> Result<(), Error> {
    for arg in args {
        budget.check(arg)?;
    }
    let text = |index: usize| args.get(index).and_then(Value::as_str).unwrap_or_default();
    let weight = |value: &Value| {
        let mut left = LARGEST;
        weigh(value, 0, &mut left).map(|()| LARGEST - left)
    };
    let size = match name {
        "replace" => (text(0).matches(text(1)).count()).saturating_mul(text(2).len()),
        "join" => {
            // as a filter the list comes first, as a method the separator
            let (list, separator) =
                if text(0).is_empty() && args.first().is_some_and(|first| first.as_str().is_none()) { (0, 1) } else { (1, 0) };
            args.get(list).and_then(Value::len).unwrap_or(0).saturating_mul(text(separator).len())
        }
        "indent" => text(0).lines().count().saturating_mul(largest_number(&args[1.min(args.len())..])?),
        "format" => {
            let numbers = text(0).split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or(0);
            if numbers > 3 || text(0).contains('*') {
                return Err(refuse("formats to an unreasonable width"));
            }
            let fields = text(0).matches(['{', '%']).count();
            fields.saturating_mul(args.iter().map(weight).sum::<Result<usize, _>>()? + 1000)
        }
        _ => 0,
    };
    if size > LARGEST { Err(refuse("makes a value of more than 4 MiB")) } else { Ok(()) }
}

/// The largest number among arguments and keyword arguments.
fn largest_number(args: &[Value]) -> Result<usize, Error> {
    let mut largest = 0;
    for arg in args {
        if arg.is_kwargs() {
            for key in arg.try_iter()? {
                largest = largest.max(arg.get_item(&key)?.as_usize().unwrap_or(0));
            }
        } else {
            largest = largest.max(arg.as_usize().unwrap_or(0));
        }
    }
    Ok(largest)
}

fn add_filters(env: &mut Environment<'static>, budget: &Arc<Budget>) {
    let mut add = |name: &'static str, filter: Value| {
        let own = Arc::clone(budget);
        env.add_filter(name, move |state: &State, args: Rest<Value>| -> Outcome {
            before(&own, name, &args)?;
            let result = filter.call(state, &args)?;
            own.charge(&result)?;
            Ok(result)
        });
    };
    macro_rules! builtin {
        ($($name:literal => $filter:path),* $(,)?) => { $(add($name, Value::from_function($filter));)* };
    }
    builtin! {
        "abs" => filters::abs, "attr" => filters::attr, "bool" => filters::bool, "capitalize" => filters::capitalize,
        "count" => filters::length, "d" => filters::default, "default" => filters::default, "dictsort" => filters::dictsort,
        "e" => filters::escape, "escape" => filters::escape, "first" => filters::first, "float" => filters::float,
        "format" => filters::format, "groupby" => filters::groupby, "indent" => filters::indent, "int" => filters::int,
        "items" => filters::items, "join" => filters::join, "last" => filters::last, "length" => filters::length,
        "lines" => filters::lines, "list" => filters::list, "lower" => filters::lower, "map" => filters::map,
        "max" => filters::max, "min" => filters::min, "reject" => filters::reject, "rejectattr" => filters::rejectattr,
        "replace" => filters::replace, "reverse" => filters::reverse, "round" => filters::round, "safe" => filters::safe,
        "select" => filters::select, "selectattr" => filters::selectattr, "sort" => filters::sort, "split" => filters::split,
        "string" => string, "title" => filters::title, "tojson" => tojson, "trim" => filters::trim,
        "unique" => filters::unique, "upper" => filters::upper,
    }
    let own = Arc::clone(budget);
    env.add_filter(guard::OPERAND, move |value: Value| own.charge(&value).map(|()| value));
    let own = Arc::clone(budget);
    env.add_filter(guard::STEP, move |value: Value| {
        match value.kind() {
            ValueKind::Seq | ValueKind::Iterable => own.charge(&value)?,
            _ => own.in_time()?,
        }
        Ok::<_, Error>(value)
    });
    env.add_filter(guard::FACTOR, |value: Value| match value.kind() {
        ValueKind::String if value.as_str().is_some_and(|text| text.len() <= LONGEST_FACTOR) => Ok(value),
        ValueKind::Number | ValueKind::Bool if value.as_i64().is_none_or(|number| number.abs() <= LARGEST_FACTOR) => Ok(value),
        _ => Err(refuse("multiplies something too large")),
    });
}

fn add_tests(env: &mut Environment<'static>, budget: &Arc<Budget>) {
    let mut add = |name: &'static str, test: Value| {
        let own = Arc::clone(budget);
        env.add_test(name, move |state: &State, args: Rest<Value>| -> Result<bool, Error> {
            before(&own, name, &args)?;
            Ok(test.call(state, &args)?.is_true())
        });
    };
    macro_rules! builtin {
        ($($name:literal => $test:path),* $(,)?) => { $(add($name, Value::from_function($test));)* };
    }
    builtin! {
        "!=" => tests::is_ne, "<" => tests::is_lt, "<=" => tests::is_le, "==" => tests::is_eq, ">" => tests::is_gt, ">=" => tests::is_ge,
        "boolean" => tests::is_boolean, "defined" => tests::is_defined, "divisibleby" => tests::is_divisibleby,
        "endingwith" => tests::is_endingwith, "eq" => tests::is_eq, "equalto" => tests::is_eq, "escaped" => tests::is_safe,
        "even" => tests::is_even, "false" => tests::is_false, "filter" => tests::is_filter, "float" => tests::is_float,
        "ge" => tests::is_ge, "greaterthan" => tests::is_gt, "gt" => tests::is_gt, "in" => tests::is_in, "integer" => tests::is_integer,
        "iterable" => tests::is_iterable, "le" => tests::is_le, "lessthan" => tests::is_lt, "lower" => tests::is_lower,
        "lt" => tests::is_lt, "mapping" => tests::is_mapping, "ne" => tests::is_ne, "none" => tests::is_none, "number" => tests::is_number,
        "odd" => tests::is_odd, "sameas" => tests::is_sameas, "sequence" => is_sequence, "startingwith" => tests::is_startingwith,
        "string" => tests::is_string, "test" => tests::is_test, "true" => tests::is_true, "undefined" => tests::is_undefined,
        "upper" => tests::is_upper,
    }
}

/// In Python a text and a map are sequences too.
fn is_sequence(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable | ValueKind::String | ValueKind::Map)
}

fn add_functions(env: &mut Environment<'static>, budget: &Arc<Budget>, now: Option<jiff::Zoned>) {
    env.add_function("range", functions::range);
    env.add_function("dict", functions::dict);
    env.add_function("namespace", functions::namespace);
    env.add_function("raise_exception", |message: String| -> Outcome {
        Err(Error::new(ErrorKind::InvalidOperation, format!("refuses this conversation: {message}")))
    });
    let own = Arc::clone(budget);
    env.add_function("strftime_now", move |format: String| -> Result<String, Error> {
        own.in_time()?;
        own.spend(format.len() * 8)?;
        let now = now.clone().unwrap_or_else(jiff::Zoned::now);
        jiff::fmt::strtime::format(&format, &now).map_err(|error| Error::new(ErrorKind::InvalidOperation, error.to_string()))
    });
    let own = Arc::clone(budget);
    env.add_function(guard::LITERAL, move |bytes: usize| own.in_time().and_then(|()| own.spend(bytes)).map(|()| ""));
}

/// Writes a value as Python's `str` does, or inside a list as `repr` does.
fn python(out: &mut String, value: &Value, quoted: bool) -> Result<(), Error> {
    match value.kind() {
        ValueKind::None => out.push_str("None"),
        ValueKind::Bool => out.push_str(if value.is_true() { "True" } else { "False" }),
        ValueKind::String if quoted => {
            let text = value.as_str().unwrap_or_default();
            let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
            out.push(quote);
            for c in text.chars() {
                match c {
                    '\n' => out.push_str("\\n"),
                    '\r' => out.push_str("\\r"),
                    '\t' => out.push_str("\\t"),
                    '\\' => out.push_str("\\\\"),
                    c if c == quote => out.extend(['\\', c]),
                    c => out.push(c),
                }
            }
            out.push(quote);
        }
        ValueKind::Seq | ValueKind::Iterable => {
            out.push('[');
            for (index, item) in value.try_iter()?.enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                python(out, &item, true)?;
            }
            out.push(']');
        }
        ValueKind::Map => {
            out.push('{');
            for (index, key) in value.try_iter()?.enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                python(out, &key, true)?;
                out.push_str(": ");
                python(out, &value.get_item(&key)?, true)?;
            }
            out.push('}');
        }
        ValueKind::Undefined => {}
        _ => write!(out, "{value}").map_err(Error::from)?,
    }
    Ok(())
}

/// `json.dumps(value, ensure_ascii=False, indent=…, separators=…, sort_keys=…)`, which is what transformers installs as `tojson`.
#[expect(clippy::needless_pass_by_value, reason = "minijinja hands keyword arguments over by value")]
fn tojson(value: &Value, indent: Option<Value>, kwargs: minijinja::value::Kwargs) -> Result<String, Error> {
    let indent = indent.or(kwargs.get("indent")?).filter(|indent| !indent.is_none() && !indent.is_undefined());
    let indent = match indent {
        Some(width) => Some(width.as_usize().filter(|&width| width <= 16).ok_or_else(|| refuse("indents JSON by more than 16"))?),
        None => None,
    };
    let ascii = kwargs.get::<Option<bool>>("ensure_ascii")?.unwrap_or(false);
    let sorted = kwargs.get::<Option<bool>>("sort_keys")?.unwrap_or(false);
    let separators: Option<Vec<String>> = kwargs.get("separators")?;
    kwargs.assert_all_used()?;
    let (item, key) = match separators.as_deref() {
        Some([item, key]) => (item.clone(), key.clone()),
        _ => (if indent.is_some() { "," } else { ", " }.to_owned(), ": ".to_owned()),
    };
    let mut json = Json { out: String::new(), indent, ascii, sorted, item, key };
    json.write(value, 0)?;
    Ok(json.out)
}

struct Json {
    out: String,
    indent: Option<usize>,
    ascii: bool,
    sorted: bool,
    item: String,
    key: String,
}

impl Json {
    fn write(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        if self.out.len() > LARGEST {
            return Err(refuse("makes a value of more than 4 MiB"));
        }
        match value.kind() {
            ValueKind::Undefined | ValueKind::None => self.out.push_str("null"),
            ValueKind::Bool => self.out.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::String => self.text(value.as_str().unwrap_or_default()),
            ValueKind::Seq | ValueKind::Iterable => {
                let items: Vec<Value> = value.try_iter()?.collect();
                self.list('[', ']', &items, depth, |json, item| json.write(item, depth + 1))?;
            }
            ValueKind::Map => {
                let mut keys: Vec<Value> = value.try_iter()?.collect();
                if self.sorted {
                    keys.sort();
                }
                self.list('{', '}', &keys, depth, |json, key| {
                    json.text(&key.to_string());
                    json.out.push_str(&json.key.clone());
                    json.write(&value.get_item(key)?, depth + 1)
                })?;
            }
            _ => write!(self.out, "{value}").map_err(Error::from)?,
        }
        Ok(())
    }

    fn list(
        &mut self,
        open: char,
        close: char,
        items: &[Value],
        depth: usize,
        mut each: impl FnMut(&mut Self, &Value) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.out.push(open);
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.out.push_str(&self.item.clone());
            }
            self.line(depth + 1);
            each(self, item)?;
        }
        if !items.is_empty() {
            self.line(depth);
        }
        self.out.push(close);
        Ok(())
    }

    fn line(&mut self, depth: usize) {
        if let Some(width) = self.indent {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n(' ', width * depth));
        }
    }

    fn text(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\u{8}' => self.out.push_str("\\b"),
                '\u{c}' => self.out.push_str("\\f"),
                c if c < ' ' || (self.ascii && !c.is_ascii()) => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        // writing to a text cannot fail
                        write!(self.out, "\\u{unit:04x}").unwrap_or_default();
                    }
                }
                c => self.out.push(c),
            }
        }
        self.out.push('"');
    }
}
