//! The attempts of a run as compact JSON. Moments are microseconds after the run's instant, and the
//! bytes of outputs are kept elsewhere.

use std::{borrow::Cow, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{
    Output,
    output::Streams,
    run::{Attempt, ContainerId, Exit, Instant, Step},
};
use serde::{Deserialize, Serialize};

use super::values;

/// An attempt without what is not known of it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Stored<'a> {
    number: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    steps: Vec<(i64, Cow<'a, Step>)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    container: Option<ContainerId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    engine: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    image: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    remarks: Cow<'a, [String]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    started: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exit: Option<StoredExit>,
    /// Bytes kept, and bytes left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    output: Option<(usize, u64)>,
    /// How many of the bytes left out stood before all that are kept.
    #[serde(default, skip_serializing_if = "is_zero")]
    missing: u64,
    /// Which of the bytes went to standard error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    streams: Option<Cow<'a, Streams>>,
}

/// How a container ended; its image stands at the attempt.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StoredExit {
    code: i64,
    /// By the engine's clock, where that differs from the start of the attempt, which is by docket's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    started: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended: Option<i64>,
    #[serde(default, skip_serializing_if = "is_false")]
    out_of_memory: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    engine_went_down: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(value: &u64) -> bool {
    *value == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// The attempts as JSON; none where there are none.
pub(super) fn write(instant: Instant, attempts: &[Attempt]) -> rusqlite::Result<Option<String>> {
    let stored: Vec<_> = attempts.iter().map(|attempt| stored(instant, attempt)).collect();
    (!stored.is_empty()).then(|| values::json(&stored)).transpose()
}

/// The attempts that JSON holds; of their outputs only the sizes.
pub(super) fn read(instant: Instant, json: Option<&str>) -> rusqlite::Result<Vec<Attempt>> {
    let stored: Vec<Stored<'_>> = values::maybe_json(json)?.unwrap_or_default();
    Ok(stored.into_iter().map(|stored| attempt(instant, stored)).collect())
}

fn stored(instant: Instant, attempt: &Attempt) -> Stored<'_> {
    let after = |at: DateTime<Utc>| {
        let since = at - instant.moment();
        since.num_microseconds().unwrap_or(i64::MAX)
    };
    Stored {
        number: attempt.number,
        steps: attempt.steps.iter().map(|(at, step)| (after(*at), Cow::Borrowed(step))).collect(),
        container: attempt.container.clone(),
        engine: attempt.engine.clone(),
        image: attempt.image.clone(),
        remarks: Cow::Borrowed(&attempt.remarks),
        started: attempt.started_at.map(after),
        exit: attempt.exit.as_ref().map(|exit| StoredExit {
            code: exit.code,
            started: exit.started_at.filter(|at| Some(*at) != attempt.started_at).map(after),
            ended: exit.ended_at.map(after),
            out_of_memory: exit.out_of_memory,
            error: exit.error.clone(),
            engine_went_down: exit.engine_went_down,
        }),
        output: attempt.output.as_ref().map(|output| (output.kept(), output.omitted())),
        missing: attempt.output.as_ref().map_or(0, |output| output.missing()),
        streams: attempt
            .output
            .as_ref()
            .map(|output| output.streams())
            .filter(|streams| !streams.is_empty())
            .map(Cow::Borrowed),
    }
}

fn attempt(instant: Instant, stored: Stored<'_>) -> Attempt {
    let at = |after| instant.moment() + TimeDelta::microseconds(after);
    let started_at = stored.started.map(at);
    let by_the_engine = |started: Option<i64>| started.map(at).or(started_at);
    let exit = stored.exit.map(|exit| Exit {
        code: exit.code,
        image: stored.image.clone(),
        out_of_memory: exit.out_of_memory,
        started_at: by_the_engine(exit.started),
        ended_at: exit.ended.map(at),
        error: exit.error,
        engine_went_down: exit.engine_went_down,
    });
    let steps = stored.steps.into_iter();
    Attempt {
        number: stored.number,
        steps: steps.map(|(after, step)| (at(after), step.into_owned())).collect(),
        container: stored.container,
        engine: stored.engine,
        image: stored.image,
        remarks: stored.remarks.into_owned(),
        started_at,
        exit,
        output: stored.output.map(|(kept, omitted)| {
            let between = omitted.saturating_sub(stored.missing);
            let sized = Output::sized(kept, between).behind_missing(stored.missing);
            let streams = stored.streams.map(Cow::into_owned).unwrap_or_default();
            Arc::new(sized.with_streams(streams))
        }),
    }
}
