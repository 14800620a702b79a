//! How far a run is, and how it ended.

use chrono::{DateTime, Utc};

use super::{Instant, Reason};

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
    /// All words that [`RunState::word`] may be.
    pub const WORDS: [&str; 12] = [
        "waiting",
        "claimed",
        "running",
        "between-attempts",
        "will-not-die",
        "succeeded",
        "failed",
        "timed-out",
        "cancelled",
        "skipped",
        "missed",
        "lost",
    ];

    /// The state as one word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Starting => "claimed",
            Self::Running => "running",
            Self::Retrying { .. } => "between-attempts",
            Self::Stuck(_) => "will-not-die",
            Self::Succeeded => "succeeded",
            Self::Failed(_) => "failed",
            Self::TimedOut(_) => "timed-out",
            Self::Cancelled(_) => "cancelled",
            Self::Skipped(_) => "skipped",
            Self::Missed { .. } => "missed",
            Self::Lost(_) => "lost",
        }
    }

    /// The words that people read where they are not those of [`RunState::WORDS`], with those.
    const SHOWN: [(&str, &str); 4] = [
        ("claimed", "starting"),
        ("between-attempts", "retrying"),
        ("will-not-die", "stuck"),
        ("timed-out", "timed out"),
    ];

    /// What people read for one of [`RunState::WORDS`]; any other word stays as it is.
    #[must_use]
    pub fn shown(word: &str) -> &str {
        let known = Self::SHOWN.iter().find(|(held, _)| *held == word);
        known.map_or(word, |(_, shown)| shown)
    }

    /// How a run is said to be in the state of one of [`RunState::WORDS`]: `is starting`, `has failed`.
    #[must_use]
    pub fn clause(word: &str) -> String {
        let shown = Self::shown(word);
        match word {
            "succeeded" | "failed" | "timed-out" => format!("has {shown}"),
            "cancelled" | "skipped" | "missed" => format!("was {shown}"),
            _ => format!("is {shown}"),
        }
    }

    /// The one of [`RunState::WORDS`] that a text means: such a word, or what people read for it.
    #[must_use]
    pub fn word_of(text: &str) -> Option<&'static str> {
        let shown = Self::SHOWN.iter().find(|(_, shown)| *shown == text).map(|(word, _)| word);
        shown.or_else(|| Self::WORDS.iter().find(|word| **word == text)).copied()
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
