//! Mappings: labels, and those with keys of their own, which are entries of a table as well.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    super::{
        json_schema,
        key_definition::Key,
        reader::Reader,
        writer::{Mapped, Written, written},
    },
    Form,
};
use crate::{
    container::{expected_at, reserved_label},
    finding::{Place, expected, listed, note},
};

/// Texts by name.
pub(in crate::allocation) fn labels() -> Form<BTreeMap<String, String>> {
    let schema = json!({
        "type": "object",
        "propertyNames": {"not": {"pattern": "^io\\.docket\\."}},
        "additionalProperties": {"type": "string"},
    });
    Form::new(schema, "mapping of strings", read_labels, |labels| {
        (!labels.is_empty()).then_some(Written::Labels(labels))
    })
}

fn read_labels(
    reader: &mut Reader,
    at: Place<'_>,
    value: Value,
) -> Option<BTreeMap<String, String>> {
    // A list such as `- a=b` is what Compose files have; the message shows it as a mapping.
    let Value::Object(posted) = value else {
        return reader.reject(at, expected_at(at, "a mapping of strings", &value));
    };
    let mut labels = BTreeMap::new();
    for (key, value) in posted {
        if let Some(error) = reserved_label(&key, at) {
            note(&mut reader.errors, || error);
        }
        match value {
            Value::String(text) => {
                labels.insert(key, text);
            }
            other => {
                let message = expected("a string", &other);
                note(&mut reader.errors, || Place::Key(&at, &key).wrong(message));
            }
        }
    }
    Some(labels)
}

/// The keys of a mapping that is read into the type it is written from.
pub(in crate::allocation) type Keys<T> = &'static [&'static dyn Key<T, T>];

/// What must hold between values that are each right by themselves.
pub(in crate::allocation) struct Rule<T> {
    /// The keys whose values it compares.
    pub(in crate::allocation) keys: [&'static str; 2],
    /// Says what is wrong with the value of the second key, if anything is.
    pub(in crate::allocation) check: fn(&T) -> Option<String>,
}

fn names<T>(keys: Keys<T>) -> Vec<&'static str> {
    keys.iter().map(|key| key.name()).collect()
}

/// A list of at most so many mappings of these keys.
pub(in crate::allocation) fn mappings<T: Default + 'static>(
    keys: Keys<T>,
    most: usize,
) -> Form<Vec<T>> {
    let Form { read, schema, words, keys: documented, .. } = mapping(keys, None);
    let form = Form::new(
        json!({"type": "array", "items": schema, "maxItems": most}),
        format!("list of at most {most}, each a {words}"),
        move |reader, at, value| {
            let Value::Array(items) = value else {
                return reader.reject(at, expected("a list of mappings", &value));
            };
            if items.len() > most {
                let message = format!("{} entries are more than the limit of {most}", items.len());
                return reader.reject(at, message);
            }
            let items = items.into_iter().enumerate();
            let read =
                items.filter_map(|(index, item)| read(reader, Place::Index(&at, index), item));
            Some(read.collect())
        },
        move |items: &Vec<T>| {
            let written = || items.iter().map(|item| written(keys, item)).collect();
            (!items.is_empty()).then(|| Written::Mappings(written()))
        },
    );
    Form { keys: documented, ..form }
}

/// A mapping of these keys.
pub(in crate::allocation) fn mapping<T: Default + 'static>(
    keys: Keys<T>,
    rule: Option<Rule<T>>,
) -> Form<T> {
    let kind = format!("mapping of {}", listed(&names(keys), " and "));
    let form = Form::new(
        json_schema::mapping(keys),
        kind.clone(),
        move |reader, at, value| {
            let Value::Object(posted) = value else {
                return reader.reject(at, expected(&format!("a {kind}"), &value));
            };
            let mut read = T::default();
            let mut fields = reader.fields_within(at, posted, &names(keys));
            let wrong = reader.keys(at, &mut fields, keys, &mut read);
            if let Some(Rule { keys, check }) = &rule
                // A value that was not read has its default here, and comparing that would report a
                // second error.
                && !wrong.iter().any(|key| keys.contains(key))
                && let Some(message) = check(&read)
            {
                reader.errors.push(Place::Key(&at, keys[1]).wrong(message));
            }
            Some(read)
        },
        move |value| Some(Written::Mapping(written(keys, value))),
    );
    Form { keys: keys.iter().flat_map(|key| key.describe()).collect(), ..form }
}

/// A mapping, or the value of its first key alone, which is a number.
pub(in crate::allocation) fn number_or<T: Default + 'static>(
    number: &'static dyn Key<T, T>,
    mapping: Form<T>,
) -> Form<T> {
    let Form { read, write, schema, words, keys, .. } = mapping;
    let kind = format!("a whole number, or a {words}");
    let form = Form::new(
        json!({"anyOf": [number.schema(), schema]}),
        format!("number, or {words}"),
        move |reader, at, value| match value {
            Value::Object(_) => read(reader, at, value),
            Value::Array(_) | Value::Bool(_) => reader.reject(at, expected(&kind, &value)),
            value => {
                let mut read = T::default();
                number.read(reader, at, value, &mut read);
                Some(read)
            }
        },
        move |value| match write(value) {
            // With only its first key left, the short form says the same, as most users write it.
            Some(Written::Mapping(Mapped(mut entries))) if entries.len() == 1 => {
                match entries.pop() {
                    Some((name, number_alone)) if name == number.name() => Some(number_alone),
                    entry => Some(Written::Mapping(Mapped(entry.into_iter().collect()))),
                }
            }
            written => written,
        },
    );
    Form { keys, ..form }
}
