//! The status of allocations, as callers read it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use docket_model::{
    Allocation, Run,
    journal::Suspension,
    run::{Instant, RunState},
};

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
        self.of(state).into_iter().for_each(|count| *count += 1);
    }

    pub(super) fn remove(&mut self, state: &RunState) {
        self.of(state).into_iter().for_each(|count| *count = count.saturating_sub(1));
    }

    /// The count that a state is part of; none once a run is over.
    fn of(&mut self, state: &RunState) -> Option<&mut usize> {
        match state {
            RunState::Starting => Some(&mut self.starting),
            RunState::Running | RunState::Stuck(_) => Some(&mut self.running),
            RunState::Waiting => Some(&mut self.waiting),
            RunState::Retrying { .. } => Some(&mut self.retrying),
            _ => None,
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
