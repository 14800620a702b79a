//! The stage at which a run continues, according to its record.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use docket_model::{
    Run,
    run::{Attempt, ContainerId, RunState},
};

use crate::engine::engine_registry::Reservation;

/// Where an attempt goes on from.
#[derive(Debug)]
pub(super) enum StartFrom {
    /// It was claimed just now, and has its place among those that may have a container.
    Claimed(Reservation),
    /// It was claimed before the server started, and no container of it is known.
    ClaimedBefore,
    /// A container of it was created before the server started.
    Created {
        container: ContainerId,
        /// The id of the engine that has it.
        engine: Option<Arc<str>>,
        /// When its creation was noted, by docket's clock: it was not started before.
        created_at: Option<DateTime<Utc>>,
        /// When its start was noted, by docket's clock, where docket was there.
        started_at: Option<DateTime<Utc>>,
    },
}

/// Where a run sets out from.
#[derive(Debug)]
pub(super) enum Stage {
    /// An attempt is under way.
    Attempt(StartFrom),
    /// It waited for another run, which has ended.
    TurnCame,
    /// An attempt failed, and there will be another.
    Between(DateTime<Utc>),
}

/// Where a part of a run goes on from.
pub(super) fn stage(run: &Run, part: u32) -> Stage {
    let state = run.part_state(part);
    // First, because the newest attempt on record has failed: its container is no way to go on.
    if let RunState::Retrying { until, .. } = state {
        return Stage::Between(*until);
    }
    if *state == RunState::Waiting {
        return Stage::TurnCame;
    }
    let attempt = run.newest_of_part(part);
    let container = attempt.and_then(|attempt| attempt.container.clone());
    Stage::Attempt(container.map_or(StartFrom::ClaimedBefore, |container| StartFrom::Created {
        container,
        engine: attempt.and_then(|attempt| attempt.engine.clone()),
        created_at: attempt.and_then(Attempt::created_at),
        started_at: attempt.and_then(|attempt| attempt.started_at),
    }))
}
