//! A specification as it is pushed, and an allocation as it is shown: their schemas are made from the
//! table of keys in docket-model.

use docket_model::{
    allocation::schema,
    wire::{Created, Pushed, Status},
};
use serde_json::{Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{AnyOfBuilder, ArrayBuilder, ObjectBuilder, Ref, Schema},
    },
};

/// An allocation as its user writes it.
pub(in crate::http) struct Specification;

/// A specification, and what the server knows of it.
pub(in crate::http) struct Allocation;

/// One specification, or an array of them.
pub(in crate::http) struct Push;

/// What answers a push.
pub(in crate::http) struct PushAnswer;

/// Puts the schemas made from the table of keys in place of those that stand for them.
///
/// utoipa's types cannot hold all that they say.
pub(super) fn complete(document: &mut Value) {
    let schemas = &mut document["components"]["schemas"];
    let specification = schema::specification();
    let mut allocation = specification.clone();
    let entry = json!({
        "type": "string",
        "description": "One step of a run: its time, and what was done.",
    });
    allocation["properties"]["Logs"] = json!({
        "type": "array",
        "items": entry,
        "description": "The most recent events, the newest last; absent with `?logs=false`.",
    });
    allocation["properties"]["Status"] = json!({"$ref": "#/components/schemas/Status"});
    allocation["required"] = json!(["Name", "Container", "Status"]);
    allocation["description"] = "A specification, and what the server knows of it.".into();
    schemas["Specification"] = specification;
    schemas["Specification"]["description"] = json!(SPECIFICATION);
    schemas["Allocation"] = allocation;
}

const SPECIFICATION: &str = "An allocation as its user writes it. Keys are read in any case; an unknown \
                             key is an error. What `GET` answers can be pushed back: `Logs` and \
                             `Status` are ignored.";

impl PartialSchema for Specification {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().into()
    }
}

impl ToSchema for Specification {}

impl PartialSchema for Allocation {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().into()
    }
}

impl ToSchema for Allocation {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Status::name().into_owned(), Status::schema()));
        Status::schemas(schemas);
    }
}

impl PartialSchema for Push {
    fn schema() -> RefOr<Schema> {
        let one = Ref::from_schema_name(Specification::name());
        let several = ArrayBuilder::new().items(one.clone());
        let about = "One specification, or an array of which all are taken or none.";
        Schema::from(AnyOfBuilder::new().item(one).item(several).description(Some(about))).into()
    }
}

impl ToSchema for Push {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Specification::name().into_owned(), Specification::schema()));
    }
}

impl PartialSchema for PushAnswer {
    fn schema() -> RefOr<Schema> {
        let one = Ref::from_schema_name(Created::name());
        let several = Ref::from_schema_name(Pushed::name());
        let about = "What became of one specification, or of all of an array.";
        Schema::from(AnyOfBuilder::new().item(one).item(several).description(Some(about))).into()
    }
}

impl ToSchema for PushAnswer {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Created::name().into_owned(), Created::schema()));
        schemas.push((Pushed::name().into_owned(), Pushed::schema()));
        Pushed::schemas(schemas);
    }
}
