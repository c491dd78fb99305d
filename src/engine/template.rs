//! A model's chat template: messages in, prompt text out.
//!
//! Rendering is bounded whatever the template says (`guard`, `jinja`): 64 KiB in, 4 MiB out, two seconds, no recursion that could
//! exhaust a stack. Left out: tokens, and keeping typed text apart from structure (`prompt`).

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use minijinja::value::Value;
use minijinja::{ErrorKind, context};
use serde::{Deserialize, Serialize};

use super::guard;
use super::jinja::{self, Budget, LARGEST};
use super::vocabulary::Vocabulary;
use crate::error::{Error, Result};

/// The longest template source.
const LONGEST_SOURCE: usize = 64 << 10;
const CHATML: &str = "{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}{% endfor %}\
    {% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
const PLAIN: &str = "{{ bos_token }}{% for message in messages %}{% if message.role == 'system' %}{{ message.content + '\\n\\n' }}\
    {% else %}{{ message.role | capitalize + ': ' + message.content + '\\n' }}{% endif %}{% endfor %}\
    {% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}";

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Instructions that hold for the whole conversation.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
}

impl Role {
    /// The word templates know it by.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: String,
}

impl Message {
    /// A turn.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self { role, content: content.into() }
    }
}

/// What a template is told beside the messages.
#[derive(Debug, Clone, Default)]
pub struct RenderOptions {
    /// Whether the prompt ends where the assistant begins to speak.
    pub add_generation_prompt: bool,
    /// For models that can think aloud; unset, the template's own default holds.
    pub enable_thinking: Option<bool>,
    /// What `strftime_now` tells; unset, the clock.
    pub now: Option<jiff::Zoned>,
    /// The tools a model may call, as JSON text; unset, templates are told that there are none.
    pub tools: Option<String>,
}

impl RenderOptions {
    /// For an answer to follow.
    #[must_use]
    pub fn answer() -> Self {
        Self { add_generation_prompt: true, ..Self::default() }
    }
}

/// A template that has passed its checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatTemplate {
    source: String,
    guarded: String,
    bos: String,
    eos: String,
}

impl ChatTemplate {
    /// Checks a Jinja `source`; `bos` and `eos` are the texts of those tokens, empty if there are none.
    ///
    /// # Errors
    /// `Error::Engine` "chat template: line N: …": too long, too deep, or not Jinja.
    pub fn new(source: &str, bos: &str, eos: &str) -> Result<Self> {
        if source.len() > LONGEST_SOURCE {
            return Err(broken(None, &format!("is {} KiB long, 64 are allowed", source.len() >> 10)));
        }
        let guarded = guard::guard(source).map_err(|refusal| broken(Some(refusal.line), refusal.reason))?;
        let template = Self { source: source.to_owned(), guarded, bos: bos.to_owned(), eos: eos.to_owned() };
        jinja::environment(&Budget::new(0), None).template_from_str(&template.guarded).map_err(|error| said(&error))?;
        Ok(template)
    }

    /// The template of a vocabulary; none if it has none.
    ///
    /// # Errors
    /// As [`ChatTemplate::new`].
    #[must_use]
    pub fn of(vocabulary: &Vocabulary) -> Option<Result<Self>> {
        let text = |id: Option<u32>| id.and_then(|id| vocabulary.text(id)).unwrap_or_default();
        let source = vocabulary.chat_template.as_deref()?;
        Some(Self::new(source, text(vocabulary.bos), text(vocabulary.eos)))
    }

    /// What stands in for a template that is missing or broken: `ChatML` where the vocabulary has its tokens, else `User:` and
    /// `Assistant:` in plain text.
    #[must_use]
    pub fn fallback(vocabulary: &Vocabulary) -> Self {
        let chatml = vocabulary.id("<|im_start|>").is_some() && vocabulary.id("<|im_end|>").is_some();
        let source = if chatml { CHATML } else { PLAIN };
        // guarding can't fail here, and the source is sound without it
        let guarded = guard::guard(source).unwrap_or_else(|_refusal| source.to_owned());
        Self { source: source.to_owned(), guarded, bos: String::new(), eos: String::new() }
    }

    /// The template as the file has it.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The prompt for `messages`.
    ///
    /// # Errors
    /// `Error::Engine` "chat template: line N: …": it refuses the conversation, contains a mistake, does not end, or writes too much.
    pub fn render(&self, messages: &[Message], options: &RenderOptions) -> Result<String> {
        let turn = |message: &Message| {
            Value::from_iter([("role", Value::from(message.role.name())), ("content", Value::from(message.content.as_str()))])
        };
        let size = messages.iter().map(|message| message.content.len()).sum();
        self.render_values(&messages.iter().map(turn).collect(), size, options)
    }

    /// As [`render`](Self::render), for messages as JSON text: with whatever fields a template may know, as calls of tools.
    ///
    /// # Errors
    /// As `render`; and where `messages` or the tools are no JSON.
    pub fn render_json(&self, messages: &str, options: &RenderOptions) -> Result<String> {
        self.render_values(&json("messages", messages)?, messages.len(), options)
    }

    fn render_values(&self, messages: &Value, size: usize, options: &RenderOptions) -> Result<String> {
        let tools = options.tools.as_deref().map(|tools| json("tools", tools)).transpose()?;
        let size = size + options.tools.as_ref().map_or(0, String::len);
        let first = self.render_once(messages, size, tools.clone().unwrap_or_default(), options);
        // some templates are for tools only, and count them before they look whether there are any
        if first.is_err()
            && tools.is_none()
            && let Ok(prompt) = self.render_once(messages, size, Value::from(Vec::<Value>::new()), options)
        {
            return Ok(prompt);
        }
        first
    }

    fn render_once(&self, messages: &Value, size: usize, tools: Value, options: &RenderOptions) -> Result<String> {
        let budget = Budget::new(size);
        let env = jinja::environment(&budget, options.now.clone());
        let template = env.template_from_str(&self.guarded).map_err(|error| said(&error))?;
        let values = context! {
            messages,
            add_generation_prompt => options.add_generation_prompt,
            bos_token => self.bos,
            eos_token => self.eos,
            tools => if tools.is_undefined() { Value::from(()) } else { tools },
            documents => (),
        };
        let values = match options.enable_thinking {
            Some(thinking) => context! { enable_thinking => thinking, ..values },
            None => values,
        };
        let mut out = Bounded(Vec::new());
        let rendered = catch_unwind(AssertUnwindSafe(|| template.render_captured_to(values, &mut out).map(drop)));
        rendered
            .unwrap_or_else(|_panic| Err(minijinja::Error::new(ErrorKind::InvalidOperation, "makes the template engine fail")))
            .map_err(|error| said(&error))?;
        String::from_utf8(out.0).map_err(|_not_utf8| Error::Internal("a chat template wrote half a character".into()))
    }
}

/// JSON as templates see it, its keys in their order.
fn json(what: &str, text: &str) -> Result<Value> {
    serde_json::from_str(text).map_err(|error| Error::Engine(format!("{what} for a chat template: {error}")))
}

/// Where a render goes: up to `LARGEST` bytes.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > LARGEST {
            return Err(io::Error::other("full"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn said(error: &minijinja::Error) -> Error {
    let what = match error.kind() {
        ErrorKind::OutOfFuel => "does not end".to_owned(),
        ErrorKind::WriteFailure => "writes a prompt of more than 4 MiB".to_owned(),
        kind => error.detail().map_or_else(|| kind.to_string(), str::to_owned),
    };
    broken(error.line(), &what)
}

fn broken(line: Option<usize>, what: &str) -> Error {
    let line = line.map_or_else(String::new, |line| format!("line {line}: "));
    let what: String = what.chars().take(500).collect();
    Error::Engine(format!("chat template: {line}{what}; the plain default template can be used instead"))
}
