//! Short forms of reasons for tests, which compare codes and values, not words.

use docket_model::run::Reason;
use serde_json::Value;

/// The values of a reason one after another, the code first. Of what is true only the key is written, and
/// the time at which a suspension began is left out.
pub(crate) fn in_short(reason: &Reason) -> String {
    texts(&serde_json::to_value(reason).unwrap())
}

fn texts(values: &Value) -> String {
    let Value::Object(values) = values else {
        return values.as_str().map_or_else(|| values.to_string(), str::to_owned);
    };
    let of_note = values.iter().filter(|(key, _)| *key != "Since");
    let texts = of_note.map(|(key, value)| match value {
        Value::Bool(true) => key.clone(),
        value => texts(value),
    });
    texts.collect::<Vec<_>>().join(" ")
}
