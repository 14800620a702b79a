//! Coming instants, forecasts of starts, and the results of a check.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::{document::Located, name::AllocationName, schedule::Upcoming};

/// A coming instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Coming {
    /// Its time.
    pub at: DateTime<Utc>,
    /// The effect of daylight saving, in words.
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
    /// The instants that will start, in order.
    pub instants: Vec<Coming>,
    /// The suspension or pause that leaves instants out now, with its end: a sentence without a full stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended: Option<String>,
    /// Why there are no instants, unless a suspension or a pause is the cause: a sentence without a full
    /// stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_none: Option<String>,
}

/// The number of starts in each of the coming minutes: `GET /-/forecast`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Forecast {
    /// The beginning of the first minute.
    pub from: DateTime<Utc>,
    /// The number of starts in each minute.
    pub starts: Vec<u64>,
    /// The number of allocations that were not counted, because that would take too long.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub omitted: u64,
    /// What `frequent=false` left out; absent if that is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frequent: Option<Frequent>,
}

/// Allocations that start more often than every five minutes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Frequent {
    /// Their number.
    pub allocations: u64,
    /// Their names, those with the most starts first; up to 20.
    pub names: Vec<AllocationName>,
    /// Their starts altogether.
    pub starts: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The findings in a text of specifications, of which none is stored: `POST /-/check`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Checked {
    /// Errors and warnings, in the order of the text.
    pub findings: Vec<CheckFinding>,
    /// The allocations in the order of the text; none if there is an error.
    pub allocations: Vec<CheckedAllocation>,
}

/// An error or a warning, with its position in the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct CheckFinding {
    /// Counted from 1.
    pub line: usize,
    /// Counted in characters, from 1.
    pub column: usize,
    /// The number of characters that it is about, on that line.
    pub length: usize,
    /// The path of the field, such as `Container.Config.Image`; empty if it is about no field.
    pub field: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead, unless the message says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// True for an error, false for a warning.
    pub fatal: bool,
}

impl CheckFinding {
    /// A finding with its position in this text.
    #[must_use]
    pub fn of(located: &Located, text: &str, fatal: bool) -> Self {
        let Located { finding, line, column, offset, length } = located;
        let pointed = text.get(*offset..offset + length).unwrap_or_default();
        let (message, hint) = match finding.schedule.as_slice() {
            // The message of a finding has the hint within it; a client shows the two apart.
            [only] => {
                let part = only.part.map(|part| format!("{part}: ")).unwrap_or_default();
                (format!("{part}{}", only.message), only.hint.clone())
            }
            _ => (finding.message.clone(), None),
        };
        Self {
            line: *line,
            column: *column,
            // Editors of the page count characters, the model counts bytes.
            length: pointed.chars().count(),
            field: finding.field.to_string(),
            message,
            hint,
            fatal,
        }
    }
}

/// A specification without errors, and its next instants.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct CheckedAllocation {
    /// Its name.
    pub name: AllocationName,
    /// Its first line, counted from 1.
    pub line: usize,
    /// When it is due, in words; absent if it runs after others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// The time zone that would be in force.
    pub time_zone: String,
    /// The next instants.
    pub instants: Vec<Coming>,
    /// The specification as JSON, which can be pushed.
    #[schema(value_type = Object)]
    pub specification: Box<RawValue>,
}
