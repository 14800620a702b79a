//! Records of runs of the formats 1 and 2.

use std::sync::Arc;

use docket_model::{
    Allocation, Run, RunId,
    run::{Reason, RunState, Trigger},
};
use rusqlite::Row;

use super::{
    attempts,
    values::{self, maybe_json},
};

/// What [`read`] needs, for a `SELECT` from `old_runs`.
pub(super) const COLUMNS: &str = "instant, revision, trigger, demand, state, reason, last, count, \
     until, cancellation, decided_at, ended_at, attempts";

/// Makes a record of a row with these columns. Rows know their allocation by its position only.
pub(super) fn read(row: &Row<'_>, allocation: &Allocation) -> rusqlite::Result<Run> {
    let instant = values::instant(row.get(0)?)?;
    let text = |column| row.get_ref(column).and_then(|value| Ok(value.as_str_or_null()?));
    let ended_at: Option<i64> = row.get(11)?;
    Ok(Run {
        id: RunId { allocation: allocation.name().clone(), instant },
        uid: allocation.uid,
        revision: values::count(row.get(1)?)?,
        trigger: trigger(row.get_ref(2)?.as_str()?, text(3)?)?,
        decided_at: values::moment(row.get(10)?)?,
        state: state(row)?,
        cancellation: maybe_json(text(9)?)?.map(Box::new),
        ended_at: ended_at.map(values::moment).transpose()?,
        attempts: attempts::read(instant, text(12)?)?,
    })
}

fn state(row: &Row<'_>) -> rusqlite::Result<RunState> {
    let reason = Reason::of_words(row.get_ref(5)?.as_str_or_null()?.unwrap_or_default());
    let word = row.get_ref(4)?.as_str()?;
    Ok(match word {
        "waiting" => RunState::Waiting,
        "claimed" => RunState::Starting,
        "running" => RunState::Running,
        "between-attempts" => RunState::Retrying { reason, until: values::moment(row.get(8)?)? },
        "will-not-die" => RunState::Stuck(reason),
        "succeeded" => RunState::Succeeded,
        "failed" => RunState::Failed(reason),
        "timed-out" => RunState::TimedOut(reason),
        "cancelled" => RunState::Cancelled(reason),
        "skipped" => RunState::Skipped(reason),
        "missed" => RunState::Missed {
            reason,
            last: values::instant(row.get(6)?)?,
            count: values::count(row.get(7)?)?,
        },
        "lost" => RunState::Lost(reason),
        _ => return values::parsed(Err(UnknownWord(word.to_owned()))),
    })
}

fn trigger(word: &str, demand: Option<&str>) -> rusqlite::Result<Trigger> {
    Ok(match word {
        "Schedule" => Trigger::Schedule,
        "CatchUp" => Trigger::CatchUp,
        "AfterParent" => Trigger::Dependency,
        "ByHand" => Trigger::Manual(Arc::new(maybe_json(demand)?.unwrap_or_default())),
        _ => return values::parsed(Err(UnknownWord(word.to_owned()))),
    })
}

/// A word that is neither a state of a run nor a trigger.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is neither a state of a run nor a trigger")]
struct UnknownWord(String);
