//! The schemas of specifications and allocations, generated from the table of keys in docket-model.

use docket_model::{
    allocation::json_schema,
    wire::{Created, Pushed, Status},
};
use serde_json::{Value, json};
use utoipa::ToSchema;

/// An allocation as its user writes it.
#[derive(ToSchema)]
pub(in crate::http) struct Specification {}

/// A specification with the status of its allocation.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(in crate::http) struct Allocation {
    status: Status,
}

/// One specification, or an array that is applied as a whole or not at all.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
pub(in crate::http) enum Push {
    One(Specification),
    Several(Vec<Specification>),
}

/// The result of one specification, or of all of an array.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
pub(in crate::http) enum PushAnswer {
    One(Created),
    Several(Pushed),
}

/// Replaces the placeholder schemas by the generated ones, which utoipa's types cannot express.
pub(super) fn complete(document: &mut Value) {
    let schemas = &mut document["components"]["schemas"];
    let specification = json_schema::specification();
    let mut allocation = specification.clone();
    // Values, because the generated schema has keywords that utoipa has no types for.
    let entry = json!({
        "type": "string",
        "description": "A step of a run and its time.",
    });
    allocation["properties"]["Logs"] = json!({
        "type": "array",
        "items": entry,
        "description": "The most recent events, the newest last; absent with `?logs=false`.",
    });
    allocation["properties"]["Status"] = json!({"$ref": "#/components/schemas/Status"});
    allocation["required"] = json!(["Name", "Container", "Status"]);
    allocation["description"] = "A specification with the status of its allocation.".into();
    schemas["Specification"] = specification;
    schemas["Specification"]["description"] = json!(SPECIFICATION);
    schemas["Allocation"] = allocation;
}

const SPECIFICATION: &str = "An allocation as users write it. Keys are read in any case; an unknown key \
                             is an error. The response of `GET` can be pushed: `Logs` and `Status` \
                             are ignored.";
