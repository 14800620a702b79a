//! What is asked for by hand.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Asks for a run by hand: the body of `POST /{name}/runs`, which may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct RunRequest {
    /// The command in place of the container's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cmd: Option<Vec<String>>,
    /// Variables as `KEY=VALUE`, beside or in place of the container's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// A past instant to make up for: RFC 3339, or wall time in the allocation's zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Who asks; the address it comes from where nobody is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// Asks for the end of a run: the body of `POST /{name}/runs/{run}/cancel`, which may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CancelRequest {
    /// True to give the container no time to end by itself.
    #[serde(default)]
    pub kill: bool,
    /// Who asks; the address it comes from where nobody is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// Asks that nothing starts by itself: the body of `POST /{name}/suspend` and `POST /-/pause`, which
/// may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SuspendRequest {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Until when: RFC 3339, or wall time in the zone of the allocation, or of the server; until it is
    /// resumed, or unpaused, where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Who asks; the address it comes from where nobody is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// True where all allocations are suspended together: a suspension of one by its name stays as it is.
    /// Not for a pause.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}

/// Asks that it goes on: the body of `POST /{name}/resume` and `/reset` and of `POST /-/unpause`, which
/// may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ResumeRequest {
    /// Who asks; the address it comes from where nobody is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// True where all allocations are resumed together: a suspension of one by its name stays as it is.
    /// Only for `/{name}/resume`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}
