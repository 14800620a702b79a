//! What is known of one background task.

use std::time::Duration;

use chrono::{DateTime, Utc};
use docket_model::wire::BackgroundTask;
use parking_lot::Mutex;

use super::failure::Failure;
use crate::clock::Reading;

#[derive(Debug)]
pub(super) struct Status {
    name: &'static str,
    period: Option<Duration>,
    activations: Mutex<Activations>,
}

#[derive(Debug, Default)]
struct Activations {
    /// How many have begun.
    count: u64,
    /// When the newest began, if it has not ended.
    running: Option<Reading>,
    last: Option<Last>,
}

/// The newest activation that has ended.
#[derive(Debug)]
struct Last {
    started: DateTime<Utc>,
    duration: Duration,
    result: Result<(), Failure>,
}

impl Status {
    pub(super) fn new(name: &'static str, period: Option<Duration>) -> Self {
        Self { name, period, activations: Mutex::default() }
    }

    pub(super) fn begin(&self, at: Reading) {
        let mut activations = self.activations.lock();
        activations.count += 1;
        activations.running = Some(at);
    }

    /// Notes the result of the activation that is running. Returns the result of the one before.
    pub(super) fn end(
        &self,
        at: Reading,
        result: Result<(), Failure>,
    ) -> Option<Result<(), Failure>> {
        let mut activations = self.activations.lock();
        let began = activations.running.take().unwrap_or(at);
        // Without the time that the host was suspended, in which the task did not run.
        let duration = at.awake.saturating_sub(began.awake);
        let last = Last { started: began.wall, duration, result };
        activations.last.replace(last).map(|before| before.result)
    }

    pub(super) fn shown(&self) -> BackgroundTask {
        let activations = self.activations.lock();
        let last = activations.last.as_ref();
        let running = activations.running.as_ref().map(|reading| reading.wall);
        BackgroundTask {
            name: self.name.to_owned(),
            period_milliseconds: self.period.map(milliseconds),
            running: running.is_some(),
            activations: activations.count,
            last_start: running.or(last.map(|last| last.started)),
            last_duration_milliseconds: last.map(|last| milliseconds(last.duration)),
            last_error: last.and_then(|last| Some(last.result.as_ref().err()?.message.clone())),
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
