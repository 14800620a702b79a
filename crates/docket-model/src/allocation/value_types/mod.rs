//! How the values of a key are written, and their range: each form reads a value, writes it, and
//! describes itself as a JSON Schema and in words.

mod container;
mod mappings;
mod notifications;
mod placement;
mod pod_options;
mod scalars;
mod schedule_or_dependencies;

use serde_json::Value;

pub(super) use self::{
    container::{ContainerPart, container},
    mappings::{Rule, labels, mapping, mappings, number_or},
    notifications::{events, notifications, receiver_url, target},
    placement::{constraints, engine_name, host_count},
    pod_options::{object_name, object_names, seconds, taint_effect},
    scalars::{
        Word, flag, length, name, number, optional_length, paths, size, text, time, words, zone,
    },
    schedule_or_dependencies::{after, cron},
};
use super::{key_definition::KeyDocs, reader::Reader, writer::Written};
use crate::finding::{Place, expected};

/// Reads a value, which is not null; notes what is wrong with it.
type Read<T> = dyn Fn(&mut Reader, Place<'_>, Value) -> Option<T> + Send + Sync;

/// The value as it is written; nothing where there is none.
type Write<T> = dyn for<'a> Fn(&'a T) -> Option<Written<'a>> + Send + Sync;

/// How a `T` is written.
pub(super) struct Form<T> {
    // A boxed closure holds the limits and words of its form, which a function pointer cannot.
    pub(super) read: Box<Read<T>>,
    pub(super) write: Box<Write<T>>,
    /// The JSON Schema of the values. It may accept more than is read, and never less but for the
    /// case of keys and words.
    pub(super) schema: Value,
    /// The values and their range in a few words, in Markdown.
    pub(super) words: String,
    /// What a missing required value is read as, so that the message names what it lacks.
    pub(super) empty: Option<Value>,
    /// The documentation of the keys within the value.
    pub(super) keys: Vec<KeyDocs>,
}

impl<T: 'static> Form<T> {
    fn new(
        schema: Value,
        words: impl Into<String>,
        read: impl Fn(&mut Reader, Place<'_>, Value) -> Option<T> + Send + Sync + 'static,
        write: impl for<'a> Fn(&'a T) -> Option<Written<'a>> + Send + Sync + 'static,
    ) -> Self {
        let (read, write, words) = (Box::new(read), Box::new(write), words.into());
        Self { read, write, schema, words, empty: None, keys: Vec::new() }
    }

    /// A form of single values.
    fn of_value(
        schema: Value,
        words: impl Into<String>,
        read: impl Fn(&Value) -> Result<T, String> + Send + Sync + 'static,
        write: impl for<'a> Fn(&'a T) -> Option<Written<'a>> + Send + Sync + 'static,
    ) -> Self {
        Self::new(schema, words, move |reader, at, value| reader.value(at, &value, &read), write)
    }

    /// The same values, for a field without a value where the key is left out.
    fn optional(self) -> Form<Option<T>> {
        let Self { read, write, schema, words, .. } = self;
        Form::new(
            schema,
            words,
            move |reader, at, value| read(reader, at, value).map(Some),
            move |value| value.as_ref().and_then(&write),
        )
    }
}

/// The text of a value.
fn string(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| expected("a string", value))
}

/// The text of an item of a list, where null is an error.
fn item<'v>(value: &'v Value, kind: &str) -> Result<&'v str, String> {
    // A null key counts as left out; a null item would silently shorten the list.
    if value.is_null() { Err(expected(kind, value)) } else { string(value) }
}
