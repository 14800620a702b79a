//! Responses to pushes and deletions, and errors.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    finding::{Finding, Reported},
    name::AllocationName,
};

/// The response to a push of one allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Created {
    /// True if the name is new.
    pub created: bool,
}

/// The response to a push of several allocations.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Pushed {
    /// The number of names that are new.
    pub created: usize,
    /// The number of names whose specification changed.
    pub updated: usize,
    /// The number of names that did not change.
    pub unchanged: usize,
    /// The result for each, in order; only if the request asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub results: Option<Vec<PushedName>>,
}

/// The result of a push for one name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct PushedName {
    /// The name.
    pub name: AllocationName,
    /// One word: `created`, `updated`, `unchanged`.
    #[schema(pattern = "^(created|updated|unchanged)$")]
    pub result: String,
}

/// The response to a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Deleted {
    /// Always true: anything else is an error.
    pub deleted: bool,
}

/// The original's body for a push that was rejected.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Refused {
    /// Errors of the whole request.
    pub overall: IndexMap<String, String>,
    /// Errors of fields, by their paths.
    pub fields: IndexMap<String, String>,
}

impl Refused {
    /// The body for a request that could not be read at all.
    #[must_use]
    pub fn undecodable(message: String) -> Self {
        let overall = IndexMap::from([("DeserializationError".to_owned(), message)]);
        Self { overall, fields: IndexMap::new() }
    }

    /// The body for these errors. Several errors of one field are joined; the number of those that are not
    /// shown is under `Omitted`.
    #[must_use]
    pub fn because_of(errors: &Reported<Finding>) -> Self {
        let mut fields = IndexMap::<String, String>::new();
        for finding in &errors.shown {
            // The original has one text for each field.
            let text = fields.entry(finding.field.to_string()).or_default();
            if !text.is_empty() {
                text.push_str("; ");
            }
            text.push_str(&finding.message);
        }
        let overall = errors.rest().map(|rest| ("Omitted".to_owned(), rest));
        Self { overall: overall.into_iter().collect(), fields }
    }
}

/// An error as RFC 9457 has it: `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The status in words.
    pub title: String,
    /// The error of this request, and how to fix it.
    pub detail: String,
    /// The revision of the allocation, if the request expected another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// The errors of a push, if the client accepts `application/problem+json`; the first ones of very many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// The number of errors that are not in `errors`; absent if all are.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub omitted: usize,
}

/// One error in a push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// The path of the field, such as `Container.Config.Image`.
    pub field: String,
    /// What is wrong, and how to fix it.
    pub message: String,
    /// The errors of a schedule with part, text, offset and length in bytes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    pub schedule: Vec<serde_json::Value>,
}

impl From<&Finding> for FieldError {
    fn from(finding: &Finding) -> Self {
        let places = finding.schedule.iter().map(serde_json::to_value);
        Self {
            field: finding.field.to_string(),
            message: finding.message.clone(),
            // They are plain structs of texts and numbers, which JSON can always hold.
            schedule: places.filter_map(Result::ok).collect(),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}
