//! The status of allocations, as it is stored and as callers read it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use docket_model::{
    Allocation, Run,
    journal::Suspension,
    notification_decision::Failing,
    run::{Instant, RunState},
};
use serde::{Deserialize, Serialize};

use super::ReceiverId;

/// The status of an allocation as a backend keeps it: all that is needed to decide about it without
/// reading its runs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct StatusRecord {
    /// The latest instant about which it was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) decided: Option<DateTime<Utc>>,
    /// The latest instant whose record was pruned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pruned: Option<Instant>,
    /// The greatest instant for which a run succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) succeeded: Option<Instant>,
    /// The newest manual suspension.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) suspension: Option<Arc<Suspension>>,
    /// The failures in a row, if the newest runs failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) failing: Option<Failing>,
    /// The receivers that got a message about that.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) notified: Vec<ReceiverId>,
    /// How many records of runs there are.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) records: usize,
    /// The newest record of a run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) newest: Option<Newest>,
    /// The instants of the runs that are not over, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) under_way: Vec<Instant>,
}

/// The newest record of an allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Newest {
    /// Its instant.
    #[serde(rename = "At")]
    pub(crate) instant: Instant,
    /// True where it is one of missed instants, which further ones may lengthen.
    #[serde(rename = "Missed", default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_missed: bool,
}

/// The status of an allocation to which nothing has happened.
// A static, as entries without a history lend it out.
pub(super) static IDLE: StatusRecord = StatusRecord {
    decided: None,
    pruned: None,
    succeeded: None,
    suspension: None,
    failing: None,
    notified: Vec::new(),
    records: 0,
    newest: None,
    under_way: Vec::new(),
};

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(value: &usize) -> bool {
    *value == 0
}

/// An allocation and its status.
#[derive(Debug, Clone)]
pub struct AllocationStatus {
    /// The allocation.
    pub allocation: Arc<Allocation>,
    /// Its place in the order of creation; the cursor of a list.
    pub position: u64,
    /// The latest instant about which it was decided.
    pub decided: Option<DateTime<Utc>>,
    /// The latest instant whose record is not kept any more.
    pub pruned: Option<Instant>,
    /// The greatest instant for which it succeeded, kept or not.
    pub succeeded: Option<Instant>,
    /// The newest manual suspension, in force or over.
    pub suspension: Option<Arc<Suspension>>,
    /// Its runs that are not over, counted by state.
    pub runs: RunCounts,
}

/// The runs of an allocation that are not over, counted by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RunCounts {
    /// Claimed, and their containers do not run yet.
    pub starting: usize,
    /// Their containers run.
    pub running: usize,
    /// In the queue until an older run has ended.
    pub waiting: usize,
    /// Between two attempts.
    pub retrying: usize,
}

impl RunCounts {
    /// All of them.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.starting + self.running + self.waiting + self.retrying
    }

    pub(super) fn add(&mut self, state: &RunState) {
        match state {
            RunState::Starting => self.starting += 1,
            // A container that could not be stopped still runs, so it counts like any other.
            RunState::Running | RunState::Stuck(_) => self.running += 1,
            RunState::Waiting => self.waiting += 1,
            RunState::Retrying { .. } => self.retrying += 1,
            _ => {}
        }
    }
}

/// An allocation and its newest runs.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The allocation and its status.
    pub status: AllocationStatus,
    /// The newest runs, the newest first; as many as its `Logs` may need.
    pub recent: Vec<Arc<Run>>,
}

/// A run that is not over, and the allocation as it was when the run was claimed.
#[derive(Debug, Clone)]
pub struct UnderWay {
    /// The run.
    pub run: Arc<Run>,
    /// What it carries out, whatever was pushed since.
    pub allocation: Arc<Allocation>,
}
