//! How far a run is, and how it ended.

use chrono::{DateTime, Utc};

use super::{Instant, Reason, StateWord};

/// How far a run is, or how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunState {
    /// It waits for an older run of the allocation to end.
    Waiting,
    /// The right to start it was taken; no container runs yet.
    Starting,
    /// Its container runs.
    Running,
    /// An attempt failed, and there will be another.
    Retrying {
        /// Why the last attempt failed.
        reason: Reason,
        /// When the next attempt begins.
        until: DateTime<Utc>,
    },
    /// Its container was to end and goes on; why. It is inspected again.
    Stuck(Reason),
    /// The container ended with exit code 0.
    Succeeded,
    /// It did not, or never started; why.
    Failed(Reason),
    /// It took longer than it may.
    TimedOut(Reason),
    /// Somebody ended it, or the allocation went away before a container was made.
    Cancelled(Reason),
    /// Nothing started for this instant, as a policy or a bound demands.
    Skipped(Reason),
    /// Nothing started for this instant and those after it up to `last`.
    Missed {
        /// Why.
        reason: Reason,
        /// The last instant of the span.
        last: Instant,
        /// How many instants the span has.
        count: u64,
    },
    /// Its container is out of reach, so nobody knows how it ended; it is never started again.
    Lost(Reason),
}

impl RunState {
    /// The state as one word, whether or not it is being cancelled: [`Run::word`](super::Run::word).
    #[must_use]
    pub fn word(&self) -> StateWord {
        match self {
            Self::Waiting => StateWord::Waiting,
            Self::Starting => StateWord::Starting,
            Self::Running => StateWord::Running,
            Self::Retrying { .. } => StateWord::Retrying,
            Self::Stuck(_) => StateWord::Stuck,
            Self::Succeeded => StateWord::Succeeded,
            Self::Failed(_) => StateWord::Failed,
            Self::TimedOut(_) => StateWord::TimedOut,
            Self::Cancelled(_) => StateWord::Cancelled,
            Self::Skipped(_) => StateWord::Skipped,
            Self::Missed { .. } => StateWord::Missed,
            Self::Lost(_) => StateWord::Lost,
        }
    }

    /// Why it is so, where a reason belongs to the state.
    #[must_use]
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Stuck(reason)
            | Self::Failed(reason)
            | Self::TimedOut(reason)
            | Self::Cancelled(reason)
            | Self::Skipped(reason)
            | Self::Missed { reason, .. }
            | Self::Retrying { reason, .. }
            | Self::Lost(reason) => Some(reason),
            Self::Waiting | Self::Starting | Self::Running | Self::Succeeded => None,
        }
    }

    /// The state between two attempts, of which the last one ended in this state.
    #[must_use]
    pub fn retried_at(self, until: DateTime<Utc>) -> Self {
        match self {
            Self::Failed(reason) | Self::TimedOut(reason) => Self::Retrying { reason, until },
            other => other,
        }
    }

    /// True once nothing more happens to the run.
    #[must_use]
    pub fn is_over(&self) -> bool {
        !matches!(
            self,
            Self::Waiting | Self::Starting | Self::Running | Self::Retrying { .. } | Self::Stuck(_)
        )
    }

    /// True where it ended without success, so that its record outlives those of successes.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::TimedOut(_) | Self::Missed { .. } | Self::Lost(_))
    }
}
