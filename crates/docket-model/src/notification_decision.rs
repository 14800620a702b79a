//! Decides which notifications follow from the end of a run. Who sends them is not known here.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    Run,
    allocation::{Notification, NotifyEvent},
    duration::Duration,
    run::RunState,
};

/// An allocation whose newest runs failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Failing {
    /// When the first of them ended.
    pub since: DateTime<Utc>,
    /// When the newest of them ended.
    pub last: DateTime<Utc>,
    /// How many there are.
    pub count: u64,
}

/// How a run ended, as far as notifications depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    /// It failed, timed out or was lost.
    Failed,
    /// It succeeded.
    Succeeded,
    /// Instants were missed.
    Missed {
        /// The first instant of the record.
        first: DateTime<Utc>,
        /// The last instant that the record had before.
        before: Option<DateTime<Utc>>,
        /// The last instant that it has now.
        last: DateTime<Utc>,
    },
    /// It was skipped.
    Skipped,
}

impl RunEnd {
    /// How a run ended; `before` is the last instant of a record of missed instants that grew. Absent if it
    /// is not over, or ended as a user wanted.
    #[must_use]
    pub fn of(run: &Run, before: Option<DateTime<Utc>>) -> Option<Self> {
        match &run.state {
            RunState::Failed(_) | RunState::TimedOut(_) | RunState::Lost(_) => Some(Self::Failed),
            RunState::Succeeded => Some(Self::Succeeded),
            // Whoever suspends an allocation knows that it does not run.
            RunState::Missed { reason, .. } if reason.is_suspension() => None,
            RunState::Missed { last, .. } => {
                Some(Self::Missed { first: run.id.instant.moment(), before, last: last.moment() })
            }
            RunState::Skipped(_) => Some(Self::Skipped),
            _ => None,
        }
    }

    /// Whether the allocation fails after this end, `at` a time.
    #[must_use]
    pub fn failing(self, before: Option<Failing>, at: DateTime<Utc>) -> Option<Failing> {
        match self {
            Self::Failed => {
                let since = before.map_or(at, |before| before.since);
                let count = before.map_or(0, |before| before.count) + 1;
                Some(Failing { since, last: at, count })
            }
            Self::Succeeded => None,
            Self::Missed { .. } | Self::Skipped => before,
        }
    }

    /// What is to be reported, if anything is.
    #[must_use]
    pub fn occasion(self, before: Option<Failing>, at: DateTime<Utc>) -> Option<Occasion> {
        let (event, since, before, at) = match self {
            Self::Failed => {
                let since = before.map_or(at, |failing| failing.since);
                (NotifyEvent::Failed, since, before.map(|failing| failing.last), at)
            }
            Self::Succeeded => {
                before?;
                (NotifyEvent::Recovered, at, None, at)
            }
            Self::Missed { first, before, last } => (NotifyEvent::Missed, first, before, last),
            Self::Skipped => (NotifyEvent::Skipped, at, None, at),
        };
        Some(Occasion { event, since, before, at })
    }
}

/// Something to be reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occasion {
    /// What.
    pub event: NotifyEvent,
    /// Since when it is so.
    since: DateTime<Utc>,
    /// When it was so the last time; absent if it is new.
    before: Option<DateTime<Utc>>,
    at: DateTime<Utc>,
}

impl Occasion {
    /// True if an entry of `Notify` gets a message about it.
    #[must_use]
    pub fn is_for(&self, entry: &Notification) -> bool {
        let is_due = match self.before {
            None => true,
            Some(before) => entry
                .repeat
                .is_some_and(|repeat| self.periods(repeat, self.at) > self.periods(repeat, before)),
        };
        is_due && entry.on.contains(&self.event)
    }

    /// How many whole periods have passed since it began.
    fn periods(&self, period: Duration, at: DateTime<Utc>) -> u64 {
        let passed = u64::try_from((at - self.since).num_seconds()).unwrap_or_default();
        passed / period.seconds().max(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::allocation::Receiver;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn entry(repeat: Option<u64>) -> Notification {
        Notification {
            receiver: Receiver::Target("oncall".parse().unwrap()),
            on: NotifyEvent::DEFAULT.to_vec(),
            repeat: repeat.map(Duration::from_seconds),
            output: 0,
        }
    }

    /// The events that an entry gets a message about, of ends at these seconds.
    fn sent(entry: &Notification, ends: &[(i64, RunEnd)]) -> Vec<(i64, NotifyEvent)> {
        let (mut failing, mut sent) = (None, Vec::new());
        for (second, end) in ends {
            let occasion = end.occasion(failing, at(*second));
            failing = end.failing(failing, at(*second));
            let occasion = occasion.filter(|occasion| occasion.is_for(entry));
            sent.extend(occasion.map(|occasion| (*second, occasion.event)));
        }
        sent
    }

    #[test]
    fn the_first_failure_and_the_recovery_are_sent_and_more_failures_only_with_repeat() {
        use NotifyEvent::{Failed, Recovered};
        let ends: Vec<_> = [0, 600, 3700, 3800, 7300]
            .map(|second| (second, RunEnd::Failed))
            .into_iter()
            .chain([(7400, RunEnd::Skipped), (7500, RunEnd::Succeeded), (7600, RunEnd::Succeeded)])
            .collect();

        assert_eq!(sent(&entry(None), &ends), [(0, Failed), (7500, Recovered)]);
        assert_eq!(
            sent(&entry(Some(3600)), &ends),
            [(0, Failed), (3700, Failed), (7300, Failed), (7500, Recovered)]
        );
    }

    #[test]
    fn missed_instants_in_a_row_are_sent_once_and_then_with_repeat() {
        let missed = |before: Option<i64>, last| {
            (last, RunEnd::Missed { first: at(0), before: before.map(at), last: at(last) })
        };
        let ends = [missed(None, 60), missed(Some(60), 3600), missed(Some(3600), 3660)];

        let seconds = |entry| sent(&entry, &ends).into_iter().map(|(second, _)| second);

        assert_eq!(seconds(entry(None)).collect::<Vec<_>>(), [60]);
        assert_eq!(seconds(entry(Some(3600))).collect::<Vec<_>>(), [60, 3600]);
    }

    proptest! {
        #[test]
        fn a_failure_is_sent_before_each_recovery_and_once_without_repeat(
            ends in prop::collection::vec((1..10_000_i64, any::<bool>()), 0..40),
        ) {
            let mut second = 0;
            let ends: Vec<_> = ends.into_iter().map(|(later, has_failed)| {
                second += later;
                (second, if has_failed { RunEnd::Failed } else { RunEnd::Succeeded })
            }).collect();

            let sent = sent(&entry(None), &ends);

            let events = sent.iter().map(|(_, event)| *event);
            let in_turn = [NotifyEvent::Failed, NotifyEvent::Recovered].into_iter().cycle();
            prop_assert!(events.zip(in_turn).all(|(event, expected)| event == expected));
            let has_failed = ends.iter().any(|(_, end)| *end == RunEnd::Failed);
            prop_assert_eq!(sent.is_empty(), !has_failed);
        }
    }
}
