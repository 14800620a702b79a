//! The JSON Schema of a container: its outline, and all options of the Engine API.

use serde_json::{Map, Value, json};

use super::engine_api_options::{CONTAINER, LISTS_OF_ONE, Type};
use crate::schema_parts::accept_null;

/// The schema of `Container` without the options, which depend on the engine.
pub(crate) fn outline() -> Value {
    json!({
        "type": "object",
        "properties": {
            "Config": {
                "type": "object",
                "properties": {"Image": {"type": "string", "minLength": 1}},
                "required": ["Image"],
            },
            "HostConfig": {"type": ["object", "null"]},
            "NetworkingConfig": {"type": ["object", "null"]},
            "Platform": {"type": ["string", "null"]},
            "Swarm": {"type": ["object", "null"]},
        },
        "required": ["Config"],
    })
}

/// The schema of `Container` with all options of the Engine API.
pub(crate) fn options() -> Value {
    let mut schema = of("", &CONTAINER);
    let parts = &mut schema["properties"];
    parts["Name"] =
        json!({"enum": ["", null], "description": "Left out: docket names containers."});
    parts["Context"] = json!({"description": "Ignored."});
    parts["Swarm"]["description"] = "Secrets and configs, on engines of kind `swarm` alone.".into();
    // bollard's types make every part optional; docket needs an image.
    parts["Config"]["type"] = "object".into();
    parts["Config"]["required"] = json!(["Image"]);
    parts["Config"]["properties"]["Image"] = json!({"type": "string", "minLength": 1});
    parts["HostConfig"]["properties"]["RestartPolicy"]["properties"]["Name"] =
        json!({"enum": ["", "no", null], "description": "Retries are docket's: use `Retries`."});
    schema["type"] = "object".into();
    schema["required"] = json!(["Config"]);
    schema
}

/// The schema of a value; `key` is its key, or that of the list that it is in.
fn of(key: &str, kind: &Type) -> Value {
    match kind {
        Type::Any => Value::Bool(true),
        Type::Retired => json!({"description": "Of older engines."}),
        Type::Boolean => json!({"type": "boolean"}),
        Type::Number => json!({"type": "number"}),
        // A file mode may also be a string in octal.
        Type::Whole(_) if key == "Mode" => json!({"type": ["integer", "string"]}),
        // The ranges are those of 64-bit integers, which editors with floating-point numbers cannot
        // compare.
        Type::Whole(_) => json!({"type": "integer"}),
        Type::Text => json!({"type": "string"}),
        Type::Words(words) => json!({"enum": words}),
        Type::List(items) if LISTS_OF_ONE.contains(&key) => {
            json!({"type": ["array", "string", "null"], "items": of(key, items)})
        }
        Type::List(items) => json!({"type": ["array", "null"], "items": of(key, items)}),
        Type::Map(values) => {
            json!({"type": ["object", "null"], "additionalProperties": of("", values)})
        }
        Type::Struct(fields) => {
            let properties: Map<_, _> =
                fields.iter().map(|(key, kind)| ((*key).to_owned(), of(key, kind))).collect();
            json!({
                "type": ["object", "null"],
                "properties": properties,
                // An editor then marks a misspelt option, as a push rejects it.
                "additionalProperties": false,
            })
        }
        Type::Optional(inner) => {
            let mut schema = of(key, inner);
            accept_null(&mut schema);
            schema
        }
    }
}
