//! The schemas of names and words in the API description: strings with a pattern or an enumeration; and
//! what the JSON Schemas share.

use std::borrow::Cow;

use serde_json::{Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{ObjectBuilder, Schema, Type},
    },
};

use crate::{
    name::{AllocationName, PATTERN},
    run::{Instant, Reason, StateWord, TriggerWord},
};

/// The pattern of an instant. It accepts existing days only, except that every fourth year has a
/// 29th of February, also at the turn of centuries.
// Generated clients validate with this pattern. The rule of centuries would make it much longer,
// and the parser has it.
const INSTANT: &str = "^([0-9]{4}((0[1-9]|1[0-2])(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])(29|30)|\
                       (0[13578]|1[02])31)|[0-9]{2}([02468][048]|[13579][26])0229)\
                       T([01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]\
                       (\\.([0-9]{2}[1-9]|[0-9][1-9]0|[1-9]00))?Z$";

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn one_of<'a>(description: &str, words: impl IntoIterator<Item = &'a str>) -> RefOr<Schema> {
    text().description(Some(description)).enum_values(Some(words)).into()
}

impl PartialSchema for AllocationName {
    fn schema() -> RefOr<Schema> {
        let schema = text().description(Some("The name of an allocation.")).pattern(Some(PATTERN));
        schema.examples(["report"]).into()
    }
}

impl ToSchema for AllocationName {}

impl PartialSchema for Instant {
    fn schema() -> RefOr<Schema> {
        let about = "An instant in UTC, which names a run; with milliseconds if it has any.";
        text().description(Some(about)).pattern(Some(INSTANT)).examples(["20261121T090000Z"]).into()
    }
}

impl ToSchema for Instant {}

impl PartialSchema for StateWord {
    fn schema() -> RefOr<Schema> {
        one_of("How far a run is, or how it ended.", StateWord::WORDS)
    }
}

/// Its name in the description of the API is older than the type.
impl ToSchema for StateWord {
    fn name() -> Cow<'static, str> {
        "RunState".into()
    }
}

impl PartialSchema for TriggerWord {
    fn schema() -> RefOr<Schema> {
        one_of("What started a run.", TriggerWord::WORDS)
    }
}

impl ToSchema for TriggerWord {
    fn name() -> Cow<'static, str> {
        "Trigger".into()
    }
}

/// The code of a reason.
#[derive(Debug)]
pub(crate) struct ReasonCode;

impl PartialSchema for ReasonCode {
    fn schema() -> RefOr<Schema> {
        one_of("The code of a reason. Later versions may have more.", Reason::CODES)
    }
}

impl ToSchema for ReasonCode {}

/// Lets a JSON Schema accept null, which is the same as leaving the key out.
pub(crate) fn accept_null(schema: &mut Value) {
    // An `anyOf` accepts what one of its schemas accepts, so null becomes one more of them.
    if let Some(any) = schema.get_mut("anyOf").and_then(Value::as_array_mut) {
        any.push(json!({"type": "null"}));
        return;
    }
    // An enumeration rejects what it does not list, whatever `type` says, so both need null.
    if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        words.push(Value::Null);
    }
    match schema.get_mut("type") {
        // `uniqueItems` holds for a list of types: a second null makes the schema invalid.
        Some(Value::Array(types)) if types.iter().any(|kind| kind == "null") => {}
        Some(Value::Array(types)) => types.push("null".into()),
        Some(one) => *one = json!([one.take(), "null"]),
        None => {}
    }
}
