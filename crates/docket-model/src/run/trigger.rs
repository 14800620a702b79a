//! Why a run is made, and why somebody ends it.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::Reason;

/// What made a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// Its instant came.
    Schedule,
    /// Its instant had gone by, and it was made up for.
    CatchUp,
    /// Somebody wanted it.
    Manual(Arc<ManualRequest>),
    /// All that it runs after had succeeded.
    Dependency,
}

impl Trigger {
    /// What was wanted of a run by hand.
    #[must_use]
    pub fn demand(&self) -> Option<&Arc<ManualRequest>> {
        match self {
            Self::Manual(demand) => Some(demand),
            _ => None,
        }
    }
}

/// What somebody wants of a run by hand.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ManualRequest {
    /// Who asks.
    pub by: String,
    /// The command in place of the container's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// Variables as `KEY=VALUE`, beside or in place of the container's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environment: Vec<String>,
    /// How many attempts there were for its instant before: `Retries` do not count them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub earlier: u32,
    /// True where it is for a past instant. Records of older versions do not say so.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_backfill: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
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

/// Somebody wants a run under way to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Cancellation {
    /// Who cancels it, or why.
    pub reason: Reason,
    /// True where the container gets no time to end by itself.
    pub kill: bool,
}
