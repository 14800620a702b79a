//! The values of `Placement`: the name of an engine, constraints for labels, and a number of hosts.

use serde_json::{Value, json};

use super::{
    super::{Constraint, HostCount, InvalidConstraint, MOST_PARTS, writer::Written},
    Form, item, string,
};
use crate::{
    EngineName,
    engine_name::InvalidEngineName,
    finding::{expected, shortened},
};

/// The shape of a constraint.
const PATTERN: &str = "^[^=!~]+(==|!=|=~|!~)";

/// The name of an engine.
pub(in crate::allocation) fn engine_name() -> Form<Option<EngineName>> {
    let read = |value: &Value| {
        string(value)?.parse().map_err(|error: InvalidEngineName| error.to_string())
    };
    let schema = json!({"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$"});
    Form::of_value(schema, "name of an engine", read, |name: &EngineName| {
        Some(Written::Text(name.as_str().into()))
    })
    .optional()
}

/// A constraint, or at most so many of them.
pub(in crate::allocation) fn constraints(most: usize) -> Form<Vec<Constraint>> {
    let constraint = json!({"type": "string", "pattern": PATTERN});
    let schema =
        json!({"anyOf": [constraint, {"type": "array", "items": constraint, "maxItems": most}]});
    Form::new(
        schema,
        format!("constraint, or list of at most {most} constraints"),
        move |reader, at, value| {
            if !matches!(value, Value::String(_) | Value::Array(_)) {
                return reader
                    .reject(at, expected("a constraint or a list of constraints", &value));
            }
            Some(reader.list(at, &value, most, read_constraint))
        },
        |constraints| (!constraints.is_empty()).then_some(Written::Constraints(constraints)),
    )
}

fn read_constraint(value: &Value) -> Result<Constraint, String> {
    item(value, "a constraint")?.parse().map_err(|error: InvalidConstraint| error.to_string())
}

/// A number of hosts, or one of two words.
pub(in crate::allocation) fn host_count() -> Form<HostCount> {
    let schema = json!({"anyOf": [
        {"type": "integer", "minimum": 1, "maximum": MOST_PARTS},
        {"type": "string", "enum": ["One", "All"]},
    ]});
    let words = format!("1 to {MOST_PARTS}, `One`, `All`");
    Form::of_value(schema, words, read_host_count, |count| {
        Some(match count {
            HostCount::Exactly(number) => Written::Number(u64::from(*number)),
            word => Written::Text(word.to_string().into()),
        })
    })
}

fn read_host_count(value: &Value) -> Result<HostCount, String> {
    if let Value::String(word) = value {
        let known = [HostCount::One, HostCount::All];
        let found = known.into_iter().find(|one| one.to_string().eq_ignore_ascii_case(word));
        return found.ok_or_else(|| {
            format!(
                "`{}` is no number of hosts: write 1 to {MOST_PARTS} without quotes, `One` or `All`",
                shortened(word)
            )
        });
    }
    match value.as_u64().and_then(HostCount::of_number) {
        Some(count) => Ok(count),
        None if value.is_u64() || value.is_i64() => Err(format!(
            "{value} is out of range (1 to {MOST_PARTS}); for each engine that fits, write `All`"
        )),
        None => Err(expected("a number of hosts, `One` or `All`", value)),
    }
}
