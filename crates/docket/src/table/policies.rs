//! The policies of an allocation, those that hold by default included.

use docket_model::allocation::{CatchUp, Overlap, Pull};
use serde_json::Value;

/// The keys of policies, in the order in which they are written.
const KEYS: [&str; 10] = [
    "Pull",
    "Overlap",
    "StartingDeadline",
    "CatchUp",
    "Timeout",
    "Retries",
    "Jitter",
    "NotBefore",
    "NotAfter",
    "Keep",
];

/// A line for each policy: those that were given, and of the others those that always have an effect.
pub(super) fn of(allocation: &Value) -> String {
    let line = |key: &&str| {
        let given = allocation.get(*key).filter(|value| !value.is_null()).map(in_words);
        let usual = || default(key).map(|word| format!("{word} (default)"));
        Some(format!("{key} {}", given.or_else(usual)?))
    };
    KEYS.iter().filter_map(line).collect::<Vec<_>>().join("\n")
}

fn default(key: &str) -> Option<&'static str> {
    match key {
        "Pull" => Some(Pull::default().word()),
        "Overlap" => Some(Overlap::default().word()),
        "CatchUp" => Some(CatchUp::default().word()),
        "Timeout" => Some("none"),
        "Retries" => Some("0"),
        _ => None,
    }
}

/// A value as people write it: `Limit 2, Delay 30s`.
fn in_words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(fields) => {
            let field = |(key, value)| format!("{key} {}", in_words(value));
            fields.iter().map(field).collect::<Vec<_>>().join(", ")
        }
        value => value.to_string(),
    }
}
