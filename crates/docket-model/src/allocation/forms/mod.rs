//! How the values of a key are written, and their range: each form reads a value, writes it, and
//! describes itself as a JSON Schema and in words.

mod container;
mod due;
mod mappings;
mod numbers;
mod texts;
mod times;

use serde_json::Value;

pub(super) use self::{
    container::{ContainerOptions, ContainerPart},
    due::{After, Cron},
    mappings::{Mapping, NumberOr, Rule},
    numbers::{Flag, Number, SizeUpTo},
    texts::{Labels, Name, Paths, Text, Word, Words, ZoneName},
    times::{Length, Time},
};
use super::{
    key::{KeyDocs, note_missing},
    reader::Reader,
    writer::Written,
};
use crate::finding::Place;

/// How a `T` is written.
pub(super) trait Form<T: PartialEq>: Sync {
    /// Reads a value, which is not null; notes what is wrong with it.
    fn read(&self, reader: &mut Reader, at: Place<'_>, value: Value) -> Option<T>;

    /// The value as it is written; nothing where there is none.
    fn write<'a>(&self, value: &'a T) -> Option<Written<'a>>;

    /// The JSON Schema of the values. It may accept more than is read, and never less but for the
    /// case of keys and words.
    fn schema(&self) -> Value;

    /// The values and their range in a few words, in Markdown.
    fn words(&self) -> String;

    /// Notes that a required value is missing.
    fn missing(&self, reader: &mut Reader, at: Place<'_>) -> Option<T> {
        note_missing(reader, at);
        None
    }

    /// True where two values differ in what this form writes of them.
    fn differs(&self, one: &T, other: &T) -> bool {
        one != other
    }

    /// Adds the documentation of the keys within the value, which stands under `path`.
    fn describe(&self, _path: &str, _rows: &mut Vec<KeyDocs>) {}
}
