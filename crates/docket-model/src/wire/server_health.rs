//! The health of the server.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Outbox;
use crate::{journal::Suspension, zone::Edition};

/// The health of a server that runs. A client reads that of other versions too, which may lack keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Health {
    /// `ok`.
    #[serde(default)]
    #[schema(required)]
    pub status: String,
    /// When the server started.
    #[serde(default)]
    #[schema(required)]
    pub started: DateTime<Utc>,
    /// The time of the server's clock.
    #[serde(default)]
    #[schema(required)]
    pub time: DateTime<Utc>,
    /// The default time zone of allocations.
    #[serde(default)]
    #[schema(required)]
    pub time_zone: String,
    /// The edition of the time zone database that the server uses.
    #[schema(required, value_type = ZoneData)]
    pub time_zone_data: Option<ZoneData>,
    /// Where allocations and runs are stored.
    #[serde(default)]
    #[schema(required)]
    pub store: String,
    /// Set if the clock was set back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock: Option<String>,
    /// Set if the engine's clock and docket's differ by more than two seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine_clock: Option<String>,
    /// Set if another server uses a copy of the store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub twin: Option<String>,
    /// Set if the store cannot be read or written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store_trouble: Option<String>,
    /// The pause of the whole server, while it is in force: no scheduled run starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<Suspension>,
    /// The notifications that wait or were dropped, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbox: Option<Outbox>,
    /// The background tasks and their last results.
    #[serde(default)]
    #[schema(required)]
    pub background_tasks: Vec<BackgroundTask>,
    /// Only in the response to `POST /-/unpause`: false if the server was not paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was_paused: Option<bool>,
}

impl Health {
    /// The problems that the server reports.
    pub fn problems(&self) -> impl Iterator<Item = &str> {
        let problems = [&self.store_trouble, &self.twin, &self.clock, &self.engine_clock];
        problems.into_iter().flatten().map(String::as_str)
    }
}

/// Which edition of the time zone database is in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct ZoneData {
    /// The version, such as `2026f`; absent if the host's files do not have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The directory of the host's files, or that docket's own copy is used.
    pub origin: String,
}

impl From<Edition> for ZoneData {
    fn from(Edition { version, origin }: Edition) -> Self {
        Self { version, origin: origin.to_string() }
    }
}

impl fmt::Display for ZoneData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.version.as_deref().unwrap_or("unknown version"), self.origin)
    }
}

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
