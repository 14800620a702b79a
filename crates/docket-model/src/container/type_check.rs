//! Checks a JSON value against a type of the Engine API: canonical keys, unknown keys, all errors at once.

use std::ops::RangeInclusive;

use serde_json::Value;

use super::{
    canonical_keys,
    engine_api_options::{LISTS_OF_ONE, Type},
    expected_at, file_mode,
    findings::Findings,
};
use crate::finding::Place;

/// Rewrites the keys of `value` in their canonical case, and notes what is not of the type.
pub(super) fn conform(kind: &Type, value: &mut Value, at: Place<'_>, findings: &mut Findings<'_>) {
    match (kind, &mut *value) {
        (Type::Any | Type::Retired, _)
        | (
            Type::Optional(_) | Type::List(_) | Type::Map(_) | Type::Struct(_),
            // The engine reads null as an empty list or mapping.
            Value::Null,
        )
        | (Type::Boolean, Value::Bool(_))
        | (Type::Number, Value::Number(_))
        | (Type::Text, Value::String(_)) => {}
        // After the first arm, so that only values other than null get here.
        (Type::Optional(kind), _) => conform(kind, value, at, findings),
        (Type::Whole(range), _) => check_whole(range, value, at, findings),
        (Type::Words(words), Value::String(text)) => check_word(words, text, at, findings),
        (Type::List(items), Value::Array(list)) => {
            for (index, item) in list.iter_mut().enumerate() {
                conform(items, item, Place::Index(&at, index), findings);
            }
        }
        (Type::List(_), Value::String(_)) if LISTS_OF_ONE.contains(&key(at)) => {
            // Stored as a list, so that every later check and reader has one form.
            *value = Value::Array(vec![value.take()]);
        }
        (Type::Map(values), Value::Object(entries)) => {
            for (key, value) in entries {
                conform(values, value, Place::Key(&at, key), findings);
            }
        }
        (Type::Struct(fields), Value::Object(entries)) => {
            canonical_keys::make_canonical(entries, fields, at, findings);
            for (key, value) in entries {
                // An unknown key has its error or warning already, and no type.
                if let Some(kind) = fields.get(key.as_str()) {
                    conform(kind, value, Place::Key(&at, key), findings);
                }
            }
        }
        (kind, found) => findings.wrong(at, expected_at(at, kind.words(), found)),
    }
}

fn key(at: Place<'_>) -> &str {
    match at {
        Place::Key(_, key) => key,
        _ => "",
    }
}

/// Notes anything but a whole number in the range. A file mode in octal is replaced by the number that the
/// engine accepts.
fn check_whole(
    range: &RangeInclusive<i128>,
    value: &mut Value,
    at: Place<'_>,
    findings: &mut Findings<'_>,
) {
    if file_mode::is_mode(at) && !value.is_number() {
        match value.as_str().and_then(file_mode::read) {
            Some(mode) => *value = mode.into(),
            None => findings.wrong(at, file_mode::expected(value)),
        }
        return;
    }
    // Together the two hold every integer of JSON; `1.0` is none, as for the engine.
    match value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from)) {
        None => findings.wrong(at, expected_at(at, "a whole number", value)),
        Some(number) if range.contains(&number) => {}
        Some(number) => {
            let (least, most) = range.clone().into_inner();
            findings.wrong(at, format!("{number} is out of range ({least} to {most})"));
        }
    }
}

fn check_word(words: &[&str], text: &str, at: Place<'_>, findings: &mut Findings<'_>) {
    // The engine compares only this word in any case.
    let in_any_case = key(at) == "Isolation";
    let is_same = |word: &&str| *word == text || in_any_case && word.eq_ignore_ascii_case(text);
    if !words.iter().any(is_same) {
        findings.unknown_word(at, text, words);
    }
}
