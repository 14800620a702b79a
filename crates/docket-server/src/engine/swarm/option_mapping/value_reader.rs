//! Values of options, as the Engine API takes them.

use serde_json::{Map, Value};

/// True for what an engine takes for an option that is not set.
pub(super) fn is_unset(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

/// The texts of a list; the engine also takes a single text for a list of one.
pub(super) fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The mapping under a key; empty where there is none.
pub(super) fn mapping_at<'a>(
    fields: &'a Map<String, Value>,
    key: &str,
) -> Vec<(&'a String, &'a Value)> {
    let found = fields.get(key).and_then(Value::as_object);
    found.into_iter().flatten().collect()
}

/// A whole number that is set.
pub(super) fn number(value: &Value) -> Option<i64> {
    value.as_i64().filter(|number| *number != 0)
}
