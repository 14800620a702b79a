//! The trigger of a run (schedule, dependency or manual request), and the cause of a cancellation.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::Reason;

/// What made a run. It is stored under its [`TriggerWord`](super::TriggerWord); a backfill is manual.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// Its schedule.
    #[default]
    Schedule,
    /// Its schedule, at an instant that was over when docket decided.
    CatchUp,
    /// A request of a user.
    // Shared and large: a trigger is copied with each change of its run.
    Manual(Arc<ManualRequest>),
    /// The success of all allocations that it runs after.
    Dependency,
}

impl Trigger {
    /// What a user requested, of a manual run.
    #[must_use]
    pub fn manual_request(&self) -> Option<&Arc<ManualRequest>> {
        match self {
            Self::Manual(request) => Some(request),
            _ => None,
        }
    }
}

/// What a user requests of a manual run.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ManualRequest {
    /// The user.
    pub by: String,
    /// The command that replaces the container's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// Variables as `KEY=VALUE`, which are added to the container's own or replace them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environment: Vec<String>,
    /// How many attempts its instant had before: `Retries` do not count them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub earlier: u32,
    /// True where it is for a past instant. Records of older versions do not have it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_backfill: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(value: &u32) -> bool {
    *value == 0
}

/// Values of variables may be secrets, so only their names are shown.
impl fmt::Debug for ManualRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManualRequest")
            .field("by", &self.by)
            .field("command", &self.command)
            .field("environment", &self.variables().collect::<Vec<_>>())
            .field("earlier", &self.earlier)
            .field("is_backfill", &self.is_backfill)
            .finish()
    }
}

impl ManualRequest {
    /// How many bytes it takes, about.
    pub(super) fn weight(&self) -> usize {
        let lines = self.command.iter().flatten().chain(&self.environment);
        let lines = lines.map(|line| size_of::<String>() + line.len());
        size_of::<Self>() + self.by.len() + lines.sum::<usize>()
    }

    /// The names of its variables.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.environment
            .iter()
            .map(|line| line.split_once('=').map_or(line.as_str(), |(key, _)| key))
    }
}

/// The request to end a run that is under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Cancellation {
    /// What cancels it.
    pub reason: Reason,
    /// True where the container is killed at once.
    pub kill: bool,
}
