//! Writing a specification: its keys in the order of the table, only what differs from the default,
//! and everything in its canonical form. What is written is read as the same.

use std::{borrow::Cow, collections::BTreeMap};

use chrono::{DateTime, FixedOffset, SecondsFormat};
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{Constraint, Specification, key_definition::Key, key_table::TABLE};
use crate::{container::Container, name::AllocationName};

/// A value as it is written.
#[derive(PartialEq, Serialize)]
// A value is written alone; its key already says which of the kinds it is.
#[serde(untagged)]
pub(super) enum Written<'a> {
    Text(Cow<'a, str>),
    Number(u64),
    Flag(bool),
    Names(&'a [AllocationName]),
    Texts(&'a [Box<str>]),
    Words(Vec<&'static str>),
    #[serde(serialize_with = "as_texts")]
    Constraints(&'a [Constraint]),
    Labels(&'a BTreeMap<String, String>),
    Container(&'a Container),
    Mapping(Mapped<'a>),
    Mappings(Vec<Mapped<'a>>),
}

fn as_texts<S: Serializer>(constraints: &[Constraint], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(constraints.iter().map(Constraint::to_string))
}

/// A mapping as it is written: keys and values in their order.
#[derive(PartialEq)]
pub(super) struct Mapped<'a>(pub(super) Vec<(&'static str, Written<'a>)>);

impl Serialize for Mapped<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (*key, value)))
    }
}

impl Written<'_> {
    /// The value as Markdown shows it.
    pub(super) fn code(&self) -> String {
        match self {
            Self::Text(text) => format!("`{text}`"),
            Self::Mapping(Mapped(keys)) if keys.is_empty() => "see below".to_owned(),
            other => {
                serde_json::to_string(other).map_or_else(|_| String::new(), |it| format!("`{it}`"))
            }
        }
    }
}

/// The keys of a mapping that differ from their defaults.
pub(super) fn written<'a, D, S>(keys: &[&dyn Key<D, S>], from: &'a S) -> Mapped<'a> {
    Mapped(keys.iter().filter_map(|key| Some((key.name(), key.write(from)?))).collect())
}

/// Writes what can be pushed back: only what the user gave.
impl Serialize for Specification {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The number of keys is known only after each was compared with its default.
        let mut map = serializer.serialize_map(None)?;
        self.serialize_fields(&mut map)?;
        map.end()
    }
}

impl Specification {
    /// Writes the keys of the specification into a larger map.
    pub fn serialize_fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        for key in *TABLE {
            if let Some(value) = key.write(self) {
                map.serialize_entry(key.name(), &value)?;
            }
        }
        Ok(())
    }
}

/// A time with the offset it was given with.
pub(super) fn time(time: DateTime<FixedOffset>) -> String {
    // The offset is kept: what `get` prints is what the user pushed.
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
