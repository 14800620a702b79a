//! The values of `Placement`: the name of an engine, and constraints for labels.

use serde_json::{Value, json};

use super::{
    super::{Constraint, InvalidConstraint, writer::Written},
    Form, item, string,
};
use crate::{EngineName, engine_name::InvalidEngineName, finding::expected};

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
