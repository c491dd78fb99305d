//! The machine that a pickle is a program for, with the few calls that a list of tensors needs. Nothing is imported, called or executed; a
//! name that isn't known ends the reading with an error that says it.

use std::collections::HashMap;

use super::pickle::{Global, Node, Storage, Tensor, Value, node};
use crate::error::{Error, Result};
use crate::file::source::Source;
use crate::file::{DType, text};
use crate::units::{Bytes, grouped};

/// What a pickle may build whatever its length.
const ALWAYS: u64 = 512 << 10;
/// Values that wait to be put together at one time.
const STACK: usize = 1 << 15;

/// All that a pickle of `source` builds, and what remains at its end.
///
/// # Errors
/// [`Error::Unsupported`] naming what it asks Python to import, [`Error::Format`] with the byte that contradicts itself.
pub(super) fn run(source: &Source, bytes: &[u8]) -> Result<(Vec<Node>, Value)> {
    let left = ALWAYS + 4 * source.len;
    let mut reader = Reader { source, bytes, at: 0, stack: Vec::new(), memo: HashMap::new(), nodes: Vec::new(), left };
    let root = reader.run()?;
    Ok((reader.nodes, root))
}

/// The names that are known.
fn global(module: &str, name: &str) -> Option<Global> {
    let dtype = |name: &str| {
        Some(match name {
            "DoubleStorage" => DType::F64,
            "FloatStorage" => DType::F32,
            "HalfStorage" => DType::F16,
            "BFloat16Storage" => DType::BF16,
            "LongStorage" => DType::I64,
            "IntStorage" => DType::I32,
            "ShortStorage" => DType::I16,
            "CharStorage" => DType::I8,
            "ByteStorage" => DType::U8,
            "BoolStorage" => DType::Bool,
            _ => return None,
        })
    };
    match (module, name) {
        ("torch._utils", "_rebuild_tensor_v2" | "_rebuild_tensor") => Some(Global::RebuildTensor),
        ("torch._utils", "_rebuild_parameter") => Some(Global::RebuildParameter),
        ("torch.nn.parameter", "Parameter") => Some(Global::Parameter),
        ("collections", "OrderedDict") => Some(Global::OrderedDict),
        ("torch", "Size") => Some(Global::Size),
        ("torch", name) => dtype(name).map(Global::Storage),
        _ => None,
    }
}

struct Reader<'a> {
    source: &'a Source,
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Value>,
    memo: HashMap<u32, Value>,
    nodes: Vec<Node>,
    /// Bytes that may still be built.
    left: u64,
}

impl<'a> Reader<'a> {
    fn fault(&self, expected: impl Into<String>, found: impl Into<String>) -> Error {
        Error::format(&self.source.path, format!("data.pkl, byte {}", self.at.saturating_sub(1)), expected, found)
    }

    fn run(&mut self) -> Result<Value> {
        loop {
            let op = *self.take(1)?.first().unwrap_or(&0);
            if op == b'.' {
                return self.pop();
            }
            self.step(op)?;
        }
    }

    fn step(&mut self, op: u8) -> Result<()> {
        match op {
            0x80 => self.take(1).map(drop),
            0x95 => self.take(8).map(drop),
            b'(' => self.push(Value::Mark),
            // `b` sets the state of an ordered dictionary, or of a tensor: nothing that a tensor is read by.
            b'0' | b'b' => self.pop().map(drop),
            b'1' => self.marked().map(drop),
            b'2' => {
                let top = self.top()?;
                self.push(top)
            }
            b'N' => self.push(Value::Other),
            0x88 => self.push(Value::Bool(true)),
            0x89 => self.push(Value::Bool(false)),
            b'I' | b'L' => self.decimal(),
            b'J' => {
                let n = i32::from_le_bytes(self.array()?);
                self.push(Value::Int(n.into()))
            }
            b'K' => {
                let [n] = self.array()?;
                self.push(Value::Int(n.into()))
            }
            b'M' => {
                let n = u16::from_le_bytes(self.array()?);
                self.push(Value::Int(n.into()))
            }
            0x8a => self.long(),
            b'F' => {
                self.line()?;
                self.push(Value::Other)
            }
            b'G' => {
                self.take(8)?;
                self.push(Value::Other)
            }
            b'X' | 0x8c | 0x8d | b'T' | b'U' => {
                let len = self.len(op)?;
                let bytes = self.take(len)?;
                self.text(bytes)
            }
            b'V' | b'S' => {
                let line = self.line()?;
                self.text(line.trim_ascii())
            }
            b'B' | b'C' | 0x8e | 0x96 => {
                let len = self.len(op)?;
                self.take(len)?;
                self.push(Value::Other)
            }
            b']' | 0x8f => self.add(Node::List(Vec::new())),
            b'}' => self.add(Node::Dict(Vec::new())),
            b')' => self.tuple(0),
            0x85..=0x87 => self.tuple(usize::from(op - 0x84)),
            b't' | 0x91 => {
                let all = self.marked()?;
                self.add(Node::Tuple(all.into()))
            }
            b'l' => {
                let all = self.marked()?;
                self.add(Node::List(all))
            }
            b'd' => {
                let all = self.marked()?;
                let pairs = self.pairs(&all)?;
                self.add(Node::Dict(pairs))
            }
            b'a' => {
                let value = self.pop()?;
                self.append(&[value])
            }
            b'e' | 0x90 => {
                let all = self.marked()?;
                self.append(&all)
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set(&[key, value])
            }
            b'u' => {
                let all = self.marked()?;
                self.set(&all)
            }
            b'p' | b'q' | b'r' | 0x94 => self.put(op),
            b'g' | b'h' | b'j' => self.get(op),
            b'c' | 0x93 => self.global(op),
            b'R' | 0x81 => {
                let (args, call) = (self.pop()?, self.pop()?);
                self.call(call, args)
            }
            b'Q' => self.persistent(),
            _ => Err(self.fault("an operation that a list of tensors needs", format!("the byte {op:#04x}"))),
        }
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        let all: &'a [u8] = self.bytes;
        match self.at.checked_add(n).and_then(|end| all.get(self.at..end)) {
            Some(taken) => {
                self.at += n;
                Ok(taken)
            }
            None => Err(self.fault(format!("{} bytes more", grouped(n as u64)), "the end")),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        Ok(self.take(N)?.first_chunk().copied().unwrap_or([0; N]))
    }

    /// The rest of the line, without its end.
    fn line(&mut self) -> Result<&'a [u8]> {
        let rest: &'a [u8] = &self.bytes[self.at..];
        let Some(end) = rest.iter().position(|&b| b == b'\n') else { return Err(self.fault("the end of a line", "none")) };
        self.at += end + 1;
        Ok(&rest[..end])
    }

    /// The length that an operation states.
    fn len(&mut self, op: u8) -> Result<usize> {
        let len = match op {
            0x8c | b'U' | b'C' => u64::from(self.array::<1>()?[0]),
            b'X' | b'T' | b'B' => u32::from_le_bytes(self.array()?).into(),
            _ => u64::from_le_bytes(self.array()?),
        };
        usize::try_from(len).map_err(|_too_large| self.fault("a length that fits", grouped(len)))
    }

    /// Takes what is built out of what may be.
    fn charge(&mut self, bytes: usize) -> Result<()> {
        if let Some(left) = self.left.checked_sub(bytes as u64) {
            self.left = left;
            Ok(())
        } else {
            let most = Bytes(ALWAYS + 4 * self.source.len);
            Err(self.fault(format!("values that take at most {most} (Ponder's limit for a file of this length)"), "more"))
        }
    }

    fn push(&mut self, value: Value) -> Result<()> {
        if self.stack.len() == STACK {
            return Err(self.fault(format!("at most {} values at a time (Ponder's limit)", grouped(STACK as u64)), "more"));
        }
        self.stack.push(value);
        Ok(())
    }

    fn add(&mut self, node: Node) -> Result<()> {
        let elements = match &node {
            Node::Text(text) => text.len(),
            Node::Tuple(all) => size_of_val::<[Value]>(all),
            Node::List(all) => size_of_val::<[Value]>(all),
            Node::Dict(all) => size_of_val::<[(Value, Value)]>(all),
            _ => 0,
        };
        self.charge(2 * size_of::<Node>() + elements)?;
        let at = u32::try_from(self.nodes.len()).map_err(|_too_many| self.fault("fewer values", "more"))?;
        self.nodes.push(node);
        self.push(Value::At(at))
    }

    fn top(&self) -> Result<Value> {
        self.stack.last().copied().ok_or_else(|| self.fault("a value on the stack", "none"))
    }

    fn pop(&mut self) -> Result<Value> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    /// What lies above the last mark, which goes too.
    fn marked(&mut self) -> Result<Vec<Value>> {
        let Some(mark) = self.stack.iter().rposition(|&value| value == Value::Mark) else { return Err(self.fault("a mark", "none")) };
        let above = self.stack.split_off(mark + 1);
        self.stack.pop();
        Ok(above)
    }

    fn pairs(&self, all: &[Value]) -> Result<Vec<(Value, Value)>> {
        if !all.len().is_multiple_of(2) {
            return Err(self.fault("keys with values", "an odd number of them"));
        }
        Ok(all.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
    }

    fn tuple(&mut self, n: usize) -> Result<()> {
        let Some(from) = self.stack.len().checked_sub(n) else { return Err(self.fault(format!("{n} values on the stack"), "fewer")) };
        let all = self.stack.split_off(from);
        self.add(Node::Tuple(all.into()))
    }

    fn append(&mut self, more: &[Value]) -> Result<()> {
        self.charge(2 * size_of_val(more))?;
        let list = self.top()?;
        if let Value::At(at) = list
            && let Some(Node::List(all)) = self.nodes.get_mut(at as usize)
        {
            all.extend_from_slice(more);
            return Ok(());
        }
        Err(self.fault("a list to add to", "something else"))
    }

    fn set(&mut self, more: &[Value]) -> Result<()> {
        self.charge(2 * size_of_val(more))?;
        let pairs = self.pairs(more)?;
        let dict = self.top()?;
        if let Value::At(at) = dict
            && let Some(Node::Dict(all)) = self.nodes.get_mut(at as usize)
        {
            all.extend(pairs);
            return Ok(());
        }
        Err(self.fault("a dictionary to add to", "something else"))
    }

    /// A number in digits.
    fn decimal(&mut self) -> Result<()> {
        let line = self.line()?.trim_ascii();
        let value = match line {
            b"00" => Some(Value::Bool(false)),
            b"01" => Some(Value::Bool(true)),
            digits => std::str::from_utf8(digits.strip_suffix(b"L").unwrap_or(digits)).ok().and_then(|n| n.parse().ok()).map(Value::Int),
        };
        match value {
            Some(value) => self.push(value),
            None => Err(self.fault("a number", format!("`{}`", text::shown(&String::from_utf8_lossy(line), 40)))),
        }
    }

    /// A number in up to eight bytes; longer ones are no dimension.
    fn long(&mut self) -> Result<()> {
        let [len] = self.array()?;
        let bytes = self.take(len.into())?;
        if bytes.len() > 8 {
            return self.push(Value::Other);
        }
        let fill = if bytes.last().is_some_and(|&b| b >= 0x80) { 0xff } else { 0 };
        let mut all = [fill; 8];
        all[..bytes.len()].copy_from_slice(bytes);
        self.push(Value::Int(i64::from_le_bytes(all)))
    }

    fn text(&mut self, bytes: &[u8]) -> Result<()> {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.add(Node::Text(text.into())),
            Err(_other) => Err(self.fault("a text in UTF-8", "other bytes")),
        }
    }

    fn number(&mut self, op: u8) -> Result<u32> {
        Ok(match op {
            b'q' | b'h' => u32::from(self.array::<1>()?[0]),
            b'r' | b'j' => u32::from_le_bytes(self.array()?),
            0x94 => u32::try_from(self.memo.len()).unwrap_or(u32::MAX),
            _ => {
                let line = self.line()?.trim_ascii();
                let number = std::str::from_utf8(line).ok().and_then(|line| line.parse().ok());
                number.ok_or_else(|| self.fault("a number", format!("`{}`", text::shown(&String::from_utf8_lossy(line), 40))))?
            }
        })
    }

    fn put(&mut self, op: u8) -> Result<()> {
        let number = self.number(op)?;
        self.charge(4 * size_of::<(u32, Value)>())?;
        let top = self.top()?;
        self.memo.insert(number, top);
        Ok(())
    }

    fn get(&mut self, op: u8) -> Result<()> {
        let number = self.number(op)?;
        match self.memo.get(&number) {
            Some(&value) => self.push(value),
            None => Err(self.fault("a value that was kept", format!("number {number}, which wasn't"))),
        }
    }

    fn global(&mut self, op: u8) -> Result<()> {
        let (module, name): (Box<str>, Box<str>) = if op == b'c' {
            let mut line = || self.line().map(|line| String::from_utf8_lossy(line).into());
            (line()?, line()?)
        } else {
            let (name, module) = (self.pop()?, self.pop()?);
            match (node(&self.nodes, module), node(&self.nodes, name)) {
                (Some(Node::Text(module)), Some(Node::Text(name))) => (module.clone(), name.clone()),
                _ => return Err(self.fault("the name of something to import", "no text")),
            }
        };
        match global(&module, &name) {
            Some(global) => self.add(Node::Global(global)),
            None => Err(Error::unsupported(
                self.source.path.display().to_string(),
                format!(
                    "its pickle asks Python to import `{}`, which no list of tensors needs; nothing of it was executed. Get the model as \
                     safetensors or GGUF, which can't hold programs",
                    text::shown(&format!("{module}.{name}"), 120)
                ),
            )),
        }
    }

    /// What a call of one of the known names would give.
    fn call(&mut self, call: Value, args: Value) -> Result<()> {
        let Some(&Node::Global(global)) = node(&self.nodes, call) else { return Err(self.fault("something to call", "a value")) };
        let args: Vec<Value> = match node(&self.nodes, args) {
            Some(Node::Tuple(args)) if args.len() <= 16 => args.to_vec(),
            _ => return Err(self.fault("a tuple of arguments", "something else")),
        };
        match (global, &args[..]) {
            (Global::RebuildTensor, &[storage, Value::Int(offset), size, stride, ..]) => {
                self.add(Node::Tensor(Tensor { storage, offset, size, stride }))
            }
            (Global::RebuildParameter | Global::Parameter, &[data, ..]) | (Global::Size, &[data]) => self.push(data),
            (Global::OrderedDict, []) => self.add(Node::Dict(Vec::new())),
            (Global::OrderedDict, &[list]) => {
                let Some(Node::List(pairs)) = node(&self.nodes, list) else { return Err(self.fault("a list of pairs", "something else")) };
                let pair = |value: &Value| match node(&self.nodes, *value) {
                    Some(Node::Tuple(pair)) if pair.len() == 2 => Some((pair[0], pair[1])),
                    _ => None,
                };
                let pairs: Option<Vec<(Value, Value)>> = pairs.iter().map(pair).collect();
                match pairs {
                    Some(pairs) => self.add(Node::Dict(pairs)),
                    None => Err(self.fault("a list of pairs", "something else")),
                }
            }
            _ => Err(self.fault("the arguments that PyTorch writes", "others")),
        }
    }

    /// `("storage", type, key, location, count)`
    fn persistent(&mut self) -> Result<()> {
        let value = self.pop()?;
        let storage = match node(&self.nodes, value) {
            Some(Node::Tuple(parts)) => match parts[..] {
                [word, class, key, ..] => match (node(&self.nodes, word), node(&self.nodes, class)) {
                    (Some(Node::Text(word)), Some(&Node::Global(Global::Storage(dtype)))) if &**word == "storage" => {
                        Some(Storage { key, dtype })
                    }
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        };
        match storage {
            Some(storage) => self.add(Node::Storage(storage)),
            None => Err(self.fault("a storage as PyTorch writes them", "something else")),
        }
    }
}
