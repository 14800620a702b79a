//! What is to come: instants, how many starts a day has, and what a check finds.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::{document::Located, name::AllocationName, schedule::Upcoming};

/// One instant to come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Coming {
    /// When it is.
    pub at: DateTime<Utc>,
    /// What daylight saving does to it, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl From<Upcoming> for Coming {
    fn from(upcoming: Upcoming) -> Self {
        Self { at: upcoming.at, note: upcoming.note.map(|note| note.to_string()) }
    }
}

/// The next instants of an allocation: `GET /{name}/instants`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Instants {
    /// The zone in force.
    pub time_zone: String,
    /// The instants that will start, the least first.
    pub instants: Vec<Coming>,
    /// Why instants are left out, where a suspension or a pause does that now, with its end: a sentence
    /// without a full stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended: Option<String>,
    /// Why there are no instants, where no suspension or pause is the cause: a sentence without a full
    /// stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_none: Option<String>,
}

/// How many instants fall on each of the coming minutes: `GET /-/forecast`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Forecast {
    /// When the first minute begins.
    pub from: DateTime<Utc>,
    /// A number for each minute.
    pub starts: Vec<u64>,
    /// How many allocations are left out, because to count them all would take too long.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub omitted: u64,
    /// What `frequent=false` left out; absent where that is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frequent: Option<Frequent>,
}

/// Allocations that start more often than every five minutes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Frequent {
    /// How many there are.
    pub allocations: u64,
    /// Their names, those with the most starts first; up to 20.
    pub names: Vec<AllocationName>,
    /// How many starts they have in all.
    pub starts: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What a text of specifications would do, without storing any: `POST /-/check`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Checked {
    /// Errors and warnings, in the order of the text.
    pub findings: Vec<CheckFinding>,
    /// The allocations, in their order; none where there is an error.
    pub allocations: Vec<CheckedAllocation>,
}

/// An error or a warning, and where it stands in the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct CheckFinding {
    /// Counted from 1.
    pub line: usize,
    /// Counted in characters, from 1.
    pub column: usize,
    /// How many characters it is about, on that line.
    pub length: usize,
    /// The way to the field, such as `Container.Config.Image`; empty where it is about no field.
    pub field: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead, where that is known and the message does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// True for an error, false for what is accepted and may surprise.
    pub fatal: bool,
}

impl CheckFinding {
    /// What was found at a place of this text.
    #[must_use]
    pub fn of(located: &Located, text: &str, fatal: bool) -> Self {
        let Located { finding, line, column, offset, length } = located;
        let pointed = text.get(*offset..offset + length).unwrap_or_default();
        let (message, hint) = match finding.schedule.as_slice() {
            [only] => {
                let part = only.part.map(|part| format!("{part}: ")).unwrap_or_default();
                (format!("{part}{}", only.message), only.hint.clone())
            }
            _ => (finding.message.clone(), None),
        };
        Self {
            line: *line,
            column: *column,
            length: pointed.chars().count(),
            field: finding.field.to_string(),
            message,
            hint,
            fatal,
        }
    }
}

/// A specification without an error, and when it would be due.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct CheckedAllocation {
    /// Its name.
    pub name: AllocationName,
    /// The line where it begins, counted from 1.
    pub line: usize,
    /// When it is due, in words; absent where it runs after others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// The zone that would be in force.
    pub time_zone: String,
    /// The next instants.
    pub instants: Vec<Coming>,
    /// The specification as JSON, which can be pushed.
    #[schema(value_type = Object)]
    pub specification: Box<RawValue>,
}
