//! Mappings with keys of their own, which are entries of the table as well.

use serde_json::{Map, Value, json};

use super::{
    super::{
        key::{Key, KeyDocs},
        reader::Reader,
        schema,
        writer::{Mapped, Written, written},
    },
    Form,
};
use crate::finding::{Place, expected, listed};

/// A mapping of these keys.
pub(in crate::allocation) struct Mapping<T: 'static> {
    pub(in crate::allocation) keys: &'static [&'static dyn Key<T, T>],
    /// What must hold between its values.
    pub(in crate::allocation) rule: Option<Rule<T>>,
}

/// What must hold between values that are each right by themselves.
pub(in crate::allocation) struct Rule<T> {
    /// The keys whose values it compares.
    pub(in crate::allocation) keys: [&'static str; 2],
    /// Says what is wrong with the value of the second key, if anything is.
    pub(in crate::allocation) check: fn(&T) -> Option<String>,
}

impl<T> Mapping<T> {
    fn names(&self) -> Vec<&'static str> {
        self.keys.iter().map(|key| key.name()).collect()
    }

    fn listed(&self) -> String {
        listed(&self.names(), " and ")
    }
}

impl<T: Default + PartialEq + Sync> Mapping<T> {
    fn read_keys(&self, reader: &mut Reader, at: Place<'_>, posted: Map<String, Value>) -> T {
        let mut read = T::default();
        let mut fields = reader.fields_within(at, posted, &self.names());
        let wrong = reader.keys(at, &mut fields, self.keys, &mut read);
        if let Some(Rule { keys, check }) = &self.rule
            && !wrong.iter().any(|key| keys.contains(key))
            && let Some(message) = check(&read)
        {
            reader.errors.push(Place::Key(&at, keys[1]).wrong(message));
        }
        read
    }
}

impl<T: Default + PartialEq + Sync> Form<T> for Mapping<T> {
    fn read(&self, reader: &mut Reader, at: Place<'_>, value: Value) -> Option<T> {
        match value {
            Value::Object(posted) => Some(self.read_keys(reader, at, posted)),
            other => {
                let kind = format!("a mapping of {}", self.listed());
                reader.errors.push(at.wrong(expected(&kind, &other)));
                None
            }
        }
    }

    fn write<'a>(&self, value: &'a T) -> Option<Written<'a>> {
        Some(Written::Mapping(written(self.keys, value)))
    }

    fn schema(&self) -> Value {
        schema::mapping(self.keys)
    }

    fn words(&self) -> String {
        format!("mapping of {}", self.listed())
    }

    fn describe(&self, path: &str, rows: &mut Vec<KeyDocs>) {
        self.keys.iter().for_each(|key| key.describe(path, rows));
    }
}

/// A mapping, or its required key alone, which is a number.
pub(in crate::allocation) struct NumberOr<T: 'static> {
    pub(in crate::allocation) number: &'static dyn Key<T, T>,
    pub(in crate::allocation) mapping: Mapping<T>,
}

impl<T: Default + PartialEq + Sync> Form<T> for NumberOr<T> {
    fn read(&self, reader: &mut Reader, at: Place<'_>, value: Value) -> Option<T> {
        match value {
            Value::Object(_) => self.mapping.read(reader, at, value),
            Value::Array(_) | Value::Bool(_) => {
                let kind = format!("a whole number, or a mapping of {}", self.mapping.listed());
                reader.errors.push(at.wrong(expected(&kind, &value)));
                None
            }
            value => {
                let mut read = T::default();
                self.number.read(reader, at, value, &mut read);
                Some(read)
            }
        }
    }

    fn write<'a>(&self, value: &'a T) -> Option<Written<'a>> {
        let Mapped(mut entries) = written(self.mapping.keys, value);
        match (entries.pop(), entries.is_empty()) {
            (Some((name, number)), true) if name == self.number.name() => Some(number),
            (last, _) => {
                entries.extend(last);
                Some(Written::Mapping(Mapped(entries)))
            }
        }
    }

    fn schema(&self) -> Value {
        json!({"anyOf": [self.number.schema(), self.mapping.schema()]})
    }

    fn words(&self) -> String {
        format!("number, or {}", self.mapping.words())
    }

    fn describe(&self, path: &str, rows: &mut Vec<KeyDocs>) {
        self.mapping.describe(path, rows);
    }
}
