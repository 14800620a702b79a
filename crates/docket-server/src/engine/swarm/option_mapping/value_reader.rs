//! Values of options, as the Engine API takes them.

pub(super) use docket_model::container::{is_unset, texts};
use serde_json::{Map, Value};

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
