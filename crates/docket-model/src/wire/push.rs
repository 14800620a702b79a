//! What becomes of what is pushed or deleted, and what is wrong with it.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    finding::{Finding, Reported},
    name::AllocationName,
};

/// Answers a push of one allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Created {
    /// True where the name was new.
    pub created: bool,
}

/// Answers a push of several allocations.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Pushed {
    /// Names that are new.
    pub created: usize,
    /// Names whose specification changed.
    pub updated: usize,
    /// Names that stay as they were.
    pub unchanged: usize,
    /// What became of each, in their order; only where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub results: Option<Vec<PushedName>>,
}

/// What a push did about one name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct PushedName {
    /// The name.
    pub name: AllocationName,
    /// One word: `created`, `updated`, `unchanged`.
    #[schema(pattern = "^(created|updated|unchanged)$")]
    pub result: String,
}

/// Answers a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Deleted {
    /// Always true: anything else is an error.
    pub deleted: bool,
}

/// The original's body for a push that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Refused {
    /// What is wrong with the whole request.
    pub overall: IndexMap<String, String>,
    /// What is wrong with each field, by its path.
    pub fields: IndexMap<String, String>,
}

impl Refused {
    /// The body for a request that could not be read at all.
    #[must_use]
    pub fn undecodable(message: String) -> Self {
        let overall = IndexMap::from([("DeserializationError".to_owned(), message)]);
        Self { overall, fields: IndexMap::new() }
    }

    /// The body for these errors; several in one field stand behind one another. How many more
    /// there are stands under `Omitted`.
    #[must_use]
    pub fn because_of(errors: &Reported<Finding>) -> Self {
        let mut fields = IndexMap::<String, String>::new();
        for finding in &errors.shown {
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
    /// What went wrong with this request, and how to mend it.
    pub detail: String,
    /// The present revision of an allocation that is of another one than was expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// Each error in a push, where the sender accepts `application/problem+json`; of very many the
    /// first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// How many errors there are beside those in `errors`; absent where all are shown.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub omitted: usize,
}

/// One error in a push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// The way to the field, such as `Container.Config.Image`.
    pub field: String,
    /// What is wrong and how to mend it.
    pub message: String,
    /// Of a schedule: each error in it with part, text, offset and length in bytes.
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
