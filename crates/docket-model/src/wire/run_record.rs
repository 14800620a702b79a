//! Records of runs.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{
    run::{Attempt, ExitCause, Instant, Reason, Run, RunState, StateWord, TriggerWord, place},
    schema_parts::ReasonCode,
};

/// The summary of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct RunSummary {
    /// The run's name below its allocation: its instant.
    pub run: Instant,
    /// How far it is, or how it ended.
    pub state: StateWord,
    /// The exit code of the newest attempt; of several parts, one other than 0 if there is one. Null until it is
    /// known, or if the engine does not report it.
    pub exit_code: Option<i64>,
    /// Why it is in this state, if the state has a reason.
    pub reason: Option<String>,
    /// The code of the reason. Servers of older versions do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ReasonCode>)]
    pub reason_code: Option<String>,
    /// When it ended.
    pub ended: Option<DateTime<Utc>>,
    /// When the next attempt starts, between two attempts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt: Option<DateTime<Utc>>,
    /// Why it is being cancelled, until it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancellation: Option<String>,
    /// When docket decided to start it, or not to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<DateTime<Utc>>,
    /// When its first container started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<DateTime<Utc>>,
    /// The engine and the node of the newest attempt, or of the parts, in words, where they are not the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// A page of the history of an allocation, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct RunPage {
    /// The runs.
    pub runs: Vec<RunRecord>,
    /// What to send as `cursor` to get the next page; absent on the last.
    pub cursor: Option<Instant>,
}

/// A page of the runs of all allocations, newest first: `GET /-/runs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct AllRunsPage {
    /// The runs.
    pub runs: Vec<RunRecord>,
    /// What to send as `cursor` to get the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// A run without its output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct RunRecord {
    /// The run's name below its allocation: its instant.
    pub run: Instant,
    /// The allocation.
    pub allocation: String,
    /// The time of its instant.
    pub instant: DateTime<Utc>,
    /// What started it.
    pub trigger: TriggerWord,
    /// The request for a manual run.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = ManualRequestRecord)]
    pub manual: Option<ManualRequestRecord>,
    /// How far it is, or how it ended.
    pub state: StateWord,
    /// Why it is in this state, if the state has a reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The code of the reason. Servers of older versions do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ReasonCode>)]
    pub reason_code: Option<String>,
    /// The values of the reason, such as `ExitCode`, `Limit` or `Outage`; absent if it has none.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Option<Object>)]
    pub reason_values: Map<String, Value>,
    /// The last of missed instants and their number.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Span)]
    pub span: Option<Span>,
    /// When docket decided to start it, or not to.
    pub decided: DateTime<Utc>,
    /// When the next attempt starts, between two attempts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_attempt: Option<DateTime<Utc>>,
    /// Why it is being cancelled, until it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancellation: Option<String>,
    /// When its last container ended, by docket's clock; without a container, when the state was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<DateTime<Utc>>,
    /// How many milliseconds after it was due the first container started. A run after others is due when
    /// the last of those succeeded. Absent for a backfill.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lateness_milliseconds: Option<i64>,
    /// How many milliseconds it took, once it is over: with one attempt how long its container ran, by the
    /// engine's clock; with several from the first start to the last end, with the delays between them,
    /// by docket's clock. Absent if no container started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_milliseconds: Option<i64>,
    /// Its parts, the first one first; absent where it has one container.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub parts: Vec<PartRecord>,
    /// The attempts, the first one first.
    pub attempts: Vec<AttemptRecord>,
}

/// One part of a run with several containers at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct PartRecord {
    /// Counted from 1.
    pub part: u32,
    /// The name of its engine in the server's configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine_name: Option<String>,
    /// The node on which it runs, where its engine has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// How far it is, or how it ended.
    pub state: StateWord,
    /// Why it is in this state, if the state has a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The code of the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ReasonCode>)]
    pub reason_code: Option<String>,
    /// When its next attempt starts, between two attempts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt: Option<DateTime<Utc>>,
}

impl PartRecord {
    fn of(run: &Run, part: u32, state: &RunState) -> Self {
        let newest = run.newest_of_part(part);
        let text = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
        let reason = state.reason();
        Self {
            part,
            engine_name: newest.and_then(|attempt| text(&attempt.engine_name)),
            node: newest.and_then(Attempt::node_name).map(str::to_owned),
            state: state.word(),
            reason: reason.map(ToString::to_string),
            reason_code: reason.map(|reason| reason.code().to_owned()),
            next_attempt: next_attempt(state),
        }
    }

    /// Its engine and node, where they are not the default: `engine west, node w3`.
    #[must_use]
    pub fn place(&self) -> Option<String> {
        place(self.engine_name.as_deref(), self.node.as_deref())
    }
}

/// The request for a manual run. Values of variables may be secrets, so they are not shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct ManualRequestRecord {
    /// The user.
    #[schema(required = false)]
    pub by: String,
    /// The command that replaces the container's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cmd: Option<Vec<String>>,
    /// The names of the variables in the request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env_names: Vec<String>,
    /// True if it is for a past instant.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub backfill: bool,
}

impl ManualRequestRecord {
    fn of(run: &Run) -> Option<Self> {
        let manual = run.trigger.manual_request()?;
        Some(Self {
            by: manual.by.clone(),
            cmd: manual.command.clone(),
            env_names: manual.variables().map(str::to_owned).collect(),
            backfill: run.is_backfill(),
        })
    }
}

/// The span of a record of missed instants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Span {
    /// The last instant.
    #[schema(required = false)]
    pub last: Instant,
    /// How many there are.
    #[schema(required = false)]
    pub count: u64,
}

/// One attempt of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct AttemptRecord {
    /// The part of the run, counted from 1; absent where the run has one container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<u32>,
    /// Counted from 1 within its part.
    pub attempt: u32,
    /// The container's id at the engine.
    pub container: Option<String>,
    /// The name of its engine in the server's configuration. Older records do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine_name: Option<String>,
    /// The id of that engine.
    pub engine: Option<String>,
    /// The node on which it runs, where its engine has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The id of the container's image.
    pub image: Option<String>,
    /// When the container started, by docket's clock.
    pub started: Option<DateTime<Utc>>,
    /// When the container ended, by docket's clock.
    pub ended: Option<DateTime<Utc>>,
    /// How many milliseconds the container ran, once it has ended, by the engine's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_milliseconds: Option<i64>,
    /// Its exit code; null until it has ended, or if the engine does not report it.
    pub exit_code: Option<i64>,
    /// True if the kernel killed it because it used too much memory.
    pub out_of_memory: bool,
    /// The size of its output in bytes; absent until that is known.
    pub output_bytes: Option<u64>,
    /// How many of these bytes are not kept.
    pub output_omitted: Option<u64>,
    /// What did not go as specified.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

impl AttemptRecord {
    /// `attempt 2`, or `part 3, attempt 2`.
    #[must_use]
    pub fn title(&self) -> String {
        let part = self.part.map(|part| format!("part {part}, ")).unwrap_or_default();
        format!("{part}attempt {}", self.attempt)
    }

    /// Its engine and node, where they are not the default: `engine west, node w3`.
    #[must_use]
    pub fn place(&self) -> Option<String> {
        place(self.engine_name.as_deref(), self.node.as_deref())
    }
}

impl From<&Run> for RunRecord {
    fn from(run: &Run) -> Self {
        let span = match &run.state {
            RunState::Missed { last, count, .. } => Some(Span { last: *last, count: *count }),
            _ => None,
        };
        let has_parts = run.has_parts();
        let attempts = run.attempts.iter().map(|attempt| AttemptRecord {
            part: attempt.key.named_part().or(has_parts.then_some(attempt.key.part)),
            attempt: attempt.key.number,
            container: attempt.container.as_ref().map(ToString::to_string),
            engine_name: attempt.engine_name.as_deref().map(str::to_owned),
            engine: attempt.engine.as_deref().map(str::to_owned),
            node: attempt.node_name().map(str::to_owned),
            image: attempt.image.as_deref().map(str::to_owned),
            started: attempt.started_at,
            ended: attempt.ended_at(),
            duration_milliseconds: attempt.lasted().map(|lasted| lasted.num_milliseconds()),
            exit_code: attempt.exit.as_ref().and_then(|exit| exit.code),
            out_of_memory: attempt.exit.as_ref().and_then(|exit| exit.cause)
                == Some(ExitCause::OutOfMemory),
            output_bytes: attempt.output.as_ref().map(|output| output.written()),
            output_omitted: attempt.output.as_ref().map(|output| output.omitted()),
            remarks: attempt.remarks.clone(),
        });
        Self {
            run: run.id.instant,
            allocation: run.id.allocation.to_string(),
            instant: run.id.instant.moment(),
            trigger: run.trigger_word(),
            manual: ManualRequestRecord::of(run),
            state: run.word(),
            reason: run.state.reason().map(ToString::to_string),
            reason_code: reason_code(run),
            reason_values: run.state.reason().map(values).unwrap_or_default(),
            span,
            decided: run.decided_at,
            next_attempt: next_attempt(&run.state),
            cancellation: cancellation(run),
            ended: run.ended_at,
            lateness_milliseconds: run.lateness().map(|late| late.num_milliseconds()),
            duration_milliseconds: run.duration().map(|duration| duration.num_milliseconds()),
            parts: run
                .parts()
                .zip(&run.part_states)
                .map(|(part, state)| PartRecord::of(run, part, state))
                .collect(),
            attempts: attempts.collect(),
        }
    }
}

fn reason_code(run: &Run) -> Option<String> {
    run.state.reason().map(|reason| reason.code().to_owned())
}

/// The values of a reason by their names.
fn values(reason: &Reason) -> Map<String, Value> {
    // Taken from the stored form, so that a new reason has its values here without further code.
    let Ok(Value::Object(mut values)) = serde_json::to_value(reason) else { return Map::new() };
    // The code has a key of its own, and a text without one is the reason.
    values.remove("Code");
    values.remove("Text");
    values
}

/// When the next attempt begins, between two of them.
fn next_attempt(state: &RunState) -> Option<DateTime<Utc>> {
    match state {
        RunState::Retrying { until, .. } => Some(*until),
        _ => None,
    }
}

fn exit_code(run: &Run) -> Option<i64> {
    let code = |attempt: &Attempt| attempt.exit.as_ref()?.code;
    let parts = run.parts().filter_map(|part| run.newest_of_part(part).map(code));
    main_exit_code(parts, run.attempt().and_then(code))
}

/// The exit code of the newest attempt; of several parts, that of the first one whose newest attempt did not exit
/// with 0. It is 0 only if the code of each part is known.
fn main_exit_code(parts: impl Iterator<Item = Option<i64>>, newest: Option<i64>) -> Option<i64> {
    let (mut first_known, mut is_any_unknown) = (None, false);
    for code in parts {
        is_any_unknown |= code.is_none();
        first_known = first_known.or(code.filter(|code| *code != 0));
    }
    first_known.or(newest.filter(|_| !is_any_unknown))
}

/// The place of a run with one container, or those of its parts, of which a few are named.
fn places(of_parts: impl Iterator<Item = Option<String>>) -> Option<String> {
    const MOST: usize = 3;
    let places: Vec<_> = of_parts.collect();
    if let [one] = places.as_slice() {
        return one.clone();
    }
    let named =
        |place: &Option<String>| place.clone().unwrap_or_else(|| "the default engine".to_owned());
    match places.len() {
        0 => None,
        count if count <= MOST => Some(places.iter().map(named).collect::<Vec<_>>().join(" and ")),
        count => Some(format!("{count} places")),
    }
}

/// Why a run that is not over is being cancelled.
fn cancellation(run: &Run) -> Option<String> {
    // Once it is over, the reason of its state says why.
    let cancellation = run.cancellation.as_ref().filter(|_| !run.state.is_over())?;
    Some(cancellation.reason.to_string())
}

impl RunRecord {
    /// The order in which the runs of an allocation are chosen for their output: runs with a container or
    /// between two attempts first, then those that start, that are over, and that are in the queue.
    #[must_use]
    pub fn output_rank(&self) -> u8 {
        match self.state {
            StateWord::Running | StateWord::Stuck | StateWord::Retrying | StateWord::Cancelling => {
                0
            }
            StateWord::Starting => 1,
            // A run in the queue has no output yet, while one that is over may have some.
            StateWord::Waiting => 3,
            _ => 2,
        }
    }

    /// The exit code of the newest attempt; of several parts, that of the first one whose newest attempt did not
    /// exit with 0. It is 0 only if the code of each part is known.
    #[must_use]
    pub fn exit_code(&self) -> Option<i64> {
        let newest_of =
            |part| self.attempts.iter().rfind(move |attempt| attempt.part == Some(part));
        let parts = self.parts.iter().filter_map(|part| Some(newest_of(part.part)?.exit_code));
        let newest = self.attempts.last().and_then(|attempt| attempt.exit_code);
        main_exit_code(parts, newest)
    }

    /// When the first container started.
    #[must_use]
    pub fn started(&self) -> Option<DateTime<Utc>> {
        // Parts start in any order, and retries after the first attempts.
        self.attempts.iter().filter_map(|attempt| attempt.started).min()
    }

    /// How long it took, or has taken so far; absent if no container started.
    #[must_use]
    pub fn duration(&self, now: DateTime<Utc>) -> Option<TimeDelta> {
        if self.is_over() {
            return self.duration_milliseconds.map(TimeDelta::milliseconds);
        }
        Some((now - self.started()?).max(TimeDelta::zero()))
    }

    /// True once nothing more happens to the run.
    #[must_use]
    pub fn is_over(&self) -> bool {
        // The state may be a word of a later version, which does not show whether it is an end.
        self.ended.is_some()
    }
}

impl From<&Run> for RunSummary {
    fn from(run: &Run) -> Self {
        Self {
            run: run.id.instant,
            state: run.word(),
            exit_code: exit_code(run),
            reason: run.state.reason().map(ToString::to_string),
            reason_code: reason_code(run),
            ended: run.ended_at,
            next_attempt: next_attempt(&run.state),
            cancellation: cancellation(run),
            decided: Some(run.decided_at),
            started: run.attempts.iter().filter_map(|attempt| attempt.started_at).min(),
            place: places(
                run.parts().filter_map(|part| run.newest_of_part(part)).map(Attempt::place),
            ),
        }
    }
}

impl From<&RunRecord> for RunSummary {
    fn from(record: &RunRecord) -> Self {
        Self {
            run: record.run,
            state: record.state.clone(),
            exit_code: record.exit_code(),
            reason: record.reason.clone(),
            reason_code: record.reason_code.clone(),
            ended: record.ended,
            next_attempt: record.next_attempt,
            cancellation: record.cancellation.clone(),
            decided: Some(record.decided),
            started: record.started(),
            place: if record.parts.is_empty() {
                record.attempts.last().and_then(AttemptRecord::place)
            } else {
                places(record.parts.iter().map(PartRecord::place))
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_whose_exit_code_is_not_known_hides_no_failure_and_is_no_success() {
        let code =
            |parts: &[Option<i64>]| main_exit_code(parts.iter().copied(), parts[parts.len() - 1]);

        assert_eq!(code(&[Some(0), Some(0)]), Some(0));
        assert_eq!(code(&[None, Some(0)]), None);
        assert_eq!(code(&[None, Some(3)]), Some(3));
        assert_eq!(code(&[Some(3), None]), Some(3));
        assert_eq!(code(&[Some(0), Some(3), Some(0)]), Some(3));
    }
}
