//! The values of `Placement` for pods: names of objects of Kubernetes, and effects of taints.

use serde_json::{Value, json};

use super::{
    super::{TaintEffect, writer::Written},
    Form, item, number, string, words,
};
use crate::finding::{expected, shortened};

/// The longest name of an object of Kubernetes.
const LONGEST_NAME: usize = 253;

/// The shape of such a name.
const NAME: &str = "^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$";

/// The name of an object.
pub(in crate::allocation) fn object_name() -> Form<Option<Box<str>>> {
    let schema = json!({"type": "string", "pattern": NAME});
    let read = |value: &Value| name(string(value)?);
    Form::of_value(schema, "name in Kubernetes", read, |name| Some(Written::Text((**name).into())))
        .optional()
}

/// The name of an object, or at most so many of them.
pub(in crate::allocation) fn object_names(most: usize) -> Form<Vec<Box<str>>> {
    let one = json!({"type": "string", "pattern": NAME});
    let schema = json!({"anyOf": [one, {"type": "array", "items": one, "maxItems": most}]});
    Form::new(
        schema,
        format!("name in Kubernetes, or list of at most {most} names"),
        move |reader, at, value| {
            if !matches!(value, Value::String(_) | Value::Array(_)) {
                return reader.reject(at, expected("a name or a list of names", &value));
            }
            Some(reader.list(at, &value, most, |value| name(item(value, "a name")?)))
        },
        |names| (!names.is_empty()).then_some(Written::Texts(names)),
    )
}

fn name(text: &str) -> Result<Box<str>, String> {
    let at_an_end = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let allowed = |c: char| at_an_end(c) || c == '-' || c == '.';
    let is_valid = text.len() <= LONGEST_NAME
        && text.chars().all(allowed)
        && text.starts_with(at_an_end)
        && text.ends_with(at_an_end);
    is_valid.then(|| text.into()).ok_or_else(|| {
        format!(
            "`{}` is not a name in Kubernetes: it has at most {LONGEST_NAME} of a-z, 0-9, - and ., with a \
             letter or a digit at both ends",
            shortened(text)
        )
    })
}

/// The effect of a taint.
pub(in crate::allocation) fn taint_effect() -> Form<Option<TaintEffect>> {
    words(&TaintEffect::ALL).optional()
}

/// A number of seconds.
pub(in crate::allocation) fn seconds() -> Form<Option<u32>> {
    number(0, u64::from(u32::MAX)).optional()
}
