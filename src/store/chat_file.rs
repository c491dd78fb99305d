//! One chat as the bytes of its file, and back as far as the bytes allow. Touches no disk.
//!
//! The file is one JSON object: `"version": 1` and the fields of [`Chat`]. A message or a field that cannot be read does not hide the
//! others. Keys of a later Ponder come with a higher version; such a file is read as far as it can be understood and never written.

use std::fmt;

use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::chat::{Chat, ChatId, Role, Turn};
use super::fields;

/// The version that this Ponder writes.
pub(super) const VERSION: u64 = 1;
/// The longest chat file that is read or written: a hundred times what the longest contexts of today's models hold.
pub(super) const LIMIT: u64 = 64 << 20;
/// Stands for a message that is there and cannot be read.
const UNREADABLE: &str = "*(this message could not be read)*";

/// What the bytes of a chat file say.
#[derive(Debug)]
pub(super) enum Decoded {
    /// A chat; `damage` names the fields and messages that could not be read.
    Chat {
        /// What could be read.
        chat: Chat,
        /// Dotted names; empty if the file is sound.
        damage: Vec<String>,
    },
    /// Written by a later Ponder: what of it this one understands.
    Newer {
        /// The file's version.
        version: u64,
        /// The chat, if it still looks like one.
        chat: Option<Chat>,
    },
    /// Not a chat: why.
    Unreadable(String),
}

/// The bytes of a chat's file; the text of the error is for a person.
pub(super) fn encode(chat: &Chat) -> Result<Vec<u8>, String> {
    #[derive(Serialize)]
    struct File<'a> {
        version: u64,
        #[serde(flatten)]
        chat: &'a Chat,
    }
    let bytes = serde_json::to_vec(&File { version: VERSION, chat }).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LIMIT {
        return Err(format!(
            "the chat takes {} and a chat file may take {}; go on in a new chat",
            crate::units::Bytes(bytes.len() as u64).on_disk(),
            crate::units::Bytes(LIMIT).on_disk()
        ));
    }
    Ok(bytes)
}

/// Reads the bytes of the file of `id`.
pub(super) fn decode(bytes: &[u8], id: ChatId) -> Decoded {
    #[derive(Deserialize)]
    struct Head {
        #[serde(default)]
        version: Value,
    }
    let version = match serde_json::from_slice::<Head>(bytes) {
        Ok(head) => head.version,
        Err(error) => return Decoded::Unreadable(not_json(bytes, &error)),
    };
    match version.as_u64() {
        Some(VERSION) => match body(bytes, id) {
            Ok((chat, damage)) => Decoded::Chat { chat, damage },
            Err(why) => Decoded::Unreadable(why),
        },
        Some(newer) if newer > VERSION => Decoded::Newer { version: newer, chat: body(bytes, id).ok().map(|(chat, _)| chat) },
        _ => Decoded::Unreadable(format!("\"version\" is {}, expected {VERSION}", brief(&version))),
    }
}

/// What is wrong with bytes that are not JSON, in few words.
pub(super) fn not_json(bytes: &[u8], error: &serde_json::Error) -> String {
    if bytes.is_empty() {
        "the file is empty".to_owned()
    } else if bytes.iter().all(|&byte| byte == 0) {
        "the file holds nothing but zeros".to_owned()
    } else {
        format!("expected JSON, found: {error}")
    }
}

/// At most 40 characters of a value.
fn brief(value: &Value) -> String {
    match value {
        Value::Null => "missing".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        other => other.to_string().chars().take(40).collect(),
    }
}

fn body(bytes: &[u8], id: ChatId) -> Result<(Chat, Vec<String>), String> {
    #[derive(Deserialize)]
    struct Body {
        turns: Turns,
        #[serde(flatten)]
        fields: Map<String, Value>,
    }
    let mut body: Body = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let given = body.fields.remove("id");
    let own = match given.as_ref().and_then(Value::as_str) {
        Some(given) if super::folder::stem(&ChatId(given.to_owned())) == id.0 => ChatId(given.to_owned()),
        _ => id,
    };
    let (chat, mut damage) = fields::lenient(&Chat::new(own), body.fields);
    let mut chat = chat.ok_or("the fields contradict each other")?;
    chat.turns = body.turns.read;
    damage.extend(body.turns.damage);
    Ok((chat, damage))
}

/// The messages, read one at a time so that a long list never lies in memory twice.
#[derive(Default)]
struct Turns {
    read: Vec<Turn>,
    damage: Vec<String>,
}

impl<'de> Deserialize<'de> for Turns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Turns;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of messages")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Turns, A::Error> {
                let mut turns = Turns::default();
                while let Some(value) = list.next_element::<Value>()? {
                    match Turn::deserialize(&value) {
                        Ok(turn) => turns.read.push(turn),
                        Err(error) => {
                            turns.damage.push(format!("message {}: {error}", turns.read.len() + 1));
                            let turn = salvage(&value, turns.read.last().map(|turn| turn.role));
                            turns.read.push(turn);
                        }
                    }
                }
                Ok(turns)
            }
        }
        deserializer.deserialize_seq(Each)
    }
}

/// What can be kept of a message that is not one. It keeps its place, so that the others keep theirs.
fn salvage(value: &Value, before: Option<Role>) -> Turn {
    let alternate = if before == Some(Role::User) { Role::Assistant } else { Role::User };
    Turn {
        role: value.get("role").and_then(|role| Role::deserialize(role).ok()).unwrap_or(alternate),
        text: value.get("text").and_then(Value::as_str).unwrap_or(UNREADABLE).to_owned(),
        model: value.get("model").and_then(Value::as_str).map(str::to_owned),
        metrics: None,
    }
}
