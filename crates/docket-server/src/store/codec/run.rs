//! The record of a run as compact JSON. Its allocation and its instant are in its key, and moments are
//! microseconds after the instant. The bytes of outputs are records of their own.

use std::{borrow::Cow, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{
    AllocationName, Run, RunId,
    run::{Cancellation, Instant, ManualRequest, Reason, RunState, Trigger, TriggerWord},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    DecodeError,
    attempt::{self, StoredAttempt},
};

/// A run without what is not known of it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StoredRun<'a> {
    #[serde(with = "super::uid")]
    uid: Uuid,
    revision: u64,
    /// Absent where it is the schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trigger: Option<Cow<'a, str>>,
    /// Of a manual run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    demand: Option<Cow<'a, ManualRequest>>,
    state: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<Cow<'a, Reason>>,
    /// Of missed instants: the last one, and how many there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<Instant>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    /// Between attempts: when the next one begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cancellation: Option<Cow<'a, Cancellation>>,
    decided: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended: Option<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    attempts: Vec<StoredAttempt<'a>>,
}

/// Counts moments from the instant of a run.
#[derive(Clone, Copy)]
pub(super) struct Origin(pub(super) Instant);

impl Origin {
    /// How long after the instant a moment is, in microseconds. Negative before it.
    pub(super) fn after(self, at: DateTime<Utc>) -> i64 {
        // Only moments some 290,000 years away have no such number.
        (at - self.0.moment()).num_microseconds().unwrap_or_default()
    }

    /// The moment so many microseconds after the instant.
    pub(super) fn at(self, after: i64) -> Result<DateTime<Utc>, DecodeError> {
        let at = self.0.moment().checked_add_signed(TimeDelta::microseconds(after));
        at.ok_or(DecodeError::Moment(after))
    }
}

/// The JSON of a record.
pub(super) fn encode(run: &Run) -> serde_json::Result<String> {
    let origin = Origin(run.id.instant);
    let (last, count) = match &run.state {
        RunState::Missed { last, count, .. } => (Some(*last), Some(*count)),
        _ => (None, None),
    };
    let until = match &run.state {
        RunState::Retrying { until, .. } => Some(origin.after(*until)),
        _ => None,
    };
    serde_json::to_string(&StoredRun {
        uid: run.uid,
        revision: run.revision,
        trigger: Some(run.trigger_word())
            .filter(|word| *word != TriggerWord::Schedule)
            .map(|word| word.to_string().into()),
        demand: run.trigger.demand().map(|demand| Cow::Borrowed(&**demand)),
        state: run.state.word().to_string().into(),
        reason: run.state.reason().map(Cow::Borrowed),
        last,
        count,
        until,
        cancellation: run.cancellation.as_deref().map(Cow::Borrowed),
        decided: origin.after(run.decided_at),
        ended: run.ended_at.map(|at| origin.after(at)),
        attempts: attempt::stored(origin, &run.attempts),
    })
}

/// The record that JSON holds. Of its outputs only the sizes are known.
pub(super) fn decode(
    allocation: &AllocationName,
    instant: Instant,
    json: &str,
) -> Result<Run, DecodeError> {
    let mut stored: StoredRun<'_> = serde_json::from_str(json)?;
    let origin = Origin(instant);
    Ok(Run {
        id: RunId { allocation: allocation.clone(), instant },
        uid: stored.uid,
        revision: stored.revision,
        state: state(origin, &mut stored)?,
        trigger: trigger(stored.trigger.as_deref(), stored.demand)?,
        decided_at: origin.at(stored.decided)?,
        cancellation: stored.cancellation.map(|wanted| Box::new(wanted.into_owned())),
        ended_at: stored.ended.map(|after| origin.at(after)).transpose()?,
        attempts: attempt::restored(origin, stored.attempts)?,
    })
}

fn state(origin: Origin, stored: &mut StoredRun<'_>) -> Result<RunState, DecodeError> {
    let reason = stored.reason.take().map_or_else(|| Reason::text(""), Cow::into_owned);
    Ok(match &*stored.state {
        "waiting" => RunState::Waiting,
        "claimed" | "starting" => RunState::Starting,
        "running" => RunState::Running,
        "between-attempts" | "retrying" => {
            RunState::Retrying { reason, until: origin.at(stored.until.unwrap_or_default())? }
        }
        "will-not-die" | "stuck" => RunState::Stuck(reason),
        "succeeded" => RunState::Succeeded,
        "failed" => RunState::Failed(reason),
        "timed-out" => RunState::TimedOut(reason),
        "cancelled" => RunState::Cancelled(reason),
        "skipped" => RunState::Skipped(reason),
        "missed" => RunState::Missed {
            reason,
            last: stored.last.unwrap_or(origin.0),
            count: stored.count.unwrap_or(1),
        },
        "lost" => RunState::Lost(reason),
        word => return Err(DecodeError::State(word.to_owned())),
    })
}

fn trigger(
    word: Option<&str>,
    demand: Option<Cow<'_, ManualRequest>>,
) -> Result<Trigger, DecodeError> {
    let Some(word) = word else { return Ok(Trigger::Schedule) };
    Ok(match TriggerWord::parse(word) {
        Some(TriggerWord::Schedule) => Trigger::Schedule,
        Some(TriggerWord::CatchUp) => Trigger::CatchUp,
        Some(TriggerWord::Dependency) => Trigger::Dependency,
        Some(TriggerWord::Manual | TriggerWord::Backfill) => {
            Trigger::Manual(Arc::new(demand.unwrap_or_default().into_owned()))
        }
        _ => return Err(DecodeError::Trigger(word.to_owned())),
    })
}
