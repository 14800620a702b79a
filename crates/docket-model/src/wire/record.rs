//! The records of runs.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{
    run::{Instant, Reason, Run, RunState, StateWord, TriggerWord},
    schema::ReasonCode,
};

/// A run in one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct RunSummary {
    /// Its instant, as it is named.
    pub run: Instant,
    /// How far it is, or how it ended.
    pub state: StateWord,
    /// The exit code of the newest attempt.
    pub exit_code: Option<i64>,
    /// Why, where a reason belongs to the state.
    pub reason: Option<String>,
    /// The code of the reason. Servers of older versions do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ReasonCode>)]
    pub reason_code: Option<String>,
    /// When it ended.
    pub ended: Option<DateTime<Utc>>,
    /// When the next attempt begins, between two of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt: Option<DateTime<Utc>>,
    /// While it is being cancelled, by whom or why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancellation: Option<String>,
    /// When the decision to start it, or not to, was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<DateTime<Utc>>,
    /// When its first container started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<DateTime<Utc>>,
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

/// A run in full, but for its output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct RunRecord {
    /// The run's name below its allocation.
    pub run: Instant,
    /// The allocation.
    pub allocation: String,
    /// The instant it accounts for.
    pub instant: DateTime<Utc>,
    /// What started it.
    pub trigger: TriggerWord,
    /// Of a run by hand, who wanted it and what.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Demanded)]
    pub demand: Option<Demanded>,
    /// One word for how far it is or how it ended.
    pub state: StateWord,
    /// Why, where a reason belongs to the state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The code of the reason. Servers of older versions do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ReasonCode>)]
    pub reason_code: Option<String>,
    /// The values of the reason, such as `ExitCode`, `Limit` or `Outage`; absent where it has none.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Option<Object>)]
    pub reason_values: Map<String, Value>,
    /// Of a record of missed instants: the last one and how many.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Span)]
    pub span: Option<Span>,
    /// When the decision to start, or not to, fell.
    pub decided: DateTime<Utc>,
    /// When the next attempt begins, between two of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_attempt: Option<DateTime<Utc>>,
    /// While it is being cancelled, by whom or why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancellation: Option<String>,
    /// When its last container ended, by docket's clock; without one, when the record was completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<DateTime<Utc>>,
    /// How many milliseconds after it was due the first container started: after its instant, or of a
    /// run after others when the last of those succeeded. Absent of a backfill.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lateness_milliseconds: Option<i64>,
    /// How many milliseconds it took, once it is over: of one attempt how long its container ran, by the
    /// engine's clock; of several from the first start to the last end, with the pauses between them, by
    /// docket's clock. Absent where no container started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_milliseconds: Option<i64>,
    /// The tries, the first one first.
    pub attempts: Vec<AttemptRecord>,
}

/// What was wanted of a run by hand. Values of variables may be secrets, so they are not shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Demanded {
    /// Who asked.
    #[schema(required = false)]
    pub by: String,
    /// The command in place of the container's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cmd: Option<Vec<String>>,
    /// The names of the variables that were given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env_names: Vec<String>,
    /// True where it is for a past instant.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub backfill: bool,
}

impl Demanded {
    fn of(run: &Run) -> Option<Self> {
        let demand = run.trigger.demand()?;
        Some(Self {
            by: demand.by.clone(),
            cmd: demand.command.clone(),
            env_names: demand.variables().map(str::to_owned).collect(),
            backfill: run.is_backfill(),
        })
    }
}

/// The instants that a record of missed ones spans, beyond its own.
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

/// One try to carry out a run.
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
    /// The id of the engine that has it.
    pub engine: Option<String>,
    /// The node on which it runs, where its engine has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The id of the image that it was made from.
    pub image: Option<String>,
    /// When the container started, by docket's clock.
    pub started: Option<DateTime<Utc>>,
    /// When it ended, by docket's clock: as long after its start as the engine says that it ran.
    pub ended: Option<DateTime<Utc>>,
    /// How many milliseconds it ran, once it has ended: by the engine's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_milliseconds: Option<i64>,
    /// Its exit code.
    pub exit_code: Option<i64>,
    /// True where the kernel ended it for want of memory.
    pub out_of_memory: bool,
    /// How many bytes it wrote; absent until that is known.
    pub output_bytes: Option<u64>,
    /// How many of them are not kept.
    pub output_omitted: Option<u64>,
    /// What went well enough but not as asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

impl From<&Run> for RunRecord {
    fn from(run: &Run) -> Self {
        let span = match &run.state {
            RunState::Missed { last, count, .. } => Some(Span { last: *last, count: *count }),
            _ => None,
        };
        let attempts = run.attempts.iter().map(|attempt| AttemptRecord {
            part: attempt.key.named_part(),
            attempt: attempt.key.number,
            container: attempt.container.as_ref().map(ToString::to_string),
            engine_name: attempt.engine_name.as_deref().map(str::to_owned),
            engine: attempt.engine.as_deref().map(str::to_owned),
            node: attempt.node.as_deref().map(str::to_owned),
            image: attempt.image.as_deref().map(str::to_owned),
            started: attempt.started_at,
            ended: attempt.ended_at(),
            duration_milliseconds: attempt.lasted().map(|lasted| lasted.num_milliseconds()),
            exit_code: attempt.exit.as_ref().map(|exit| exit.code),
            out_of_memory: attempt.exit.as_ref().is_some_and(|exit| exit.out_of_memory),
            output_bytes: attempt.output.as_ref().map(|output| output.written()),
            output_omitted: attempt.output.as_ref().map(|output| output.omitted()),
            remarks: attempt.remarks.clone(),
        });
        Self {
            run: run.id.instant,
            allocation: run.id.allocation.to_string(),
            instant: run.id.instant.moment(),
            trigger: run.trigger_word(),
            demand: Demanded::of(run),
            state: run.word(),
            reason: run.state.reason().map(ToString::to_string),
            reason_code: reason_code(run),
            reason_values: run.state.reason().map(values).unwrap_or_default(),
            span,
            decided: run.decided_at,
            next_attempt: next_attempt(run),
            cancellation: cancellation(run),
            ended: run.ended_at,
            lateness_milliseconds: run.lateness().map(|late| late.num_milliseconds()),
            duration_milliseconds: run.duration().map(|duration| duration.num_milliseconds()),
            attempts: attempts.collect(),
        }
    }
}

fn reason_code(run: &Run) -> Option<String> {
    run.state.reason().map(|reason| reason.code().to_owned())
}

/// The values of a reason by their names.
fn values(reason: &Reason) -> Map<String, Value> {
    let Ok(Value::Object(mut values)) = serde_json::to_value(reason) else { return Map::new() };
    // The code has a key of its own, and a text without one is the reason.
    values.remove("Code");
    values.remove("Text");
    values
}

/// When the next attempt begins, between two of them.
fn next_attempt(run: &Run) -> Option<DateTime<Utc>> {
    match &run.state {
        RunState::Retrying { until, .. } => Some(*until),
        _ => None,
    }
}

/// Why a run that is not over is to end, where somebody cancelled it.
fn cancellation(run: &Run) -> Option<String> {
    let cancellation = run.cancellation.as_ref().filter(|_| !run.state.is_over())?;
    Some(cancellation.reason.to_string())
}

impl RunRecord {
    /// How far it is from writing output, for choosing among the runs of an allocation: less for a run
    /// whose container runs or is retried, then for one that starts, for one that is over, and for one in
    /// the queue.
    #[must_use]
    pub fn output_rank(&self) -> u8 {
        match self.state {
            StateWord::Running | StateWord::Stuck | StateWord::Retrying | StateWord::Cancelling => {
                0
            }
            StateWord::Starting => 1,
            StateWord::Waiting => 3,
            _ => 2,
        }
    }

    /// When the first container started.
    #[must_use]
    pub fn started(&self) -> Option<DateTime<Utc>> {
        self.attempts.iter().find_map(|attempt| attempt.started)
    }

    /// How long it took, or so far where it is not over; absent where no container started.
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
        self.ended.is_some()
    }
}

impl From<&Run> for RunSummary {
    fn from(run: &Run) -> Self {
        Self {
            run: run.id.instant,
            state: run.word(),
            exit_code: run.attempt().and_then(|attempt| Some(attempt.exit.as_ref()?.code)),
            reason: run.state.reason().map(ToString::to_string),
            reason_code: reason_code(run),
            ended: run.ended_at,
            next_attempt: next_attempt(run),
            cancellation: cancellation(run),
            decided: Some(run.decided_at),
            started: run.attempts.iter().find_map(|attempt| attempt.started_at),
        }
    }
}

impl From<&RunRecord> for RunSummary {
    fn from(record: &RunRecord) -> Self {
        Self {
            run: record.run,
            state: record.state.clone(),
            exit_code: record.attempts.last().and_then(|attempt| attempt.exit_code),
            reason: record.reason.clone(),
            reason_code: record.reason_code.clone(),
            ended: record.ended,
            next_attempt: record.next_attempt,
            cancellation: record.cancellation.clone(),
            decided: Some(record.decided),
            started: record.started(),
        }
    }
}
