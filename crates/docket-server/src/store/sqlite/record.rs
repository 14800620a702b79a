//! The record of a run as a row.

use std::sync::Arc;

use docket_model::{
    AllocationName, Run, RunId,
    run::{Instant, Reason, RunState, Trigger},
};
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};
use uuid::Uuid;

use super::{
    attempts,
    values::{self, maybe_json, millis, number},
};

/// Whose runs are read; rows know their allocation by its position only.
#[derive(Debug, Clone)]
pub(super) struct Owner {
    pub(super) position: u64,
    pub(super) name: AllocationName,
    pub(super) uid: Uuid,
}

/// What [`read`] needs, to stand behind `SELECT`.
pub(super) const COLUMNS: &str = "instant, revision, trigger, demand, state, reason, last, count, \
     until, cancellation, decided_at, ended_at, attempts";

/// True of the runs that are not over, as the index has it.
pub(super) const UNDER_WAY: &str =
    "state IN ('waiting', 'claimed', 'running', 'between-attempts', 'will-not-die')";

/// True of the runs whose records outlive those of successes.
pub(super) const FAILURE: &str = "state IN ('failed', 'timed-out', 'missed', 'lost')";

/// Makes a record of a row; `first` is where its columns begin.
pub(super) fn read(row: &Row<'_>, first: usize, owner: &Owner) -> rusqlite::Result<Run> {
    let instant = values::instant(row.get(first)?)?;
    let text = |column| row.get_ref(first + column).and_then(|value| Ok(value.as_str_or_null()?));
    let ended_at: Option<i64> = row.get(first + 11)?;
    Ok(Run {
        id: RunId { allocation: owner.name.clone(), instant },
        uid: owner.uid,
        revision: values::count(row.get(first + 1)?)?,
        trigger: trigger(row.get_ref(first + 2)?.as_str()?, text(3)?)?,
        decided_at: values::moment(row.get(first + 10)?)?,
        state: state(row, first)?,
        cancellation: maybe_json(text(9)?)?.map(Box::new),
        ended_at: ended_at.map(values::moment).transpose()?,
        attempts: attempts::read(instant, text(12)?)?,
    })
}

fn state(row: &Row<'_>, first: usize) -> rusqlite::Result<RunState> {
    let reason = reason(row.get_ref(first + 5)?.as_str_or_null()?);
    let word = row.get_ref(first + 4)?.as_str()?;
    Ok(match word {
        "waiting" => RunState::Waiting,
        "claimed" => RunState::Starting,
        "running" => RunState::Running,
        "between-attempts" => {
            RunState::Retrying { reason, until: values::moment(row.get(first + 8)?)? }
        }
        "will-not-die" => RunState::Stuck(reason),
        "succeeded" => RunState::Succeeded,
        "failed" => RunState::Failed(reason),
        "timed-out" => RunState::TimedOut(reason),
        "cancelled" => RunState::Cancelled(reason),
        "skipped" => RunState::Skipped(reason),
        "missed" => RunState::Missed {
            reason,
            last: values::instant(row.get(first + 6)?)?,
            count: values::count(row.get(first + 7)?)?,
        },
        "lost" => RunState::Lost(reason),
        _ => return values::parsed(Err(UnknownWord(word.to_owned()))),
    })
}

/// A reason as its code and values in JSON, or in the words of older versions.
fn reason(stored: Option<&str>) -> Reason {
    let stored = stored.unwrap_or_default();
    // An engine's message of an older version may look like JSON, too.
    serde_json::from_str(stored)
        .ok()
        .filter(|_| stored.starts_with('{'))
        .unwrap_or_else(|| Reason::of_words(stored))
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

/// A word that is none for the state of a run, or for what made it.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is neither a state of a run nor what makes one")]
struct UnknownWord(String);

/// The numbers that belong to a state: the last instant and the count of missed ones, and until
/// when it waits.
fn numbers(state: &RunState) -> (Option<i64>, Option<i64>, Option<i64>) {
    match state {
        RunState::Missed { last, count, .. } => {
            (Some(millis(last.moment())), Some(number(*count)), None)
        }
        RunState::Retrying { until, .. } => (None, None, Some(millis(*until))),
        _ => (None, None, None),
    }
}

/// Adds a record.
pub(super) fn insert(sql: &Connection, position: u64, run: &Run) -> rusqlite::Result<()> {
    let (last, count, until) = numbers(&run.state);
    let demand = run.trigger.demand().map(|demand| values::json(&**demand)).transpose()?;
    sql.prepare_cached(
        "INSERT INTO runs (allocation, instant, revision, trigger, demand, state, reason, last, \
         count, until, cancellation, decided_at, ended_at, attempts) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?
    .execute(params![
        number(position),
        millis(run.id.instant.moment()),
        number(run.revision),
        run.trigger.word(),
        demand,
        run.state.word(),
        run.state.reason().map(values::json).transpose()?,
        last,
        count,
        until,
        run.cancellation.as_deref().map(values::json).transpose()?,
        millis(run.decided_at),
        run.ended_at.map(millis),
        attempts::write(run.id.instant, &run.attempts)?,
    ])
    .map(drop)
}

/// Writes what may change of a record.
pub(super) fn update(sql: &Connection, position: u64, run: &Run) -> rusqlite::Result<()> {
    let (last, count, until) = numbers(&run.state);
    sql.prepare_cached(
        "UPDATE runs SET state = :state, reason = :reason, last = :last, count = :count, \
         until = :until, cancellation = :cancellation, ended_at = :ended_at, attempts = :attempts \
         WHERE allocation = :allocation AND instant = :instant",
    )?
    .execute(named_params! {
        ":state": run.state.word(),
        ":reason": run.state.reason().map(values::json).transpose()?,
        ":last": last,
        ":count": count,
        ":until": until,
        ":cancellation": run.cancellation.as_deref().map(values::json).transpose()?,
        ":ended_at": run.ended_at.map(millis),
        ":attempts": attempts::write(run.id.instant, &run.attempts)?,
        ":allocation": number(position),
        ":instant": millis(run.id.instant.moment()),
    })
    .map(drop)
}

/// The record of an instant, without the bytes of its outputs.
pub(super) fn find(
    sql: &Connection,
    owner: &Owner,
    instant: Instant,
) -> rusqlite::Result<Option<Run>> {
    let text = format!("SELECT {COLUMNS} FROM runs WHERE allocation = ?1 AND instant = ?2");
    let key = [number(owner.position), millis(instant.moment())];
    sql.prepare_cached(&text)?.query_row(key, |row| read(row, 0, owner)).optional()
}
