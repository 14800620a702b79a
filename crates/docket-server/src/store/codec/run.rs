//! The record of a run as compact JSON. Its allocation and its instant are in its key, and moments are
//! microseconds after the instant. The bytes of outputs are records of their own.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use docket_model::{
    AllocationName, Run, RunId,
    run::{Cancellation, Instant, RunState, Trigger},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    attempt::{self, StoredAttempt},
    decode_error::DecodeError,
    relative_time::Origin,
};

/// A run without what is not known of it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StoredRun<'a> {
    /// Absent where the backend knows it.
    #[serde(default, skip_serializing_if = "Uuid::is_nil", with = "super::uid")]
    uid: Uuid,
    revision: u64,
    /// Absent where it is the schedule.
    #[serde(default, skip_serializing_if = "is_schedule")]
    trigger: Cow<'a, Trigger>,
    state: Cow<'a, RunState>,
    /// Absent where it has one container.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    part_states: Cow<'a, [RunState]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cancellation: Option<Cow<'a, Cancellation>>,
    decided: i64,
    /// Absent where it is the end of the last attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended: Option<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    attempts: Vec<StoredAttempt<'a>>,
}

fn is_schedule(trigger: &Trigger) -> bool {
    *trigger == Trigger::Schedule
}

/// The JSON of a record.
pub(super) fn encode(run: &Run) -> serde_json::Result<String> {
    let origin = Origin(run.id.instant);
    serde_json::to_string(&StoredRun {
        uid: run.uid,
        revision: run.revision,
        trigger: Cow::Borrowed(&run.trigger),
        state: Cow::Borrowed(&run.state),
        part_states: Cow::Borrowed(&run.part_states),
        cancellation: run.cancellation.as_deref().map(Cow::Borrowed),
        decided: origin.after(run.decided_at),
        ended: run.ended_at.filter(|at| Some(*at) != end(run)).map(|at| origin.after(at)),
        attempts: attempt::stored(origin, &run.attempts),
    })
}

/// The record that JSON holds. Of its outputs only the sizes are known.
pub(super) fn decode(
    allocation: &AllocationName,
    instant: Instant,
    json: &str,
) -> Result<Run, DecodeError> {
    let stored: StoredRun<'_> = serde_json::from_str(json)?;
    let origin = Origin(instant);
    let run = Run {
        id: RunId { allocation: allocation.clone(), instant },
        uid: stored.uid,
        revision: stored.revision,
        state: stored.state.into_owned(),
        part_states: stored.part_states.into_owned().into(),
        trigger: stored.trigger.into_owned(),
        decided_at: origin.at(stored.decided)?,
        cancellation: stored.cancellation.map(|wanted| Box::new(wanted.into_owned())),
        ended_at: stored.ended.map(|after| origin.at(after)).transpose()?,
        attempts: attempt::restored(origin, stored.attempts)?,
    };
    Ok(Run { ended_at: run.ended_at.or_else(|| end(&run)), ..run })
}

/// When the last attempt at a run that is over ended.
fn end(run: &Run) -> Option<DateTime<Utc>> {
    run.attempts.last().filter(|_| run.state.is_over())?.ended_at()
}
