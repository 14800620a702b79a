//! Reading a specification: every error at once, each with the path of its field.

mod due;
mod fields;
mod policies;
mod values;

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value};

use self::fields::Fields;
use super::{KEYS, MAX_DESCRIPTION, Policies, Read, Specification, hints};
use crate::{
    container::{Container, UnknownOptions, expected_at, home_of, reserved_label},
    finding::{FieldPath, Finding, Place, REQUIRED, expected, note, shortened, unknown_key},
    name::AllocationName,
};

/// Keys that the server adds to what it prints, and ignores when they come back.
const ADDED_KEYS: [&str; 2] = ["Logs", "Status"];

/// Keys that are promised, but that this version does not act upon.
const LATER_KEYS: [&str; 3] = ["Notify", "Placement", "SuccessWithin"];

pub(super) fn read(
    posted: Value,
    at: &FieldPath,
    unknown_options: UnknownOptions,
) -> Result<Read, Vec<Finding>> {
    let at = Place::Start(at);
    let Value::Object(posted) = posted else {
        let kind = "an allocation, a mapping with the keys Name, Cron and Container";
        return Err(vec![at.wrong(expected(kind, &posted))]);
    };
    let mut reader = Reader { at, errors: Vec::new(), warnings: Vec::new() };
    let known: Vec<_> = KEYS.iter().chain(&ADDED_KEYS).copied().collect();
    let mut fields = reader.fields(at, posted, &known, unknown);
    let name = reader.name(&mut fields);
    let description = reader.description(&mut fields);
    let labels = reader.labels(&mut fields);
    let due = reader.due(&mut fields, name.as_ref());
    let time_zone = reader.time_zone(&mut fields);
    let policies = reader.policies(&mut fields);
    let container = reader.container(&mut fields, unknown_options);
    let Reader { errors, mut warnings, .. } = reader;
    match (name, due, container) {
        (Some(name), Some(due), Some(container)) if errors.is_empty() => {
            let specification =
                Specification { name, description, labels, due, time_zone, container, policies };
            warnings.extend(hints::of(&specification, at));
            Ok(Read { specification, warnings })
        }
        _ => Err(errors),
    }
}

/// Reads policies alone, as they are stored.
pub(super) fn policies(stored: Map<String, Value>) -> Result<Arc<Policies>, Vec<Finding>> {
    let at = FieldPath::default();
    let at = Place::Start(&at);
    let mut reader = Reader { at, errors: Vec::new(), warnings: Vec::new() };
    let mut fields = reader.fields(at, stored, &KEYS, unknown);
    let policies = reader.policies(&mut fields);
    if reader.errors.is_empty() { Ok(policies) } else { Err(reader.errors) }
}

/// A specification on its way.
struct Reader<'a> {
    at: Place<'a>,
    errors: Vec<Finding>,
    warnings: Vec<Finding>,
}

impl Reader<'_> {
    fn wrong(&mut self, key: &str, message: impl Into<String>) {
        self.errors.push(Place::Key(&self.at, key).wrong(message));
    }

    fn text(&mut self, key: &str, value: Value) -> Option<String> {
        match value {
            Value::Null => None,
            Value::String(text) => Some(text),
            other => {
                self.wrong(key, expected("a text", &other));
                None
            }
        }
    }

    fn required_text(&mut self, key: &str, value: Value) -> Option<String> {
        if value.is_null() {
            self.wrong(key, REQUIRED);
        }
        self.text(key, value)
    }

    fn name(&mut self, fields: &mut Fields) -> Option<AllocationName> {
        let text = self.required_text("Name", fields.take("Name"))?;
        AllocationName::parse(&text).map_err(|error| self.wrong("Name", error.to_string())).ok()
    }

    fn description(&mut self, fields: &mut Fields) -> Option<Box<str>> {
        let text = self.text("Description", fields.take("Description"))?;
        if text.len() > MAX_DESCRIPTION {
            let message = format!("{} bytes are more than {MAX_DESCRIPTION}", text.len());
            self.wrong("Description", message);
        }
        Some(text.into_boxed_str())
    }

    fn labels(&mut self, fields: &mut Fields) -> BTreeMap<String, String> {
        let mut labels = BTreeMap::new();
        let posted = match fields.take("Labels") {
            Value::Null => return labels,
            Value::Object(posted) => posted,
            other => {
                let at = Place::Key(&self.at, "Labels");
                self.errors.push(at.wrong(expected_at(at, "a mapping of texts", &other)));
                return labels;
            }
        };
        let at = Place::Key(&self.at, "Labels");
        for (key, value) in posted {
            if let Some(finding) = reserved_label(&key, at) {
                note(&mut self.errors, || finding);
            }
            match value {
                Value::String(text) => {
                    labels.insert(key, text);
                }
                other => {
                    let message = expected("a text", &other);
                    note(&mut self.errors, || Place::Key(&at, &key).wrong(message));
                }
            }
        }
        labels
    }

    fn container(
        &mut self,
        fields: &mut Fields,
        unknown_options: UnknownOptions,
    ) -> Option<Container> {
        let posted = match fields.take("Container") {
            Value::Null => Value::Object(Map::new()),
            posted => posted,
        };
        Container::read(
            posted,
            Place::Key(&self.at, "Container"),
            unknown_options,
            &mut self.errors,
            &mut self.warnings,
        )
    }
}

/// Says why a key has no place in a specification.
fn unknown(key: &str) -> String {
    let later = LATER_KEYS.iter().find(|known| known.eq_ignore_ascii_case(key));
    match (later, home_of(key)) {
        (Some(later), _) => format!("`{later}` is not known to this version of docket"),
        (None, Some(home)) => format!("unknown key `{}`: it belongs {home}", shortened(key)),
        (None, None) => unknown_key(key, KEYS),
    }
}
