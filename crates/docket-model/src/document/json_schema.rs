//! The JSON Schema of a document, for editors.

use serde_json::{Value, json};

use crate::{allocation, container};

/// The JSON Schema (draft 7, which editors know) of a `docket.yml` in each of its forms.
///
/// It knows keys and words in their canonical case only, and cannot know all that is checked when a
/// document is read: schedules, time zones, images.
#[must_use]
pub fn schema() -> Value {
    let mut specification = allocation::json_schema::specification();
    let about = specification["properties"]["Container"]["description"].take();
    let mut container = container::options_schema();
    container["description"] = about;
    // Referenced and not repeated, because the options of the Engine API are most of the schema.
    specification["properties"]["Container"] = json!({"$ref": "#/definitions/Container"});
    let mut defaults = specification.clone();
    relax(&mut defaults);
    let mut with_defaults = defaults.clone();
    defaults["description"] = "What each allocation has that does not say otherwise.".into();
    with_defaults["required"] = json!(["Name"]);
    let mut shared_container = container.clone();
    relax(&mut shared_container);
    for schema in [&mut defaults, &mut with_defaults] {
        schema["properties"]["Container"] = json!({"$ref": "#/definitions/PartOfContainer"});
    }
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "docket.yml",
        "description": "Allocations of docket: containers, and when they run.",
        "anyOf": [
            {"type": "array", "items": {"$ref": "#/definitions/Allocation"}},
            {
                "type": "object",
                "properties": {
                    "Defaults": {"anyOf": [{"$ref": "#/definitions/Defaults"}, {"type": "null"}]},
                    "Allocations": {
                        "description": "The allocations, each of which may omit what it has from the \
                                        defaults.",
                        "type": "array",
                        "items": {"$ref": "#/definitions/AllocationWithDefaults"},
                    },
                },
                "required": ["Allocations"],
                "additionalProperties": false,
            },
            {"$ref": "#/definitions/Allocation"},
        ],
        "definitions": {
            "Allocation": specification,
            "Defaults": defaults,
            "AllocationWithDefaults": with_defaults,
            "Container": container,
            "PartOfContainer": shared_container,
        },
    })
}

/// Lets a schema accept a mapping to which another one adds what is required.
fn relax(schema: &mut Value) {
    match schema {
        Value::Object(keywords) => {
            keywords.remove("required");
            // It has the choice between `Cron` and `After`, of which the defaults may provide one.
            keywords.remove("allOf");
            keywords.values_mut().for_each(relax);
        }
        Value::Array(items) => items.iter_mut().for_each(relax),
        _ => {}
    }
}
