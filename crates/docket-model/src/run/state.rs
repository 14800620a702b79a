//! The states of a run: how far it is, and how it ended.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Instant, Reason, StateWord};

/// How far a run is, or how it ended, with what is known only in that state. It is stored under its
/// [`StateWord`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "PascalCase")]
pub enum RunState {
    /// It is in the queue until an older run of the allocation ends.
    Waiting,
    /// It is claimed; no container runs yet.
    Starting,
    /// Its container runs.
    Running,
    /// An attempt failed, and another one follows.
    Retrying {
        /// Why the last attempt failed.
        reason: Reason,
        /// When the next attempt begins.
        until: DateTime<Utc>,
    },
    /// Its container cannot be killed, and why. It is inspected again.
    Stuck(Reason),
    /// The container ended with exit code 0.
    Succeeded,
    /// The container failed, or could not be started.
    Failed(Reason),
    /// It ran longer than its `Timeout`.
    TimedOut(Reason),
    /// A user cancelled it, a newer run replaced it, or the allocation was deleted before it started.
    Cancelled(Reason),
    /// A policy, or a limit of the server, did not let it start.
    Skipped(Reason),
    /// It was not started in time, nor were the instants after it up to `last`.
    Missed {
        /// Why.
        reason: Reason,
        /// The last instant of the span.
        last: Instant,
        /// How many instants the span has.
        count: u64,
    },
    /// How its container ended is not known. It is never started again.
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
            // Only a failure is retried; any other end is final whatever `Retries` says.
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
        // Skipped and cancelled runs ended as a policy or a user wanted.
        matches!(self, Self::Failed(_) | Self::TimedOut(_) | Self::Missed { .. } | Self::Lost(_))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_state_is_stored_under_its_word_with_what_belongs_to_it() {
        let reason = || Reason::ExitCode { exit_code: 3 };
        let until = DateTime::UNIX_EPOCH;
        let last = Instant::new(until);
        let with_values = [
            RunState::Retrying { reason: reason(), until },
            RunState::Stuck(reason()),
            RunState::Failed(reason()),
            RunState::TimedOut(reason()),
            RunState::Cancelled(reason()),
            RunState::Skipped(reason()),
            RunState::Missed { reason: reason(), last, count: 2 },
            RunState::Lost(reason()),
        ];
        let bare = [RunState::Waiting, RunState::Starting, RunState::Running, RunState::Succeeded];

        for state in bare {
            assert_eq!(serde_json::to_value(&state).unwrap(), json!(state.word()));
        }
        for state in with_values {
            let stored = serde_json::to_value(&state).unwrap();
            let Value::Object(keys) = &stored else { panic!("{stored}") };
            assert_eq!(keys.keys().collect::<Vec<_>>(), [state.word().as_str()]);
            assert_eq!(serde_json::from_value::<RunState>(stored).unwrap(), state);
        }
        let missed = RunState::Missed { reason: reason(), last, count: 2 };
        let expected = json!({"missed": {
            "Reason": {"Code": "exit-code", "ExitCode": 3}, "Last": "19700101T000000Z", "Count": 2,
        }});
        assert_eq!(serde_json::to_value(missed).unwrap(), expected);
    }
}
