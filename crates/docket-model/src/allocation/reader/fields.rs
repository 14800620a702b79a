//! The values of a mapping by the keys that they have there.

use serde_json::{Map, Value};

use super::Reader;
use crate::finding::{Place, note};

/// The values of a mapping that were given.
pub(super) struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    /// Takes a value out; null is as good as absent.
    pub(super) fn take(&mut self, key: &str) -> Value {
        let field = self.0.iter_mut().find(|(known, _)| *known == key);
        field.map(|(_, value)| value.take()).unwrap_or_default()
    }
}

impl Reader<'_> {
    /// Sorts the values by their keys, in any case; unknown and doubled keys are errors.
    pub(super) fn fields(
        &mut self,
        at: Place<'_>,
        posted: Map<String, Value>,
        known: &[&'static str],
        unknown: impl Fn(&str) -> String,
    ) -> Fields {
        let mut fields = Vec::with_capacity(posted.len().min(known.len()));
        for (key, value) in posted {
            let Some(known) = known.iter().find(|known| known.eq_ignore_ascii_case(&key)) else {
                note(&mut self.errors, || at.wrong_key(&key, unknown(&key)));
                continue;
            };
            if fields.iter().any(|(given, _)| given == known) {
                let message = format!("the key `{known}` is given twice");
                note(&mut self.errors, || at.wrong_key(&key, message));
                continue;
            }
            fields.push((*known, value));
        }
        Fields(fields)
    }

    /// What a value says; nothing where it is absent, or wrong, which is noted.
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

    /// What the value of a key says.
    pub(super) fn field<T>(
        &mut self,
        fields: &mut Fields,
        key: &str,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        let start = self.at;
        self.value(Place::Key(&start, key), &fields.take(key), read)
    }

    /// What each value of a list says; a single value is as good as a list of one.
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
            let message = format!("{} are more than there may be, {most}", items.len());
            note(&mut self.errors, || at.wrong(message));
        }
        let mut all = Vec::with_capacity(items.len().min(most));
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
