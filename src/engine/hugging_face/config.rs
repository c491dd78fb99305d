//! What the small files of a Hugging Face folder say: `tokenizer_config.json`, `special_tokens_map.json`, `generation_config.json`,
//! `config.json`, `added_tokens.json` and `chat_template.jinja`. Anything that is missing or of another type is as if it weren't there.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::{LARGEST_CONFIG, read};
use crate::error::{Error, Result};

/// A token that was added to a vocabulary after training.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// Its text.
    pub content: String,
    /// Whether it is structure rather than text.
    pub special: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Config {
    /// `chat_template.jinja`, else the `chat_template` of `tokenizer_config.json`, the one named `default` of several.
    pub chat_template: Option<String>,
    /// Texts of special tokens by their names: `bos_token`, `eos_token`, `unk_token`, `pad_token`, `sep_token`.
    tokens: BTreeMap<&'static str, String>,
    /// `add_bos_token`.
    pub add_bos: Option<bool>,
    /// `add_eos_token`.
    pub add_eos: Option<bool>,
    /// Added tokens by id.
    pub added: BTreeMap<u32, Added>,
    /// Every `eos_token_id` of `generation_config.json`, or else of `config.json`: an answer ends at any of them.
    pub ends: Vec<u32>,
    /// `bos_token_id` of the same.
    pub bos: Option<u32>,
}

const TOKENS: [&str; 5] = ["bos_token", "eos_token", "unk_token", "pad_token", "sep_token"];

impl Config {
    /// # Errors
    /// `Error::Open` where a file cannot be read, `Error::Format` where one is no JSON.
    pub fn read(folder: &Path) -> Result<Self> {
        let mut config = Self::default();
        for name in ["special_tokens_map.json", "tokenizer_config.json"] {
            if let Some(value) = json(&folder.join(name))? {
                config.take_tokenizer_config(&value);
            }
        }
        if let Some(Value::Object(added)) = json(&folder.join("added_tokens.json"))? {
            for (content, id) in added {
                let Some(id) = id.as_u64().and_then(|id| u32::try_from(id).ok()) else { continue };
                let special = content.starts_with('<') && content.ends_with('>');
                config.added.entry(id).or_insert(Added { content, special });
            }
        }
        for name in ["config.json", "generation_config.json"] {
            let Some(value) = json(&folder.join(name))? else { continue };
            let ids = ids(&value["eos_token_id"]);
            if !ids.is_empty() {
                config.ends = ids;
            }
            config.bos = ids_first(&value["bos_token_id"]).or(config.bos);
        }
        for name in ["chat_template.json", "chat_template.jinja"] {
            let path = folder.join(name);
            let Some(bytes) = read(&path, LARGEST_CONFIG)? else { continue };
            let text = String::from_utf8(bytes).map_err(|error| Error::format(&path, "content", "UTF-8", error.to_string()))?;
            if name == "chat_template.jinja" {
                config.chat_template = Some(text);
            } else if let Ok(value) = serde_json::from_str::<Value>(&text) {
                config.chat_template = template(&value["chat_template"]).or(config.chat_template);
            }
        }
        Ok(config)
    }

    /// The text of a special token: `"eos_token"`.
    pub fn token(&self, name: &str) -> Option<&str> {
        self.tokens.get(name).map(String::as_str)
    }

    fn take_tokenizer_config(&mut self, value: &Value) {
        for name in TOKENS {
            let text = value[name].as_str().or_else(|| value[name]["content"].as_str());
            if let Some(text) = text {
                self.tokens.insert(name, text.to_owned());
            }
        }
        self.add_bos = value["add_bos_token"].as_bool().or(self.add_bos);
        self.add_eos = value["add_eos_token"].as_bool().or(self.add_eos);
        self.chat_template = template(&value["chat_template"]).or(self.chat_template.take());
        for (id, token) in value["added_tokens_decoder"].as_object().into_iter().flatten() {
            let (Ok(id), Some(content)) = (id.parse(), token["content"].as_str()) else { continue };
            let special = token["special"].as_bool().unwrap_or(false);
            self.added.insert(id, Added { content: content.to_owned(), special });
        }
    }
}

/// A template, or the one named `default` of a list, else its first.
fn template(value: &Value) -> Option<String> {
    if let Some(text) = value.as_str() {
        return Some(text.to_owned());
    }
    let all = value.as_array()?;
    let chosen = all.iter().find(|each| each["name"] == "default").or(all.first())?;
    chosen["template"].as_str().map(str::to_owned)
}

fn ids(value: &Value) -> Vec<u32> {
    let one = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    value.as_array().map_or_else(|| one(value).into_iter().collect(), |all| all.iter().filter_map(one).collect())
}

fn ids_first(value: &Value) -> Option<u32> {
    ids(value).first().copied()
}

/// A JSON file; nothing if there is none.
fn json(path: &Path) -> Result<Option<Value>> {
    let Some(bytes) = read(path, LARGEST_CONFIG)? else { return Ok(None) };
    let wrong = |error: serde_json::Error| {
        Error::format(path, format!("line {}, column {}", error.line(), error.column()), "JSON", error.to_string())
    };
    serde_json::from_slice(&bytes).map(Some).map_err(wrong)
}
