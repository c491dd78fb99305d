//! Plain structs out of JSON that is partly wrong: a field that does not fit falls back alone.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// `T` from `given`; a key that is missing or whose value does not fit has its value of `defaults`. Returns the dotted names of those
/// that did not fit. Keys that `T` does not have are passed over.
pub(super) fn lenient<T: Serialize + DeserializeOwned>(defaults: &T, given: Map<String, Value>) -> (Option<T>, Vec<String>) {
    let Ok(mut root) = serde_json::to_value(defaults) else { return (None, vec!["defaults".to_owned()]) };
    let mut whole = root.clone();
    overlay(&mut whole, &given);
    if let Ok(value) = serde_json::from_value(whole) {
        return (Some(value), Vec::new());
    }
    let mut misfits = Vec::new();
    fill::<T>(&mut root, "", given, &mut misfits);
    (serde_json::from_value(root).ok(), misfits)
}

fn overlay(root: &mut Value, given: &Map<String, Value>) {
    let Value::Object(fields) = root else { return };
    for (key, field) in fields {
        if let Some(value) = given.get(key) {
            field.clone_from(value);
        }
    }
}

/// Puts the values of `given` into the object at `pointer` of `root` one at a time, as long as the root stays a `T`.
fn fill<T: DeserializeOwned>(root: &mut Value, pointer: &str, given: Map<String, Value>, misfits: &mut Vec<String>) {
    for (key, value) in given {
        if key.contains(['/', '~']) {
            continue;
        }
        let place = format!("{pointer}/{key}");
        let Some(field) = root.pointer_mut(&place) else { continue };
        let before = std::mem::replace(field, value);
        if serde_json::from_value::<T>(root.clone()).is_ok() {
            continue;
        }
        let Some(field) = root.pointer_mut(&place) else { continue };
        let was_object = before.is_object();
        match std::mem::replace(field, before) {
            Value::Object(inner) if was_object => fill::<T>(root, &place, inner, misfits),
            _ => misfits.push(place.trim_start_matches('/').replace('/', ".")),
        }
    }
}
