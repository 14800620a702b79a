//! Tests of targets for notifications.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Sends a test message: the body of `POST /-/notify/test`, which may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct NotifyTestRequest {
    /// The target; all targets if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

/// What became of a test message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct NotifyTestResult {
    /// The target.
    pub target: String,
    /// True if the receiver took the message.
    pub delivered: bool,
    /// What the receiver answered, or why there is no answer.
    pub message: String,
}

/// The notifications that wait for delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Outbox {
    /// How many there are.
    pub waiting: usize,
    /// When the oldest of them was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<DateTime<Utc>>,
    /// How many were dropped since the server started.
    pub dropped: u64,
}
