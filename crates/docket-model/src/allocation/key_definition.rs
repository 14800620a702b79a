//! What the table of keys says about one key: its documentation, its values, its default, and the
//! field that holds it. Nothing here knows a particular key.

use serde_json::{Value, json};

use super::{reader::Reader, value_types::Form, writer::Written};
use crate::{
    finding::{Place, REQUIRED},
    schema_parts::accept_null,
};

/// A key of a mapping that is read into a `D` and written from an `S`.
///
/// Of a specification these are a draft and the specification; of a mapping within it, such as
/// `Keep`, both are the same type.
// A trait object hides the type of the value, so that one table can list keys of all types.
pub(super) trait Key<D, S>: Send + Sync {
    /// The key in its canonical case.
    fn name(&self) -> &'static str;

    /// Reads a value, which is not null, into the draft; notes what is wrong with it.
    fn read(&self, reader: &mut Reader, at: Place<'_>, value: Value, draft: &mut D);

    /// Fills in the default where the key is left out; a missing required key is an error.
    fn fill(&self, reader: &mut Reader, at: Place<'_>, draft: &mut D);

    /// The value to be written; nothing where it is the default.
    fn write<'a>(&self, from: &'a S) -> Option<Written<'a>>;

    /// True where the two differ in this key's value.
    fn differs(&self, one: &S, other: &S) -> bool;

    /// Whether the key may be left out.
    fn presence(&self) -> Presence;

    /// Why the key has no effect on an allocation without a schedule; nothing where it has one.
    fn needs_schedule(&self) -> Option<&'static str>;

    /// The JSON Schema of its values.
    fn schema(&self) -> Value;

    /// Its documentation and that of the keys below it.
    fn describe(&self) -> Vec<KeyDocs>;
}

/// Whether a key may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// It may.
    Optional,
    /// It may not. The text says what to write.
    Required(&'static str),
    /// Exactly one of it and the other key is required. The text says what to write.
    RequiredUnless(&'static str, &'static str),
}

/// The documentation of a key, as README's table shows it, in Markdown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyDocs {
    /// The path of the key: `Keep.Runs`.
    pub path: String,
    /// What it does, in sentences.
    pub meaning: &'static str,
    /// Which values it takes, with their range.
    pub values: String,
    /// What holds where it is left out.
    pub default: String,
}

/// What holds where a key is left out.
pub(super) enum Absent<D, S, T> {
    /// It is required; the text says what to write.
    Required(&'static str),
    /// It is required, unless the first key is given; the text says what to write.
    RequiredUnless(&'static str, &'static str),
    /// There is no value. The words say what that means.
    Nothing(&'static str),
    /// This value.
    Is(T),
    /// A value that follows from other keys of the mapping.
    Follows {
        /// The value that is not written.
        value: fn(&S) -> T,
        /// Sets it; the keys before this one have been read.
        fill: fn(&mut D),
        /// What it is, for the documentation.
        words: &'static str,
    },
}

/// A line of the table.
pub(super) struct Entry<D, S, T> {
    /// The key in its canonical case.
    pub(super) name: &'static str,
    /// What it does, in sentences.
    pub(super) meaning: &'static str,
    /// A value: JSON, or else a text.
    pub(super) example: &'static str,
    /// How its values are written, and their range.
    pub(super) form: Form<T>,
    /// What holds where it is left out.
    pub(super) absent: Absent<D, S, T>,
    /// The field that holds the value.
    pub(super) field: Field<D, S, T>,
}

/// How a field is read and set.
pub(super) struct Field<D, S, T> {
    pub(super) get: fn(&S) -> &T,
    pub(super) set: fn(&mut D, T),
}

/// An entry of a table.
struct Listed<D, S, T> {
    entry: Entry<D, S, T>,
    needs_schedule: Option<&'static str>,
}

/// A key of a table. Tables are made once and never freed.
pub(super) fn key<D: 'static, S: 'static, T>(entry: Entry<D, S, T>) -> &'static dyn Key<D, S>
where
    T: PartialEq + Clone + Send + Sync + 'static,
{
    // Nested tables refer to each other with `'static`, which an owned box could not give.
    Box::leak(Box::new(Listed { entry, needs_schedule: None }))
}

/// A key that has no effect on an allocation without a schedule, for this reason.
pub(super) fn key_of_schedule<D: 'static, S: 'static, T>(
    reason: &'static str,
    entry: Entry<D, S, T>,
) -> &'static dyn Key<D, S>
where
    T: PartialEq + Clone + Send + Sync + 'static,
{
    Box::leak(Box::new(Listed { entry, needs_schedule: Some(reason) }))
}

impl<D, S, T> Key<D, S> for Listed<D, S, T>
where
    T: PartialEq + Clone + Send + Sync + 'static,
{
    fn name(&self) -> &'static str {
        self.entry.name
    }

    fn read(&self, reader: &mut Reader, at: Place<'_>, value: Value, draft: &mut D) {
        if let Some(value) = (self.entry.form.read)(reader, at, value) {
            (self.entry.field.set)(draft, value);
        }
    }

    fn fill(&self, reader: &mut Reader, at: Place<'_>, draft: &mut D) {
        match &self.entry.absent {
            // A form may read an empty value instead, so that the error names what is missing
            // inside.
            Absent::Required(_) | Absent::RequiredUnless(..) => match &self.entry.form.empty {
                Some(empty) => self.read(reader, at, empty.clone(), draft),
                None => reader.errors.push(at.wrong(REQUIRED)),
            },
            // The draft begins with the field's own empty value.
            Absent::Nothing(_) => {}
            Absent::Is(value) => (self.entry.field.set)(draft, value.clone()),
            Absent::Follows { fill, .. } => fill(draft),
        }
    }

    fn write<'a>(&self, from: &'a S) -> Option<Written<'a>> {
        let value = (self.entry.field.get)(from);
        let is_default = match &self.entry.absent {
            Absent::Is(default) => value == default,
            Absent::Follows { value: default, .. } => *value == default(from),
            // A required key and one without a default have nothing to leave out; their form
            // decides.
            _ => false,
        };
        if is_default { None } else { (self.entry.form.write)(value) }
    }

    fn differs(&self, one: &S, other: &S) -> bool {
        let (one, other) = ((self.entry.field.get)(one), (self.entry.field.get)(other));
        // Two keys may share a field, of which each writes its part.
        one != other && (self.entry.form.write)(one) != (self.entry.form.write)(other)
    }

    fn presence(&self) -> Presence {
        match self.entry.absent {
            Absent::Required(remedy) => Presence::Required(remedy),
            Absent::RequiredUnless(other, remedy) => Presence::RequiredUnless(other, remedy),
            _ => Presence::Optional,
        }
    }

    fn needs_schedule(&self) -> Option<&'static str> {
        self.needs_schedule
    }

    fn schema(&self) -> Value {
        let mut schema = self.entry.form.schema.clone();
        // Null is the same as leaving a key out, which only a required key forbids.
        if !matches!(self.entry.absent, Absent::Required(_)) {
            accept_null(&mut schema);
        }
        schema["description"] = self.entry.meaning.into();
        if let Absent::Is(default) = &self.entry.absent
            && let Some(default) = (self.entry.form.write)(default)
        {
            schema["default"] = json!(default);
        }
        // An example is a bare word wherever that is not JSON: `report` is shorter to read than
        // `"report"`.
        let example = serde_json::from_str(self.entry.example);
        schema["examples"] = json!([example.unwrap_or_else(|_| Value::from(self.entry.example))]);
        schema
    }

    fn describe(&self) -> Vec<KeyDocs> {
        let default = match &self.entry.absent {
            Absent::Required(_) => "required".to_owned(),
            Absent::RequiredUnless(other, _) => format!("required, unless `{other}` is given"),
            Absent::Nothing(words) | Absent::Follows { words, .. } => (*words).to_owned(),
            Absent::Is(value) => {
                (self.entry.form.write)(value).map_or("none".to_owned(), |it| it.code())
            }
        };
        let (path, values) = (self.entry.name.to_owned(), self.entry.form.words.clone());
        let own = KeyDocs { path, meaning: self.entry.meaning, values, default };
        let below = self.entry.form.keys.iter().map(|key| {
            let path = format!("{}.{}", self.entry.name, key.path);
            KeyDocs { path, ..key.clone() }
        });
        std::iter::once(own).chain(below).collect()
    }
}
