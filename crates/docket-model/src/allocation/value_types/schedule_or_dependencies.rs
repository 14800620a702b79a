//! When an allocation is due: a schedule, or other allocations. Both are held by one field.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{
    super::{Due, reader::Reader, writer::Written},
    Form, item, string,
};
use crate::{
    finding::{Finding, Place, expected},
    name::{self, AllocationName, InvalidName},
    schedule,
};

/// A schedule.
pub(in crate::allocation) fn cron() -> Form<Due> {
    let read = |reader: &mut Reader, at: Place<'_>, value| read_schedule(reader, at, &value);
    Form::new(json!({"type": "string"}), "schedule, see below", read, |due| match due {
        Due::Schedule(schedule) => Some(Written::Text(schedule.text().into())),
        Due::After(_) => None,
    })
}

fn read_schedule(reader: &mut Reader, at: Place<'_>, value: &Value) -> Option<Due> {
    let text = reader.value(at, value, |value| string(value).map(str::to_owned))?;
    // A parsed schedule is larger than the rest of an allocation, and many allocations have the
    // same.
    match schedule::shared(&text) {
        Ok(schedule) => {
            let warnings = schedule.warnings().into_iter();
            reader.warnings.extend(warnings.map(|text| at.wrong(text)));
            Some(Due::Schedule(schedule))
        }
        Err(invalid) => {
            // Each error within the schedule keeps its offset, for the caret under the text.
            let schedule = invalid.errors().to_vec();
            reader.errors.push(Finding { schedule, ..at.wrong(invalid.to_string()) });
            None
        }
    }
}

/// The name of another allocation, or at most so many of them.
pub(in crate::allocation) fn after(most: usize) -> Form<Due> {
    let name = json!({"type": "string", "pattern": name::PATTERN});
    let names = json!({
        "type": "array", "items": name, "minItems": 1, "maxItems": most, "uniqueItems": true,
    });
    Form::new(
        json!({"anyOf": [name, names]}),
        format!("name, or list of at most {most} names"),
        move |reader, at, value| read_parents(reader, at, &value, most),
        |due| match due {
            Due::Schedule(_) => None,
            Due::After(parents) => Some(Written::Names(parents)),
        },
    )
}

fn read_parents(reader: &mut Reader, at: Place<'_>, value: &Value, most: usize) -> Option<Due> {
    match value {
        Value::Array(names) if names.is_empty() => {
            let message = "names no allocation: name one, or give `Cron` instead";
            return reader.reject(at, message);
        }
        Value::String(_) | Value::Array(_) => {}
        other => return reader.reject(at, expected("a name or a list of names", other)),
    }
    // The closure below cannot read it, because `reader` is borrowed for the list.
    let own = reader.name.clone();
    let mut seen = HashSet::new();
    let names = reader.list(at, value, most, |value| {
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

fn parent(value: &Value) -> Result<AllocationName, String> {
    AllocationName::parse(item(value, "a name")?).map_err(|error| match error {
        // The message of an empty name is `Required`, which fits a key and not an item of a list.
        InvalidName::Empty => "an empty string is not a name".to_owned(),
        error => error.to_string(),
    })
}
