//! A background task of the server, as health shows it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A background task and its last result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct BackgroundTask {
    /// What the task does, such as `zone-data`.
    pub name: String,
    /// The time between two activations, in milliseconds; absent for a task without a timer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_milliseconds: Option<u64>,
    /// True while an activation is running.
    pub running: bool,
    /// The number of activations since the server started.
    pub activations: u64,
    /// When the newest activation started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_start: Option<DateTime<Utc>>,
    /// How long the last activation that ended took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_duration_milliseconds: Option<u64>,
    /// Why the last activation that ended failed, or its panic; absent if it succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}
