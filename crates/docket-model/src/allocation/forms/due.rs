//! When an allocation is due: a schedule, or other allocations. Both are held by one field.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{
    super::{Due, reader::Reader, values, writer::Written},
    Form,
};
use crate::{
    finding::{Finding, Place, expected},
    name::{self, AllocationName, InvalidName},
    schedule::{self, Schedule},
};

/// A schedule.
pub(in crate::allocation) struct Cron;

fn schedule(due: &Due) -> Option<&Schedule> {
    match due {
        Due::Schedule(schedule) => Some(schedule),
        Due::After(_) => None,
    }
}

impl Form<Due> for Cron {
    fn read(&self, reader: &mut Reader, at: Place<'_>, value: Value) -> Option<Due> {
        let text = reader.value(at, &value, |value| values::text(value).map(str::to_owned))?;
        match schedule::shared(&text) {
            Ok(schedule) => {
                let warnings = schedule.warnings().into_iter();
                reader.warnings.extend(warnings.map(|text| at.wrong(text)));
                Some(Due::Schedule(schedule))
            }
            Err(invalid) => {
                reader.errors.push(Finding {
                    schedule: invalid.errors().to_vec(),
                    ..at.wrong(invalid.to_string())
                });
                None
            }
        }
    }

    fn write<'a>(&self, value: &'a Due) -> Option<Written<'a>> {
        schedule(value).map(|schedule| Written::Text(schedule.text().into()))
    }

    fn schema(&self) -> Value {
        json!({"type": "string"})
    }

    fn words(&self) -> String {
        "schedule, see below".to_owned()
    }

    fn differs(&self, one: &Due, other: &Due) -> bool {
        schedule(one) != schedule(other)
    }
}

/// The name of another allocation, or at most so many of them.
pub(in crate::allocation) struct After {
    pub(in crate::allocation) max: usize,
}

fn parents(due: &Due) -> &[AllocationName] {
    match due {
        Due::Schedule(_) => &[],
        Due::After(parents) => parents,
    }
}

impl Form<Due> for After {
    fn read(&self, reader: &mut Reader, at: Place<'_>, value: Value) -> Option<Due> {
        match &value {
            Value::Array(names) if names.is_empty() => {
                let message = "names no allocation: name one, or give `Cron` instead";
                reader.errors.push(at.wrong(message));
            }
            Value::String(_) | Value::Array(_) => {}
            other => {
                reader.errors.push(at.wrong(expected("a name or a list of names", other)));
                return None;
            }
        }
        let own = reader.name.clone();
        let mut seen = HashSet::new();
        let names = reader.list(at, &value, self.max, |value| {
            let name = parent(value)?;
            if Some(&name) == own.as_ref() {
                return Err(format!("`{name}` cannot run after itself"));
            }
            if !seen.insert(name.clone()) {
                return Err(format!("duplicate name `{name}`"));
            }
            Ok(name)
        });
        (!names.is_empty()).then(|| Due::After(names.into()))
    }

    fn write<'a>(&self, value: &'a Due) -> Option<Written<'a>> {
        Some(parents(value)).filter(|names| !names.is_empty()).map(Written::Names)
    }

    fn schema(&self) -> Value {
        let name = json!({"type": "string", "pattern": name::PATTERN});
        let names = json!({
            "type": "array", "items": name, "minItems": 1, "maxItems": self.max, "uniqueItems": true,
        });
        json!({"anyOf": [name, names]})
    }

    fn words(&self) -> String {
        format!("name, or list of at most {} names", self.max)
    }

    fn differs(&self, one: &Due, other: &Due) -> bool {
        parents(one) != parents(other)
    }
}

fn parent(value: &Value) -> Result<AllocationName, String> {
    AllocationName::parse(values::named(value, "a name")?).map_err(|error| match error {
        InvalidName::Empty => "an empty string is not a name".to_owned(),
        error => error.to_string(),
    })
}
