//! The policies of an allocation, including the defaults that have an effect.

use docket_model::allocation;
use serde_json::Value;

/// Keys of a specification that other rows show.
const SHOWN_ELSEWHERE: [&str; 9] = [
    "Name",
    "Description",
    "Labels",
    "Cron",
    "TimeZone",
    "After",
    "Suspended",
    "Container",
    "EnvFiles",
];

/// Keys whose default is shown as well.
const ALWAYS_SHOWN: [&str; 5] = ["Pull", "Overlap", "CatchUp", "Timeout", "Retries"];

/// One line for each policy that is set or always shown.
pub(super) fn of(allocation: &Value) -> String {
    // From the table of keys, so that a new policy appears here by itself.
    let keys = allocation::documentation().into_iter();
    let policies =
        // A nested key is shown in the value of its parent.
        keys.filter(|key| !key.path.contains('.') && !SHOWN_ELSEWHERE.contains(&key.path.as_str()));
    let lines = policies.filter_map(|key| {
        let given = allocation.get(&key.path).filter(|value| !value.is_null()).map(in_words);
        // The documentation of defaults has backticks around code.
        let default = || format!("{} (default)", key.default.replace('`', ""));
        let is_shown = ALWAYS_SHOWN.contains(&key.path.as_str());
        let value = given.or_else(|| is_shown.then(default))?;
        Some(format!("{} {value}", key.path))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A value in readable form: `Limit 2, Delay 30s`.
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
