//! An engine of the server, as it is now.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An engine of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct EngineReport {
    /// Its name.
    pub name: String,
    /// Its kind: `docker`, `swarm` or `kubernetes`.
    pub kind: String,
    /// Where it is, without passwords.
    pub urls: Vec<String>,
    /// Its labels, those of the configuration and its own.
    pub labels: BTreeMap<String, String>,
    /// Whether it answers.
    pub state: EngineStateWord,
    /// Since when it does, or does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<DateTime<Utc>>,
    /// Why it is away or refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its version, while it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// How many nodes it has, while it answers and lets docket list them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<usize>,
    /// How many runs have a container there.
    pub running: usize,
    /// How many runs are on their way to one.
    pub starting: usize,
    /// How many runs wait for a slot or for another run.
    pub waiting: usize,
}

/// Whether an engine answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EngineStateWord {
    /// It was not asked yet.
    Unknown,
    /// It answers.
    Up,
    /// It does not answer.
    Away,
    /// It is not used, because another name stands for the same engine.
    Refused,
}
