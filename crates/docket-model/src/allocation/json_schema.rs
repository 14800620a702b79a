//! The JSON Schema of a specification, made from the table of keys.
//!
//! It knows keys and words in their canonical case only, as an editor should suggest them, though
//! they are read in any case.

use serde_json::{Map, Value, json};

use super::{
    key_definition::{Key, Presence},
    key_table::{ADDED_KEYS, TABLE},
};

/// The schema of a specification as it is pushed; in `$defs` those it refers to.
#[must_use]
pub fn specification() -> Value {
    let mut schema = mapping(&*TABLE);
    // What `get` prints can be pushed back, so an editor must not mark these keys as unknown.
    for key in ADDED_KEYS {
        schema["properties"][key] = json!({"description": "Ignored: the server adds it."});
    }
    schema["description"] = "An allocation as its user writes it.".into();
    schema
}

/// The schema of a mapping of these keys and no others.
pub(super) fn mapping<D, S>(keys: &[&dyn Key<D, S>]) -> Value {
    let properties: Map<_, _> =
        keys.iter().map(|key| (key.name().to_owned(), key.schema())).collect();
    let is_required = |key: &&&dyn Key<D, S>| matches!(key.presence(), Presence::Required(_));
    let required: Vec<_> = keys.iter().filter(is_required).map(|key| key.name()).collect();
    let mut schema = json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    });
    // `required` alone cannot say "one of two"; `oneOf` rejects none and both.
    let alternatives = keys.iter().filter_map(|key| match key.presence() {
        Presence::RequiredUnless(other, _) => {
            Some(json!({"oneOf": [given(key.name()), given(other)]}))
        }
        _ => None,
    });
    let alternatives: Vec<_> = alternatives.collect();
    if !alternatives.is_empty() {
        schema["allOf"] = alternatives.into();
    }
    schema
}

/// The schema of a mapping in which a key has a value.
fn given(key: &str) -> Value {
    // `required` accepts null, which counts as left out here.
    json!({"required": [key], "properties": {key: {"not": {"type": "null"}}}})
}
