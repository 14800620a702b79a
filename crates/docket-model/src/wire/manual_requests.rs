//! Bodies of manual requests.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Starts a manual run: the body of `POST /{name}/runs`, which may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
// A misspelt key must not start a run with the container's own command.
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct RunRequest {
    /// The command that replaces the container's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cmd: Option<Vec<String>>,
    /// Variables as `KEY=VALUE`, which are added to the container's own or replace them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// A past instant to backfill: RFC 3339, or local time in the allocation's zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The user; by default the address of the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    // One line: the server rejects control characters and other breaks of lines.
    #[schema(pattern = r"^[^\u0000-\u001F\u007F-\u009F\u2028\u2029]*$")]
    pub by: Option<String>,
}

/// Cancels a run: the body of `POST /{name}/runs/{run}/cancel`, which may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CancelRequest {
    /// True to kill the container at once.
    #[serde(default)]
    pub kill: bool,
    /// The user; by default the address of the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    // One line: the server rejects control characters and other breaks of lines.
    #[schema(pattern = r"^[^\u0000-\u001F\u007F-\u009F\u2028\u2029]*$")]
    pub by: Option<String>,
}

/// Suspends an allocation, or pauses the server: the body of `POST /{name}/suspend` and `POST /-/pause`,
/// which may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SuspendRequest {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    // One line: the server rejects control characters and other breaks of lines.
    #[schema(pattern = r"^[^\u0000-\u001F\u007F-\u009F\u2028\u2029]*$")]
    pub reason: Option<String>,
    /// Until when: RFC 3339, or local time in the zone of the allocation, or of the server; if absent,
    /// until it is resumed, or unpaused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// The user; by default the address of the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    // One line: the server rejects control characters and other breaks of lines.
    #[schema(pattern = r"^[^\u0000-\u001F\u007F-\u009F\u2028\u2029]*$")]
    pub by: Option<String>,
    /// True if all allocations are suspended together: a suspension of one by its name does not change.
    /// Not for a pause.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}

/// Resumes or resets an allocation, or unpauses the server: the body of `POST /{name}/resume`,
/// `POST /{name}/reset` and `POST /-/unpause`, which may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ResumeRequest {
    /// The user; by default the address of the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    // One line: the server rejects control characters and other breaks of lines.
    #[schema(pattern = r"^[^\u0000-\u001F\u007F-\u009F\u2028\u2029]*$")]
    pub by: Option<String>,
    /// True if all allocations are resumed together: a suspension of one by its name does not change.
    /// Only for `/{name}/resume`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}
