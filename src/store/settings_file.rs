//! The settings as the bytes of their file, and back. Touches no disk.
//!
//! One JSON object: `"version": 1` and the fields of [`Settings`]. Keys that this Ponder does not know are left as they stand, and so
//! are fields that it did not change: two instances each keep what the other one set.

use serde_json::{Map, Value};

use super::chat_file::not_json;
use super::fields;
use super::settings::Settings;

/// The version that this Ponder writes.
const VERSION: u64 = 1;
/// The longest settings file that is read: some thousand folders.
pub(super) const LIMIT: u64 = 4 << 20;

/// What the bytes of the settings file say.
#[derive(Debug)]
pub(super) struct Decoded {
    /// The settings, each field that could not be read at its default.
    pub settings: Settings,
    /// The names of those fields.
    pub damage: Vec<String>,
    /// The version, if a later Ponder wrote the file: it is read and not written.
    pub newer: Option<u64>,
}

/// Reads the settings; the text of the error says why there are none.
pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, String> {
    let object = object(bytes)?;
    let newer = newer(&object);
    let version_fits = newer.is_some() || object.get("version").is_none_or(|version| version.as_u64() == Some(VERSION));
    let (settings, mut damage) = fields::lenient(&Settings::default(), object);
    if !version_fits {
        damage.push("version".to_owned());
    }
    Ok(Decoded { settings: settings.unwrap_or_default().usable(), damage, newer })
}

/// The version of a file that a later Ponder wrote.
pub(super) fn newer(object: &Map<String, Value>) -> Option<u64> {
    object.get("version").and_then(Value::as_u64).filter(|&version| version > VERSION)
}

/// The fields of the settings as they are written. Paths that are not Unicode cannot be and are left out.
pub(super) fn to_object(settings: &Settings) -> Result<Map<String, Value>, String> {
    let mut settings = settings.clone();
    settings.recent.retain(|path| path.to_str().is_some());
    settings.model_folders.retain(|path| path.to_str().is_some());
    match serde_json::to_value(&settings) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err("the settings are no JSON object".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// The new file: `on_disk` with the fields of `new` that differ from `old`, the settings as this instance last saw them.
pub(super) fn encode(on_disk: Map<String, Value>, old: &Map<String, Value>, new: &Map<String, Value>) -> Result<Vec<u8>, String> {
    let mut file = on_disk;
    for (key, value) in new {
        if old.get(key) != Some(value) || !file.contains_key(key) {
            file.insert(key.clone(), value.clone());
        }
    }
    file.insert("version".to_owned(), Value::from(VERSION));
    let mut bytes = serde_json::to_vec_pretty(&file).map_err(|error| error.to_string())?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The JSON object in the bytes.
pub(super) fn object(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err("expected a JSON object".to_owned()),
        Err(error) => Err(not_json(bytes, &error)),
    }
}
