//! Texts: names, descriptions, labels, words, zones and paths.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    super::{reader::Reader, values, writer::Written},
    Form,
};
use crate::{
    container::{expected_at, reserved_label},
    finding::{Place, expected, listed, note},
    name::{self, AllocationName},
    zone::{UnknownZone, Zone},
};

/// The name of an allocation.
pub(in crate::allocation) struct Name;

impl Form<AllocationName> for Name {
    fn read(&self, reader: &mut Reader, at: Place<'_>, value: Value) -> Option<AllocationName> {
        let name = reader.value(at, &value, |value| {
            AllocationName::parse(values::text(value)?).map_err(|error| error.to_string())
        });
        reader.name.clone_from(&name);
        name
    }

    fn write<'a>(&self, value: &'a AllocationName) -> Option<Written<'a>> {
        Some(Written::Text(value.as_str().into()))
    }

    fn schema(&self) -> Value {
        json!({"type": "string", "pattern": name::PATTERN})
    }

    fn words(&self) -> String {
        "`[A-Za-z0-9][A-Za-z0-9_.-]{0,127}`".to_owned()
    }
}

/// A text of at most so many bytes.
pub(in crate::allocation) struct Text {
    pub(in crate::allocation) max: usize,
}

impl Form<Option<Box<str>>> for Text {
    fn read(&self, reader: &mut Reader, at: Place<'_>, value: Value) -> Option<Option<Box<str>>> {
        let text = reader.value(at, &value, |value| match values::text(value)? {
            long if long.len() > self.max => {
                Err(format!("{} bytes are more than the limit of {}", long.len(), self.max))
            }
            text => Ok(text.into()),
        });
        text.map(Some)
    }

    fn write<'a>(&self, value: &'a Option<Box<str>>) -> Option<Written<'a>> {
        value.as_deref().map(|text| Written::Text(text.into()))
    }

    fn schema(&self) -> Value {
        // A character has at least one byte.
        json!({"type": "string", "maxLength": self.max})
    }

    fn words(&self) -> String {
        format!("string of at most {} bytes", self.max)
    }
}

/// Texts by name.
pub(in crate::allocation) struct Labels;

impl Form<BTreeMap<String, String>> for Labels {
    fn read(
        &self,
        reader: &mut Reader,
        at: Place<'_>,
        value: Value,
    ) -> Option<BTreeMap<String, String>> {
        let Value::Object(posted) = value else {
            reader.errors.push(at.wrong(expected_at(at, "a mapping of strings", &value)));
            return None;
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

    fn write<'a>(&self, value: &'a BTreeMap<String, String>) -> Option<Written<'a>> {
        (!value.is_empty()).then_some(Written::Labels(value))
    }

    fn schema(&self) -> Value {
        json!({
            "type": "object",
            "propertyNames": {"not": {"pattern": "^io\\.docket\\."}},
            "additionalProperties": {"type": "string"},
        })
    }

    fn words(&self) -> String {
        "mapping of strings".to_owned()
    }
}

/// A value that is one of some words.
pub(in crate::allocation) trait Word:
    Copy + PartialEq + Sync + 'static
{
    /// The word, as users write it.
    fn word(self) -> &'static str;
}

/// One of these words, in any case.
pub(in crate::allocation) struct Words<T: 'static>(pub(in crate::allocation) &'static [T]);

impl<T: Word> Words<T> {
    fn all(&self) -> Vec<&'static str> {
        self.0.iter().map(|one| one.word()).collect()
    }
}

impl<T: Word> Form<T> for Words<T> {
    fn read(&self, reader: &mut Reader, at: Place<'_>, value: Value) -> Option<T> {
        reader.value(at, &value, |value| values::word(value, self.0, T::word))
    }

    fn write<'a>(&self, value: &'a T) -> Option<Written<'a>> {
        Some(Written::Text(value.word().into()))
    }

    fn schema(&self) -> Value {
        json!({"type": "string", "enum": self.all()})
    }

    fn words(&self) -> String {
        listed(&self.all(), ", ")
    }
}

/// The name of a time zone.
pub(in crate::allocation) struct ZoneName;

impl Form<Option<Zone>> for ZoneName {
    fn read(&self, reader: &mut Reader, at: Place<'_>, value: Value) -> Option<Option<Zone>> {
        let zone = reader.value(at, &value, |value| {
            values::text(value)?.parse().map_err(|error: UnknownZone| error.to_string())
        });
        zone.map(Some)
    }

    fn write<'a>(&self, value: &'a Option<Zone>) -> Option<Written<'a>> {
        value.map(|zone| Written::Text(zone.name().into()))
    }

    fn schema(&self) -> Value {
        // The host's zone files may be newer than ours, so that the names are not listed.
        json!({"type": "string"})
    }

    fn words(&self) -> String {
        "IANA name, such as `Europe/Berlin`".to_owned()
    }
}

/// The path of a file, or at most so many of them.
pub(in crate::allocation) struct Paths {
    pub(in crate::allocation) max: usize,
}

impl Form<Vec<Box<str>>> for Paths {
    fn read(&self, reader: &mut Reader, at: Place<'_>, value: Value) -> Option<Vec<Box<str>>> {
        if !matches!(value, Value::String(_) | Value::Array(_)) {
            reader.errors.push(at.wrong(expected("a path or a list of paths", &value)));
            return None;
        }
        Some(reader.list(at, &value, self.max, values::path_below))
    }

    fn write<'a>(&self, value: &'a Vec<Box<str>>) -> Option<Written<'a>> {
        (!value.is_empty()).then_some(Written::Texts(value))
    }

    fn schema(&self) -> Value {
        let path = json!({"type": "string", "minLength": 1});
        json!({"anyOf": [path, {"type": "array", "items": path, "maxItems": self.max}]})
    }

    fn words(&self) -> String {
        format!("path, or list of at most {} paths", self.max)
    }
}
