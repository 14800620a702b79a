//! The fields of a mapping by their keys, for the reader of specifications.

use serde_json::{Map, Value};

use super::reader::Reader;
use crate::finding::{Place, listed, nearest, note, shortened, unknown_key};

/// Says that a key is one of a later version.
// A reader of the documentation of a later version gets a better answer than "unknown key".
pub(super) fn not_supported(key: &str) -> String {
    format!("`{key}` is not supported by this version of docket")
}

/// The values of a mapping that were given.
pub(super) struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    /// True where the key has a value; null is the same as leaving it out.
    pub(super) fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(known, value)| *known == key && !value.is_null())
    }

    /// Takes a value out; null is the same as leaving it out.
    pub(super) fn take(&mut self, key: &str) -> Value {
        let field = self.0.iter_mut().find(|(known, _)| *known == key);
        field.map(|(_, value)| value.take()).unwrap_or_default()
    }
}

impl Reader {
    /// Sorts the values by their keys, in any case; unknown and duplicate keys are errors.
    pub(super) fn fields(
        &mut self,
        at: Place<'_>,
        posted: Map<String, Value>,
        known: &[&'static str],
        unknown: impl Fn(&str) -> String,
    ) -> Fields {
        // There are few keys, so a list is faster than a map and keeps the order.
        let mut fields = Vec::with_capacity(posted.len().min(known.len()));
        for (key, value) in posted {
            let Some(known) = known.iter().find(|known| known.eq_ignore_ascii_case(&key)) else {
                note(&mut self.errors, || at.wrong_key(&key, unknown(&key)));
                continue;
            };
            // JSON and YAML distinguish `Cron` and `cron`, so only here are they found to be one
            // key.
            if fields.iter().any(|(given, _)| given == known) {
                let message = format!("duplicate key `{known}`");
                note(&mut self.errors, || at.wrong_key(&key, message));
                continue;
            }
            fields.push((*known, value));
        }
        Fields(fields)
    }

    /// Notes what is wrong with a value, which is not read.
    pub(super) fn reject<T>(&mut self, at: Place<'_>, message: impl Into<String>) -> Option<T> {
        self.errors.push(at.wrong(message));
        None
    }

    /// Reads a value; notes what is wrong with it. Null is the same as leaving it out.
    pub(super) fn value<T>(
        &mut self,
        at: Place<'_>,
        value: &Value,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        if value.is_null() {
            return None;
        }
        read(value).map_err(|message| note(&mut self.errors, || at.wrong(message))).ok()
    }

    /// The fields of a mapping within the specification.
    pub(super) fn fields_within(
        &mut self,
        at: Place<'_>,
        posted: Map<String, Value>,
        known: &[&'static str],
    ) -> Fields {
        self.fields(at, posted, known, |key| {
            // A mapping has few keys, so all are listed where none is similar.
            if nearest(key, known.iter().copied()).is_some() {
                return unknown_key(key, known.iter().copied());
            }
            format!("unknown key `{}`: the keys are {}", shortened(key), listed(known, " and "))
        })
    }

    /// Reads each value of a list; a single value is the same as a list of one.
    pub(super) fn list<T>(
        &mut self,
        at: Place<'_>,
        value: &Value,
        most: usize,
        mut read: impl FnMut(&Value) -> Result<T, String>,
    ) -> Vec<T> {
        let Value::Array(items) = value else {
            return self.value(at, value, read).into_iter().collect();
        };
        if items.len() > most {
            let message = format!("{} entries are more than the limit of {most}", items.len());
            note(&mut self.errors, || at.wrong(message));
        }
        let mut all = Vec::with_capacity(items.len().min(most));
        // Items beyond the limit are not read, so a long list costs no more than an allowed one.
        for (index, item) in items.iter().take(most).enumerate() {
            match read(item) {
                Ok(item) => all.push(item),
                Err(message) => {
                    note(&mut self.errors, || Place::Index(&at, index).wrong(message));
                }
            }
        }
        all
    }
}
