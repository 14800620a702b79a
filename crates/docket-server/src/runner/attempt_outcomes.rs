//! How an attempt ends, and why it does not go on to its next step.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{
    Output,
    run::{ContainerId, Exit, Reason, RunState},
};
use tokio::time::Instant;

use super::Stopped;
use crate::{
    engine::{EngineError, Observation, Past},
    outputs::Reserved,
    store::StoreError,
};

/// How an attempt ended.
#[derive(Debug)]
pub(super) struct AttemptEnd {
    pub(super) state: RunState,
    pub(super) exit: Option<Exit>,
    /// When its container started, by docket's clock.
    pub(super) started_at: Option<DateTime<Utc>>,
    pub(super) output: Option<Arc<Output>>,
    /// The memory that the output takes until it is recorded.
    pub(super) reserved: Option<Reserved>,
    pub(super) remarks: Vec<String>,
    /// The container that is there and does not run.
    pub(super) container: Option<ContainerId>,
}

impl AttemptEnd {
    /// An end for which no container stands.
    pub(super) fn without_container(state: RunState) -> Self {
        Self {
            state,
            exit: None,
            started_at: None,
            output: None,
            reserved: None,
            remarks: Vec::new(),
            container: None,
        }
    }
}

/// Why an attempt does not go on to its next step.
#[derive(Debug)]
pub(super) enum Break {
    Stopped,
    /// The run is cancelled.
    Cancelled(Reason),
    Engine(EngineError),
    /// The record is gone, or takes nothing more.
    Store(StoreError),
    /// A file of its environment cannot be used.
    Environment(String),
    /// The time of its run was over before a container had started; the limit.
    TimedOut(docket_model::Duration),
    /// It is not known whether its container ever ran.
    Lost(Reason),
}

impl From<Stopped> for Break {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

impl From<EngineError> for Break {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl From<StoreError> for Break {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What became of a container that may have been started.
#[derive(Debug)]
pub(super) enum Fate {
    /// It is gone and never ran, so its run may have another one.
    NeverRan,
    /// It is there, and runs or has ended.
    Found(Observation),
    /// It ran and is gone; the end is from the engine's events.
    Ran(Exit),
    /// It is gone, and whether it ran is not known.
    Unknown,
}

impl From<Past> for Fate {
    fn from(past: Past) -> Self {
        match past {
            Past::Ran(exit) => Self::Ran(exit),
            Past::NeverRan => Self::NeverRan,
            Past::Unknown => Self::Unknown,
        }
    }
}

/// Why a container is disarmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Its run goes on; what happens, for the record.
    PrepareAnew(&'static str),
    /// Its run is given up.
    GiveUp,
}

impl Purpose {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::PrepareAnew(words) => words,
            Self::GiveUp => "its run is given up",
        }
    }
}

/// When a container started.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    /// By docket's clock.
    pub(super) at: DateTime<Utc>,
    // Monotonic, so that a clock which is set changes no time limit.
    since: Instant,
}

impl Start {
    /// It started at this moment, which is now.
    pub(super) fn now(at: DateTime<Utc>) -> Self {
        Self { at, since: Instant::now() }
    }

    /// It started so long ago.
    pub(super) fn ago(at: DateTime<Utc>, ran: TimeDelta) -> Self {
        let now = Instant::now();
        let since = ran.to_std().ok().and_then(|ran| now.checked_sub(ran));
        // A container that starts only later by the clocks at hand has run for an unknown time.
        Self { at, since: since.unwrap_or(now) }
    }

    /// True if it started before another one.
    pub(super) fn is_before(&self, other: &Self) -> bool {
        self.since < other.since
    }

    /// How long it has run.
    pub(super) fn elapsed(self) -> Duration {
        self.since.elapsed()
    }
}
