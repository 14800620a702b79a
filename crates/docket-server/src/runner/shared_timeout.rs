//! `Timeout` of a run with several parts: one span of time for all of them.
//!
//! 1. Attempts of the same number share the span, which begins when the first of their containers starts.
//! 2. A part that is late, because its engine was away, has the rest of it.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{Duration, Run};

use super::attempt_outcomes::Start;
use crate::watch;

/// When the first containers of the attempts started, by the numbers of these.
#[derive(Debug)]
pub(super) struct SharedTimeout {
    limit: Duration,
    first_starts: watch::Sender<BTreeMap<u32, Start>>,
}

impl SharedTimeout {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, first_starts: watch::Sender::new(BTreeMap::new()) }
    }

    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// Notes that the container of an attempt of this number started.
    pub(super) fn note(&self, number: u32, start: Start) {
        // In one step, because other parts note their starts at the same time.
        self.first_starts.send_if_modified(|starts| {
            let is_first = starts.get(&number).is_none_or(|first| start.is_before(first));
            if is_first {
                starts.insert(number, start);
            }
            is_first
        });
    }

    /// Notes what a record says, by docket's clock.
    pub(super) fn note_recorded(&self, run: &Run, now: DateTime<Utc>) {
        for attempt in &run.attempts {
            if let Some(at) = attempt.started_at {
                self.note(attempt.key.number, Start::ago(at, now - at));
            }
        }
    }

    /// Waits until the time of the attempts of this number is over.
    pub(super) async fn is_up(&self, number: u32) {
        let mut changes = self.first_starts.subscribe();
        let limit = TimeDelta::from(self.limit).to_std().unwrap_or_default();
        loop {
            let first = changes.borrow_and_update().get(&number).copied();
            let time_is_up = async {
                match first {
                    Some(first) => {
                        tokio::time::sleep(limit.saturating_sub(first.elapsed())).await;
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = time_is_up => return,
                // The sender lives in `self`. An earlier start may become known after a restart.
                _ = changes.changed() => {}
            }
        }
    }

    /// How long the container of an attempt of this number may run that started at this time.
    pub(super) fn rest(&self, number: u32, started_at: DateTime<Utc>) -> TimeDelta {
        let first = self.first_starts.borrow().get(&number).map_or(started_at, |first| first.at);
        (TimeDelta::from(self.limit) - (started_at - first)).max(TimeDelta::zero())
    }
}
